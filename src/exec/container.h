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

/* -v, --mount, --tmpfs, --device */
typedef struct ContainerBind {
	SandboxMountKind kind; /* BIND, DEVICE, TMPFS */
	Str source;            /* path of the host, as the user sees it */
	Str target;
	bool read_only;
	bool make; /* BIND: a directory that is not there is made, as --volume of docker does */
	uint64_t size_bytes, mode; /* TMPFS; 0: the usual */
} ContainerBind;

/* All but the image and what is only about this command is kept with the container. */
typedef struct ContainerRequest {
	Image image;
	Str image_name;  /* set: the image is none of the store, but layers of it under this name */
	Str image_typed; /* what is told as the image's name; "" the one that it was found by */
	Str name;        /* "" = made up */
	Strs command;    /* after the image name; replaces Cmd */
	Strs entrypoint; /* .set: --entrypoint given */
	Strs env;        /* "K=V" to add */
	Strs labels;     /* "K=V" */
	Strs hosts;      /* lines of /etc/hosts: "IP NAME" */
	Strs dns;        /* lines of /etc/resolv.conf; none: the usual ones */
	Strs groups;     /* --group-add: numbers, names */
	Str user, working_dir, hostname;
	Str stop_signal; /* "" the image's */
	SandboxNetwork network;
	const SandboxPort *ports;
	size_t port_count;
	ContainerBind *binds;
	size_t bind_count;
	const SandboxLimit *limits;
	size_t limit_count;
	SandboxResources resources;
	uint64_t shm_bytes; /* 0: the usual */
	uint64_t cap_add, cap_drop;
	uint64_t stop_timeout_s; /* of `stop`; 0: the usual */
	bool privileged, read_only, unconfined, no_new_privs;
	bool remove, interactive, terminal;
	bool detach;
	/* Told what cannot be had of what was asked for, from any thread; NULL: nobody. */
	void (*warn)(Str text);
	int cidfile_fd; /* gets its ID as soon as it has one; 0 or less: none */
} ContainerRequest;

typedef struct Container {
	Str id; /* 64 hex digits */
	Str name;
	Digest image_id;
	Str image_name; /* as the user gave it */
	Str command;    /* for ps: one string */
	int64_t created_ns, started_ns, finished_ns;
	bool running;
	int exit_status;  /* if it is not running */
	Str ports;        /* "0.0.0.0:8080->8080/tcp" */
	pid_t monitor;    /* the process that runs it, or ran it last; 0: none did */
	Str monitor_mark; /* what tells it from another of that number; "" not known */
	Str request;      /* what it was asked for, as JSON: container_request_read() */
} Container;

/* The request as it was; its image is not set. */
NODISCARD Err *container_request_read(const Container *c, Arena *a, ContainerRequest *ret);
/* The same with its image, which is empty if it cannot be read any more. */
NODISCARD Err *container_request_whole(Store *s, const Container *c, Arena *a,
                                       ContainerRequest *ret);
/* The config that the command of such a request has: its own over its image's. */
void container_config(const ContainerRequest *r, Arena *a, ImageConfig *ret);
/* argv as docker joins ENTRYPOINT and CMD; ERR_INPUT if there is nothing to run. */
NODISCARD Err *container_argv(const ContainerRequest *r, Arena *a, Strs *ret);
/* Bytes of the files that it has beside its image.  After sandbox_enter. */
NODISCARD Err *container_size(Store *s, const Container *c, uint64_t *ret);
/* Its processes as this system numbers them, PID 1 of it first; in A. */
NODISCARD Err *container_processes(const Container *c, Arena *a, pid_t **ret, size_t *ret_count);
/* Make it, to be started later. */
NODISCARD Err *container_make(Store *s, const ContainerRequest *request, Arena *a, Str *ret_id);
/* Run one that does not run, as it was asked for: left behind, or (attach) here. */
typedef struct ContainerStart {
	bool attach, interactive;
	void (*warn)(Str text); /* as ContainerRequest's */
} ContainerStart;
NODISCARD Err *container_start(Store *s, const Container *c, const ContainerStart *how,
                               const Cancel *cancel, Arena *a, int *ret_status);
/* Send signal NUMBER to its command. */
NODISCARD Err *container_kill(Store *s, const Container *c, int number);
/* Until it has ended: its exit status. */
NODISCARD Err *container_wait(Store *s, const Container *c, const Cancel *cancel, int *ret_status);
/* One more command in a container that runs. */
typedef struct ContainerExec {
	Strs command, env;     /* "K=V" beside the container's */
	Str user, working_dir; /* "" the container's */
	bool interactive, terminal, detach, privileged;
} ContainerExec;
/* While this process has one thread, and not after sandbox_enter.  Returns when it has ended, or
 * (detach) been started.  ERR_INPUT: the container does not run. */
NODISCARD Err *container_join(Store *s, const Container *c, const ContainerExec *what,
                              const Cancel *cancel, Arena *a, int *ret_status);
NODISCARD Err *container_rename(Store *s, const Container *c, Str name);
/* "SIGTERM", "term", "15", "SIGRTMIN+3"; 0 if it is none. */
int container_signal_number(Str text);

/* Foreground: *ret_status is the command's.  Detached: returns once it runs; *ret_id in A. */
NODISCARD Err *container_run(Store *s, const ContainerRequest *request, const Cancel *cancel,
                             Arena *a, Str *ret_id, int *ret_status);
NODISCARD Err *container_list(Store *s, Arena *a, Container **ret,
                              size_t *ret_count); /* newest first */
NODISCARD Err *container_find(Store *s, Str name_or_id, Arena *a, Container *ret);
/* SIGNAL (0: the image's STOPSIGNAL, or SIGTERM), after TIMEOUT_S SIGKILL; waits until it is gone.
 */
enum { CONTAINER_STOP_TIMEOUT_S = 10 }; /* the usual */
NODISCARD Err *container_stop(Store *s, const Container *c, int signal, unsigned timeout_s);
typedef enum ContainerRemove {
	CONTAINER_REMOVE_IF_ENDED, /* one that runs is left */
	CONTAINER_REMOVE_ENDED,    /* ERR_INPUT: it runs */
	CONTAINER_REMOVE_FORCE,    /* one that runs is killed first */
} ContainerRemove;
NODISCARD Err *container_remove(Store *s, const Container *c, ContainerRemove how);
/* Its log to standard output and standard error, as it was written: of all or the last TAIL lines
 * those of the time between; FOLLOW until it ends. */
typedef struct ContainerLog {
	bool follow, timestamps;
	uint64_t tail;              /* CONTAINER_LOG_ALL: everything */
	int64_t since_ns, until_ns; /* INT64_MIN, INT64_MAX: all */
} ContainerLog;
#define CONTAINER_LOG_ALL UINT64_MAX
NODISCARD Err *container_log(Store *s, const Container *c, const ContainerLog *how,
                             const Cancel *cancel);
/* What it has changed in its image's files, in order: A added, C changed, D removed; PATH absolute.
 * After sandbox_enter.  An error of FN ends it. */
typedef Err *ContainerChangeFn(void *context, char kind, Str path);
NODISCARD Err *container_changes(Store *s, const Container *c, ContainerChangeFn *fn,
                                 void *context);
