/*
 * lint.h - what is no error in a Dockerfile and still worth a word: rules, and who is told.
 *
 * WHAT     lint_run() applies every rule of rules.def to a file, as far as it could be read and planned.
 *          Rules that docker has keep its names, texts and addresses, and come in its order.  Ours
 *          come behind them.
 * LEVELS   WARNING: docker's, and what no image should be built with: told at the end of a build too,
 *          and status 1 of --check.  EXPERIMENTAL: only where "# check=experimental=" asks for it.
 *          REMARK: ours alone, told by --check, without effect on the status.
 * SKIPPING "# check=skip=A,B;error=true;experimental=C" at the top, or --build-arg
 *          BUILDKIT_DOCKERFILE_CHECK=... in its place; "# check=skip=A" above one instruction
 * OWNS     results live in the arena
 * SOURCE   moby/buildkit frontend/dockerfile/linter
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/entry.h"
#include "fs/list.h"
#include "plan/plan.h"

/* Lines of a source by offset, found at the first question. */
typedef struct LineMap {
	Arena *arena;
	const Source *source;
	uint32_t *starts; /* offsets of the lines */
	size_t count;
} LineMap;

/* The first and the last line of SPAN, counted from 1. */
void line_map_find(LineMap *map, Span span, unsigned *ret_first, unsigned *ret_last);
/* A text that ends in a line end has an empty line behind it, as editors and docker count. */
unsigned line_map_count(LineMap *map);
/* Line NUMBER, from 1, without its line end. */
Str line_map_text(LineMap *map, unsigned number);

typedef enum LintRuleId {
#define RULE(name, ...) LINT_##name,
#include "lint/rules.def"
#undef RULE
	LINT_RULE_COUNT
} LintRuleId;

typedef enum LintLevel { LINT_WARNING, LINT_EXPERIMENTAL, LINT_REMARK } LintLevel;

typedef struct LintRule {
	const char *name, *description;
	const char *url; /* "" none */
	LintLevel level;
} LintRule;

extern const LintRule lint_rule_table[LINT_RULE_COUNT];

typedef struct LintFinding {
	LintRuleId rule;
	bool is_remark;
	size_t number;                  /* in the order in which they were found */
	Str text;                       /* one thought; may hold any bytes of the file */
	unsigned first_line, last_line; /* from 1; 0: not of this file (ONBUILD of an image) */
} LintFinding;

typedef struct LintResult {
	LintFinding *findings; /* in the order in which they were found */
	size_t count, warning_count;
	bool as_error; /* error=true */
} LintResult;

typedef struct LintInput {
	const Dockerfile *file;
	const Err *broken; /* of the file's check: rules see what stands before it.  NULL: none */
	const PlanFacts *facts; /* as far as planning came */
	const Source *ignore;   /* NULL: none */
	const PlanArg *args;    /* --build-arg */
	size_t arg_count;
	bool remarks;    /* REMARKs are wanted */
	bool is_planned; /* to its end: facts are complete */
} LintInput;

/* --- files ------------------------------------------------------------------------------------ */

/* One file that a COPY or ADD takes. */
typedef struct LintFile {
	Str path;            /* in the context, or in the root of the other step */
	const Entry *entry;  /* type, mode, owner and size count */
	const void *context; /* of whoever answers; NULL: of no build context */
	bool below;          /* found in a directory that was named, and not named itself */
} LintFile;

typedef struct LintTaken {
	LintFile *files;
	size_t count;
	size_t match_count; /* what the words matched; 0: wildcards for which there is nothing */
} LintTaken;

/* Answers about files.  False: not known, which is no error: a rule then says nothing. */
typedef struct LintFiles {
	void *context;
	/* FILTER: those alone whose path it wants; NULL: all. */
	bool (*taken)(void *context, const Step *step, bool (*filter)(Str path), Arena *a,
	              LintTaken *ret);
	/* The first LIMIT bytes of a file of the build context. */
	bool (*read)(void *context, const LintFile *file, size_t limit, Buf *out);
	/* The layer that STEP has made: it is in the cache.  list_close() is the caller's. */
	bool (*made)(void *context, const Step *step, List **ret);
	/* What is at PATH before STEP. */
	bool (*below)(void *context, const Step *step, Str path, Arena *a, Entry *ret);
	/* Bytes of the files at and below PATH before STEP that are not of the base image. */
	bool (*weigh)(void *context, const Step *step, Str path, uint64_t *ret);
} LintFiles;

/* The options alone can be wrong: ERR_INPUT with the place of the directive. */
NODISCARD Err *lint_run(Arena *a, const LintInput *in, LintResult *ret);
/* To IO what FROM found and IO does not have: of a file that was planned more than once. */
void lint_merge(Arena *a, const LintResult *from, LintResult *io);
/* Rules that look at files, for every step of PLAN; findings are added to IO. */
NODISCARD Err *lint_run_steps(Arena *a, const LintInput *in, const Plan *plan,
                              const LintFiles *files, LintResult *io);
/* "lint violation found for rules: ...", if there are warnings and error=true; else NULL. */
NODISCARD Err *lint_error(const LintResult *result);
/* "Rule: text (line N)" */
Str lint_short(Arena *a, const LintFinding *finding);
/* A copy of the findings as docker lists them: by line. */
LintFinding *lint_sorted(Arena *a, const LintResult *result);

/* Does the variable NAME sound as if its value were a secret? */
bool lint_is_secret_variable(Str name);
