/*
 * expand.h - $variables, quotes and escapes, exactly as BuildKit's shell lexer treats them.
 *
 * RULES    those of BuildKit's shell lexer (frontend/dockerfile/shell), quirks included.
 * ERRORS   ERR_INPUT with the Span of the word; ${v:?msg} gives "v: msg"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dockerfile/dockerfile.h"

typedef struct ExpandScope {
	/* Value of NAME, or false if it is not set.  *ret_origin: where it was defined (may be no
	 * place). */
	bool (*lookup)(void *context, Str name, Str *ret_value, Span *ret_origin);
	void *context;
	char escape;
	bool raw_quotes;  /* heredoc bodies: quotes are plain characters */
	bool raw_escapes; /* escape characters protect, and stay (titles of RUN) */
	bool skip_unset;  /* leave ${unset} as it is written (history texts) */
	/* What all words that share this have cost so far (EXPANSION_STEPS_MAX is the end of it);
	 * NULL: each word has its own. */
	uint64_t *steps;
} ExpandScope;

/* One word → one string (ENV, LABEL, COPY ...). */
NODISCARD Err *expand_word(Arena *a, const ExpandScope *scope, Word word, Str *ret);
/* One word → strings, cut at unquoted blanks that came from variables (EXPOSE). */
NODISCARD Err *expand_words(Arena *a, const ExpandScope *scope, Word word, Str **ret,
                            size_t *ret_count);
