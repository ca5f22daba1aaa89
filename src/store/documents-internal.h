/*
 * documents-internal.h - configs, manifests and indexes: which are here, and what they name.
 *
 * WHAT     What a document names never changes, as its digest is that of its bytes.  So it is
 *          remembered in the file "documents", and of ten thousand only the new ones are read.
 *          The file is derived (docs/design/082): without it, all are read.  Only what has been
 *          read and has the right digest is written down.
 * ERRORS   ERR_SYSTEM  it is here and cannot be read
 * OWNS     what it gives lives as long as the StoreDocuments
 * THREADS  one
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store-internal.h"

typedef struct StoreDocument {
	Digest digest;
	uint64_t size;  /* bytes */
	Str media_type; /* of an image's manifest; "" of all else */
	/* Every "sha256:<hex>" in it, once; what a manifest needs (config and layers) first. */
	const Digest *mentions;
	size_t mention_count, need_count;
	bool whole;   /* it and what it needs are here: not looked at again */
	bool damaged; /* has another digest: .mentions are what it says nevertheless */
	bool used;    /* asked for */
} StoreDocument;

typedef struct StoreDocuments StoreDocuments;
StoreDocuments *store_documents_open(Store *s);
/* Written anew if enough has changed.  ALL: what was not asked for is not in the store any more. */
void store_documents_close(StoreDocuments *d, bool all);
/* Is the blob here?  Many such questions are one reading of the directory. */
NODISCARD Err *store_documents_have(StoreDocuments *d, const Digest *digest, bool *ret);
/* *RET NULL: there is no such blob, or it is data: no JSON object, or too large for one. */
NODISCARD Err *store_documents_get(StoreDocuments *d, const Digest *digest,
                                   const StoreDocument **ret);

/* Is all that DOC (of store_documents_get) needs here? */
NODISCARD Err *store_documents_is_whole(StoreDocuments *d, const StoreDocument *doc, bool *ret);

/* FN for each "sha256:<hex>" in TEXT. */
typedef void StoreMentionFn(void *context, const Digest *digest);
void store_each_mention(Str text, StoreMentionFn *fn, void *context);
/* FN for each name in the directory PATH of the store, none that begins with a dot. */
typedef Err *StoreNameFn(void *context, int dir_fd, const char *name);
NODISCARD Err *store_each_name(Store *s, const char *path, StoreNameFn *fn, void *context);
/* The same for each blob, from one reading of their directory. */
NODISCARD Err *store_documents_each_blob(StoreDocuments *d, StoreNameFn *fn, void *context);

/* index.json by CATALOG and DOCS, for who has store_lock_layout(). */
NODISCARD Err *store_layout_write_of(Store *s, const StoreCatalog *catalog, StoreDocuments *docs);
