/* disk.c - the store as a whole: whose bytes are whose. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/disk.h"
#include "project/project.h"

static bool is_ref(void *context, const StoreThing *t)
{
	(void)context;
	return t->kind == STORE_THING_REF || t->kind == STORE_THING_REPO;
}

static bool is_container(void *context, const StoreThing *t)
{
	(void)context;
	return t->kind == STORE_THING_CONTAINER;
}

static DiskRow row_of(const StoreThing *t, bool of_image, bool of_container)
{
	static const uint8_t rows[STORE_THING_KIND_COUNT] = {
		[STORE_THING_REF] = DISK_IMAGES,    [STORE_THING_CONTAINER] = DISK_CONTAINERS,
		[STORE_THING_RECORD] = DISK_CACHE,  [STORE_THING_MOUNT] = DISK_CACHE,
		[STORE_THING_JOURNAL] = DISK_OTHER, [STORE_THING_CONTEXTS] = DISK_OTHER,
		[STORE_THING_SCRATCH] = DISK_OTHER, [STORE_THING_OTHER] = DISK_OTHER,
		[STORE_THING_REPO] = DISK_IMAGES,   [STORE_THING_REPLACED] = DISK_OTHER,
	};
	if (t->kind != STORE_THING_OBJECT)
		return rows[t->kind];
	return of_image ? DISK_IMAGES : of_container ? DISK_CONTAINERS : DISK_CACHE;
}

/* The holder of a file with several names for which it counts: that of the first row. */
static uint32_t owner_of(const Disk *d, const StoreLink *link)
{
	uint32_t owner = link->holders.at[0];
	for (size_t i = 1; i < link->holders.len; i++)
		if (d->rows[link->holders.at[i]] < d->rows[owner])
			owner = link->holders.at[i];
	return owner;
}

static void share_out(Disk *d)
{
	const StoreSurvey *v = &d->survey;
	bool *of_image = store_survey_reach(v, is_ref, NULL);
	bool *of_container = store_survey_reach(v, is_container, NULL);
	d->bytes =
		arena_alloc(d->arena, (v->things.len + 1) * sizeof *d->bytes, _Alignof(uint64_t));
	d->rows = arena_alloc(d->arena, v->things.len + 1, 1);
	for (size_t i = 0; i < v->things.len; i++) {
		d->rows[i] = row_of(&v->things.at[i], of_image[i], of_container[i]);
		d->bytes[i] = v->things.at[i].bytes;
	}
	for (size_t i = 0; i < v->links.len; i++)
		d->bytes[owner_of(d, &v->links.at[i])] += v->links.at[i].bytes;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool is_used(const Disk *d, const StoreRef *ref)
{
	for (size_t i = 0; i < d->container_count; i++)
		if (store_ref_has(ref, &d->containers[i].image_id))
			return true;
	return false;
}

/* Configs that builds have made, by the records that say nothing but this. */
static void find_results(const Disk *d, Map *results)
{
	for (size_t i = 0; i < d->survey.things.len; i++) {
		const StoreThing *t = &d->survey.things.at[i];
		if (t->kind == STORE_THING_RECORD && t->need_count &&
		    str_starts(t->text, STR("sha256:")))
			(void)map_put(results, d->survey.things.at[t->needs[0]].name, results);
	}
}

static Err *read_refs(Disk *d)
{
	AUTO_MAP Map by_name = MAP_INIT;
	AUTO_MAP Map results = MAP_INIT;
	AUTO_MAP Map kept = MAP_INIT;
	StoreRef *refs;
	size_t count;
	TRY(project_kept_names(d->store, d->arena, &kept));
	TRY(store_ref_list(d->store, d->arena, &refs, &count));
	for (size_t i = 0; i < d->survey.things.len; i++)
		if (d->survey.things.at[i].kind == STORE_THING_REF)
			(void)map_put(&by_name, d->survey.things.at[i].name,
			              (void *)(uintptr_t)(i + 1)); /* NOLINT: a number */
	find_results(d, &results);
	d->refs = arena_alloc(d->arena, (count + 1) * sizeof *d->refs, _Alignof(DiskRef));
	for (size_t i = 0; i < count; i++) {
		char hex[DIGEST_HEX_LEN + 1];
		uintptr_t n = (uintptr_t)map_get(&by_name, refs[i].name);
		bool dangling = str_starts(refs[i].name, STR("sha256:"));
		if (!n) /* set since the survey was made */
			continue;
		d->refs[d->ref_count++] = (DiskRef){
			.ref = &refs[i],
			.thing = (uint32_t)n - 1,
			.dangling = dangling,
			.used = is_used(d, &refs[i]),
			.kept = map_find(&kept, refs[i].name) != NULL,
			.built = map_find(&results, digest_hex(&refs[i].config, hex)),
		};
	}
	return NULL;
}

Err *disk_open(Store *s, const Cancel *cancel, Arena *a, Disk *ret)
{
	*ret = (Disk){ .store = s, .arena = a };
	TRY(container_list(s, a, &ret->containers, &ret->container_count));
	TRY(store_survey(s, cancel, a, &ret->survey));
	TRY(store_mount_list(s, cancel, a, &ret->mounts, &ret->mount_count));
	TRY(read_refs(ret));
	share_out(ret);
	return NULL;
}

void disk_done(Disk *d)
{
	store_survey_done(&d->survey);
}

/* --- the rows --------------------------------------------------------------------------------- */

static void count_images(const Disk *d, DiskSum *sum)
{
	AUTO_MAP Map seen = MAP_INIT;
	for (size_t i = 0; i < d->ref_count; i++) {
		const StoreRef *ref = d->refs[i].ref;
		Str hex = digest_arena_hex(d->arena, &ref->config);
		if (map_put(&seen, hex, &seen))
			continue;
		sum->total++;
		sum->active += d->refs[i].used;
	}
}

static void count(const Disk *d, DiskSum *sums)
{
	DiskEntry *entries;
	size_t entry_count;
	count_images(d, &sums[DISK_IMAGES]);
	sums[DISK_CONTAINERS].total = d->container_count;
	for (size_t i = 0; i < d->container_count; i++)
		sums[DISK_CONTAINERS].active += d->containers[i].running;
	disk_entries(d, &entries, &entry_count);
	sums[DISK_CACHE].total = entry_count;
	for (size_t i = 0; i < entry_count; i++)
		sums[DISK_CACHE].active += entries[i].in_use;
}

void disk_sum(Disk *d, DiskSum sums[static DISK_ROW_COUNT])
{
	StoreSurvey *v = &d->survey;
	bool *gone;
	memset(sums, 0, DISK_ROW_COUNT * sizeof *sums);
	count(d, sums);
	bool *before = arena_alloc(d->arena, v->things.len + 1, 1);
	for (size_t i = 0; i < v->things.len; i++) {
		before[i] = v->things.at[i].goes;
		v->things.at[i].goes = before[i] || v->things.at[i].kind == STORE_THING_RECORD;
		sums[d->rows[i]].bytes += d->bytes[i];
	}
	for (size_t i = 0; i < d->ref_count; i++)
		v->things.at[d->refs[i].thing].goes = !d->refs[i].used && !d->refs[i].kept;
	disk_choose_mounts(d);
	for (size_t i = 0; i < v->things.len; i++)
		if (v->things.at[i].kind == STORE_THING_CONTAINER)
			sums[DISK_CONTAINERS].reclaimable +=
				disk_container_runs(d, v->things.at[i].name) ? 0 : d->bytes[i];
	(void)store_survey_freed(v, &gone);
	for (size_t i = 0; i < v->things.len; i++) {
		sums[d->rows[i]].reclaimable += gone[i] ? v->things.at[i].bytes : 0;
		v->things.at[i].goes = before[i];
	}
	for (size_t i = 0; i < v->links.len; i++)
		if (store_link_is_gone(&v->links.at[i], gone))
			sums[d->rows[owner_of(d, &v->links.at[i])]].reclaimable +=
				v->links.at[i].bytes;
}
