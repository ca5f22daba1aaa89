/*
 * cache.h - what steps gave, outside of the store: in a registry, in a directory, in an image.
 *
 * WHAT     A cache is an OCI image manifest.  Its config is the records (records.c), its layers are
 *          the layers that they name, as blobs of any compression.  It lies under a tag of a registry
 *          or of an OCI layout (a directory).  "Inline", the records of an image's own layers are a
 *          member of that image's config.  Records of other steps come without layers: they tell
 *          that a stage is unchanged, so that what was copied from it is found.
 * READING  cache_sources_read() asks for manifest and records alone, of all sources at once.  What
 *          cannot be read is a warning: a build never fails for a cache.  A layer is fetched when it
 *          is needed, by who needs it.
 * TRUST    Blobs are verified by digest and diff ID, identities by content (exec/cached.c).  That a
 *          key gave this layer is the word of whoever may write the cache.
 * ERRORS   of parsing ERR_INPUT; of sources ERR_CANCELLED alone; of exports whatever the registry or
 *          the disk says
 * THREADS  sources may be asked by many threads once they were read
 * SOURCE   what users write: buildx's --cache-to and --cache-from; docs/design/070
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "codec/compress.h"
#include "fs/list.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "store/store.h"

/* The config's type is what tells a cache from an image (OCI 1.1: it is the artifact's type). */
#define CACHE_MEDIA_RECORDS  "application/vnd.decant.cache.records.v1+json"
#define CACHE_MEDIA_BUILDKIT "application/vnd.buildkit.cacheconfig.v0"

/* --- what users write: spec.c ------------------------------------------------------------------
 */

typedef enum CacheType { CACHE_REGISTRY, CACHE_LOCAL, CACHE_INLINE } CacheType;

typedef struct CacheSpec {
	CacheType type;
	Str shown;     /* "registry localhost:5000/x:cache", "local DIR", "inline" */
	Reference ref; /* CACHE_REGISTRY */
	bool insecure; /* plain http, or a certificate of nobody */
	Str dir;       /* CACHE_LOCAL: as the user wrote it, NUL-terminated */
	Str tag;       /* CACHE_LOCAL: "" none was given */
	bool has_digest;
	Digest digest; /* of the manifest, for reading */
	/* for writing */
	bool max; /* all steps, not those of the result alone */
	bool ignore_error;
	CompressionSpec compression;
	bool force_compression; /* also of layers that have a blob already */
} CacheSpec;

/* "REF", "type=registry,ref=...", "type=local,src=..."; CSV as buildx reads it. */
NODISCARD Err *cache_parse_from(Arena *a, Str text, CacheSpec *ret);
NODISCARD Err *cache_parse_to(Arena *a, Str text, CacheSpec *ret);

/* --- records: records.c ------------------------------------------------------------------------
 */

typedef struct CacheRecord {
	Digest key;
	Digest content; /* a second key: with the files that the step takes of others; zero: none */
	Digest diff_id, identity;
	uint64_t size_bytes; /* of the files in the layer */
	bool empty;          /* the layer has no entry */
	int64_t created_ns, cost_ns;
	bool in_result; /* one of the result's own layers; is not written */
} CacheRecord;

/* When an image got its times: with the same layers it gets the same again. */
typedef struct CacheImage {
	Digest key;
	int64_t created_ns;
} CacheImage;

/*
 * A layer's tar does not say which times in it count (fs/list.h): identities need it, and so do the
 * keys of steps that take files of the layer.
 */
typedef struct CacheLayer {
	Digest diff_id;
	bool marked; /* not all times are to be left out: */
	Str marks;   /* list_marks() */
} CacheLayer;

typedef struct CacheRecords {
	CacheRecord *records;
	size_t record_count;
	CacheImage *images;
	size_t image_count;
	CacheLayer *layers; /* of the manifest, in its order; an export finds them itself */
	size_t layer_count;
} CacheRecords;

/*
 * As JSON.  A record whose layer is not among R's says what the step gave, but whoever needs its
 * files runs it.  COSTS: what steps took is in it.
 */
void cache_records_format(const CacheRecords *r, bool costs, Buf *out);
/* NAME is for errors: ERR_CORRUPT; ERR_INPUT for a version that is newer than ours. */
NODISCARD Err *cache_records_parse(Arena *a, Str json, const char *name, CacheRecords *ret);

/* --- reading: sources.c ------------------------------------------------------------------------
 */

typedef struct CacheSources CacheSources;
typedef struct CacheSource CacheSource;

/* SPECS are borrowed.  Nobody is asked yet. */
NODISCARD Err *cache_sources_open(const CacheSpec *specs, size_t count, const Platform *platform,
                                  Progress *progress, const Cancel *cancel, CacheSources **ret);
void cache_sources_close(CacheSources *s);
/* Once; more calls do nothing.  No thread is left. */
NODISCARD Err *cache_sources_read(CacheSources *s);

typedef struct CacheFound {
	const CacheRecord *record;
	CacheSource *source;
	Str from; /* "registry localhost:5000/x:cache"; lives as long as the sources */
} CacheFound;
/* The first source's record of KEY that was not dropped. */
bool cache_sources_find(CacheSources *s, const Digest *key, CacheFound *ret);
bool cache_sources_image(CacheSources *s, const Digest *key, int64_t *ret_created_ns);
/* It was believed wrongly, or its layer is not to be had: it is not found again. */
void cache_sources_drop(CacheSources *s, const CacheFound *found);
/* FROM as one of these sources has it, if one is called so; else "". */
Str cache_sources_called(const CacheSources *s, Str from);

/* A layer's blob and who has it. */
typedef struct CacheBlob {
	CacheSource *source;
	const Descriptor *blob;
	const CacheLayer *layer;
} CacheBlob;
/* AT 0 is the first source that has it; false: no more. */
bool cache_sources_layer(CacheSources *s, const Digest *diff_id, size_t at, CacheBlob *ret);
/* A verified stream; CONTEXT is a CacheSource. */
NODISCARD Err *cache_blob_open(void *context, const Descriptor *d, Progress *progress,
                               unsigned line, Reader **ret);
Str cache_source_shown(const CacheSource *s);
/* Was something read that may be found? */
bool cache_sources_have(const CacheSources *s);

/* --- writing: export.c -------------------------------------------------------------------------
 */

typedef struct CacheExport {
	Store *store;
	const CacheRecords *records;
	CacheSources *sources;       /* of layers that are not in the store; NULL: none */
	const Reference *mount_from; /* names of the result, for mounts within a registry */
	size_t mount_count;
	Progress *progress;
	const Cancel *cancel;
} CacheExport;
/* The marks of a layer as the store has it. */
NODISCARD Err *cache_layer_mark(Store *s, Arena *a, CacheLayer *layer);
/* Needs sandbox_enter().  With ignore_error what goes wrong is a warning. */
NODISCARD Err *cache_export(const CacheExport *x, const CacheSpec *to);

static inline void cache_sources_closep(CacheSources **s)
{
	if (*s)
		cache_sources_close(*s);
}
#define AUTO_CACHE_SOURCES CLEANUP(cache_sources_closep)
