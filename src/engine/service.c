/*
 * service.c - `podman system service`, for as long as an Engine is open.
 *
 * podman needs no daemon, so mostly none is there.  Its service speaks the same API over a socket
 * that only we know, and it stays outside of the namespaces that we enter.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/stream.h"
#include "engine/engine-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum {
	START_S = 60, /* the first one of a user sets up storage */
	STOP_MS = 5000,
	STEP_MS = 20,
	SAID_BYTES_MAX = 1 << 20,
	EXEC_FAILED = 127,
};

/* In the child; only what is safe after a fork. */
static _Noreturn void run_podman(const char *address, int said_fd, pid_t parent)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* does nothing worse than stay */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (getppid() != parent || null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(said_fd, STDOUT_FILENO) < 0 || dup2(said_fd, STDERR_FILENO) < 0 || setsid() < 0)
		_exit(EXEC_FAILED);
	(void)execlp("podman", "podman", "system", "service", "--time=0", address, (char *)NULL);
	_exit(EXEC_FAILED);
}

/* The last line of what it said. */
static Err *did_not_start(int said_fd, int status)
{
	AUTO_BUF Buf said = BUF_INIT;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED)
		return err_note(err_new(ERR_NOT_FOUND, "no podman: neither its socket nor the "
		                                       "program is there"),
		                "install it, or give --host unix:///PATH");
	if (lseek(said_fd, 0, SEEK_SET) == 0) {
		AUTO_READER Reader *r = reader_from_fd(said_fd, "podman");
		AUTO_ERR Err *unreadable = reader_read_all(r, SAID_BYTES_MAX, "podman", &said);
		if (unreadable)
			buf_reset(&said);
	}
	Str text = str_trim(buf_str(&said));
	Str last = str_from_at(text, (size_t)(str_rfind(text, '\n') + 1));
	return err_new(ERR_NETWORK, "podman's service does not start: %.*s",
	               STR_ARG(last.len ? last : STR("it ended without a word")));
}

static Err *wait_for_socket(EngineService *s, int said_fd, const Cancel *cancel)
{
	int64_t end = clock_mono_ns() + START_S * INT64_C(1000000000);
	while (engine_connect(s->socket) != 0) {
		int status;
		TRY(cancel_check(cancel));
		if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
			s->pid = 0;
			return did_not_start(said_fd, status);
		}
		if (clock_mono_ns() > end)
			return err_new(ERR_NETWORK, "podman's service is not there after %d s",
			               START_S);
		struct pollfd p = { .fd = cancel_fd(cancel), .events = POLLIN };
		(void)poll(&p, 1, STEP_MS);
	}
	return NULL;
}

Err *engine_service_start(const Cancel *cancel, EngineService *ret)
{
	AUTO_CLOSE int said = memfd_create("podman", MFD_CLOEXEC);
	char address[sizeof ret->socket + 8];
	if (said < 0)
		return err_sys(errno, "cannot make a file in memory");
	/* A socket's path has at most 107 bytes: not below a TMPDIR that may be long. */
	(void)snprintf(ret->dir, sizeof ret->dir, "/tmp/decant-podman.XXXXXX");
	if (!mkdtemp(ret->dir)) {
		ret->dir[0] = '\0';
		return err_sys(errno, "cannot make a folder in '/tmp'");
	}
	(void)snprintf(ret->socket, sizeof ret->socket, "%s/podman.sock", ret->dir);
	(void)snprintf(address, sizeof address, "unix://%s", ret->socket);
	pid_t parent = getpid();
	ret->pid = fork();
	if (ret->pid == 0)
		run_podman(address, said, parent);
	if (ret->pid < 0) {
		ret->pid = 0;
		return err_sys(errno, "cannot start podman");
	}
	return wait_for_socket(ret, said, cancel);
}

void engine_service_stop(EngineService *s)
{
	if (s->pid) {
		int64_t end = clock_mono_ns() + STOP_MS * INT64_C(1000000);
		(void)kill(s->pid, SIGTERM);
		while (waitpid(s->pid, NULL, WNOHANG) == 0) {
			if (clock_mono_ns() > end)
				(void)kill(s->pid, SIGKILL);
			(void)poll(NULL, 0, STEP_MS);
		}
		s->pid = 0;
	}
	if (s->dir[0]) { /* nothing else is in it */
		(void)unlinkat(AT_FDCWD, s->socket, 0);
		(void)unlinkat(AT_FDCWD, s->dir, AT_REMOVEDIR);
		s->dir[0] = '\0';
	}
}
