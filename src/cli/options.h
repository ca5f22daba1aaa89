/*
 * options.h - command lines by table: one Option a flag, which also makes help, man page,
 * completion.
 *
 * WHAT     Reads what docker's own parser (pflag) reads: --flag=value, --flag value, -t x, -tx,
 *          -t=x, combined short flags (-it), "--" ends flags, arguments and flags in any order.
 * ERRORS   ERR_INPUT in docker's words ("unknown flag: --foo"), with a note if a flag is near
 * OWNS     texts are borrowed from argv; lists live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef enum OptionKind {
	OPTION_FLAG,    /* bool: --x, --x=false */
	OPTION_TEXT,    /* const char *: --x value; NULL if not given */
	OPTION_LIST,    /* OptionList: each use adds one */
	OPTION_NUMBER,  /* unsigned; with .max: 1 to that */
	OPTION_COUNT,   /* unsigned: each use adds one */
	OPTION_WORD,    /* const char *: --x is "true", --x=word; never takes the next word */
	OPTION_IGNORED, /* OptionList: without effect; one with advice adds it.  It takes a value if
	                   .value says so */
	OPTION_REFUSED, /* known from other programs, not done here: an error; stores nothing */
} OptionKind;

typedef struct OptionList {
	const char **at;
	size_t count;
} OptionList;

typedef struct Option {
	const char *name; /* long form without "--" */
	char letter;      /* short form, 0: none */
	OptionKind kind;
	unsigned max;       /* OPTION_NUMBER; 0: any number, 0 too */
	bool hidden;        /* not in help, man page and completion */
	const char *value;  /* what help calls the value; NULL: "string" */
	const char *help;   /* one line, an upper-case letter first, no full stop */
	size_t offset;      /* of the member that it sets, in the command's values */
	const char *advice; /* REFUSED: what to use instead; IGNORED: "--x has no effect: ..." */
	/* for completion: "auto,plain,tty", "FILE", "DIRECTORY", "IMAGE", "CONTAINER", "NETWORK",
	 * "STAGE" and "ARG" (those of the Dockerfile); NULL: nothing */
	const char *choices;
} Option;

/* A table and the struct that it fills. */
typedef struct OptionSet {
	const Option *at;
	size_t count;
	void *values;
} OptionSet;

/* What is no flag, in order. */
typedef struct Arguments {
	const char **at;
	size_t count;
} Arguments;

/*
 * ARGV (without the program's and the command's name) against SETS; an earlier set wins.  Members
 * of absent options keep their values.  STOP_AT_ARGUMENT: all from the first argument on are
 * arguments
 * (`run IMAGE COMMAND -x`); *ret_used then still says how many words were flags.
 */
NODISCARD Err *options_parse(const OptionSet *sets, size_t set_count, int argc, char *const *argv,
                             bool stop_at_argument, Arena *a, Arguments *ret, int *ret_used);
bool option_takes_value(const Option *o);
/* Is it in help, manual and completion? */
bool option_is_shown(const Option *o);
/* What help calls the value: "string", "list"; "" for flags. */
const char *option_value_name(const Option *o);

/* The nearest of NAMES within two edits, or NULL: for "did you mean". */
const char *option_suggest(const char *word, const char *const *names, size_t count);
