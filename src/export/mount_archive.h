/*
 * mount_archive.h - caches of RUN --mount=type=cache → a tar archive, and back: for CI, where each
 * job has a new machine.
 *
 * FORMAT   tar, compressed or not; of each cache <key>/info (its text, whose SHA-256 is the key) and the tree
 *          <key>/files/, with owners, modes, times, xattrs and hard links.  A key with anything else, or whose
 *          info is another's, is refused.
 * SAFETY   An archive is hostile: it is extracted as a layer's is, into scratch space, and only whole caches
 *          move from there.
 * ERRORS   ERR_CORRUPT, ERR_INPUT naming the entry
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/compress.h"
#include "store/mounts.h"

/* These caches into the file DEST ("-": standard output), whole or not at all; one that a RUN uses
 * is waited for.  After sandbox_enter. */
NODISCARD Err *mount_archive_write(Store *s, const StoreMount *mounts, size_t count, Str dest,
                                   const CompressionSpec *compression, const Cancel *cancel);

/* The same to OUT. */
NODISCARD Err *mount_archive_write_to(Store *s, const StoreMount *mounts, size_t count, Writer *out,
                                      const Cancel *cancel);

typedef struct MountArchived {
	Digest key;
	Str info;
	bool kept; /* there was one already, or it is in use */
} MountArchived;

/* All caches of IN (NAME for errors; of any compression that layers have).  REPLACE: those that are
 * there already too. */
NODISCARD Err *mount_archive_read(Store *s, Reader *in, const char *name, bool replace,
                                  const char *overlay_prefix, const Cancel *cancel, Arena *a,
                                  MountArchived **ret, size_t *ret_count);
