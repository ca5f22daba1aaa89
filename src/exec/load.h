/*
 * load.h - archives → images in the store: docker-archive, OCI archive, OCI layout, plain root tar.
 *
 * WHAT     load_archive takes what `docker save`, `skopeo copy oci-archive:` and decant itself write,
 *          plain or compressed (gzip, zstd; xz and bzip2 by libarchive), from a stream in one pass:
 *          blobs go to scratch files and are only believed once digests, sizes and diff IDs agree.
 *          Members are data: their names never become paths; ".." is refused, a link may only
 *          mean another member (docker before 25 stores equal layers so).
 * ERRORS   ERR_CORRUPT naming the member; nothing is tagged then
 * ROOT     not needed: layers are kept as tar blobs (LAYER_FORM_TAR) until something looks into them
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"
#include "exec/image.h"

typedef struct Loaded {
	Str name; /* familiar name, or "" */
	Digest id;
	Digest renamed; /* the image that loses the name to this one; zero: none */
} Loaded;

/* Of several platforms those alone that fit best; each of them, and one for each name, must be
 * there (ERR_NOT_FOUND). */
typedef struct LoadWanted {
	const Platform *platforms;
	size_t count; /* 0: all */
} LoadWanted;

NODISCARD Err *load_archive(Store *s, Reader *in, const char *name,
                            const LoadWanted *wanted /* or NULL */, const Cancel *cancel, Arena *a,
                            Loaded **ret, size_t *ret_count);
/* The same of a folder: an OCI layout, an unpacked docker archive, skopeo's dir:. */
NODISCARD Err *load_folder(Store *s, int dir_fd, const char *name, const LoadWanted *wanted,
                           const Cancel *cancel, Arena *a, Loaded **ret, size_t *ret_count);
/* A root file system tar → an image of one layer. CHANGES: "CMD ...", "ENV a=b" ...; MESSAGE for
 * history. */
NODISCARD Err *load_root(Store *s, Reader *in, const char *name, const Reference *ref /* or NULL */,
                         const Str *changes, size_t change_count, Str message,
                         const Platform *platform, int64_t created_ns, const Cancel *cancel,
                         Arena *a, Digest *ret_id);

/* What an http(s) URL gives, in a file without a name; SHOWN: the URL for messages. */
NODISCARD Err *load_url(Store *s, Str url, Str shown, const Cancel *cancel, int *ret_fd);

/* The uncompressed stream of IN by its first bytes.  *ret reads through *ret_peek, close both,
 * *ret first; *ret_empty: IN has no bytes at all. */
NODISCARD Err *load_unwrap(Reader *in, Reader **ret_peek, Reader **ret, bool *ret_empty);
