/*
 * statcache.h - content digests of files, remembered by their stat between builds.
 *
 * WHAT     dev, ino, size, mtime, ctime → sha256, as git's index does it.  A sorted array on disk, mapped
 *          when opened; new answers are kept in memory and written out as a whole at the end.
 * RULES    A file that changed so shortly before it was hashed that it may change again without a
 *          new time (git's "racy" entries) is not written.  A damaged cache is an empty one.
 * THREADS  statcache_find and statcache_add lock
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

#include <sys/stat.h>

typedef struct StatCache StatCache;

/* DIR_FD -1: nothing is read or written.  Never fails. */
StatCache *statcache_open(int dir_fd, const char *name);
/* Write it back if it changed (best effort: a cache that is not written costs time alone); free. */
void statcache_close(StatCache *c);
bool statcache_find(StatCache *c, const struct stat *st, Digest *ret);
void statcache_add(StatCache *c, const struct stat *st, const Digest *d);
