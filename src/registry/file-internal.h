/* file-internal.h - small files of the user: settings and credentials. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct FilePlace {
	const char *dir;  /* a directory, or with an empty rest the file itself */
	const char *rest; /* path below it */
} FilePlace;

/* $HOME, else what the password file says, else "/". */
const char *file_home(void);
Str file_place_text(Arena *a, const FilePlace *p);
/* Append the file (at most JSON_BYTES_MAX bytes).  *ret_found false: no such file. */
NODISCARD Err *file_read(const FilePlace *p, Buf *out, bool *ret_found);
