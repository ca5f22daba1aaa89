/*
 * walk.h - a tree, in the order of lists (entry_path_cmp), parents first.
 *
 * WHAT     Gives each file below a directory fd with its struct stat.  Depth is bounded by memory,
 *          not by the C stack; directories are opened beneath the root, never through a link.
 * OWNS     path and name are borrowed for the time of the call
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "base/err.h"

#include <sys/stat.h>

typedef struct WalkFile {
	Str path;         /* relative to the root, "" never given */
	int dir_fd;       /* the directory that holds it */
	const char *name; /* last component, NUL-terminated */
	struct stat st;   /* by fstatat, AT_SYMLINK_NOFOLLOW */
} WalkFile;

/* Return an error to stop.  Set *skip (directories only) not to go into it. */
typedef Err *WalkFn(void *context, const WalkFile *file, bool *skip);

NODISCARD Err *walk_tree(int root_fd, const Cancel *cancel, WalkFn *fn, void *context);
