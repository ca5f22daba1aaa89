/*
 * store.h - what is on disk: blobs, refs, layers, cache records. Content-addressed, crash-safe.
 *
 * WHAT     A Store is a directory fd and the few files below it.  Publishing is always
 *          "write under tmp/, then rename": a reader sees a thing whole or not at all and takes no lock.
 * LAYERS   A layer is known by its diff ID.  layers/<hex>.list is the truth about it; its bytes are a
 *          directory layers/<hex>/ (form DIR), an uncompressed tar blobs/sha256/<hex> (form TAR), or
 *          a foreign compressed blob named in map/<hex> (form BLOB); at least one is there.
 * ATTESTS  attest/<hex of an image ID> names what is said of the image; it goes with it.
 * ERRORS   ERR_NOT_FOUND  no such thing     ERR_CORRUPT  a file of the store is damaged (named)
 *          ERR_SYSTEM     disk full, permission ...; nothing half done stays visible
 * THREADS  all functions may be called from many threads
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "codec/compress.h"
#include "fs/list.h"
#include "oci/manifest.h"

typedef struct Store Store;

/* ROOT NULL: $DECANT_ROOT, else /var/lib/decant (root) or $XDG_DATA_HOME/decant.  Created if
 * absent; a directory in which there is something else is refused. */
NODISCARD Err *store_open(const char *root, Store **ret);
/* Nothing is created: *RET is NULL if there is no store yet. */
NODISCARD Err *store_open_existing(const char *root, Store **ret);
void store_close(Store *s);
/*
 * After sandbox_enter(): overlay takes only directories of the mount namespace that it is mounted
 * in, so what was opened before the new one came is opened again.  Single-threaded callers alone.
 */
NODISCARD Err *store_reopen(Store *s);
int store_dir_fd(const Store *s);
const char *store_path(const Store *s); /* for messages and skopeo hints only */
/* Sync layers before refs move, and refs before success is said (--durable). */
void store_set_durable(Store *s, bool durable);

/* All that was written so far, by anybody, is on the disk: cheaper than one sync a file for many.
 */
NODISCARD Err *store_sync_all(Store *s);

/* --- scratch space: tmp/<pid.start>/, held by a lock, reaped by others once we are dead ------ */
/* fd of this process's scratch directory (made at the first call). */
NODISCARD Err *store_tmp_fd(Store *s, int *ret_fd);
/* A name that is unique in it, e.g. "blob-7". */
void store_tmp_name(Store *s, const char *prefix, char name[static 32]);
/* Remove what dead processes left in tmp/ (needs sandbox_enter() where files have subordinate
 * owners). */
NODISCARD Err *store_reap(Store *s);

/* --- blobs ----------------------------------------------------------------------------------- */
NODISCARD Err *store_blob_put(Store *s, Str bytes, bool sync,
                              Digest *ret); /* no write if it is there */
NODISCARD Err *store_blob_open(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size);
/* The same as a stream that owns its descriptor, for sending.  ERR_CORRUPT if it has not SIZE
 * bytes: who sends has promised so many.  CANCEL may be NULL. */
NODISCARD Err *store_blob_reader(Store *s, const Digest *d, uint64_t size, const Cancel *cancel,
                                 Reader **ret);
bool store_blob_exists(Store *s, const Digest *d, uint64_t *ret_size /* may be NULL */);
/* Whole blob, digest verified (configs, manifests). */
NODISCARD Err *store_blob_read(Store *s, const Digest *d, size_t limit, Buf *out);
/* Publish the finished scratch file NAME under the digest that was computed while writing it. */
NODISCARD Err *store_blob_publish(Store *s, const char *tmp_name, const Digest *d);
NODISCARD Err *store_blob_remove(Store *s, const Digest *d);

/* --- refs: full reference → config digest ---------------------------------------------------- */
/* The image of a name for one platform. */
typedef struct StoreVariant {
	Str platform; /* "linux/arm64": what was asked for */
	Digest config, manifest;
} StoreVariant;

typedef struct StoreRef {
	Str name;        /* "docker.io/library/golang:1.18.3-stretch" */
	Digest config;   /* the image ID; of several platforms: of the image for this machine */
	Digest manifest; /* zero: none fixed yet (built, never pushed or published) */
	Digest pulled; /* digest of what the tag named in the registry when pulled; zero: built here
	                */
	/* Digest of the index that the name stands for, as it came or went out; its bytes are a
	 * blob.  The name holds that alone, not what it lists.  Zero: none is kept. */
	Digest index;
	/* A name for several platforms: all its images, that of .config too, in the order of the
	 * index.  variant_count 0: it is one image. */
	StoreVariant *variants;
	size_t variant_count;
} StoreRef;
/* Is CONFIG the image of REF, or one of them? */
bool store_ref_has(const StoreRef *ref, const Digest *config);
/* The manifest of REF's image CONFIG, to read or to set; NULL: REF has no such image.  With
 * variants .manifest is a copy: store_ref_set_manifest() sets both. */
const Digest *store_ref_manifest(const StoreRef *ref, const Digest *config);
void store_ref_set_manifest(StoreRef *ref, const Digest *config, const Digest *manifest);
/* What a registry has under REF, as far as is known: its index, else what was pulled, else the
 * manifest of the image CONFIG (NULL: of its own).  Zero: it was in none. */
const Digest *store_ref_remote(const StoreRef *ref, const Digest *config);
NODISCARD Err *store_ref_get(Store *s, Str name, Arena *a, StoreRef *ret); /* ERR_NOT_FOUND */
NODISCARD Err *store_ref_set(Store *s,
                             const StoreRef *ref); /* fsynced, atomic; no write if equal */
/* The same for many, each name once: together they are synced at once.  Who is killed meanwhile has
 * set some of them. */
NODISCARD Err *store_ref_set_all(Store *s, const StoreRef *refs, size_t count);
/* When NAME was last written; false: there is none. */
bool store_ref_time(Store *s, Str name, int64_t *ret_real_ns);
/* The same for who has store_lock_refs(). */
NODISCARD Err *store_ref_set_locked(Store *s, const StoreRef *ref);
/* The index that REF keeps, and its bytes in *RET_JSON: "" if it keeps none, or that is not here or
 * damaged. */
NODISCARD Err *store_ref_index(Store *s, const StoreRef *ref, Arena *a, Str *ret_json, Index *ret);
/* JSON is the index that NAME, if there is such a name, stands for. */
NODISCARD Err *store_ref_set_index(Store *s, Str name, Str json, const Cancel *cancel);
NODISCARD Err *store_ref_remove(Store *s, Str name);
/* Many with one sync; absent ones are no error. */
NODISCARD Err *store_ref_remove_all(Store *s, const Str *names, size_t count);
NODISCARD Err *store_ref_list(Store *s, Arena *a, StoreRef **ret, size_t *ret_count); /* by name */
/* Setting a name writes index.json only if the name has lost its manifest: whoever gives one calls
 * store_layout_write(). */
/*
 * Images that have lost their last tag stay as untagged refs named "sha256:<hex>" until removed:
 * store_ref_set under a name that moves makes them, and takes away those of images that it names.
 */

/* --- catalog: what a list of images needs, without opening each ------------------------------- */
/*
 * All names, and of images what never changes, kept in the file "catalog" (docs/design/082).  It is
 * derived: damaged, foreign or too old parts are read anew from what they were made of.  A name
 * that is damaged in its place may still be listed as it was.
 */
typedef struct StoreSummary {
	Digest id;
	uint64_t config_bytes; /* length of its blob */
	int64_t created_ns;
	uint64_t size_bytes; /* sum of the layers, all of them here when it was added up */
} StoreSummary;
typedef struct StoreCatalog StoreCatalog;
NODISCARD Err *store_catalog_open(Store *s, StoreCatalog **ret);
/* Written anew if enough has changed; what fails then is nobody's trouble. */
void store_catalog_close(StoreCatalog *c);
/* By name; they live as long as the catalog. */
const StoreRef *store_catalog_refs(const StoreCatalog *c, size_t *ret_count);
/* NULL: unknown, or the config is not in the store. */
const StoreSummary *store_catalog_find(StoreCatalog *c, const Digest *id);
void store_catalog_add(StoreCatalog *c, const StoreSummary *summary);

/* --- layers ---------------------------------------------------------------------------------- */
typedef struct StoreLayer {
	Digest diff_id;
	Digest identity;     /* content identity (fs/list.h) */
	uint64_t size_bytes; /* sum of the file sizes in it: what `images` adds up */
	uint64_t tar_bytes;  /* length of its uncompressed tar */
	bool has_dir, has_tar;
	bool suspect; /* written under another boot and never synced: verify before use */
} StoreLayer;
NODISCARD Err *store_layer_get(Store *s, const Digest *diff_id,
                               StoreLayer *ret); /* ERR_NOT_FOUND */
NODISCARD Err *store_layer_list(Store *s, const Digest *diff_id, List **ret);
NODISCARD Err *store_layer_open_dir(Store *s, const Digest *diff_id,
                                    int *ret_fd); /* O_PATH | O_DIRECTORY */
/*
 * Publish a layer: its list (written here) and either the scratch directory DIR_NAME (renamed) or a
 * tar blob that store_blob_publish has put in place.  A layer that is there already is kept and the
 * scratch directory removed.
 */
NODISCARD Err *store_layer_publish(Store *s, const StoreLayer *layer, const List *list,
                                   const char *dir_name /* or NULL */);
/* Add the directory form to a layer that has none. */
NODISCARD Err *store_layer_add_dir(Store *s, const Digest *diff_id, const char *dir_name);

/* The layer's bytes are on the disk (or were verified): no longer suspect. */
NODISCARD Err *store_layer_mark_synced(Store *s, const Digest *diff_id);
/* Before a name leads to these layers: with store_set_durable their bytes are synced and marked;
 * without, nothing is done (a power cut is then found by layer_check). */
NODISCARD Err *store_sync_layers(Store *s, const Digest *diff_ids, size_t count);
/* Remove a layer (damaged, or not needed): its list, directory and tar blob. */
NODISCARD Err *store_layer_drop(Store *s, const Digest *diff_id);

/* Compressed blobs known for a layer: map/<hex>. */
typedef struct StoreBlobOf {
	Digest digest;
	uint64_t size;
	CompressionId compression;
	int level; /* 0: foreign, made by somebody else */
} StoreBlobOf;
NODISCARD Err *store_map_list(Store *s, const Digest *diff_id, Arena *a, StoreBlobOf **ret,
                              size_t *ret_count);
NODISCARD Err *store_map_add(Store *s, const Digest *diff_id, const StoreBlobOf *blob);

/* --- damage ---------------------------------------------------------------------------------- */
/*
 * What fsck has found damaged is marked in damaged/.  A marked layer or blob is ERR_CORRUPT to who
 * asks for it, and no blob of that digest "exists"; who publishes it anew replaces it at once, and
 * takes the mark away.
 */
typedef enum StoreDamaged { STORE_DAMAGED_LAYER, STORE_DAMAGED_BLOB } StoreDamaged;
bool store_is_damaged(Store *s, StoreDamaged what, const Digest *d);

/* --- cache records --------------------------------------------------------------------------- */
/* A record is a small text of the caller with its key and a checksum around it; a damaged one, and
 * one of another key, is "not found". */
NODISCARD Err *store_record_get(Store *s, const Digest *key, Buf *out); /* ERR_NOT_FOUND */
NODISCARD Err *store_record_put(Store *s, const Digest *key, Str text);
/* TEXT as it stands in the file, without its seal; true cuts it to what was put. */
bool store_record_is_of(const Digest *key, Str *text);
void store_record_add_key(Buf *out, const Digest *key);
/* It was of use just now: its time says so, to the hour. */
void store_record_touch(Store *s, const Digest *key);
/* KEY's hex digits; absent is no error. */
NODISCARD Err *store_record_remove(Store *s, Str key);

/* Those that lead to the layer DIFF_ID, which is dropped. */
NODISCARD Err *store_record_forget_layer(Store *s, const Digest *diff_id);

/* --- attestations ---------------------------------------------------------------------------- */
/* The text that is kept beside an image; ERR_NOT_FOUND, ERR_CORRUPT. */
NODISCARD Err *store_attest_get(Store *s, const Digest *image, Buf *out);
/* TEXT "": none any more.  What it names ("sha256:...") stays as long as the image. */
NODISCARD Err *store_attest_put(Store *s, const Digest *image, Str text);

/* --- lists of manifests, on their way to a registry (manifests.c) ----------------------------- */
/* The text that is kept under the full reference NAME; ERR_NOT_FOUND, ERR_CORRUPT. */
NODISCARD Err *store_manifests_get(Store *s, Str name, Buf *out);
NODISCARD Err *store_manifests_put(Store *s, Str name, Str text);
/* Absent is no error. */
NODISCARD Err *store_manifests_remove(Store *s, Str name);

/* --- other directories ----------------------------------------------------------------------- */
/* "ctx", "logs", "containers": opened, made if absent. */
NODISCARD Err *store_subdir(Store *s, const char *name, int *ret_fd);

/* --- locks ----------------------------------------------------------------------------------- */
typedef struct StoreLock {
	int fd;
} StoreLock;
/* The same thing is made once by many processes and threads: one flock per KIND and KEY. */
NODISCARD Err *store_lock(Store *s, const char *kind, const Digest *key, const Cancel *cancel,
                          StoreLock *ret);
/* Shared: running builds and pulls; exclusive: gc. */
NODISCARD Err *store_lock_gc(Store *s, bool exclusive, const Cancel *cancel, StoreLock *ret);
/* One writer of names at a time, where one name depends on the others. */
NODISCARD Err *store_lock_refs(Store *s, StoreLock *ret);
void store_unlock(StoreLock *l);
/* The file NAME to flock; HOW O_RDWR, O_RDONLY, with O_CREAT or not.  What is no file is an error,
 * and nobody waits for it. */
NODISCARD Err *store_open_lock(int dir_fd, const char *name, int how, int *ret_fd);
/*
 * From here to store_release() or store_close() no gc takes away what is found in the store: before
 * an image is looked up that is then read, named or used.  Shared, as store_lock_gc(); again is no
 * harm.  A command that lives long releases it as soon as something else keeps its image.
 */
NODISCARD Err *store_hold(Store *s, const Cancel *cancel);
void store_release(Store *s);

/* --- gc, check, layout ----------------------------------------------------------------------- */
/* Remove blobs, layers and maps that no ref and no cache record needs.  Takes the gc lock. */
NODISCARD Err *store_gc(Store *s, const Cancel *cancel, uint64_t *ret_freed_bytes);
/* Names have been taken away: index.json is written, and what they alone needed removed.  While
 * builds or pulls run nothing is removed: that is left to the next gc. */
NODISCARD Err *store_names_gone(Store *s, uint64_t *ret_freed_bytes);
/* The same for who holds that lock alone.  The bytes are blocks, as du counts them. */
NODISCARD Err *store_gc_locked(Store *s, uint64_t *ret_freed_bytes);
/* Write oci-layout and index.json for images whose manifest is fixed and whose blobs are all here.
 */
NODISCARD Err *store_layout_write(Store *s);

static inline void store_closep(Store **s)
{
	if (*s)
		store_close(*s);
}
static inline void store_unlockp(StoreLock *l)
{
	store_unlock(l);
}
static inline void store_catalog_closep(StoreCatalog **c)
{
	if (*c)
		store_catalog_close(*c);
}
#define AUTO_CATALOG    CLEANUP(store_catalog_closep)
#define AUTO_STORE      CLEANUP(store_closep)
#define AUTO_LOCK       CLEANUP(store_unlockp)
#define STORE_LOCK_NONE ((StoreLock){ -1 })
