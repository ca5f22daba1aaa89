/*
 * debug.h - a RUN that failed, while its root is still there: the user looks, and decides.
 *
 * WHAT     debug_failure() asks the caller of the build (BuildDebug) what is to be done, opens shells
 *          in the step's root as it stands, and says whether the command is to be run once more.
 * THREADS  one failure at a time; other steps go on meanwhile
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

typedef struct DebugRun {
	Build *build;
	const Step *step;
	SandboxSpec *spec; /* as the command had it */
	/* The root for another run: with a fresh work directory, and a fresh upper one if asked. */
	Err *(*renew)(void *context, bool upper_too);
	void *context;
	bool by_hand; /* set if what is run again begins with what the user has left there */
} DebugRun;

/* FAILURE (taken) of the command.  NULL: run it again, else FAILURE or what came instead. */
NODISCARD Err *debug_failure(DebugRun *d, Err *failure);
