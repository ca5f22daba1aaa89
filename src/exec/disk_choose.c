/* disk_choose.c - prune: what goes, what that gives and costs, and doing it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/disk.h"

/* --- labels ----------------------------------------------------------------------------------- */

static bool labels_match(const ImageConfig *config, const DiskFilter *f)
{
	for (size_t i = 0; i < f->label_count; i++)
		if (!image_config_has_label(config, f->labels[i]))
			return false;
	for (size_t i = 0; i < f->not_label_count; i++)
		if (image_config_has_label(config, f->not_labels[i]))
			return false;
	return true;
}

/* What cannot be read has no label and no time, and stays when these are asked for. */
static bool image_matches(Disk *d, const Digest *id, const DiskFilter *f, bool timed)
{
	Image image;
	if (f->before_ns == INT64_MAX && !f->label_count && !f->not_label_count)
		return true;
	AUTO_ERR Err *e = image_read(d->store, id, d->arena, &image);
	if (e)
		return false;
	if (timed && f->before_ns != INT64_MAX &&
	    (image.config.created_ns == IMAGE_TIME_NONE || image.config.created_ns >= f->before_ns))
		return false;
	return labels_match(&image.config, f);
}

/* --- choosing --------------------------------------------------------------------------------- */

static StoreThing *container_thing(Disk *d, Str id)
{
	for (size_t i = 0; i < d->survey.things.len; i++) {
		StoreThing *t = &d->survey.things.at[i];
		if (t->kind == STORE_THING_CONTAINER && str_eq(t->name, id))
			return t;
	}
	return NULL;
}

bool disk_container_runs(const Disk *d, Str id)
{
	for (size_t i = 0; i < d->container_count; i++)
		if (str_eq(d->containers[i].id, id))
			return d->containers[i].running;
	return true; /* being made, or going */
}

Err *disk_choose_containers(Disk *d, const DiskFilter *f)
{
	for (size_t i = 0; i < d->container_count; i++) {
		const Container *c = &d->containers[i];
		StoreThing *t = container_thing(d, c->id);
		if (t && !c->running && c->created_ns < f->before_ns &&
		    image_matches(d, &c->image_id, f, false))
			t->goes = true;
	}
	for (size_t i = 0; i < d->ref_count; i++) /* who has an image now that they are gone? */
		d->refs[i].used = false;
	for (size_t i = 0; i < d->container_count; i++) {
		const StoreThing *t = container_thing(d, d->containers[i].id);
		for (size_t k = 0; k < d->ref_count; k++)
			d->refs[k].used =
				d->refs[k].used ||
				((!t || !t->goes) &&
			         store_ref_has(d->refs[k].ref, &d->containers[i].image_id));
	}
	return NULL;
}

Err *disk_choose_images(Disk *d, const DiskFilter *f, bool all)
{
	for (size_t i = 0; i < d->ref_count; i++) {
		const DiskRef *r = &d->refs[i];
		if (!r->used && !r->kept && (all || r->dangling) &&
		    image_matches(d, &r->ref->config, f, true))
			d->survey.things.at[r->thing].goes = true;
	}
	return NULL;
}

bool disk_entry_matches(const DiskEntry *e, const DiskFilter *f)
{
	if (f->before_ns != INT64_MAX && e->used_ns >= f->before_ns)
		return false;
	if (f->id && !str_starts(str_from(f->id), e->id) && !str_starts(e->id, str_from(f->id)))
		return false;
	if (f->type && strcmp(f->type, e->type) != 0)
		return false;
	return (!f->shared || (f->shared > 0) == e->shared) &&
	       (!f->in_use || (f->in_use > 0) == e->in_use);
}

/* One bool a thing: its entry is wanted. */
static bool *wanted_entries(Disk *d, const DiskFilter *f, bool all)
{
	DiskEntry *entries;
	size_t count;
	bool *wanted = arena_alloc(d->arena, d->survey.things.len + 1, 1);
	disk_entries(d, &entries, &count);
	for (size_t i = 0; i < count; i++)
		wanted[entries[i].thing] = !entries[i].in_use && (all || !entries[i].shared) &&
		                           disk_entry_matches(&entries[i], f);
	return wanted;
}

void disk_choose_cache(Disk *d, const DiskFilter *f, bool all)
{
	bool *wanted = wanted_entries(d, f, all);
	for (uint32_t i = 0; i < d->survey.things.len; i++) {
		StoreThing *t = &d->survey.things.at[i];
		if (t->kind == STORE_THING_MOUNT)
			t->goes = t->goes || wanted[i];
		if (t->kind != STORE_THING_RECORD)
			continue;
		uint32_t of = t->layer != STORE_THING_NONE ? t->layer
		              : t->need_count              ? t->needs[0]
		                                           : i;
		t->goes = t->goes || wanted[of];
	}
}

void disk_choose_mounts(Disk *d)
{
	for (size_t i = 0; i < d->survey.things.len; i++) {
		StoreThing *t = &d->survey.things.at[i];
		for (size_t k = 0; t->kind == STORE_THING_MOUNT && k < d->mount_count; k++) {
			char hex[DIGEST_HEX_LEN + 1];
			if (str_eq(digest_hex(&d->mounts[k].key, hex), t->name))
				t->goes = !d->mounts[k].in_use;
		}
	}
}

uint64_t disk_freed(const Disk *d)
{
	return store_survey_freed(&d->survey, NULL);
}

/* What no step makes again. */
static void count_foreign(const Disk *d, DiskCost *ret)
{
	for (size_t i = 0; i < d->survey.things.len; i++) {
		const StoreThing *t = &d->survey.things.at[i];
		ret->mounts += t->goes && t->kind == STORE_THING_MOUNT;
	}
	for (size_t i = 0; i < d->ref_count; i++)
		ret->images += d->survey.things.at[d->refs[i].thing].goes && !d->refs[i].built;
}

/* A layer's step counts once, however many records lead to it. */
DiskCost disk_cost(const Disk *d)
{
	DiskCost cost = { 0 };
	count_foreign(d, &cost);
	const StoreSurvey *v = &d->survey;
	AUTO_FREE int64_t *of = xcalloc(v->things.len + 1, sizeof *of);
	AUTO_FREE bool *stays = xcalloc(v->things.len + 1, sizeof *stays);
	for (size_t i = 0; i < v->things.len; i++) {
		const StoreThing *t = &v->things.at[i];
		if (t->kind != STORE_THING_RECORD || t->layer == STORE_THING_NONE)
			continue;
		stays[t->layer] = stays[t->layer] || !t->goes;
		int64_t ns = t->cost_ns < 0 ? 1 : t->cost_ns + 2; /* 0: none; 1: not known */
		of[t->layer] = ns > of[t->layer] ? ns : of[t->layer];
	}
	for (size_t i = 0; i < v->things.len; i++) {
		if (!of[i] || stays[i])
			continue;
		cost.steps++;
		cost.unknown += of[i] == 1;
		cost.ns += of[i] > 1 ? of[i] - 2 : 0;
	}
	return cost;
}

/* --- telling ---------------------------------------------------------------------------------- */

static Str familiar(Arena *a, Str full)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, full, &ref);
	return e ? full : reference_familiar(a, &ref);
}

/* Images of which no name stays. */
static void describe_deleted(Disk *d, DiskRemoved *ret)
{
	AUTO_MAP Map staying = MAP_INIT;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < d->ref_count; i++) {
			const StoreRef *ref = d->refs[i].ref;
			bool goes = d->survey.things.at[d->refs[i].thing].goes;
			size_t count = ref->variant_count ? ref->variant_count : 1;
			for (size_t k = 0; k < count && goes == (pass == 1); k++) {
				const Digest *id = ref->variant_count ? &ref->variants[k].config
				                                      : &ref->config;
				Str hex = digest_arena_hex(d->arena, id);
				if (!map_put(&staying, hex, &staying) && goes)
					ret->deleted[ret->deleted_count++] = *id;
			}
		}
}

void disk_describe(Disk *d, DiskRemoved *ret)
{
	DiskRemoved r = { .bytes = disk_freed(d) };
	size_t images = 1;
	for (size_t i = 0; i < d->ref_count; i++)
		images += d->refs[i].ref->variant_count + 1;
	r.untagged = arena_alloc(d->arena, (d->ref_count + 1) * sizeof(Str), _Alignof(Str));
	r.containers = arena_alloc(d->arena, (d->container_count + 1) * sizeof(Str), _Alignof(Str));
	r.deleted = arena_alloc(d->arena, images * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < d->ref_count; i++)
		if (d->survey.things.at[d->refs[i].thing].goes && !d->refs[i].dangling)
			r.untagged[r.untagged_count++] = familiar(d->arena, d->refs[i].ref->name);
	for (size_t i = 0; i < d->survey.things.len; i++)
		if (d->survey.things.at[i].goes &&
		    d->survey.things.at[i].kind == STORE_THING_CONTAINER)
			r.containers[r.container_count++] = d->survey.things.at[i].name;
	describe_deleted(d, &r);
	/* An entry goes with the last record that leads to it. */
	DiskEntry *all;
	size_t count;
	AUTO_FREE bool *stays = xcalloc(d->survey.things.len + 1, 1);
	AUTO_FREE bool *goes = xcalloc(d->survey.things.len + 1, 1);
	for (uint32_t i = 0; i < d->survey.things.len; i++) {
		const StoreThing *t = &d->survey.things.at[i];
		if (t->kind != STORE_THING_RECORD && t->kind != STORE_THING_MOUNT)
			continue;
		uint32_t of = t->layer != STORE_THING_NONE                     ? t->layer
		              : t->kind == STORE_THING_RECORD && t->need_count ? t->needs[0]
		                                                               : i;
		stays[of] = stays[of] || !t->goes;
		goes[of] = goes[of] || t->goes;
	}
	disk_entries(d, &all, &count);
	r.entries = arena_alloc(d->arena, (count + 1) * sizeof *all, _Alignof(DiskEntry));
	for (size_t i = 0; i < count; i++)
		if (goes[all[i].thing] && !stays[all[i].thing])
			r.entries[r.entry_count++] = all[i];
	*ret = r;
}

/* --- doing it --------------------------------------------------------------------------------- */

static Err *remove_containers(Disk *d)
{
	for (size_t i = 0; i < d->container_count; i++) {
		const StoreThing *t = container_thing(d, d->containers[i].id);
		if (t && t->goes)
			/* it may have been started again since it was chosen */
			TRY(container_remove(d->store, &d->containers[i],
			                     CONTAINER_REMOVE_IF_ENDED));
	}
	return NULL;
}

static Err *remove_names(Disk *d)
{
	Str *names = arena_alloc(d->arena, (d->ref_count + 1) * sizeof *names, _Alignof(Str));
	size_t count = 0;
	for (size_t i = 0; i < d->ref_count; i++)
		if (d->survey.things.at[d->refs[i].thing].goes)
			names[count++] = d->refs[i].ref->name;
	TRY(store_ref_remove_all(d->store, names, count));
	return count ? store_layout_write(d->store) : NULL;
}

static Err *remove_mount(Disk *d, const StoreThing *t, const Cancel *cancel)
{
	Digest key;
	bool kept; /* begun to be used meanwhile: it stays */
	TRY(digest_parse_hex(t->name, &key));
	return store_mount_remove(d->store, &key, cancel, &kept);
}

Err *disk_remove(Disk *d, const Cancel *cancel, DiskRemoved *ret)
{
	uint64_t swept;
	disk_describe(d, ret);
	TRY(remove_containers(d));
	TRY(remove_names(d));
	for (size_t i = 0; i < d->survey.things.len; i++) {
		const StoreThing *t = &d->survey.things.at[i];
		if (t->goes && t->kind == STORE_THING_RECORD)
			TRY(store_record_remove(d->store, t->name));
		else if (t->goes && t->kind == STORE_THING_MOUNT)
			TRY(remove_mount(d, t, cancel));
	}
	return store_gc_locked(d->store, &swept);
}
