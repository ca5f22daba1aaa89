/*
 * build_cache.h - caches elsewhere: --cache-from, --cache-to, and what kaniko and buildah call so.
 *
 * A build is done, named and written before its cache is exported: layers that went out with the
 * image are not compressed again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cache/cache.h"
#include "cli/build_options.h"

typedef struct CacheSpecs {
	CacheSpec *at;
	size_t count;
} CacheSpecs;

typedef struct BuildCaches {
	CacheSpecs from, to;
} BuildCaches;

/* From the command line; after the build arguments, of which BUILDKIT_INLINE_CACHE is one. */
NODISCARD Err *build_cache_make(Cli *cli, const BuildValues *v, BuildRequest *r, BuildCaches *ret);
/* r->cached; needs r->progress and r->cancel.  *ret is left alone if none was named. */
NODISCARD Err *build_cache_open(const BuildCaches *c, BuildRequest *r, CacheSources **ret);
/* Needs sandbox_enter(). */
NODISCARD Err *build_cache_export(const BuildCaches *c, const BuildRequest *r,
                                  const BuildResult *result);
