/*
 * project.h - projects and their objects: what new-build remembers.
 *
 * WHAT     BuildConfig, Build and ImageStream as plain structs, read from and written as the JSON of
 *          build.openshift.io/v1 and image.openshift.io/v1.  Files below proj/<project>/ of the store;
 *          docs/design/091-new-build.md draws them.
 * LOCKS    project_lock() is held from before an object is read until it is written; who only reads
 *          needs none.  Lists are in the order of names, builds in that of their numbers.
 * ERRORS   ERR_NOT_FOUND  no such object ("buildconfigs.build.openshift.io \"x\" not found")
 *          ERR_INPUT      a name that none can have      ERR_CORRUPT  a file that is damaged (named)
 * LIMITS   PROJECT_* below; all that is read is compared with them first
 * OWNS     texts and arrays live in the arena that was given
 * SOURCE   openshift/api build/v1 and image/v1
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "codec/json.h"
#include "store/store.h"

enum {
	PROJECT_OBJECT_BYTES_MAX = 1 << 20, /* as etcd takes them */
	PROJECT_OBJECTS_MAX = 10000,        /* of a kind, in a project */
	PROJECT_LOG_BYTES_MAX = 64 << 20,
	PROJECT_NAME_MAX = 63,  /* a DNS label */
	PROJECT_BUILD_MAX = 58, /* ... with room for "-9999" */
	PROJECT_TAGS_MAX = 1000,
	PROJECT_HISTORY_MAX = 1000,    /* items of a tag */
	PROJECT_LIST_MAX = 1000,       /* variables, triggers, labels */
	PROJECT_DELIVERIES_MAX = 4096, /* of webhooks, that are remembered of a BuildConfig */
};

/* Where results lie unless a registry is named: decant serve gives them out under this name. */
#define PROJECT_REGISTRY  "localhost:5000"
#define PROJECT_DEFAULT   "default"

#define PROJECT_TIME_NONE INT64_MIN

typedef struct ProjectPair {
	Str key, value;
} ProjectPair;

typedef struct ProjectPairs {
	ProjectPair *at;
	size_t count;
} ProjectPairs;

typedef struct ProjectMeta {
	Str name, project;
	int64_t created_ns; /* PROJECT_TIME_NONE: not kept yet */
	ProjectPairs labels, annotations;
} ProjectMeta;
Str project_pair(const ProjectPairs *pairs, const char *key); /* "" none */
/* Into an array of its own, in A; a key that is there gets the new value. */
void project_pair_set(ProjectPairs *pairs, Arena *a, Str key, Str value);
void project_pair_drop(ProjectPairs *pairs, const char *key);

/* --- BuildConfig, Build ----------------------------------------------------------------------- */

typedef enum BuildSourceKind { BUILD_FROM_GIT, BUILD_FROM_BINARY, BUILD_FROM_TEXT } BuildSourceKind;

/* What is built, how, and where to: the part that a BuildConfig hands on to its Builds. */
typedef struct BuildSpec {
	BuildSourceKind source;
	Str uri, ref;    /* of git */
	Str context_dir; /* below it; "" all */
	Str text;        /* a Dockerfile in place of the source's; "" none */
	Str as_file;     /* of binary input: the one file's name; "" a directory */
	Str from;        /* "golang:1.18": an image stream tag; "" FROM scratch */
	Str dockerfile;  /* its path below the context directory; "" Dockerfile */
	bool no_cache;
	ProjectPairs env, args;
	Str to_kind,
		to; /* "ImageStreamTag" "name:latest", "DockerImage" "host/x:1"; "" no output */
	int64_t deadline_s; /* 0: none */
} BuildSpec;

typedef enum BuildRunPolicy { BUILD_SERIAL, BUILD_SERIAL_LATEST, BUILD_PARALLEL } BuildRunPolicy;
extern const char *const build_run_policies[]; /* as the document has them */

typedef enum BuildTriggerKind {
	BUILD_ON_CONFIG,
	BUILD_ON_IMAGE,
	BUILD_ON_GITHUB,
	BUILD_ON_GENERIC,
	BUILD_ON_GITLAB,
	BUILD_ON_BITBUCKET,
	BUILD_TRIGGER_KINDS
} BuildTriggerKind;
extern const char *const build_trigger_types[]; /* "ConfigChange", ... */

typedef struct BuildTrigger {
	BuildTriggerKind kind;
	Str secret;     /* of a webhook: the name of the secret */
	Str from;       /* ON_IMAGE: "alpine:3.20"; "" that of the strategy */
	Str last_image; /* ON_IMAGE: what the last build that it started had */
	bool paused;
	bool allow_env; /* ON_GENERIC: its caller may set variables of the build */
} BuildTrigger;

#define BUILD_KEEP_ALL (-1)

typedef struct BuildConfig {
	ProjectMeta meta;
	BuildSpec spec;
	BuildTrigger *triggers;
	size_t trigger_count;
	BuildRunPolicy run_policy;
	int64_t keep_good, keep_bad; /* builds; BUILD_KEEP_ALL */
	int64_t last_version;        /* number of its last build */
} BuildConfig;

typedef enum BuildPhase {
	BUILD_NEW,
	BUILD_PENDING,
	BUILD_RUNNING,
	BUILD_COMPLETE,
	BUILD_FAILED,
	BUILD_ERROR,
	BUILD_CANCELLED,
	BUILD_PHASES
} BuildPhase;
extern const char *const build_phases[];
static inline bool build_is_over(BuildPhase p)
{
	return p >= BUILD_COMPLETE;
}

typedef struct BuildStage {
	Str name; /* "FetchInputs", "Build", "PushImage" */
	int64_t start_ns, duration_ms;
} BuildStage;

enum { BUILD_STAGES_MAX = 8 };

/* What started a build, beside the words for it. */
typedef struct BuildCause {
	BuildTriggerKind kind;       /* ON_CONFIG: the words are all there is */
	Str commit, author, message; /* of a webhook: what it said of the source */
	Str image, from; /* ON_IMAGE: "alpine@sha256:...", and "alpine:3.20" that has it */
} BuildCause;

typedef struct Build {
	ProjectMeta meta;
	BuildSpec spec;
	Str config;     /* name of the BuildConfig */
	int64_t number; /* of its builds */
	Str cause;      /* "Manually triggered" */
	BuildCause by;
	bool queued;                 /* New: whoever looks next is to start it */
	Str commit, author, message; /* of the source; "" not known yet */
	BuildPhase phase;
	Str reason, said;         /* "DockerBuildFailed", for people */
	Str snippet;              /* last lines of the log, of one that failed */
	Str digest;               /* of the manifest that came of it; "" none */
	Str reference;            /* where it went: "localhost:5000/default/x:latest" */
	bool cancelled;           /* asked for */
	int64_t start_ns, end_ns; /* PROJECT_TIME_NONE */
	BuildStage stages[BUILD_STAGES_MAX];
	size_t stage_count;
} Build;

/* --- ImageStream ------------------------------------------------------------------------------ */

typedef struct StreamItem {
	int64_t created_ns;
	Str reference; /* "localhost:5000/default/x@sha256:..." */
	Str image;     /* "sha256:...", of the manifest */
	int64_t generation;
} StreamItem;

typedef struct StreamTag {
	Str name;
	Str from_kind, from; /* what it is to follow: "DockerImage" "docker.io/library/alpine:3.20",
	                        "ImageStreamTag", "ImageStreamImage"; "" pushed to */
	bool scheduled;      /* imported again from time to time */
	int64_t generation;
	StreamItem *items; /* history, newest first */
	size_t item_count;
} StreamTag;

typedef struct ImageStream {
	ProjectMeta meta;
	bool lookup_local;
	Str repository; /* "localhost:5000/default/x" */
	StreamTag *tags;
	size_t tag_count;
} ImageStream;

/* NULL: it has no such tag. */
StreamTag *stream_tag(const ImageStream *is, Str tag);
StreamTag *stream_tag_add(ImageStream *is, Arena *a, Str tag); /* or the one that is there */
bool stream_tag_remove(ImageStream *is, Str tag);
/* The newest item of TAG becomes this one, if it is not the newest already; at the limit the oldest
 * go. */
void stream_tag_push(StreamTag *tag, Arena *a, const StreamItem *item);
/* The item of any tag; NULL. */
const StreamItem *stream_find_image(const ImageStream *is, Str image);

/* --- documents (documents.c ...) -------------------------------------------------------------- */
/* PLAIN: without what only the running system knows (status, times), for `oc apply`. */
void build_config_write(const BuildConfig *bc, bool plain, Buf *out);
void build_write(const Build *b, Buf *out);
void stream_write(const ImageStream *is, bool plain, Buf *out);
NODISCARD Err *build_config_read(Str json, const char *name, Arena *a, BuildConfig *ret);
NODISCARD Err *build_read(Str json, const char *name, Arena *a, Build *ret);
NODISCARD Err *stream_read(Str json, const char *name, Arena *a, ImageStream *ret);

/* --- files (files.c) -------------------------------------------------------------------------- */

typedef enum ProjectKind {
	PROJECT_BUILD_CONFIG,
	PROJECT_BUILD,
	PROJECT_STREAM,
	PROJECT_KINDS
} ProjectKind;
/* "buildconfig.build.openshift.io", and as of many, as messages have them. */
extern const char *const project_kind_one[], *const project_kind_many[];

typedef struct Project {
	Store *store;
	Str name;
	Arena *arena;
} Project;

/* NAME "": $DECANT_PROJECT, else the one that was chosen, else "default".  It need not be there. */
NODISCARD Err *project_open(Store *s, Str name, Arena *a, Project *ret);
bool project_exists(const Project *p);
NODISCARD Err *project_make(const Project *p); /* if it is not there */
NODISCARD Err *project_choose(const Project *p);
/* With all that is in it. */
NODISCARD Err *project_remove(const Project *p);
/* By name; "default" is always there. */
NODISCARD Err *project_names(Store *s, Arena *a, Str **ret, size_t *ret_count);
NODISCARD Err *project_lock(const Project *p, const Cancel *cancel, StoreLock *ret);

/* Names of the objects that there are. */
NODISCARD Err *project_list(const Project *p, ProjectKind kind, Str **ret, size_t *ret_count);
/* The same, those that were written last first. */
NODISCARD Err *project_list_recent(const Project *p, ProjectKind kind, Str **ret,
                                   size_t *ret_count);
/* The JSON text of one. */
NODISCARD Err *project_get(const Project *p, ProjectKind kind, Str name, Str *ret);
NODISCARD Err *project_put(const Project *p, ProjectKind kind, Str name, Str json);
NODISCARD Err *project_drop(const Project *p, ProjectKind kind, Str name);
bool project_has(const Project *p, ProjectKind kind, Str name);

NODISCARD Err *project_get_config(const Project *p, Str name, BuildConfig *ret);
NODISCARD Err *project_put_config(const Project *p, const BuildConfig *bc);
NODISCARD Err *project_get_build(const Project *p, Str name, Build *ret);
NODISCARD Err *project_put_build(const Project *p, const Build *b);
NODISCARD Err *project_get_stream(const Project *p, Str name, ImageStream *ret);
NODISCARD Err *project_put_stream(const Project *p, const ImageStream *is);
/* All of CONFIG ("": of any), by name and number. */
NODISCARD Err *project_builds(const Project *p, Str config, Build **ret, size_t *ret_count);

/* The store's names that streams of any project need: their tags and all of their histories, into
 * NAMES. */
NODISCARD Err *project_kept_names(Store *s, Arena *a, Map *names);

/* --- logs, locks, secrets (builds.c) ---------------------------------------------------------- */
NODISCARD Err *project_log_open(const Project *p, Str build, int flags, int *ret_fd);
/* Locks the build for this process, until its end. */
NODISCARD Err *project_build_hold(const Project *p, Str build, int *ret_fd);
/* The process that runs it, 0: none. */
NODISCARD Err *project_build_holder(const Project *p, Str build, pid_t *ret);
/* Waits until nobody holds it. */
NODISCARD Err *project_build_wait(const Project *p, Str build, const Cancel *cancel);
/* The store's name for what comes of it, until it has its own. */
Str project_build_result(const Project *p, Str build);
/* B with its log and lock. */
NODISCARD Err *project_build_drop(const Project *p, Str build);
/* One that is not over but that nobody runs becomes an Error, if it is not queued.  The project's
 * lock is held. */
NODISCARD Err *project_build_settle(const Project *p, Build *b);
NODISCARD Err *project_secret_get(const Project *p, Str name, Buf *out);
/* A new text by chance, 20 characters, under NAME unless there is one. */
NODISCARD Err *project_secret_make(const Project *p, Str name);
NODISCARD Err *project_secret_drop(const Project *p, Str name);
void project_secret_text(char text[static 21]);

/* --- deliveries of webhooks (deliveries.c) ---------------------------------------------------- */
/* Did CONFIG note one of IDS, among its last PROJECT_DELIVERIES_MAX? */
NODISCARD Err *project_delivery_seen(const Project *p, Str config, const Digest *ids, size_t count,
                                     bool *ret);
/* The project's lock is held. */
NODISCARD Err *project_delivery_note(const Project *p, Str config, const Digest *ids, size_t count);
NODISCARD Err *project_delivery_drop(const Project *p, Str config);

/* --- names (names.c) -------------------------------------------------------------------------- */
/* Of objects: a DNS-1035 label of at most LEN characters. */
NODISCARD Err *project_check_name(Str name, size_t len);
/* What an object is called that comes of TEXT, an address, an image or an output: OpenShift's
 * rules. ERR_INPUT "invalid name". */
NODISCARD Err *project_name_of_source(Arena *a, Str address, Str *ret);
NODISCARD Err *project_name_of_image(Arena *a, Str image, Str *ret);
/* "name:tag", tag "latest" if there is none. */
NODISCARD Err *project_split_tag(Arena *a, Str text, Str *ret_name, Str *ret_tag);
