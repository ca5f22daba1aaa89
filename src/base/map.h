/*
 * map.h - a hash map from Str to pointer, in order of insertion when walked.
 *
 * Keys are borrowed: they must live as long as the map (put them into an Arena).
 * A NULL value cannot be told from an absent key by map_get(); use map_find().
 * Open addressing, a hash with a seed of the process (keys come from outside).
 * Cannot fail.  Not thread-safe.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

typedef struct MapSlot {
	Str key;
	void *value;
} MapSlot;

typedef struct Map {
	MapSlot *slots;  /* in order of insertion */
	uint32_t *index; /* hash table of slot number + 1; 0: free */
	size_t len;      /* slots in use */
	size_t cap;      /* size of slots */
	size_t buckets;  /* size of index, a power of two */
} Map;

#define MAP_INIT  \
	{         \
		0 \
	}

void map_done(Map *m);
/* Set KEY; a former value is replaced and returned (else NULL). */
void *map_put(Map *m, Str key, void *value);
void *map_get(const Map *m, Str key); /* NULL if absent */
/* The slot of KEY or NULL; valid until the next map_put. */
MapSlot *map_find(const Map *m, Str key);

#define AUTO_MAP CLEANUP(map_done)
