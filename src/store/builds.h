/*
 * builds.h - the journal: what each build was, step by step, and why each step ran.
 *
 * WHAT     One record a build (also a failed or cancelled one, and one in which all was cached):
 *            builds/TIME.ID.SITE.KIB   sealed text, one line a fact, read by store_build_open()
 *            logs/ID/STEP              what a RUN has written: zstd frames, never clipped
 *            lists/HEX                 a list of files that is too long for a key (exec/key.c), zstd
 *          TIME is the start (16 hex digits of ns, so that names sort by age), ID 12 hex digits, SITE
 *          tells which Dockerfile and context it was of, KIB what record and logs take: listing and
 *          pruning read no file.
 * LIFE     Written once at the end, by rename, never synced: a record that a power cut damaged is not
 *          there.  A build that runs something has a record in state RUNNING from then on and holds a
 *          lock on logs/ID; one without its lock is LOST (killed).
 * GC       The journal pins nothing: layers that a record names may be gone, and a gc reads no record.
 *          It is bounded by itself: the newest STORE_BUILDS_MAX (and for a moment a few more), and
 *          STORE_BUILDS_BYTES_MAX with their logs.
 * SECRETS  None: command lines come masked, and values of variables that look like secrets are not kept.
 *          A log holds what the command printed.  Files are 0600 in directories 0700.
 * OWNS     texts and arrays live in the Arena given
 * ERRORS   ERR_NOT_FOUND no such build, or a damaged record
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"
#include "store/store.h"

enum {
	STORE_BUILD_ID_LEN = 12,
	STORE_BUILDS_MAX = 200,
	STORE_STEP_NONE = UINT32_MAX, /* as STEP_NONE */
};
#define STORE_BUILDS_BYTES_MAX (1ull << 30)

typedef enum StoreBuildState {
	STORE_BUILD_RUNNING,
	STORE_BUILD_DONE,
	STORE_BUILD_FAILED,
	STORE_BUILD_CANCELLED,
	STORE_BUILD_LOST, /* its process died */
	STORE_BUILD_STATE_COUNT
} StoreBuildState;
extern const char *const store_build_state_names[STORE_BUILD_STATE_COUNT]; /* "running", "done" */

typedef enum StoreStepStatus {
	STORE_STEP_WAITING, /* not reached, or not over when the build ended otherwise */
	STORE_STEP_HIT,     /* from the cache; of an image: in the store */
	STORE_STEP_RUN,     /* missed, and made; of an image: pulled */
	STORE_STEP_FAILED,
	STORE_STEP_CANCELLED,
	STORE_STEP_UNNEEDED, /* what stands on it was in the cache */
	STORE_STEP_REFUSED,  /* missed, and was not to run: --fail-on-miss */
	STORE_STEP_STATUS_COUNT
} StoreStepStatus;
extern const char *const store_step_status_names[STORE_STEP_STATUS_COUNT]; /* "waiting", "hit" */

typedef enum StoreStepKind {
	STORE_STEP_BASE, /* an image, or scratch */
	STORE_STEP_RUNS, /* RUN */
	STORE_STEP_COPY, /* COPY, ADD */
	STORE_STEP_WORKDIR,
	STORE_STEP_FETCH, /* a download, a repository */
	STORE_STEP_KIND_COUNT
} StoreStepKind;
extern const char *const store_step_kind_names[STORE_STEP_KIND_COUNT]; /* "base", "run" */

/* Why a step was not in the cache: the first cause is the one that is told. */
typedef struct StoreCause {
	Str code;    /* stable, for programs: "file-content", "env", "parent", "evicted" (why.h) */
	Str subject; /* "src/main.go", "ENV VERSION", an image's name; "" none */
	Str before, after; /* old and new value; "" not known, or not to be shown */
	Str words;         /* one line for people: "src/main.go: content changed" */
	uint32_t step;     /* of this build, the other step that it comes from; STORE_STEP_NONE */
} StoreCause;

typedef struct StoreBuildLayer {
	Digest diff_id, identity;
	uint64_t size_bytes;
} StoreBuildLayer;

typedef struct StoreStep {
	StoreStepKind kind;
	StoreStepStatus status;
	Str stage;    /* as shown: "builder", "stage-1" */
	Str platform; /* "linux/amd64" */
	Str title;    /* "[builder 2/6] RUN make 1.2" */
	Str text;     /* "RUN make $VERSION": the instruction as written, its lines joined */
	unsigned line, last_line; /* in the Dockerfile, from 1; 0: nowhere (a trigger of a base) */
	uint32_t parent;          /* STORE_STEP_NONE for BASE and FETCH */
	uint32_t *needs;          /* other steps of which it takes files */
	size_t need_count;
	int64_t started_ns, cost_ns; /* real time; of a HIT: what it had cost when it was made */
	/* Zero until known.  key is where its cache record is (store_record_get). */
	Digest definition, key, content;
	Digest root;           /* identity of the whole root file system after it */
	StoreBuildLayer layer; /* what it made; zero of BASE */
	StoreBuildLayer *base; /* BASE: those of the image, bottom first */
	size_t base_count;
	bool has_layer;
	bool same;     /* RUN, and the result is what it was before: what follows may be a HIT */
	Str source;    /* BASE: full reference; FETCH: address without credentials; "" scratch */
	Digest digest; /* BASE: config of the image; a download: its content's, if it is known */
	Str revision;  /* FETCH of a repository: the commit */
	StoreCause *causes;
	size_t cause_count;
	uint64_t log_bytes; /* of the log, uncompressed; 0: it wrote nothing */
	Str inputs;         /* FAILED: the key in words, since there is no cache record */
} StoreStep;

typedef struct StoreBuildImage {
	Str target, platform; /* the stage as shown; "linux/amd64" */
	Digest image_id;
} StoreBuildImage;

typedef struct StoreBuild {
	Str id;
	StoreBuildState state;
	int64_t started_ns, duration_ns; /* duration 0: not over */
	Str *command;                    /* "build", "-t", "x", ".": as given, secrets masked */
	size_t command_count;
	Str dockerfile; /* as it was called; "-" standard input */
	Digest dockerfile_digest;
	Str dockerfile_text; /* "" if it was too long to keep (256 KiB) */
	Str context; /* real path, or address without credentials; "-" standard input; "" none */
	Str target, platform; /* as asked for, with commas; target "": the last stage */
	Str *tags;            /* full references */
	size_t tag_count;
	StoreBuildImage *images;
	size_t image_count;
	Str error; /* one line; "" none */
	StoreStep *steps;
	size_t step_count;
} StoreBuild;

/* --- reading ---------------------------------------------------------------------------------- */

/* A record without reading it. */
typedef struct StoreBuildName {
	char id[STORE_BUILD_ID_LEN + 1];
	int64_t started_ns;
	uint32_t site;
	uint64_t bytes; /* record and logs, on disk */
	bool running;   /* or lost */
} StoreBuildName;

/* Newest first. */
NODISCARD Err *store_build_list(Store *s, Arena *a, StoreBuildName **ret, size_t *ret_count);
NODISCARD Err *store_build_open(Store *s, const StoreBuildName *name, Arena *a, StoreBuild *ret);
/*
 * What WORD names: an ID or its beginning; "latest"; "^N", the Nth before the latest; an image's
 * name or ID: the last build that was to make it.  ERR_NOT_FOUND; ERR_INPUT if an ID's beginning
 * fits several.
 */
NODISCARD Err *store_build_find(Store *s, Str word, Arena *a, StoreBuild *ret);
/* SITE of records of one Dockerfile and context. */
uint32_t store_build_site(Str dockerfile, Str context);

/* The step WORD of B: its number from 1 as `decant why` shows it, or "builder/2"; ERR_NOT_FOUND. */
NODISCARD Err *store_build_step(const StoreBuild *b, Str word, uint32_t *ret);
/* The layers of the whole root file system after step N, bottom first (empty ones too).  They may
 * be gone.  ERR_NOT_FOUND if the build did not come so far. */
NODISCARD Err *store_build_root(const StoreBuild *b, uint32_t n, Arena *a, StoreBuildLayer **ret,
                                size_t *ret_count);

/* The log of step N: ERR_NOT_FOUND if it has none.  Close the reader first. */
typedef struct StoreLogReader StoreLogReader;
NODISCARD Err *store_log_open(Store *s, Str build_id, uint32_t n, StoreLogReader **ret);
/* *ret_len 0: the end, for now (a running step goes on writing). */
NODISCARD Err *store_log_read(StoreLogReader *r, Buf *out, bool *ret_more);
void store_log_close(StoreLogReader *r);

/* A list of files by the digest in a key's "files" line. */
NODISCARD Err *store_list_get(Store *s, const Digest *d, Buf *out); /* ERR_NOT_FOUND */
NODISCARD Err *store_list_put(Store *s, const Digest *d, Str text);

/* --- writing (exec/journal.c) ----------------------------------------------------------------- */

/* One build that is under way. */
typedef struct StoreJournal {
	char id[STORE_BUILD_ID_LEN + 1];
	int64_t started_ns;
	uint32_t site;
	int logs_fd; /* logs/ID, locked; -1: nothing runs yet */
} StoreJournal;

/* An ID; nothing is written. */
void store_journal_init(StoreJournal *j, int64_t started_ns);
/* Something is going to run: B's record in state RUNNING.  Also after a store_reopen. */
NODISCARD Err *store_journal_run(Store *s, StoreJournal *j, const StoreBuild *b);
/* B's record; then what is too much is pruned. */
NODISCARD Err *store_journal_end(Store *s, StoreJournal *j, const StoreBuild *b);
void store_journal_done(StoreJournal *j);
/* What was recorded as done has ended otherwise after all: at ENDED_NS, with ERROR.  Nothing if the
 * record of ID is gone. */
NODISCARD Err *store_journal_amend(Store *s, Str id, StoreBuildState state, int64_t ended_ns,
                                   Str error);

typedef struct StoreLogWriter StoreLogWriter;
/* The log of step N; the file is made at the first byte. */
StoreLogWriter *store_log_new(const StoreJournal *j, uint32_t n);
/* Errors are kept until the end: a log that cannot be written stops no build. */
void store_log_add(StoreLogWriter *w, Str bytes);
NODISCARD Err *store_log_end(StoreLogWriter *w, uint64_t *ret_bytes); /* frees W */

/* Does nobody hold the lock that a running build holds? */
bool store_build_is_dead(Store *s, const char *id);
/* Nothing is left over that is no frame: after store_log_read told that there is no more. */
bool store_log_is_at_end(const StoreLogReader *r);
static inline void store_log_closep(StoreLogReader **r)
{
	store_log_close(*r);
}
#define AUTO_LOG_READER CLEANUP(store_log_closep)
