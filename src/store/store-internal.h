/* store-internal.h - what the files of store/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/parts.h"

#include <pthread.h>

enum { STORE_VERSION = 2, BOOT_ID_LEN = 36 };

struct Store {
	int dir_fd;
	char *path;
	bool durable;
	char boot_id[BOOT_ID_LEN + 1]; /* of the running kernel: /proc/sys/kernel/random/boot_id */

	StoreLock hold; /* store_hold() */

	pthread_mutex_t mutex; /* guards the scratch directory's making, and .hold */
	int tmp_fd;            /* -1: not made yet */
	int tmp_lock_fd;       /* the same directory; holds a lock while we live */
	char *tmp_name;        /* its name below tmp/ */
	unsigned tmp_counter;  /* drawn atomically */

	int64_t added_bytes; /* atomic; what the account does not know yet (account.h) */
};

/* The key of D in a Map. */
static inline Str store_digest_key(const Digest *d)
{
	return (Str){ (const char *)d->bytes, sizeof d->bytes };
}

/* "PREFIX/<hex of D>SUFFIX" below the store, NUL-terminated. */
typedef struct StorePath {
	char text[128];
} StorePath;
StorePath store_path_of(const char *prefix, const Digest *d, const char *suffix);

/* Value of the line "NAME value"; false if there is none. */
bool store_text_get(Str text, const char *name, Str *ret);
/* Value as digest; a missing line leaves *ret zero. */
NODISCARD Err *store_text_get_digest(Str text, const char *name, Digest *ret);

/* Read the small file PATH; false (and errno in *ret_errno) if it cannot be read. */
bool store_read_small(Store *s, const char *path, Buf *out, int *ret_errno);
/* Write PATH through the scratch directory: whole or absent. */
NODISCARD Err *store_write_small(Store *s, const char *path, Str text, bool sync);
/* Rename NAME of the scratch directory to PATH; a directory there, which no file of ours is, goes.
 */
NODISCARD Err *store_move_in(Store *s, const char *name, const char *path);
/* Is the blob D small, and does it begin as a JSON object does?  Others are data. */
bool store_blob_is_json(Store *s, const Digest *d);
/* Directories of locks that every removal takes: made by it they would take what it frees. */
void store_make_lock_dirs(Store *s);
/* Root, looking at somebody's store, leaves nothing of its own there. */
bool store_is_own(Store *s);
NODISCARD Err *store_sync_dir(Store *s, const char *path);

/* The name that the file FILE of refs/ holds; *ret_found false: it is gone. */
NODISCARD Err *store_ref_read(Store *s, const char *file, Arena *a, StoreRef *ret, bool *ret_found);
/* --- damage.c --- */
/* ERR_CORRUPT if it is marked. */
NODISCARD Err *store_damage_refuse(Store *s, StoreDamaged what, const Digest *d);
/* Move a layer's directory away, for who uses it still; it may be gone. */
NODISCARD Err *store_damage_retire(Store *s, int dir_fd, const char *name, const Digest *d);
/* May anybody use one: a container runs? */
bool store_damage_old_is_used(Store *s);

/* --- version.c, migrate.c --- */
/* *ret_made false: there is no store, and CREATE does not ask for one. */
NODISCARD Err *store_version_check(Store *s, bool create, bool *ret_made);
NODISCARD Err *store_version_state(Store *s, bool *ret_is_store, StoreVersionState *ret);
NODISCARD Err *store_version_get(Store *s, uint64_t *ret); /* 0: no such file */
NODISCARD Err *store_version_write(Store *s);
/* The directories that are made with a store, those that are missing. */
NODISCARD Err *store_make_parts(Store *s);
NODISCARD Err *store_migrate(Store *s);
/* The number in the first line of a .meta (without its seal). */
bool store_meta_version(Str text, uint64_t *ret);

/* Remove the oldest files of the directory DIR_FD until all together have BYTES_MAX at most. */
NODISCARD Err *store_prune_dir(int dir_fd, uint64_t bytes_max);
