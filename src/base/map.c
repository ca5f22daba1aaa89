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

/* Eight bytes at a time, each a product with a secret number whose halves are folded: keys are
 * digests as often as names. */
static uint64_t hash_key(uint64_t seed, Str key)
{
	uint64_t h = key.len ^ 0x9e3779b97f4a7c15ull;
	while (key.len > 0) {
		uint64_t word = 0;
		size_t n = key.len < sizeof word ? key.len : sizeof word;
		memcpy(&word, key.ptr, n);
		__extension__ unsigned __int128 product = (unsigned __int128)(h ^ word) * seed;
		h = (uint64_t)product ^ (uint64_t)(product >> 64) ^ (h << 1);
		key = str_from_at(key, n);
	}
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
	uint64_t seed = map_seed();
	uint32_t *bucket = m->buckets ? find_bucket(m, seed, key) : NULL;
	if (bucket && *bucket) {
		MapSlot *slot = &m->slots[*bucket - 1];
		void *old = slot->value;
		slot->value = value;
		return old;
	}
	if (!bucket || m->len == m->cap) {
		grow(m, seed);
		bucket = find_bucket(m, seed, key);
	}
	m->slots[m->len++] = (MapSlot){ key, value };
	*bucket = (uint32_t)m->len;
	return NULL;
}
