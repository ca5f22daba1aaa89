/*
 * publish.c - an image's manifest, and the blobs that it names.
 *
 * A built image has none: its layers are directories and plain tars.  The first push, save or
 * publish makes compressed blobs and a manifest, and fixes it at the image's names, so that the
 * digest stays the same wherever the image goes.  A pulled or loaded one keeps the manifest that it
 * came with.
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

static Err *find_fixed(Store *s, const Image *image, Arena *a, ExportManifest *ret,
                       StoreRef *ret_ref, bool *ret_found)
{
	StoreRef *refs;
	size_t count;
	*ret_found = false;
	*ret_ref = image->store_ref;
	const Digest *manifest = store_ref_manifest(&image->store_ref, &image->id);
	if (manifest)
		TRY(try_fixed(s, image, manifest, a, ret, ret_found));
	if (*ret_found)
		return NULL;
	TRY(store_ref_list(s, a, &refs, &count));
	for (size_t i = 0; i < count && !*ret_found; i++) {
		manifest = store_ref_manifest(&refs[i], &image->id);
		if (!manifest)
			continue;
		*ret_ref = refs[i];
		TRY(try_fixed(s, image, manifest, a, ret, ret_found));
	}
	return NULL;
}

/* Say at all names of the image that this is its manifest. */
static Err *fix(Store *s, const Image *image, const Digest *manifest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(s, &a, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		if (!store_ref_has(&refs[i], &image->id))
			continue;
		store_ref_set_manifest(&refs[i], &image->id, manifest);
		TRY(store_ref_set(s, &refs[i]));
	}
	return store_layout_write(s);
}

/* --- making one ------------------------------------------------------------------------------ */

typedef struct Packing {
	const ExportJob *job;
	const Image *image;
	const CompressionSpec *spec;
	Descriptor *layers;
} Packing;

static Err *pack_one(void *context, size_t i)
{
	const Packing *p = context;
	const ExportJob *job = p->job;
	StoreBlobOf blob;
	TRY(cancel_check(job->cancel));
	TRY(layer_pack(job->store, &p->image->config.diff_ids[i], p->spec, job->progress, job->line,
	               job->cancel, &blob));
	p->layers[i].digest = blob.digest;
	p->layers[i].size = blob.size;
	return NULL;
}

static Err *make(const ExportJob *job, const Image *image, const CompressionSpec *spec, Arena *a,
                 ExportManifest *ret)
{
	size_t count = image->config.diff_id_count;
	const char *suffix = compressor_table[spec->id].media_suffix;
	AUTO_BUF Buf json = BUF_INIT;
	Manifest m = { .media_type = STR(MEDIA_OCI_MANIFEST),
		       .config = { .media_type = STR(MEDIA_OCI_CONFIG),
		                   .digest = image->id,
		                   .size = image->config_json.len },
		       .layer_count = count };
	m.layers = arena_alloc(a, (count + 1) * sizeof *m.layers, _Alignof(Descriptor));
	for (size_t i = 0; i < count; i++)
		m.layers[i].media_type = arena_strf(a, "%s%s", MEDIA_OCI_LAYER, suffix);
	Packing p = { job, image, spec, m.layers };
	TRY(parallel_each(count, PACK_LAYERS, pack_one, &p));
	manifest_format(&m, &json);
	ret->json = arena_str(a, buf_str(&json));
	ret->manifest = m;
	return store_blob_put(job->store, ret->json, true, &ret->digest);
}

Err *export_manifest_get(const ExportJob *job, const Image *image, const CompressionSpec *spec,
                         bool forced, Arena *a, ExportManifest *ret)
{
	StoreRef ref;
	bool fixed;
	TRY(find_fixed(job->store, image, a, ret, &ref, &fixed));
	if (fixed && !forced)
		return NULL;
	TRY(make(job, image, spec, a, ret));
	return fixed ? NULL : fix(job->store, image, &ret->digest);
}

/* --- publish --------------------------------------------------------------------------------- */

static bool has_plain_layers(const Manifest *m)
{
	for (size_t i = 0; i < m->layer_count; i++)
		if (str_ends(m->layers[i].media_type, STR("tar")))
			return true;
	return false;
}

/* Does the fixed manifest do?  What came from a registry stays as it is; what a save to a docker
 * archive fixed has plain layers, which nobody wants to push unless he says so. */
static bool will_do(const ExportManifest *fixed, const StoreRef *ref, const CompressionSpec *spec)
{
	bool asked = spec && (spec->id != COMPRESSION_GZIP || spec->level != 0);
	if (asked)
		return false;
	return !digest_is_zero(&ref->pulled) || !has_plain_layers(&fixed->manifest);
}

Err *export_publish(Store *s, const Image *image, const CompressionSpec *compression,
                    Progress *progress, const Cancel *cancel, Arena *a, Str *ret_manifest_json,
                    Digest *ret_manifest)
{
	static const CompressionSpec gzip = { .id = COMPRESSION_GZIP };
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	ExportManifest found;
	StoreRef ref;
	bool fixed;
	TRY(store_lock_gc(s, false, cancel, &gc));
	TRY(find_fixed(s, image, a, &found, &ref, &fixed));
	if (!fixed || !will_do(&found, &ref, compression)) {
		ExportJob job = { .store = s, .progress = progress, .cancel = cancel };
		job.line = progress_begin(progress, STR(""), "exporting layers");
		Err *err = make(&job, image, compression ? compression : &gzip, a, &found);
		progress_end(progress, job.line, err ? PROGRESS_ERROR : PROGRESS_DONE,
		             err ? err_cause(err) : STR(""));
		TRY(err);
		TRY(fix(s, image, &found.digest));
	}
	*ret_manifest_json = found.json;
	*ret_manifest = found.digest;
	return NULL;
}
