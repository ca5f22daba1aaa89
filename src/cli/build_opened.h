/* build_opened.h - what the command line of a build names, opened: for commands that build. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_call.h"
#include "cli/build_contexts.h"
#include "cli/build_input.h"
#include "cli/build_options.h"

/* .input.context_fd is -1, and .request made by build_request_make(), before it is opened. */
typedef struct BuildOpened {
	BuildInput input;
	BuildContexts contexts;
	BuildArchive archive;
	BuildRequest request; /* complete, but for who is told of it */
} BuildOpened;

/* ARGS: the context; CALL NULL: a build.  To be closed also after an error; O stays where it
 * is. */
NODISCARD Err *build_opened_open(Cli *cli, const BuildValues *v, const Arguments *args,
                                 const BuildCall *call, BuildOpened *o);
void build_opened_close(BuildOpened *o);
#define AUTO_BUILD_OPENED CLEANUP(build_opened_close)
