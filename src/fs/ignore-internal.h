/*
 * ignore-internal.h - one pattern of an ignore list, compiled.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/match.h"

typedef enum IgnoreKind {
	IGNORE_EXACT,
	IGNORE_PREFIX, /* "dir/" of "dir/" + two stars */
	IGNORE_SUFFIX, /* what follows two stars at the start */
	IGNORE_EXPRESSION,
} IgnoreKind;

typedef struct IgnoreAtom IgnoreAtom;

struct IgnoreProgram {
	IgnoreKind kind;
	Str literal; /* EXACT, PREFIX, SUFFIX; of an EXPRESSION: the longest plain text in each
	                match */
	IgnoreAtom *atoms; /* EXPRESSION */
	size_t atom_count;
};

/* Compile PATTERN (cleaned, without '!'). */
NODISCARD Err *ignore_compile(Arena *a, Str pattern, const IgnoreProgram **ret);
/* Does the pattern match PATH or one of its parents? */
bool ignore_program_matches(const IgnoreProgram *p, Str path);
/* PATH itself? */
bool ignore_program_matches_itself(const IgnoreProgram *p, Str path);
/* Could it match something below DIRECTORY? */
bool ignore_program_may_match_below(const IgnoreProgram *p, Str directory);
