/*
 * export.c - a build's records and their layers → a cache elsewhere.
 *
 * A layer goes as the blob that the destination has of it already; else as one that the store knows
 * (as pulled, or as pushed with the image); else it is compressed now.  So a second export of the
 * same build asks once and sends nothing, and one of a changed build sends what changed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/parallel.h"
#include "cache/cache-internal.h"
#include "layer/layer.h"

/* --- which layers ------------------------------------------------------------------------------
 */

static bool is_wanted(const Out *out, const CacheRecord *r)
{
	return out->to->max || r->in_result;
}

/* Each layer once, in the order of the steps. */
static void list_layers(Out *out)
{
	AUTO_MAP Map seen = MAP_INIT;
	const CacheRecords *r = out->x->records;
	out->layers = arena_alloc(out->arena, (r->record_count + 1) * sizeof(OutLayer),
	                          _Alignof(OutLayer));
	for (size_t i = 0; i < r->record_count; i++) {
		Str hex = digest_arena_hex(out->arena, &r->records[i].diff_id);
		if (!is_wanted(out, &r->records[i]) || map_find(&seen, hex))
			continue;
		(void)map_put(&seen, hex, NULL);
		out->layers[out->layer_count++] =
			(OutLayer){ .layer = { .diff_id = r->records[i].diff_id },
			            .identity = r->records[i].identity };
	}
	if (out->layer_count <= IMAGE_LAYERS_MAX)
		return;
	progress_warning(out->x->progress, out->line,
	                 "the cache keeps the first %d of %zu layers: no manifest may have more",
	                 IMAGE_LAYERS_MAX, out->layer_count);
	out->layer_count = IMAGE_LAYERS_MAX;
}

/* --- as which blobs ----------------------------------------------------------------------------
 */

static Str media_type_of(CompressionId id)
{
	static const char *const types[COMPRESSION_COUNT] = {
		[COMPRESSION_NONE] = MEDIA_OCI_LAYER,
		[COMPRESSION_GZIP] = MEDIA_OCI_LAYER "+gzip",
		[COMPRESSION_ZSTD] = MEDIA_OCI_LAYER "+zstd",
	};
	return str_from(types[id]);
}

/* *ret_id: by its media type.  ERR_INPUT: no layer's. */
static Err *compression_of(const Descriptor *d, CompressionId *ret)
{
	Str name;
	TRY(manifest_layer_compression(d->media_type, &name));
	for (size_t i = 0; i < COMPRESSION_COUNT; i++)
		if (str_eqc(name, i == COMPRESSION_NONE ? "" : compressor_table[i].name))
			*ret = (CompressionId)i;
	return NULL;
}

/* Forced, a level that was asked for counts: only of our own blobs do we know it. */
static bool is_level_forced(const Out *out)
{
	return out->to->force_compression && out->to->compression.level != 0;
}

static bool is_known_with_level(const Out *out, const OutLayer *layer, const Digest *blob)
{
	StoreBlobOf *blobs;
	size_t count;
	AUTO_ERR Err *e =
		store_map_list(out->x->store, &layer->layer.diff_id, out->arena, &blobs, &count);
	for (size_t i = 0; !e && i < count; i++)
		if (digest_eq(&blobs[i].digest, blob))
			return blobs[i].level == out->to->compression.level;
	return false; /* made anew: the same bytes if it is of this level */
}

/* A blob that somebody else has: ours to name if it is a layer's, and as it was asked for.  What is
 * not in the store cannot be made anew: its level is as it is. */
static bool is_usable(const Out *out, const Descriptor *d, OutLayer *layer)
{
	CompressionId id = COMPRESSION_NONE;
	AUTO_ERR Err *e = compression_of(d, &id);
	if (e || d->foreign || (out->to->force_compression && id != out->to->compression.id))
		return false;
	if (layer->stored && is_level_forced(out) && id != COMPRESSION_NONE &&
	    !is_known_with_level(out, layer, &d->digest))
		return false;
	layer->blob = (Descriptor){ .media_type = media_type_of(id),
		                    .digest = d->digest,
		                    .size = d->size };
	return true;
}

/* The layer as the destination has it: its blob, and its marks if they are of the same identity. */
static bool find_at_destination(const Out *out, OutLayer *layer)
{
	const CacheRecords *old = &out->old_records;
	size_t at = 0;
	while (out->has_old && at < old->layer_count &&
	       !digest_eq(&old->layers[at].diff_id, &layer->layer.diff_id))
		at++;
	if (!out->has_old || at == old->layer_count)
		return false;
	for (size_t i = 0; i < old->record_count && !layer->has_marks; i++)
		layer->has_marks = digest_eq(&old->records[i].diff_id, &layer->layer.diff_id) &&
		                   digest_eq(&old->records[i].identity, &layer->identity);
	if (layer->has_marks)
		layer->layer = old->layers[at];
	return layer->there = is_usable(out, &out->old.manifest.layers[at], layer);
}

/* A blob of the store that need not be made: as asked for if there is one, else any. */
static Err *find_made(const Out *out, OutLayer *layer, bool *ret_found)
{
	StoreBlobOf *blobs;
	const StoreBlobOf *best = NULL;
	size_t count;
	TRY(store_map_list(out->x->store, &layer->layer.diff_id, out->arena, &blobs, &count));
	for (size_t i = 0; i < count; i++) {
		bool fits = blobs[i].compression == out->to->compression.id;
		uint64_t size;
		if (is_level_forced(out) && blobs[i].level != out->to->compression.level)
			continue;
		if (!store_blob_exists(out->x->store, &blobs[i].digest, &size) ||
		    size != blobs[i].size || (out->to->force_compression && !fits))
			continue;
		if (!best || (fits && best->compression != out->to->compression.id))
			best = &blobs[i];
	}
	*ret_found = best != NULL;
	if (best)
		layer->blob = (Descriptor){ .media_type = media_type_of(best->compression),
			                    .digest = best->digest,
			                    .size = best->size };
	return NULL;
}

/* Who has it, if it is not in the store: blob and marks are his. */
static void find_source(const Out *out, OutLayer *layer)
{
	CacheSources *sources = out->x->sources;
	CacheBlob blob;
	for (size_t at = 0;
	     sources && cache_sources_layer(sources, &layer->layer.diff_id, at, &blob); at++) {
		if (!layer->has_marks) {
			layer->layer = *blob.layer;
			layer->has_marks = true;
		}
		if (layer->blob.size || is_usable(out, blob.blob, layer)) {
			layer->origin = blob;
			return;
		}
	}
}

Err *cache_layer_mark(Store *s, Arena *a, CacheLayer *layer)
{
	AUTO_LIST List *list = NULL;
	AUTO_BUF Buf marks = BUF_INIT;
	bool all;
	TRY(store_layer_list(s, &layer->diff_id, &list));
	list_marks(list, &marks, &all);
	layer->marked = !all;
	layer->marks = arena_str(a, buf_str(&marks));
	return NULL;
}

/* A layer that came with an image is in the store without marks: then they are a source's. */
static Err *find_marks(Out *out, OutLayer *layer, const StoreLayer *stored)
{
	CacheBlob blob;
	if (layer->has_marks)
		return NULL;
	layer->has_marks = true;
	if (digest_eq(&stored->identity, &layer->identity))
		return cache_layer_mark(out->x->store, out->arena, &layer->layer);
	layer->has_marks = out->x->sources &&
	                   cache_sources_layer(out->x->sources, &layer->layer.diff_id, 0, &blob);
	if (layer->has_marks)
		layer->layer = *blob.layer;
	return NULL;
}

/* Blob and marks of one layer, of those that need no work. */
static Err *find_layer(Out *out, OutLayer *layer)
{
	StoreLayer stored;
	Err *e = store_layer_get(out->x->store, &layer->layer.diff_id, &stored);
	layer->stored = !e;
	bool found = find_at_destination(out, layer);
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* never fetched, or gone meanwhile */
	if (!layer->stored) {
		find_source(out, layer);
		return NULL;
	}
	TRY(find_marks(out, layer, &stored));
	return found ? NULL : find_made(out, layer, &found);
}

static Err *pack_layer(void *context, size_t i)
{
	Out *out = context;
	OutLayer *layer = &out->layers[i];
	StoreBlobOf made;
	TRY(cancel_check(out->x->cancel));
	if (layer->blob.size || !layer->stored || !layer->has_marks)
		return NULL;
	TRY(layer_pack(out->x->store, &layer->layer.diff_id, &out->to->compression,
	               out->x->progress, out->line, out->x->cancel, &made));
	layer->blob = (Descriptor){ .media_type = media_type_of(made.compression),
		                    .digest = made.digest,
		                    .size = made.size };
	return NULL;
}

/* First what is known (cheap, in order), then what has to be compressed, side by side. */
static Err *choose_blobs(Out *out)
{
	for (size_t i = 0; i < out->layer_count; i++)
		TRY(find_layer(out, &out->layers[i]));
	TRY(parallel_each(out->layer_count, 0, pack_layer, out));
	size_t kept = 0;
	for (size_t i = 0; i < out->layer_count; i++)
		if (out->layers[i].blob.size && out->layers[i].has_marks)
			out->layers[kept++] = out->layers[i];
	if (kept < out->layer_count)
		progress_note(out->x->progress, out->line,
		              "%zu layers are neither here nor in a cache: left out",
		              out->layer_count - kept);
	out->layer_count = kept;
	return NULL;
}

Err *cache_out_open(void *context, Reader **ret)
{
	const OutBlob *b = context;
	const CacheExport *x = b->out->x;
	if (b->layer->origin.source)
		return cache_blob_open(b->layer->origin.source, b->layer->origin.blob, NULL, 0,
		                       ret);
	const Descriptor *d = &b->layer->blob;
	return store_blob_reader(x->store, &d->digest, d->size, x->cancel, ret);
}

/* --- the documents -----------------------------------------------------------------------------
 */

/* First those whose layers go, then the others, which are the first to go if there is no room. */
static size_t choose_records(const Out *out, CacheRecords *r)
{
	const CacheRecords *all = out->x->records;
	size_t wanted = 0;
	r->records = arena_alloc(out->arena, (all->record_count + 1) * sizeof(CacheRecord),
	                         _Alignof(CacheRecord));
	r->record_count = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < all->record_count && r->record_count < CACHE_RECORDS_MAX;
		     i++)
			if (is_wanted(out, &all->records[i]) == (pass == 0))
				r->records[r->record_count++] = all->records[i];
		wanted = pass == 0 ? r->record_count : wanted;
	}
	return wanted;
}

static Err *write_documents(Out *out)
{
	CacheRecords r = *out->x->records;
	AUTO_BUF Buf config = BUF_INIT, manifest = BUF_INIT;
	size_t count = out->layer_count, wanted = choose_records(out, &r);
	r.layers = arena_alloc(out->arena, (count + 1) * sizeof(CacheLayer), _Alignof(CacheLayer));
	r.layer_count = count;
	Descriptor *layers =
		arena_alloc(out->arena, (count + 1) * sizeof(Descriptor), _Alignof(Descriptor));
	for (size_t i = 0; i < count; i++) {
		r.layers[i] = out->layers[i].layer;
		layers[i] = out->layers[i].blob;
	}
	cache_records_format(&r, true, &config);
	if (config.len > IMAGE_CONFIG_BYTES_MAX && r.record_count > wanted) {
		r.record_count = wanted;
		buf_reset(&config);
		cache_records_format(&r, true, &config);
	}
	if (config.len > IMAGE_CONFIG_BYTES_MAX)
		return err_new(ERR_INPUT, "the records are larger than %u MiB",
		               IMAGE_CONFIG_BYTES_MAX >> 20);
	out->config_json = arena_str(out->arena, buf_str(&config));
	out->config = (Descriptor){ .media_type = STR(CACHE_MEDIA_RECORDS),
		                    .digest = sha256_of(out->config_json),
		                    .size = out->config_json.len };
	Manifest m = { .media_type = STR(MEDIA_OCI_MANIFEST),
		       .config = out->config,
		       .layers = layers,
		       .layer_count = count };
	manifest_format(&m, &manifest);
	out->manifest_json = arena_str(out->arena, buf_str(&manifest));
	out->manifest = sha256_of(out->manifest_json);
	return NULL;
}

/* --- the whole ---------------------------------------------------------------------------------
 */

/* What was found at the destination may be anything: it helps only if it is a cache of ours. */
static void read_old(Out *out)
{
	const RegistryImage *old = &out->old;
	if (!out->has_old || !str_eqc(old->manifest.config.media_type, CACHE_MEDIA_RECORDS)) {
		out->has_old = false;
		return;
	}
	Err *e = cache_records_parse(out->arena, old->config_json, "", &out->old_records);
	out->has_old = !e && out->old_records.layer_count == old->manifest.layer_count;
	err_free(e); /* it is replaced */
}

static bool is_unchanged(const Out *out)
{
	return out->has_old && digest_eq(&out->old.manifest_digest, &out->manifest);
}

static Err *make(Out *out)
{
	read_old(out);
	list_layers(out);
	TRY(choose_blobs(out));
	return write_documents(out);
}

static Err *to_registry(Out *out)
{
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(out->x->cancel, &registry));
	if (out->to->insecure)
		registry_trust(registry, out->to->ref.domain);
	TRY(cache_registry_look(registry, out));
	TRY(make(out));
	return is_unchanged(out) || !out->layer_count ? NULL : cache_registry_write(registry, out);
}

static Err *to_local(Out *out)
{
	CLEANUP(cache_local_close) LocalDir dir = LOCAL_DIR_NONE;
	TRY(cache_local_open(out, &dir));
	TRY(cache_local_look(&dir, out));
	TRY(make(out));
	return is_unchanged(out) || !out->layer_count ? NULL : cache_local_write(&dir, out);
}

static void tell_end(const Out *out)
{
	const CacheExport *x = out->x;
	if (!out->layer_count)
		progress_note(x->progress, out->line, "nothing to export: no step made a layer");
	else if (is_unchanged(out))
		progress_note(x->progress, out->line, "it is there already: %zu layers",
		              out->layer_count);
	else
		progress_note(x->progress, out->line, "%zu layers, %u blobs (%llu bytes) sent",
		              out->layer_count, out->sent_count,
		              (unsigned long long)out->sent_bytes);
	progress_end(x->progress, out->line, PROGRESS_DONE, STR(""));
}

Err *cache_export(const CacheExport *x, const CacheSpec *to)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Out out = { .x = x, .to = to, .arena = &a };
	if (to->type == CACHE_INLINE) /* it went with the image's config */
		return NULL;
	out.line =
		progress_begin(x->progress, STR(""), "exporting cache to %.*s", STR_ARG(to->shown));
	Err *e = to->type == CACHE_REGISTRY ? to_registry(&out) : to_local(&out);
	if (!e) {
		tell_end(&out);
		return NULL;
	}
	bool cancelled = err_kind(e) == ERR_CANCELLED;
	if (to->ignore_error && !cancelled) {
		progress_warning(x->progress, out.line, "the cache was not exported: %.*s",
		                 STR_ARG(err_cause(e)));
		progress_end(x->progress, out.line, PROGRESS_DONE, STR(""));
		err_free(e); /* as asked for */
		return NULL;
	}
	progress_end(x->progress, out.line, cancelled ? PROGRESS_CANCELED : PROGRESS_ERROR,
	             err_cause(e));
	return err_while(e, "exporting the cache to %.*s", STR_ARG(to->shown));
}
