/*
 * lex-internal.h - BuildKit's shell lexer with all its switches; expand.h is the public face.
 *
 * One Lex reads one text once.  Errors have kind ERR_INPUT and the place given.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "dockerfile/expand.h"

typedef VEC(Str) StrVec;

/* The result cut at unquoted blanks; every word is put into the arena. */
typedef struct LexWords {
	Arena *arena;
	StrVec words;
	Buf word;
	bool in_word;
	bool only_heredocs; /* keep the words alone that hold "<<" */
	bool too_many;      /* more than WORDS_MAX: lex_run() gives an error */
} LexWords;

typedef struct Lex {
	const ExpandScope *scope; /* lookup NULL: nothing is set */
	Str text;
	size_t at;
	Span place; /* of the word, for errors */
	char escape;
	bool plain_quotes;  /* quotes are characters like any other */
	bool keep_quotes;   /* quotes group, and stay in the result */
	bool keep_escapes;  /* escape characters protect, and stay in the result */
	bool skip_unset;    /* $unset stays as written */
	size_t limit;       /* of the result in bytes; 0: EXPANSION_BYTES_MAX */
	LexWords *words;    /* of the whole text; set by lex_run() */
	unsigned depth;     /* of ${...} inside ${...} */
	uint64_t own_steps; /* if the scope shares none */
} Lex;

/* STEPS more of work; an error if all that was done is too much (EXPANSION_STEPS_MAX). */
NODISCARD Err *lex_spend(Lex *lex, uint64_t steps);

/* Read all of lex->text: the string to OUT, the words to WORDS (may be NULL). */
NODISCARD Err *lex_run(Lex *lex, Buf *out, LexWords *words);
void lex_words_done(LexWords *w);

/* ${v#p} ${v%p} ${v/p/r}: pattern.c */
typedef enum PatternStar { STAR_SHORTEST, STAR_LONGEST } PatternStar;

/* Cut what PATTERN matches off the start (or end) of VALUE. */
NODISCARD Err *pattern_trim(Lex *lex, Str pattern, Str value, bool suffix, PatternStar star,
                            Buf *out);
/* Replace the first match of PATTERN in VALUE, or each. */
NODISCARD Err *pattern_replace(Lex *lex, Str pattern, Str value, Str replacement, bool all,
                               Buf *out);
