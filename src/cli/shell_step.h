/* shell_step.h - `shell --step`: the root file system after a step of a past build. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

/* BUILD as store_build_find() has it; STEP as store_build_step(), or a stage's name (its last step)
 * or how an instruction begins ("RUN make").  BEFORE: the root that the step began with.  Sets the
 * image of R, with environment, directory and user as a RUN there had them unless R has others.
 * ERR_NOT_FOUND: no such build or step, or layers that are gone. */
NODISCARD Err *shell_step_set(Cli *cli, Store *s, const char *build, const char *step, bool before,
                              ContainerRequest *r);
