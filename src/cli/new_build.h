/*
 * new_build.h - what `new-build` is given, what it finds, and the objects that come of it.
 *
 *   cmd_new_build.c    the command line, and writing the objects
 *   new_build_look.c   the repository, its Dockerfile, its base images
 *   new_build_make.c   BuildConfig and ImageStreams
 *   new_build_show.c   the text and -o
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/resource.h"
#include "runner/runner.h"

typedef struct NewBuildValues {
	const char *name, *to, *strategy, *dockerfile, *context_dir, *code, *output, *registry,
		*project, *dockerfile_path;
	bool to_docker, no_output, binary, dry_run, missing_images;
	OptionList build_args, env, env_files, labels;
} NewBuildValues;

/* A base image, and the stream tag that follows it. */
typedef struct NewBase {
	Str image;          /* "alpine:3.20" */
	Str stream, tag;    /* "alpine", "3.20" */
	bool found;         /* somewhere; else the next lines are "" */
	bool new_tag;       /* the stream has no such tag yet */
	Str where;          /* "Docker Hub", "quay.io", "the store" */
	Str id;             /* "sha256:..." of its config */
	Str reference;      /* "docker.io/library/alpine@sha256:..."; "" no digest is known */
	Str digest;         /* of that */
	int64_t created_ns; /* IMAGE_TIME_NONE */
} NewBase;

typedef struct NewBuild {
	Cli *cli;
	const NewBuildValues *values;
	Project project;
	Store *store;
	Cancel *cancel;
	Str address; /* of the repository, "" none */
	Str branch;  /* "refs/heads/main", where none was named and it is the default one; "" not
	                told */
	Str ref;
	Str local;    /* the directory it was named by; "" none */
	Str text;     /* -D */
	Str registry; /* "" the usual */
	ProjectPairs env, args, labels;
	RunnerLook look;
	NewBase *bases;
	size_t base_count;
	Str name, to_name, to_tag; /* to: "" no output, or to_docker */
	Str to_image;              /* --to-docker */
	BuildConfig config;
	ImageStream *streams; /* to be written */
	size_t stream_count;
} NewBuild;

/* The words of the command line: address, variables. */
NODISCARD Err *new_build_words(NewBuild *n, const Arguments *args);
/* Clones, reads the Dockerfile, asks for the base images. */
NODISCARD Err *new_build_look(NewBuild *n);
NODISCARD Err *new_build_make(NewBuild *n);
void new_build_describe(NewBuild *n);
NODISCARD Err *new_build_print(NewBuild *n, const char *format);
