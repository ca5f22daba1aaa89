/*
 * build_options.h - what the options of `build` fill, and what is made of it.
 *
 * A new option: its member here, its entry in cmd_build.c (by name), and what it means in
 * build_request.c, or in a file of its own that build_request_make() calls.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/build.h"

typedef struct BuildValues {
	OptionList tags, build_args, labels, outputs, contexts;
	const char *file, *target, *progress, *iidfile, *network, *platform, *builder, *call;
	const char *ignore_file;
	bool check, no_cache, pull, push, quiet, load, durable;
	bool ignored;
	unsigned jobs;
} BuildValues;

/* R from the command line; what lies in files and in the store is still to be set.  Mistakes are
 * ERR_INPUT, with cli->usage_error. */
NODISCARD Err *build_request_make(Cli *cli, const BuildValues *v, BuildRequest *r);
/* The command itself. */
NODISCARD Err *build_run_command(Cli *cli, const void *values, const Arguments *args);
