/*
 * tar.h - tar archives: read from anyone, written in one way.
 *
 * READ     ustar, GNU (long names, base-256 numbers, old sparse as an error), pax (local and global
 *          headers, SCHILY.xattr.*, LIBARCHIVE.xattr.*, GNU.sparse.*: holes are read as zeros).
 *          Whiteouts come out as they lie in the tar (".wh.x"): layer/apply.c knows what they mean.
 *          Names are cleaned of leading "/" and "./" and trailing "/"; ".." or NUL or an empty
 *          whiteout is ERR_CORRUPT naming the entry.  "" (the root, "./") is given as path "".
 * WRITE    deterministic: same entries → same bytes on any machine.  ustar where everything fits,
 *          else a pax header with records in fixed order (path, linkpath, size, uid, gid, mtime,
 *          SCHILY.xattr.* by name).  Numbers octal; uname and gname empty; mtime as whole seconds
 * in the header and, where the ns are not 0, a pax mtime.  Directories get a trailing '/'.
 *          ENTRY_WHITEOUT is written as an empty file ".wh.NAME", mode 0, uid 0, mtime 0;
 *          opaque as an empty file ".wh..wh..opq" right after the directory's own entry.
 * ERRORS   ERR_INPUT    a good archive with an entry that no image takes: old sparse, types of others
 *          ERR_CORRUPT  bad header checksum, cut archive, bad number, pax length, size over
 *                       limits.h, names that are not clean; the entry's name is in the message
 * LIMITS   PAX_HEADER_BYTES_MAX, PATH_BYTES_MAX, ENTRY_BYTES_MAX, XATTR_* of base/limits.h
 * SOURCE   POSIX.1-2017 pax; GNU tar manual "Basic Tar Format"; OCI image-spec layer.md
 * END      Two zero blocks, or the end of the stream at a block border (docker accepts that).  What
 *          follows the end blocks is drained (it belongs to the diff ID), never read as entries.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/entry.h"
#include "codec/stream.h"

typedef struct TarReader TarReader;

TarReader *tar_reader_new(Reader *below /* borrowed */);
/*
 * The next entry; unread data of the one before is skipped.  *ret_end = true at the end (the entry
 * is then not set).  Texts are borrowed until the next call.  ret->sha256 is zero.
 */
NODISCARD Err *tar_reader_next(TarReader *t, Entry *ret, bool *ret_end);
/* Data of the current entry; *ret_len = 0 at its end. */
NODISCARD Err *tar_reader_data(TarReader *t, void *buf, size_t cap, size_t *ret_len);
/* Where in the archive the data of the current entry begins, before any of it was read; false: it
 * has holes, and does not lie there in one piece. */
bool tar_reader_data_at(const TarReader *t, uint64_t *ret_offset);
void tar_reader_free(TarReader *t);
/* True if BLOCK (512 bytes) is a tar header with a good checksum: for "is this a tar?". */
bool tar_is_header(const void *block);

typedef struct TarWriter TarWriter;

TarWriter *tar_writer_new(Writer *below /* borrowed */);
/* An entry; for ENTRY_FILE exactly entry->size bytes of tar_writer_data() must follow. */
NODISCARD Err *tar_writer_entry(TarWriter *t, const Entry *entry);
NODISCARD Err *tar_writer_data(TarWriter *t, const void *bytes, size_t len);
/* The two end blocks (nothing more: no padding to 10 KiB). */
NODISCARD Err *tar_writer_finish(TarWriter *t);
void tar_writer_free(TarWriter *t);
/* Bytes that ENTRY takes in the archive: headers, data and padding. */
uint64_t tar_entry_bytes(const Entry *entry);

static inline void tar_reader_freep(TarReader **t)
{
	tar_reader_free(*t);
}
static inline void tar_writer_freep(TarWriter **t)
{
	tar_writer_free(*t);
}
#define AUTO_TAR_READER CLEANUP(tar_reader_freep)
#define AUTO_TAR_WRITER CLEANUP(tar_writer_freep)
