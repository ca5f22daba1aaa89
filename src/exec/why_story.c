/*
 * why_story.c - what differs in a step's inputs, and if what it stands on is another, which step
 * made it so.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/why.h"
#include "exec/why_book.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SHOWN_MAX = 100 };

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

StoreCause why_cause(const char *code)
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
	                  STR_ARG(str_head(digest_arena_hex(a, d), WHY_DIGEST_SHOWN)));
}

static StoreCause base_cause(Build *b, const Step *step, const StoreStep *old)
{
	Arena *a = &b->why->arena;
	StoreCause c = why_cause("base-image");
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
	StoreCause c = why_cause(code);
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

void why_diff_done(WhyDiff *d)
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
		StoreCause c = why_cause("line");
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
		CLEANUP(why_diff_done) WhyDiff d = { .arena = &b->why->arena };
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

/* --- the step itself ------------------------------------------------------------------------- */

/* What it stands on and what it takes files of may have one and the same cause. */
static void add_cause(WhyDiff *d, StoreCause c)
{
	for (size_t i = 0; i < d->causes.len; i++)
		if (str_eq(d->causes.at[i].words, c.words))
			return;
	why_add(d, c, "%.*s", STR_ARG(c.words));
}

void why_explain_inputs(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                        const WhyPartner *partner, WhyDiff *d)
{
	const StoreStep *old = partner->step;
	uint32_t number = (uint32_t)(old - partner->earlier->build.steps);
	Str preimage = old_preimage(b, old, &old->key);
	if (!preimage.len) {
		why_add(d, why_cause("inputs-lost"),
		        "not what it was; what it was made of is no longer known");
		return;
	}
	Variables variables = { b, step };
	d->variable = variable_kind;
	d->context = &variables;
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
		why_add(d, why_cause("inputs-lost"), "its inputs differ");
	d->context = NULL; /* it ends with this function */
	d->variable = NULL;
}
