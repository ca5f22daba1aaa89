/*
 * fetch.h - what comes from elsewhere → a layer in the store, known again by asking the other side.
 *
 * WHAT     A STEP_FETCH is a root of its own with what was fetched in it; ADD is a COPY from it.
 *          Before anything runs, each is asked for: a download by one conditional request (ETag,
 *          Last-Modified), a repository by one `git ls-remote`; by nothing at all where the
 *          Dockerfile says what must come (--checksum, a whole commit) and it is here.
 * KEYS     by content, not by address: two URLs that give the same are one layer
 * ERRORS   ERR_NETWORK with the URL (passwords masked); ERR_INPUT for a wrong checksum, at its place
 * SOURCE   BuildKit's source/http and source/git; docs/dockerfile.md
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

/* Ask for all of the plan, side by side; threads are gone when it returns. */
NODISCARD Err *fetch_look_up_all(Build *b);
/* Bring step N. */
NODISCARD Err *op_fetch(Build *b, const Step *step, StepResult *ret, bool *ret_cached);
/* STEP by its kind: what is here and still right; what is elsewhere. */
NODISCARD Err *fetch_find(Build *b, const Step *step, StepResult *ret, bool *ret_found);
NODISCARD Err *fetch_get(Build *b, const Step *step, StepResult *ret);

/*
 * --- fetch_context.c ---
 * A main context that is no directory becomes a layer (b->context_layer) and, unless the request
 * has a Dockerfile, b->source is what it holds.  Nothing is done for a directory.
 */
NODISCARD Err *fetch_main_context(Build *b);

/* --- archive.c --- */
/* The file FD, if it is an archive, as a layer; *ret_is false: it is none. */
NODISCARD Err *archive_layer(Build *b, int fd, Str name, StoreLayer *ret, bool *ret_is);

/*
 * --- what the kinds offer ---
 * FIND is one of what is here, in three parts: of layers (which may have to be verified, and enter
 * the sandbox for it), of the network (any thread), of layers again.
 */
typedef struct FetchQuestion {
	bool open;  /* the network has to be asked */
	bool found; /* RESULT is here, and still right */
	StepResult result;
	Buf etag, modified; /* of a download */
} FetchQuestion;
void fetch_question_done(FetchQuestion *q);
NODISCARD Err *fetch_http_recall(Build *b, const Step *step, FetchQuestion *q);
NODISCARD Err *fetch_http_ask(Build *b, const Step *step, FetchQuestion *q);
NODISCARD Err *fetch_git_ask(Build *b, const Step *step);
NODISCARD Err *fetch_git_recall(Build *b, const Step *step, FetchQuestion *q);
NODISCARD Err *fetch_http_get(Build *b, const Step *step, StepResult *ret);
NODISCARD Err *fetch_git_get(Build *b, const Step *step, StepResult *ret);

/* A repository behind ssh: keys come from the agent "default" of --ssh. */
bool fetch_needs_agent(const Step *step);
/* The value of the secret NAME; *ret_found false: there is none. */
NODISCARD Err *fetch_secret(Build *b, Str name, Buf *ret, bool *ret_found);
/* "Basic ..." for "user:password". */
void fetch_basic(Str user_info, Buf *ret);
/* A record's key: KIND and the texts, each a field. */
Digest fetch_key(const char *kind, const Str *texts, size_t count);
