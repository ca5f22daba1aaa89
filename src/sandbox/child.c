/* child.c - fork, and be sure of the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CHILDREN_BYTES_MAX = 1 << 20 };

pid_t child_fork(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	/* A parent that was dead before the call sends no signal: then somebody else is it now. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	return 0;
}

Err *child_die_with(int life_fd)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(errno, "cannot bind this process's life to its parent's");
	struct pollfd p = { .fd = life_fd };
	if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
		_exit(1);
	return NULL;
}

/* /proc may be that of another pid namespace, and its numbers mean nothing here then. */
static bool is_child(pid_t pid)
{
	siginfo_t info;
	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void child_kill_others(bool (*keep)(const void *context, pid_t pid), const void *context)
{
	static const char path[] = "/proc/thread-self/children"; /* CONFIG_PROC_CHILDREN */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);    /* whole path: below /proc */
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_ERR Err *e = fd < 0 ? NULL : path_read_fd(fd, CHILDREN_BYTES_MAX, path, &text);
	if (fd < 0 || e)
		return; /* their own signal has most likely reached them */
	for (Str rest = buf_str(&text), word; rest.len > 0;) {
		uint64_t number;
		rest = str_cut(rest, ' ', &word);
		if (!str_to_u64(str_trim(word), &number) || number == 0 || number > INT32_MAX)
			continue;
		pid_t pid = (pid_t)number;
		if (!keep(context, pid) && is_child(pid))
			(void)kill(pid, SIGKILL);
	}
}

void child_wait(pid_t pid, int timeout_ms)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	/* An interrupted wait begins anew: the signals of a user are few. */
	int n = timeout_ms > 0;
	while (fd >= 0 && (n = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	if (n == 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
