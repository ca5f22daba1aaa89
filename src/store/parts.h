/*
 * parts.h - the whole of a store, for those who look at every file of it: fsck, reset.
 *
 * WHAT     The names that may lie in a store, its version, and reading sealed files as they are.
 *          What puts a new name into the store adds it to store_parts, or fsck moves it away.
 * VERSION  `version` holds the number of the format.  store_open() lifts an older store to
 *          STORE_VERSION (migrate.c) and refuses a newer one; here it is opened as it is.
 * ERRORS   ERR_NOT_FOUND, ERR_CORRUPT naming the file
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

typedef struct StorePart {
	const char *name;
	bool is_dir, always; /* made with the store */
	bool is_truth;       /* never made again: empty, it would say that there are no images */
} StorePart;
extern const StorePart store_parts[];
extern const size_t store_part_count;
/* NULL: nothing of a store is called so. */
const StorePart *store_part_find(Str name);

/* What damaged and foreign files are moved to; nobody reads it. */
#define STORE_LOST_AND_FOUND "lost+found"

typedef enum StoreVersionState {
	STORE_VERSION_RIGHT,
	STORE_VERSION_DAMAGED, /* gone, cut, or no number: the store itself may be whole */
	STORE_VERSION_OTHER,   /* a number that this program does not know */
} StoreVersionState;

/* As store_open_existing, but whatever its version file says.  *RET NULL: there is no store. */
NODISCARD Err *store_open_any(const char *root, Store **ret, StoreVersionState *ret_state);
/* The error for a STORE_VERSION_OTHER. */
NODISCARD Err *store_version_refuse(Store *s);
/* For a STORE_VERSION_DAMAGED: an error if its layers are of a format that we do not know. */
NODISCARD Err *store_version_check_layers(Store *s);
/* Write it anew, and migrate if the layers are of an older format.  ERR_CORRUPT: there are layers
 * of a format that this program does not know. */
NODISCARD Err *store_version_mend(Store *s);

/* "end <sha256 of all before>\n" at the end: so every small file of the store is sealed, and a cut
 * or flipped one is told from a whole one. */
void store_text_seal(Buf *text);
/* Checks and cuts the end line; false if it is damaged. */
bool store_text_open(Str *text);
/* The sealed file PATH without its seal.  ERR_NOT_FOUND, ERR_CORRUPT. */
NODISCARD Err *store_sealed_read(Store *s, const char *path, Buf *out);
/* All blobs that map/ has for a layer, those too that are not here any more. */
NODISCARD Err *store_map_recorded(Store *s, const Digest *diff_id, Arena *a, StoreBlobOf **ret,
                                  size_t *ret_count);
/* The file that the name of a ref is kept in, e.g. "refs/docker.io%2F...". */
void store_ref_path(Str name, Buf *out);
/* The name that stands in the text of a ref (store_sealed_read); false: none. */
bool store_ref_name_inside(Str text, Str *ret);
/* What a file below refs/ is the name of; false: of none. */
bool store_ref_name(Str file, Buf *out);
/* Can the catalog of names be read, or is there none? */
bool store_catalog_is_whole(Store *s);
/* The same of the file "documents". */
bool store_documents_are_whole(Store *s);
/* The bytes that index.json should have, and how many images it lists. */
NODISCARD Err *store_layout_format(Store *s, Buf *out, size_t *ret_listed);
/* One writer of index.json at a time. */
NODISCARD Err *store_lock_layout(Store *s, StoreLock *ret);
extern const char store_layout_marker[]; /* those of oci-layout */
extern const char store_layout_empty[];  /* those of index.json before the first image is in it */
/* The .meta of a layer. */
NODISCARD Err *store_layer_write_meta(Store *s, const StoreLayer *layer);

/* Layers and blobs as they lie there, whatever marks say. */
NODISCARD Err *store_layer_look(Store *s, const Digest *diff_id, StoreLayer *ret);
bool store_blob_is_file(Store *s, const Digest *d, uint64_t *ret_size /* may be NULL */);
NODISCARD Err *store_blob_open_marked(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size);
/* What lies there before it is looked at; all zero: nothing. */
struct stat;
void store_damage_see(Store *s, StoreDamaged what, const Digest *d, struct stat *ret);
/* On the disk when it returns; no mark if it was replaced since SEEN (NULL: it was not). */
NODISCARD Err *store_damage_mark(Store *s, StoreDamaged what, const Digest *d,
                                 const struct stat *seen, Str problem);
NODISCARD Err *store_damage_clear(Store *s, StoreDamaged what, const Digest *d);
/* What a file of damaged/ marks; false: it is no mark. */
bool store_damage_name(Str name, StoreDamaged *ret);
bool store_damage_is_old(Str name);
/* What was replaced goes, unless a container runs.  The gc lock is held alone. */
NODISCARD Err *store_damage_free_old(Store *s);

/* *ret_got false: somebody holds the gc lock otherwise. */
NODISCARD Err *store_try_lock_gc(Store *s, bool exclusive, StoreLock *ret, bool *ret_got);

/* Is it a store and nothing else?  ERR_INPUT naming what is in it besides. */
NODISCARD Err *store_check_alone(Store *s);
/*
 * Remove all that is in the store, and its directory (*ret_gone false: that is a link or a mount,
 * and stays).  The caller holds the gc lock exclusively and has asked store_check_alone.  No link
 * is followed.  oci-layout and the number go last: who is killed in between leaves what
 * store_check_alone() takes for a store, to be removed again.
 */
NODISCARD Err *store_remove(Store *s, bool *ret_gone);
