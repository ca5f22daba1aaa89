/*
 * catalog.c - all names and what is known of their images, believed only as far as it can be
 * checked.
 *
 * The directory of names changes its times whenever a name comes, moves or goes (each is a rename
 * or an unlink): as long as it has the times that it had when the catalog was made, all names are
 * as they were.  Otherwise each name's file is looked at, and only those that differ are read.  A
 * time that was younger than two seconds then is not believed: the next change might have had the
 * same one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "store/catalog-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Fewer changes than this are cheaper to read again than to write down. */
enum { CHANGES_MIN = 32 };

typedef VEC(CatalogName) NameVec;

struct StoreCatalog {
	Store *store;
	Arena arena;
	CatalogFile file;     /* as it was read; .images too when it is written */
	CatalogFile now;      /* names as they are */
	StoreStamp blobs_dir; /* as it is */
	StoreRef *refs;
	Map by_id; /* the bytes of an ID → CatalogImage: images_by_id() */
	bool mapped;
	size_t changes;
};

/* --- names ------------------------------------------------------------------------------------ */

static Str inode_key(const StoreStamp *stamp)
{
	return (Str){ (const char *)&stamp->inode, sizeof stamp->inode };
}

/* A name's file is known by what it is, not by what it is called: the name stands inside. */
static void map_files(const CatalogFile *file, Map *map)
{
	for (size_t i = 0; i < file->name_count; i++)
		if (file->names[i].file.inode)
			(void)map_put(map, inode_key(&file->names[i].file), &file->names[i]);
}

/* The name in FILE: from the catalog, if its file is the one that was read then. */
static Err *read_name(StoreCatalog *c, int dir, const char *file, const Map *known, int64_t now_ns,
                      NameVec *names)
{
	struct stat st;
	bool found = true;
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* gone meanwhile is fine */
	CatalogName name = { .file = store_stamp_of(&st) };
	const CatalogName *old = map_get(known, inode_key(&name.file));
	if (old && store_stamp_same(&old->file, &name.file)) {
		name.ref = old->ref;
	} else {
		c->changes++;
		name.file = store_stamp_settled(name.file, now_ns);
		TRY(store_ref_read(c->store, file, &c->arena, &name.ref, &found));
	}
	if (found)
		VEC_PUSH(names, name);
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const CatalogName *)a)->ref.name, ((const CatalogName *)b)->ref.name);
}

static Err *read_names(StoreCatalog *c, int64_t now_ns)
{
	int fd = -1;
	TRY(store_subdir(c->store, "refs", &fd));
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(errno, "cannot read '%s/refs'", c->store->path);
	}
	AUTO_MAP Map known = MAP_INIT;
	AUTO_VEC NameVec names = { 0 };
	Err *e = NULL;
	map_files(&c->file, &known);
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			e = read_name(c, fd, d->d_name, &known, now_ns, &names);
	(void)closedir(dir);
	TRY(e);
	if (names.len != c->file.name_count)
		c->changes++;
	c->now.name_count = names.len;
	c->now.names =
		arena_alloc(&c->arena, (names.len + 1) * sizeof *names.at, _Alignof(CatalogName));
	if (names.len) {
		qsort(names.at, names.len, sizeof *names.at, by_name);
		memcpy(c->now.names, names.at, names.len * sizeof *names.at);
	}
	return NULL;
}

static Err *fill(StoreCatalog *c)
{
	int64_t now_ns = clock_real_ns();
	StoreStamp dir = store_stamp_at(c->store, "refs");
	c->blobs_dir = store_stamp_at(c->store, "blobs/sha256");
	if (!store_catalog_read(c->store, &c->arena, &c->file))
		c->file = (CatalogFile){ 0 };
	c->now.refs_dir = store_stamp_settled(dir, now_ns);
	c->now.blobs_dir = store_stamp_settled(c->blobs_dir, now_ns);
	if (store_stamp_same(&c->file.refs_dir, &dir)) {
		c->now.names = c->file.names;
		c->now.name_count = c->file.name_count;
	} else {
		TRY(read_names(c, now_ns));
	}
	return NULL;
}

/* The images by their ID, once somebody asks for one. */
static Map *images_by_id(StoreCatalog *c)
{
	for (size_t i = 0; i < c->file.image_count && !c->mapped; i++) {
		CatalogImage *image = &c->file.images[i];
		(void)map_put(&c->by_id, store_digest_key(&image->summary.id), image);
	}
	c->mapped = true;
	return &c->by_id;
}

Err *store_catalog_open(Store *s, StoreCatalog **ret)
{
	StoreCatalog *c = xcalloc(1, sizeof *c);
	c->store = s;
	Err *e = fill(c);
	if (e) {
		c->changes = 0;
		store_catalog_close(c);
		return e;
	}
	c->refs = arena_alloc(&c->arena, (c->now.name_count + 1) * sizeof *c->refs,
	                      _Alignof(StoreRef));
	for (size_t i = 0; i < c->now.name_count; i++)
		c->refs[i] = c->now.names[i].ref;
	*ret = c;
	return NULL;
}

const StoreRef *store_catalog_refs(const StoreCatalog *c, size_t *ret_count)
{
	*ret_count = c->now.name_count;
	return c->refs;
}

/* --- images ----------------------------------------------------------------------------------- */

const StoreSummary *store_catalog_find(StoreCatalog *c, const Digest *id)
{
	CatalogImage *image = map_get(images_by_id(c), store_digest_key(id));
	uint64_t bytes;
	if (!image)
		return NULL;
	if (!image->seen)
		image->seen = store_stamp_same(&c->file.blobs_dir, &c->blobs_dir) ||
		              (store_blob_exists(c->store, id, &bytes) &&
		               bytes == image->summary.config_bytes);
	return image->seen ? &image->summary : NULL;
}

void store_catalog_add(StoreCatalog *c, const StoreSummary *summary)
{
	CatalogImage *image = arena_new(&c->arena, CatalogImage);
	*image = (CatalogImage){ .summary = *summary, .seen = true };
	(void)map_put(images_by_id(c), store_digest_key(&image->summary.id), image);
	c->changes++;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The directories have other times: worth it when there is much to look at one by one. */
static bool is_worth_it(const StoreCatalog *c)
{
	bool moved = !store_stamp_same(&c->file.refs_dir, &c->now.refs_dir) ||
	             !store_stamp_same(&c->file.blobs_dir, &c->now.blobs_dir);
	bool settles = c->now.refs_dir.inode && c->now.blobs_dir.inode;
	if (c->changes < CHANGES_MIN && !(moved && settles && c->now.name_count >= CHANGES_MIN))
		return false;
	return store_is_own(c->store);
}

/* What is known of the image ID, once, and only if a name still leads to it. */
static void keep_image(StoreCatalog *c, const Digest *id, CatalogFile *out)
{
	CatalogImage *image = map_get(images_by_id(c), store_digest_key(id));
	if (!image || image->kept)
		return;
	image->kept = true;
	out->images[out->image_count++] = *image;
}

static Err *save(StoreCatalog *c)
{
	AUTO_BUF Buf text = BUF_INIT;
	CatalogFile out = c->now;
	out.image_count = 0;
	out.images = arena_alloc(&c->arena, (images_by_id(c)->len + 1) * sizeof *out.images,
	                         _Alignof(CatalogImage));
	for (size_t i = 0; i < out.name_count; i++) {
		const StoreRef *ref = &out.names[i].ref;
		keep_image(c, &ref->config, &out);
		for (size_t k = 0; k < ref->variant_count; k++)
			keep_image(c, &ref->variants[k].config, &out);
	}
	store_catalog_text(&out, &text);
	return store_write_small(c->store, "catalog", buf_str(&text), false);
}

void store_catalog_close(StoreCatalog *c)
{
	if (is_worth_it(c))
		err_free(save(c)); /* a full or read-only disk: the next one reads again */
	map_done(&c->by_id);
	arena_done(&c->arena);
	free(c);
}

Err *store_ref_list(Store *s, Arena *a, StoreRef **ret, size_t *ret_count)
{
	AUTO_CATALOG StoreCatalog *c = NULL;
	TRY(store_catalog_open(s, &c));
	size_t count = c->now.name_count;
	StoreRef *refs = arena_alloc(a, (count + 1) * sizeof *refs, _Alignof(StoreRef));
	for (size_t i = 0; i < count; i++) {
		refs[i] = c->refs[i];
		refs[i].name = arena_str(a, refs[i].name);
		refs[i].variants = NULL;
		if (!refs[i].variant_count)
			continue;
		refs[i].variants = arena_alloc(a, refs[i].variant_count * sizeof *refs[i].variants,
		                               _Alignof(StoreVariant));
		for (size_t k = 0; k < refs[i].variant_count; k++) {
			refs[i].variants[k] = c->refs[i].variants[k];
			refs[i].variants[k].platform = arena_str(a, refs[i].variants[k].platform);
		}
	}
	*ret = refs;
	*ret_count = count;
	return NULL;
}
