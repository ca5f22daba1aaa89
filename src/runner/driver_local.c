/*
 * driver_local.c - builds as processes of this machine.
 *
 * The process is a session of its own and nobody's child: it outlives the command that started it,
 * and ends with the build.  It says that it holds the build by one byte through a pipe.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "runner/driver.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { READY_FD = 3, ARGUMENTS_MAX = 16, EXEC_FAILED = 127 };

typedef struct Start {
	const char *argv[ARGUMENTS_MAX];
	int null_fd, log_fd, ready_fd;
} Start;

/* Only what is safe after a fork.  The pipe goes first: the others may be where it is to be. */
NORETURN static void run_child(const Start *s)
{
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() < 0)
		_exit(EXEC_FAILED);
	pid_t pid = fork(); /* to be adopted, and reaped, by init */
	if (pid != 0)
		_exit(pid < 0 ? EXEC_FAILED : 0);
	int ready = fcntl(s->ready_fd, F_DUPFD_CLOEXEC, 10);
	int log = fcntl(s->log_fd, F_DUPFD_CLOEXEC, 10);
	if (ready < 0 || log < 0 || dup2(s->null_fd, STDIN_FILENO) < 0 ||
	    dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
	    dup2(ready, READY_FD) < 0)
		_exit(EXEC_FAILED);
	(void)execv("/proc/self/exe", (char *const *)s->argv);
	_exit(EXEC_FAILED);
}

/* Waits for its byte; what ends before that has said why in the log. */
static Err *wait_ready(const Project *p, const Build *b, int fd)
{
	char byte;
	ssize_t n;
	while ((n = read(fd, &byte, 1)) < 0 && errno == EINTR)
		;
	if (n == 1)
		return NULL;
	return err_note(
		err_new(ERR_SYSTEM, "the build '%.*s' did not start", STR_ARG(b->meta.name)),
		"its log may say why: proj/%.*s/logs/%.*s.log in the store", STR_ARG(p->name),
		STR_ARG(b->meta.name));
}

static Err *start(const Project *p, const Build *b, const DriverInput *input)
{
	int ends[2];
	AUTO_CLOSE int log = -1;
	TRY(project_log_open(p, b->meta.name, O_WRONLY | O_CREAT | O_APPEND, &log));
	AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0)
		return err_sys(errno, "cannot open '/dev/null'");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int ready = ends[0], ready_end = ends[1];
	Start s = { .argv = { "decant", "run-build", "--root", store_path(p->store), "--ready-fd",
		              "3" },
		    .null_fd = null,
		    .log_fd = log,
		    .ready_fd = ready_end };
	size_t argc = 6;
	if (input->dir.len) {
		s.argv[argc++] = "--input-dir";
		s.argv[argc++] = arena_str(p->arena, input->dir).ptr;
	}
	if (input->archive.len) {
		s.argv[argc++] = "--input-archive";
		s.argv[argc++] = arena_str(p->arena, input->archive).ptr;
	}
	s.argv[argc++] = p->name.ptr;
	s.argv[argc++] = arena_str(p->arena, b->meta.name).ptr;
	pid_t pid = fork();
	if (pid == 0)
		run_child(&s);
	if (pid < 0)
		return err_sys(errno, "cannot start a process for the build");
	closep(&ready_end);
	ready_end = -1;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return wait_ready(p, b, ready);
}

static Err *cancel(const Project *p, Str build)
{
	pid_t holder;
	TRY(project_build_holder(p, build, &holder));
	if (holder > 0 && kill(holder, SIGTERM) < 0 && errno != ESRCH)
		return err_sys(errno, "cannot end the build '%.*s'", STR_ARG(build));
	return NULL;
}

static const Driver driver_local = {
	.name = "local", .start = start, .cancel = cancel, .wait = project_build_wait
};

const Driver *driver_usual(void)
{
	return &driver_local;
}

Err *driver_start(const Project *p, const Build *b, const DriverInput *input)
{
	return driver_usual()->start(p, b, input);
}

Err *driver_cancel(const Project *p, Str build)
{
	return driver_usual()->cancel(p, build);
}

Err *driver_wait(const Project *p, Str build, const Cancel *cancelled)
{
	return driver_usual()->wait(p, build, cancelled);
}
