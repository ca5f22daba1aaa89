/*
 * entry.h - one file of a layer: what a tar header, a content list line and a COPY all speak of.
 *
 * Paths are bytes, relative to the root, without leading "/" or "./", without trailing "/", never
 * with an empty, "." or ".." component; the root itself is "" (only in lists and COPY).
 * SOURCE   OCI image-spec layer.md; POSIX pax (mtime in ns, xattrs as SCHILY.xattr.*).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

typedef enum EntryType {
	ENTRY_FILE = 'f',
	ENTRY_DIR = 'd',
	ENTRY_SYMLINK = 'l',
	ENTRY_HARDLINK = 'h', /* link = path of an earlier ENTRY_FILE of the same layer */
	ENTRY_CHAR = 'c',
	ENTRY_BLOCK = 'b',
	ENTRY_FIFO = 'p',
	ENTRY_WHITEOUT = 'w', /* path = the name that is gone (no ".wh."); no other field counts */
} EntryType;

typedef struct Xattr {
	Str name;  /* "security.capability", "user.x" */
	Str value; /* bytes */
} Xattr;

typedef struct Entry {
	Str path;
	Str link; /* symlink: target as written; hardlink: path in the layer */
	EntryType type;
	bool opaque;   /* a directory that hides what lower layers have in it */
	uint32_t mode; /* permission, setuid, setgid, sticky: 07777 */
	uint32_t uid, gid;
	uint32_t rdev_major, rdev_minor;
	int64_t mtime_ns; /* since 1970, may be negative */
	bool untimed;     /* mtime says only when it was made or fetched: no part of what it is */
	uint64_t size;    /* bytes, files only */
	Digest sha256;    /* of the content, files only; zero where not known */
	const Xattr *xattrs; /* sorted by name */
	size_t xattr_count;
} Entry;

/*
 * The order of lists and layers: byte order of the paths with '/' below every other byte, so that a
 * directory is followed at once by all that is in it.
 */
int entry_path_cmp(Str a, Str b);
/* True for a path that is clean in the sense above ("" is clean). */
bool entry_path_is_clean(Str path);
/* True if PATH is PREFIX or lies below it ("" holds everything). */
bool entry_path_below(Str path, Str prefix);
Str entry_parent(Str path); /* "" for a path without '/' */
Str entry_name(Str path);   /* last component */
/* A copy whose texts and xattrs live in A. */
Entry entry_copy(Arena *a, const Entry *e);
