/*
 * build-internal.h - one build on its way: what the files of the engine share.
 *
 *   make_plan.c the Dockerfile read, planned, judged
 *   judge.c     rules that need to know files: what a COPY takes, what a layer holds
 *   build.c     the story: plan, look up, enter, run, name the result
 *   resolve.c   base images: the store first, then the registry, or an OCI layout (layout.c)
 *   key.c       what a step's result depends on → its key, and the preimage that explains it
 *   record.c    cache records: text ↔ StepResult
 *   cached*.c   results that a cache elsewhere has: found, fetched, given away
 *   schedule.c  the DAG over worker threads; order.c: which step goes first
 *   fetch*.c    what comes from elsewhere: asked for, fetched
 *   op_*.c      one step each
 *   result.c    layers + config → image
 *   journal.c   what is written down of all this; why*.c: why a step was not in the cache
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "exec/build.h"
#include "exec/key.h"
#include "fs/context.h"
#include "http/client.h"
#include "layer/layer.h"
#include "layer/view.h"
#include "oci/manifest.h"
#include "registry/layout.h"
#include "registry/registry.h"
#include "sandbox/sandbox.h"
#include "store/builds.h"

#include <pthread.h>

/* One layer of a root file system. */
typedef struct LayerRef {
	Digest diff_id, identity;
	uint64_t size_bytes;
	bool empty;         /* nothing in it: never mounted */
	int64_t created_ns; /* for the history; IMAGE_TIME_NONE for layers of a base image */
} LayerRef;

/* What a step gave. */
typedef struct StepResult {
	Digest diff_id, identity;
	uint64_t size_bytes;
	bool empty;
	int64_t created_ns;
	int64_t cost_ns; /* what it took to make */
	Digest content;  /* the second key that it has (key_of_content); zero: none */
	Str from;        /* the cache elsewhere that said so, "registry REF"; "" the store */
} StepResult;

typedef enum StepStatus { STEP_WAITING, STEP_READY, STEP_RUNNING, STEP_KNOWN } StepStatus;

/* What the journal says of a step beside its result.  Written by who has the step. */
typedef struct StepTrace {
	Digest definition, key, content; /* zero until known */
	int64_t begun_ns, cost_ns; /* real time; of a cached step: what it had cost when made */
	bool failed, cancelled, refused; /* refused: by --fail-on-miss */
	bool pulled;                     /* STEP_BASE: its layers were brought */
	bool same;                       /* made, with the result that it had before */
	const StoreStep *before; /* what it was in the build that it is compared with; NULL */
	StoreCause *causes;      /* why it was not in the cache */
	size_t cause_count;
	uint64_t log_bytes;
	Str inputs; /* failed: its key in words */
} StepTrace;

/* What is known of a step.  Written by one thread, read by others only once it is STEP_KNOWN. */
typedef struct StepState {
	StepStatus status;
	bool cached;
	bool by_hand;     /* STEP_RUN: the user's hands were in it */
	LayerRef *layers; /* of the whole root file system, bottom first */
	size_t layer_count;
	Digest identity;       /* of the whole root file system: what keys of later steps hold */
	StepResult result;     /* STEP_KNOWN: the topmost layer; not of STEP_BASE */
	bool unverified;       /* the result is a cache's word: its layer need not be here */
	unsigned line;         /* progress line; 0: none yet */
	bool here;             /* STEP_BASE: its layers are in the store (checked or pulled) */
	pthread_mutex_t mutex; /* STEP_BASE: one pull for all that need it */
	struct CopySet *copy;  /* STEP_COPY: what it takes, once it was looked up */
	StepTrace trace;
	struct GitCommit
		*commit; /* STEP_FETCH of a repository: what its reference meant when asked */
} StepState;

/* A base image that came from the registry's answer and may have to be pulled. */
typedef struct Resolved {
	Str name;          /* full reference and platform */
	Platform platform; /* asked for */
	bool local;        /* in the store when asked */
	bool in_layout;    /* of layout, not of a registry */
	Layout layout;
	RegistryImage remote;
	BaseImage base;
} Resolved;

typedef struct Build {
	const BuildRequest *request;
	Store *store;
	Progress *progress;
	Cancel *cancel;
	Cancel own_cancel; /* if the request has none */
	Arena *arena;      /* of the build; guarded by mutex once threads run */
	pthread_mutex_t mutex;
	unsigned plan_line; /* progress line of the Dockerfile */
	const Source
		*source; /* of the Dockerfile: the request's, or what was found in the context */
	struct StepResult *context_layer;       /* of a main context that is no directory; NULL */
	const struct GitCommit *context_commit; /* of one that is a repository; NULL */
	Dockerfile file;
	PlanFacts *facts; /* one a plan that was made: of each target for each platform */
	size_t facts_count;
	LintResult lint;
	Plan plan;            /* of all of them */
	BuildTarget *targets; /* named; their images come last of all, see result.c */
	size_t target_count;
	StepState *states; /* one a plan->steps */
	bool *uncached;    /* one a plan->stages: its steps are made again; NULL: none is */
	Resolved **resolved;
	size_t resolved_count;
	struct Expected *expected, *answered; /* resolve.c: images to be asked for, and asked */
	Registry *registry;                   /* opened at the first question */
	HttpClient *http;                     /* the same, for downloads; guarded by mutex */
	Context **contexts; /* the main one and those of request->directories; NULL: not used */
	Ignore *ignores;
	Sandbox *sandbox; /* NULL until something is run */
	int init_lower_fd;
	int64_t now_ns;          /* when the build began */
	int64_t epoch_ns;        /* SOURCE_DATE_EPOCH; -1: none */
	CacheImage *image_times; /* of the results, if request->cache_out */
	size_t image_time_count;
	unsigned steps_run, steps_cached, failed_line;
	bool network_told; /* the note about the host's network was given */
	bool insecure_told;
	bool limits_told;           /* the same about resources that cannot be limited */
	struct RunFiles *run_files; /* files of mounts, see run_files.c */
	pthread_mutex_t run_files_mutex;
	struct SecretValue *secrets; /* one a --secret; NULL: there are none */
	pthread_mutex_t debug_mutex; /* one question at a time; also guards these: */
	bool again, left;            /* BUILD_EDIT, BUILD_LEAVE was chosen */
	struct SshAgents *ssh;       /* NULL: none started */
	struct CdiDevices *cdi;      /* NULL: no RUN has devices */
	struct Foreign *foreign;     /* NULL: no RUN is for another processor */
	StoreJournal journal;
	struct WhyBook *why; /* earlier builds; guarded by why_mutex */
	pthread_mutex_t why_mutex;
} Build;

/* --- build.c --- */
/* build_done() also after an error. */
NODISCARD Err *build_init(Build *b, Arena *a, const BuildRequest *request);
void build_done(Build *b);
/* b->states and b->context, once there is a plan. */
NODISCARD Err *build_prepare(Build *b);
/* STEP from the cache, if all that it depends on is known. */
NODISCARD Err *build_look_up(Build *b, const Step *step);
/* On its progress line: a result that came from a cache elsewhere, and which. */
void build_tell_origin(const Build *b, const StepState *state);

/* --- judge.c --- */
/* Rules that look at files: findings are added to b->lint.  An error if warnings are errors. */
NODISCARD Err *judge_steps(Build *b, bool remarks);
/* Of plan NUMBER. */
LintInput judge_input(const Build *b, size_t number, bool remarks);
/* The rules that look at the file and at what planning saw, to b->lint.  BROKEN: of its check. */
NODISCARD Err *judge_text(Build *b, const Err *broken, bool remarks);
/* Warnings to whoever shows the progress, from finding FROM on. */
void judge_tell(Build *b, size_t from);

/* --- make_plan.c --- */
/* b->file, lint and plan; on error all that it came to. */
NODISCARD Err *make_plan(Build *b, const BuildLookRequest *how);

/* --- resolve.c --- */
NODISCARD Err *resolve_image(void *build, const Reference *ref, const Platform *platform, Arena *a,
                             BaseImage *ret);
/* These will be: what the store does not have is asked for, all at once. */
void resolve_expect(void *build, const PlanWanted *wanted, size_t count);
NODISCARD Err *resolve_layout(void *build, const PlanContext *layout, const Platform *platform,
                              Arena *a, BaseImage *ret);
void resolve_done(Build *b);
/* The layers of a STEP_BASE are in the store afterwards. */
NODISCARD Err *resolve_need_layers(Build *b, uint32_t step);
/* What was asked for and gave IMAGE; NULL. */
Resolved *resolve_find(const Build *b, const BaseImage *image);
/* What has to come from elsewhere for STEP, a STEP_BASE, as far as one can see; NULL: nothing. */
const Manifest *resolve_missing(Build *b, const Step *step);

/* --- epoch.c --- */
NODISCARD Err *epoch_of(void *build, const FetchArgs *fetch, bool *ret_found, int64_t *ret_seconds);

/* --- record.c --- */
/* True if there is a record and its layer is here and whole. */
NODISCARD Err *record_find(Build *b, const Digest *key, StepResult *ret, bool *ret_found);
/* What the step took when the record of KEY was made; false, and nothing is set: nobody knows. */
bool record_cost(Build *b, const Digest *key, int64_t *ret_ns);
/* What record_keep() was given as PREIMAGE; ERR_NOT_FOUND. */
NODISCARD Err *record_preimage(Build *b, const Digest *key, Buf *ret);
/* The value of the line "NAME value" of TEXT, before its first empty line. */
bool record_field(Str text, const char *name, Str *ret);
NODISCARD Err *record_keep(Build *b, const Digest *key, const StepResult *result, Str preimage);

/* --- key.c --- */
typedef struct StepKey {
	Digest definition; /* the step's own text alone: for "the same result as before" */
	Digest full;       /* with all inputs */
	Buf preimage;      /* the inputs in words, one a line */
	KeyLists lists;    /* of which the preimage has only the digests */
} StepKey;
void key_done(StepKey *k);
/* StepKey.definition alone. */
Digest key_of_definition(Build *b, const Step *step);
/* The key of step N; its parent and origin must be STEP_KNOWN. */
NODISCARD Err *key_of_step(Build *b, const Step *step, StepKey *ret);
/* Of the definition of KEY and what came of it: "has this line given this before?" */
Digest key_with_result(const StepKey *key, const Digest *identity);
/* COPY from another step, RUN with mounts of one: the key with the content of just the paths that
 * are used. */
NODISCARD Err *key_of_content(Build *b, const Step *step, StepKey *ret);

/* Is what was made of STEP before not good enough? */
bool build_is_uncached(const Build *b, const Step *step);

/* --- op_*.c: run step N, parent and origin known; the layer that it made --- */
NODISCARD Err *op_run(Build *b, const Step *step, StoreLayer *ret);
NODISCARD Err *op_copy(Build *b, const Step *step, StoreLayer *ret);
NODISCARD Err *op_workdir(Build *b, const Step *step, StoreLayer *ret);

/* --- state.c --- */
/* The root file system after step N as a view. */
NODISCARD Err *state_view(Build *b, uint32_t step, View **ret);
/* Layers of STEP_BASE below step N are in the store. */
NODISCARD Err *state_need_base(Build *b, uint32_t step);
/* Step N is known: parent's layers plus RESULT. */
void state_set(Build *b, const Step *step, const StepResult *result, bool cached);
void state_set_base(Build *b, const Step *step);
StepResult state_result_of_layer(const StoreLayer *layer, int64_t created_ns, int64_t cost_ns);

/* A layer that is here and whole (verified if it is suspect).  ERR_NOT_FOUND, ERR_CORRUPT: it is
 * not. */
NODISCARD Err *state_check_layer(Build *b, const Digest *diff_id, StoreLayer *ret);

/* --- journal.c --- */
/* Something is going to run: from now on the build can be seen. */
void journal_run(Build *b);
/* What came of it: E (borrowed) or RESULT.  What cannot be written is a warning. */
void journal_end(Build *b, const Err *e, const BuildResult *result);
/* What KEY says of STEP is noted. */
void journal_key(Build *b, const Step *step, const StepKey *key);

/* --- schedule.c --- */
NODISCARD Err *schedule_run(Build *b);
/* Is everything known that STEP needs? */
bool schedule_is_ready(const Build *b, const Step *step);
/* ERR (or NULL) of STEP, with its place and the stage. */
NODISCARD Err *schedule_explain(const Build *b, const Step *step, Err *err);

/* --- result.c --- */
/* The images, with their names, to RET. */
NODISCARD Err *result_images(Build *b, BuildResult *ret);

/* --- result_*.c: what is said of the images (attest/) --- */
/* Attestations that the request asks for, to the images of RET and into the store. */
/* What earlier builds of these images attested goes, before a name leads to them. */
NODISCARD Err *result_drop_attests(Build *b, const BuildImage *images, size_t count);
NODISCARD Err *result_attest(Build *b, BuildResult *ret);
/* How image NUMBER of RET was made. */
NODISCARD Err *result_provenance(Build *b, const BuildResult *ret, size_t number, Provenance *prov);
/* What is in it: documents, to SET. */
NODISCARD Err *result_sbom(Build *b, const BuildResult *ret, size_t number, AttestSet *set);
/* The steps that result NUMBER is made of: one bool each of the plan's. */
bool *result_steps(const Build *b, size_t number);

/* --- tree.c: entries of new directories, as COPY and WORKDIR make them --- */
typedef struct TreeOwner {
	uint32_t uid, gid, mode; /* of directories that are made */
	int64_t mtime_ns;
} TreeOwner;
/* PATH and its parents as entries: those that VIEW has with their metadata, others made up. */
NODISCARD Err *tree_need_dir(const View *view, ListBuilder *list, Str path, const TreeOwner *owner,
                             Arena *a);
