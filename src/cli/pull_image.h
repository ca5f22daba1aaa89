/* pull_image.h - pulling with docker's lines, for `pull` and for `run` of an image that is not
 * here. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "oci/platform.h"

#include <stdio.h>

/* Enters the sandbox's namespace.  OUT gets the lines, but for those of the layers unless it is
 * standard output; QUIET: none.  PLATFORM NULL: nobody asked for one, this machine's. */
NODISCARD Err *cli_pull(Cli *cli, const char *name, const Platform *platform, bool quiet,
                        FILE *out);
