/*
 * refs_set.c - names come, move and go: each file written, synced, renamed; many with one sync.
 *
 * All files lie in the scratch directory first.  Then they are on the disk, then they get their
 * names, in order: the marks of images that lose their last name come before what takes it, so that
 * at no time an image is out of every name.  Who is killed in between has moved some of the names.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "fs/path.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <unistd.h>

/* From here on one sync of the file system is cheaper than one a file. */
enum { SYNCED_ONE_BY_ONE_MAX = 16 };

/* --- the text of a name ----------------------------------------------------------------------- */

static void add_digest(Buf *text, const char *name, const Digest *d)
{
	char hex[DIGEST_TEXT_LEN + 1];
	if (!digest_is_zero(d))
		buf_addf(text, "%s %s\n", name, digest_text(d, hex).ptr);
}

static void add_variant(Buf *text, const StoreVariant *v)
{
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(text, "variant %.*s %s", STR_ARG(v->platform), digest_text(&v->config, hex).ptr);
	if (!digest_is_zero(&v->manifest))
		buf_addf(text, " %s", digest_text(&v->manifest, hex).ptr);
	buf_add_char(text, '\n');
}

static void format_ref(const StoreRef *ref, Buf *text)
{
	buf_addf(text, "decant-ref 1\nname %.*s\n", STR_ARG(ref->name));
	add_digest(text, "config", &ref->config);
	add_digest(text, "manifest", &ref->manifest);
	add_digest(text, "pulled", &ref->pulled);
	add_digest(text, "index", &ref->index);
	for (size_t i = 0; i < ref->variant_count; i++)
		add_variant(text, &ref->variants[i]);
	store_text_seal(text);
}

static bool same_variants(const StoreRef *a, const StoreRef *b)
{
	for (size_t i = 0; i < a->variant_count && i < b->variant_count; i++) {
		const StoreVariant *v = &a->variants[i], *w = &b->variants[i];
		if (!str_eq(v->platform, w->platform) || !digest_eq(&v->config, &w->config) ||
		    !digest_eq(&v->manifest, &w->manifest))
			return false;
	}
	return a->variant_count == b->variant_count;
}

static bool same_ref(const StoreRef *a, const StoreRef *b)
{
	return digest_eq(&a->config, &b->config) && digest_eq(&a->manifest, &b->manifest) &&
	       digest_eq(&a->pulled, &b->pulled) && digest_eq(&a->index, &b->index) &&
	       same_variants(a, b);
}

/* --- who else leads to an image --------------------------------------------------------------- */

/* Each image of REF by itself: those of one name, or the one there is. */
static StoreRef one_image(const StoreRef *ref, size_t number)
{
	StoreRef one = { .config = ref->config,
		         .manifest = ref->manifest,
		         .pulled = ref->pulled,
		         .index = ref->index };
	if (ref->variant_count) {
		one.config = ref->variants[number].config;
		one.manifest = ref->variants[number].manifest;
	}
	return one;
}

static size_t image_count(const StoreRef *ref)
{
	return ref->variant_count ? ref->variant_count : 1;
}

/* A file that is to get its name. */
typedef struct Pending {
	char tmp[32];
	Str path;
} Pending;

typedef struct Setting {
	Store *store;
	Arena arena;
	int tmp_fd;
	bool listed;
	Map named; /* bytes of an image's ID → how many names lead to it, once listed */
	VEC(Pending) pending;
	VEC(Str) marks;    /* names of marks to be taken away: their images have a name now */
	bool was_in_index; /* index.json has what one of the names led to */
} Setting;

/* Each image of REF has one name more, or one less. */
static void count_names(Setting *t, const StoreRef *ref, int by)
{
	for (size_t i = 0; i < image_count(ref); i++) {
		StoreRef one = one_image(ref, i);
		bool again = false; /* one image for two platforms: one name */
		for (size_t k = 0; k < i && !again; k++) {
			StoreRef before = one_image(ref, k);
			again = digest_eq(&before.config, &one.config);
		}
		if (again)
			continue;
		Digest *id = arena_new(&t->arena, Digest);
		*id = one.config;
		intptr_t n = (intptr_t)map_get(&t->named, store_digest_key(id)) + by;
		(void)map_put(&t->named, store_digest_key(id), (void *)n); /* NOLINT: a number */
	}
}

static Err *list_names(Setting *t)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(t->store, &t->arena, &refs, &count));
	for (size_t i = 0; i < count; i++)
		count_names(t, &refs[i], 1);
	t->listed = true;
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

static Err *write_pending(Setting *t, const StoreRef *ref, bool sync)
{
	AUTO_BUF Buf path = BUF_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	Pending p;
	store_ref_path(ref->name, &path);
	format_ref(ref, &text);
	store_tmp_name(t->store, "ref", p.tmp);
	p.path = arena_str(&t->arena, buf_str(&path));
	AUTO_CLOSE int fd = openat(t->tmp_fd, p.tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot write '%s' in the store '%s'", path.ptr,
		               t->store->path);
	VEC_PUSH(&t->pending, p);
	TRY(path_write_all(fd, text.ptr, text.len, path.ptr));
	if (sync && fsync(fd) < 0)
		return err_sys(errno, "cannot sync '%s' in the store '%s'", path.ptr,
		               t->store->path);
	return NULL;
}

/* Images that lose their last name, as OLD becomes NOW, stay findable: docker shows them as <none>.
 */
static Err *keep_untagged(Setting *t, const StoreRef *old, const StoreRef *now, bool sync)
{
	for (size_t i = 0; i < image_count(old); i++) {
		StoreRef lost = one_image(old, i);
		if (store_ref_has(now, &lost.config))
			continue;
		if (!t->listed)
			TRY(list_names(t));
		if ((intptr_t)map_get(&t->named, store_digest_key(&lost.config)) > 1)
			continue; /* NAME's own is one of them */
		lost.name = digest_arena_text(&t->arena, &lost.config);
		TRY(write_pending(t, &lost, sync));
		count_names(t, &lost, 1);
	}
	return NULL;
}

static void drop_untagged(Setting *t, const StoreRef *named)
{
	for (size_t i = 0; i < image_count(named); i++) {
		StoreRef one = one_image(named, i);
		Str mark = digest_arena_text(&t->arena, &one.config);
		if (!str_eq(mark, named->name))
			VEC_PUSH(&t->marks, mark);
	}
}

static Err *prepare(Setting *t, const StoreRef *ref, bool sync)
{
	StoreRef old;
	bool has_old = true;
	Err *e = store_ref_get(t->store, ref->name, &t->arena, &old);
	if (e) {
		if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		err_free(e); /* absent, or damaged: written anew */
		has_old = false;
	}
	if (has_old && same_ref(&old, ref))
		return NULL;
	if (has_old)
		TRY(keep_untagged(t, &old, ref, sync));
	TRY(write_pending(t, ref, sync));
	drop_untagged(t, ref);
	if (t->listed) {
		count_names(t, ref, 1);
		if (has_old)
			count_names(t, &old, -1);
	}
	t->was_in_index = t->was_in_index || (has_old && !digest_is_zero(&old.manifest) &&
	                                      digest_is_zero(&ref->manifest));
	return NULL;
}

static Err *publish(Setting *t)
{
	Store *s = t->store;
	for (size_t i = 0; i < t->pending.len; i++) {
		Pending *p = &t->pending.at[i];
		if (renameat(t->tmp_fd, p->tmp, s->dir_fd, p->path.ptr) < 0)
			return err_sys(errno, "cannot publish '%s' in the store '%s'", p->path.ptr,
			               s->path);
		p->tmp[0] = '\0';
	}
	TRY(store_sync_dir(s, "refs"));
	return store_ref_remove_all(s, t->marks.at, t->marks.len);
}

static void setting_done(Setting *t)
{
	for (size_t i = 0; i < t->pending.len; i++)
		if (t->pending.at[i].tmp[0])
			(void)unlinkat(t->tmp_fd, t->pending.at[i].tmp, 0); /* scratch */
	VEC_DONE(&t->pending);
	VEC_DONE(&t->marks);
	map_done(&t->named);
	arena_done(&t->arena);
}

static Err *set_locked(Store *s, const StoreRef *refs, size_t count)
{
	CLEANUP(setting_done) Setting t = { .store = s };
	bool one_by_one = count <= SYNCED_ONE_BY_ONE_MAX;
	TRY(store_tmp_fd(s, &t.tmp_fd));
	for (size_t i = 0; i < count; i++)
		TRY_WHILE(prepare(&t, &refs[i], one_by_one), "naming the image '%.*s'",
		          STR_ARG(refs[i].name));
	if (!t.pending.len)
		return NULL;
	if (!one_by_one)
		TRY(store_sync_all(s));
	TRY(publish(&t));
	if (t.was_in_index) /* derived: a damaged other name may be in its way */
		err_free(store_layout_write(s));
	return NULL;
}

Err *store_ref_set_locked(Store *s, const StoreRef *ref)
{
	return set_locked(s, ref, 1);
}

Err *store_ref_set(Store *s, const StoreRef *ref)
{
	return store_ref_set_all(s, ref, 1);
}

Err *store_ref_set_all(Store *s, const StoreRef *refs, size_t count)
{
	/* Two that each take one of an image's last two names: one of them marks it as untagged. */
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock_refs(s, &lock));
	return set_locked(s, refs, count);
}

/* --- going ------------------------------------------------------------------------------------ */

Err *store_ref_remove(Store *s, Str name)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_ref_path(name, &path);
	if (unlinkat(s->dir_fd, path.ptr, 0) < 0) {
		if (errno == ENOENT)
			return NULL;
		return err_sys(errno, "cannot remove '%s' in the store '%s'", path.ptr, s->path);
	}
	return store_sync_dir(s, "refs");
}

Err *store_ref_remove_all(Store *s, const Str *names, size_t count)
{
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		store_ref_path(names[i], &path);
		if (unlinkat(s->dir_fd, path.ptr, 0) == 0)
			any = true;
		else if (errno != ENOENT)
			return err_sys(errno, "cannot remove '%s' in the store '%s'", path.ptr,
			               s->path);
	}
	return any ? store_sync_dir(s, "refs") : NULL;
}
