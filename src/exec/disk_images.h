/*
 * disk_images.h - images by what they share, and who holds a thing.
 *
 * OWNS     all in the arena of the Disk
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/disk.h"

typedef struct DiskImage {
	Str repository, tag; /* familiar; "<none>" */
	Str name;            /* "golang:1.18"; "sha256:..." of an image without a name */
	Digest id;
	uint32_t thing;          /* of the name */
	uint64_t shared, unique; /* of its objects: what other images have too, and what none has */
	size_t containers;
	int64_t created_ns; /* 0 or less: not known */
} DiskImage;
/* One a name, by name. */
void disk_images(const Disk *d, DiskImage **ret, size_t *ret_count);

/* The objects that thing N leads to, itself not: numbers, in order. */
void disk_below(const Disk *d, uint32_t n, uint32_t **ret, size_t *ret_count);
/* What leads to each thing, directly or not: names, containers and records. */
typedef struct DiskHolders {
	uint32_t *numbers; /* of thing N: from start[N] to start[N + 1] */
	size_t *start;
} DiskHolders;
void disk_holders(const Disk *d, DiskHolders *ret);
/* Things that WORD may mean: an image's name, digits of an ID, a path in the store. */
void disk_find(const Disk *d, Str word, uint32_t **ret, size_t *ret_count);
