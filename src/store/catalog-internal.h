/* catalog-internal.h - the catalog in memory, and its file. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "store/stamp-internal.h"

typedef struct CatalogName {
	StoreRef ref;
	StoreStamp file; /* all zero: a change of it might not show, it is read again */
} CatalogName;

typedef struct CatalogImage {
	StoreSummary summary;
	bool seen; /* its config is in the store */
	bool kept; /* it is in the file that is being written */
} CatalogImage;

/* What the file says; everything lives in the arena. */
typedef struct CatalogFile {
	StoreStamp refs_dir, blobs_dir; /* when it was made; zero: not to be believed */
	CatalogName *names;             /* by name */
	CatalogImage *images;
	size_t name_count, image_count;
} CatalogFile;

/* False: there is none, or it is damaged, or of another decant. */
bool store_catalog_read(Store *s, Arena *a, CatalogFile *ret);
/* Is it of an older format, and whole as such?  It is written anew in time. */
bool store_catalog_is_old(Store *s);
void store_catalog_text(const CatalogFile *file, Buf *out);
