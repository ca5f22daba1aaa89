/*
 * container.h - run an image, in the foreground or left behind, without a daemon.
 *
 * WHAT     containers/<id>/ in the store holds a container: its JSON (image, command, names, times,
 *          pid, state), upper directory, log.  A detached one is watched by a small monitor process of
 *          its own that ends with it.  State of dead monitors is mended by whoever looks next.
 * ERRORS   ERR_NOT_FOUND "No such container: x"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/cancel.h"
#include "exec/image.h"
#include "sandbox/sandbox.h"

typedef struct ContainerRequest {
	Image image;
	Str image_name;  /* set: the image is none of the store, but layers of it under this name */
	Str name;        /* "" = made up */
	Strs command;    /* after the image name; replaces Cmd */
	Strs entrypoint; /* .set: --entrypoint given */
	Strs env;        /* "K=V" to add */
	Str user, working_dir, hostname;
	SandboxNetwork network;
	const SandboxPort *ports;
	size_t port_count;
	struct ContainerBind {
		Str source, target;
		bool read_only;
	} * binds; /* -v host:ctr[:ro] */
	size_t bind_count;
	bool detach, remove, interactive, terminal;
} ContainerRequest;

typedef struct Container {
	Str id; /* 64 hex digits */
	Str name;
	Digest image_id;
	Str image_name; /* as the user gave it */
	Str command;    /* for ps: one string */
	int64_t created_ns, started_ns, finished_ns;
	bool running;
	int exit_status; /* if it is not running */
	Str ports;       /* "0.0.0.0:8080->8080/tcp" */
	pid_t monitor;
} Container;

/* Foreground: *ret_status is the command's.  Detached: returns once it runs; *ret_id in A. */
NODISCARD Err *container_run(Store *s, const ContainerRequest *request, const Cancel *cancel,
                             Arena *a, Str *ret_id, int *ret_status);
NODISCARD Err *container_list(Store *s, Arena *a, Container **ret,
                              size_t *ret_count); /* newest first */
NODISCARD Err *container_find(Store *s, Str name_or_id, Arena *a, Container *ret);
/* SIGTERM (or the image's STOPSIGNAL), after TIMEOUT_S SIGKILL; waits until it is gone. */
NODISCARD Err *container_stop(Store *s, const Container *c, unsigned timeout_s);
NODISCARD Err *container_remove(Store *s, const Container *c, bool force);
/* Its log (stdout and stderr) to OUT_FD; FOLLOW until it ends. */
NODISCARD Err *container_log(Store *s, const Container *c, int out_fd, bool follow,
                             const Cancel *cancel);
/* What it has changed in its image's files, in order: A added, C changed, D removed; PATH absolute.
 * After sandbox_enter.  An error of FN ends it. */
typedef Err *ContainerChangeFn(void *context, char kind, Str path);
NODISCARD Err *container_changes(Store *s, const Container *c, ContainerChangeFn *fn,
                                 void *context);
