/*
 * copy.h - bytes, owners, modes, times and xattrs from one file to another.
 *
 * ERRORS   ERR_SYSTEM naming NAME.  Short reads: the file changed under us → ERR_INPUT.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "codec/entry.h"
#include "codec/sha256.h"
#include "codec/stream.h"

/*
 * Copy SIZE bytes, from and to where the fds stand; both have moved by SIZE after.  With HASH the
 * bytes are read through memory and added to it; without, the kernel copies (reflink,
 * copy_file_range, read+write, whichever works first).  CANCEL may be NULL.
 */
NODISCARD Err *copy_bytes(int from_fd, int to_fd, uint64_t size, Sha256 *hash, const char *name,
                          const Cancel *cancel);
/* All xattrs of FD (listing by /proc/self/fd is used for O_PATH fds), sorted by name, in A. */
NODISCARD Err *copy_read_xattrs(Arena *a, int fd, const char *name, const Xattr **ret,
                                size_t *ret_count);
/* Owner, then mode, then xattrs, then times of E onto the file NAME in DIR (symlinks: not mode).
 * XATTR errors EPERM/ENOTSUP are added to *ret_skipped (may be NULL), others fail. */
NODISCARD Err *copy_set_metadata(int dir_fd, const char *name, const Entry *e,
                                 unsigned *ret_skipped);
