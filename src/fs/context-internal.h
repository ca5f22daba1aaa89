/*
 * context-internal.h - a tree of the build context, found and hashed.  For context*.c alone.
 *
 * WHAT     context_tree_scan() looks at a directory and all below it, or at one file; context_tree_hash() gives the
 *          files their sha256, from the stat cache or by reading them.  Both work on several
 *          threads if there is much to do; none is left when they return.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "fs/context.h"
#include "fs/dir-internal.h"
#include "fs/statcache.h"

#include <pthread.h>

struct Context {
	int root_fd;
	const Ignore *ignore; /* may be NULL */
	StatCache *cache;
	unsigned threads;      /* 0: one a core */
	uint64_t read_limit;   /* bytes of one match; 0: none */
	pthread_mutex_t mutex; /* held by context_select */
};

typedef struct TreeDir TreeDir;

/* One name in a directory. */
typedef struct TreeNode {
	const char *name; /* borrowed from its TreeDir */
	uint32_t name_len;
	mode_t mode;   /* 0: left out, or gone since its directory was read */
	bool excluded; /* a directory that the ignore file or the filter leaves out, though perhaps
	                  not all below it */
	bool implied;  /* by the filter */
	bool hashed;   /* sha256 is set */
	bool fresh;    /* by reading the file in this run, and not racy: to be remembered */
	bool has_xattrs;
	nlink_t links;
	dev_t rdev;
	StatKey key;
	Digest sha256;
	TreeDir *below; /* directories */
	char *target;   /* symlinks; malloc'ed */
} TreeNode;

struct TreeDir {
	Str path; /* in the context, "" for its root; NUL-terminated, malloc'ed */
	DirNames names;
	TreeNode *nodes; /* by bytes of their names */
	size_t count;
};

typedef struct Tree {
	Context *context;
	const Cancel *cancel;
	const MatchFilter *filter; /* NULL: all; of paths below the top */
	VEC(TreeDir *) dirs;       /* all of them, parents first; dirs.at[0] is the top */
	size_t name_count;         /* in all directories so far */
} Tree;

/* The directory PATH (clean, without links) and all below it. */
NODISCARD Err *context_tree_scan(Tree *t, Str path);
/* The one file PATH: dirs.at[0] is its directory, with it as the only node. */
NODISCARD Err *context_tree_scan_file(Tree *t, Str path);
NODISCARD Err *context_tree_hash(Tree *t);
/* Bytes of files that would have to be read for that. */
uint64_t context_tree_unread(const Tree *t);
/* The xattrs that count of a file with has_xattrs: user.* and security.capability. */
NODISCARD Err *context_tree_xattrs(const Tree *t, Str path, Arena *a, Entry *ret);
void context_tree_done(Tree *t);
