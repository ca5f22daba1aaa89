/*
 * images.h - the rows of `decant images`: which names there are, and which of them are wanted.
 *
 * WHAT     One row a name, or an image without one; what is shown of each comes from the store's
 *          catalog, so that a long list needs no file of an image (store.h).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "cli/command.h"

typedef struct ImageRow {
	const StoreRef *stored;
	StoreSummary image;
	Reference ref;
	Str full;            /* the ref's name; "" for an image without a name */
	Str repository, tag; /* as shown */
	Digest manifest;     /* zero: none */
	size_t containers;   /* images_count_users() */
} ImageRow;

typedef VEC(ImageRow) ImageRowVec;

/* What --filter and the argument ask for. */
typedef struct ImageFilters {
	const char *dangling; /* "true", "false", NULL */
	OptionList references, labels;
	const char *argument;        /* NULL: none */
	int64_t before_ns, since_ns; /* created in between; INT64_MAX, INT64_MIN: no limit */
} ImageFilters;

NODISCARD Err *images_read_filters(Cli *cli, Store *s, const OptionList *texts,
                                   const char *argument, ImageFilters *ret);
/* Newest first.  Damaged images are told and left out.  CATALOG NULL: there is no store. */
NODISCARD Err *images_collect(Cli *cli, Store *s, StoreCatalog *catalog,
                              const ImageFilters *filters, bool all, ImageRowVec *rows);
/* Fill in .containers. */
NODISCARD Err *images_count_users(Cli *cli, Store *s, ImageRowVec *rows);
/* Of each row the bytes of layers that images of other IDs in the store have too. */
NODISCARD Err *images_shared_sizes(Cli *cli, Store *s, StoreCatalog *catalog,
                                   const ImageRowVec *rows, uint64_t **ret);
/* docker's --tree: each name with its platforms, and what uses it. */
NODISCARD Err *images_print_tree(Cli *cli, Store *s, StoreCatalog *catalog,
                                 const ImageRowVec *rows);
/* Summary of an image; read and added to the catalog if it is not there. */
NODISCARD Err *images_summary(Cli *cli, Store *s, StoreCatalog *catalog, const Digest *id,
                              StoreSummary *ret);
