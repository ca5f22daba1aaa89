/*
 * cached_fetch.c - the layers of results that are known by a cache's word: those that something
 * looks into, side by side with the base images.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/parallel.h"
#include "base/vec.h"
#include "exec/cached.h"
#include "exec/pull.h"

enum { FETCH_THREADS = 8 }; /* as a pull */

/* One thing to bring here: a base image, or a layer. */
typedef struct Fetch {
	uint32_t base; /* STEP_NONE: the layer */
	Digest diff_id;
} Fetch;

typedef struct Fetches {
	Build *build;
	unsigned line;
	VEC(Fetch) all;
	bool *whole; /* one a step: all layers of its root file system must be here */
} Fetches;

/* --- what is needed ----------------------------------------------------------------------------
 */

/* What STEP, which is missing, looks into; backwards, as what is missing there is run as well. */
static void need_inputs_of(const Build *b, bool *missing, bool *whole, const Step *step)
{
	for (size_t i = 0; i <= step->need_count; i++) {
		uint32_t need = i < step->need_count ? step->needs[i] : step->parent;
		if (need == STEP_NONE)
			continue;
		bool known = b->states[need].status == STEP_KNOWN;
		whole[need] = whole[need] || known;
		missing[need] = missing[need] || !known;
	}
}

static void find_whole(const Build *b, bool *whole)
{
	AUTO_FREE bool *missing = xcalloc(b->plan.step_count + 1, sizeof *missing);
	for (size_t i = 0; i < b->plan.result_count; i++) {
		uint32_t last = b->plan.stages[b->plan.results[i].stage].last_step;
		*(b->states[last].status == STEP_KNOWN ? &whole[last] : &missing[last]) = true;
	}
	for (size_t i = b->plan.step_count; i-- > 0;)
		if (missing[i])
			need_inputs_of(b, missing, whole, &b->plan.steps[i]);
}

static uint32_t base_of(const Build *b, uint32_t step)
{
	while (b->plan.steps[step].parent != STEP_NONE)
		step = b->plan.steps[step].parent;
	return step;
}

/* A step without a parent is a base or something fetched, which is here. */
static void add_base(Fetches *f, Map *seen, uint32_t step)
{
	AUTO_BUF Buf name = BUF_INIT;
	const Build *b = f->build;
	uint32_t base = base_of(b, step);
	if (b->plan.steps[base].kind != STEP_BASE || b->states[base].here)
		return;
	buf_addf(&name, "%u", base);
	Str key = arena_str(b->arena, buf_str(&name));
	if (map_find(seen, key))
		return;
	(void)map_put(seen, key, f);
	VEC_PUSH(&f->all, (Fetch){ .base = base });
}

static Err *is_here(Build *b, const Digest *diff_id, bool *ret)
{
	StoreLayer layer;
	Err *e = state_check_layer(b, diff_id, &layer);
	*ret = !e;
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return e;
	err_free(e); /* to be fetched */
	return NULL;
}

/* STEP's own layer, if it is a cache's. */
static Err *add_layer(Fetches *f, Map *seen, uint32_t step)
{
	Build *b = f->build;
	const StepState *s = &b->states[step];
	bool here;
	Str hex = digest_arena_hex(b->arena, &s->result.diff_id);
	if (!s->unverified || map_find(seen, hex))
		return NULL;
	(void)map_put(seen, hex, f);
	TRY(is_here(b, &s->result.diff_id, &here));
	if (!here)
		VEC_PUSH(&f->all, (Fetch){ STEP_NONE, s->result.diff_id });
	return NULL;
}

/* The layers of a whole root file system are those of its steps. */
static Err *list_all(Fetches *f)
{
	AUTO_MAP Map seen = MAP_INIT;
	Build *b = f->build;
	for (size_t i = b->plan.step_count; i-- > 0;) {
		const Step *step = &b->plan.steps[i];
		if (!f->whole[i])
			continue;
		add_base(f, &seen, (uint32_t)i);
		if (step->kind == STEP_BASE)
			continue;
		TRY(add_layer(f, &seen, (uint32_t)i));
		if (step->parent != STEP_NONE)
			f->whole[step->parent] = true; /* it comes later in this loop */
	}
	return NULL;
}

/* --- fetching ----------------------------------------------------------------------------------
 */

Err *cached_fetch(Build *b, const Digest *diff_id, unsigned line, bool *ret_here)
{
	CacheBlob blob;
	TRY(is_here(b, diff_id, ret_here));
	for (size_t at = 0;
	     !*ret_here && cache_sources_layer(b->request->cached, diff_id, at, &blob); at++) {
		char text[DIGEST_TEXT_LEN + 1];
		PullSource source = { .open = cache_blob_open, .context = blob.source };
		const Str *marks = blob.layer->marked ? &blob.layer->marks : NULL;
		Err *e = pull_layer_from(b->store, &source, blob.blob, diff_id, marks, b->progress,
		                         line, b->cancel);
		*ret_here = !e;
		if (e && (err_kind(e) == ERR_CANCELLED || cancel_requested(b->cancel)))
			return e;
		if (e)
			progress_warning(b->progress, line,
			                 "the cache of %.*s: the layer %s cannot be had: %.*s",
			                 STR_ARG(cache_source_shown(blob.source)),
			                 digest_text(&blob.blob->digest, text).ptr,
			                 STR_ARG(err_cause(e)));
		err_free(e); /* the step can be run */
	}
	return NULL;
}

static Err *fetch_one(void *context, size_t i)
{
	Fetches *f = context;
	bool here; /* seen again by settle() */
	TRY(cancel_check(f->build->cancel));
	if (f->all.at[i].base != STEP_NONE)
		return resolve_need_layers(f->build, f->all.at[i].base);
	return cached_fetch(f->build, &f->all.at[i].diff_id, f->line, &here);
}

static Err *fetch_all(Fetches *f)
{
	size_t count = f->all.len, layers = 0;
	if (!count)
		return NULL;
	for (size_t i = 0; i < count; i++)
		layers += f->all.at[i].base == STEP_NONE;
	if (layers)
		f->line = progress_begin(f->build->progress, STR(""),
		                         "fetch %zu layer%s of the cache", layers,
		                         layers == 1 ? "" : "s");
	Err *e = parallel_each(count, count < FETCH_THREADS ? (unsigned)count : FETCH_THREADS,
	                       fetch_one, f);
	if (layers)
		progress_end(f->build->progress, f->line, e ? PROGRESS_CANCELED : PROGRESS_DONE,
		             STR(""));
	return e;
}

/* --- what it came to ---------------------------------------------------------------------------
 */

static void make_unknown(Build *b, const Step *step)
{
	StepState *s = &b->states[step->number];
	s->status = STEP_WAITING;
	s->unverified = false;
	s->cached = false;
	b->steps_cached--;
}

/* The result of STEP was a cache's word and does not hold. */
static void drop(Build *b, const Step *step)
{
	CacheFound found;
	StepState *s = &b->states[step->number];
	if (cache_sources_find(b->request->cached, &s->trace.key, &found))
		cache_sources_drop(b->request->cached, &found);
	make_unknown(b, step);
}

/* For builds after this one that name the same cache. */
static Err *keep(Build *b, const Step *step)
{
	StepKey key;
	const StepState *s = &b->states[step->number];
	TRY(key_of_step(b, step, &key));
	Err *e = record_keep(b, &key.full, &s->result, buf_str(&key.preimage));
	if (!e && !digest_is_zero(&s->result.content))
		e = record_keep(b, &s->result.content, &s->result, STR(""));
	key_done(&key);
	return e;
}

static Err *settle(Build *b, const Step *step, bool *ret_dropped)
{
	StepState *s = &b->states[step->number];
	bool here, is_true = false;
	TRY(is_here(b, &s->result.diff_id, &here));
	if (here)
		TRY(cached_check(b, &s->result, &is_true));
	if (here && !is_true)
		progress_warning(b->progress, s->line,
		                 "the cache of %.*s has another layer than it says",
		                 STR_ARG(s->result.from));
	*ret_dropped = !is_true;
	if (!is_true) {
		drop(b, step);
		return NULL;
	}
	s->unverified = false;
	s->layers[s->layer_count - 1].size_bytes = s->result.size_bytes;
	AUTO_FREE Digest *ids = xcalloc(s->layer_count, sizeof *ids);
	for (size_t i = 0; i < s->layer_count; i++)
		ids[i] = s->layers[i].diff_id;
	TRY(layer_adopt_top(b->store, ids, s->layer_count));
	return keep(b, step);
}

/* In the order of the file: what a step is built on comes before it. */
static Err *settle_all(Fetches *f, bool *ret_dropped)
{
	Build *b = f->build;
	*ret_dropped = false;
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		StepState *s = &b->states[i];
		bool dropped = false;
		if (s->status != STEP_KNOWN || step->kind == STEP_BASE || step->kind == STEP_FETCH)
			continue;
		if (!schedule_is_ready(b, step))
			make_unknown(b, step);
		else if (s->unverified && f->whole[i])
			TRY(settle(b, step, &dropped));
		*ret_dropped = *ret_dropped || dropped;
	}
	return NULL;
}

static Err *look_up_again(Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (b->states[i].status != STEP_KNOWN && step->kind != STEP_FETCH &&
		    step->kind != STEP_BASE && !build_is_uncached(b, step))
			TRY(build_look_up(b, step));
	}
	return NULL;
}

static Err *fetch_round(Build *b, bool *ret_again)
{
	Fetches f = { .build = b, .whole = xcalloc(b->plan.step_count + 1, sizeof(bool)) };
	AUTO_FREE bool *whole = f.whole;
	find_whole(b, whole);
	Err *e = list_all(&f);
	if (!e)
		e = fetch_all(&f);
	if (!e)
		e = settle_all(&f, ret_again);
	VEC_DONE(&f.all);
	return e;
}

/* Each round that drops something makes the caches smaller: it ends. */
Err *cached_need_layers(Build *b)
{
	bool again = cached_is_used(b);
	while (again) {
		TRY(fetch_round(b, &again));
		if (again)
			TRY(look_up_again(b));
	}
	return NULL;
}
