/* disk_images.c - images by what they share, and who holds a thing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/disk_images.h"

typedef VEC(uint32_t) Numbers;

static void give(const Disk *d, const Numbers *n, uint32_t **ret, size_t *ret_count)
{
	*ret = arena_alloc(d->arena, (n->len + 1) * sizeof **ret, _Alignof(uint32_t));
	*ret_count = n->len;
	if (n->len)
		memcpy(*ret, n->at, n->len * sizeof **ret);
}

/* SEEN: all false before and after; one a thing. */
static void below(const Disk *d, uint32_t n, bool *seen, Numbers *out)
{
	const StoreSurvey *v = &d->survey;
	out->len = 0;
	VEC_PUSH(out, n);
	for (size_t next = 0; next < out->len; next++) {
		const StoreThing *t = &v->things.at[out->at[next]];
		for (uint32_t i = 0; i < t->need_count; i++)
			if (!seen[t->needs[i]] && t->needs[i] != n) {
				seen[t->needs[i]] = true;
				VEC_PUSH(out, t->needs[i]);
			}
	}
	for (size_t i = 0; i < out->len; i++)
		seen[out->at[i]] = false;
	memmove(out->at, out->at + 1, --out->len * sizeof *out->at);
}

void disk_below(const Disk *d, uint32_t n, uint32_t **ret, size_t *ret_count)
{
	AUTO_FREE bool *seen = xcalloc(d->survey.things.len + 1, 1);
	AUTO_VEC Numbers out = { 0 };
	below(d, n, seen, &out);
	give(d, &out, ret, ret_count);
}

typedef struct Pair {
	uint32_t held, holder;
} Pair;

void disk_holders(const Disk *d, DiskHolders *ret)
{
	size_t things = d->survey.things.len;
	AUTO_FREE bool *seen = xcalloc(things + 1, 1);
	AUTO_VEC Numbers reached = { 0 };
	VEC(Pair) pairs = { 0 };
	ret->start = arena_alloc(d->arena, (things + 2) * sizeof(size_t), _Alignof(size_t));
	for (uint32_t i = 0; i < things; i++) {
		if (d->survey.things.at[i].kind == STORE_THING_OBJECT)
			continue;
		below(d, i, seen, &reached);
		for (size_t k = 0; k < reached.len; k++) {
			VEC_PUSH(&pairs, (Pair){ reached.at[k], i });
			ret->start[reached.at[k] + 1]++;
		}
	}
	for (size_t i = 0; i < things; i++)
		ret->start[i + 1] += ret->start[i];
	AUTO_FREE size_t *next = xcalloc(things + 1, sizeof *next);
	ret->numbers =
		arena_alloc(d->arena, (pairs.len + 1) * sizeof(uint32_t), _Alignof(uint32_t));
	for (size_t i = 0; i < pairs.len; i++) {
		Pair p = pairs.at[i];
		ret->numbers[ret->start[p.held] + next[p.held]++] = p.holder;
	}
	VEC_DONE(&pairs);
}

/* --- images ----------------------------------------------------------------------------------- */

typedef struct Owner {
	Str id; /* the first image that has an object; another one has it too: shared */
	bool shared;
} Owner;

static void name_of(Arena *a, const StoreRef *ref, DiskImage *image)
{
	Reference r;
	image->repository = image->tag = STR("<none>");
	image->name = ref->name;
	if (str_starts(ref->name, STR("sha256:")))
		return;
	AUTO_ERR Err *e = reference_parse(a, ref->name, &r);
	if (e)
		return;
	image->name = reference_familiar(a, &r);
	image->repository = reference_familiar_name(a, &r);
	if (r.tag.len)
		image->tag = r.tag;
}

static size_t containers_of(const Disk *d, const StoreRef *ref)
{
	size_t count = 0;
	for (size_t i = 0; i < d->container_count; i++)
		count += store_ref_has(ref, &d->containers[i].image_id);
	return count;
}

static void describe(const Disk *d, const DiskRef *r, DiskImage *ret)
{
	Image image;
	*ret = (DiskImage){ .id = r->ref->config, .thing = r->thing };
	name_of(d->arena, r->ref, ret);
	ret->containers = containers_of(d, r->ref);
	AUTO_ERR Err *e = image_read(d->store, &r->ref->config, d->arena, &image);
	if (!e && image.config.created_ns != IMAGE_TIME_NONE)
		ret->created_ns = image.config.created_ns;
}

void disk_images(const Disk *d, DiskImage **ret, size_t *ret_count)
{
	size_t things = d->survey.things.len;
	AUTO_FREE Owner *owners = xcalloc(things + 1, sizeof *owners);
	AUTO_FREE bool *seen = xcalloc(things + 1, 1);
	AUTO_VEC Numbers reached = { 0 };
	DiskImage *all =
		arena_alloc(d->arena, (d->ref_count + 1) * sizeof *all, _Alignof(DiskImage));
	for (size_t i = 0; i < d->ref_count; i++) {
		describe(d, &d->refs[i], &all[i]);
		Str id = digest_arena_hex(d->arena, &all[i].id);
		below(d, d->refs[i].thing, seen, &reached);
		for (size_t k = 0; k < reached.len; k++) {
			Owner *o = &owners[reached.at[k]];
			o->shared = o->shared || (o->id.len && !str_eq(o->id, id));
			o->id = id;
		}
	}
	for (size_t i = 0; i < d->ref_count; i++) {
		below(d, d->refs[i].thing, seen, &reached);
		for (size_t k = 0; k < reached.len; k++)
			*(owners[reached.at[k]].shared ? &all[i].shared : &all[i].unique) +=
				d->bytes[reached.at[k]];
	}
	*ret = all;
	*ret_count = d->ref_count;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* "/var/lib/decant/layers/<hex>/usr/bin" → the object: the first 64 hex digits in a row. */
static bool hex_in(Str word, Str *ret)
{
	for (size_t i = 0, run = 0; i < word.len; i++) {
		char c = word.ptr[i];
		run = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ? run + 1 : 0;
		if (run == DIGEST_HEX_LEN) {
			*ret = (Str){ word.ptr + i + 1 - run, run };
			return true;
		}
	}
	return false;
}

static void find_by_id(const Disk *d, Str hex, Numbers *out)
{
	for (uint32_t i = 0; i < d->survey.things.len; i++) {
		const StoreThing *t = &d->survey.things.at[i];
		if (t->kind != STORE_THING_REF && t->kind < STORE_THING_JOURNAL &&
		    str_starts(t->name, hex))
			VEC_PUSH(out, i);
	}
}

void disk_find(const Disk *d, Str word, uint32_t **ret, size_t *ret_count)
{
	AUTO_VEC Numbers out = { 0 };
	Reference wanted;
	Str hex = word;
	for (size_t i = 0; i < d->ref_count; i++) {
		AUTO_ERR Err *e = reference_parse(d->arena, word, &wanted);
		if (str_eq(d->refs[i].ref->name, word) ||
		    (!e && str_eq(d->refs[i].ref->name, reference_full(d->arena, &wanted))))
			VEC_PUSH(&out, d->refs[i].thing);
	}
	for (size_t i = 0; i < d->container_count && !out.len; i++)
		if (str_eq(d->containers[i].name, word))
			hex = d->containers[i].id;
	if (str_starts(hex, STR("sha256:")))
		hex = str_from_at(hex, strlen("sha256:"));
	(void)hex_in(word, &hex);
	if (!out.len && hex.len >= 4)
		find_by_id(d, hex, &out);
	give(d, &out, ret, ret_count);
}
