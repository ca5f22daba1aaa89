/*
 * lint-internal.h - a rule's view of the run: when it is called, what it may ask, how it speaks.
 *
 *   rules.c        the table; lint_run(): who is called when
 *   options.c      "skip=A,B;error=true", at the top and above one instruction
 *   rules_file.c   rules that need the text alone
 *   rules_plan.c   rules that need variables, stages and images
 *   rules_own.c    ours that need the text and what planning saw
 *   rules_copy.c   ours about the files that a COPY or ADD takes
 *   rules_layer.c  ours about the files that a layer holds
 *   secret.c       is this file a key or a token?
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "fs/match.h"
#include "lint/lint.h"

/* docker's order: these come one after the other, each rule of a time in the table's order. */
typedef enum LintTime {
	LINT_AT_LINES, /* for every instruction of the file, before all else */
	LINT_AT_NODE,  /* for every instruction up to the first that is wrong */
	LINT_AT_STAGE, /* for every FROM of a file in which nothing is wrong */
	LINT_AT_FILE,  /* once, if nothing is wrong */
	LINT_AT_FACT,  /* for every PlanFact */
	LINT_AT_STEP,  /* for every step that makes files, once it is known what it takes */
} LintTime;

typedef struct LintOptions {
	bool skip_all, experimental_all, as_error;
	bool skip[LINT_RULE_COUNT], experimental[LINT_RULE_COUNT];
} LintOptions;

/* What rules remember of a stage. */
typedef struct LintStage {
	bool workdir_set;
	const Node *last[INST_COUNT]; /* the last of CMD, ENTRYPOINT, HEALTHCHECK */
} LintStage;

typedef struct Linter {
	Arena *arena;
	const LintInput *in;
	const Dockerfile *file;
	LintOptions options;
	LintStage *stages;
	size_t stage_count;
	Map stage_names; /* of the FROMs seen so far */
	bool ignore_read;
	Ignore ignore;
	VEC(LintFinding) findings;
	LineMap lines;
	/* of the event */
	const Node *node;
	const Node *place;    /* whose lines are shown, and whose comments count */
	const PlanFact *fact; /* LINT_AT_FACT */
	LintStage *stage;     /* LINT_AT_FACT, NULL before the first */
	const Step *step;     /* LINT_AT_STEP */
	const Plan *plan;     /* LINT_AT_STEP */
	const LintFiles *files;
	const LintTaken *taken; /* LINT_AT_STEP of COPY and ADD; NULL: not known */
	bool in_result;         /* LINT_AT_STEP: the layer becomes one of the image */
	const bool *results;    /* LINT_AT_STEP: the same of every step of the plan */
} Linter;

#define RULE(name, ...) void lint_rule_##name(Linter *l);
#include "lint/rules.def"
#undef RULE

/* RULE has found something at the event's instruction. */
void lint_report(Linter *l, LintRuleId rule, const char *fmt, ...) PRINTF(3, 4);
/* The same, without effect on the status, whatever the table says. */
void lint_remark(Linter *l, LintRuleId rule, const char *fmt, ...) PRINTF(3, 4);
/* The same at the lines of NODE; the event's instruction still says what is skipped. */
void lint_report_at(Linter *l, LintRuleId rule, const Node *node, const char *fmt, ...)
	PRINTF(4, 5);

/* options.c */
#define LINT_OPTIONS_ARG "BUILDKIT_DOCKERFILE_CHECK"
/* The check directive, or what the build argument has in its place. */
Word lint_options_word(const LintInput *in);
NODISCARD Err *lint_options_read(Arena *a, Word word, LintOptions *ret);
/* O and what the comments above NODE add to it. */
void lint_options_at(Arena *a, const Node *node, LintOptions *o);

/* secret.c */
/* What the file PATH, if it holds TEXT, gives away: "a private key"; NULL: nothing. */
const char *lint_secret(Str path, Str text);
/* Could it be one, by its name?  Only then its text is worth reading. */
bool lint_secret_name(Str path);
/* Is one of WORDS a whole part of NAME, cut at '_'?  Case makes no difference. */
bool lint_has_part(Str name, const char *const *words, size_t count);
/* Where PART first stands in TEXT, or -1. */
ptrdiff_t lint_find(Str text, Str part);
/* "12.3 MB" */
Str lint_size(Linter *l, uint64_t bytes);
