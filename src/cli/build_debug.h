/* build_debug.h - `build --shell-on-error`: what is asked when a RUN has failed. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/build.h"

typedef struct BuildDebugger {
	BuildDebug calls; /* for BuildRequest.debug */
	Ui *ui;
	const Cancel *cancel;
	const char *file; /* the Dockerfile, for an editor; NULL: it is no file of this machine */
} BuildDebugger;

/* A mistake of the command line unless there is a terminal. */
NODISCARD Err *build_debug_check(Cli *cli);
/* FILE as BuildDebugger.file. */
void build_debug_init(BuildDebugger *d, Ui *ui, const Cancel *cancel, const char *file);
/* Before the first thread: windows that change their size are told to the shell. */
void build_debug_entered(void);
