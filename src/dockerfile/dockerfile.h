/*
 * dockerfile.h - text → instructions, every word with its place.
 *
 * WHAT     dockerfile_parse() reads a whole Dockerfile: BOM, parser directives (syntax is recognised
 *          and never fetched; escape; check), comments, continuations, heredocs, flags, JSON forms,
 *          and gives Nodes in file order.  Nothing is expanded and nothing is looked up.
 * RULES    FEATURES.md A.1; instructions.def and flags.def are THE lists of what there is.
 * ERRORS   ERR_INPUT with the Span of the offending word ("unknown instruction: 'FNTRYPOINT'", note:
 *          did you mean ENTRYPOINT?)
 * OWNS     everything lives in the arena; texts borrow the Source
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "dockerfile/instruction.h"

/* A piece of text that the user wrote, and where.  TEXT may differ from the span's bytes (a
 * continuation was joined, a comment line dropped): the span then marks what it was made of. */
typedef struct Word {
	Str text;
	Span span;
} Word;

typedef struct NodeFlag {
	Word name;      /* "from" */
	Word value;     /* "builder"; text "" if has_value is false */
	bool has_value;
	FlagId id;      /* of flags.def */
} NodeFlag;

typedef struct Heredoc {
	Str name;   /* "EOF" */
	Str body;   /* with its final newline; tabs stripped for <<- */
	Span span;  /* of the body */
	bool expand; /* the word was not quoted */
	bool strip_tabs;
	unsigned fd; /* 3<<EOF; 0 if none written */
} Heredoc;

typedef struct Node {
	InstructionId id;
	Span span;          /* the whole instruction: keyword to last byte (bodies included) */
	Word keyword;       /* as written: "copy" */
	Word rest;          /* all after keyword and flags, continuations joined; "" if nothing */
	NodeFlag *flags;
	size_t flag_count;
	Word *words;        /* JSON: its strings; WORDS: cut at blanks; ASSIGNMENTS: see pairs; SHELL: one word = rest */
	size_t word_count;
	bool json;          /* the JSON form was used */
	struct NodePair { Word key, value; bool has_value; } *pairs; /* ENV LABEL ARG */
	size_t pair_count;
	Heredoc *heredocs;
	size_t heredoc_count;
	Str text;           /* the logical line as BuildKit shows it in titles: keyword upper case, blanks as written */
	struct Node *onbuild; /* ONBUILD: the instruction inside */
} Node;

typedef struct Dockerfile {
	const Source *source;
	char escape;        /* '\\' or '`' */
	Word syntax;        /* text "" if none */
	Word check;         /* value of "# check=", "" if none */
	Node *nodes;
	size_t node_count;
} Dockerfile;

NODISCARD Err *dockerfile_parse(Arena *a, const Source *source, Dockerfile *ret);
/* The tree as BuildKit's parser dumps it, one line an instruction (decant debug ast). */
void dockerfile_dump(const Dockerfile *d, Buf *out);

/* The nearest of NAMES within two edits, or NULL: for "did you mean". */
const char *dockerfile_suggest(Str word, const char *const *names, size_t count);
