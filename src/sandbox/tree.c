/* tree.c - the root of a container to look into: mounted here, or where it runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

Err *sandbox_mount_tree(int scratch_fd, const int *lower_fds, size_t lower_count, int upper_fd,
                        int work_fd, int *ret_fd)
{
	Host host = { .scratch_fd = scratch_fd, .empty_fd = -1 };
	SandboxSpec spec = { .lower_fds = lower_fds,
		             .lower_count = lower_count,
		             .upper_fd = upper_fd,
		             .work_fd = work_fd };
	int tree = -1;
	AUTO_CLOSE int here = openat(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0)
		return err_sys(errno, "cannot open the working directory");
	Err *e = zygote_learn_host(&host);
	AUTO_CLOSE int empty = host.empty_fd;
	if (!e)
		e = root_mount(&host, &spec, 0, &tree);
	AUTO_CLOSE int mounted = tree;
	if (fchdir(here) < 0 && !e)
		e = err_sys(errno, "cannot return to the working directory");
	TRY(e);
	*ret_fd = openat(mounted, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open the mounted root") : NULL;
}

static bool is_in_our_user_namespace(pid_t pid)
{
	char path[48];
	struct stat theirs, ours;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static Err *open_with_mounts(pid_t pid, int *ret_fd)
{
	char path[48];
	(void)snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* whole path: below /proc */
	return *ret_fd < 0 ? err_sys(errno, "cannot open the container's root") : NULL;
}

/* A clone of the root's mount alone, which only a process in the same mount namespace may make:
 * a child, whose files are ours.  It is not in the pid namespace, so nobody inside sees it. */
NORETURN static void be_cloner(int pid_fd, int told_fd)
{
	int fd = -1;
	if (setns(pid_fd, CLONE_NEWNS) == 0) /* "/" is the root of that namespace now */
		fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	(void)!write(told_fd, &fd, sizeof fd);
	_exit(0);
}

/* -errno or an fd. */
static int clone_root(int pid_fd)
{
	int told[2], fd = -EPIPE;
	if (pipe2(told, O_CLOEXEC) < 0)
		return -errno;
	AUTO_CLOSE int told_read = told[0];
	AUTO_CLOSE int told_write = told[1];
	struct clone_args args = { .flags = CLONE_FILES, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		be_cloner(pid_fd, told_write);
	while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	close(TAKE_FD(told_write)); /* then one that was killed has written nothing */
	return read(told_read, &fd, sizeof fd) == sizeof fd ? fd : -EPIPE;
}

static Err *open_without_mounts(int pid_fd, int *ret_fd)
{
	int fd = clone_root(pid_fd);
	if (fd < 0)
		return hints_for_mount(err_sys(-fd, "cannot clone the container's root"));
	AUTO_CLOSE int clone = fd;
	*ret_fd = openat(clone, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open the container's root") : NULL;
}

/* This process stays in its mount namespace: the container's /proc is not ours, and by ours files
 * are reached. */
Err *sandbox_open_root(pid_t pid, bool mounts, int *ret_fd)
{
	AUTO_CLOSE int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return err_sys(errno, "cannot reach the container's process %d", (int)pid);
	if (!is_in_our_user_namespace(pid) && setns(fd, CLONE_NEWUSER) < 0)
		return hints_for_mount(err_sys(errno, "cannot enter the container's namespace"));
	return mounts ? open_with_mounts(pid, ret_fd) : open_without_mounts(fd, ret_fd);
}
