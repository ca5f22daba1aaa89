/*
 * catalog.h - what a registry says it has: repositories, tags, and its own search.
 *
 * ERRORS   ERR_NOT_FOUND  the registry has no such list
 *          ERR_CORRUPT    pages that lead in a circle or elsewhere, or have no end
 * SOURCE   OCI distribution-spec "Listing Tags"; docker registry API v2 "_catalog" and v1 "search"
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry.h"

typedef struct CatalogNames {
	Str *at;
	size_t count;
} CatalogNames;

/* Does a name matter?  The count of those that do is limited. */
typedef bool CatalogKeepFn(void *context, Str name);

/* Repositories of DOMAIN, or with REPOSITORY not "" its tags: those that KEEP wants (NULL: all),
 * LIMIT at most, in the registry's order. */
NODISCARD Err *registry_list(Registry *r, Str domain, Str repository, size_t limit,
                             CatalogKeepFn *keep, void *context, Arena *a, CatalogNames *ret);

typedef struct CatalogHit {
	Str name, description;
	int64_t stars;
	bool official, automated;
} CatalogHit;

/* /v1/search, as Docker Hub has it. */
NODISCARD Err *registry_search(Registry *r, Str domain, Str term, size_t limit, Arena *a,
                               CatalogHit **ret, size_t *ret_count);
