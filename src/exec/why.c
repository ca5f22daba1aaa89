/*
 * why.c - the story of a step that was not in the cache.
 *
 * Told before it runs, and kept in the journal: what differs in its own inputs, and if what it
 * stands on is another, which step made it so.  A miss that cannot be explained is still a miss:
 * nothing here stops a build but --fail-on-miss.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/fetch.h"
#include "exec/why.h"
#include "exec/why_book.h"
#include "git/git.h"

/* --- one step -------------------------------------------------------------------------------- */

/* It has been in the cache, or could have been. */
static void explain_same_key(Build *b, const Digest *key, const StoreStep *old, WhyDiff *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	StoreLayer layer;
	if (old->status == STORE_STEP_FAILED) {
		why_add(d, why_cause("failed-before"), "it failed the last time");
		return;
	}
	AUTO_ERR Err *e = store_record_get(b->store, key, &text);
	if (e) {
		why_add(d, why_cause("evicted"),
		        "built before with these very inputs, but its cache record is gone");
		return;
	}
	AUTO_ERR Err *gone = store_layer_get(b->store, &old->layer.diff_id, &layer);
	why_add(d, why_cause("evicted"), "built before with these very inputs, but its %s",
	        gone ? "layer is gone" : "cache record does not count in this build");
}

static void explain_never(Build *b, const Step *step, const WhyPartner *p, WhyDiff *d)
{
	const PlanStage *stage = &b->plan.stages[step->stage];
	if (!p->earlier) {
		why_add(d, why_cause("never-built"),
		        "never built: no earlier build of this is known");
		return;
	}
	for (size_t i = 0; i < p->earlier->build.step_count; i++)
		if (str_eq(p->earlier->build.steps[i].stage, stage->shown)) {
			why_add(d, why_cause("never-built"), "never built: the line is new");
			return;
		}
	why_add(d, why_cause("never-built"), "never built: stage '%.*s' is not in the build before",
	        STR_ARG(stage->shown));
}

/* No build has a result of it, but one came to it. */
static void explain_unended(const StoreStep *old, WhyDiff *d)
{
	if (old->status == STORE_STEP_REFUSED)
		why_add(d, why_cause("not-finished"),
		        "never built: --fail-on-miss of an earlier build did not let it run");
	else
		why_add(d, why_cause("not-finished"), "it was not over when the last build ended");
}

static Err *explain(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                    WhyDiff *d)
{
	WhyPartner p;
	StepTrace *t = &b->states[step->number].trace;
	TRY(why_partner(b, step, &key->full, &p));
	d->arena = &b->why->arena;
	t->before = p.same_key ? p.same_key : p.step;
	if (b->request->no_cache)
		why_add(d, why_cause("no-cache"), "--no-cache");
	else if (build_is_uncached(b, step))
		why_add(d, why_cause("no-cache-filter"), "--no-cache-filter %.*s",
		        STR_ARG(b->plan.stages[step->stage].shown));
	else if (p.same_key)
		explain_same_key(b, &key->full, p.same_key, d);
	else if (!p.step && p.unended)
		explain_unended(p.unended, d);
	else if (!p.step)
		explain_never(b, step, &p, d);
	else
		why_explain_inputs(b, step, key, content, &p, d);
	return NULL;
}

static void keep(StepTrace *t, const WhyDiff *d)
{
	size_t more = d->count - d->causes.len;
	t->causes = arena_alloc(d->arena, (d->causes.len + 1) * sizeof *t->causes,
	                        _Alignof(StoreCause));
	if (d->causes.len)
		memcpy(t->causes, d->causes.at, d->causes.len * sizeof *t->causes);
	t->cause_count = d->causes.len;
	if (!more)
		return;
	t->causes[t->cause_count] = why_cause("more");
	t->causes[t->cause_count++].words = arena_strf(d->arena, "and %zu more", more);
}

/* --- --fail-on-miss -------------------------------------------------------------------------- */

static bool names_stage(Str word, const PlanStage *stage)
{
	uint64_t n;
	return str_eqc(word, "*") || str_eq(word, stage->name) || str_eq(word, stage->shown) ||
	       (str_to_u64(word, &n) && n == stage->index);
}

Err *why_check_stages(const Build *b)
{
	const BuildRequest *r = b->request;
	for (size_t i = 0; i < r->hit_stage_count; i++) {
		bool found = false;
		for (size_t k = 0; k < b->plan.stage_count && !found; k++)
			found = names_stage(r->hit_stages[i], &b->plan.stages[k]);
		if (!found)
			return err_note(err_new(ERR_INPUT,
			                        "--fail-on-miss: no stage is called '%.*s'",
			                        STR_ARG(r->hit_stages[i])),
			                "a stage's name, its number from 0, or * for all");
	}
	return NULL;
}

static Err *refuse(const Build *b, const Step *step)
{
	const BuildRequest *r = b->request;
	const PlanStage *stage = &b->plan.stages[step->stage];
	const StepTrace *t = &b->states[step->number].trace;
	bool listed = false;
	for (size_t i = 0; i < r->hit_stage_count && !listed; i++)
		listed = names_stage(r->hit_stages[i], stage);
	if (!listed)
		return NULL;
	Err *e = err_new(ERR_MISS, "not in the cache: %.*s", STR_ARG(step->title));
	if (t->cause_count)
		e = err_note(e, "%.*s", STR_ARG(t->causes[0].words));
	return err_place(err_note(e, "--fail-on-miss asks that all of stage '%.*s' is",
	                          STR_ARG(stage->shown)),
	                 step->span);
}

/* --- from outside ---------------------------------------------------------------------------- */

static void tell(Build *b, const Step *step)
{
	const StepState *s = &b->states[step->number];
	for (size_t i = 0; b->request->explain && i < s->trace.cause_count; i++)
		progress_why(b->progress, s->line, s->trace.causes[i].words);
}

/* They are needed for comparing with this build later, also if the step fails. */
static void keep_lists(Build *b, const KeyLists *lists)
{
	for (size_t i = 0; i < lists->len; i++)
		err_free(store_list_put(b->store, &lists->at[i].digest,
		                        buf_str(&lists->at[i].text))); /* then it is not known */
}

Err *why_missed(Build *b, const Step *step, const StepKey *key)
{
	CLEANUP(why_diff_done) WhyDiff d = { 0 };
	CLEANUP(key_done) StepKey content = { 0 };
	if (step->need_count)
		TRY(key_of_content(b, step, &content));
	keep_lists(b, &key->lists);
	keep_lists(b, &content.lists);
	(void)pthread_mutex_lock(&b->why_mutex);
	Err *e = explain(b, step, key, &content, &d);
	if (!e)
		keep(&b->states[step->number].trace, &d);
	(void)pthread_mutex_unlock(&b->why_mutex);
	err_free(e); /* the journal cannot be read: then it is not known */
	tell(b, step);
	return refuse(b, step);
}

static void explain_fetch(Build *b, const Step *step, const StoreStep *old, WhyDiff *d)
{
	const GitCommit *commit = b->states[step->number].commit;
	StoreCause c = why_cause("fetched");
	c.subject = step->fetch.remote.shown;
	if (commit)
		c.after = commit->commit;
	if (build_is_uncached(b, step)) {
		why_add(d, why_cause(b->request->no_cache ? "no-cache" : "no-cache-filter"), "%s",
		        b->request->no_cache ? "--no-cache" : "--no-cache-filter");
		return;
	}
	if (!old) {
		why_add(d, why_cause("never-built"), "never fetched");
		return;
	}
	c.before = old->revision;
	if (c.before.len && c.after.len && !str_eq(c.before, c.after))
		why_add(d, c, "commit %.*s \xe2\x86\x92 %.*s",
		        STR_ARG(str_head(c.before, WHY_DIGEST_SHOWN)),
		        STR_ARG(str_head(c.after, WHY_DIGEST_SHOWN)));
	else if (c.after.len)
		why_add(d, why_cause("evicted"), "fetched before, but its layer is gone");
	else
		why_add(d, c, "the server has another one, or its layer is gone");
}

Err *why_fetch_missed(Build *b, const Step *step)
{
	CLEANUP(why_diff_done) WhyDiff d = { 0 };
	StepTrace *t = &b->states[step->number].trace;
	WhyPartner p;
	(void)pthread_mutex_lock(&b->why_mutex);
	Err *e = why_partner(b, step, &t->key, &p);
	if (!e) {
		d.arena = &b->why->arena;
		explain_fetch(b, step, p.step, &d);
		t->before = p.step;
		keep(t, &d);
	}
	(void)pthread_mutex_unlock(&b->why_mutex);
	err_free(e); /* as above */
	tell(b, step);
	return refuse(b, step);
}

void why_made(Build *b, const Step *step)
{
	StepState *s = &b->states[step->number];
	s->trace.same = s->trace.before && digest_eq(&s->trace.before->root, &s->identity);
}
