/*
 * epoch.c - SOURCE_DATE_EPOCH: seconds, or whose time it is.
 *
 * It comes from --build-arg, or from a global ARG of the file.  "context", the name of a build
 * context, or that of a stage which is nothing but one remote ADD, mean the time of what they
 * bring: a commit's, a Last-Modified, or the newest file in an archive; what is here has none. From
 * then on the argument has the seconds as its value, or is not set.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <strings.h>

#define NAME "SOURCE_DATE_EPOCH"

/* SDE is what the user gave, and where. */
typedef struct Epoch {
	Str text;
	Span span;
	bool found; /* SECONDS counts */
	int64_t seconds;
} Epoch;

static Err *ask(Planner *p, const FetchArgs *fetch, Epoch *e)
{
	const ImageLookup *lookup = &p->request->lookup;
	if (!lookup->epoch)
		return NULL; /* nobody to ask: as if it had none */
	return lookup->epoch(lookup->context, fetch, &e->found, &e->seconds);
}

/* --- a stage that only brings something ------------------------------------------------------- */

static Err *expand(Planner *p, const Scope *scope, Word word, Str *ret)
{
	ExpandScope how = plan_expand_scope(p, scope);
	return expand_word(p->arena, &how, word, ret);
}

static Err *take_args(Planner *p, Scope *scope, const Node *node)
{
	for (size_t i = 0; i < node->pair_count; i++) {
		const struct NodePair *pair = &node->pairs[i];
		const PlanArg *given = plan_build_arg(p, pair->key.text);
		Str value;
		if (given)
			value = given->value;
		else if (pair->has_value)
			TRY(expand(p, scope, pair->value, &value));
		else
			continue;
		plan_scope_set(p->arena, scope, pair->key.text, value, node->span);
	}
	return NULL;
}

static Err *take_add(Planner *p, const Scope *scope, const Node *node, FetchArgs *ret)
{
	Str path;
	if (node->word_count != 2 || node_heredoc(node, node->words[0]))
		return err_at(node->span, NAME " stage must contain exactly one remote ADD source");
	TRY(expand(p, scope, node->words[0], &path));
	*ret = (FetchArgs){ 0 };
	TRY(plan_remote(p, node, node->words[0].span, path, &ret->remote));
	if (ret->remote.kind == REMOTE_NONE)
		return err_at(node->words[0].span,
		              NAME " stage source must be a single HTTP(S) or Git ADD");
	return NULL;
}

/* NODE: the FROM. */
static Err *read_stage(Planner *p, Scope *scope, const Node *node, FetchArgs *ret)
{
	const Node *end = p->file->nodes + p->file->node_count, *add = NULL;
	Str base;
	TRY(expand(p, scope, node->words[0], &base));
	if (!str_eqc(base, "scratch"))
		return err_at(node->words[0].span, NAME " stage must use FROM scratch");
	for (const Node *n = node + 1; n < end && n->id != INST_FROM; n++) {
		if (n->id == INST_ARG) {
			TRY(take_args(p, scope, n));
		} else if (n->id != INST_ADD) {
			return err_at(n->span,
			              NAME " stage does not meet source-only requirements: "
			                   "unsupported %s instruction",
			              instruction_table[n->id].name);
		} else if (add) {
			return err_at(n->span, NAME " stage must contain exactly one remote ADD");
		} else {
			TRY(take_add(p, scope, n, ret));
			add = n;
		}
	}
	return add ? NULL : err_at(node->span, NAME " stage must contain exactly one remote ADD");
}

static void scope_done(Scope *scope)
{
	map_done(&scope->vars);
}

static Err *of_stage(Planner *p, const Node *node, Epoch *e)
{
	CLEANUP(scope_done) Scope scope = { 0 };
	FetchArgs fetch;
	plan_scope_copy(&scope, &p->globals);
	(void)map_put(&scope.vars, STR(NAME), NULL);
	Err *wrong = read_stage(p, &scope, node, &fetch);
	return wrong ? err_note(wrong, NAME " is the name of this stage") : ask(p, &fetch, e);
}

static const Node *find_stage(const Planner *p, Str name)
{
	for (size_t i = 0; i < p->file->node_count; i++) {
		const Node *n = &p->file->nodes[i];
		if (n->id == INST_FROM && n->word_count == 3 && n->words[2].text.len == name.len &&
		    strncasecmp(n->words[2].text.ptr, name.ptr, name.len) == 0)
			return n;
	}
	return NULL;
}

/* --- all of it -------------------------------------------------------------------------------- */

static Err *resolve(Planner *p, Epoch *e)
{
	uint64_t seconds;
	if (!e->text.len)
		return NULL;
	if (str_eqc(e->text, "context")) { /* a directory has no time */
		const FetchArgs main = { .is_main = true };
		return p->request->context_fetched ? ask(p, &main, e) : NULL;
	}
	if (str_to_u64(e->text, &seconds) && seconds <= INT64_MAX / 1000000000) {
		e->found = true;
		e->seconds = (int64_t)seconds;
		return NULL;
	}
	const PlanContext *context = plan_find_context(p, e->text);
	if (context && context->kind != PLAN_CONTEXT_REMOTE)
		return NULL; /* neither has a directory, nor an image */
	if (context)
		return ask(p, &(FetchArgs){ .remote = context->remote }, e);
	const Node *stage = find_stage(p, e->text);
	if (stage)
		return of_stage(p, stage, e);
	return err_note(err_new(ERR_INPUT, "invalid " NAME ": '%.*s'", STR_ARG(e->text)),
	                "write the seconds since 1970 UTC, as `date +%%s` prints them, 'context', "
	                "or the name of a build context or a stage");
}

/* What an ARG of that name gets from now on. */
static void set_value(Planner *p, const Epoch *e)
{
	Str name = STR(NAME), text = arena_strf(p->arena, "%lld", (long long)e->seconds);
	if (plan_build_arg(p, name)) {
		PlanArg *arg = arena_new(p->arena, PlanArg);
		*arg = (PlanArg){ name, text };
		(void)map_put(&p->args, name, e->found ? arg : NULL);
	}
	if (!plan_scope_find(&p->globals, name))
		return;
	if (e->found)
		plan_scope_set(p->arena, &p->globals, name, text, e->span);
	else
		(void)map_put(&p->globals.vars, name, NULL);
}

Err *plan_epoch(Planner *p)
{
	const PlanArg *given = plan_build_arg(p, STR(NAME));
	const Var *global = plan_scope_find(&p->globals, STR(NAME));
	p->plan->source_date_epoch = -1;
	if (!given && !global)
		return NULL;
	Epoch e = { .text = given ? given->value : global->value };
	if (global)
		e.span = global->origin;
	TRY(err_place(resolve(p, &e), given ? (Span){ 0 } : e.span));
	set_value(p, &e);
	if (e.found)
		p->plan->source_date_epoch = e.seconds;
	return NULL;
}
