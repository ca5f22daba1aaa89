/*
 * child.c - this same program as a child: its words go on to the log, up to a limit.
 *
 * The child is asked to end if this process dies, so nothing builds on for nobody.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ARGUMENTS_MAX = 4096, EXEC_FAILED = 127, PIECE = 32 << 10 };

static Err *text_fd(Str text, int *ret)
{
	AUTO_CLOSE int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in memory");
	TRY(path_write_what(fd, text.ptr, text.len, "a file in memory"));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot rewind a file in memory");
	*ret = TAKE_FD(fd);
	return NULL;
}

typedef struct Fork {
	const char **argv;
	int in_fd, out_fd;
	pid_t parent;
	char epoch[40]; /* "" none */
} Fork;

NORETURN static void run_forked(const Fork *f)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signal_number = 1; signal_number < 32; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != f->parent || dup2(f->in_fd, STDIN_FILENO) < 0 ||
	    dup2(f->out_fd, STDOUT_FILENO) < 0 || dup2(f->out_fd, STDERR_FILENO) < 0)
		_exit(EXEC_FAILED);
	if (f->epoch[0])
		(void)setenv("SOURCE_DATE_EPOCH", f->epoch, false);
	(void)execv("/proc/self/exe", (char *const *)f->argv);
	_exit(EXEC_FAILED);
}

static uint64_t log_bytes(void)
{
	struct stat st;
	return fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* Some bytes of FD into the log; *ret_end: there are no more. */
static Err *pass_on(RunnerChild *c, int fd, bool *ret_end)
{
	char bytes[PIECE];
	ssize_t n = read(fd, bytes, sizeof bytes);
	*ret_end = n == 0;
	if (n < 0)
		return errno == EINTR ? NULL : err_sys(errno, "cannot read what the build says");
	if (c->cut || n == 0)
		return NULL;
	c->cut = log_bytes() + (uint64_t)n > PROJECT_LOG_BYTES_MAX;
	Str said = c->cut ? STR("\n... the log is longer than 64 MiB; the rest is not kept\n")
	                  : (Str){ bytes, (size_t)n };
	return path_write_what(STDOUT_FILENO, said.ptr, said.len, "the log");
}

static int left_ms(const RunnerChild *c, int64_t start_ns)
{
	if (!c->deadline_s || c->late)
		return -1;
	int64_t left = c->deadline_s * 1000 - (clock_mono_ns() - start_ns) / 1000000;
	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Until it closes its output.  A cancel or the deadline asks it to end, once. */
static Err *listen_to(RunnerChild *c, int fd, pid_t pid, const Cancel *cancel)
{
	int64_t start_ns = clock_mono_ns();
	bool asked = false;
	for (bool end = false; !end;) {
		struct pollfd p[] = { { .fd = fd, .events = POLLIN },
			              { .fd = asked ? -1 : cancel_fd(cancel), .events = POLLIN } };
		int n = poll(p, 2, left_ms(c, start_ns));
		if (n < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the build");
		c->late |= n == 0;
		if (!asked && (n == 0 || cancel_requested(cancel))) {
			asked = true;
			(void)kill(pid, SIGTERM);
		}
		if (n > 0 && p[0].revents)
			TRY(pass_on(c, fd, &end));
	}
	return NULL;
}

static int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Err *runner_child(RunnerChild *c, const Cancel *cancel, int *ret_status)
{
	const char *argv[ARGUMENTS_MAX] = { "decant" };
	size_t argc = 1;
	int ends[2], status = 0;
	AUTO_CLOSE int text = -1;
	for (; c->argv[argc - 1]; argc++) {
		if (argc + 1 == ARGUMENTS_MAX)
			return err_new(ERR_INPUT, "more than %d arguments of one build",
			               ARGUMENTS_MAX);
		argv[argc] = c->argv[argc - 1];
	}
	if (c->stdin_fd < 0)
		TRY(text_fd(c->stdin_text, &text));
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int out = ends[0], out_end = ends[1];
	Fork f = { .argv = argv,
		   .in_fd = c->stdin_fd < 0 ? text : c->stdin_fd,
		   .out_fd = out_end,
		   .parent = getpid() };
	if (c->epoch_s >= 0)
		(void)snprintf(f.epoch, sizeof f.epoch, "%lld", (long long)c->epoch_s);
	pid_t pid = fork();
	if (pid == 0)
		run_forked(&f);
	if (pid < 0)
		return err_sys(errno, "cannot start the build");
	closep(&out_end);
	out_end = -1;
	Err *e = listen_to(c, out, pid, cancel);
	if (e)
		(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*ret_status = status_of(status);
	return e;
}

Err *runner_push(Store *s, Str name, const Cancel *cancel)
{
	const char *const words[] = { "push", "--quiet", "--root", store_path(s),
		                      "--",   name.ptr,  NULL };
	RunnerChild c = { .argv = words, .stdin_text = STR(""), .stdin_fd = -1, .epoch_s = -1 };
	int status;
	TRY(runner_child(&c, cancel, &status));
	return status ? err_new(ERR_NETWORK, "pushing '%.*s' failed", STR_ARG(name)) : NULL;
}
