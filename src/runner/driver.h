/*
 * driver.h - where builds run: one small interface, a line a driver.
 *
 * WHAT     A driver takes a Build that is written in its project, and runs `decant run-build` of it
 *          somewhere.  What that writes (the Build, its log, the stream) is the answer; a driver only
 *          starts, asks, and ends.
 * ERRORS   start: the build did not begin, and nothing of it runs
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "project/project.h"

/* What a build is made of that is not in its Build: paths on this machine; "" none. */
typedef struct DriverInput {
	Str dir;     /* the context, read where it is while the build runs */
	Str archive; /* the same as a file */
} DriverInput;

typedef struct Driver {
	const char *name;
	/* Returns once the build is held (project_build_hold).  The caller has the project's lock.
	 */
	Err *(*start)(const Project *p, const Build *b, const DriverInput *input);
	/* Asks it to end; a build that nobody runs is no error. */
	Err *(*cancel)(const Project *p, Str build);
	/* Until it has ended. */
	Err *(*wait)(const Project *p, Str build, const Cancel *cancel);
} Driver;

/* The one that builds run by: "local". */
const Driver *driver_usual(void);
NODISCARD Err *driver_start(const Project *p, const Build *b, const DriverInput *input);
NODISCARD Err *driver_cancel(const Project *p, Str build);
NODISCARD Err *driver_wait(const Project *p, Str build, const Cancel *cancel);
