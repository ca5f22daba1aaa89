/* streams.h - image streams for commands: what a tag is to follow, and following it. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/resource.h"
#include "runner/runner.h"

/* What TAG of IS follows is asked for: its registry, else the store.  IS is written if the answer
 * is new; *ret_new.  The project's lock is held. */
NODISCARD Err *stream_import(Cli *cli, const Project *p, ImageStream *is, Str tag, bool *ret_new);
/* All tags of the project that are marked so, asked for again: no lock is held meanwhile.  What
 * fails is reported, and the next is asked for. */
NODISCARD Err *stream_import_scheduled(Cli *cli, const Project *p,
                                       void (*imported)(const Project *p, Str stream));
/* Builds that changed images start, a line each; what fails is reported. */
void stream_start_builds(Cli *cli, const Project *p);
/* What `describe is` says. */
void stream_describe(Cli *cli, const ImageStream *is);
