/*
 * builders.h - the names that `buildx create` has been given: all of them are decant.
 *
 * WHAT     A file builders/NAME in the store for each, and builders/.current for the one that is used.
 *          "default" is always there.  What NAME may be is buildx' rule: [a-zA-Z0-9][a-zA-Z0-9._-]*
 * ERRORS   in buildx' words: no builder "x" found
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

typedef struct Builder {
	Str name;
	bool current;
} Builder;

/* By name, "default" last.  S NULL: there is no store. */
NODISCARD Err *builders_list(Store *s, Arena *a, Builder **ret, size_t *ret_count);
/* NAME, or the current one if it is NULL. */
NODISCARD Err *builders_find(Store *s, const char *name, Arena *a, Builder *ret);
/* NAME NULL: one is made up.  AGAIN: it may be there. */
NODISCARD Err *builders_add(Store *s, const char *name, bool again, Arena *a, Str *ret_name);
NODISCARD Err *builders_choose(Store *s, Str name);
NODISCARD Err *builders_remove(Store *s, const Builder *b);
