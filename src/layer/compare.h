/*
 * compare.h - two trees, or two layers, entry by entry: what differs, and in what.
 *
 * WHAT     By the content lists alone: nothing is unpacked, no file is read.
 * ERRORS   ERR_CORRUPT of a list that is damaged; those of FN
 * OWNS     entries are borrowed for the time of the call
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/list.h"
#include "layer/view.h"

/* In what two entries of one path differ. */
typedef enum CompareBit {
	/* Then nothing else is looked at, unless both are files, one of them as a hard link. */
	COMPARE_TYPE = 1 << 0,
	COMPARE_CONTENT = 1 << 1,
	COMPARE_MODE = 1 << 2,
	COMPARE_OWNER = 1 << 3,
	COMPARE_LINK = 1 << 4, /* where a symlink, or a hard link, leads */
	COMPARE_DEVICE = 1 << 5,
	COMPARE_XATTR = 1 << 6,
	COMPARE_TIME = 1 << 7,
	COMPARE_OPAQUE = 1 << 8, /* of layers: whether what is below shows */
} CompareBit;

/* 0: they are equal. */
unsigned compare_entries(const Entry *a, const Entry *b);
/* The first xattr that only one has, or that differs; "" none. */
Str compare_xattr_name(const Entry *a, const Entry *b);

typedef struct Change {
	const Entry *before, *after; /* NULL: not there; one of them is always there */
	unsigned bits;               /* both are there: CompareBits, never 0 */
} Change;
/* In the order of paths; a hard link has size, digest, mode and all else of its file.  An error
 * ends it. */
typedef Err *CompareFn(void *context, const Change *change);

NODISCARD Err *compare_lists(const List *a, const List *b, CompareFn *fn, void *context);
/* What V shows, as a list of its own: whiteouts applied. */
NODISCARD Err *compare_flatten(const View *v, List **ret);
