/*
 * freed.h - what a removal gives back to the file system, to the block.
 *
 * WHAT     Told of each thing before it is removed: a file with several names counts with its last one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "store/store.h"

typedef struct StoreFreed {
	uint64_t bytes;
	Map seen; /* inode number → its names met so far, of files that still have others */
	Arena arena;
} StoreFreed;

/* NAME of DIR_FD, and all below it, is going to be removed. */
NODISCARD Err *store_freed_add(StoreFreed *f, int dir_fd, const char *name);
void store_freed_done(StoreFreed *f);
