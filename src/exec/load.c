/*
 * load.c - an image archive → images with names.
 *
 * What kind it is, the members say: index.json makes it an OCI layout, manifest.json a docker
 * archive, or (an object, no array) a folder of skopeo's dir:.  One that has both (docker since 25,
 * and ours) is read as a layout: there every blob has a digest of its own, and the manifest that
 * was pulled or pushed stays the same.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/load-internal.h"

Err *load_config_read(const Spool *spool, const Member *m, size_t count, LoadImage *ret)
{
	AUTO_BUF Buf json = BUF_INIT;
	if (count > IMAGE_LAYERS_MAX)
		return err_new(ERR_CORRUPT, "an image of %zu layers (at most %d)", count,
		               IMAGE_LAYERS_MAX);
	TRY(load_spool_read_file(spool, m, IMAGE_CONFIG_BYTES_MAX, &json));
	ret->config_json = arena_str(spool->arena, buf_str(&json));
	ret->id = sha256_of(ret->config_json);
	TRY(err_set_kind(
		image_config_parse(spool->arena, ret->config_json, m->name.ptr, &ret->config),
		ERR_CORRUPT));
	if (ret->config.diff_id_count != count)
		return err_new(ERR_CORRUPT, "%.*s: %zu diff_ids, but the image has %zu layers",
		               STR_ARG(m->name), ret->config.diff_id_count, count);
	ret->layers =
		arena_alloc(spool->arena, (count + 1) * sizeof *ret->layers, _Alignof(LoadLayer));
	return NULL;
}

Err *load_name_add(const Spool *spool, LoadImage *image, Str name)
{
	Reference ref;
	TRY_WHILE(err_set_kind(reference_parse(spool->arena, name, &ref), ERR_CORRUPT),
	          "reading the name of an image");
	if (ref.tag.len == 0)
		return NULL; /* a digest alone is no name to keep it under */
	ref.has_digest = false;
	Str full = reference_full(spool->arena, &ref);
	for (size_t i = 0; i < image->name_count; i++)
		if (str_eq(image->names[i], full))
			return NULL;
	Str *names =
		arena_alloc(spool->arena, (image->name_count + 1) * sizeof *names, _Alignof(Str));
	if (image->name_count)
		memcpy(names, image->names, image->name_count * sizeof *names);
	names[image->name_count] = full;
	image->names = names;
	image->name_count++;
	return NULL;
}

/* --- results --------------------------------------------------------------------------------- */

static Str key_of(Arena *a, Str full, const Digest *id)
{
	return arena_strf(a, "%.*s %s", STR_ARG(full), digest_arena_hex(a, id).ptr);
}

/* Each name with each image that it has in the archive. */
static void list_names(const LoadImages *images, Arena *a, Map *ret)
{
	for (size_t i = 0; i < images->len; i++)
		for (size_t k = 0; k < images->at[i].name_count; k++)
			(void)map_put(ret, key_of(a, images->at[i].names[k], &images->at[i].id),
			              NULL);
}

/* Whose name FULL is until now. */
static Err *find_renamed(Store *s, const Map *names, Str full, Arena *a, Digest *ret)
{
	StoreRef old;
	Err *e = store_ref_get(s, full, a, &old);
	if (!e && !map_find(names, key_of(a, full, &old.config)))
		*ret = old.config;
	if (!e || err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_CORRUPT) {
		err_free(e); /* a free name, or one that is written anew */
		return NULL;
	}
	return e;
}

/* Before the names are set. */
static Err *fill_loaded(Store *s, const LoadImages *images, Arena *a, Loaded **ret,
                        size_t *ret_count)
{
	size_t count = 0;
	for (size_t i = 0; i < images->len; i++)
		count += images->at[i].name_count ? images->at[i].name_count : 1;
	Loaded *loaded = arena_alloc(a, (count + 1) * sizeof *loaded, _Alignof(Loaded));
	AUTO_MAP Map told = MAP_INIT, names = MAP_INIT;
	list_names(images, a, &names);
	count = 0;
	for (size_t i = 0; i < images->len; i++) {
		const LoadImage *image = &images->at[i];
		if (image->name_count == 0)
			loaded[count++] = (Loaded){ .name = STR(""), .id = image->id };
		for (size_t j = 0; j < image->name_count; j++) {
			Reference ref;
			TRY(reference_parse(a, image->names[j], &ref));
			Str name = reference_familiar(a, &ref);
			if (map_find(&told, name))
				continue; /* of several platforms: once */
			(void)map_put(&told, name, NULL);
			Loaded one = { .name = name, .id = image->id };
			TRY(find_renamed(s, &names, image->names[j], a, &one.renamed));
			loaded[count++] = one;
		}
	}
	*ret = loaded;
	*ret_count = count;
	return NULL;
}

static Err *read_documents(Spool *spool, LoadImages *images)
{
	const Member *index = NULL, *manifest = NULL;
	TRY(load_spool_find(spool, STR("index.json"), &index));
	if (!index)
		TRY(load_spool_find(spool, STR("manifest.json"), &manifest));
	if (!index && !manifest)
		return err_note(err_new(ERR_CORRUPT,
		                        "no image archive: it has neither 'index.json' nor "
		                        "'manifest.json'"),
		                "a root file system becomes an image by 'decant import'");
	if (index)
		TRY(load_oci_read(spool, images));
	else
		TRY(load_docker_read(spool, manifest, images, &spool->flat));
	if (spool->flat)
		TRY(load_flat_read(spool, manifest, images));
	return images->len ? NULL : err_new(ERR_CORRUPT, "there is no image in it");
}

static Err *spool_archive(Spool *spool, Reader *in)
{
	AUTO_READER Reader *peek = NULL;
	AUTO_READER Reader *tar = NULL;
	bool empty;
	TRY(load_unwrap(in, &peek, &tar, &empty));
	if (empty)
		return err_new(ERR_INPUT, "it is empty");
	return load_spool_read(spool, tar);
}

static Err *load_into(Spool *spool, Reader *in, const LoadWanted *wanted, LoadImages *images,
                      Arena *a, Loaded **ret, size_t *ret_count)
{
	if (in)
		TRY(spool_archive(spool, in));
	TRY(read_documents(spool, images));
	if (wanted && wanted->count)
		TRY(load_wanted_keep(spool, wanted, images));
	TRY(fill_loaded(spool->store, images, a, ret, ret_count));
	return load_commit(spool, images);
}

/* IN NULL: of the folder DIR_FD. */
static Err *load(Store *s, Reader *in, int dir_fd, const char *name, const LoadWanted *wanted,
                 const Cancel *cancel, Arena *a, Loaded **ret, size_t *ret_count)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	AUTO_ARENA Arena arena = ARENA_INIT;
	Map members = MAP_INIT;
	Spool spool = {
		.store = s, .dir_fd = dir_fd, .cancel = cancel, .arena = &arena, .members = &members
	};
	LoadImages images = { 0 };
	/* Nothing of it is named yet: gc may not run before the names say that it is needed. */
	TRY(store_lock_gc(s, false, cancel, &gc));
	TRY(store_tmp_fd(s, &spool.tmp_fd));
	Err *err = load_into(&spool, in, wanted, &images, a, ret, ret_count);
	load_spool_done(&spool);
	VEC_DONE(&images);
	return err_while(err, "loading '%s'", name);
}

Err *load_archive(Store *s, Reader *in, const char *name, const LoadWanted *wanted,
                  const Cancel *cancel, Arena *a, Loaded **ret, size_t *ret_count)
{
	AUTO_READER Reader *until = reader_until(in, cancel); /* zeros after its end, for ever */
	return load(s, until, -1, name, wanted, cancel, a, ret, ret_count);
}

Err *load_folder(Store *s, int dir_fd, const char *name, const LoadWanted *wanted,
                 const Cancel *cancel, Arena *a, Loaded **ret, size_t *ret_count)
{
	return load(s, NULL, dir_fd, name, wanted, cancel, a, ret, ret_count);
}
