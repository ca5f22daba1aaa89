/*
 * mounts.h - directories that RUN --mount=type=cache keeps from build to build.
 *
 *   mounts/<key>/info         what it is for, a line or several, for people
 *   mounts/<key>/lock         held while one is chosen, made or removed
 *   mounts/<key>/<n>          a directory; <n>.lock is held by who uses it, its mtime is the last
 * use
 *
 * WHAT     A key has one directory as a rule.  There are more if steps that do not share ran at the
 *          same time; each later one takes the first that is free.
 * LOCKS    flocks, so between threads and between processes alike; they end with their holder.
 * ERRORS   ERR_SYSTEM, ERR_CANCELLED
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

typedef enum StoreSharing {
	STORE_SHARED,  /* together with others that share */
	STORE_PRIVATE, /* alone: another directory if all are in use */
	STORE_LOCKED,  /* alone: waits until one is free */
} StoreSharing;

/* A directory in use: give it back with store_mount_release. */
typedef struct StoreMountHold {
	int dir_fd, lock_fd;
} StoreMountHold;
#define STORE_MOUNT_HOLD_NONE ((StoreMountHold){ -1, -1 })

typedef struct StoreMountWish {
	Digest key;
	Str info; /* kept at the first use */
	StoreSharing sharing;
	/* Fills a new directory before anybody sees it.  May be NULL. */
	Err *(*fill)(void *context, int dir_fd);
	/* Called once if somebody else has it and it must be waited for.  May be NULL. */
	void (*waits)(void *context);
	void *context;
} StoreMountWish;

/* Needs sandbox_enter() before, where files have subordinate owners. */
NODISCARD Err *store_mount_take(Store *s, const StoreMountWish *wish, const Cancel *cancel,
                                StoreMountHold *ret);
void store_mount_release(StoreMountHold *hold);

/* --- for listing and pruning ----------------------------------------------------------------- */
typedef struct StoreMount {
	Digest key;
	Str info;
	unsigned count;      /* of its directories */
	int64_t used_ns;     /* last use */
	uint64_t size_bytes; /* of the files in them */
	bool in_use;
} StoreMount;
/* By last use, the latest first. */
NODISCARD Err *store_mount_list(Store *s, const Cancel *cancel, Arena *a, StoreMount **ret,
                                size_t *ret_count);
/* All directories of KEY.  While one of them is in use nothing is done, and *ret_kept says so. */
NODISCARD Err *store_mount_remove(Store *s, const Digest *key, const Cancel *cancel,
                                  bool *ret_kept);
/*
 * Put the scratch directory TMP_NAME in place as the one of KEY, which is the SHA-256 of INFO.
 * *ret_there: there is one already and REPLACE is false, or it is in use: nothing is done then.
 */
NODISCARD Err *store_mount_put(Store *s, const Digest *key, Str info, const char *tmp_name,
                               bool replace, const Cancel *cancel, bool *ret_there);
