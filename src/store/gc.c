/*
 * gc.c - what no name and no record needs goes away.
 *
 * Roots are the refs, the cache records, the containers and the repositories.  Marking is by text:
 * every "sha256:<hex>" in a root, and in every small blob that is reached, is kept.  That keeps a
 * little too much now and then and never too little, and needs no knowledge of what the texts mean.
 * Builds and pulls hold the gc lock shared; a gc holds it alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "fs/path.h"
#include "store/account.h"
#include "store/documents-internal.h"
#include "store/freed.h"
#include "store/parts.h"
#include "store/repos.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

typedef struct Marks {
	Store *store;
	StoreDocuments *documents;
	Arena arena;
	Map marked; /* the bytes of a digest → NULL; walked in order of insertion as the work list
	             */
	Map maps, attests;   /* the same: which have a file in map/, in attest/ */
	Map data;            /* the same: layers and their blobs, which name nothing */
	VEC(Digest) indexes; /* of names: kept, without what they list */
} Marks;

static void mark(void *context, const Digest *d)
{
	Marks *m = context;
	if (digest_is_zero(d) || map_find(&m->marked, store_digest_key(d)))
		return;
	Digest *own = arena_new(&m->arena, Digest);
	*own = *d;
	(void)map_put(&m->marked, store_digest_key(own), NULL);
}

static Err *mark_file(void *context, int dir_fd, const char *name)
{
	Marks *m = context;
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	TRY(path_read_file(dir_fd, name, LIST_BYTES_MAX, &text));
	store_each_mention(buf_str(&text), mark, m);
	return NULL;
}

static Err *mark_container(void *context, int dir_fd, const char *name)
{
	Marks *m = context;
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	AUTO_ERR Err *e = path_read_file(fd, "container.json", JSON_BYTES_MAX, &text);
	if (!e) /* a container without its file is not there yet, or going */
		store_each_mention(buf_str(&text), mark, m);
	return NULL;
}

static void mark_link(void *context, Str text)
{
	store_each_mention(text, mark, context);
}

static void mark_refs(Marks *m, const StoreCatalog *catalog)
{
	size_t count;
	const StoreRef *refs = store_catalog_refs(catalog, &count);
	for (size_t i = 0; i < count; i++) {
		mark(m, &refs[i].config);
		mark(m, &refs[i].manifest);
		if (!digest_is_zero(&refs[i].index))
			VEC_PUSH(&m->indexes, refs[i].index);
		for (size_t k = 0; k < refs[i].variant_count; k++) {
			mark(m, &refs[i].variants[k].config);
			mark(m, &refs[i].variants[k].manifest);
		}
	}
}

/* CATALOG may be NULL.  A name's file that is damaged keeps what can be read in it. */
static Err *mark_names(Marks *m, const StoreCatalog *catalog)
{
	AUTO_CATALOG StoreCatalog *own = NULL;
	if (!catalog) {
		Err *e = store_catalog_open(m->store, &own);
		if (e && err_kind(e) == ERR_CORRUPT) {
			err_free(e); /* fsck's to tell */
			return store_each_name(m->store, "refs", mark_file, m);
		}
		TRY(e);
		catalog = own;
	}
	mark_refs(m, catalog);
	return NULL;
}

typedef struct Listing {
	Marks *marks;
	Map *map;
} Listing;

static Err *list_one(void *context, int dir_fd, const char *name)
{
	Listing *l = context;
	Digest *d = arena_new(&l->marks->arena, Digest);
	Str text = str_from(name);
	(void)dir_fd;
	if (str_ends(text, STR(".meta"))) /* of a layer */
		text = str_head(text, text.len - strlen(".meta"));
	Err *e = digest_parse_hex(text, d);
	if (!e)
		(void)map_put(l->map, store_digest_key(d), NULL);
	err_free(e); /* of nobody: swept */
	return NULL;
}

/* Its directory is made when it is needed, and not here: a prune takes nothing. */
static Err *each_in(const Marks *m, const char *dir, StoreNameFn *fn, void *context)
{
	if (faccessat(m->store->dir_fd, dir, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return NULL;
	return store_each_name(m->store, dir, fn, context);
}

static bool is_in(const Map *map, const Digest *d)
{
	return map_find(map, store_digest_key(d)) != NULL;
}

/* A blob of a layer. */
static void mark_data(void *context, const Digest *d)
{
	Marks *m = context;
	mark(m, d);
	const MapSlot *own = map_find(&m->marked, store_digest_key(d));
	if (own)
		(void)map_put(&m->data, own->key, NULL);
}

static void mark_small(Marks *m, const char *prefix, const Digest *d, StoreMentionFn *fn)
{
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	if (store_read_small(m->store, store_path_of(prefix, d, "").text, &text, &errnum))
		store_each_mention(buf_str(&text), fn, m);
}

/* Configs and manifests name others; layers of any size are data and are not read. */
static Err *mark_reached(Marks *m)
{
	TRY(store_each_name(m->store, "map", list_one, &(Listing){ m, &m->maps }));
	TRY(each_in(m, "attest", list_one, &(Listing){ m, &m->attests }));
	TRY(store_each_name(m->store, "layers", list_one, &(Listing){ m, &m->data }));
	for (size_t i = 0; i < m->marked.len; i++) {
		Digest d;
		const StoreDocument *doc;
		memcpy(d.bytes, m->marked.slots[i].key.ptr, sizeof d.bytes);
		if (is_in(&m->maps, &d))
			mark_small(m, "map", &d, mark_data);
		if (is_in(&m->attests, &d))
			mark_small(m, "attest", &d, mark);
		if (is_in(&m->data, &d))
			continue;
		TRY(store_documents_get(m->documents, &d, &doc));
		for (size_t k = 0; doc && k < doc->mention_count; k++)
			mark(m, &doc->mentions[k]);
	}
	for (size_t i = 0; i < m->indexes.len; i++) /* last: they are not followed */
		mark(m, &m->indexes.at[i]);
	return NULL;
}

typedef struct Sweep {
	Marks *marks;
	StoreFreed freed;
} Sweep;

static bool is_marked(const Marks *m, const char *name)
{
	Digest d;
	Str text = str_from(name);
	AUTO_ERR Err *e = digest_parse_hex(
		str_head(text, text.len < DIGEST_HEX_LEN ? text.len : DIGEST_HEX_LEN), &d);
	return !e && map_find(&m->marked, store_digest_key(&d)) != NULL;
}

static Err *sweep_one(void *context, int dir_fd, const char *name)
{
	Sweep *w = context;
	if (is_marked(w->marks, name))
		return NULL;
	TRY(store_freed_add(&w->freed, dir_fd, name));
	return path_remove_tree(dir_fd, name);
}

/* A layer is there as long as its .meta is, so that goes first; the rest follows when its turn
 * comes. */
static Err *sweep_meta(void *context, int dir_fd, const char *name)
{
	return str_ends(str_from(name), STR(".meta")) ? sweep_one(context, dir_fd, name) : NULL;
}

/* Marks go with what they mark; a directory that was replaced, when nobody can use it. */
static Err *sweep_damaged(void *context, int dir_fd, const char *name)
{
	Sweep *w = context;
	if (!store_damage_is_old(str_from(name)))
		return sweep_one(context, dir_fd, name);
	if (store_damage_old_is_used(w->marks->store))
		return NULL;
	TRY(store_freed_add(&w->freed, dir_fd, name));
	return path_remove_tree(dir_fd, name);
}

static void sweep_done(Sweep *w)
{
	store_freed_done(&w->freed);
}

static Err *sweep(Marks *m, uint64_t *freed)
{
	CLEANUP(sweep_done) Sweep w = { .marks = m };
	TRY(store_each_name(m->store, "layers", sweep_meta, &w));
	TRY(store_each_name(m->store, "layers", sweep_one, &w));
	TRY(store_documents_each_blob(m->documents, sweep_one, &w));
	TRY(store_each_name(m->store, "map", sweep_one, &w));
	TRY(each_in(m, "attest", sweep_one, &w));
	TRY(each_in(m, "damaged", sweep_damaged, &w));
	*freed = w.freed.bytes;
	return NULL;
}

static Err *mark_and_sweep(Marks *m, const StoreCatalog *catalog, uint64_t *ret_freed_bytes)
{
	Store *s = m->store;
	TRY(mark_names(m, catalog));
	TRY(store_each_name(s, "cache", mark_file, m));
	TRY(store_each_name(s, "containers", mark_container, m));
	if (faccessat(s->dir_fd, "index.json", F_OK, 0) == 0)
		TRY(mark_file(m, s->dir_fd, "index.json")); /* indexes are named there alone */
	TRY(store_repo_mark(s, mark_link, m));
	TRY(mark_reached(m));
	TRY(sweep(m, ret_freed_bytes));
	store_account_add(s, -(int64_t)*ret_freed_bytes);
	return NULL;
}

/* The gc lock is held alone.  CATALOG may be NULL; both were opened since. */
static Err *collect(Store *s, const StoreCatalog *catalog, StoreDocuments *documents,
                    uint64_t *ret_freed_bytes)
{
	TRY(store_reap(s));
	Marks m = { .store = s, .documents = documents };
	Err *e = mark_and_sweep(&m, catalog, ret_freed_bytes);
	map_done(&m.marked);
	map_done(&m.maps);
	map_done(&m.attests);
	map_done(&m.data);
	VEC_DONE(&m.indexes);
	arena_done(&m.arena);
	return e;
}

Err *store_gc(Store *s, const Cancel *cancel, uint64_t *ret_freed_bytes)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock_gc(s, true, cancel, &lock));
	return store_gc_locked(s, ret_freed_bytes);
}

Err *store_gc_locked(Store *s, uint64_t *ret_freed_bytes)
{
	StoreDocuments *documents = store_documents_open(s);
	Err *e = collect(s, NULL, documents, ret_freed_bytes);
	store_documents_close(documents, e == NULL);
	return e;
}

static Err *write_layout(Store *s, const StoreCatalog *catalog, StoreDocuments *documents)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock_layout(s, &lock));
	return store_layout_write_of(s, catalog, documents);
}

Err *store_names_gone(Store *s, uint64_t *ret_freed_bytes)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	AUTO_CATALOG StoreCatalog *catalog = NULL;
	bool got;
	*ret_freed_bytes = 0;
	TRY(store_try_lock_gc(s, true, &lock, &got));
	if (!got)
		return store_layout_write(s);
	/* Ten thousand names are looked at once for both. */
	TRY(store_catalog_open(s, &catalog));
	StoreDocuments *documents = store_documents_open(s);
	Err *e = write_layout(s, catalog, documents);
	if (!e)
		e = collect(s, catalog, documents, ret_freed_bytes);
	store_documents_close(documents, e == NULL);
	return e;
}
