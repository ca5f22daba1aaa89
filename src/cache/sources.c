/*
 * sources.c - the caches that a build may look into: manifests and records, of all at once.
 *
 * A source that cannot be read is a warning and then an empty source.  What was read is constant
 * but for what gets dropped, which is one bit each.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/parallel.h"
#include "cache/cache-internal.h"
#include "oci/config.h"
#include "registry/layout.h"

#include <fcntl.h>

enum { READ_THREADS = 8 };

struct CacheSource {
	const CacheSpec *spec;
	CacheSources *all;
	Arena arena;
	RegistryImage image;
	Layout layout; /* CACHE_LOCAL; fd -1: not opened */
	CacheRecords records;
	Map by_key;             /* hex → CacheRecord */
	Map by_layer;           /* hex of the diff ID → CacheLayer */
	unsigned char *dropped; /* one a record; read and written atomically */
};

struct CacheSources {
	CacheSource *at;
	size_t count;
	Platform platform;
	Registry *registry;
	Progress *progress;
	const Cancel *cancel;
	bool read;
};

/* --- opening -----------------------------------------------------------------------------------
 */

Err *cache_sources_open(const CacheSpec *specs, size_t count, const Platform *platform,
                        Progress *progress, const Cancel *cancel, CacheSources **ret)
{
	AUTO_CACHE_SOURCES CacheSources *s = xcalloc(1, sizeof *s);
	s->at = xcalloc(count + 1, sizeof *s->at);
	s->count = count;
	s->platform = *platform;
	s->progress = progress;
	s->cancel = cancel;
	for (size_t i = 0; i < count; i++) {
		s->at[i].spec = &specs[i];
		s->at[i].all = s;
		s->at[i].layout.fd = -1;
		if (specs[i].type == CACHE_REGISTRY && !s->registry)
			TRY(registry_open(cancel, &s->registry));
		if (specs[i].insecure)
			registry_trust(s->registry, specs[i].ref.domain);
	}
	*ret = TAKE_PTR(s);
	return NULL;
}

void cache_sources_close(CacheSources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		CacheSource *source = &s->at[i];
		map_done(&source->by_key);
		map_done(&source->by_layer);
		free(source->dropped);
		if (source->layout.fd >= 0)
			close(source->layout.fd);
		arena_done(&source->arena);
	}
	if (s->registry)
		registry_close(s->registry);
	free(s->at);
	free(s);
}

/* --- reading one -------------------------------------------------------------------------------
 */

static Err *fetch_documents(CacheSource *s)
{
	const CacheSpec *spec = s->spec;
	const Platform *platform = &s->all->platform;
	if (spec->type == CACHE_REGISTRY)
		return registry_resolve_any(s->all->registry, &spec->ref, platform, &s->arena,
		                            &s->image);
	s->layout = (Layout){ openat(AT_FDCWD, spec->dir.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		              spec->dir.ptr };
	if (s->layout.fd < 0)
		return err_sys(errno, "cannot open the cache directory '%s'", spec->dir.ptr);
	return layout_resolve(&s->layout, spec->tag, spec->has_digest ? &spec->digest : NULL,
	                      platform, &s->arena, &s->image);
}

/* Records that lie in an image are about its own layers, in their order. */
static Err *read_inline(CacheSource *s, const char *name)
{
	ImageConfig config;
	TRY(image_config_parse(&s->arena, s->image.config_json, name, &config));
	if (!config.cache.len)
		return err_note(err_new(ERR_NOT_FOUND, "the image has no cache in it"),
		                "an image built with --cache-to type=inline has");
	TRY(cache_records_parse(&s->arena, config.cache, name, &s->records));
	bool same = s->records.layer_count == config.diff_id_count;
	for (size_t i = 0; same && i < config.diff_id_count; i++)
		same = digest_eq(&s->records.layers[i].diff_id, &config.diff_ids[i]);
	return same ? NULL : err_new(ERR_CORRUPT, "the cache in the image is about other layers");
}

static Err *read_records(CacheSource *s, const char *name)
{
	Str type = s->image.manifest.config.media_type;
	if (str_eqc(type, CACHE_MEDIA_RECORDS))
		return cache_records_parse(&s->arena, s->image.config_json, name, &s->records);
	if (str_eqc(type, CACHE_MEDIA_BUILDKIT))
		return err_note(err_new(ERR_INPUT, "it is a cache of BuildKit"),
		                "decant reads its own alone: give its cache another tag");
	if (str_eqc(type, MEDIA_OCI_CONFIG) || str_eqc(type, MEDIA_DOCKER_CONFIG))
		return read_inline(s, name);
	return err_new(ERR_INPUT, "it is no cache: its config is '%.*s'",
	               STR_ARG(str_head(type, 200)));
}

/* The first counts: those with a layer come before those without. */
static void index_key(CacheSource *s, const Digest *key, CacheRecord *record)
{
	Str hex = digest_arena_hex(&s->arena, key);
	if (!map_find(&s->by_key, hex))
		(void)map_put(&s->by_key, hex, record);
}

static Err *index_source(CacheSource *s)
{
	const Manifest *m = &s->image.manifest;
	const CacheRecords *r = &s->records;
	if (m->layer_count != r->layer_count)
		return err_new(ERR_CORRUPT, "the manifest has %zu layers, the records %zu",
		               m->layer_count, r->layer_count);
	for (size_t i = 0; i < m->layer_count; i++)
		(void)map_put(&s->by_layer, digest_arena_hex(&s->arena, &r->layers[i].diff_id),
		              &r->layers[i]);
	for (size_t i = 0; i < r->record_count; i++) {
		CacheRecord *record = &r->records[i];
		index_key(s, &record->key, record);
		if (!digest_is_zero(&record->content))
			index_key(s, &record->content, record);
	}
	s->dropped = xcalloc(r->record_count + 1, 1);
	return NULL;
}

static Err *read_source(CacheSource *s)
{
	const char *name = s->spec->shown.ptr;
	TRY(fetch_documents(s));
	TRY(read_records(s, name));
	return index_source(s);
}

/* Nothing of a source that was read half may be found. */
static void forget(CacheSource *s)
{
	map_done(&s->by_key);
	map_done(&s->by_layer);
	s->by_key = s->by_layer = (Map)MAP_INIT;
	s->records = (CacheRecords){ 0 };
}

static Err *read_one(void *context, size_t i)
{
	CacheSources *all = context;
	CacheSource *s = &all->at[i];
	unsigned line = progress_begin(all->progress, STR(""), "importing cache manifest from %.*s",
	                               STR_ARG(s->spec->shown));
	Err *e = read_source(s);
	if (!e) {
		progress_note(all->progress, line, "%zu records, %zu layers",
		              s->records.record_count, s->records.layer_count);
		progress_end(all->progress, line, PROGRESS_DONE, STR(""));
		return NULL;
	}
	forget(s);
	if (err_kind(e) == ERR_CANCELLED) {
		progress_end(all->progress, line, PROGRESS_CANCELED, STR(""));
		return e;
	}
	Str notes = str_trim(err_notes(e));
	progress_warning(all->progress, line, "the cache of %.*s is not used: %.*s%s%.*s",
	                 STR_ARG(s->spec->shown), STR_ARG(err_cause(e)), notes.len ? "; " : "",
	                 STR_ARG(notes));
	progress_end(all->progress, line, PROGRESS_DONE, STR(""));
	err_free(e); /* a build without this cache is slower, not wrong */
	return NULL;
}

Err *cache_sources_read(CacheSources *s)
{
	if (s->read)
		return NULL;
	s->read = true;
	return parallel_each(s->count, s->count < READ_THREADS ? (unsigned)s->count : READ_THREADS,
	                     read_one, s);
}

/* --- asking ------------------------------------------------------------------------------------
 */

bool cache_sources_find(CacheSources *s, const Digest *key, CacheFound *ret)
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_hex(key, hex);
	for (size_t i = 0; i < s->count; i++) {
		CacheSource *source = &s->at[i];
		const CacheRecord *r = map_get(&source->by_key, str_from(hex));
		if (!r || __atomic_load_n(&source->dropped[r - source->records.records],
		                          __ATOMIC_RELAXED))
			continue;
		*ret = (CacheFound){ r, source, source->spec->shown };
		return true;
	}
	return false;
}

void cache_sources_drop(CacheSources *s, const CacheFound *found)
{
	CacheSource *source = found->source;
	(void)s;
	__atomic_store_n(&source->dropped[found->record - source->records.records], 1,
	                 __ATOMIC_RELAXED);
}

bool cache_sources_image(CacheSources *s, const Digest *key, int64_t *ret_created_ns)
{
	for (size_t i = 0; i < s->count; i++) {
		const CacheRecords *r = &s->at[i].records;
		for (size_t k = 0; k < r->image_count; k++) {
			if (!digest_eq(&r->images[k].key, key))
				continue;
			*ret_created_ns = r->images[k].created_ns;
			return true;
		}
	}
	return false;
}

Str cache_sources_called(const CacheSources *s, Str from)
{
	for (size_t i = 0; i < s->count; i++)
		if (str_eq(s->at[i].spec->shown, from))
			return s->at[i].spec->shown;
	return (Str){ "", 0 };
}

bool cache_sources_have(const CacheSources *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->at[i].records.record_count)
			return true;
	return false;
}

bool cache_sources_layer(CacheSources *s, const Digest *diff_id, size_t at, CacheBlob *ret)
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_hex(diff_id, hex);
	for (size_t i = 0; i < s->count; i++) {
		CacheSource *source = &s->at[i];
		const CacheLayer *l = map_get(&source->by_layer, str_from(hex));
		if (!l || at-- > 0)
			continue;
		size_t place = (size_t)(l - source->records.layers);
		*ret = (CacheBlob){ source, &source->image.manifest.layers[place], l };
		return true;
	}
	return false;
}

Str cache_source_shown(const CacheSource *s)
{
	return s->spec->shown;
}

Err *cache_blob_open(void *context, const Descriptor *d, Progress *progress, unsigned line,
                     Reader **ret)
{
	CacheSource *s = context;
	if (s->spec->type == CACHE_REGISTRY)
		return registry_fetch_blob(s->all->registry, &s->spec->ref, d, progress, line, ret);
	return layout_open_blob(&s->layout, d, progress, line, ret);
}
