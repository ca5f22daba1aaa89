/*
 * catalog_file.c - the bytes of the catalog (packed-internal.h).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/catalog-internal.h"
#include "store/packed-internal.h"

#define MAGIC    STR("decant-catalog 2\n")
#define MAGIC_V1 STR("decant-catalog 1\n")

/* --- writing ---------------------------------------------------------------------------------- */

static void put_name(Buf *out, const CatalogName *name)
{
	const StoreRef *ref = &name->ref;
	store_packed_put_text(out, ref->name);
	store_stamp_put(out, &name->file);
	store_packed_put_digest(out, &ref->config);
	store_packed_put_digest(out, &ref->manifest);
	store_packed_put_digest(out, &ref->pulled);
	store_packed_put_digest(out, &ref->index);
	store_packed_put_number(out, ref->variant_count);
	for (size_t i = 0; i < ref->variant_count; i++) {
		store_packed_put_text(out, ref->variants[i].platform);
		store_packed_put_digest(out, &ref->variants[i].config);
		store_packed_put_digest(out, &ref->variants[i].manifest);
	}
}

void store_catalog_text(const CatalogFile *file, Buf *out)
{
	buf_add_str(out, MAGIC);
	store_stamp_put(out, &file->refs_dir);
	store_stamp_put(out, &file->blobs_dir);
	store_packed_put_number(out, file->name_count);
	for (size_t i = 0; i < file->name_count; i++)
		put_name(out, &file->names[i]);
	store_packed_put_number(out, file->image_count);
	for (size_t i = 0; i < file->image_count; i++) {
		const StoreSummary *s = &file->images[i].summary;
		store_packed_put_digest(out, &s->id);
		store_packed_put_number(out, s->config_bytes);
		store_packed_put_number(out, (uint64_t)s->created_ns);
		store_packed_put_number(out, s->size_bytes);
	}
	store_packed_close(out);
}

/* --- reading ---------------------------------------------------------------------------------- */

static CatalogName take_name(StorePacked *c, Arena *a)
{
	/* texts are NUL-terminated everywhere else: copied */
	CatalogName name = { .ref.name = arena_str(a, store_packed_text(c)) };
	StoreRef *ref = &name.ref;
	name.file = store_stamp_take(c);
	ref->config = store_packed_digest(c);
	ref->manifest = store_packed_digest(c);
	ref->pulled = store_packed_digest(c);
	ref->index = store_packed_digest(c);
	ref->variant_count = store_packed_count(c, sizeof(uint64_t) + 2 * sizeof(Digest));
	if (ref->variant_count)
		ref->variants = arena_alloc(a, ref->variant_count * sizeof *ref->variants,
		                            _Alignof(StoreVariant));
	for (size_t i = 0; i < ref->variant_count; i++) {
		ref->variants[i] = (StoreVariant){ .platform = arena_str(a, store_packed_text(c)) };
		ref->variants[i].config = store_packed_digest(c);
		ref->variants[i].manifest = store_packed_digest(c);
	}
	return name;
}

static CatalogImage take_image(StorePacked *c)
{
	CatalogImage image = { .summary.id = store_packed_digest(c) };
	image.summary.config_bytes = store_packed_number(c);
	image.summary.created_ns = (int64_t)store_packed_number(c);
	image.summary.size_bytes = store_packed_number(c);
	return image;
}

bool store_catalog_read(Store *s, Arena *a, CatalogFile *ret)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	StorePacked c;
	if (!store_packed_read(s, "catalog", MAGIC, &bytes, &c))
		return false;
	CatalogFile f = { .refs_dir = store_stamp_take(&c) };
	f.blobs_dir = store_stamp_take(&c);
	f.name_count = store_packed_count(&c, 5 * sizeof(uint64_t) + 4 * sizeof(Digest));
	f.names = arena_alloc(a, (f.name_count + 1) * sizeof *f.names, _Alignof(CatalogName));
	for (size_t i = 0; i < f.name_count; i++)
		f.names[i] = take_name(&c, a);
	f.image_count = store_packed_count(&c, 3 * sizeof(uint64_t) + sizeof(Digest));
	f.images = arena_alloc(a, (f.image_count + 1) * sizeof *f.images, _Alignof(CatalogImage));
	for (size_t i = 0; i < f.image_count; i++)
		f.images[i] = take_image(&c);
	*ret = f;
	return !c.bad;
}

bool store_catalog_is_old(Store *s)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	StorePacked c;
	return store_packed_read(s, "catalog", MAGIC_V1, &bytes, &c);
}
