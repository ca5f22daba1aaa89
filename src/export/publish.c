/*
 * publish.c - an image's manifest, and the blobs that it names.
 *
 * A built image has none: its layers are directories and plain tars.  The first push, save or
 * publish makes compressed blobs and a manifest, and fixes it at the image's names, so that the
 * digest stays the same wherever the image goes.  A pulled or loaded one keeps the manifest that it
 * came with.  Who asks for another compression, for annotations or for docker's media types gets a
 * manifest of his own (export.h, FIXED).
 *
 * A layer that was pulled keeps its blob, whatever its compression: it is in registries already,
 * and compressing it again would send it all again.  force-compression=true says otherwise, and so
 * does --compression of push and publish: what is not compressed so already is compressed again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/parallel.h"
#include "export/export-internal.h"
#include "layer/layer.h"

/* Layers packed at once: compression has threads of its own; two keep them fed. */
enum { PACK_LAYERS = 2 };

/* --- the one that is fixed ------------------------------------------------------------------- */

/* Manifest D if it and all it names are in the store; *ret_whole false: it is of no use. */
static Err *read_whole(Store *s, const Image *image, const Digest *d, Arena *a, ExportManifest *ret,
                       bool *ret_whole)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_BUF Buf json = BUF_INIT;
	*ret_whole = false;
	if (digest_is_zero(d) || !store_blob_exists(s, d, NULL))
		return NULL;
	TRY(store_blob_read(s, d, MANIFEST_BYTES_MAX, &json));
	ret->json = arena_str(a, buf_str(&json));
	ret->digest = *d;
	TRY(manifest_parse(a, ret->json, digest_text(d, text).ptr, &ret->manifest));
	const Manifest *m = &ret->manifest;
	if (!digest_eq(&m->config.digest, &image->id) ||
	    m->layer_count != image->config.diff_id_count)
		return err_new(ERR_CORRUPT, "the manifest %s is of another image", text);
	for (size_t i = 0; i <= m->layer_count; i++) {
		const Descriptor *blob = i < m->layer_count ? &m->layers[i] : &m->config;
		uint64_t size;
		if (!store_blob_exists(s, &blob->digest, &size) || size != blob->size)
			return NULL;
	}
	*ret_whole = true;
	return NULL;
}

/* One that is damaged is as good as none: another is made. */
static Err *try_fixed(Store *s, const Image *image, const Digest *d, Arena *a, ExportManifest *ret,
                      bool *ret_whole)
{
	Err *err = read_whole(s, image, d, a, ret, ret_whole);
	if (!err || err_kind(err) != ERR_CORRUPT)
		return err;
	*ret_whole = false;
	err_free(err);
	return NULL;
}

/* --- will it do? ----------------------------------------------------------------------------- */

/* Are all layers compressed as SPEC says, at whatever level? */
static bool is_compressed(const Manifest *m, const CompressionSpec *spec)
{
	Str wanted =
		spec->id == COMPRESSION_NONE ? STR("") : str_from(compressor_table[spec->id].name);
	for (size_t i = 0; i < m->layer_count; i++) {
		Str is;
		AUTO_ERR Err *e = manifest_layer_compression(m->layers[i].media_type, &is);
		if (e || !str_eq(is, wanted))
			return false;
	}
	return true;
}

static bool has_plain_layers(const Manifest *m)
{
	for (size_t i = 0; i < m->layer_count; i++)
		if (str_ends(m->layers[i].media_type, STR("tar")))
			return true;
	return false;
}

/*
 * Does the manifest that is fixed do?  What came from a registry stays as it is; what a save to a
 * docker archive fixed has plain layers, which nobody wants to push unless he says so.
 */
static bool will_do(const ExportManifest *fixed, const StoreRef *ref, const ExportRecipe *recipe)
{
	const Manifest *m = &fixed->manifest;
	bool docker = str_eqc(m->media_type, MEDIA_DOCKER_MANIFEST);
	bool same = recipe->same_will_do && is_compressed(m, &recipe->compression);
	if ((recipe->compression_set && !same) || recipe->annotation_count)
		return false;
	if (recipe->exact && m->annotation_count)
		return false;
	if (recipe->types != EXPORT_TYPES_ANY && docker != (recipe->types == EXPORT_TYPES_DOCKER))
		return false;
	return same || recipe->plain_will_do || !digest_is_zero(&ref->pulled) ||
	       !has_plain_layers(m);
}

static bool is_mark(Str name)
{
	return str_starts(name, STR("sha256:"));
}

/* Is REF one of the names that RECIPE is for?  An output without names is for the image's mark. */
static bool is_for(const ExportRecipe *recipe, const StoreRef *ref)
{
	if (recipe->names && recipe->name_count == 0)
		return is_mark(ref->name);
	for (size_t i = 0; recipe->names && i < recipe->name_count; i++)
		if (str_eq(recipe->names[i], ref->name))
			return true;
	return false;
}

static Err *try_ref(Store *s, const Image *image, const StoreRef *ref, const ExportRecipe *recipe,
                    Arena *a, ExportManifest *ret, bool *ret_found)
{
	const Digest *manifest = store_ref_manifest(ref, &image->id);
	*ret_found = false;
	if (!manifest)
		return NULL;
	TRY(try_fixed(s, image, manifest, a, ret, ret_found));
	*ret_found = *ret_found && will_do(ret, ref, recipe);
	return NULL;
}

/* One that will do: that of the name that the image was found under, of RECIPE's names, of any. */
static Err *find_fixed(Store *s, const Image *image, const ExportRecipe *recipe, Arena *a,
                       ExportManifest *ret, bool *ret_found)
{
	StoreRef *refs;
	size_t count;
	TRY(try_ref(s, image, &image->store_ref, recipe, a, ret, ret_found));
	if (*ret_found)
		return NULL;
	TRY(store_ref_list(s, a, &refs, &count));
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < count && !*ret_found; i++)
			if (is_for(recipe, &refs[i]) == (pass == 0))
				TRY(try_ref(s, image, &refs[i], recipe, a, ret, ret_found));
	return NULL;
}

static Err *is_whole(Store *s, const Image *image, const StoreRef *ref, bool *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ExportManifest m;
	return try_fixed(s, image, store_ref_manifest(ref, &image->id), &a, &m, ret);
}

/* Say that this is the image's manifest: at RECIPE's names (EVERYWHERE: at all), and at those that
 * have none yet unless it is of an output's own keys. */
static Err *fix(Store *s, const Image *image, const ExportRecipe *recipe, bool everywhere,
                const Digest *manifest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef *refs;
	size_t count;
	bool changed = false;
	TRY(store_ref_list(s, &a, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		const Digest *now = store_ref_manifest(&refs[i], &image->id);
		if (!now || digest_eq(now, manifest))
			continue;
		bool has_one = true;
		if (!everywhere && !is_for(recipe, &refs[i])) {
			if (!recipe->own)
				TRY(is_whole(s, image, &refs[i], &has_one));
			if (has_one)
				continue;
		}
		store_ref_set_manifest(&refs[i], &image->id, manifest);
		changed = true;
		TRY(store_ref_set(s, &refs[i]));
	}
	return changed ? store_layout_write(s) : NULL;
}

/* --- making one ------------------------------------------------------------------------------ */

typedef struct Packing {
	const ExportJob *job;
	const Image *image;
	const ExportRecipe *recipe;
	Descriptor *layers;
	CompressionId *compressions;
	CompressionSpec spec; /* the recipe's, with a pool */
} Packing;

/* The blob that the layer came with, if it came from elsewhere; best one that is compressed as
 * wanted. */
static Err *find_foreign(const Packing *p, const Digest *diff_id, StoreBlobOf *ret, bool *ret_found)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	*ret_found = false;
	TRY(store_map_list(p->job->store, diff_id, &a, &blobs, &count));
	for (size_t i = 0; i < count; i++) {
		bool wanted = blobs[i].compression == p->recipe->compression.id;
		if (blobs[i].level != 0 || (!wanted && (*ret_found || p->recipe->same_will_do)))
			continue;
		*ret = blobs[i];
		*ret_found = true;
		if (wanted)
			break;
	}
	return NULL;
}

static Err *pack_one(void *context, size_t i)
{
	const Packing *p = context;
	const ExportJob *job = p->job;
	const Digest *diff_id = &p->image->config.diff_ids[i];
	StoreBlobOf blob;
	bool found = false;
	TRY(cancel_check(job->cancel));
	if (!p->recipe->force)
		TRY(find_foreign(p, diff_id, &blob, &found));
	if (!found)
		TRY(layer_pack(job->store, diff_id, &p->spec, job->progress, job->line, job->cancel,
		               &blob));
	p->layers[i].digest = blob.digest;
	p->layers[i].size = blob.size;
	p->compressions[i] = blob.compression;
	return NULL;
}

static Str layer_type(Arena *a, bool docker, CompressionId compression)
{
	const char *name = compressor_table[compression].name;
	if (!docker)
		return arena_strf(a, "%s%s", MEDIA_OCI_LAYER,
		                  compressor_table[compression].media_suffix);
	return compression == COMPRESSION_NONE ? STR(MEDIA_DOCKER_LAYER)
	                                       : arena_strf(a, "%s.%s", MEDIA_DOCKER_LAYER, name);
}

static Err *make(const ExportJob *job, const Image *image, const ExportRecipe *recipe, Arena *a,
                 ExportManifest *ret)
{
	size_t count = image->config.diff_id_count;
	bool docker = recipe->types == EXPORT_TYPES_DOCKER;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m = {
		.media_type = docker ? STR(MEDIA_DOCKER_MANIFEST) : STR(MEDIA_OCI_MANIFEST),
		.config = { .media_type = docker ? STR(MEDIA_DOCKER_CONFIG) : STR(MEDIA_OCI_CONFIG),
		            .digest = image->id,
		            .size = image->config_json.len },
		.layer_count = count,
		.annotations = recipe->annotations,
		.annotation_count = recipe->annotation_count,
	};
	m.layers = arena_alloc(a, (count + 1) * sizeof *m.layers, _Alignof(Descriptor));
	AUTO_FREE CompressionId *compressions = xcalloc(count + 1, sizeof *compressions);
	AUTO_COMPRESS_POOL CompressPool *pool = compressor_pool_new(recipe->compression.threads);
	Packing p = { job, image, recipe, m.layers, compressions, recipe->compression };
	p.spec.pool = pool;
	TRY(parallel_each(count, PACK_LAYERS, pack_one, &p));
	for (size_t i = 0; i < count; i++)
		m.layers[i].media_type = layer_type(a, docker, compressions[i]);
	manifest_format(&m, &json);
	if (json.len > MANIFEST_BYTES_MAX)
		return err_note(err_new(ERR_INPUT, "the manifest is larger than %u MiB",
		                        MANIFEST_BYTES_MAX >> 20),
		                "long annotations make it so; no registry takes it");
	ret->json = arena_str(a, buf_str(&json));
	ret->manifest = m;
	return store_blob_put(job->store, ret->json, true, &ret->digest);
}

Err *export_manifest_get(const ExportJob *job, const Image *image, const ExportRecipe *recipe,
                         Arena *a, ExportManifest *ret)
{
	bool found;
	TRY(find_fixed(job->store, image, recipe, a, ret, &found));
	if (!found)
		TRY(make(job, image, recipe, a, ret));
	return fix(job->store, image, recipe, false, &ret->digest);
}

/* --- publish --------------------------------------------------------------------------------- */

Err *export_publish(Store *s, const Image *image, const CompressionSpec *compression,
                    Progress *progress, const Cancel *cancel, Arena *a, Str *ret_manifest_json,
                    Digest *ret_manifest)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	ExportManifest found;
	TRY(store_lock_gc(s, false, cancel, &gc));
	ExportRecipe recipe = { .compression = { .id = COMPRESSION_GZIP } };
	if (compression)
		recipe.compression = *compression;
	recipe.compression_set = compression != NULL;
	recipe.same_will_do = compression && compression->level == 0;
	recipe.force = compression && compression->level != 0;
	bool fixed;
	TRY(find_fixed(s, image, &recipe, a, &found, &fixed));
	if (!fixed) {
		ExportJob job = { .store = s, .progress = progress, .cancel = cancel };
		job.line = progress_begin(progress, STR(""), "exporting layers");
		Err *err = make(&job, image, &recipe, a, &found);
		progress_end(progress, job.line, err ? PROGRESS_ERROR : PROGRESS_DONE,
		             err ? err_cause(err) : STR(""));
		TRY(err);
	}
	TRY(fix(s, image, &recipe, !fixed, &found.digest));
	*ret_manifest_json = found.json;
	*ret_manifest = found.digest;
	return NULL;
}
