/* triggers.c - serve's side of the process that starts builds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/triggers.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { EXEC_FAILED = 127 };

Err *triggers_start(const Cli *cli, int64_t interval_s, Triggers *ret)
{
	int ends[2];
	char interval[32];
	const char *argv[8] = { "decant", "run-triggers" };
	size_t argc = 2;
	(void)snprintf(interval, sizeof interval, "%llds", (long long)interval_s);
	if (cli->root) {
		argv[argc++] = "--root";
		argv[argc++] = cli->root;
	}
	argv[argc++] = "--import-interval";
	argv[argc++] = interval;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a pair of sockets");
	AUTO_CLOSE int own = ends[0], other = ends[1];
	pid_t pid = fork();
	if (pid == 0) {
		if (dup2(other, STDIN_FILENO) == STDIN_FILENO)
			(void)execv("/proc/self/exe", (char *const *)argv);
		_exit(EXEC_FAILED);
	}
	if (pid < 0)
		return err_sys(errno, "cannot start a process");
	*ret = (Triggers){ .pid = pid, .fd = TAKE_FD(own) };
	return NULL;
}

bool triggers_wake(const Triggers *t)
{
	/* a full socket wakes it as well */
	return send(t->fd, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN;
}

void triggers_end(Triggers *t)
{
	if (t->pid > 0) {
		(void)kill(t->pid, SIGTERM);
		while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	closep(&t->fd);
	*t = TRIGGERS_NONE;
}
