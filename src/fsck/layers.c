/* layers.c - a layer is whole: its .meta, its content list, and one form of its bytes at least. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fsck/fsck-internal.h"
#include "layer/layer.h"

#include <fcntl.h>

typedef struct Look {
	Fsck *f;
	const Digest *d;
	Str path;
	unsigned count;
	const struct stat *seen;
} Look;

/* SEEN NULL: what is gone needs no mark. */
static void bad_layer(Fsck *f, Str path, const Digest *d, const struct stat *seen,
                      const char *problem)
{
	Str heals = fsck_advice(f, d);
	if (seen)
		fsck_mark(f, STORE_DAMAGED_LAYER, d, seen, path, problem);
	fsck_found(
		f,
		&(Finding){ .told = { .path = path,
	                              .problem = str_from(problem),
	                              .advice = fsck_str(f,
	                                                 "build or pull again, unless another "
	                                                 "form of the layer is here%s%.*s",
	                                                 heals.len ? ": " : "", STR_ARG(heals)) },
	                    .fix = FIX_LAYER,
	                    .key = *d },
		d);
}

/* The first few of a layer are told; a whole folder that is gone is one damage. */
static Err *bad_file(void *context, Str path, const char *problem)
{
	enum { TOLD_MAX = 10 };
	Look *x = context;
	if (++x->count > TOLD_MAX)
		return NULL;
	Str at = fsck_str(x->f, "%.*s/%.*s", STR_ARG(x->path), STR_ARG(path));
	bad_layer(x->f, at, x->d, x->seen, problem);
	return NULL;
}

static Err *look_dir(Fsck *f, Str path, const Digest *d, const List *list, const struct stat *seen)
{
	Look x = { .f = f, .d = d, .path = path, .seen = seen };
	LayerExamine how = { .quick = f->request->quick,
		             .cancel = f->request->cancel,
		             .fn = bad_file,
		             .context = &x };
	Err *e = layer_examine_dir(f->store, d, list, &how);
	if (!e && !x.count && !f->request->quick)
		e = store_damage_clear(f->store, STORE_DAMAGED_LAYER, d);
	if (!e || err_kind(e) == ERR_CANCELLED)
		return e;
	bad_layer(f, path, d, seen, "cannot be read");
	err_free(e); /* told as a finding */
	return NULL;
}

static bool list_is_right(Fsck *f, const List *list, const StoreLayer *layer)
{
	if (f->request->quick)
		return true;
	Err *e = list_verify(list, "a content list");
	bool right = !e;
	err_free(e); /* told as a finding */
	if (!right)
		return false;
	Digest is = list_identity(list);
	return digest_eq(&is, &layer->identity);
}

static bool has_blob(Fsck *f, const Digest *d)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count = 0;
	Err *e = store_map_list(f->store, d, &a, &blobs, &count);
	err_free(e); /* a map that cannot be read is found by itself */
	return count > 0;
}

/* Something of a layer that has no .meta: half published by a process that is dead, if we are
 * alone. */
static Err *look_without_meta(Fsck *f, Str path, const Digest *d)
{
	static const char *const parts[] = { "", ".list", ".ok" };
	const Uses *u = fsck_uses(f, d);
	if (u && u->layer) {
		bad_layer(f, fsck_str(f, "%.*s.meta", STR_ARG(path)), d, NULL, "is gone");
		return NULL;
	}
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	StoreLayer layer;
	TRY(store_lock(f->store, "publish", d, f->request->cancel, &lock));
	Err *e = store_layer_look(f->store, d, &layer);
	bool there = !e;
	err_free(e); /* it is not: told below */
	for (size_t i = 0; !there && i < ARRAY_LEN(parts); i++) {
		Str part = fsck_str(f, "%.*s%s", STR_ARG(path), parts[i]);
		if (faccessat(store_dir_fd(f->store), part.ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			fsck_found(f,
			           &(Finding){ .told = { .path = part,
			                                 .problem = STR("is left of a layer "
			                                                "that is not there") },
			                       .fix = FIX_REMOVE,
			                       .key = *d },
			           NULL);
	}
	return NULL;
}

/* What is marked and there is looked at by itself; of what is gone no mark stays. */
Err *fsck_look_mark(Fsck *f, const Str *path, const Digest *d)
{
	struct stat st;
	StoreDamaged what;
	if (!store_damage_name(str_from_at(*path, strlen("damaged/")), &what))
		return NULL;
	store_damage_see(f->store, what, d, &st);
	return st.st_ino ? NULL : store_damage_clear(f->store, what, d);
}

Err *fsck_look_layer(Fsck *f, const Str *path, const Digest *d)
{
	StoreLayer layer;
	struct stat seen;
	AUTO_LIST List *list = NULL;
	store_damage_see(f->store, STORE_DAMAGED_LAYER, d, &seen);
	Err *e = store_layer_look(f->store, d, &layer);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* told below */
		return look_without_meta(f, *path, d);
	}
	__atomic_add_fetch(&f->layers, 1, __ATOMIC_RELAXED);
	if (!e)
		e = store_layer_list(f->store, d, &list);
	if (e) {
		Str cause = err_cause(e);
		bool of_meta = memmem(cause.ptr, cause.len, ".meta", 5) != NULL;
		bad_layer(f, fsck_str(f, "%.*s.%s", STR_ARG(*path), of_meta ? "meta" : "list"), d,
		          &seen, "is damaged");
		err_free(e); /* told as a finding */
		return NULL;
	}
	if (!list_is_right(f, list, &layer)) {
		bad_layer(f, fsck_str(f, "%.*s.list", STR_ARG(*path)), d, &seen, "is damaged");
		return NULL;
	}
	if (layer.has_dir)
		return look_dir(f, *path, d, list, &seen);
	if (!layer.has_tar && !has_blob(f, d))
		bad_layer(f, *path, d, NULL, "has no files, and no blob to make them from");
	else if (!f->request->quick)
		return store_damage_clear(f->store, STORE_DAMAGED_LAYER, d);
	return NULL;
}
