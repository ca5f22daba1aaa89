/*
 * build.h - a Dockerfile and a context → an image in the store.
 *
 * WHAT     Plans, looks every step up in the cache without starting anything, and only if something
 *          is missing enters the sandbox and runs the missing steps in parallel over the DAG.
 * ERRORS   with Spans in the Dockerfile; ERR_RUN for a command that failed (err_exit_status), with
 *          the tail of its log as notes
 * OWNS     results live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "attest/keep.h"
#include "attest/provenance.h"
#include "base/cancel.h"
#include "base/progress.h"
#include "cache/cache.h"
#include "lint/lint.h"
#include "plan/plan.h"
#include "sandbox/sandbox.h"
#include "store/store.h"

/* A directory that --build-context names. */
typedef struct BuildDirectory {
	int fd;
	Str path;             /* real path */
	const Source *ignore; /* of its own; NULL: none */
} BuildDirectory;

/* --secret: a value that RUN may see and nothing keeps. */
typedef struct BuildSecret {
	Str id;
	Str file; /* "" none */
	Str env;  /* variable of this process; "" none */
} BuildSecret;

/* --ssh */
typedef struct BuildSsh {
	Str id;
	const Str *paths; /* one agent's socket, or files of keys; none: $SSH_AUTH_SOCK */
	size_t path_count;
} BuildSsh;

/* --add-host: a line of /etc/hosts. */
typedef struct BuildHost {
	Str name, address;
} BuildHost;

/* What RUN is given beside the Dockerfile's own. */
typedef struct BuildRun {
	PlanAllow allow;
	const BuildSecret *secrets;
	size_t secret_count;
	const BuildSsh *ssh;
	size_t ssh_count;
	const BuildHost *hosts;
	size_t host_count;
	Str authorities;    /* --ca: PEM; "" none */
	const Str *proxies; /* "NAME=value" that RUN sees unless the plan says otherwise */
	size_t proxy_count;
	uint64_t shm_bytes; /* 0: the default */
	const SandboxLimit *limits;
	size_t limit_count;
	SandboxResources resources;
} BuildRun;

/* An archive that comes through a pipe: what was read of it, and where the rest is. */
typedef struct BuildArchive {
	Str head;
	int fd;
} BuildArchive;

enum { BUILD_JOBS_MAX = 256 };

/* In a name: the stage that is the target. */
#define BUILD_TAG_TARGET "{target}"

/* When is the registry asked for a base image? */
typedef enum BuildPull {
	BUILD_PULL_MISSING, /* if the store has none of its name */
	BUILD_PULL_ALWAYS,
	BUILD_PULL_NEWER, /* always, but the store's will do if there is no answer */
	BUILD_PULL_NEVER,
} BuildPull;
/* --- a RUN that failed: what its user wants ----------------------------------------------------
 */

typedef enum BuildChoice {
	BUILD_LEAVE, /* the build fails */
	BUILD_SHELL, /* a shell in the step's root as it stands; then the question again */
	BUILD_RETRY, /* the command once more, in the root as it stands: never cached, never named
	              */
	BUILD_FRESH, /* the command once more, in a fresh root: a step like any other */
	BUILD_EDIT,  /* the Dockerfile was changed: end, with BuildResult.again, once what runs ends
	              */
} BuildChoice;

typedef struct BuildFailure {
	const Err *error; /* of the command */
	Err *trouble;     /* what the last choice met with; NULL */
	unsigned line;    /* of progress */
	Span span;        /* of the instruction */
	Strs argv;
	unsigned asked; /* how often before, for this failure */
} BuildFailure;

typedef struct BuildDebug {
	/* From any thread, one at a time; an error ends the build. */
	Err *(*ask)(void *context, const BuildFailure *f, BuildChoice *ret);
	/* After the last question about one failure, however it ended. */
	void (*done)(void *context);
	void *context;
} BuildDebug;

typedef struct BuildRequest {
	Store *store;
	const Str *command; /* the command line without the program's name, for the journal */
	size_t command_count;
	const Source *dockerfile; /* NULL: it is in the context, under the name .file */
	int context_fd;           /* directory, borrowed; -1: an empty context, or one of these: */
	const Remote *remote;     /* the context is there; NULL */
	const BuildArchive *archive; /* the context is in it; NULL */
	const char *file;            /* NULL: the usual names */
	Str context_path;            /* real path, for the stat cache's name */
	const Source *ignore;        /* .dockerignore; NULL: none */
	const PlanContext *contexts; /* --build-context */
	size_t context_count;
	const BuildDirectory *directories; /* those that are; PlanContext.index N is [N - 1] */
	size_t directory_count;
	const Str *targets; /* stages, by name or number, "" the last; none: the last one */
	size_t target_count;
	const PlanArg *args;
	size_t arg_count;
	const Label *labels;
	size_t label_count;
	const Reference *tags; /* names for the result; may be none */
	size_t tag_count;
	/* Names with BUILD_TAG_TARGET in them; with several targets there are no others. */
	const Str *tag_patterns;
	size_t tag_pattern_count;
	const Platform *platforms; /* one image each; at least one, of this machine unless given */
	size_t platform_count;
	bool platform_given;
	bool cache_only; /* no image is kept, under no name: only what its steps made */
	BuildRun run;
	Str network; /* "default", "none", "host"; "" = default */
	bool no_cache;
	const Str *uncached_stages; /* --no-cache-filter: names, case folded */
	size_t uncached_stage_count;
	CacheSources *cached; /* --cache-from; NULL: none */
	bool cache_out;       /* BuildResult.cache is wanted */
	bool cache_inline;    /* the image holds the records of its layers */
	int64_t cache_ttl_ns; /* older results are not taken; 0: any age */
	BuildPull pull;
	const Str *unset_env, *unset_labels; /* what the image's config does not keep */
	size_t unset_env_count, unset_label_count;
	bool omit_history;
	AttestSpec attest;
	bool wants_provenance; /* BuildImage.provenance, whatever .attest says */
	bool asks_git;         /* what a local context is a work tree of, for the provenance */
	bool explain;          /* say of each step why it was not in the cache, before it runs */
	/* --fail-on-miss: names, numbers, or "*": all their steps are in the cache. */
	const Str *hit_stages;
	size_t hit_stage_count;
	unsigned jobs;      /* steps at once, up to BUILD_JOBS_MAX; 0: 8 or twice the cores */
	Progress *progress; /* may be NULL */
	Cancel *cancel;     /* may be NULL */
	/* Called once, right after sandbox_enter() and before the first thread, if anything is to
	 * be run: the moment from which the caller may start threads of its own.  May be NULL. */
	void (*entered)(void *context);
	void *entered_context;
	bool no_records;         /* nothing that is made can be a hit later */
	const BuildDebug *debug; /* NULL: a RUN that fails ends the build */
} BuildRequest;

typedef struct BuildStage {
	Str name;
	uint64_t size_bytes; /* its whole root file system: sum of its layers */
	bool is_result;
} BuildStage;

/* One image: of a target, for a platform. */
typedef struct BuildImage {
	Str target; /* its stage, as shown */
	Platform platform;
	Digest image_id;              /* config digest */
	uint64_t size_bytes;          /* sum of its layers */
	const Provenance *provenance; /* NULL: nobody asked */
} BuildImage;

/* What names are given to: one target's images, one a platform, in the order asked for. */
typedef struct BuildTarget {
	Str name; /* of the stage, as shown */
	const BuildImage *images;
	size_t image_count;
	const Reference *tags;
	size_t tag_count;
} BuildTarget;

/* One step of the plan: the same number in another build of the same request is the same step. */
typedef struct BuildStep {
	Str title; /* "[builder 2/6] RUN make" */
	Span span;
	bool has_layer; /* of its own, and known */
	Digest diff_id;
} BuildStep;

typedef struct BuildResult {
	Digest image_id; /* of the first image */
	uint64_t size_bytes;
	BuildImage *images; /* target by target */
	size_t image_count;
	BuildTarget *targets;
	size_t target_count;
	BuildStage *stages; /* those that were needed, in file order */
	size_t stage_count;
	BuildStep *steps; /* what a step needs stands before it */
	size_t step_count;
	unsigned steps_run, steps_cached;
	int64_t epoch_ns;   /* SOURCE_DATE_EPOCH; -1: none */
	CacheRecords cache; /* of all steps that are known, if the request wants it */
	Str *warnings;
	size_t warning_count;
	LintResult lint;      /* also set on error */
	const Source *source; /* of the Dockerfile; also set on error */
	bool again;           /* with an error: the user wants it built anew (BUILD_EDIT) */
	Str build_id;         /* of the journal (store/builds.h); also set on error */
	unsigned failed_line; /* progress line of the step that failed; also set on error; 0 none */
} BuildResult;

/* Before a build: is what --ssh names there?  *ret_keys: they are keys, for an agent of our own. */
NODISCARD Err *build_check_ssh(const BuildSsh *s, bool *ret_keys);
/* The same of --secret. */
NODISCARD Err *build_check_secret(const BuildSecret *s);

/* What the file at URL (http, https) says, for a Dockerfile elsewhere: at most LIMIT bytes. */
NODISCARD Err *build_fetch_text(Arena *a, const char *url, size_t limit, const Cancel *cancel,
                                Source *ret);

NODISCARD Err *build_image(Arena *a, const BuildRequest *request, BuildResult *ret);
/* What its caller did with RESULT has failed with E: the journal says so too. */
void build_amend(const BuildRequest *request, const BuildResult *result, const Err *e);

/* --- look.c: what a build would be, without building ------------------------------------------ */

typedef struct BuildLookRequest {
	bool all_stages; /* and not those alone that the target needs */
	bool remarks;    /* LintLevel REMARK is wanted */
	bool reads_only; /* plan nothing */
	bool any_rights; /* nothing runs: what needs --allow is no error (set by build_look) */
} BuildLookRequest;

typedef struct BuildLook {
	Dockerfile file; /* node_count 0: it could not be read */
	Plan plan;       /* without an error */
	PlanFacts facts; /* as far as planning came */
	LintResult lint;
	Err *error; /* why a build would fail before it runs anything; NULL */
} BuildLook;

/* Reads and plans; base images are asked for, nothing is run, made or kept: the request may have no
 * store.  Errors of its own are those that say nothing about the file. */
NODISCARD Err *build_look(Arena *a, const BuildRequest *request, const BuildLookRequest *how,
                          BuildLook *ret);
void build_look_done(BuildLook *look);
#define AUTO_BUILD_LOOK CLEANUP(build_look_done)
