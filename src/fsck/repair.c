/*
 * repair.c - what is damaged is made again from what is whole, or taken away with all that needs
 * it.
 *
 * The gc lock is held alone.  Each finding is mended by its Fix, in the order of that table; what
 * one mended at a path, another of this pass leaves alone: the next pass looks again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "fsck/repair.h"

#include <fcntl.h>
#include <stdio.h>

/* --- files of the store ------------------------------------------------------------------------
 */

static Err *fix_version(Fsck *f, Finding *x)
{
	TRY(store_version_mend(f->store));
	x->told.done = STR("written anew");
	return NULL;
}

static Err *fix_rights(Fsck *f, Finding *x)
{
	AUTO_CLOSE int dir = -1;
	char name[256];
	struct stat st;
	TRY(path_open_parent(store_dir_fd(f->store), x->told.path, &dir, name));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "cannot look at it");
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return NULL; /* another finding */
	if (st.st_uid != f->uid && fchownat(dir, name, f->uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "cannot change its owner");
	bool of_layer = str_starts(x->told.path, STR("layers/"));
	mode_t mode = !S_ISDIR(st.st_mode) ? 0600 : of_layer ? 0755 : 0700;
	if (fchmodat(dir, name, mode, 0) < 0)
		return err_sys(errno, "cannot change its mode");
	x->told.done = STR("given to the store's owner");
	return NULL;
}

/* What has its name and is no directory goes into the one that is made. */
static Err *make_lost_and_found(Store *s)
{
	int root = store_dir_fd(s), tmp;
	struct stat st;
	char aside[32];
	if (mkdirat(root, STORE_LOST_AND_FOUND, 0700) == 0)
		return NULL;
	if (errno != EEXIST)
		return err_sys(errno, "cannot create '" STORE_LOST_AND_FOUND "'");
	if (fstatat(root, STORE_LOST_AND_FOUND, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		return NULL;
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "lost", aside);
	if (renameat(root, STORE_LOST_AND_FOUND, tmp, aside) < 0 ||
	    mkdirat(root, STORE_LOST_AND_FOUND, 0700) < 0 ||
	    renameat(tmp, aside, root, STORE_LOST_AND_FOUND "/" STORE_LOST_AND_FOUND) < 0)
		return err_sys(errno, "cannot create '" STORE_LOST_AND_FOUND "'");
	return NULL;
}

Err *repair_move(Store *s, Str path, Buf *ret_to)
{
	enum { TRIES = 1000 };
	AUTO_CLOSE int dir = -1, lost = -1;
	AUTO_BUF Buf flat = BUF_INIT;
	char name[256];
	TRY(make_lost_and_found(s));
	TRY(path_open_parent(store_dir_fd(s), path, &dir, name));
	TRY(store_subdir(s, STORE_LOST_AND_FOUND, &lost));
	for (size_t i = 0; i < path.len && i < 200; i++)
		buf_add_char(&flat, path.ptr[i] == '/' ? '.' : path.ptr[i]);
	for (unsigned n = 0; n < TRIES; n++) {
		AUTO_BUF Buf to = BUF_INIT;
		buf_addf(&to, n ? "%s.%u" : "%s", flat.ptr, n);
		struct stat st;
		if (fstatat(lost, to.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (renameat(dir, name, lost, to.ptr) < 0)
			return errno == ENOENT ? NULL : err_sys(errno, "cannot move it away");
		buf_addf(ret_to, STORE_LOST_AND_FOUND "/%s", to.ptr);
		return NULL;
	}
	return err_new(ERR_SYSTEM, "'" STORE_LOST_AND_FOUND "' is full: empty it");
}

static Err *fix_move(Fsck *f, Finding *x)
{
	AUTO_BUF Buf to = BUF_INIT;
	TRY(repair_move(f->store, x->told.path, &to));
	x->told.done = fsck_str(f, "moved to '%s'", to.len ? to.ptr : "nowhere, it is gone");
	return NULL;
}

static Err *fix_dir(Fsck *f, Finding *x)
{
	if (mkdirat(store_dir_fd(f->store), x->told.path.ptr, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create it");
	if (str_eqc(x->told.path, "blobs") &&
	    mkdirat(store_dir_fd(f->store), "blobs/sha256", 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create it");
	x->told.done = STR("made again, empty");
	return NULL;
}

static Err *fix_remove(Fsck *f, Finding *x)
{
	AUTO_CLOSE int parent = -1;
	char name[256];
	TRY(path_open_parent(store_dir_fd(f->store), x->told.path, &parent, name));
	AUTO_CLOSE int dir = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open its directory");
	TRY(path_remove_tree(dir, name));
	x->told.done = STR("removed");
	return NULL;
}

static Err *fix_layout(Fsck *f, Finding *x)
{
	TRY(path_write_file(store_dir_fd(f->store), "oci-layout", str_from(store_layout_marker),
	                    0600, false));
	TRY(store_layout_write(f->store));
	x->told.done = STR("written anew");
	return NULL;
}

/* --- in order -----------------------------------------------------------------------------------
 */

typedef Err *FixFn(Fsck *f, Finding *x);
static FixFn *const fixes[FIX_COUNT] = {
	[FIX_VERSION] = fix_version, [FIX_RIGHTS] = fix_rights, [FIX_MOVE] = fix_move,
	[FIX_DIR] = fix_dir,         [FIX_TAR] = repair_tar,    [FIX_PACKED] = repair_packed,
	[FIX_LAYER] = repair_layer,  [FIX_MAP] = repair_map,    [FIX_MANIFEST] = repair_manifest,
	[FIX_REF] = repair_ref,      [FIX_REMOVE] = fix_remove, [FIX_LAYOUT] = fix_layout,
};

/* What was done to one thing in this pass is told of all that was found at it. */
static Str key_of(Fsck *f, const Finding *x)
{
	char hex[DIGEST_HEX_LEN + 1];
	return x->fix == FIX_LAYER ? fsck_str(f, "layer %s", digest_hex(&x->key, hex).ptr)
	                           : x->told.path;
}

static Err *fix_one(Fsck *f, Map *touched, Finding *x)
{
	Str key = key_of(f, x);
	const Finding *before = map_get(touched, key);
	if (before) {
		x->told.done = before->fix == x->fix ? before->told.done
		                                     : STR("looked at again after that");
		x->told.advice = before->told.advice;
		return NULL;
	}
	Str advice = x->told.advice;
	x->told.advice = STR(""); /* what is mended wants nothing more, unless its fix says so */
	Err *e = fixes[x->fix](f, x);
	if (e && err_kind(e) == ERR_CANCELLED)
		return e;
	if (e)
		x->told.advice = fsck_str(f, "not repaired: %.*s", STR_ARG(err_cause(e)));
	else if (x->told.done.len)
		(void)map_put(touched, key, x);
	else
		x->told.advice = advice;
	err_free(e); /* told in the finding */
	return NULL;
}

Err *fsck_repair(Fsck *f)
{
	AUTO_MAP Map touched = MAP_INIT;
	Err *e = NULL;
	for (Fix fix = FIX_NONE + 1; !e && fix < FIX_COUNT; fix++)
		for (size_t i = 0; !e && i < f->found.len; i++)
			if (f->found.at[i].fix == fix)
				e = fix_one(f, &touched, &f->found.at[i]);
	if (!e && touched.len && f->request->image_count == 0)
		err_free(store_layout_write(f->store)); /* the next pass tells if it could not be */
	return e ? e : store_damage_free_old(f->store);
}
