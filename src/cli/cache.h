/*
 * cache.h - which caches of RUN --mount=type=cache a command is about.
 *
 * Names on the command line are keys, their beginnings, or the id of the Dockerfile, with its
 * namespace or without.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "store/mounts.h"

typedef struct Caches {
	Store *store; /* NULL: there is none, and so no cache */
	StoreMount *at;
	size_t count;
} Caches;

/* All there are, the one used last first.  Enters the namespace. */
NODISCARD Err *cache_find_all(Cli *cli, Caches *ret);
/* Only those that ARGS names; each must name one at least.  No name at all means all. */
NODISCARD Err *cache_keep_named(Cli *cli, const Arguments *args, Caches *c);
/* Of 12 digits unless FULL. */
Str cache_key_text(Arena *a, const StoreMount *m, bool full);
/* What the Dockerfile called it, or its target. */
Str cache_id_of(const StoreMount *m, Str *ret_namespace);
