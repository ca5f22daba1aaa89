/* path_remove.c - a whole tree taken away, however deep, wide or unreadable it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "fs/dir-internal.h"
#include "fs/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

/*
 * One open directory a level, on a stack of our own.  Each directory is read to its end: files are
 * unlinked as they come, empty directories too, the others are noted and then gone into.  Nothing
 * is stat'ed: getdents64 says what is a directory, and where it does not, unlinkat does (EISDIR).
 *
 * A tree may be deeper than there are fds (RUN can make 100,000 levels).  ".." is no way back: a
 * directory moved meanwhile would lead us elsewhere.  So what lies DEPTH_MAX below the top is
 * renamed up into the top, and deleted from there: one rename for each DEPTH_MAX levels.
 */

enum { DEPTH_MAX = 32 };

typedef struct Level {
	int fd;
	Buf dirs;      /* names of directories still to be removed, NUL after each */
	size_t at;     /* how far DIRS is done */
	bool opened;   /* its owner's bits were set to rwx */
	bool progress; /* something was removed since it was last read from the start */
} Level;

typedef struct Removal {
	VEC(Level) levels;
	unsigned hoisted; /* number for the next name in the top directory */
	char entries[DIR_ENTRIES_BYTES] __attribute__((aligned(8)));
} Removal;

static void removal_free(Removal **r)
{
	for (size_t i = 0; i < (*r)->levels.len; i++) {
		close((*r)->levels.at[i].fd);
		buf_done(&(*r)->levels.at[i].dirs);
	}
	VEC_DONE(&(*r)->levels);
	free(*r);
}

/* chmod a directory that cannot be opened, without following a link that takes its place. */
static int make_accessible(int dir_fd, const char *name)
{
	AUTO_CLOSE int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	char self[40];
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return fchmodat(AT_FDCWD, self, 0700, 0) == 0 ? 0 : -errno;
}

static int open_level(int dir_fd, const char *name)
{
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };
	int fd = openat(dir_fd, name, FLAGS);
	if (fd < 0 && errno == EACCES && make_accessible(dir_fd, name) == 0)
		fd = openat(dir_fd, name, FLAGS);
	return fd < 0 ? -errno : fd;
}

/* unlinkat that gives itself the permission once.  0 or -errno; what is gone already is fine. */
static int unlink_in(Level *l, const char *name, int flags)
{
	for (;;) {
		if (unlinkat(l->fd, name, flags) == 0 || errno == ENOENT) {
			l->progress = true;
			return 0;
		}
		int saved = errno;
		if (saved != EACCES || l->opened)
			return -saved;
		l->opened = true;
		if (fchmod(l->fd, 0700) != 0)
			return -saved;
	}
}

static int remove_entry(Level *l, const DirEntry *d)
{
	if (dir_name_is_dots(d->name))
		return 0;
	if (d->type != DT_DIR) {
		int r = unlink_in(l, d->name, 0);
		if (r != -EISDIR && !(r == -EPERM && d->type == DT_UNKNOWN))
			return r;
	}
	int r = unlink_in(l, d->name,
	                  AT_REMOVEDIR); /* many are empty: saves an open and two reads */
	if (r != -ENOTEMPTY && r != -EEXIST)
		return r;
	buf_add(&l->dirs, d->name, strlen(d->name) + 1);
	return 0;
}

/* Read the top level's directory to its end: unlink what is no full directory, note the rest. */
static int empty_level(Removal *r)
{
	Level *l = &r->levels.at[r->levels.len - 1];
	for (;;) {
		long n = syscall(SYS_getdents64, l->fd, r->entries, sizeof r->entries);
		if (n < 0) /* a directory that somebody else has just removed has no entries */
			return errno == ENOENT ? 0 : -errno;
		if (n == 0)
			return 0;
		for (long at = 0; at < n;) {
			const DirEntry *d = (const DirEntry *)(r->entries + at);
			at += d->record_bytes;
			int e = remove_entry(l, d);
			if (e < 0)
				return e;
		}
	}
}

/* Move the directory NAME of level L up into the top directory. */
static int hoist(Removal *r, Level *l, const char *name)
{
	Level *top = &r->levels.at[0];
	for (bool tried = false;;) {
		char up[32];
		(void)snprintf(up, sizeof up, ".removing.%u", r->hoisted++);
		if (renameat(l->fd, name, top->fd, up) == 0) {
			buf_add(&top->dirs, up, strlen(up) + 1);
			l->progress = true;
			return 0;
		}
		if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
			continue; /* the tree itself has such a name: take the next */
		if (errno == ENOENT)
			return 0;
		if (errno != EACCES || tried)
			return -errno;
		/* a moved directory's ".." is written, so it must be writable itself */
		tried = true;
		int e = make_accessible(l->fd, name);
		if (e < 0 || fchmod(l->fd, 0700) != 0 || fchmod(top->fd, 0700) != 0)
			return e < 0 ? e : -errno;
	}
}

static int descend(Removal *r, Level *l, const char *name)
{
	if (r->levels.len == DEPTH_MAX)
		return hoist(r, l, name);
	int fd = open_level(l->fd, name);
	if (fd == -EACCES && !l->opened) { /* no search permission on the level itself */
		l->opened = true;
		if (fchmod(l->fd, 0700) == 0)
			fd = open_level(l->fd, name);
	}
	if (fd == -ENOENT)
		return 0;
	if (fd == -ENOTDIR || fd == -ELOOP)
		return unlink_in(l, name, 0); /* replaced by a file or link since it was read */
	if (fd < 0)
		return fd;
	VEC_PUSH(&r->levels, (Level){ .fd = fd });
	return empty_level(r);
}

/* The last level is empty as far as we know: remove it from its parent. */
static int ascend(Removal *r, int dir_fd, const char *top_name)
{
	Level *l = &r->levels.at[r->levels.len - 1];
	bool is_top = r->levels.len == 1;
	Level *parent = is_top ? NULL : &r->levels.at[r->levels.len - 2];
	const char *name = is_top ? top_name : parent->dirs.ptr + parent->at;
	int e;

	if (is_top)
		e = unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
	else
		e = unlink_in(parent, name, AT_REMOVEDIR);
	if ((e == -ENOTEMPTY || e == -EEXIST) && l->progress) {
		/* some file systems skip names while others go: read again as long as that helps */
		l->progress = false;
		buf_reset(&l->dirs);
		l->at = 0;
		if (lseek(l->fd, 0, SEEK_SET) < 0)
			return -errno;
		return empty_level(r);
	}
	if (e < 0)
		return e;
	close(l->fd);
	buf_done(&l->dirs);
	r->levels.len--;
	if (parent)
		parent->at += strlen(name) + 1;
	return 0;
}

static int remove_levels(Removal *r, int dir_fd, const char *top_name)
{
	int e = empty_level(r);
	while (e == 0 && r->levels.len > 0) {
		Level *l = &r->levels.at[r->levels.len - 1];
		if (l->at == l->dirs.len) {
			e = ascend(r, dir_fd, top_name);
			continue;
		}
		size_t depth = r->levels.len;
		/* copied: going into it may grow the top level's list, and with it move the text */
		char name[256];
		(void)snprintf(name, sizeof name, "%s", l->dirs.ptr + l->at);
		e = descend(r, l, name);
		if (e == 0 && r->levels.len == depth)
			r->levels.at[depth - 1].at += strlen(name) + 1;
	}
	return e;
}

Err *path_remove_tree(int dir_fd, const char *name)
{
	/* most often it is a directory, or gone; a link or file is unlinked as itself */
	int fd = open_level(dir_fd, name);
	if (fd == -ENOENT)
		return NULL;
	if (fd == -ENOTDIR || fd == -ELOOP) {
		if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT)
			return err_sys(errno, "cannot remove '%s'", name);
		return NULL;
	}
	if (fd < 0)
		return err_sys(-fd, "cannot remove '%s'", name);

	CLEANUP(removal_free) Removal *r = xcalloc(1, sizeof *r);
	VEC_PUSH(&r->levels, (Level){ .fd = fd });
	int e = remove_levels(r, dir_fd, name);
	return e < 0 ? err_sys(-e, "cannot remove '%s'", name) : NULL;
}
