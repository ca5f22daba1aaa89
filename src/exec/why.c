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

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SHOWN_MAX = 100, DIGEST_SHOWN = 12 };

static Str text_of(const Step *step)
{
	return step->node ? step->node->text : STR("");
}

static Str clip(Arena *a, Str text)
{
	if (text.len <= LINE_SHOWN_MAX)
		return arena_str(a, text);
	return arena_strf(a, "%.*s...", STR_ARG(str_clip(text, LINE_SHOWN_MAX)));
}

static StoreCause cause(const char *code)
{
	return (StoreCause){ .code = str_from(code), .step = STORE_STEP_NONE };
}

/* --- inputs of both sides -------------------------------------------------------------------- */

typedef struct NewSide {
	const StepKey *key;
	Build *build;
} NewSide;

static bool list_of_store(void *context, const Digest *d, Buf *out)
{
	const Build *b = context;
	AUTO_ERR Err *e = store_list_get(b->store, d, out);
	return !e;
}

static bool list_of_key(void *context, const Digest *d, Buf *out)
{
	const NewSide *n = context;
	for (size_t i = 0; i < n->key->lists.len; i++)
		if (digest_eq(&n->key->lists.at[i].digest, d)) {
			buf_add_str(out, buf_str(&n->key->lists.at[i].text));
			return true;
		}
	return list_of_store(n->build, d, out);
}

/* What OLD's key was made of; "" is not known any more. */
static Str old_preimage(Build *b, const StoreStep *old, const Digest *key)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (old && old->inputs.len)
		return old->inputs;
	AUTO_ERR Err *e = digest_is_zero(key) ? NULL : record_preimage(b, key, &text);
	return e ? STR("") : arena_str(&b->why->arena, buf_str(&text));
}

/* --- what a variable is ---------------------------------------------------------------------- */

typedef struct Variables {
	const Build *build;
	const Step *step;
} Variables;

static bool sets(const Node *n, Str name)
{
	for (size_t i = 0; i < n->pair_count; i++)
		if (str_eq(n->pairs[i].key.text, name))
			return true;
	return false;
}

static const char *variable_kind(void *context, Str name)
{
	const Variables *v = context;
	const char *kind = "base image's ENV";
	for (size_t i = 0; i < v->build->file.node_count; i++) {
		const Node *n = &v->build->file.nodes[i];
		if (n == v->step->node)
			break;
		if (n->id == INST_ENV && sets(n, name))
			return "ENV";
		if (n->id == INST_ARG && sets(n, name))
			kind = "ARG";
	}
	return kind;
}

/* --- base images ----------------------------------------------------------------------------- */

static Str familiar(Arena *a, Str full)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, full, &ref);
	return e ? full : reference_familiar(a, &ref);
}

static Str short_digest(Arena *a, const Digest *d)
{
	return arena_strf(a, "sha256:%.*s",
	                  STR_ARG(str_head(digest_arena_hex(a, d), DIGEST_SHOWN)));
}

static StoreCause base_cause(Build *b, const Step *step, const StoreStep *old)
{
	Arena *a = &b->why->arena;
	StoreCause c = cause("base-image");
	bool scratch = step->base.scratch;
	Str name = scratch ? STR("scratch") : reference_familiar(a, &step->base.image.ref);
	Str was = old->source.len ? familiar(a, old->source) : STR("scratch");
	c.step = step->number;
	c.subject = name;
	if (!str_eq(name, was)) {
		c.before = was;
		c.after = name;
		c.words = arena_strf(a, "base image %.*s \xe2\x86\x92 %.*s", STR_ARG(was),
		                     STR_ARG(name));
		return c;
	}
	c.before = digest_arena_text(a, &old->digest);
	c.after = digest_arena_text(a, &step->base.image.config_digest);
	c.words = arena_strf(a, "base image %.*s: %.*s \xe2\x86\x92 %.*s", STR_ARG(name),
	                     STR_ARG(short_digest(a, &old->digest)),
	                     STR_ARG(short_digest(a, &step->base.image.config_digest)));
	return c;
}

/* --- a step that others stand on ------------------------------------------------------------- */

/* A pair that is looked at: a step of this plan, and the one in its place then. */
typedef struct Place {
	const WhyEarlier *earlier;
	const Step *new;
	uint32_t old; /* STORE_STEP_NONE: none */
} Place;

static Str short_title(Arena *a, Str title)
{
	return clip(a, title);
}

static StoreCause told(Build *b, const char *code, const Step *step, const char *fmt, ...)
	PRINTF(4, 5);
static StoreCause told(Build *b, const char *code, const Step *step, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_oom(0);
	StoreCause c = cause(code);
	c.step = step ? step->number : STORE_STEP_NONE;
	c.words = arena_str(&b->why->arena, str_from(text));
	free(text);
	return c;
}

/* Are the two in one place?  If not, *RET says what is new or gone. */
static bool place_differs(Build *b, const Place *p, StoreCause *ret)
{
	Arena *a = &b->why->arena;
	const StoreBuild *then = &p->earlier->build;
	const StoreStep *old = p->old == STORE_STEP_NONE ? NULL : &then->steps[p->old];
	bool bases = old && old->kind == STORE_STEP_BASE && p->new->kind == STEP_BASE;
	if (bases)
		return false;
	if (p->earlier->old_of[p->new->number] == STEP_NONE) {
		*ret = told(b, "new-step", p->new, "%.*s is new",
		            STR_ARG(short_title(a, p->new->title)));
		return true;
	}
	if (old && p->earlier->new_of[p->old] == STEP_NONE) {
		*ret = told(b, "removed-step", NULL, "%.*s is gone",
		            STR_ARG(short_title(a, old->title)));
		ret->before = old->text;
		return true;
	}
	if (old && p->earlier->old_of[p->new->number] != p->old) {
		*ret = told(b, "parent", p->new, "it stands on %.*s, and stood on %.*s",
		            STR_ARG(short_title(a, p->new->title)),
		            STR_ARG(short_title(a, old->title)));
		return true;
	}
	return false;
}

static void diff_done(WhyDiff *d)
{
	VEC_DONE(&d->causes);
}

/* The files of other steps that STEP takes are known by the keys with content, if there are such.
 */
static void compare_content(Build *b, const Step *step, const WhySide *new, const StoreStep *old,
                            WhyDiff *d)
{
	const Digest *key = why_content_key(b, old);
	WhySide before = { old_preimage(b, NULL, key), list_of_store, b };
	if (!before.preimage.len || !new->preimage.len)
		return;
	d->files_only = true;
	d->origin = step->kind == STEP_COPY ? step->copy.from_name : STR("");
	why_compare(d, &before, new);
	d->files_only = false;
	d->origin = STR("");
}

static void compare(Build *b, const Step *step, const WhySide *new, const WhySide *content,
                    const StoreStep *old, Str preimage, WhyDiff *d)
{
	Arena *a = d->arena;
	WhySide before = { preimage, list_of_store, b };
	const StepTrace *t = &b->states[step->number].trace;
	if (!str_eq(old->text, text_of(step)) && old->text.len &&
	    !digest_eq(&old->definition, &t->definition)) {
		StoreCause c = cause("line");
		c.before = clip(a, old->text);
		c.after = clip(a, text_of(step));
		d->line_changed = true;
		why_add(d, c, "the line changed: %.*s \xe2\x86\x92 %.*s", STR_ARG(c.before),
		        STR_ARG(c.after));
	}
	why_compare(d, &before, new);
	if (d->from && content)
		compare_content(b, step, content, old, d);
}

static uint32_t old_need(const Place *p, size_t number)
{
	const StoreStep *old = &p->earlier->build.steps[p->old];
	if (old->need_count == p->new->need_count)
		return old->needs[number];
	return p->earlier->old_of[p->new->needs[number]];
}

/* The first of the steps whose files it takes that gave something else then. */
static bool changed_need(Build *b, const Place *p, Place *ret)
{
	const StoreBuild *then = &p->earlier->build;
	for (size_t i = 0; i < p->new->need_count; i++) {
		uint32_t need = p->new->needs[i], was = old_need(p, i);
		if (was != STORE_STEP_NONE &&
		    digest_eq(&then->steps[was].root, &b->states[need].identity))
			continue;
		*ret = (Place){ p->earlier, &b->plan.steps[need], was };
		return true;
	}
	return false;
}

/* What of a HIT, which was another one then, differs by itself; false: only what it stands on. */
static bool own_difference(Build *b, const Place *p, WhyDiff *d, StoreCause *ret)
{
	const StoreStep *old = &p->earlier->build.steps[p->old];
	const StepTrace *t = &b->states[p->new->number].trace;
	Str now = old_preimage(b, NULL, &t->key), then = old_preimage(b, old, &old->key);
	if (!now.len || !then.len) {
		*ret = told(b, "inputs-lost", p->new, "%.*s is not what it was",
		            STR_ARG(short_title(d->arena, p->new->title)));
		return true;
	}
	WhySide side = { now, list_of_store, b };
	compare(b, p->new, &side, NULL, old, then, d);
	if (!d->causes.len)
		return false;
	*ret = d->causes.at[0];
	ret->code = STR("parent");
	ret->step = p->new->number;
	ret->words = arena_strf(d->arena, "%.*s is another: %.*s",
	                        STR_ARG(short_title(d->arena, p->new->title)), STR_ARG(ret->words));
	return true;
}

static StoreCause story_of_made(Build *b, const Step *step)
{
	const StepTrace *t = &b->states[step->number].trace;
	StoreCause c = t->causes[0];
	for (size_t i = 0; i < t->cause_count; i++)
		if (str_eqc(t->causes[i].code, "from")) /* why its files are others */
			c = t->causes[i];
	if (c.step != STORE_STEP_NONE) { /* that is a story already */
		if (str_eqc(c.code, "from"))
			c.code = STR("parent");
		return c;
	}
	c.code = STR("parent");
	c.step = step->number;
	c.words = arena_strf(&b->why->arena, "%.*s re-ran: %.*s",
	                     STR_ARG(short_title(&b->why->arena, step->title)), STR_ARG(c.words));
	return c;
}

/* Why the root of PLACE is not what it was: back to the first step that is to blame. */
static StoreCause story(Build *b, Place p)
{
	for (size_t left = b->plan.step_count + 1; left > 0; left--) {
		CLEANUP(diff_done) WhyDiff d = { .arena = &b->why->arena };
		Variables variables = { b, p.new };
		StoreCause c;
		const StepTrace *t = &b->states[p.new->number].trace;
		d.variable = variable_kind;
		d.context = &variables;
		if (place_differs(b, &p, &c))
			return c;
		if (p.old == STORE_STEP_NONE)
			break;
		const StoreStep *old = &p.earlier->build.steps[p.old];
		if (p.new->kind == STEP_BASE)
			return base_cause(b, p.new, old);
		if (t->cause_count)
			return story_of_made(b, p.new);
		if (p.new->kind == STEP_FETCH || digest_eq(&t->key, &old->key))
			return told(b, "other-result", p.new, "%.*s gave another result than then",
			            STR_ARG(short_title(d.arena, p.new->title)));
		if (own_difference(b, &p, &d, &c))
			return c;
		Place next;
		if (d.from && changed_need(b, &p, &next)) {
			p = next;
			continue;
		}
		if (!d.parent || p.new->parent == STEP_NONE)
			break;
		p = (Place){ p.earlier, &b->plan.steps[p.new->parent], old->parent };
	}
	return told(b, "parent", p.new, "%.*s is not what it was",
	            STR_ARG(short_title(&b->why->arena, p.new->title)));
}

/* --- one step -------------------------------------------------------------------------------- */

/* What it stands on and what it takes files of may have one and the same cause. */
static void add_cause(WhyDiff *d, StoreCause c)
{
	for (size_t i = 0; i < d->causes.len; i++)
		if (str_eq(d->causes.at[i].words, c.words))
			return;
	why_add(d, c, "%.*s", STR_ARG(c.words));
}

/* It has been in the cache, or could have been. */
static void explain_same_key(Build *b, const Digest *key, const StoreStep *old, WhyDiff *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	StoreLayer layer;
	if (old->status == STORE_STEP_FAILED) {
		why_add(d, cause("failed-before"), "it failed the last time");
		return;
	}
	AUTO_ERR Err *e = store_record_get(b->store, key, &text);
	if (e) {
		why_add(d, cause("evicted"),
		        "built before with these very inputs, but its cache record is gone");
		return;
	}
	AUTO_ERR Err *gone = store_layer_get(b->store, &old->layer.diff_id, &layer);
	why_add(d, cause("evicted"), "built before with these very inputs, but its %s",
	        gone ? "layer is gone" : "cache record does not count in this build");
}

static void explain_never(Build *b, const Step *step, const WhyPartner *p, WhyDiff *d)
{
	const PlanStage *stage = &b->plan.stages[step->stage];
	if (!p->earlier) {
		why_add(d, cause("never-built"), "never built: no earlier build of this is known");
		return;
	}
	for (size_t i = 0; i < p->earlier->build.step_count; i++)
		if (str_eq(p->earlier->build.steps[i].stage, stage->shown)) {
			why_add(d, cause("never-built"), "never built: the line is new");
			return;
		}
	why_add(d, cause("never-built"), "never built: stage '%.*s' is not in the build before",
	        STR_ARG(stage->shown));
}

/* No build has a result of it, but one came to it. */
static void explain_unended(const StoreStep *old, WhyDiff *d)
{
	if (old->status == STORE_STEP_REFUSED)
		why_add(d, cause("not-finished"),
		        "never built: --fail-on-miss of an earlier build did not let it run");
	else
		why_add(d, cause("not-finished"), "it was not over when the last build ended");
}

static void explain_inputs(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                           const WhyPartner *partner, WhyDiff *d)
{
	const StoreStep *old = partner->step;
	uint32_t number = (uint32_t)(old - partner->earlier->build.steps);
	Str preimage = old_preimage(b, old, &old->key);
	if (!preimage.len) {
		why_add(d, cause("inputs-lost"),
		        "not what it was; what it was made of is no longer known");
		return;
	}
	NewSide new_side = { key, b }, content_side = { content, b };
	WhySide now = { buf_str(&key->preimage), list_of_key, &new_side };
	WhySide files = { buf_str(&content->preimage), list_of_key, &content_side };
	compare(b, step, &now, &files, old, preimage, d);
	Place here = { partner->earlier, step, number }, need;
	if (d->from && changed_need(b, &here, &need)) {
		StoreCause c = story(b, need);
		if (str_eqc(c.code, "parent"))
			c.code = STR("from");
		add_cause(d, c);
	}
	if (d->parent && step->parent != STEP_NONE)
		add_cause(d, story(b, (Place){ partner->earlier, &b->plan.steps[step->parent],
		                               old->parent }));
	if (!d->causes.len)
		why_add(d, cause("inputs-lost"), "its inputs differ");
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
		why_add(d, cause("no-cache"), "--no-cache");
	else if (build_is_uncached(b, step))
		why_add(d, cause("no-cache-filter"), "--no-cache-filter %.*s",
		        STR_ARG(b->plan.stages[step->stage].shown));
	else if (p.same_key)
		explain_same_key(b, &key->full, p.same_key, d);
	else if (!p.step && p.unended)
		explain_unended(p.unended, d);
	else if (!p.step)
		explain_never(b, step, &p, d);
	else
		explain_inputs(b, step, key, content, &p, d);
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
	t->causes[t->cause_count] = cause("more");
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
	CLEANUP(diff_done) WhyDiff d = { 0 };
	CLEANUP(key_done) StepKey content = { 0 };
	Variables variables = { b, step };
	if (step->need_count)
		TRY(key_of_content(b, step, &content));
	keep_lists(b, &key->lists);
	keep_lists(b, &content.lists);
	d.variable = variable_kind;
	d.context = &variables;
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
	StoreCause c = cause("fetched");
	c.subject = step->fetch.remote.shown;
	if (commit)
		c.after = commit->commit;
	if (build_is_uncached(b, step)) {
		why_add(d, cause(b->request->no_cache ? "no-cache" : "no-cache-filter"), "%s",
		        b->request->no_cache ? "--no-cache" : "--no-cache-filter");
		return;
	}
	if (!old) {
		why_add(d, cause("never-built"), "never fetched");
		return;
	}
	c.before = old->revision;
	if (c.before.len && c.after.len && !str_eq(c.before, c.after))
		why_add(d, c, "commit %.*s \xe2\x86\x92 %.*s",
		        STR_ARG(str_head(c.before, DIGEST_SHOWN)),
		        STR_ARG(str_head(c.after, DIGEST_SHOWN)));
	else if (c.after.len)
		why_add(d, cause("evicted"), "fetched before, but its layer is gone");
	else
		why_add(d, c, "the server has another one, or its layer is gone");
}

Err *why_fetch_missed(Build *b, const Step *step)
{
	CLEANUP(diff_done) WhyDiff d = { 0 };
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
