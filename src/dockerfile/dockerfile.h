/*
 * dockerfile.h - text → instructions, every word with its place.
 *
 * WHAT     dockerfile_parse() reads a whole Dockerfile: BOM, parser directives (syntax is recognised
 *          and never fetched; escape; check), comments, continuations, heredocs, flags, JSON forms,
 *          and gives Nodes in file order.  Nothing is expanded and nothing is looked up.
 * RULES    those of BuildKit's Dockerfile frontend; instructions.def and flags.def are THE lists of what there is.
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
	Word name;  /* "from" */
	Word value; /* "builder"; text "" if has_value is false */
	bool has_value;
	FlagId id; /* of flags.def */
} NodeFlag;

typedef struct Heredoc {
	Str name;    /* "EOF" */
	Str body;    /* with its final newline; tabs stripped for <<- */
	Str raw;     /* the body as written, for ONBUILD texts and shells that read it themselves */
	Span span;   /* of the body */
	bool expand; /* the word was not quoted */
	bool strip_tabs;
	unsigned fd; /* 3<<EOF; 0 if none written */
} Heredoc;

typedef struct NodePair {
	Word key, value;
	bool has_value; /* false: "ARG name" */
} NodePair;

typedef struct Node {
	InstructionId id; /* INST_COUNT: unknown (dockerfile_parse_tree only) */
	Span span;        /* the whole instruction: keyword to last byte (bodies included) */
	Word keyword;     /* as written: "copy" */
	Word rest;        /* all after keyword and flags, continuations joined; "" if nothing */
	NodeFlag *flags;
	size_t flag_count;
	/* JSON: its strings; WORDS: cut at blanks; SHELL: one word, the rest; HEALTHCHECK: the
	 * type, then the command as SHELL_OR_JSON has it; ASSIGNMENTS: none, see pairs. */
	Word *words;
	size_t word_count;
	bool json;       /* the JSON form was used */
	NodePair *pairs; /* ENV LABEL ARG; quotes and escapes as written */
	size_t pair_count;
	bool legacy; /* ENV and LABEL in the old form: "ENV key the rest" */
	Heredoc *heredocs;
	size_t heredoc_count;
	Str line; /* the logical line as written, trimmed (ONBUILD stores that of its inner node) */
	Str text; /* the same with the keyword in upper case, as BuildKit shows it in titles */
	/* An empty line inside a continuation (.src NULL: none): worth a warning. */
	Span empty_continuation;
	/* The comment lines above it, from the last instruction or the last empty comment ("#") on:
	 * without '#' and blanks around; directives are none. */
	Word *comments;
	size_t comment_count;
	struct Node *onbuild; /* ONBUILD: the instruction inside */
} Node;

typedef struct Dockerfile {
	const Source *source;
	char escape; /* '\\' or '`' */
	Word syntax; /* text "" if none */
	Word check;  /* value of "# check=", "" if none: for check_options_parse() */
	Node *nodes;
	size_t node_count;
} Dockerfile;

/* Read and check: dockerfile_parse_tree(), then dockerfile_check(). */
NODISCARD Err *dockerfile_parse(Arena *a, const Source *source, Dockerfile *ret);
/* The same with FRONTEND in place of what the syntax directive says: --build-arg BUILDKIT_SYNTAX;
 * "" for the directive's own. */
NODISCARD Err *dockerfile_parse_as(Arena *a, const Source *source, Str frontend, Dockerfile *ret);
/* The one instruction that an image's ONBUILD keeps as text, read and checked; never with a
 * directive. */
NODISCARD Err *dockerfile_parse_trigger(Arena *a, const Source *source, const Node **ret);
/* Read alone: unknown instructions (INST_COUNT) and flags (FLAG_COUNT), missing words and files
 * without FROM pass; only what makes no tree is refused.  For debug ast, linters and editors. */
NODISCARD Err *dockerfile_parse_tree(Arena *a, const Source *source, Dockerfile *ret);
/* An error if the syntax directive names a frontend that reads another language than ours. */
NODISCARD Err *dockerfile_check_syntax(const Dockerfile *d);
/* All that can be said of a Dockerfile without an image and without values of variables. */
NODISCARD Err *dockerfile_check(const Dockerfile *d);
/* The value of a flag of the HEALTHCHECK NODE: nanoseconds, failures; 0 if it was not given. */
NODISCARD Err *dockerfile_health_duration(const Node *node, FlagId id, int64_t *ret);
NODISCARD Err *dockerfile_health_retries(const Node *node, FlagId id, int64_t *ret);

/* The heredoc that WORD of a COPY or ADD stands for ("<<EOF", "3<<-'EOF'"), or NULL. */
const Heredoc *node_heredoc(const Node *node, Word word);
/* The value of the last flag ID, or NULL. */
const NodeFlag *node_flag(const Node *node, FlagId id);

/* The comment "NAME text" above a FROM or an ARG says what the stage or the argument is for: the
 * text, "" if there is none. */
Str node_description(const Node *node, Str name);
/* The value of a comment "check=..." above the instruction, which counts for it alone; text "" if
 * there is none. */
Word node_check(const Node *node);

/* "skip=A,B;error=true;experimental=C" of a check directive, comment or build argument. */
typedef struct CheckOptions {
	bool skip_all, experimental_all; /* "skip=all" */
	bool error;                      /* a warning fails the build */
	Word *skip, *experimental;       /* names of rules */
	size_t skip_count, experimental_count;
} CheckOptions;
NODISCARD Err *check_options_parse(Arena *a, Word text, CheckOptions *ret);

/* The tree as BuildKit's parser dumps it, one line an instruction (decant debug ast). */
void dockerfile_dump(const Dockerfile *d, Buf *out);

/* The nearest of NAMES within two edits, or NULL: for "did you mean". */
static inline const char *dockerfile_suggest(Str word, const char *const *names, size_t count)
{
	return str_nearest(word, names, count);
}
