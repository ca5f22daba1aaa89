/* documents.c - what configs, manifests and indexes name, read once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "fs/path.h"
#include "oci/manifest.h"
#include "store/documents-internal.h"
#include "store/packed-internal.h"
#include "store/stamp-internal.h"

#include <dirent.h>
#include <fcntl.h>

#define MAGIC     STR("decant-documents 1\n")
#define FILE_NAME "documents"
#define BLOBS     "blobs/sha256"

enum {
	CHANGES_MIN = 32, /* fewer are cheaper to read again than to write down */
	LOOKS_MAX = 64,   /* more questions than these are one reading of the directory */
};

struct StoreDocuments {
	Store *store;
	Arena arena;
	Map known;               /* the bytes of a digest → StoreDocument */
	VEC(const char *) blobs; /* names in the directory, once it was read */
	Map here;                /* the bytes of a digest → NULL: those that are one */
	bool listed;
	size_t looks; /* questions that were a look */
	size_t changes;
	StoreStamp was, now, settled; /* the directory's: in the file, as it is, as it is written */
};

void store_each_mention(Str text, StoreMentionFn *fn, void *context)
{
	static const char prefix[] = "sha256:";
	const size_t need = sizeof prefix - 1 + DIGEST_HEX_LEN;
	while (text.len >= need) {
		const char *at = memmem(text.ptr, text.len, prefix, sizeof prefix - 1);
		if (!at || text.len - (size_t)(at - text.ptr) < need)
			return;
		Digest d;
		Err *e = digest_parse((Str){ at, need }, &d);
		if (!e)
			fn(context, &d);
		err_free(e); /* no digest after all */
		text = str_from_at(text, (size_t)(at - text.ptr) + sizeof prefix - 1);
	}
}

Err *store_each_name(Store *s, const char *path, StoreNameFn *fn, void *context)
{
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(errno, "cannot read '%s/%s'", s->path, path);
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			e = fn(context, fd, d->d_name);
	(void)closedir(dir);
	return e;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Digests stand once in the file; documents name them by their place. */
typedef struct Table {
	Map places; /* → place + 1 */
	VEC(const Digest *) all;
} Table;

static size_t place_of(Table *t, const Digest *d)
{
	size_t place = (size_t)(uintptr_t)map_get(&t->places, store_digest_key(d));
	if (place)
		return place - 1;
	VEC_PUSH(&t->all, d);
	(void)map_put(&t->places, store_digest_key(d),
	              (void *)(uintptr_t)t->all.len); /* NOLINT: a number */
	return t->all.len - 1;
}

static void put_document(Table *t, const StoreDocument *doc, Buf *out)
{
	store_packed_put_number(out, place_of(t, &doc->digest));
	store_packed_put_number(out, doc->size);
	store_packed_put_number(out, doc->whole);
	store_packed_put_text(out, doc->media_type);
	store_packed_put_number(out, doc->need_count);
	store_packed_put_number(out, doc->mention_count);
	for (size_t i = 0; i < doc->mention_count; i++)
		store_packed_put_number(out, place_of(t, &doc->mentions[i]));
}

static Err *save(StoreDocuments *d, bool all)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_BUF Buf body = BUF_INIT;
	Table t = { 0 };
	size_t count = 0;
	for (size_t i = 0; i < d->known.len; i++) {
		const StoreDocument *doc = d->known.slots[i].value;
		if (doc->damaged || (all && !doc->used))
			continue;
		put_document(&t, doc, &body);
		count++;
	}
	buf_add_str(&text, MAGIC);
	store_stamp_put(&text, &d->settled);
	store_packed_put_number(&text, t.all.len);
	for (size_t i = 0; i < t.all.len; i++)
		store_packed_put_digest(&text, t.all.at[i]);
	store_packed_put_number(&text, count);
	buf_add_str(&text, buf_str(&body));
	store_packed_close(&text);
	map_done(&t.places);
	VEC_DONE(&t.all);
	return store_write_small(d->store, FILE_NAME, buf_str(&text), false);
}

static Digest take_place(StorePacked *p, const Digest *table, size_t count)
{
	uint64_t place = store_packed_number(p);
	if (place < count)
		return table[place];
	p->bad = true;
	return (Digest){ 0 };
}

static StoreDocument *take_document(StorePacked *p, Arena *a, const Digest *table, size_t count)
{
	StoreDocument *doc = arena_new(a, StoreDocument);
	doc->digest = take_place(p, table, count);
	doc->size = store_packed_number(p);
	doc->whole = store_packed_number(p) == 1;
	doc->media_type = arena_str(a, store_packed_text(p));
	doc->need_count = (size_t)store_packed_number(p);
	doc->mention_count = store_packed_count(p, sizeof(uint64_t));
	p->bad = p->bad || doc->need_count > doc->mention_count;
	Digest *mentions =
		arena_alloc(a, (doc->mention_count + 1) * sizeof *mentions, _Alignof(Digest));
	for (size_t i = 0; i < doc->mention_count; i++)
		mentions[i] = take_place(p, table, count);
	doc->mentions = mentions;
	return doc;
}

/* False: what was read is not to be believed. */
static bool take_all(StorePacked *p, Arena *a, StoreStamp *was, Map *known)
{
	*was = store_stamp_take(p);
	size_t count = store_packed_count(p, sizeof(Digest));
	Digest *table = arena_alloc(a, (count + 1) * sizeof *table, _Alignof(Digest));
	for (size_t i = 0; i < count; i++)
		table[i] = store_packed_digest(p);
	size_t documents = store_packed_count(p, 6 * sizeof(uint64_t));
	for (size_t i = 0; i < documents && !p->bad; i++) {
		StoreDocument *doc = take_document(p, a, table, count);
		(void)map_put(known, store_digest_key(&doc->digest), doc);
	}
	return !p->bad;
}

bool store_documents_are_whole(Store *s)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map known = MAP_INIT;
	AUTO_BUF Buf bytes = BUF_INIT;
	StorePacked p;
	StoreStamp was;
	return faccessat(s->dir_fd, FILE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
	       (store_packed_read(s, FILE_NAME, MAGIC, &bytes, &p) &&
	        take_all(&p, &a, &was, &known));
}

StoreDocuments *store_documents_open(Store *s)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	StorePacked p;
	StoreDocuments *d = xcalloc(1, sizeof *d);
	int64_t now_ns = clock_real_ns();
	d->store = s;
	d->now = store_stamp_at(s, BLOBS);
	d->settled = store_stamp_settled(d->now, now_ns);
	if (store_packed_read(s, FILE_NAME, MAGIC, &bytes, &p) &&
	    !take_all(&p, &d->arena, &d->was, &d->known)) {
		map_done(&d->known);
		d->was = (StoreStamp){ 0 };
	}
	for (size_t i = 0; i < d->known.len && !store_stamp_same(&d->was, &d->now); i++)
		((StoreDocument *)d->known.slots[i].value)->whole = false; /* to be looked at */
	return d;
}

void store_documents_close(StoreDocuments *d, bool all)
{
	size_t gone = 0;
	bool settles = d->settled.inode && !store_stamp_same(&d->was, &d->settled);
	for (size_t i = 0; all && i < d->known.len; i++)
		gone += !((const StoreDocument *)d->known.slots[i].value)->used;
	if ((d->changes + gone >= CHANGES_MIN || (settles && d->known.len >= CHANGES_MIN)) &&
	    store_is_own(d->store))
		err_free(save(d, all)); /* a full or read-only disk: the next one reads again */
	map_done(&d->known);
	map_done(&d->here);
	VEC_DONE(&d->blobs);
	arena_done(&d->arena);
	free(d);
}

/* --- blobs that are here ---------------------------------------------------------------------- */

static Err *note_blob(void *context, int dir_fd, const char *name)
{
	StoreDocuments *d = context;
	Digest *digest = arena_new(&d->arena, Digest);
	(void)dir_fd;
	VEC_PUSH(&d->blobs, arena_str(&d->arena, str_from(name)).ptr);
	Err *e = digest_parse_hex(str_from(name), digest);
	if (!e)
		(void)map_put(&d->here, store_digest_key(digest), NULL);
	err_free(e); /* no blob: fsck's to tell */
	return NULL;
}

static Err *list_blobs(StoreDocuments *d)
{
	if (d->listed)
		return NULL;
	d->listed = true;
	return store_each_name(d->store, BLOBS, note_blob, d);
}

Err *store_documents_have(StoreDocuments *d, const Digest *digest, bool *ret)
{
	if (!d->listed && d->looks++ < LOOKS_MAX) {
		*ret = store_blob_exists(d->store, digest, NULL);
		return NULL;
	}
	TRY(list_blobs(d));
	*ret = map_find(&d->here, store_digest_key(digest)) != NULL;
	return NULL;
}

Err *store_documents_each_blob(StoreDocuments *d, StoreNameFn *fn, void *context)
{
	TRY(list_blobs(d));
	AUTO_CLOSE int fd =
		openat(d->store->dir_fd, BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(errno, "cannot read '%s/" BLOBS "'", d->store->path);
	for (size_t i = 0; i < d->blobs.len; i++)
		TRY(fn(context, fd, d->blobs.at[i]));
	return NULL;
}

/* --- reading one ------------------------------------------------------------------------------ */

typedef struct Mentions {
	Arena *arena;
	Map seen;
	VEC(Digest) all;
} Mentions;

static void add_mention(void *context, const Digest *digest)
{
	Mentions *m = context;
	if (map_find(&m->seen, store_digest_key(digest)))
		return;
	Digest *key = arena_new(m->arena, Digest);
	*key = *digest;
	(void)map_put(&m->seen, store_digest_key(key), NULL);
	VEC_PUSH(&m->all, *digest);
}

/* What a manifest needs; of anything else nothing. */
static void add_needs(Mentions *m, Str json, StoreDocument *doc)
{
	static const char hint[] = "\"mediaType\""; /* every descriptor has it, a config none */
	Manifest manifest;
	if (!memmem(json.ptr, json.len, hint, sizeof hint - 1))
		return;
	AUTO_ERR Err *e = manifest_parse(m->arena, json, "manifest", &manifest);
	if (e)
		return;
	add_mention(m, &manifest.config.digest);
	for (size_t i = 0; i < manifest.layer_count; i++)
		add_mention(m, &manifest.layers[i].digest);
	doc->media_type = arena_str(m->arena, manifest.media_type);
	doc->need_count = m->all.len;
}

static StoreDocument *read_document(StoreDocuments *d, const Digest *digest, Str json)
{
	StoreDocument *doc = arena_new(&d->arena, StoreDocument);
	Mentions m = { .arena = &d->arena };
	Digest is = sha256_of(json);
	doc->digest = *digest;
	doc->size = json.len;
	doc->damaged = !digest_eq(&is, digest);
	doc->media_type = STR("");
	if (!doc->damaged)
		add_needs(&m, json, doc);
	store_each_mention(json, add_mention, &m);
	Digest *mentions =
		arena_alloc(&d->arena, (m.all.len + 1) * sizeof *mentions, _Alignof(Digest));
	if (m.all.len)
		memcpy(mentions, m.all.at, m.all.len * sizeof *mentions);
	doc->mentions = mentions;
	doc->mention_count = m.all.len;
	map_done(&m.seen);
	VEC_DONE(&m.all);
	(void)map_put(&d->known, store_digest_key(&doc->digest), doc);
	d->changes += !doc->damaged;
	return doc;
}

/* A document that was never read. */
static Err *read_new(StoreDocuments *d, const Digest *digest, StoreDocument **ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	int errnum;
	if (!store_blob_is_json(d->store, digest))
		return NULL;
	StorePath path = store_path_of(BLOBS, digest, "");
	if (store_read_small(d->store, path.text, &json, &errnum))
		*ret = read_document(d, digest, buf_str(&json));
	else if (errnum != ENOENT)
		return err_sys(errnum, "cannot read '%s/%s'", d->store->path, path.text);
	return NULL;
}

Err *store_documents_get(StoreDocuments *d, const Digest *digest, const StoreDocument **ret)
{
	bool here;
	StoreDocument *doc = map_get(&d->known, store_digest_key(digest));
	*ret = NULL;
	if (!doc || !doc->whole) {
		TRY(store_documents_have(d, digest, &here));
		if (!here)
			return NULL;
	}
	if (!doc)
		TRY(read_new(d, digest, &doc));
	if (doc)
		doc->used = true;
	*ret = doc;
	return NULL;
}

Err *store_documents_is_whole(StoreDocuments *d, const StoreDocument *doc, bool *ret)
{
	*ret = true;
	if (doc->whole)
		return NULL;
	for (size_t i = 0; i < doc->need_count && *ret; i++)
		TRY(store_documents_have(d, &doc->mentions[i], ret));
	if (*ret && !doc->damaged) {
		StoreDocument *own = map_get(&d->known, store_digest_key(&doc->digest));
		own->whole = true;
	}
	return NULL;
}
