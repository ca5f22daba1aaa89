/*
 * rig.h - a small root and a running sandbox for the tests.
 *
 * WHAT     A temporary directory with a busybox root in it, the init lower, and a Sandbox.  Each run
 *          gets a fresh upper directory, kept until the next run so that it can be looked at.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/sandbox.h"

#include <sys/types.h>

typedef struct Rig {
	char path[64]; /* of the temporary directory: for what is run as another process */
	int dir_fd, base_fd, init_fd, scratch_fd;
	int upper_fd;
	unsigned runs;
	Sandbox *sandbox;
} Rig;

/* *ret_skip: why there can be no test here, NULL if there can. */
NODISCARD Err *rig_open(Rig *rig, const char **ret_skip);
void rig_close(Rig *rig);
/* The same for cmocka: *state is the Rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

typedef struct Ran {
	Err *error;
	SandboxResult result;
	Buf out; /* stdout and stderr */
} Ran;
void rig_free_ran(Ran *r);
#define AUTO_RAN CLEANUP(rig_free_ran)

/* A spec for `sh -c SCRIPT` as root, no network; lowers and upper are filled in by rig_run. */
SandboxSpec rig_spec(const char *const argv[]);
Ran rig_run(Rig *rig, const SandboxSpec *spec, const Cancel *cancel);
/* rig_run of sh -c SCRIPT. */
Ran rig_sh(Rig *rig, const char *script);
/* The paths in the upper directory of the last run, sorted, one a line. */
void rig_list_upper(Rig *rig, Buf *out);
/* A new directory in the temporary one, for layers and mount sources; O_PATH. */
int rig_make_dir(Rig *rig, const char *name);
/* A file of TEXT at PATH below DIR_FD; its parents must be there. */
NODISCARD Err *rig_write(int dir_fd, const char *path, const char *text, mode_t mode);
