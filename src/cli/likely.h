/* likely.h - why a file came out differently: what its bytes tell, and no more. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

enum { LIKELY_CONTEXT = 48, LIKELY_HEAD = 64 }; /* bytes around the place; of a file's start */

/* The first place where two files of one path differ. */
typedef struct LikelyPlace {
	uint64_t offset;
	Str head;          /* the first LIKELY_HEAD bytes, of either: they are equal up to OFFSET */
	Str before, after; /* LIKELY_CONTEXT bytes or fewer around it, in each */
	size_t at;         /* where OFFSET is in them */
} LikelyPlace;

/* "byte 4: the time in a gzip header (gzip -n leaves it out)"; one line, safe for a terminal. */
void likely_words(const LikelyPlace *p, Buf *out);
