/*
 * memory.c - a tmpfs for a run, in which no device works.
 *
 * Elsewhere "nodev" sees to that.  BuildKit's tmpfs mounts do not have it (there the devices cgroup
 * refuses devices), and Dockerfiles show what mount(8) says.  A file system that was made in a user
 * namespace lets no device be opened whatever its flags: as root a child makes it in one in which
 * all ids are what they are here, and the mount is handed over as an fd.  In the supervisor: /proc
 * has its children.
 *
 * SOURCE  SB_I_NODEV of the kernel (fs/super.c, may_open_dev)
 */
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
#include <sys/syscall.h>
#include <sys/wait.h>

/* -errno or an fd. */
static int make_tmpfs(const SandboxMount *m, unsigned attributes)
{
	char size[24], mode[8];
	AUTO_CLOSE int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (context < 0)
		return -errno;
	(void)fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs", 0);
	if (m->size_bytes) {
		snprintf(size, sizeof size, "%llu", (unsigned long long)m->size_bytes);
		if (fsconfig(context, FSCONFIG_SET_STRING, "size", size, 0) < 0)
			return -errno;
	}
	if (m->mode) {
		snprintf(mode, sizeof mode, "%04o", m->mode & 07777);
		if (fsconfig(context, FSCONFIG_SET_STRING, "mode", mode, 0) < 0)
			return -errno;
	}
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? -errno : fd;
}

/* Every id of PID's new namespace is that of this one. */
static bool map_all_ids(pid_t pid)
{
	static const char map[] = "0 0 4294967295\n";
	static const char *const files[] = { "uid_map", "gid_map" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char path[48];
		snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
		AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC); /* whole path: /proc */
		if (fd < 0 || write(fd, map, sizeof map - 1) < 0)
			return false;
	}
	return true;
}

/* In the child: wait for the ids, make it; fds are shared with the parent. */
NORETURN static void be_maker(int go_fd, int told_fd, const SandboxMount *m, unsigned attributes)
{
	char go;
	int fd = -EPERM;
	if (read(go_fd, &go, 1) == 1)
		fd = make_tmpfs(m, attributes);
	(void)!write(told_fd, &fd, sizeof fd);
	_exit(0);
}

/* -errno or an fd. */
static int make_in_namespace(const SandboxMount *m, unsigned attributes)
{
	int go[2], told[2];
	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	AUTO_CLOSE int go_read = go[0];
	AUTO_CLOSE int go_write = go[1];
	if (pipe2(told, O_CLOEXEC) < 0)
		return -errno;
	AUTO_CLOSE int told_read = told[0];
	AUTO_CLOSE int told_write = told[1];
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_FILES,
		                   .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		be_maker(go_read, told_write, m, attributes);
	int fd = -EPERM;
	bool mapped = map_all_ids((pid_t)pid);
	if (!mapped)
		(void)kill((pid_t)pid, SIGKILL);
	else if (write(go_write, "", 1) != 1 || read(told_read, &fd, sizeof fd) != sizeof fd)
		fd = -EPIPE;
	while (waitpid((pid_t)pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return fd;
}

Err *memory_mount(const Host *host, const SandboxMount *m, bool devices, int *ret_fd)
{
	unsigned attributes = MOUNT_ATTR_NOSUID | (m->read_only ? MOUNT_ATTR_RDONLY : 0u);
	int fd = host->user_namespace || devices ? make_tmpfs(m, attributes)
	                                         : make_in_namespace(m, attributes);
	/* User namespaces may be switched off for all; the flag does as well. */
	if (fd == -EPERM || fd == -ENOSPC || fd == -EUSERS || fd == -EPIPE)
		fd = make_tmpfs(m, attributes | MOUNT_ATTR_NODEV);
	if (fd < 0)
		return hints_for_mount(err_sys(-fd, "cannot mount tmpfs"));
	*ret_fd = fd;
	return NULL;
}
