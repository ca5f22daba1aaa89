/*
 * compress.h - the compressions of layers and archives, from one table.
 *
 * WHAT     compressor_table has one line a compression: its name (as in --compression gzip:4), the
 *          suffix of its OCI media type, how to recognise it, and how to read and write it.
 *          Writing is deterministic: same input and level → same bytes, whatever the number of
 *          threads or the CPU (docs/design of gzip: libdeflate in independent 1 MiB members).
 * ERRORS   ERR_CORRUPT damaged, cut, or trailing garbage after the last member/frame; ERR_INPUT
 *          unknown name or level.
 * SOURCE   RFC 1952 (gzip), RFC 8878 (zstd), xz and bzip2 by their libraries through libarchive
 *          are NOT here: ADD of those goes through layer/unpack (libarchive).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"

typedef enum CompressionId {
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD,
	COMPRESSION_COUNT
} CompressionId;

/* Threads and buffers that several writers of one compression share; each has its own without. */
typedef struct CompressPool CompressPool;

typedef struct CompressionSpec {
	CompressionId id;
	int level;          /* 0: the default of the table */
	unsigned threads;   /* 0: one a core; never changes the bytes */
	CompressPool *pool; /* instead of THREADS; NULL: none.  Borrowed */
} CompressionSpec;

typedef struct Compressor {
	const char *name;         /* "gzip" */
	const char *media_suffix; /* "+gzip", "" */
	int level_default, level_min, level_max;
	Reader *(*reader)(Reader *below);
	Writer *(*writer)(Writer *below, const CompressionSpec *spec);
} Compressor;

extern const Compressor compressor_table[COMPRESSION_COUNT];

/* "gzip", "gzip:6", "zstd:3", "none" / "uncompressed". */
NODISCARD Err *compressor_parse(Str text, CompressionSpec *ret);
/* By the first bytes; NONE if nothing else fits.  6 bytes are enough to tell. */
CompressionId compressor_sniff(Str head);
/* xz or bzip2, which this table does not read (their names), else NULL. */
const char *compressor_foreign(Str head);
Reader *compressor_reader(CompressionId id, Reader *below);
Writer *compressor_writer(const CompressionSpec *spec, Writer *below);
/* THREADS 0: one a core.  Free it after all its writers. */
CompressPool *compressor_pool_new(unsigned threads);
void compressor_pool_free(CompressPool *p);
static inline void compressor_pool_freep(CompressPool **p)
{
	compressor_pool_free(*p);
}
#define AUTO_COMPRESS_POOL CLEANUP(compressor_pool_freep)

/* --- zstd frames by hand: for logs, which grow while they are read ---------------------------- */

/* IN as one frame, appended to OUT. */
void zstd_frame_add(Str in, int level, Buf *out);
/* Length of the frame that IN begins with; 0: it is not whole yet, or none. */
size_t zstd_frame_length(Str in);
/* FRAME, of which zstd_frame_length has told the length: at most LIMIT bytes, appended to OUT. */
NODISCARD Err *zstd_frame_read(Str frame, size_t limit, Buf *out);
