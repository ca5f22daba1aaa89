/*
 * dir-internal.h - the names in one directory, sorted.  For the files of fs/ alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

/* What getdents64(2) fills in. */
typedef struct DirEntry {
	uint64_t inode;
	int64_t offset;
	unsigned short record_bytes;
	unsigned char type; /* DT_*, DT_UNKNOWN on some file systems */
	char name[];
} DirEntry;

/* A multiple of what most directories need; libc's readdir uses as much. */
enum { DIR_ENTRIES_BYTES = 32 * 1024 };

typedef struct DirName {
	const char *name; /* NUL-terminated */
	uint32_t len;
	unsigned char type; /* DT_* */
} DirName;

typedef struct DirNames {
	Buf text;
	DirName *names; /* by bytes */
	size_t count;
} DirNames;

/* Read the directory FD from its start, "." and ".." left out.  0 or -errno. */
int dir_names_read(int fd, DirNames *ret);
void dir_names_done(DirNames *n);
bool dir_name_is_dots(const char *name);
