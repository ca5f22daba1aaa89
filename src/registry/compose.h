/*
 * compose.h - an index made of images that are in registries.
 *
 * WHAT     compose_read() looks at one source: an image gets the platform that its config says, an
 *          index its entries.  compose_index() puts sources together: entries in their order, of equal
 *          digests the later's platform and annotations; docker's type if all entries are docker's.
 * ERRORS   ERR_NOT_FOUND, ERR_NETWORK, ERR_DENIED; ERR_CORRUPT what the registry has is no manifest
 * SOURCE   docker/buildx util/imagetools/create.go; docs/reference/buildx_imagetools_create.md
 * OWNS     texts live in the arena
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "registry/registry.h"

typedef struct ComposeSource {
	Reference ref;
	Str json; /* as the registry has it */
	ManifestKind kind;
	Descriptor d; /* of it: type, digest, size; of an image the platform too */
	Index index;  /* if it is one */
} ComposeSource;

/* SAID (NULL: nothing) has what the user says of it: that counts. */
NODISCARD Err *compose_read(Registry *r, const Reference *ref, const Descriptor *said, Arena *a,
                            ComposeSource *ret);

typedef struct Composed {
	Str media_type, json;
	Digest digest;
	/* what it names, each with where it is; a copy of one image names nothing */
	Descriptor *entries;
	const ComposeSource **from;
	size_t count;
} Composed;

typedef struct ComposeRequest {
	const ComposeSource *sources;
	size_t count;
	const Annotation *annotations; /* of the index */
	size_t annotation_count;
	/* What each entry gets besides; NULL: nothing.  In the arena. */
	Err *(*annotate)(void *context, Descriptor *entry, Arena *a);
	void *context;
	bool annotated;            /* there are some: never a copy, and an index of OCI's type */
	bool copy;                 /* one image alone is not put into an index */
	const Platform *platforms; /* only these, and what is attested of them */
	size_t platform_count;     /* 0: all */
} ComposeRequest;

/* ERR_INPUT: nothing is left of it. */
NODISCARD Err *compose_index(const ComposeRequest *q, Arena *a, Composed *ret);
/* INDEX as docker's tools print theirs, with INDENT blanks a level. */
NODISCARD Err *compose_format(const Index *index, unsigned indent, Arena *a, Str *ret);
