/*
 * run.h - what a RUN is given beside its root: mounts, secrets, agents, devices.
 *
 *   run_mounts.c  --mount → SandboxMounts, and what has to be cleaned up after the command
 *   run_files.c   files of the context and of stages: for the key, and as a directory
 *   run_cache.c   type=cache: which directory, its lock, its first content
 *   secret.c      --secret: read into memory that no file backs
 *   ssh.c         --ssh: agents of the user, or our own for keys; ssh_relay.c: what of their
 *                 protocol a RUN may use
 *   trust.c       --ca: certificates above the root (trust.h)
 *   cdi.c         --device: what a CDI device brings; cdi_spec.c: its files
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/copy.h"
#include "store/mounts.h"

/* --- lowers.c --- */
typedef struct Lowers {
	int *fds; /* O_PATH, top first; room for one more */
	size_t count;
	size_t base_count; /* of these, from the bottom: of images, made by no step of this build */
	Digest *diff_ids;  /* bottom first */
} Lowers;
/* In A; also after an error lowers_close has to be called. */
NODISCARD Err *lowers_open(Build *b, uint32_t step, Arena *a, Lowers *ret);
void lowers_close(Lowers *l);

/* --- run_mounts.c --- */
typedef VEC(int) FdVec;
typedef VEC(SandboxMount) SandboxMountVec;
typedef VEC(Str) StrVec;

/* One mount of a cache; several of one RUN may be of the same. */
typedef struct CacheHold {
	Digest key;
	StoreMountHold hold;
} CacheHold;
typedef VEC(CacheHold) CacheHoldVec;

typedef struct SshRelay SshRelay;
typedef VEC(SshRelay *) SshRelayVec;

/* What the command gets; valid until run_given_done. */
typedef struct RunGiven {
	Arena *arena;
	int scratch_fd; /* the step's own scratch directory */
	unsigned line;  /* of progress */
	SandboxMountVec mounts;
	StrVec env;       /* "K=V" that win over those of the plan */
	StrVec usual_env; /* "K=V" of which those of the plan win */
	FdVec fds;
	CacheHoldVec caches;
	SshRelayVec relays;
	VEC(Lowers) lowers;
} RunGiven;

/* All that STEP, a RUN, is given.  After sandbox_enter.  Errors have their place. */
NODISCARD Err *run_given_make(Build *b, const Step *step, const View *root, RunGiven *given);
void run_given_done(RunGiven *given);
/* Before anything runs: what STEP requires and the build does not have. */
NODISCARD Err *run_check(Build *b, const Step *step);

/* --- run_files.c --- */
/* Lines for the key of STEP, a RUN: the files of its mounts.  BY_CONTENT: also of those of other
 * steps, of which else only the identity counts. */
NODISCARD Err *run_key_inputs(Build *b, const Step *step, bool by_content, Buf *out,
                              KeyLists *lists);
/* The files that M takes. */
NODISCARD Err *run_files_select(Build *b, const RunMount *m, const CopySet **ret);
/* They as a directory of this build, made once: *ret_fd is borrowed.  As copy_write has it. */
NODISCARD Err *run_files_dir(Build *b, const RunMount *m, int *ret_fd, bool *ret_is_dir);
void run_files_done(Build *b);

/* --- run_cache.c --- */
NODISCARD Err *run_cache_take(Build *b, const RunMount *m, RunGiven *given, int *ret_dir_fd);

/* --- secret.c --- */
void secret_init(Build *b);
void secret_done(Build *b); /* also without secret_init */
const BuildSecret *secret_find(const Build *b, Str id);
/* The value as a file in memory, for reading from its start.  A pipe is waited for. */
NODISCARD Err *secret_open(Build *b, const BuildSecret *s, int *ret_fd);
/* The value as text; a NUL byte in it is an error. */
NODISCARD Err *secret_read(Build *b, const BuildSecret *s, Buf *out);

/* --- ssh.c --- */
/* Start what the steps that are missing need; single-threaded. */
NODISCARD Err *ssh_start(Build *b);
/* The same for the agent ID alone, if --ssh names it. */
NODISCARD Err *ssh_need(Build *b, Str id);
void ssh_stop(Build *b);
const BuildSsh *ssh_find(const Build *b, Str id);
/* Where the agent ID listens, opened O_PATH. */
NODISCARD Err *ssh_agent_socket(const Build *b, Str id, int *ret_fd);
/* --- ssh_relay.c --- */
/* A connection to the socket that AGENT_FD (O_PATH) is; -1: nobody listens. */
int ssh_connect(int agent_fd);
/* Listen as NAME in DIR_FD and pass on to AGENT_FD (an O_PATH fd of a socket, kept open by the
 * caller) what a RUN may ask. */
NODISCARD Err *ssh_relay_start(int dir_fd, const char *name, int agent_fd, SshRelay **ret);
void ssh_relay_stop(SshRelay *r);

/* --- cdi.c --- */
/* All --device of the plan: is each known, and allowed?  Nothing is done if there are none. */
NODISCARD Err *cdi_check(Build *b);
/* Nodes, mounts and variables of STEP's devices. */
NODISCARD Err *cdi_add(Build *b, const Step *step, RunGiven *given);
