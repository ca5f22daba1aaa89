/*
 * build_contexts.h - --build-context NAME=VALUE: what each is, and its directory opened.
 *
 * ERRORS   ERR_INPUT in docker's words: invalid context value: x, expected key=value; failed to get
 *          build context x: stat y: no such file or directory
 * OWNS     the directories, until build_contexts_close()
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/build.h"

typedef struct BuildContexts {
	PlanContext *at;
	size_t count;
	BuildDirectory *directories; /* PlanContext.index N is [N - 1] */
	size_t directory_count;
} BuildContexts;

NODISCARD Err *build_contexts_open(Cli *cli, const OptionList *values, BuildContexts *ret);
void build_contexts_close(BuildContexts *c);
#define AUTO_BUILD_CONTEXTS CLEANUP(build_contexts_close)
