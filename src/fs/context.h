/*
 * context.h - a build context directory: which files a COPY takes, and their content, known fast.
 *
 * WHAT     A Context is a directory fd, its ignore patterns, and a stat cache kept between builds
 *          (dev, ino, size, mtime, ctime → sha256; racy entries are hashed again, as in git's index).
 *          context_select() resolves one COPY/ADD source and gives its files as entries with sha256,
 *          reading only files whose stat changed.
 * RULES    As BuildKit's: confined to the root; symlinks in the source path followed inside it, as is
 *          each match of a wildcard; links below a copied directory kept; wildcards by Go's Match a
 *          component, not through links; owner 0:0, mode and mtime kept; several names of one file
 *          in one match are hard links; sockets become empty files.  Of xattrs those
 *          of files that are user.* or security.capability are taken.  What the ignore file
 *          leaves out is not there, neither as a file nor as a link on the way to one.
 * ERRORS   ERR_NOT_FOUND "no such file in the build context: 'x'", with a note naming the ignore
 *          line that excludes it where that is so
 *          ERR_INPUT when something is changed while it is read
 * THREADS  context_select may be called from many threads: one at a time works.  It starts threads
 *          of its own for much work (from 2,000 files on), and has ended them when it returns.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "codec/entry.h"
#include "fs/match.h"

typedef struct Context Context;

/*
 * ROOT_FD: the directory (duplicated).  CACHE_DIR_FD/CACHE_NAME: where the stat cache lies (-1:
 * none). IGNORE is borrowed.
 */
NODISCARD Err *context_open(int root_fd, const Ignore *ignore, int cache_dir_fd,
                            const char *cache_name, Context **ret);
/* How many threads context_select may use; 0, the default: one a core; 1: it starts none. */
void context_set_threads(Context *c, unsigned threads);
/* For who only looks: files of one match are not read if together they have more than BYTES that
 * the stat cache does not know.  Their sha256 is zero then.  0, the default: no limit. */
void context_limit_reading(Context *c, uint64_t bytes);
/* Write the stat cache back if it changed (best effort); free. */
void context_close(Context *c);

typedef struct ContextFile {
	Entry entry;  /* path relative to the matched source: "" for a file, or for the directory
	                 itself */
	Str source;   /* path in the context, symlinks resolved: opened with path_open_beneath */
	bool implied; /* a directory that the filter has not, but something below it */
} ContextFile;

typedef struct ContextMatch {
	Str name; /* last component of the match (what a file is called in a directory) */
	bool is_dir;
	ContextFile *files; /* in entry order; files[0] is the match itself */
	size_t count;
} ContextMatch;

typedef struct ContextSelection {
	ContextMatch *matches; /* in entry_path_cmp order of their paths */
	size_t count;
	bool wildcard; /* the source had magic characters: zero matches are no error */
} ContextSelection;

/* SOURCE as written (after expansion).  Everything in *ret lives in A. */
NODISCARD Err *context_select(Context *c, Str source, const Cancel *cancel, Arena *a,
                              ContextSelection *ret);
/* Of matches that are directories only what FILTER (NULL: all) wants; nothing else is read. */
NODISCARD Err *context_select_filtered(Context *c, Str source, const MatchFilter *filter,
                                       const Cancel *cancel, Arena *a, ContextSelection *ret);
int context_root_fd(const Context *c);

static inline void context_closep(Context **c)
{
	if (*c)
		context_close(*c);
}
#define AUTO_CONTEXT CLEANUP(context_closep)
