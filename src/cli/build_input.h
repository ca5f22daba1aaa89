/*
 * build_input.h - what `build PATH | -` and `-f` name: context, Dockerfile, ignore file.
 *
 * RULES    those of docker build: -f is relative to the working directory; without
 *          it the context's Dockerfile, dockerfile or Containerfile; "-" reads the Dockerfile from
 *          standard input; an archive there is the context.  What is no directory may be a git
 *          repository or a URL: nothing is fetched here, and the Dockerfile is found in it later.
 *          Ignore file, of directories alone: that of --ignorefile, else <Dockerfile>.dockerignore or
 *          <Dockerfile>.containerignore beside the Dockerfile, else the context's .containerignore
 *          or .dockerignore.
 *          -f may be a URL: that is fetched here, whatever the context is.
 * ERRORS   ERR_INPUT in docker's words: path "x" not found; failed to read dockerfile: open x: ...
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/cancel.h"
#include "base/err.h"
#include "remote/remote.h"

typedef struct BuildInput {
	int context_fd;   /* a directory; -1: an empty context */
	Str context_path; /* its real path; "" if empty */
	Source dockerfile;
	Source ignore;
	bool has_ignore;
	/* A context that is no directory. */
	bool is_remote, is_archive;
	Remote remote;
	Str archive_head;   /* what was read of it; the rest is on standard input */
	bool is_inside;     /* the Dockerfile is in such a context, ... */
	const char *inside; /* ... called so; NULL: the usual names */
} BuildInput;

/* What the command line says.  NULL: not given. */
typedef struct BuildInputNames {
	const char *context;     /* the argument */
	const char *file;        /* -f */
	const char *ignore_file; /* --ignorefile */
	const Cancel *cancel;    /* of fetching -f; may be NULL */
} BuildInputNames;

/* Does -f name a URL?  Opening it then asks the network. */
bool build_input_is_url(const char *file);
NODISCARD Err *build_input_open(Arena *a, const BuildInputNames *names, BuildInput *ret);
/* The same without the Dockerfile, which need not be there: a directory and its ignore file. */
NODISCARD Err *build_input_open_ignore(Arena *a, const BuildInputNames *names, BuildInput *ret);
/* Of --build-context: a directory and the ignore file in it. */
NODISCARD Err *build_input_open_directory(Arena *a, const char *path, BuildInput *ret);
void build_input_close(BuildInput *in);
#define AUTO_BUILD_INPUT CLEANUP(build_input_close)
