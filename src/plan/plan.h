/*
 * plan.h - instructions + arguments + target → a DAG of steps, every word resolved.
 *
 * WHAT     Pure: no files, no network.  Base images are asked for through an ImageLookup (config
 *          only), since their ENV, USER, WORKDIR and SHELL decide what words expand to.  Stages that
 *          the target does not need have no steps and their images are never asked for.
 * SHAPE    Steps are in an order in which each comes after what it needs (parent and inputs), so one
 *          walk from 0 to step_count sees everything after its needs; what does not depend on each
 *          other may run at the same time.
 * ERRORS   ERR_INPUT with a Span: unknown stage (did you mean), cycles, COPY from a later stage,
 *          bad flag values, an instruction or flag that this version cannot do yet
 * SOURCE   BuildKit's dockerfile2llb; history texts byte for byte as its images have them
 * OWNS     everything lives in the arena, but for PlanFacts
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dockerfile/mount.h"
#include "oci/config.h"
#include "oci/reference.h"
#include "remote/remote.h"

/* --- asking for images ----------------------------------------------------------------------- */

typedef struct BaseImage {
	Reference ref;
	Digest config_digest;
	ImageConfig config; /* with diff_ids and history */
} BaseImage;

/* What is fetched, and what it must be. */
typedef struct FetchArgs {
	Remote remote;     /* .git with the flags of the instruction merged in */
	bool has_checksum; /* of a download */
	Digest checksum;
	Span checksum_span; /* where it was given; .src NULL: nowhere, or in the URL */
	bool keep_git_dir;
	bool is_context; /* a download that is an archive is what is in it */
	bool is_main;    /* the build context itself, which was brought before the plan */
} FetchArgs;

/* --build-context: what stands for a stage or an image of its name. */
typedef enum PlanContextKind {
	PLAN_CONTEXT_DIR,     /* a local directory */
	PLAN_CONTEXT_IMAGE,   /* docker-image://ref */
	PLAN_CONTEXT_SCRATCH, /* docker-image://scratch: nothing */
	PLAN_CONTEXT_LAYOUT,  /* oci-layout://path[:tag][@digest]: an image in a directory */
	PLAN_CONTEXT_REMOTE,  /* a git repository, or a file behind a URL, which is called "context"
	                       */
} PlanContextKind;

typedef struct PlanContext {
	Str name;  /* as people write it, without ":latest" (plan_context_name) */
	Str value; /* as given, without the scheme: for titles and messages */
	PlanContextKind kind;
	Reference ref;  /* PLAN_CONTEXT_IMAGE; PLAN_CONTEXT_LAYOUT: the name with TAG or DIGEST */
	Str path;       /* PLAN_CONTEXT_LAYOUT: the directory */
	Str tag;        /* PLAN_CONTEXT_LAYOUT; "" none */
	Remote remote;  /* PLAN_CONTEXT_REMOTE */
	uint32_t index; /* PLAN_CONTEXT_DIR: what CopyArgs.context says */
} PlanContext;

/* An image that will be asked for. */
typedef struct PlanWanted {
	Reference ref;
	Platform platform;
} PlanWanted;

typedef struct ImageLookup {
	/* The image REF for PLATFORM.  Called once for each distinct pair.  Errors are given the
	 * Span of the FROM. */
	Err *(*image)(void *context, const Reference *ref, const Platform *platform, Arena *a,
	              BaseImage *ret);
	/* The same for a PLAN_CONTEXT_LAYOUT. */
	Err *(*layout)(void *context, const PlanContext *layout, const Platform *platform, Arena *a,
	               BaseImage *ret);
	/* When what FETCH (without its flags) brings was made: seconds since 1970; *ret_found
	 * false: nobody says.  May be NULL. */
	Err *(*epoch)(void *context, const FetchArgs *fetch, bool *ret_found, int64_t *ret_seconds);
	void *context;
	/* Before any of them is asked for: these will be, each once and in this order unless
	 * planning fails; more may follow, since images bring triggers.  May be NULL. */
	void (*expect)(void *context, const PlanWanted *wanted, size_t count);
} ImageLookup;

/* --- what is seen on the way ------------------------------------------------------------------ */

/* No errors, but what lint/ judges by and what is lost once words are expanded.  In the order in
 * which BuildKit comes across it. */
typedef enum PlanFactKind {
	PLAN_SAW_BAD_DEFAULT, /* a FROM that names no image without --build-arg; text: its word */
	PLAN_SAW_GLOBAL_ARG,  /* an ARG before the first FROM: text, value */
	PLAN_SAW_USE,         /* the GLOBAL_ARG, or the FROM, takes the variable text */
	PLAN_SAW_FROM_UNSET,  /* a FROM uses a variable that no ARG declares: text, near */
	PLAN_SAW_TARGET_PLATFORM, /* --platform=$TARGETPLATFORM; text: as written */
	PLAN_SAW_CONST_PLATFORM,  /* --platform without a variable; text: it */
	PLAN_SAW_STAGE,           /* a stage is planned; other: the stage it goes on with */
	PLAN_SAW_BASE_PLATFORM,   /* the image text is for platform near, asked for was value */
	PLAN_SAW_INSTRUCTION,     /* an instruction of a stage begins */
	PLAN_SAW_UNSET,           /* a word uses a variable that is not set: text, near */
	PLAN_SAW_VALUE,           /* a word expanded, text: the path of WORKDIR, names of ENV and
	                             LABEL, ports of EXPOSE, paths of COPY and ADD */
	PLAN_SAW_ARG,             /* ARG in a stage: text, value; other: PlanArgValue */
	PLAN_SAW_SHADOWED,        /* the ARG text has another value than the ENV at origin */
	PLAN_SAW_NO_SHELL,        /* CMD or ENTRYPOINT in the shell form, and no SHELL was given */
} PlanFactKind;

/* Where the value of an ARG is from. */
typedef enum PlanArgValue {
	PLAN_ARG_NONE,
	PLAN_ARG_GIVEN,
	PLAN_ARG_DEFAULT,
	PLAN_ARG_GLOBAL
} PlanArgValue;

typedef struct PlanFact {
	PlanFactKind kind;
	uint32_t stage;   /* index in plan->stages; UINT32_MAX: before the first */
	uint32_t other;   /* see kind; UINT32_MAX: none */
	const Node *node; /* the instruction; of ONBUILD: the trigger, which may be none of the
	                     file's */
	const Node
		*place; /* where a person looks: the node, or the FROM that brought the trigger */
	Str text, value;
	Str near;    /* of an unset name: what may have been meant; "" nothing */
	Span origin; /* .src NULL: the base image */
} PlanFact;

typedef struct PlanFacts {
	PlanFact *at;
	size_t len, cap;
} PlanFacts;

void plan_facts_done(PlanFacts *facts);

/* --- the request ----------------------------------------------------------------------------- */

typedef struct PlanArg {
	Str name, value;
} PlanArg;

/* What --allow gives to RUN. */
typedef struct PlanAllow {
	bool network_host, security_insecure;
	bool all_devices;
	const Str *devices; /* names, as --device writes them */
	size_t device_count;
} PlanAllow;

typedef struct PlanRequest {
	const Dockerfile *dockerfile;
	Str target;          /* "" = the last stage */
	const PlanArg *args; /* --build-arg, values resolved; SOURCE_DATE_EPOCH among them if set */
	size_t arg_count;
	const Label *labels; /* --label */
	size_t label_count;
	Platform platform;       /* of the result */
	bool platform_given;     /* --platform: the result is said to be for it, else it is for
	                            what its base is for */
	Platform build_platform; /* of this machine */
	Str network;             /* --network: "default", "none", "host" */
	PlanAllow allow;
	const PlanContext *contexts; /* of two with one name the last counts */
	size_t context_count;
	bool context_fetched; /* the main context is no directory: exec/ has brought it */
	ImageLookup lookup;
	bool all_stages;     /* as if the target needed them all */
	bool multi_platform; /* one of several: titles say which platform a step is for */
	PlanFacts *facts; /* filled as far as planning came, also on error; NULL: not asked for */
} PlanRequest;

/* --- the plan -------------------------------------------------------------------------------- */

typedef enum StepKind {
	STEP_BASE, /* FROM: layers of an image, or of scratch (none) */
	STEP_RUN,
	STEP_COPY,    /* COPY and ADD */
	STEP_WORKDIR, /* makes the directory */
	STEP_FETCH,   /* a download or a git checkout, as a root of its own: no parent */
} StepKind;

enum { STEP_NONE = UINT32_MAX };

/* Where a COPY source, or a mount, takes its files. */
typedef enum OriginKind {
	ORIGIN_CONTEXT, /* a directory: the build context, or one of --build-context */
	ORIGIN_STEP,    /* the result of step .step: another stage, or a STEP_BASE of an image
	                   (--from=image) */
	ORIGIN_INLINE,  /* heredocs and what was fetched alone */
} OriginKind;

typedef struct CopySource {
	Str path; /* as written, expanded; of a heredoc: the file name, one plain component */
	Span span;
	bool is_inline;  /* a heredoc, whatever the origin of the others ("COPY file <<EOF /dest/")
	                  */
	Str inline_body; /* of a heredoc: expanded */
	uint32_t fetch_step; /* the STEP_FETCH that brings it; STEP_NONE: it is a path */
} CopySource;

typedef struct CopyArgs {
	OriginKind origin;
	uint32_t origin_step;
	uint32_t context; /* ORIGIN_CONTEXT: which; 0 is the main one, else PlanContext.index */
	CopySource *sources;
	size_t source_count;
	Str dest; /* absolute, cleaned, with its trailing '/' kept if it means "a directory" */
	Span dest_span;
	bool is_add;         /* archives are unpacked */
	bool keep_archives;  /* ADD --unpack=false */
	bool unpack_fetched; /* ADD --unpack=true: downloads too */
	bool link;           /* COPY --link */
	Str chown;           /* expanded, "" none */
	Span chown_span;
	Str chmod; /* octal, or for mode_change(); checked; "" none */
	Span chmod_span;
	bool parents; /* COPY --parents: the path of a source is kept below the destination */
	const Word *excludes; /* --exclude, as written */
	size_t exclude_count;
	Str from_name; /* text of --from for messages, "" none */
} CopyArgs;

/* How a cache is shared with steps that run at the same time. */
typedef enum CacheSharing {
	CACHE_SHARED,  /* all use it at once */
	CACHE_PRIVATE, /* who comes second gets another one */
	CACHE_LOCKED,  /* who comes second waits */
} CacheSharing;

/* One --mount, expanded. */
typedef struct RunMount {
	MountType type;
	Span span;
	/* BIND, CACHE: CONTEXT or STEP; CACHE without from: INLINE, it begins empty.  Else INLINE.
	 */
	OriginKind origin;
	uint32_t origin_step;
	uint32_t context; /* CONTEXT: as in CopyArgs */
	Str from_name;    /* text of from, for messages; "" none */
	Str source;       /* BIND, CACHE: path in it, clean and relative; "" its root */
	Str target;       /* absolute, clean; SECRET: "" if it is a variable alone */
	Str id;           /* CACHE: with its namespace; SECRET, SSH: as in --secret and --ssh */
	bool own_id;      /* CACHE: the id was given, and is not the target */
	Str env;          /* SECRET: "" none */
	CacheSharing sharing;
	bool read_only, required;
	bool has_owner; /* CACHE: one of uid, gid and mode was given: another cache than without */
	uint32_t uid, gid, mode;
	uint64_t size_bytes; /* TMPFS; 0: the kernel's default */
} RunMount;

typedef struct RunDevice {
	Str name; /* as written: "vendor.com/class=name", "class" */
	bool required;
	Span span;
} RunDevice;

typedef struct RunArgs {
	Strs argv;        /* SHELL + text, or the exec form */
	Strs env;         /* what the command sees: image ENV, stage ARGs, PATH, proxies */
	Strs key_env;     /* the part of env that is in the cache key (no proxies) */
	Str cwd;          /* absolute */
	Str user;         /* "", "name", "1000:1000": resolved in the root file system by exec/ */
	Span user_span;   /* the USER instruction, if there was one in this file */
	Str network;      /* "default", "none", "host" */
	Str hostname;     /* of BUILDKIT_SANDBOX_HOSTNAME; "" the usual one */
	bool insecure;    /* --security=insecure */
	RunMount *mounts; /* sorted by target: what is below another stands after it */
	size_t mount_count;
	RunDevice *devices;
	size_t device_count;
	Str script; /* heredoc with #!: written to /dev/pipes/<script_name>, mode 0755; "" none */
	Str script_name;
} RunArgs;

typedef struct WorkdirArgs {
	Str path; /* absolute, cleaned */
	Str user; /* owner of what is made */
} WorkdirArgs;

typedef struct Step {
	uint32_t number; /* own index in plan->steps */
	StepKind kind;
	Span span; /* of the instruction */
	const Node *node;
	uint32_t stage;  /* index in plan->stages */
	uint32_t parent; /* the step whose root file system this one changes; STEP_NONE for
	                    STEP_BASE and STEP_FETCH */
	uint32_t *needs; /* the steps besides the parent whose files it takes, each once */
	size_t need_count;
	unsigned position, total; /* "[builder 2/6]" */
	Str title;                /* "[builder 2/6] RUN mkdir -p /go/src/server" */
	Str created_by;           /* history text */
	bool looked_into;         /* a later RUN, COPY --from, mount or WORKDIR needs its files as a
	                             directory */
	union {
		struct {
			bool scratch;
			BaseImage image; /* unless scratch */
		} base;
		RunArgs run;
		CopyArgs copy;
		WorkdirArgs workdir;
		FetchArgs fetch;
	};
} Step;

/* One history entry of the result, in order: of a step that makes a layer, or of an empty one. */
typedef struct PlanHistory {
	uint32_t step; /* STEP_NONE: an empty layer (CMD, ENV ...) */
	Str created_by;
	Str author;
} PlanHistory;

typedef struct PlanStage {
	Str name;       /* lower case; "" if unnamed */
	Str shown;      /* "builder", "stage-1" */
	unsigned index; /* in the file */
	bool needed;
	Platform platform;    /* that its programs are for: the base image's */
	Str base_name;        /* what FROM named, after expansion */
	uint32_t last_step;   /* its root file system; STEP_NONE if not needed */
	ImageConfig config;   /* what it would be as an image: everything but diff_ids, history,
	                         created */
	PlanHistory *history; /* after that of the base image */
	size_t history_count;
} PlanStage;

/* A word took the value of a variable that this file sets. */
typedef struct PlanUse {
	Span word;
	Str name;
	Span origin; /* the ARG or ENV */
} PlanUse;

/* What is asked for: a stage, as an image for a platform. */
typedef struct PlanResult {
	uint32_t stage; /* index in plan->stages */
	Platform platform;
} PlanResult;

typedef struct Plan {
	PlanStage *stages; /* all of the file; of joined plans: each one's */
	size_t stage_count;
	uint32_t target;     /* the stage of results[0] */
	PlanResult *results; /* at least one */
	size_t result_count;
	Step *steps;
	size_t step_count;
	PlanUse *uses;
	size_t use_count;
	Str *warnings; /* e.g. build args that nothing consumed */
	size_t warning_count;
	int64_t source_date_epoch; /* seconds; -1: not given */
} Plan;

/* Is there such a target?  Asks for nothing: for several, of which each is a plan. */
NODISCARD Err *plan_check_target(Arena *a, const Dockerfile *file, Str target);
NODISCARD Err *plan_make(Arena *a, const PlanRequest *request, Plan *ret);
/* Plans of one file for several targets and platforms, at least one: what is the same in two of
 * them is one step.  RET shares texts with PLANS. */
void plan_join(Arena *a, const Plan *plans, size_t count, Plan *ret);
/* "name=value" of --build-context; index stays 0. */
NODISCARD Err *plan_context_parse(Arena *a, Str text, PlanContext *ret);
/* What a build context, stage or image called NAME is known as: "busybox" for
 * "docker.io/library/busybox:latest".  ERR_INPUT if it is no image name. */
NODISCARD Err *plan_context_name(Arena *a, Str name, Str *ret);
/* To ERR (NULL is fine): which ARG or ENV gave the values in the words where it has its place. */
NODISCARD Err *plan_note_uses(const PlanUse *uses, size_t count, Err *err);
