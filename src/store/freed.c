/* freed.c - the blocks of what is removed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/walk.h"
#include "store/freed.h"

#include <fcntl.h>
#include <sys/stat.h>

/*
 * A name that was removed before has lowered st_nlink since: this is the last one if as many names
 * as st_nlink now says were met since it was last lowered.
 */
typedef struct Seen {
	nlink_t links, met;
} Seen;

static bool is_last(StoreFreed *f, const struct stat *st)
{
	Str key = { (const char *)&st->st_ino, sizeof st->st_ino };
	Seen *seen = map_get(&f->seen, key);
	if (!seen) {
		seen = arena_new(&f->arena, Seen);
		(void)map_put(&f->seen, arena_str(&f->arena, key), seen);
	}
	if (seen->links != st->st_nlink)
		*seen = (Seen){ .links = st->st_nlink };
	return ++seen->met == st->st_nlink;
}

static void add(StoreFreed *f, const struct stat *st)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink <= 1 || is_last(f, st))
		f->bytes += (uint64_t)st->st_blocks * 512;
}

static Err *add_walked(void *context, const WalkFile *file, bool *skip)
{
	(void)skip;
	add(context, &file->st);
	return NULL;
}

Err *store_freed_add(StoreFreed *f, int dir_fd, const char *name)
{
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	add(f, &st);
	if (!S_ISDIR(st.st_mode))
		return NULL;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? NULL : walk_tree(fd, NULL, add_walked, f);
}

void store_freed_done(StoreFreed *f)
{
	map_done(&f->seen);
	arena_done(&f->arena);
}
