/*
 * statcache.h - content digests of files, remembered by their stat between builds.
 *
 * WHAT     dev, ino, size, mtime, ctime → sha256, as git's index does it.  A sorted array on disk,
 *          mapped at the first look-up; answers of this run are kept in memory and written out as
 *          a whole at the end.
 * RULES    A file that changed so shortly before it was looked at that it may change again without
 *          a new time (git's "racy" entries) is not kept.  A damaged cache is an empty one.
 * THREADS  statcache_find may be called from many threads, as long as none calls another function
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

#include <sys/stat.h>

typedef struct StatCache StatCache;

typedef struct StatKey {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
} StatKey;

typedef struct StatRecord {
	StatKey key;
	Digest sha256;
	uint64_t has_xattrs; /* 1: the file has some that count (context_tree_xattrs), 0: none */
} StatRecord;

StatKey statcache_key(const struct stat *st);
/* May a file with KEY, looked at at NOW_NS (real clock), change later without a new ctime? */
bool statcache_is_racy(const StatKey *key, int64_t now_ns);

/* DIR_FD -1: nothing is read or written.  Never fails. */
StatCache *statcache_open(int dir_fd, const char *name);
/* Is the file what statcache_close wrote? */
bool statcache_is_whole(int dir_fd, const char *name);
/* Write it back if it changed (best effort: a cache that is not written costs time alone); free. */
void statcache_close(StatCache *c);
/* Read what is on disk, unless that was done.  To be called before statcache_find. */
void statcache_load(StatCache *c);
/*
 * The record for KEY, or NULL; it lives as long as C.  *HINT (0 at first) is where the caller's
 * last answer was: files of one directory mostly lie side by side.
 */
const StatRecord *statcache_find(StatCache *c, const StatKey *key, size_t *hint);
/* Remember COUNT records, in any order. */
void statcache_add(StatCache *c, const StatRecord *records, size_t count);
