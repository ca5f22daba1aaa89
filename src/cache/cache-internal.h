/*
 * cache-internal.h - what the files of this module share.
 *
 *   spec.c         the texts of --cache-from and --cache-to
 *   records.c      records as JSON
 *   sources.c      caches to read: asked all at once, then looked into
 *   export.c       which layers go, as which blobs; the manifest
 *   to_registry.c  into a registry: what it lacks
 *   to_local.c     into a directory: an OCI layout that does not grow
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cache/cache.h"

/* --- an export under way -----------------------------------------------------------------------
 */

typedef struct OutLayer {
	CacheLayer layer;
	Digest identity;  /* that its records say it has */
	bool has_marks;   /* LAYER's are known */
	bool stored;      /* in the store */
	bool there;       /* the destination's last manifest names BLOB */
	Descriptor blob;  /* size 0: none yet */
	CacheBlob origin; /* of one that is not stored: who has it; source NULL: nobody */
} OutLayer;

/* All that a destination gets. */
typedef struct Out {
	const CacheExport *x;
	const CacheSpec *to;
	Arena *arena;
	unsigned line; /* of progress */
	OutLayer *layers;
	size_t layer_count;
	Str config_json, manifest_json;
	Descriptor config;
	Digest manifest;
	uint64_t sent_bytes; /* of blobs; atomically */
	unsigned sent_count;
	/* What lies at the destination: the blobs of its layers are taken again. */
	bool has_old;
	RegistryImage old;
	CacheRecords old_records;
} Out;

/* RegistryOpenFn over a layer: from the store, or from the source that has it. */
typedef struct OutBlob {
	const Out *out;
	const OutLayer *layer;
} OutBlob;
NODISCARD Err *cache_out_open(void *context, Reader **ret);

/* Fill has_old ... of OUT; that there is nothing, or nothing readable, is no error. */
NODISCARD Err *cache_registry_look(Registry *r, Out *out);
NODISCARD Err *cache_registry_write(Registry *r, Out *out);

/* Held from the look to the end of the write. */
typedef struct LocalDir {
	int fd, lock_fd;
} LocalDir;
#define LOCAL_DIR_NONE ((LocalDir){ -1, -1 })
NODISCARD Err *cache_local_open(const Out *out, LocalDir *ret);
void cache_local_close(LocalDir *dir);
NODISCARD Err *cache_local_look(const LocalDir *dir, Out *out);
NODISCARD Err *cache_local_write(const LocalDir *dir, Out *out);
