/* shell_step.h - `shell --step`: the root file system after a step of a past build. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"
#include "store/builds.h"

/* The step WORD of the build B: as shell_step_set() has STEP. */
NODISCARD Err *shell_step_find(Cli *cli, const StoreBuild *b, Str word, uint32_t *ret);
/* The layers after it, bottom first, into C: all there, and whole. */
NODISCARD Err *shell_step_layers(Store *s, Arena *a, const StoreBuild *b, uint32_t step,
                                 ImageConfig *c);

/* BUILD as store_build_find() has it; STEP as store_build_step(), or a stage's name (its last step)
 * or how an instruction begins ("RUN make").  BEFORE: the root that the step began with.  Sets the
 * image of R, with environment, directory and user as a RUN there had them unless R has others.
 * ERR_NOT_FOUND: no such build or step, or layers that are gone. */
NODISCARD Err *shell_step_set(Cli *cli, Store *s, const char *build, const char *step, bool before,
                              ContainerRequest *r);
