/*
 * layer.h - a tree, a list or an upper directory → a layer in the store; and back to a tar stream.
 *
 * WHAT     Makes StoreLayers (store/store.h) out of what steps leave and what registries give, in
 * the form that is asked for, and gives a layer's deterministic tar stream to whoever sends it.
 *          Same content list → same tar bytes → same diff ID, whichever form it was made in.
 * ROOT     all functions that create directories need sandbox_enter() to have been called
 * ERRORS   ERR_CORRUPT  a tar, digest or list is wrong (entry named); ERR_SYSTEM disk full ...;
 *          nothing half done stays visible
 * SOURCE   OCI image-spec layer.md; kernel overlayfs.rst, "whiteouts and opaque directories"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "codec/tar.h"
#include "store/store.h"

/* The form that is made: a directory (something will look into it) or an uncompressed tar blob
 * whose digest is the diff ID (nothing will, or not yet). */
typedef enum LayerForm { LAYER_FORM_DIR, LAYER_FORM_TAR } LayerForm;

/* --- a tar stream → a layer (pull, load, import) --------------------------------------------- */

typedef struct LayerApply {
	const char *name;      /* for messages: "layer sha256:ab..." */
	const Digest *diff_id; /* expected; NULL: whatever it is */
	LayerForm form; /* DIR for pulls; TAR for load and import: only DIR needs sandbox_enter() */
	const Str *marks; /* whose times do not count: list_mark(); NULL: nobody's does */
	bool archive;     /* some tar, not a layer: what a layer cannot hold is refused */
	const Cancel *cancel;
	const char *overlay_prefix; /* sandbox_overlay_prefix(); may be NULL for FORM_TAR */
} LayerApply;
/* TAR is the uncompressed stream.  Reads it once: extracts it beneath a scratch directory (or keeps
 * it as a blob), checks the digest, publishes. */
NODISCARD Err *layer_apply(Store *s, Reader *tar, const LayerApply *how, StoreLayer *ret);

/* --- entries with sources → a layer (COPY, WORKDIR) ------------------------------------------ */

/* Opens the content of a file for reading (O_RDONLY); the caller closes it. */
typedef struct LayerSource {
	Err *(*open)(void *context, const Entry *e, int *ret_fd);
	void *context;
} LayerSource;
/*
 * LIST has every entry with its sha256 (checked against the bytes as they are read: a file that
 * changed meanwhile is ERR_INPUT).  FORM_TAR writes blobs/sha256/<diffid>, FORM_DIR a directory.
 */
NODISCARD Err *layer_make(Store *s, const List *list, const LayerSource *source, LayerForm form,
                          const char *overlay_prefix, const Cancel *cancel, StoreLayer *ret);

/* --- an overlay upper directory → a layer (RUN) ---------------------------------------------- */

typedef struct LayerWindow {
	int64_t from_ns, to_ns;
} LayerWindow;

typedef struct LayerUpper {
	const char *dir_name; /* in the store's scratch directory; renamed into place */
	const Digest
		*lowers; /* diff IDs below it, bottom first: for "does this name exist below?" */
	size_t lower_count;
	size_t base_count;      /* of these, from the bottom: made elsewhere, by no step */
	LayerWindow window[2];  /* when the step ran, by two clocks: mtimes in them are "now" */
	int64_t clamp_mtime_ns; /* SOURCE_DATE_EPOCH: later mtimes become this; INT64_MAX: none */
	const char *overlay_prefix;
	const Cancel *cancel;
} LayerUpper;
NODISCARD Err *layer_from_upper(Store *s, const LayerUpper *upper, StoreLayer *ret);

/* --- a layer → bytes ------------------------------------------------------------------------- */

/* The uncompressed tar of a layer, from whichever form is there; its digest is the diff ID. */
NODISCARD Err *layer_write_tar(Store *s, const Digest *diff_id, Writer *out, const Cancel *cancel);
/* Make the directory form if the layer has none. */
NODISCARD Err *layer_need_dir(Store *s, const Digest *diff_id, const char *overlay_prefix,
                              const Cancel *cancel);
/* A compressed blob of the layer by this compressor, made once and remembered in map/. A foreign
 * blob (pulled) of the same compression is taken as it is, unless SPEC asks for a level. */
NODISCARD Err *layer_pack(Store *s, const Digest *diff_id, const CompressionSpec *spec,
                          Progress *progress, unsigned line, const Cancel *cancel,
                          StoreBlobOf *ret);
/* Sum of the file sizes of a list: StoreLayer.size_bytes. */
uint64_t layer_list_bytes(const List *list);
/* What differs between a layer's directory and its list: content, kinds, owners, modes, attributes,
 * missing and foreign files.  FN is called for each, with a path and "has another size"; an error
 * of it ends the walk. */
typedef struct LayerExamine {
	bool quick; /* no file is read: sizes, kinds and rights alone */
	const Cancel *cancel;
	Err *(*fn)(void *context, Str path, const char *problem);
	void *context;
} LayerExamine;
NODISCARD Err *layer_examine_dir(Store *s, const Digest *diff_id, const List *list,
                                 const LayerExamine *how);
/* Walk the directory form against the list: ERR_CORRUPT naming the first path that differs. */
NODISCARD Err *layer_verify(Store *s, const Digest *diff_id, const Cancel *cancel);
/* Before a layer is used: ERR_NOT_FOUND if its bytes are nowhere; if it is suspect (store.h),
 * verify it; whole: marked; damaged: dropped, ERR_CORRUPT. */
NODISCARD Err *layer_check(Store *s, const Digest *diff_id, const Cancel *cancel);
/* After a pull or load: directories that a layer only implies take their metadata from the layers
 * below it.  DIFF_IDS bottom first; layers without directory form are left alone. */
NODISCARD Err *layer_adopt_parents(Store *s, const Digest *diff_ids, size_t count);
/* The same for the last of them alone. */
NODISCARD Err *layer_adopt_top(Store *s, const Digest *diff_ids, size_t count);
