/*
 * disk_evict.c - what of the cache is worth the least by the byte.
 *
 *     value = seconds to make it again / bytes that it gives / (1 + days since its last use)
 *
 * The unit is a layer, with all records that lead to it, or a cache mount.  What names or
 * containers hold is never chosen.  A time that is not known is that of a download at 10 MB/s.
 * Images without a name that were built here do not hold their layers: they go with the first that
 * goes.  Those of the command that asks do: what it printed is there when it has ended.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/disk.h"

#define DAY_NS          (24.0 * 3600e9)
#define DOWNLOAD_BYTE_S 1e-7

typedef struct Candidate {
	uint32_t thing;
	uint64_t bytes;
	int64_t used_ns;
	double value;
} Candidate;

typedef VEC(Candidate) Candidates;

static int by_value(const void *a, const void *b)
{
	const Candidate *x = a, *y = b;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	if (x->used_ns != y->used_ns)
		return x->used_ns < y->used_ns ? -1 : 1;
	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

static double value_of(uint64_t bytes, int64_t cost_ns, int64_t used_ns, int64_t now_ns)
{
	double b = bytes ? (double)bytes : 1;
	double seconds = cost_ns >= 0 ? (double)cost_ns / 1e9 : b * DOWNLOAD_BYTE_S;
	double days = now_ns > used_ns ? (double)(now_ns - used_ns) / DAY_NS : 0;
	return seconds / b / (1 + days);
}

/* --- what holds for good ---------------------------------------------------------------------- */

typedef struct Soft {
	const Disk *disk;
	bool *refs; /* one a thing: a ref that goes with its layers */
} Soft;

static bool holds_hard(void *context, const StoreThing *t)
{
	const Soft *soft = context;
	size_t n = (size_t)(t - soft->disk->survey.things.at);
	return t->kind == STORE_THING_CONTAINER || t->kind == STORE_THING_REPO ||
	       (t->kind == STORE_THING_REF && !t->goes && !soft->refs[n]);
}

static bool *held_hard(const Disk *d, int64_t since_ns, Soft *soft)
{
	for (size_t i = 0; i < d->ref_count; i++)
		soft->refs[d->refs[i].thing] =
			d->refs[i].dangling && d->refs[i].built && !d->refs[i].used &&
			d->survey.things.at[d->refs[i].thing].used_ns < since_ns;
	return store_survey_reach(&d->survey, holds_hard, soft);
}

/* --- candidates ------------------------------------------------------------------------------- */

/* With the compressed blobs that only it has. */
static uint64_t bytes_of(const Disk *d, uint32_t n, const bool *held)
{
	const StoreThing *t = &d->survey.things.at[n];
	uint64_t sum = d->bytes[n];
	for (uint32_t i = 0; i < t->need_count; i++)
		if (!held[t->needs[i]] && t->needs[i] != n)
			sum += d->bytes[t->needs[i]];
	return sum;
}

static void find_candidates(const Disk *d, const bool *held, const DiskFilter *f, Candidates *out)
{
	DiskEntry *entries;
	size_t count;
	int64_t now = clock_real_ns();
	disk_entries(d, &entries, &count);
	for (size_t i = 0; i < count; i++) {
		const DiskEntry *e = &entries[i];
		const StoreThing *t = &d->survey.things.at[e->thing];
		bool mount = t->kind == STORE_THING_MOUNT;
		bool layer = t->kind == STORE_THING_OBJECT && t->is_layer;
		if ((!mount && !layer) || held[e->thing] || e->in_use || t->goes ||
		    !disk_entry_matches(e, f))
			continue;
		uint64_t bytes = mount ? e->bytes : bytes_of(d, e->thing, held);
		VEC_PUSH(out, (Candidate){ .thing = e->thing,
		                           .bytes = bytes,
		                           .used_ns = e->used_ns,
		                           .value = value_of(bytes, e->cost_ns, e->used_ns, now) });
	}
	if (out->len)
		qsort(out->at, out->len, sizeof *out->at, by_value);
}

/* --- going ------------------------------------------------------------------------------------ */

/* Does thing N lead to one of those that are EVICTED? */
static bool leads_to(const StoreSurvey *v, uint32_t n, const bool *evicted, bool *seen)
{
	VEC(uint32_t) work = { 0 };
	VEC(uint32_t) touched = { 0 };
	bool found = false;
	VEC_PUSH(&work, n);
	while (work.len && !found) {
		const StoreThing *t = &v->things.at[work.at[--work.len]];
		for (uint32_t i = 0; i < t->need_count && !found; i++) {
			uint32_t to = t->needs[i];
			if (seen[to])
				continue;
			seen[to] = true;
			VEC_PUSH(&touched, to);
			VEC_PUSH(&work, to);
			found = evicted[to];
		}
	}
	for (size_t i = 0; i < touched.len; i++)
		seen[touched.at[i]] = false;
	VEC_DONE(&touched);
	VEC_DONE(&work);
	return found;
}

/* All that leads to what is evicted and may go, goes. */
static void let_go(Disk *d, const Soft *soft, const bool *evicted)
{
	StoreSurvey *v = &d->survey;
	AUTO_FREE bool *seen = xcalloc(v->things.len + 1, 1);
	for (uint32_t i = 0; i < v->things.len; i++) {
		StoreThing *t = &v->things.at[i];
		if (t->goes)
			continue;
		if (t->kind == STORE_THING_MOUNT)
			t->goes = evicted[i];
		else if (t->kind == STORE_THING_RECORD ||
		         (t->kind == STORE_THING_REF && soft->refs[i]))
			t->goes = leads_to(v, i, evicted, seen);
	}
}

bool disk_choose_least(Disk *d, uint64_t need, int64_t since_ns, const DiskFilter *f)
{
	Soft soft = { .disk = d, .refs = arena_alloc(d->arena, d->survey.things.len + 1, 1) };
	bool *evicted = arena_alloc(d->arena, d->survey.things.len + 1, 1);
	bool *held = held_hard(d, since_ns, &soft);
	AUTO_VEC Candidates all = { 0 };
	find_candidates(d, held, f, &all);
	size_t next = 0, batch = 1;
	for (uint64_t freed = disk_freed(d); freed < need; freed = disk_freed(d), batch *= 2) {
		uint64_t hoped = 0;
		if (next == all.len)
			return false;
		/* at least so many, so that few rounds are enough whatever they really give */
		for (size_t i = 0; next < all.len && (i < batch / 2 || hoped < need - freed); i++) {
			evicted[all.at[next].thing] = true;
			hoped += all.at[next++].bytes;
		}
		let_go(d, &soft, evicted);
	}
	return true;
}
