/* streams.h - image streams for commands: what a tag is to follow, and following it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/resource.h"
#include "runner/runner.h"

/* What TAG of IS follows is asked for: its registry, else the store.  IS is written if the answer
 * is new; *ret_new.  The project's lock is held. */
NODISCARD Err *stream_import(Cli *cli, const Project *p, ImageStream *is, Str tag, bool *ret_new);
/* What `describe is` says. */
void stream_describe(Cli *cli, const ImageStream *is);
