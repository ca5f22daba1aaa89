/*
 * build_proxies.h - the proxies that RUN may use.
 *
 * RULES    --build-arg goes first; then "proxies.default" of docker's config.json, which stand for build arguments
 *          as with docker; then the variables of this environment, which are none: they reach RUN's
 *          environment alone, and not if they name this machine's loopback, which a RUN cannot reach.
 *          None is in a cache key, a layer, the image's config or history.
 * SOURCE   docker/cli, docs "Use a proxy server with the Docker CLI"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/build_options.h"

/* Of docker's config.json, as arguments named HTTP_PROXY ...; in the arena.  A file that cannot be
 * read is none. */
void build_proxies_of_config(Arena *a, PlanArg **ret, size_t *ret_count);
/* Of the environment: "NAME=value" in both cases of the name. */
NODISCARD Err *build_proxies_of_environment(Cli *cli, const BuildValues *v, BuildRun *run);
