/*
 * catalog.c - all names and what is known of their images, believed only as far as it can be
 * checked.
 *
 * The directory of names changes its times whenever a name comes, moves or goes (each is a rename
 * or an unlink): as long as it has the times that it had when the catalog was made, all names are
 * as they were.  Otherwise each name's file is looked at, and only those that differ are read.  A
 * time that was younger than SETTLED_NS then is not believed: the next change might have had the
 * same one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "store/catalog-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

/* File systems with whole seconds are the coarsest. */
#define SETTLED_NS 2000000000ll
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
	Map by_id; /* the bytes of an ID → CatalogImage */
	size_t changes;
};

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static StoreStamp stamp_of(const struct stat *st)
{
	return (StoreStamp){ .device = st->st_dev,
		             .inode = st->st_ino,
		             .size = (uint64_t)st->st_size,
		             .modified_ns = nanoseconds(st->st_mtim),
		             .changed_ns = nanoseconds(st->st_ctim) };
}

static bool same_stamp(const StoreStamp *a, const StoreStamp *b)
{
	return a->inode && a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

/* S as it may be written down: a later change would show. */
static StoreStamp settled(StoreStamp s, int64_t now_ns)
{
	return s.changed_ns + SETTLED_NS < now_ns ? s : (StoreStamp){ 0 };
}

static StoreStamp stamp_at(const Store *s, const char *path)
{
	struct stat st;
	return fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? (StoreStamp){ 0 }
	                                                              : stamp_of(&st);
}

/* --- names ------------------------------------------------------------------------------------ */

static void map_files(const CatalogFile *file, Arena *a, Map *map)
{
	for (size_t i = 0; i < file->name_count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		store_ref_path(file->names[i].ref.name, &path);
		(void)map_put(map, arena_str(a, buf_str(&path)), &file->names[i]);
	}
}

/* The name in FILE: from the catalog, if its file is the one that was read then. */
static Err *read_name(StoreCatalog *c, int dir, const char *file, const Map *known, int64_t now_ns,
                      NameVec *names)
{
	char path[300];
	struct stat st;
	bool found = true;
	if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL; /* gone meanwhile is fine */
	CatalogName name = { .file = stamp_of(&st) };
	int len = snprintf(path, sizeof path, "refs/%s", file);
	const CatalogName *old = map_get(known, (Str){ path, (size_t)len });
	if (old && same_stamp(&old->file, &name.file)) {
		name.ref = old->ref;
	} else {
		c->changes++;
		name.file = settled(name.file, now_ns);
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
	map_files(&c->file, &c->arena, &known);
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
	StoreStamp dir = stamp_at(c->store, "refs");
	c->blobs_dir = stamp_at(c->store, "blobs/sha256");
	if (!store_catalog_read(c->store, &c->arena, &c->file))
		c->file = (CatalogFile){ 0 };
	c->now.refs_dir = settled(dir, now_ns);
	c->now.blobs_dir = settled(c->blobs_dir, now_ns);
	if (same_stamp(&c->file.refs_dir, &dir)) {
		c->now.names = c->file.names;
		c->now.name_count = c->file.name_count;
	} else {
		TRY(read_names(c, now_ns));
	}
	for (size_t i = 0; i < c->file.image_count; i++) {
		CatalogImage *image = &c->file.images[i];
		(void)map_put(&c->by_id, (Str){ (char *)image->summary.id.bytes, sizeof(Digest) },
		              image);
	}
	return NULL;
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
	CatalogImage *image = map_get(&c->by_id, (Str){ (char *)id->bytes, sizeof *id });
	uint64_t bytes;
	if (!image)
		return NULL;
	if (!image->seen)
		image->seen = same_stamp(&c->file.blobs_dir, &c->blobs_dir) ||
		              (store_blob_exists(c->store, id, &bytes) &&
		               bytes == image->summary.config_bytes);
	image->used = image->seen;
	return image->seen ? &image->summary : NULL;
}

void store_catalog_add(StoreCatalog *c, const StoreSummary *summary)
{
	CatalogImage *image = arena_new(&c->arena, CatalogImage);
	*image = (CatalogImage){ .summary = *summary, .seen = true, .used = true };
	(void)map_put(&c->by_id, (Str){ (char *)image->summary.id.bytes, sizeof(Digest) }, image);
	c->changes++;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The directories have other times: worth it when there is much to look at one by one. */
static bool is_worth_it(const StoreCatalog *c)
{
	struct stat st;
	bool moved = !same_stamp(&c->file.refs_dir, &c->now.refs_dir) ||
	             !same_stamp(&c->file.blobs_dir, &c->now.blobs_dir);
	bool settles = c->now.refs_dir.inode && c->now.blobs_dir.inode;
	if (c->changes < CHANGES_MIN && !(moved && settles && c->now.name_count >= CHANGES_MIN))
		return false;
	/* root, looking at somebody's store, leaves nothing of its own there */
	return fstat(c->store->dir_fd, &st) == 0 && st.st_uid == geteuid();
}

static Err *save(StoreCatalog *c)
{
	AUTO_BUF Buf text = BUF_INIT;
	CatalogFile out = c->now;
	out.images = arena_alloc(&c->arena, (c->by_id.len + 1) * sizeof *out.images,
	                         _Alignof(CatalogImage));
	for (size_t i = 0; i < c->by_id.len; i++) {
		const CatalogImage *image = c->by_id.slots[i].value;
		if (image->used)
			out.images[out.image_count++] = *image;
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
