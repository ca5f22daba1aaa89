/*
 * build_args.h - the build arguments: --build-arg-file, --build-arg, SOURCE_DATE_EPOCH of the
 * environment.
 *
 * RULES    Files come first, then the command line; of two values of one name the last counts.  NAME
 *          without '=' takes its value from the environment, and is not given if it is not there.
 * FILES    One NAME=VALUE or NAME a line; lines that begin with '#' and empty ones are nothing.  As
 *          buildah's.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_options.h"

/* To r->args. */
NODISCARD Err *build_args_read(Cli *cli, const BuildValues *v, BuildRequest *r);
