/* walk.c - a tree in order, without recursion. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "fs/dir-internal.h"
#include "fs/walk.h"

#include <fcntl.h>

/*
 * A stack of directories, each with its sorted names.  Names sorted by bytes and a directory's
 * content right after it: that is entry_path_cmp, where '/' is below every other byte.
 *
 * Trees are deeper than a process may have fds, so only the innermost OPEN_MAX directories stay
 * open.  Coming back up to a closed one, the way down to it is gone again from the root, each step
 * with O_NOFOLLOW: "..", the short way, leads elsewhere if a directory was moved meanwhile.  For
 * the same reason the directory must be the one it was (device and inode).
 */

enum { OPEN_MAX = 64 };

typedef struct Level {
	int fd; /* -1: closed for now */
	dev_t device;
	ino_t inode;
	DirNames names;
	size_t at;       /* the next name to give */
	size_t path_len; /* of the directory's own path, with its '/' */
} Level;

typedef struct TreeWalk {
	VEC(Level) levels;
	size_t first_open; /* levels before it are closed */
	Buf path;
} TreeWalk;

static void level_done(Level *l)
{
	closep(&l->fd);
	dir_names_done(&l->names);
}

static void tree_walk_done(TreeWalk *w)
{
	for (size_t i = 0; i < w->levels.len; i++)
		level_done(&w->levels.at[i]);
	VEC_DONE(&w->levels);
	buf_done(&w->path);
}

/* The walk's path, for messages: without the '/' at its end. */
static Str shown(const TreeWalk *w)
{
	Str path = buf_str(&w->path);
	if (path.len == 0)
		return STR(".");
	return str_ends(path, STR("/")) ? str_head(path, path.len - 1) : path;
}

/* Go into the directory NAME of DIR_FD, whose path (with '/') w->path holds. */
static Err *enter(TreeWalk *w, int dir_fd, const char *name)
{
	Level l = { .fd = openat(dir_fd, name,
		                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
		    .path_len = w->path.len };
	if (l.fd < 0)
		return err_sys(errno, "cannot open the directory '%.*s'", STR_ARG(shown(w)));
	struct stat st;
	int r = fstat(l.fd, &st) != 0 ? -errno : dir_names_read(l.fd, &l.names);
	if (r < 0) {
		level_done(&l);
		return err_sys(-r, "cannot read the directory '%.*s'", STR_ARG(shown(w)));
	}
	l.device = st.st_dev;
	l.inode = st.st_ino;
	VEC_PUSH(&w->levels, l);
	if (w->levels.len - w->first_open > OPEN_MAX) {
		Level *oldest = &w->levels.at[w->first_open++];
		close(oldest->fd);
		oldest->fd = -1;
	}
	return NULL;
}

static int open_again(int dir_fd, const char *name, const Level *l)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_dev != l->device || st.st_ino != l->inode) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

/* The last level is closed: open it again, and half of OPEN_MAX above it, for what comes next. */
static Err *reopen(TreeWalk *w, int root_fd)
{
	size_t last = w->levels.len - 1;
	size_t keep = last > OPEN_MAX / 2 ? last - OPEN_MAX / 2 : 0;
	AUTO_CLOSE int passed = -1; /* the level before, while it is not to be kept */
	int dir_fd = root_fd;
	const char *name = ".";

	for (size_t i = 0; i <= last; i++) {
		Level *l = &w->levels.at[i];
		int fd = open_again(dir_fd, name, l);
		if (fd < 0)
			return err_sys(-fd, "the directory '%.*s' changed while it was read",
			               STR_ARG(shown(w)));
		closep(&passed);
		passed = i < keep ? fd : -1;
		if (i >= keep)
			l->fd = fd;
		dir_fd = fd;
		if (i < last)
			name = l->names.names[l->at - 1].name; /* the one that was gone into */
	}
	w->first_open = keep;
	return NULL;
}

/* Give the next file of the last level, and go into it if it is a directory. */
static Err *step(TreeWalk *w, WalkFn *fn, void *context)
{
	Level *l = &w->levels.at[w->levels.len - 1];
	const DirName *d = &l->names.names[l->at++];
	WalkFile file = { .dir_fd = l->fd, .name = d->name };
	bool skip = false;

	w->path.len = l->path_len;
	buf_add(&w->path, d->name, d->len);
	file.path = buf_str(&w->path);
	if (fstatat(l->fd, d->name, &file.st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(errno, "cannot look at '%.*s'", STR_ARG(shown(w)));
	TRY(fn(context, &file, &skip));
	if (skip || !S_ISDIR(file.st.st_mode))
		return NULL;
	buf_add_char(&w->path, '/');
	return enter(w, l->fd, d->name);
}

Err *walk_tree(int root_fd, const Cancel *cancel, WalkFn *fn, void *context)
{
	CLEANUP(tree_walk_done) TreeWalk w = { 0 };
	TRY(enter(&w, root_fd, "."));
	while (w.levels.len > 0) {
		Level *l = &w.levels.at[w.levels.len - 1];
		TRY(cancel_check(cancel));
		if (l->at == l->names.count) {
			level_done(l);
			w.levels.len--;
			continue;
		}
		if (l->fd < 0)
			TRY(reopen(&w, root_fd));
		TRY(step(&w, fn, context));
	}
	return NULL;
}
