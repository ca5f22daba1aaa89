/*
 * why.h - why a step was not in the cache: two keys compared, in words.
 *
 *   why.c          the story of a step: its counterpart in an earlier build, and what led to it
 *   why_story.c    what differs in its inputs, and which step made what it stands on another
 *   why_match.c    which earlier build, and which of its steps
 *   why_compare.c  two preimages → what differs, by the table of key_inputs.def
 *   why_files.c    the same of their files
 *
 * CODES    beside those of the table: no-cache, no-cache-filter, never-built, evicted, failed-before,
 *          not-finished, line, base-image, base-missing, removed-step, inputs-lost, other-result,
 *          file-new, file-removed, file-renamed, file-mode, file-owner, file-link, file-xattr, file-device,
 *          file-time, arg, shell, fetched, more
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

/* Causes told of one step; more are counted. */
enum { WHY_CAUSES_MAX = 20 };
enum { WHY_DIGEST_SHOWN = 12 };

typedef VEC(StoreCause) WhyCauses;

/* One build's side of a comparison. */
typedef struct WhySide {
	Str preimage;
	/* A list by its digest; false: it is not here any more. */
	bool (*list)(void *context, const Digest *digest, Buf *out);
	void *context;
} WhySide;

typedef struct WhyDiff {
	Arena *arena;
	bool files_only;
	bool line_changed; /* what the instruction says by itself is told already */
	Str origin;        /* files are of this stage or image: "builder"; "" of the context */
	/* What a variable is: "ENV", "ARG", "ENV of the base image"; NULL: "ENV". */
	const char *(*variable)(void *context, Str name);
	void *context;
	WhyCauses causes;  /* in the arena's texts; freed by the caller */
	size_t count;      /* of all, those that were not kept too */
	bool parent, from; /* these differ: the caller knows more about them */
} WhyDiff;

/* One more, its words made by FMT; those beyond WHY_CAUSES_MAX are only counted. */
void why_add(WhyDiff *d, StoreCause cause, const char *fmt, ...) PRINTF(3, 4);
/* What of OLD's inputs is not what it is in NEW. */
void why_compare(WhyDiff *d, const WhySide *old, const WhySide *new);

/* --- why_files.c --- */
/* A line of a preimage. */
typedef struct WhyInput {
	KeyInput kind;
	Str value;
	Str group; /* MOUNT style and files: the mount's target; "" none */
} WhyInput;
typedef VEC(WhyInput) WhyInputs;
void why_compare_files(WhyDiff *d, const WhyInputs *old, const WhyInputs *new);
/* TEXT with its \xHH undone. */
Str why_unescape(Arena *a, Str text);

/* --- why.c --- */
/* STEP is not in the cache: its causes, noted and told; an error if that may not be. */
NODISCARD Err *why_missed(Build *b, const Step *step, const StepKey *key);
/* The same of what comes from elsewhere; after it was asked for. */
NODISCARD Err *why_fetch_missed(Build *b, const Step *step);
/* After it was made: is the result what it was? */
void why_made(Build *b, const Step *step);
/* Stages of --fail-on-miss that are none. */
NODISCARD Err *why_check_stages(const Build *b);
void why_done(Build *b);

/* --- why_match.c --- */
/* The earlier step that STEP is compared with. */
typedef struct WhyPartner {
	const struct WhyEarlier *earlier; /* NULL: no earlier build is known */
	const StoreStep *step;            /* NULL: none of their steps is like it */
	const StoreStep *same_key;        /* with this very key, of any of the builds looked at */
	const StoreStep *unended; /* one that did not come to an end; told if there is none above */
} WhyPartner;
/* The key with the content of what OLD took of other steps; zero: not known.  Who found it in the
 * cache did not ask: another build did. */
const Digest *why_content_key(const Build *b, const StoreStep *old);
/* Under b->why_mutex. */
NODISCARD Err *why_partner(Build *b, const Step *step, const Digest *key, WhyPartner *ret);

/* --- why_story.c --- */
StoreCause why_cause(const char *code);
void why_diff_done(WhyDiff *d);
/* Against the step of PARTNER, which is not NULL; CONTENT: the key with the files of other steps.
 */
void why_explain_inputs(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                        const WhyPartner *partner, WhyDiff *d);
