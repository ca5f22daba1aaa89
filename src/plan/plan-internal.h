/*
 * plan-internal.h - what the files of this module share: the planner and the stage in the making.
 *
 * WAY      plan.c: plan_make() → scope.c (global ARGs) → stages.c (cut at FROM, names, --from
 *          words) → graph.c (cycles) → reach.c (what the target needs: images are asked for, their
 *          ONBUILD triggers become instructions) → ops.c walks each needed stage in file order and
 *          calls plan_<NAME>() for every instruction → plan.c (looked_into, labels, warnings).
 * OWNS     results in the arena; Planner and its maps live as long as plan_make() runs
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "dockerfile/expand.h"
#include "dockerfile/mount.h"
#include "plan/plan.h"

enum { STAGE_NONE = UINT32_MAX };

/* --- variables ------------------------------------------------------------------------------- */

typedef struct Var {
	Str name, value;
	Str entry;   /* "name=value" */
	Span origin; /* the ARG or ENV that set it; .src NULL: base image, command line */
	bool is_env; /* set by ENV, here or in the base image */
} Var;

/* What a word may name, and what RUN gets.  Last writer wins, be it ARG or ENV (FEATURES A.3). */
typedef struct Scope {
	Map vars;         /* name → Var *, in the order of first setting */
	unsigned changes; /* counts up with each change, so that RUNs can share one env array */
} Scope;

/* An ARG as RUN's history shows it. */
typedef struct StageArg {
	Str name, value; /* value "" if it has none */
} StageArg;
typedef VEC(StageArg) StageArgVec;

/* --- stages ---------------------------------------------------------------------------------- */

typedef enum RefKind { REF_NONE, REF_STAGE, REF_CONTEXT, REF_IMAGE } RefKind;

/* What a --from, or the from= of a mount, names. */
typedef struct FromRef {
	RefKind kind;
	uint32_t stage;             /* REF_STAGE */
	const PlanContext *context; /* REF_CONTEXT */
	Word word;                  /* as written */
	bool is_mount;
} FromRef;
typedef VEC(FromRef) FromRefVec;

/* An instruction of a stage. */
typedef struct Command {
	const Node *node;
	size_t first_ref, ref_count; /* in StageWork.refs: whose files it takes, as written */
	bool is_trigger;             /* of ONBUILD, in what the stage is FROM */
} Command;

/* The stages of one name, in file order. */
typedef struct StageName {
	uint32_t *at;
	size_t count, cap;
} StageName;

typedef VEC(PlanHistory) PlanHistoryVec;

typedef struct StageWork {
	uint32_t index;
	PlanStage *out;
	const Node *from; /* the FROM */
	/* What follows it; before that, once it is known to be needed (reach.c), the triggers. */
	Command *commands;
	size_t command_count, trigger_count;
	FromRefVec refs;            /* of the commands */
	Word base;                  /* what FROM names, expanded */
	uint32_t base_stage;        /* an earlier stage, or STAGE_NONE */
	const PlanContext *context; /* stands for the base, or for the whole stage; NULL: none */
	bool replaced;              /* by context: no instruction of the stage counts */
	const BaseImage *image;     /* once it was asked for */
	bool scratch;
	bool has_platform;        /* --platform was given */
	Platform wanted_platform; /* --platform, else that of the request */
	Span platform_span;

	Scope scope;
	StageArgVec args;
	PlanHistoryVec
		history; /* empty once a stage FROM this one goes on with it, see history.c */
	uint32_t history_owner; /* the stage that has it: this one, or who took it */
	size_t history_len;     /* entries of this stage, at the start of the owner's */
	uint32_t last_step;
	size_t layers;            /* up to last_step, those of the base image among them */
	Map env_index;            /* name → number in config.env + 1; filled at the first ENV */
	Map label_index;          /* the same of config.labels */
	unsigned position, total; /* of steps that are counted in titles */
	bool cmd_set;             /* a CMD in this stage: ENTRYPOINT leaves it alone */
	Span user_span;           /* the USER that is in force */
	Strs env;                 /* for RunArgs: valid while env_changes == scope.changes */
	Strs key_env;
	unsigned env_changes;
} StageWork;

/* --- the planner ----------------------------------------------------------------------------- */

typedef struct Planner {
	Arena *arena;
	const PlanRequest *request;
	const Dockerfile *file;
	Plan *plan;
	Map args; /* --build-arg: name → const PlanArg * */
	Scope globals;
	StageWork *stages;
	size_t stage_count;
	Map names;           /* of stages → StageName * */
	Map contexts;        /* name → const PlanContext * */
	bool has_forward;    /* a --from names its own or a later stage */
	bool has_image_refs; /* a --from names an image, or a mount no stage: BuildKit counts it as
	                        a stage in titles */
	VEC(Step) steps;
	VEC(Str) warnings;
	VEC(PlanUse) uses;
	uint64_t expansion_steps; /* see EXPANSION_STEPS_MAX */
	unsigned unset_asked;     /* see facts.c */
	VEC(Str) found, unset;    /* names of the last word that are set, and that are not: some */
	size_t bytes;             /* of texts and copies so far: see PLAN_BYTES_MAX */
	Map images;               /* "reference platform" → BaseImage * */
	Map image_steps;          /* the same for --from → StageWork-less STEP_BASE: uint32_t * */
	Map fetch_steps;          /* what is fetched, in words → its STEP_FETCH: uint32_t * */
	const StageWork *stage;   /* that is being planned */
	const Command *command;   /* ... and its instruction; NULL: FROM */
} Planner;

typedef Err *PlanFn(Planner *p, StageWork *s, const Node *node);

/* ops.c: plan_ADD, plan_ARG ... one for each line of instructions.def */
#define INSTRUCTION(name, ...) \
	Err *plan_##name(Planner *p, StageWork *s, const Node *node) NODISCARD;
#include "dockerfile/instructions.def"
#undef INSTRUCTION
NODISCARD Err *plan_stage(Planner *p, StageWork *s);
/* A new step on top of the stage's last one; counted in titles.  Valid until the next one. */
NODISCARD Err *plan_add_step(Planner *p, StageWork *s, StepKind kind, const Node *node, Step **ret);
/* A new step on top of nothing, which belongs to no stage's root file system: a source of others.
 * Valid until the next one. */
Step *plan_add_source(Planner *p, const StageWork *s, StepKind kind, const Node *node, Span span);
/* STEP takes files of step NUMBER. */
void plan_step_needs(Planner *p, Step *step, uint32_t number);
/* An error at SPAN if the plan, with BYTES more, is too large. */
NODISCARD Err *plan_grow(Planner *p, size_t bytes, Span span);
/* "... is not supported yet" at SPAN: for what is read and cannot be done. */
NODISCARD Err *plan_not_yet(Span span, const char *fmt, ...) PRINTF(2, 3);

/* scope.c */
void plan_scope_set(Arena *a, Scope *scope, Str name, Str value, Span origin);
/* The same by ENV. */
void plan_scope_set_env(Arena *a, Scope *scope, Str name, Str value, Span origin);
const Var *plan_scope_find(const Scope *scope, Str name);
void plan_scope_copy(Scope *to, const Scope *from); /* TO is empty */
NODISCARD Err *plan_globals(Planner *p);
NODISCARD Err *plan_expand_global(Planner *p, Word word, Str *ret);
NODISCARD Err *plan_expand(Planner *p, const StageWork *s, Word word, Str *ret);
/* The same of a heredoc's body: quotes are plain, and '\\' is always the escape character. */
NODISCARD Err *plan_expand_body(Planner *p, const StageWork *s, Word body, Str *ret);
ExpandScope plan_expand_scope(Planner *p, const Scope *scope);
/* The value of --build-arg NAME, or NULL. */
const PlanArg *plan_build_arg(const Planner *p, Str name);
void plan_warn_unused_args(Planner *p);
/* env and key_env of a RUN in S. */
void plan_run_env(Planner *p, StageWork *s, RunArgs *ret);

/* facts.c: see PlanFacts; nothing is done if nobody asked for them */
void plan_see(Planner *p, PlanFactKind kind, const StageWork *s, Str text);
void plan_see_stage(Planner *p, const StageWork *s);
void plan_see_base_platform(Planner *p, const StageWork *s, const Platform *platform);
/* p->unset, names of a word of S's instruction. */
void plan_see_unset(Planner *p, const StageWork *s);
/* p->unset and p->found, names of a word of S's FROM. */
void plan_see_from(Planner *p, const StageWork *s);
/* p->found and p->unset of the word of --platform, which became TEXT. */
void plan_see_platform(Planner *p, const StageWork *s, Word word, Str text);
/* EXPANDED: p->found are the names in its default. */
void plan_see_global_arg(Planner *p, const Node *node, const struct NodePair *pair, Str value,
                         bool expanded);
/* S's ARG is about to get VALUE. */
void plan_see_arg(Planner *p, const StageWork *s, const struct NodePair *pair, Str value,
                  PlanArgValue how);
/* FROMs that name no image unless --build-arg says so. */
void plan_see_defaults(Planner *p);

/* epoch.c */
/* SOURCE_DATE_EPOCH: to the plan, and what an ARG of that name gets. */
NODISCARD Err *plan_epoch(Planner *p);

/* stages.c */
/* Where the stages begin, and how they are called. */
void plan_name_stages(Planner *p);
/* And what each stands on and takes from. */
NODISCARD Err *plan_cut_stages(Planner *p);
NODISCARD Err *plan_find_target(Planner *p);
/* Does NODE make a layer, so that it is counted in titles? */
bool plan_is_counted(const Node *node);
/* What C, an instruction of S, takes files of: to S->refs, and C says which of them are its own. */
NODISCARD Err *plan_read_refs(Planner *p, StageWork *s, Command *c);
/* To ERR, about a NAME that is none of the first COUNT stages: which one is near, or which there
 * are. */
NODISCARD Err *plan_note_stages(const Planner *p, Err *err, Str name, size_t count);
Str plan_lower(Arena *a, Str s);
/* What the NUMBERth --from of NODE, the instruction that is being planned, names. */
const FromRef *plan_ref(const Planner *p, const Node *node, size_t number);

/* graph.c */
NODISCARD Err *plan_check_cycles(const Planner *p);
void plan_mark_looked_into(Planner *p);

/* reach.c */
/* The stages that the target needs, each with its base image and the triggers it brings. */
NODISCARD Err *plan_reach(Planner *p);

/* trigger.c */
/* The triggers of what S is FROM, before the instructions of S itself. */
NODISCARD Err *plan_add_triggers(Planner *p, StageWork *s);
/* ERR of an instruction of S: if it is a trigger, which FROM runs it. */
NODISCARD Err *plan_note_trigger(const StageWork *s, const Command *c, Err *err);

/* plan_from.c */
/* An error at SPAN if nobody can build for PLATFORM here. */
NODISCARD Err *plan_check_platform(const Planner *p, const Platform *platform, Span span);

/* images.c */
/* Whoever gives images hears which ones these stages will ask for. */
void plan_expect_images(Planner *p, const uint32_t *stages, size_t count);
/* What S is FROM, asked for: to S->image, which stays NULL if it is no image. */
NODISCARD Err *plan_base_image(Planner *p, StageWork *s);
void plan_set_base(Step *step, const BaseImage *image);

/* context.c */
/* Where files come from. */
typedef struct Origin {
	OriginKind kind;
	uint32_t step;    /* ORIGIN_STEP */
	uint32_t context; /* ORIGIN_CONTEXT */
} Origin;
NODISCARD Err *plan_read_contexts(Planner *p);
/* The context that stands for the stage or image NAME, or NULL. */
const PlanContext *plan_find_context(Planner *p, Str name);
/* "[context busybox] alpine": what is shown of it. */
Str plan_context_title(Planner *p, const PlanContext *c);
/* All of C, a directory or what is fetched, as the root file system of S. */
NODISCARD Err *plan_context_root(Planner *p, StageWork *s, const PlanContext *c);

/* The origin that C, a directory or remote, is. */
NODISCARD Err *plan_context_origin(Planner *p, const StageWork *s, const Node *node, Span span,
                                   const PlanContext *c, Origin *ret);
/* Where REF of NODE takes its files. */
NODISCARD Err *plan_origin(Planner *p, StageWork *s, const Node *node, const FromRef *ref,
                           Origin *ret);

/* title.c: "[linux/amd64 build 2/4] TEXT", the platform only of one of several */
Str plan_title(Planner *p, const StageWork *s, unsigned position, Str text);
/* NODE's text with the variables filled in.  SUMMARY ("" none) is appended before that; RUN (NULL:
 * it is none) has mounts whose variables are shown as "****". */
Str plan_node_title(Planner *p, const StageWork *s, const Node *node, Str summary,
                    const RunArgs *run);
/* The first line of a heredoc, "..." after it if there are more. */
Str plan_heredoc_summary(Planner *p, Str body);

/* history.c */
/* S goes on with the history of BASE. */
NODISCARD Err *plan_inherit_history(Planner *p, StageWork *s, StageWork *base);
/* Each needed stage's history, handed out. */
void plan_finish_histories(Planner *p);
/* created_by TEXT for STEP (STEP_NONE: an empty layer). */
void plan_add_history(StageWork *s, uint32_t step, Str text);
/* TEXT and an empty layer, the buffer copied. */
void plan_add_empty_history(Planner *p, StageWork *s, const Buf *text);
/* "[\"a\" \"b\"]" and "[a b]", as Go's %q and %v print a []string. */
void plan_put_quoted(Buf *out, const Strs *list);
void plan_put_list(Buf *out, const Strs *list);
/* "RUN |2 A=1 B= /bin/sh -c x # buildkit" */
Str plan_run_history(Planner *p, const StageWork *s, const Strs *argv);
Str plan_take_str(Planner *p, const Buf *b); /* a copy in the arena */

/* plan_config.c */
/* The argv of RUN, CMD, ENTRYPOINT, SHELL: the JSON words, or the shell and the text. */
Strs plan_command(Planner *p, const StageWork *s, const Node *node);

/* The main context: a directory, or what was fetched in its place. */
NODISCARD Err *plan_main_context(Planner *p, const StageWork *s, const Node *node, Origin *ret);

/* plan_fetch.c */
/* What SOURCE, a word of NODE that is the path TEXT, names.  A URL is an error for COPY. */
NODISCARD Err *plan_remote(Planner *p, const Node *node, Span source, Str text, Remote *ret);
/* What a source fetches and must be, by the flags of NODE (ADD) or none (any other). */
NODISCARD Err *plan_fetch_flags(Planner *p, const StageWork *s, const Node *node, FetchArgs *fetch);
/* The STEP_FETCH of FETCH; one for all that ask for the same. */
NODISCARD Err *plan_fetch_step(Planner *p, const StageWork *s, const Node *node, Span span,
                               const FetchArgs *fetch, uint32_t *ret);
/* plan_mount.c */
/* The mounts and devices of a RUN. */
NODISCARD Err *plan_mounts(Planner *p, StageWork *s, const Node *node, RunArgs *run);
/* STEP takes files where its mounts say so. */
void plan_mount_needs(Planner *p, Step *step);
/* plan_device.c */
NODISCARD Err *plan_devices(Planner *p, const Node *node, RunArgs *run);

/* plan_workdir.c */
/* PATH below DIR, cleaned, absolute; an absolute PATH wins. */
Str plan_path_join(Arena *a, Str dir, Str path);
