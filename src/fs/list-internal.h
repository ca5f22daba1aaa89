/*
 * list-internal.h - one line of a content list, to text and back.  For list*.c alone.
 *
 * A line ends in '\n', which is not part of the Str LINE here.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/list.h"

#define LIST_HEADER   "decant-list 2\n"
#define LIST_HEADER_1 "decant-list 1\n" /* as long */

struct List {
	Str text; /* all of it */
	Str body; /* the lines of entries: without the first and the last line */
	size_t count;
	Digest hash; /* as the last line has it */
	void *map;   /* mmap'ed, or NULL */
	char *heap;  /* malloc'ed, or NULL */
};

/* Append the line of E, with its '\n'. */
void list_line_add(Buf *out, const Entry *e);
/* Append "end COUNT SHA256\n" for the text OUT holds so far; *ret_hash: that SHA256. */
void list_end_add(Buf *out, size_t count, Digest *ret_hash);
/* False if it is not such a line.  Texts of *ret live in A. */
bool list_line_parse(Str line, Arena *a, Entry *ret);
/* entry_path_cmp of the path of LINE, still escaped, and PATH. */
int list_line_cmp(Str line, Str path);
/* The parts of a line whose mtime does not count: "TYPE MODE UID GID ", mtime, " SIZE ...".  False:
 * it does. */
bool list_line_cut_untimed(Str line, Str *ret_before, int64_t *ret_mtime_ns, Str *ret_after);
