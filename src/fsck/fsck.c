/* fsck.c - the story: collect, look on all cores, mend, look again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "fsck/fsck-internal.h"

#include <stdarg.h>
#include <stdio.h>

Str fsck_str(Fsck *f, const char *fmt, ...)
{
	va_list ap;
	AUTO_FREE char *text = NULL;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_oom(0);
	(void)pthread_mutex_lock(&f->mutex);
	Str kept = arena_str(f->arena, str_from(text));
	(void)pthread_mutex_unlock(&f->mutex);
	return kept;
}

static void name_images(Fsck *f, FsckFinding *told, const Digest *d)
{
	const Uses *u = fsck_uses(f, d);
	if (!u)
		return;
	told->images = arena_alloc(f->arena, u->refs.len * sizeof(Str), _Alignof(Str));
	for (size_t i = 0; i < u->refs.len; i++)
		told->images[told->image_count++] = f->refs.at[u->refs.at[i]].ref.name;
}

void fsck_found(Fsck *f, const Finding *finding, const Digest *uses_of)
{
	Finding kept = *finding;
	(void)pthread_mutex_lock(&f->mutex);
	kept.told.path = arena_str(f->arena, kept.told.path);
	kept.told.problem = arena_str(f->arena, kept.told.problem);
	if (uses_of)
		name_images(f, &kept.told, uses_of);
	VEC_PUSH(&f->found, kept);
	(void)pthread_mutex_unlock(&f->mutex);
}

bool fsck_is_passed_over(const Fsck *f, const Digest *d)
{
	if (f->request->image_count == 0)
		return false;
	const Uses *u = d ? fsck_uses(f, d) : NULL;
	for (size_t i = 0; u && i < u->refs.len; i++)
		if (f->refs.at[u->refs.at[i]].chosen)
			return false;
	return true;
}

void fsck_item(Fsck *f, ItemFn *look, Str path, const Digest *d, uint64_t weight)
{
	Item item = { .look = look, .path = arena_str(f->arena, path), .weight = weight };
	if (d)
		item.digest = *d;
	if (!fsck_is_passed_over(f, d))
		VEC_PUSH(&f->items, item);
}

static bool is_new(Fsck *f, char kind, const Digest *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	Str key = arena_strf(f->arena, "%c:%s", kind, digest_hex(d, hex).ptr);
	if (map_find(&f->seen, key))
		return false;
	(void)map_put(&f->seen, key, f);
	return true;
}

void fsck_want_layer(Fsck *f, const Digest *d)
{
	StoreLayer layer = { 0 };
	char hex[DIGEST_HEX_LEN + 1];
	if (!is_new(f, 'l', d))
		return;
	Err *e = store_layer_look(f->store, d, &layer);
	err_free(e); /* looked at in its turn */
	fsck_item(f, fsck_look_layer, arena_strf(f->arena, "layers/%s", digest_hex(d, hex).ptr), d,
	          layer.size_bytes + 1);
}

void fsck_want_blob(Fsck *f, const Digest *d)
{
	uint64_t size = 0;
	char hex[DIGEST_HEX_LEN + 1];
	if (!is_new(f, 'b', d))
		return;
	(void)store_blob_is_file(f->store, d, &size);
	fsck_item(f, fsck_look_blob,
	          arena_strf(f->arena, "blobs/sha256/%s", digest_hex(d, hex).ptr), d, size);
}

static int heavy_first(const void *a, const void *b)
{
	uint64_t x = ((const Item *)a)->weight, y = ((const Item *)b)->weight;
	return (x < y) - (x > y);
}

static Err *look_at(void *context, size_t i)
{
	Fsck *f = context;
	const Item *item = &f->items.at[i];
	TRY(cancel_check(f->request->cancel));
	TRY(item->look(f, &item->path, &item->digest));
	if (f->request->progress) {
		size_t done = __atomic_add_fetch(&f->done, 1, __ATOMIC_RELAXED);
		f->request->progress(f->request->context, done, f->items.len);
	}
	return NULL;
}

static int by_path(const void *a, const void *b)
{
	const Finding *x = a, *y = b;
	int order = str_cmp(x->told.path, y->told.path);
	return order ? order : str_cmp(x->told.problem, y->told.problem);
}

static void check_version(Fsck *f)
{
	if (f->request->version == STORE_VERSION_RIGHT || f->request->image_count)
		return;
	fsck_found(f,
	           &(Finding){ .told = { .path = STR("version"),
	                                 .problem = STR("is damaged"),
	                                 .advice = STR("its format is told by its layers") },
	                       .fix = FIX_VERSION },
	           NULL);
}

Err *fsck_choose_images(Fsck *f)
{
	for (size_t i = 0; i < f->request->image_count; i++) {
		bool found = false;
		for (size_t k = 0; k < f->refs.len; k++)
			if (str_eq(f->refs.at[k].ref.name, f->request->images[i]))
				found = f->refs.at[k].chosen = true;
		if (!found)
			return err_new(ERR_NOT_FOUND, "no image named '%.*s' in the store",
			               STR_ARG(f->request->images[i]));
	}
	return NULL;
}

static Err *pass(Fsck *f)
{
	check_version(f);
	TRY(fsck_read_refs(f));
	TRY(fsck_list_parts(f));
	if (f->items.len)
		qsort(f->items.at, f->items.len, sizeof *f->items.at, heavy_first);
	f->done = 0;
	TRY(parallel_each(f->items.len, 0, look_at, f));
	if (f->found.len)
		qsort(f->found.at, f->found.len, sizeof *f->found.at, by_path);
	return NULL;
}

static void forget(Fsck *f)
{
	for (size_t i = 0; i < f->uses.len; i++)
		VEC_DONE(&((Uses *)f->uses.slots[i].value)->refs);
	map_done(&f->uses);
	map_done(&f->seen);
	VEC_DONE(&f->found);
	VEC_DONE(&f->items);
	VEC_DONE(&f->refs);
}

static bool was_mended(const Finding *x)
{
	return x->told.done.len > 0;
}

static void report(const Fsck *f, bool last, Findings *all, FsckReport *ret)
{
	ret->left = 0;
	for (size_t i = 0; i < f->found.len; i++) {
		if (!was_mended(&f->found.at[i])) {
			ret->left++;
			if (!last)
				continue; /* the next pass meets it again */
		}
		VEC_PUSH(all, f->found.at[i].told);
	}
	ret->images = f->refs.len;
	ret->blobs = f->blobs;
	ret->layers = f->layers;
	ret->files = f->files;
}

/* One pass; *ret_again: something was mended, so all is looked at anew. */
static Err *one_pass(Store *s, FsckRequest *request, unsigned number, Arena *a, Findings *all,
                     bool *ret_again, FsckReport *ret)
{
	enum { PASSES_MAX = 5 };
	Fsck f = { .store = s, .request = request, .arena = a };
	struct stat st;
	*ret_again = false;
	if (fstat(store_dir_fd(s), &st) < 0)
		return err_sys(errno, "cannot look at the store '%s'", store_path(s));
	f.uid = st.st_uid;
	(void)pthread_mutex_init(&f.mutex, NULL);
	Err *e = pass(&f);
	bool may = request->repair && number < PASSES_MAX;
	if (!e && may)
		e = fsck_repair(&f);
	for (size_t i = 0; i < f.found.len; i++)
		*ret_again |= was_mended(&f.found.at[i]);
	report(&f, !*ret_again || e, all, ret);
	forget(&f);
	(void)pthread_mutex_destroy(&f.mutex);
	return e;
}

static Err *lock_gc(Store *s, const FsckRequest *request, StoreLock *ret)
{
	bool got;
	TRY(store_try_lock_gc(s, request->repair, ret, &got));
	if (got)
		return NULL;
	if (request->waits)
		request->waits(request->context);
	return store_lock_gc(s, request->repair, request->cancel, ret);
}

Err *fsck_run(Store *s, const FsckRequest *request, Arena *a, FsckReport *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	FsckRequest now = *request;
	Findings all = { 0 };
	bool again = true;
	bool may_mend = request->repair && request->version != STORE_VERSION_OTHER;
	Err *e = may_mend ? fsck_mend_places(s, a, &all) : NULL;
	if (!e && fsck_is_lockable(s)) /* else nobody can lock it, and only a look is asked for */
		e = lock_gc(s, request, &lock);
	*ret = (FsckReport){ 0 };
	if (!e && request->repair)
		e = store_reap(s); /* what dead processes left */
	for (unsigned number = 1; !e && again; number++) {
		e = one_pass(s, &now, number, a, &all, &again, ret);
		now.version = STORE_VERSION_RIGHT; /* mended first, or given up */
	}
	ret->findings =
		arena_alloc(a, (all.len + 1) * sizeof *ret->findings, _Alignof(FsckFinding));
	if (all.len)
		memcpy(ret->findings, all.at, all.len * sizeof *all.at);
	ret->count = all.len;
	VEC_DONE(&all);
	return e;
}
