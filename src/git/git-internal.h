/* git-internal.h - running the program. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "git/git.h"

enum { GIT_ARGUMENTS_MAX = 32 };

/* One command: what it is given, where it runs. */
typedef struct GitRun {
	const GitAccess *access;
	const Remote *remote; /* the header of access is for its address alone */
	int dir_fd;           /* working directory; -1: the root */
	const char *argv[GIT_ARGUMENTS_MAX];
	size_t argc;
	Buf out;  /* standard output */
	Buf said; /* standard error, the end of it */
} GitRun;

void git_run_init(GitRun *run, const GitAccess *access, const Remote *remote, int dir_fd);
void git_run_done(GitRun *run);
/* WORDS end with NULL. */
void git_run_add(GitRun *run, const char *const *words);
#define GIT_ADD(run, ...) git_run_add((run), (const char *const[]){ __VA_ARGS__, NULL })
/* ERR_NETWORK with git's words as notes if it fails. */
NODISCARD Err *git_run(GitRun *run);
