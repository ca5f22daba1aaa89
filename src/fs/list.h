/*
 * list.h - the content list: one canonical, sorted text that is the truth about a layer.
 *
 * WHAT     One line an entry, in entry_path_cmp order:
 *            TYPE MODE UID GID MTIME_NS SIZE SHA256|- RDEV|- PATH [LINK] [NAME=HEX ...]
 *          fields cut by one blank, texts escaped (\xHH for bytes <= 0x20, 0x7f.. and '\'; in an
 *          xattr's NAME also '=').  TYPE is Entry's letter, D an opaque directory; MODE four octal
 *          digits; MTIME_NS after "~" if it is no part of what the file is (Entry.untimed); RDEV
 *          MAJOR:MINOR; PATH of the root "/"; LINK for symlinks and hard links.  First line
 *          "decant-list 2" (1 is the same without "~", and is read); last line "end COUNT SHA256",
 *          the hash of all lines before it.  A List is such a text, mapped or in memory; look-ups
 *          are binary searches in it.
 * IDENTITY list_identity() hashes the entries without the mtimes of untimed ones.
 * ERRORS   ERR_CORRUPT  not a list, not sorted, cut short
 * OWNS     entries given out borrow an Arena of the caller
 * THREADS  a List is read-only: any number of readers
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/entry.h"

typedef struct List List;

typedef struct ListBuilder ListBuilder;
ListBuilder *list_builder_new(void);
/* Any order; everything is copied.  A path given again replaces the entry before. */
void list_builder_add(ListBuilder *b, const Entry *e);
/* The entry for PATH given so far, or NULL; valid until the next add. */
Entry *list_builder_find(ListBuilder *b, Str path);
/* Drop PATH and everything below it that was given so far; what is added later stays. */
void list_builder_remove(ListBuilder *b, Str path);
size_t list_builder_count(const ListBuilder *b);
List *list_builder_finish(ListBuilder *b); /* sorts; frees B */
void list_builder_free(ListBuilder *b);    /* NULL is fine */

/* For entries that come in order, each path once (asserted): nothing is kept but the text. */
typedef struct ListWriter ListWriter;
ListWriter *list_writer_new(size_t expected_bytes); /* 0: not known */
void list_writer_add(ListWriter *w, const Entry *e);
List *list_writer_finish(ListWriter *w); /* frees W */
void list_writer_free(ListWriter *w);    /* NULL is fine */

NODISCARD Err *list_open(int dir_fd, const char *name, List **ret);
/* Read again as a whole: order, clean paths, numbers, closing hash. */
NODISCARD Err *list_verify(const List *l, const char *name);
void list_close(List *l); /* NULL is fine */
Str list_text(const List *l);
size_t list_count(const List *l);

/* The entry for PATH.  False if there is none. */
bool list_find(const List *l, Str path, Arena *a, Entry *ret);

/* All entries at and below PREFIX ("" for all), in order. */
typedef struct ListCursor {
	Str rest;     /* lines not yet given */
	Str prefix;   /* borrowed */
	bool damaged; /* ended at a line that is none: list_verify() would say which */
} ListCursor;
ListCursor list_cursor(const List *l, Str prefix);
/* False at the end.  Texts of *ret live in A. */
bool list_next(ListCursor *c, Arena *a, Entry *ret);

/* The last entry; false if there is none. */
bool list_last(const List *l, Arena *a, Entry *ret);
/* Does it begin with all that FIRST has, line for line? */
bool list_starts(const List *l, const List *first);
/* Has it whiteouts or opaque directories? */
bool list_hides(const List *l);

/* What a layer is, for cache keys: all its entries, mtimes of untimed ones left out. */
Digest list_identity(const List *l);
/* Call FN with the mtime of each entry that is untimed. */
void list_each_untimed(const List *l, void (*fn)(void *context, int64_t mtime_ns), void *context);

/*
 * The untimed entries of L as bits, the first entry's the lowest of the first byte; *ret_all: every
 * entry is, and OUT is left alone.
 */
void list_marks(const List *l, Buf *out, bool *ret_all);
/* L with other marks: BITS as above, NULL: every entry is untimed.  ERR_CORRUPT: they are not for
 * that many entries. */
NODISCARD Err *list_mark(const List *l, const Str *bits, List **ret);

static inline void list_closep(List **l)
{
	list_close(*l);
}
#define AUTO_LIST CLEANUP(list_closep)
static inline void list_writer_freep(ListWriter **w)
{
	list_writer_free(*w);
}
#define AUTO_LIST_WRITER CLEANUP(list_writer_freep)
static inline void list_builder_freep(ListBuilder **b)
{
	list_builder_free(*b);
}
#define AUTO_LIST_BUILDER CLEANUP(list_builder_freep)
