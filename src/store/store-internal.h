/* store-internal.h - what the files of store/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

#include <pthread.h>

enum { STORE_VERSION = 1, BOOT_ID_LEN = 36 };

struct Store {
	int dir_fd;
	char *path;
	bool durable;
	char boot_id[BOOT_ID_LEN + 1]; /* of the running kernel: /proc/sys/kernel/random/boot_id */

	pthread_mutex_t mutex; /* guards the scratch directory's making */
	int tmp_fd;            /* -1: not made yet */
	int tmp_lock_fd;       /* the same directory; holds a lock while we live */
	char *tmp_name;        /* its name below tmp/ */
	unsigned tmp_counter;  /* drawn atomically */
};

/* "PREFIX/<hex of D>SUFFIX" below the store, NUL-terminated. */
typedef struct StorePath {
	char text[128];
} StorePath;
StorePath store_path_of(const char *prefix, const Digest *d, const char *suffix);

/* "NAME VALUE\n" lines with "end <sha256 of all before>\n" at the end: the form of every small file
 * of the store, so that a cut or flipped one is told from a whole one. */
void store_text_seal(Buf *text);
/* Checks and cuts the end line; false if it is damaged. */
bool store_text_open(Str *text);
/* Value of the line "NAME value"; false if there is none. */
bool store_text_get(Str text, const char *name, Str *ret);
/* Value as digest; a missing line leaves *ret zero. */
NODISCARD Err *store_text_get_digest(Str text, const char *name, Digest *ret);

/* Read the small file PATH; false (and errno in *ret_errno) if it cannot be read. */
bool store_read_small(Store *s, const char *path, Buf *out, int *ret_errno);
/* Write PATH through the scratch directory: whole or absent. */
NODISCARD Err *store_write_small(Store *s, const char *path, Str text, bool sync);
NODISCARD Err *store_sync_dir(Store *s, const char *path);

/* "refs/..." of the name NAME. */
void store_ref_path(Str name, Buf *out);
/* The name that the file FILE of refs/ holds; *ret_found false: it is gone. */
NODISCARD Err *store_ref_read(Store *s, const char *file, Arena *a, StoreRef *ret, bool *ret_found);

/* Remove the oldest files of the directory DIR_FD until all together have BYTES_MAX at most. */
NODISCARD Err *store_prune_dir(int dir_fd, uint64_t bytes_max);
