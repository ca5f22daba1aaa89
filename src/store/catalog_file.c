/*
 * catalog_file.c - the bytes of the catalog: a head, numbers and texts one after another, a
 * SHA-256.
 *
 * Numbers are little endian, eight bytes each; a text is its length and its bytes; digests are
 * bare.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "store/catalog-internal.h"

#include <endian.h>

#define MAGIC STR("decant-catalog 1\n")

/* --- writing ---------------------------------------------------------------------------------- */

static void put_number(Buf *out, uint64_t n)
{
	uint64_t le = htole64(n);
	buf_add(out, &le, sizeof le);
}

static void put_text(Buf *out, Str s)
{
	put_number(out, s.len);
	buf_add_str(out, s);
}

static void put_digest(Buf *out, const Digest *d)
{
	buf_add(out, d->bytes, sizeof d->bytes);
}

static void put_stamp(Buf *out, const StoreStamp *s)
{
	put_number(out, s->device);
	put_number(out, s->inode);
	put_number(out, s->size);
	put_number(out, (uint64_t)s->modified_ns);
	put_number(out, (uint64_t)s->changed_ns);
}

static void put_name(Buf *out, const CatalogName *name)
{
	const StoreRef *ref = &name->ref;
	put_text(out, ref->name);
	put_stamp(out, &name->file);
	put_digest(out, &ref->config);
	put_digest(out, &ref->manifest);
	put_digest(out, &ref->pulled);
	put_number(out, ref->variant_count);
	for (size_t i = 0; i < ref->variant_count; i++) {
		put_text(out, ref->variants[i].platform);
		put_digest(out, &ref->variants[i].config);
		put_digest(out, &ref->variants[i].manifest);
	}
}

void store_catalog_text(const CatalogFile *file, Buf *out)
{
	buf_add_str(out, MAGIC);
	put_stamp(out, &file->refs_dir);
	put_stamp(out, &file->blobs_dir);
	put_number(out, file->name_count);
	for (size_t i = 0; i < file->name_count; i++)
		put_name(out, &file->names[i]);
	put_number(out, file->image_count);
	for (size_t i = 0; i < file->image_count; i++) {
		const StoreSummary *s = &file->images[i].summary;
		put_digest(out, &s->id);
		put_number(out, s->config_bytes);
		put_number(out, (uint64_t)s->created_ns);
		put_number(out, s->size_bytes);
	}
	Digest all = sha256_of(buf_str(out));
	put_digest(out, &all);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What is left; a read past the end sets BAD and gives nothing. */
typedef struct Cursor {
	Str rest;
	bool bad;
} Cursor;

static const char *take(Cursor *c, uint64_t bytes)
{
	if (c->bad || bytes > c->rest.len) {
		c->bad = true;
		return NULL;
	}
	const char *at = c->rest.ptr;
	c->rest = str_from_at(c->rest, (size_t)bytes);
	return at;
}

static uint64_t take_number(Cursor *c)
{
	uint64_t le = 0;
	const char *at = take(c, sizeof le);
	if (at)
		memcpy(&le, at, sizeof le);
	return le64toh(le);
}

static Str take_text(Cursor *c)
{
	uint64_t len = take_number(c);
	const char *at = take(c, len);
	return at ? (Str){ at, (size_t)len } : STR("");
}

static Digest take_digest(Cursor *c)
{
	Digest d = { 0 };
	const char *at = take(c, sizeof d.bytes);
	if (at)
		memcpy(d.bytes, at, sizeof d.bytes);
	return d;
}

static StoreStamp take_stamp(Cursor *c)
{
	StoreStamp s = { .device = take_number(c) };
	s.inode = take_number(c);
	s.size = take_number(c);
	s.modified_ns = (int64_t)take_number(c);
	s.changed_ns = (int64_t)take_number(c);
	return s;
}

/* How many things of at least LEAST bytes follow: never more than the bytes that are left hold. */
static size_t take_count(Cursor *c, size_t least)
{
	uint64_t count = take_number(c);
	if (count > c->rest.len / least)
		c->bad = true;
	return c->bad ? 0 : (size_t)count;
}

static CatalogName take_name(Cursor *c, Arena *a)
{
	/* texts are NUL-terminated everywhere else: copied */
	CatalogName name = { .ref.name = arena_str(a, take_text(c)) };
	StoreRef *ref = &name.ref;
	name.file = take_stamp(c);
	ref->config = take_digest(c);
	ref->manifest = take_digest(c);
	ref->pulled = take_digest(c);
	ref->variant_count = take_count(c, sizeof(uint64_t) + 2 * sizeof(Digest));
	if (ref->variant_count)
		ref->variants = arena_alloc(a, ref->variant_count * sizeof *ref->variants,
		                            _Alignof(StoreVariant));
	for (size_t i = 0; i < ref->variant_count; i++) {
		ref->variants[i] = (StoreVariant){ .platform = arena_str(a, take_text(c)) };
		ref->variants[i].config = take_digest(c);
		ref->variants[i].manifest = take_digest(c);
	}
	return name;
}

static CatalogImage take_image(Cursor *c)
{
	CatalogImage image = { .summary.id = take_digest(c) };
	image.summary.config_bytes = take_number(c);
	image.summary.created_ns = (int64_t)take_number(c);
	image.summary.size_bytes = take_number(c);
	return image;
}

/* TEXT without head and check, if both are right. */
static bool open_text(Str *text)
{
	if (!str_starts(*text, MAGIC) || text->len < MAGIC.len + sizeof(Digest))
		return false;
	Str body = str_head(*text, text->len - sizeof(Digest));
	Digest is = sha256_of(body);
	*text = str_from_at(body, MAGIC.len);
	return memcmp(is.bytes, body.ptr + body.len, sizeof is.bytes) == 0;
}

bool store_catalog_read(Store *s, Arena *a, CatalogFile *ret)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	int errnum;
	if (!store_read_small(s, "catalog", &bytes, &errnum))
		return false;
	Cursor c = { .rest = buf_str(&bytes) };
	if (!open_text(&c.rest))
		return false;
	CatalogFile f = { .refs_dir = take_stamp(&c) };
	f.blobs_dir = take_stamp(&c);
	f.name_count = take_count(&c, 5 * sizeof(uint64_t) + 3 * sizeof(Digest));
	f.names = arena_alloc(a, (f.name_count + 1) * sizeof *f.names, _Alignof(CatalogName));
	for (size_t i = 0; i < f.name_count; i++)
		f.names[i] = take_name(&c, a);
	f.image_count = take_count(&c, 3 * sizeof(uint64_t) + sizeof(Digest));
	f.images = arena_alloc(a, (f.image_count + 1) * sizeof *f.images, _Alignof(CatalogImage));
	for (size_t i = 0; i < f.image_count; i++)
		f.images[i] = take_image(&c);
	*ret = f;
	return !c.bad;
}
