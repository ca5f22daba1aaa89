/* tree.c - the root of a container to look into: mounted here, or where it runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

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

/* Without its mounts: its /proc is not ours, and by ours files are reached. */
Err *sandbox_open_root(pid_t pid, int *ret_fd)
{
	char path[48];
	AUTO_CLOSE int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return err_sys(errno, "cannot reach the container's process %d", (int)pid);
	if (!is_in_our_user_namespace(pid) && setns(fd, CLONE_NEWUSER) < 0)
		return hints_for_mount(err_sys(errno, "cannot enter the container's namespace"));
	(void)snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* whole path: below /proc */
	return *ret_fd < 0 ? err_sys(errno, "cannot open the container's root") : NULL;
}
