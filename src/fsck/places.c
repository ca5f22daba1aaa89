/*
 * places.c - what a repair needs before it can lock the store.
 *
 * Where something else is in the place of a directory or lock, nobody can have locked the store
 * there: it is moved away first, and the pass begins as in any other store.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fsck/repair.h"

#include <fcntl.h>

static const struct {
	const char *path;
	mode_t kind;
	const char *problem;
} places[] = {
	{ "locks", S_IFDIR, "is no directory" },
	{ "locks/gc", S_IFREG, "is no file" },
	{ "tmp", S_IFDIR, "is no directory" },
};

bool fsck_is_lockable(Store *s)
{
	struct stat st;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (fstatat(store_dir_fd(s), places[i].path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (st.st_mode & S_IFMT) != places[i].kind)
			return false;
	return true;
}

Err *fsck_mend_places(Store *s, Arena *a, Findings *ret)
{
	struct stat st;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const char *path = places[i].path;
		AUTO_BUF Buf to = BUF_INIT;
		if (fstatat(store_dir_fd(s), path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (st.st_mode & S_IFMT) == places[i].kind)
			continue;
		TRY_WHILE(repair_move(s, str_from(path), &to), "moving '%s' away", path);
		if (places[i].kind == S_IFDIR && mkdirat(store_dir_fd(s), path, 0700) < 0 &&
		    errno != EEXIST)
			return err_sys(errno, "cannot create '%s' in the store '%s'", path,
			               store_path(s));
		FsckFinding found = { .path = str_from(path),
			              .problem = str_from(places[i].problem),
			              .done = arena_strf(a, "moved to '%s'",
			                                 to.len ? to.ptr : "nowhere, it is gone") };
		VEC_PUSH(ret, found);
	}
	return NULL;
}
