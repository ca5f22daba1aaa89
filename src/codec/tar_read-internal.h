/*
 * tar_read-internal.h - the reader of archives in its three parts.
 *
 *   tar_read.c    blocks and entries
 *   tar_extra.c   headers that describe the next one: pax, GNU long names
 *   tar_sparse.c  files with holes
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/limits.h"
#include "base/vec.h"
#include "codec/tar-internal.h"
#include "codec/tar.h"

typedef VEC(Xattr) XattrVec;

/* What a pax header says of holes, as it is written; STR("") where it says nothing. */
typedef struct SparseRecords {
	Str major, minor, name, size, real_size, count, map;
} SparseRecords;

/* What the headers before an entry's own said about it.  A second header of a kind takes the place
 * of the first, and a GNU long name counts before a pax path: as Go reads it. */
typedef struct Extra {
	bool has_gnu_path, has_gnu_link;
	bool has_path, has_link;
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size, uid, gid;
	int64_t mtime_ns;
	Str gnu_path, gnu_link; /* in long_name, long_link */
	Str path, link;         /* in pax */
	SparseRecords sparse;   /* in pax */
} Extra;

/* Bytes that are there; what lies between two pieces is a hole. */
typedef struct SparsePiece {
	uint64_t offset, length;
} SparsePiece;

typedef struct Sparse {
	bool on;           /* the current entry has holes */
	uint64_t at, size; /* place in the file, and its length */
	VEC(SparsePiece) pieces;
	size_t next; /* the piece that AT is in or before */
} Sparse;

struct TarReader {
	Reader *below;
	uint64_t data_left; /* of the current entry, in the archive */
	size_t padding;     /* after it */
	uint64_t taken;     /* bytes that BELOW has given */
	bool ended, failed;
	char *ahead; /* TAR_READ_AHEAD bytes */
	size_t ahead_start, ahead_end;
	Extra extra;
	Sparse sparse;
	Buf long_name, long_link; /* GNU 'L' and 'K' */
	Buf pax;                  /* the raw records; paths and xattrs point into it */
	Buf decoded;              /* libarchive's xattrs, name and value by turns */
	Buf path, link;           /* cleaned names of the current entry */
	XattrVec xattrs;
};

enum { TAR_READ_AHEAD = 64 << 10 };

/* --- tar_read.c --- */
NODISCARD Err *tar_skip_bytes(TarReader *t, uint64_t count);
/* LEN bytes, or fewer at the end of the stream. */
NODISCARD Err *tar_read_full(TarReader *t, void *buf, size_t len, size_t *ret_len);
/* Up to CAP bytes of the archive; 0 at the end of the stream. */
NODISCARD Err *tar_read_some(TarReader *t, void *buf, size_t cap, size_t *ret_len);
ERR_MAKER Err *tar_cut_short(const TarReader *t);

/* --- tar_extra.c --- */
bool tar_is_extra(char type);
/* The header of TYPE with SIZE bytes of data, which are read. */
NODISCARD Err *tar_read_extra(TarReader *t, char type, uint64_t size);

/* --- tar_sparse.c --- */
void tar_sparse_forget(TarReader *t); /* before the headers of a next entry, and at a pax header */
/* A record "GNU.sparse.KEY"; VALUE is in t->pax. */
NODISCARD Err *tar_sparse_record(TarReader *t, Str key, Str value);
/* E, whose data comes next, may be a file with holes: its map is read, size and path are set. */
NODISCARD Err *tar_sparse_begin(TarReader *t, bool *ret_is_sparse, Str *ret_path,
                                uint64_t *ret_size);
NODISCARD Err *tar_sparse_data(TarReader *t, void *buf, size_t cap, size_t *ret_len);
