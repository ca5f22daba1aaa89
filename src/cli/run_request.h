/*
 * run_request.h - what `run` and `shell` have in common: options of the command line → a
 * ContainerRequest.
 *
 * ERRORS   mistakes of the command line, with cli->usage_error
 * OWNS     texts are borrowed from argv and the environment, or live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

/* --env NAME=VALUE, or NAME: as it is here, left out if it is not set. */
void cli_run_env(Arena *a, const OptionList *env, ContainerRequest *r);
/* --volume HOST:CONTAINER[:ro] */
NODISCARD Err *cli_run_binds(Cli *cli, const OptionList *volumes, ContainerRequest *r);
/* --network default|none|host; NULL: default. */
NODISCARD Err *cli_run_network(Cli *cli, const char *network, ContainerRequest *r);
/* The image NAME for PLATFORM (NULL: this machine's), fetched by --pull always|missing|never (NULL:
 * missing); after sandbox_enter. */
NODISCARD Err *cli_run_image(Cli *cli, Store *s, const char *name, const char *pull,
                             const char *platform, Image *ret);
