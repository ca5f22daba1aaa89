/* map.c - hash map with Str keys: a dense array of slots and an index of their numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <sys/random.h>

static uint64_t map_seed(void)
{
	static uint64_t seed; /* the same for the whole process: only guards against made-up keys */
	uint64_t s = __atomic_load_n(&seed, __ATOMIC_RELAXED);
	if (s == 0) {
		if (getrandom(&s, sizeof s, GRND_NONBLOCK) != (ssize_t)sizeof s)
			s = (uintptr_t)&seed;
		s |= 1;
		/* Whoever is first wins: a map must be read with the seed it was written with. */
		uint64_t other = 0;
		if (!__atomic_compare_exchange_n(&seed, &other, s, false, __ATOMIC_RELAXED,
		                                 __ATOMIC_RELAXED))
			s = other;
	}
	return s;
}

static uint64_t hash_key(uint64_t seed, Str key)
{
	uint64_t h = 0xcbf29ce484222325ull ^ seed;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ (unsigned char)key.ptr[i]) * 0x100000001b3ull;
	return h ^ (h >> 32);
}

void map_done(Map *m)
{
	free(m->slots);
	free(m->index);
	*m = (Map)MAP_INIT;
}

static uint32_t *find_bucket(const Map *m, uint64_t seed, Str key)
{
	size_t b = hash_key(seed, key) & (m->buckets - 1);
	while (m->index[b] && !str_eq(m->slots[m->index[b] - 1].key, key))
		b = (b + 1) & (m->buckets - 1);
	return &m->index[b];
}

MapSlot *map_find(const Map *m, Str key)
{
	if (m->len == 0)
		return NULL;
	uint32_t number = *find_bucket(m, map_seed(), key);
	return number ? &m->slots[number - 1] : NULL;
}

void *map_get(const Map *m, Str key)
{
	MapSlot *slot = map_find(m, key);
	return slot ? slot->value : NULL;
}

static void grow(Map *m, uint64_t seed)
{
	m->buckets = m->buckets ? m->buckets * 2 : 16;
	m->cap = m->buckets / 2;
	m->slots = xreallocarray(m->slots, m->cap, sizeof *m->slots);
	free(m->index);
	m->index = xcalloc(m->buckets, sizeof *m->index);
	for (size_t i = 0; i < m->len; i++)
		*find_bucket(m, seed, m->slots[i].key) = (uint32_t)i + 1;
}

void *map_put(Map *m, Str key, void *value)
{
	MapSlot *slot = map_find(m, key);
	if (slot) {
		void *old = slot->value;
		slot->value = value;
		return old;
	}
	uint64_t seed = map_seed();
	if (!m->slots || m->len == m->cap)
		grow(m, seed);
	uint32_t *bucket = find_bucket(m, seed, key);
	m->slots[m->len++] = (MapSlot){ key, value };
	*bucket = (uint32_t)m->len;
	return NULL;
}
