/* given.c - the mounts that a run is given: binds, devices, memory, trees of layers, secrets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/*
 * What is needed on the way is made in the tmpfs of /dev, which is the run's own and in memory, and
 * is gone from there before the command starts: a clone of the mount keeps what it shows.  That
 * tmpfs is held by its fd, since a mount may cover /dev.
 */

static const char aside[] = ".mount";

static Err *clone_here(int fd, const char *what, int *ret_fd)
{
	int tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return hints_for_mount(err_sys(errno, "cannot clone %s", what));
	*ret_fd = tree;
	return NULL;
}

/* --- a part of a tree of layers -------------------------------------------------------------- */

/* PART of the tree TREE_FD, which must be attached somewhere for that: the kernel clones no part of
 * a detached one. */
static Err *clone_part(int dev_fd, int tree_fd, const char *part, int *ret_fd)
{
	if (mkdirat(dev_fd, aside, 0700) < 0)
		return err_sys(errno, "cannot make a directory in '/dev'");
	AUTO_CLOSE int place = openat(dev_fd, aside, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place < 0)
		return err_sys(errno, "cannot open a directory in '/dev'");
	TRY(mounts_attach(tree_fd, place, "the layers"));
	AUTO_CLOSE int fd = path_try_in_root(tree_fd, str_from(part), O_PATH | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(-fd, "cannot open '/%s' of the layers", part);
	TRY(clone_here(fd, "a part of the layers", ret_fd));
	if (fchdir(dev_fd) < 0 || umount2(aside, MNT_DETACH) < 0 ||
	    unlinkat(dev_fd, aside, AT_REMOVEDIR) < 0)
		return err_sys(errno, "cannot clear a directory in '/dev'");
	return NULL;
}

/* --- a file in memory ------------------------------------------------------------------------ */

static Err *copy_content(int from_fd, int to_fd)
{
	off_t at = 0; /* the caller's fd may be shared: its own position stays */
	for (;;) {
		ssize_t n = sendfile(to_fd, from_fd, &at, 1 << 20);
		if (n == 0)
			return NULL;
		if (n < 0 && errno != EINTR)
			return err_sys(errno, "cannot write the file in memory");
	}
}

static Err *make_content(int dev_fd, const SandboxMount *m, int *ret_fd)
{
	AUTO_CLOSE int fd = openat(dev_fd, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot make a file in '/dev'");
	TRY(copy_content(m->source_fd, fd));
	if (fchown(fd, m->uid, m->gid) < 0)
		return errno == EINVAL ? err_new(ERR_INPUT, "user %u or group %u has no id here",
		                                 m->uid, m->gid)
		                       : err_sys(errno, "cannot set the owner");
	if (fchmod(fd, m->mode & 0777) < 0)
		return err_sys(errno, "cannot set the mode");
	int tree = open_tree(dev_fd, aside, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return err_sys(errno, "cannot clone a file of '/dev'");
	*ret_fd = tree;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
		                               MOUNT_ATTR_RDONLY |
		                               (m->mode & 0111 ? 0u : MOUNT_ATTR_NOEXEC) };
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return hints_for_mount(err_sys(errno, "cannot restrict a mount"));
	return NULL;
}

/* --- each ------------------------------------------------------------------------------------ */

/* *ret_fd: a detached tree to attach. */
static Err *make_tree(const Inside *in, size_t i, int dev_fd, int *ret_fd)
{
	const SandboxMount *m = &in->spec->mounts[i];
	if (m->kind == SANDBOX_MOUNT_FILE)
		return make_content(dev_fd, m, ret_fd);
	if (m->kind == SANDBOX_MOUNT_LAYERS && *m->part)
		return clone_part(dev_fd, in->bind_fds[i], m->part, ret_fd);
	*ret_fd = fcntl(in->bind_fds[i], F_DUPFD_CLOEXEC, 3);
	return *ret_fd < 0 ? err_sys(errno, "cannot duplicate a file descriptor") : NULL;
}

static Err *make_mount(const Inside *in, size_t i, int dev_fd, Stubs *stubs)
{
	const SandboxMount *m = &in->spec->mounts[i];
	struct stat st;
	int fd = -1;
	TRY(make_tree(in, i, dev_fd, &fd));
	AUTO_CLOSE int tree = fd;
	if (fstat(tree, &st) < 0)
		return err_sys(errno, "cannot stat the source");
	TRY(target_open(in->spec, in->root_fd, m->target, S_ISDIR(st.st_mode), stubs, &fd));
	AUTO_CLOSE int target = fd;
	TRY(mounts_attach(tree, target, m->target));
	/* Only now: what has no name any more cannot be mounted. */
	if (m->kind == SANDBOX_MOUNT_FILE && unlinkat(dev_fd, aside, 0) < 0)
		return err_sys(errno, "cannot unlink a file of '/dev'");
	return NULL;
}

Err *given_make(const Inside *in, Stubs *stubs)
{
	AUTO_CLOSE int dev_fd =
		path_try_beneath(in->root_fd, STR("dev"), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (dev_fd < 0)
		return err_sys(-dev_fd, "cannot open '/dev' in the root");
	for (size_t i = 0; i < in->spec->mount_count; i++)
		TRY_WHILE(make_mount(in, i, dev_fd, stubs), "mounting '%s'",
		          in->spec->mounts[i].target);
	return NULL;
}
