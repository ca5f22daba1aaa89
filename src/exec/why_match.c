/*
 * why_match.c - which earlier build a step is compared with, and which of its steps.
 *
 * Builds of the same Dockerfile and context come first, newest first; then those that share a name
 * or the Dockerfile's text with this one: a CI checks out into a new folder each time.  In a build
 * the counterpart of a step is one of its stage, kind and platform with the same instruction; else
 * the one whose text is most like it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/why.h"
#include "exec/why_book.h"

enum {
	BUILDS_COMPARED_MAX = 8, /* further back nobody remembers */
	BUILDS_OPENED_MAX = 24,
	/* Products of counts: beyond, a hostile file has only its equal lines compared. */
	PAIRS_MAX = 1 << 20,
	ALIKE_PERCENT_MIN = 40,
};

/* --- earlier builds -------------------------------------------------------------------------- */

static bool shares_tag(const Build *b, const StoreBuild *other)
{
	for (size_t t = 0; t < b->target_count; t++)
		for (size_t i = 0; i < b->targets[t].tag_count; i++) {
			AUTO_ARENA Arena a = ARENA_INIT;
			Str full = reference_full(&a, &b->targets[t].tags[i]);
			for (size_t k = 0; k < other->tag_count; k++)
				if (str_eq(other->tags[k], full))
					return true;
		}
	return false;
}

/* It was stopped, or was not to run: its key says what it would have been, not what there was. */
static bool is_unended(const StoreStep *s)
{
	return s->status == STORE_STEP_WAITING || s->status == STORE_STEP_CANCELLED ||
	       s->status == STORE_STEP_REFUSED;
}

static void load_one(Build *b, WhyBook *w, const StoreBuildName *name, const Digest *text)
{
	StoreBuild found;
	AUTO_ERR Err *e = store_build_open(b->store, name, &w->arena, &found);
	if (e) /* damaged or pruned: as if it had not been */
		return;
	bool near = name->site == b->journal.site || shares_tag(b, &found) ||
	            digest_eq(&found.dockerfile_digest, text);
	if (near && found.step_count)
		VEC_PUSH(&w->builds, (WhyEarlier){ .build = found });
}

static Err *load(Build *b, WhyBook *w)
{
	StoreBuildName *names;
	size_t count, opened = 0;
	Digest text = b->source ? sha256_of(b->source->text) : (Digest){ 0 };
	TRY(store_build_list(b->store, &w->arena, &names, &count));
	for (int near = 1; near >= 0 && !w->builds.len; near--)
		for (size_t i = 0;
		     i < count && w->builds.len < BUILDS_COMPARED_MAX && opened < BUILDS_OPENED_MAX;
		     i++) {
			bool same_site = names[i].site == b->journal.site;
			if (same_site != (near == 1) || strcmp(names[i].id, b->journal.id) == 0)
				continue;
			opened++;
			load_one(b, w, &names[i], &text);
		}
	/* The digests stay where they are from here on: they are the map's keys. */
	for (size_t i = 0; i < w->builds.len; i++) {
		const StoreBuild *old = &w->builds.at[i].build;
		for (size_t k = 0; k < old->step_count; k++) {
			const StoreStep *s = &old->steps[k];
			Str key = { (const char *)s->key.bytes, sizeof s->key.bytes };
			if (!digest_is_zero(&s->key) && !is_unended(s) &&
			    !map_find(&w->by_key, key))
				(void)map_put(&w->by_key, key, &old->steps[k]);
			if (!digest_is_zero(&s->content))
				(void)map_put(&w->with_content, key, &old->steps[k]);
		}
	}
	return NULL;
}

static Err *need_book(Build *b, WhyBook **ret)
{
	if (!b->why) {
		WhyBook *w = b->why = xcalloc(1, sizeof *b->why);
		TRY(load(b, w));
	}
	*ret = b->why;
	return NULL;
}

void why_done(Build *b)
{
	WhyBook *w = b->why;
	if (!w)
		return;
	for (size_t i = 0; i < w->builds.len; i++) {
		free(w->builds.at[i].old_of);
		free(w->builds.at[i].new_of);
	}
	VEC_DONE(&w->builds);
	map_done(&w->by_key);
	map_done(&w->with_content);
	arena_done(&w->arena);
	free(w);
	b->why = NULL;
}

const Digest *why_content_key(const Build *b, const StoreStep *old)
{
	Str key = { (const char *)old->key.bytes, sizeof old->key.bytes };
	const StoreStep *known = map_get(&b->why->with_content, key);
	return known ? &known->content : &old->content;
}

/* --- steps ----------------------------------------------------------------------------------- */

static StoreStepKind kind_of(const Step *step)
{
	static const StoreStepKind kinds[] = {
		[STEP_BASE] = STORE_STEP_BASE,   [STEP_RUN] = STORE_STEP_RUNS,
		[STEP_COPY] = STORE_STEP_COPY,   [STEP_WORKDIR] = STORE_STEP_WORKDIR,
		[STEP_FETCH] = STORE_STEP_FETCH,
	};
	return kinds[step->kind];
}

static Str text_of(const Step *step)
{
	return step->node ? step->node->text : STR("");
}

/* What must be the same; the Nth of several that are the same is another than the first. */
static Str name_of(Arena *a, Map *counts, StoreStepKind kind, Str stage, Str platform, Str text)
{
	Str name = arena_strf(a, "%d\n%.*s\n%.*s\n%.*s", (int)kind, STR_ARG(stage),
	                      STR_ARG(platform), STR_ARG(text));
	size_t *count = map_get(counts, name);
	if (!count) {
		count = arena_new(a, size_t);
		(void)map_put(counts, name, count);
	}
	return arena_strf(a, "%zu\n%.*s", ++*count, STR_ARG(name));
}

static Str name_of_new(const Build *b, Arena *a, Map *counts, const Step *step)
{
	const PlanStage *stage = &b->plan.stages[step->stage];
	return name_of(a, counts, kind_of(step), stage->shown, platform_text(a, &stage->platform),
	               text_of(step));
}

static void pair(WhyEarlier *w, uint32_t new, uint32_t old)
{
	w->old_of[new] = old;
	w->new_of[old] = new;
}

static void pair_equal(const Build *b, WhyEarlier *w)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map olds = MAP_INIT, counts = MAP_INIT, new_counts = MAP_INIT;
	for (uint32_t i = 0; i < w->build.step_count; i++) {
		const StoreStep *s = &w->build.steps[i];
		Str name = name_of(&a, &counts, s->kind, s->stage, s->platform, s->text);
		(void)map_put(&olds, name, &w->build.steps[i]);
	}
	for (uint32_t i = 0; i < b->plan.step_count; i++) {
		Str name = name_of_new(b, &a, &new_counts, &b->plan.steps[i]);
		const StoreStep *old = map_get(&olds, name);
		if (old)
			pair(w, i, (uint32_t)(old - w->build.steps));
	}
}

/* How much of the two texts is the same at their ends, in percent of the longer one. */
static unsigned alike(Str a, Str b)
{
	size_t longer = a.len > b.len ? a.len : b.len, shorter = a.len < b.len ? a.len : b.len;
	size_t head = 0, tail = 0;
	while (head < shorter && a.ptr[head] == b.ptr[head])
		head++;
	while (tail < shorter - head && a.ptr[a.len - 1 - tail] == b.ptr[b.len - 1 - tail])
		tail++;
	return longer ? (unsigned)((head + tail) * 100 / longer) : 100;
}

static bool may_pair(const Build *b, const Step *step, const StoreStep *old)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const PlanStage *stage = &b->plan.stages[step->stage];
	if (old->kind != kind_of(step) || !str_eq(old->stage, stage->shown))
		return false;
	return str_eq(old->platform, platform_text(&a, &stage->platform));
}

/* Does STEP stand on the counterpart of what OLD stands on? */
static bool same_place(const WhyEarlier *w, const Step *step, const StoreStep *old)
{
	if (step->parent == STEP_NONE || old->parent == STORE_STEP_NONE)
		return step->parent == STEP_NONE && old->parent == STORE_STEP_NONE;
	return w->old_of[step->parent] == old->parent;
}

static void pair_alike(const Build *b, WhyEarlier *w)
{
	size_t tried = 0;
	for (uint32_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		uint32_t best = STEP_NONE;
		unsigned best_score = 0;
		if (w->old_of[i] != STEP_NONE)
			continue;
		for (uint32_t k = 0; k < w->build.step_count && tried < PAIRS_MAX; k++) {
			const StoreStep *old = &w->build.steps[k];
			tried++;
			if (w->new_of[k] != STEP_NONE || !may_pair(b, step, old))
				continue;
			unsigned score = alike(text_of(step), old->text);
			bool place = same_place(w, step, old);
			if ((score < ALIKE_PERCENT_MIN && !place) ||
			    score + 50u * place <= best_score)
				continue;
			best = k;
			best_score = score + 50u * place;
		}
		if (best != STEP_NONE)
			pair(w, i, best);
	}
}

/* A stage under another name: its lines are known by themselves. */
static void pair_elsewhere(const Build *b, WhyEarlier *w)
{
	AUTO_MAP Map olds = MAP_INIT;
	for (uint32_t k = 0; k < w->build.step_count; k++)
		if (w->new_of[k] == STEP_NONE)
			(void)map_put(&olds, w->build.steps[k].text, &w->build.steps[k]);
	for (uint32_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		const StoreStep *old =
			w->old_of[i] == STEP_NONE ? map_get(&olds, text_of(step)) : NULL;
		if (old && old->kind == kind_of(step) &&
		    w->new_of[old - w->build.steps] == STEP_NONE)
			pair(w, i, (uint32_t)(old - w->build.steps));
	}
}

static void pair_steps(const Build *b, WhyEarlier *w)
{
	if (w->old_of)
		return;
	w->old_of = xcalloc(b->plan.step_count + 1, sizeof *w->old_of);
	w->new_of = xcalloc(w->build.step_count + 1, sizeof *w->new_of);
	memset(w->old_of, 0xff, b->plan.step_count * sizeof *w->old_of);
	memset(w->new_of, 0xff, w->build.step_count * sizeof *w->new_of);
	pair_equal(b, w);
	pair_alike(b, w);
	pair_elsewhere(b, w);
}

Err *why_partner(Build *b, const Step *step, const Digest *key, WhyPartner *ret)
{
	WhyBook *w;
	*ret = (WhyPartner){ 0 };
	TRY(need_book(b, &w));
	ret->same_key = map_get(&w->by_key, (Str){ (const char *)key->bytes, sizeof key->bytes });
	for (size_t i = 0; i < w->builds.len; i++) {
		WhyEarlier *e = &w->builds.at[i];
		pair_steps(b, e);
		uint32_t old = e->old_of[step->number];
		if (!ret->earlier)
			ret->earlier = e;
		/* One that the earlier build never came to says nothing. */
		bool known = old != STEP_NONE && (step->kind == STEP_FETCH ||
		                                  !digest_is_zero(&e->build.steps[old].key));
		if (!known)
			continue;
		if (is_unended(&e->build.steps[old])) {
			if (!ret->unended)
				ret->unended = &e->build.steps[old];
			continue;
		}
		ret->earlier = e;
		ret->step = &e->build.steps[old];
		return NULL;
	}
	return NULL;
}
