/* build_send.h - `build --load=docker|podman`: the result into one that runs here. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_options.h"
#include "cli/send.h"

/* Before the build, so that nobody waits for one that cannot end well.  *RET NULL: not asked for.
 */
NODISCARD Err *build_send_open(Cli *cli, const BuildValues *v, Engine **ret);
/* The images of a build that went well; E may be NULL: nothing. */
NODISCARD Err *build_send_run(Cli *cli, Engine *e, const BuildRequest *r,
                              const BuildResult *result);
