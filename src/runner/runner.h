/*
 * runner.h - from a BuildConfig to a Build that runs, and from its result to the image stream.
 *
 *   start.c     a new Build: its number, who must wait or go, the driver
 *   triggers.c  what starts builds by itself: images and configurations that changed, queued builds
 *   pushed.c    what clients push to the registry of our own → tags of streams
 *   job.c       `decant run-build`: the whole life of one build
 *   child.c     the `decant build` in it, and its log
 *   look.c      what a repository is: its Dockerfile, the base images of that
 *   source.c    whom to ask for a repository, with which credentials
 *   streams.c   digests → tags of streams, and the names of the store beside them
 *
 * ERRORS   those of what is called; ERR_CANCELLED
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "git/git.h"
#include "runner/driver.h"

/* --- start.c ---------------------------------------------------------------------------------- */
typedef struct RunnerStart {
	Str cause; /* "Manually triggered" */
	BuildCause by;
	Str commit;             /* in place of the ref's; "" none */
	Str author, message;    /* of it, as far as they are known */
	ProjectPairs env, args; /* beside the config's */
	bool no_cache;
	bool queue;        /* the Build is only written: runner_triggers() starts it */
	bool first;        /* nothing is done if the config has had a build; *ret is its last */
	bool binary;       /* .input is what is built, whatever the config says */
	Str as_file, text; /* the one file that is built; as_file "" none */
	DriverInput input;
} RunnerStart;
/* *ret as it was written at its start. */
NODISCARD Err *runner_start(const Project *p, Str config, const RunnerStart *how,
                            const Cancel *cancel, Build *ret);
/* The same for who has the project's lock; BC, as it is in its file, is written. */
NODISCARD Err *runner_build(const Project *p, BuildConfig *bc, const RunnerStart *how, Build *ret);
/* B, which is queued, if nobody runs it.  The project's lock is held. */
NODISCARD Err *runner_start_queued(const Project *p, Build *b);
/* Asks the build to end; *ret_over: it had ended before. */
NODISCARD Err *runner_cancel(const Project *p, Str build, const Cancel *cancel, bool *ret_over);
/* Removes builds of CONFIG beyond its limits.  The project's lock is held. */
NODISCARD Err *runner_prune(const Project *p, const BuildConfig *bc);

/* --- triggers.c ------------------------------------------------------------------------------- */
/*
 * Starts what is queued, the first builds of configurations that have a ConfigChange trigger, and
 * builds whose ImageChange triggers have not seen the newest image of their tags.  What cannot be
 * started does not keep the others: *ret are the builds that were, the first error comes back.
 */
NODISCARD Err *runner_triggers(const Project *p, const Cancel *cancel, Build **ret,
                               size_t *ret_count);
/* The ImageChange triggers of BC have seen what is newest.  The project's lock is held. */
NODISCARD Err *runner_see_images(const Project *p, BuildConfig *bc);

/* --- pushed.c --------------------------------------------------------------------------------- */
/*
 * A client pushed TAG of REPO ("shop/web") to the registry that answers to DOMAINS: IMAGE
 * ("sha256:...") becomes the newest of that tag of the stream "web" in "shop", if there is one, and
 * of all tags that follow it by its name.  *ret_news: of how many.
 */
NODISCARD Err *runner_pushed(Store *s, const Str *domains, size_t domain_count, Str repo, Str tag,
                             Str image, size_t *ret_news);

/* --- job.c ------------------------------------------------------------------------------------ */
/* Runs BUILD to its end; standard output and error are its log.  A byte is written to READY_FD
 * (closed) once it is held.  What fails is in the Build and in the log, not in the Err. */
NODISCARD Err *runner_run(const Project *p, Str build, const DriverInput *input, int ready_fd,
                          const Cancel *cancel);

/* --- child.c ---------------------------------------------------------------------------------- */
typedef struct RunnerChild {
	const char *const *argv; /* after the program's name; NULL at its end */
	Str stdin_text;
	int stdin_fd;       /* -1: the text */
	int64_t deadline_s; /* 0: none */
	int64_t epoch_s;    /* SOURCE_DATE_EPOCH, where the environment has none; -1: none */
	bool cut;           /* the log was at its limit */
	bool late;          /* the deadline passed */
} RunnerChild;
/* This same program, its output to standard output until PROJECT_LOG_BYTES_MAX.  *ret_status as a
 * shell has it. */
NODISCARD Err *runner_child(RunnerChild *c, const Cancel *cancel, int *ret_status);

/* `decant push` of NAME, which the store has. */
NODISCARD Err *runner_push(Store *s, Str name, const Cancel *cancel);

/* --- look.c ----------------------------------------------------------------------------------- */
typedef struct RunnerBase {
	Str image; /* "golang:1.18", familiar, with its tag */
} RunnerBase;

typedef struct RunnerLook {
	Str dockerfile; /* its path below the context directory: "Dockerfile" */
	Str text;
	RunnerBase *bases; /* of FROM and COPY --from, each once, in the order of the file */
	size_t base_count;
	Str last; /* the image of the last FROM; "" scratch or another stage */
} RunnerLook;
/* DOCKERFILE "": what is usual.  ERR_NOT_FOUND says what was looked for. */
NODISCARD Err *runner_look(Arena *a, int tree_fd, Str context_dir, Str dockerfile, Str address,
                           const ProjectPairs *args, RunnerLook *ret);
/* The same of a text. */
NODISCARD Err *runner_look_text(Arena *a, Str text, const ProjectPairs *args, RunnerLook *ret);
/* The text with an ENV of these after every FROM. */
NODISCARD Err *runner_add_env(Arena *a, Str text, const ProjectPairs *env, Str *ret);

/* --- source.c --------------------------------------------------------------------------------- */
typedef struct RunnerSource {
	Remote remote;
	GitAccess access;
	GitCommit commit;
	Buf authorization;
} RunnerSource;
/* Asks the server.  Credentials are those of the environment: GIT_AUTH_TOKEN, GIT_AUTH_HEADER,
 * SSH_AUTH_SOCK.  SOURCE is to be done in any case. */
NODISCARD Err *runner_source(Arena *a, Str uri, Str ref, const Cancel *cancel, RunnerSource *ret);
void runner_source_done(RunnerSource *s);
/* An empty directory in the store's scratch space, which goes with the process. */
NODISCARD Err *runner_scratch(Store *s, int *ret_fd);

/* --- streams.c -------------------------------------------------------------------------------- */
/* The stream NAME; if there is none yet a new one, not written. */
NODISCARD Err *runner_stream(const Project *p, Str name, ImageStream *ret);
/* Is IS's repository somewhere else than in the store? */
bool runner_is_remote(const ImageStream *is);
/* "localhost:5000/default/x" of a stream called NAME, by REGISTRY ("" the usual). */
Str runner_repository(const Project *p, Str registry, Str name);
/*
 * TAG of IS gets the image that the store has as REF: names of the store, then the item.  IS is
 * written.  The project's lock is held.
 */
NODISCARD Err *runner_stream_push(const Project *p, ImageStream *is, Str tag, const StoreRef *ref);
/* An item without an image in the store. */
NODISCARD Err *runner_stream_note(const Project *p, ImageStream *is, Str tag, Str reference,
                                  Str image);
/* TAG, its history and the names in the store that no other tag has.  IS is written. */
NODISCARD Err *runner_stream_untag(const Project *p, ImageStream *is, Str tag);
/* Of each tag the KEEP newest items stay, and those younger than SINCE_NS; *ret_count went.  With
 * DRY nothing is written. */
NODISCARD Err *runner_stream_trim(const Project *p, ImageStream *is, size_t keep, int64_t since_ns,
                                  bool dry, size_t *ret_count);
/* The stream with all its names in the store. */
NODISCARD Err *runner_stream_drop(const Project *p, Str name);
