/* facts.c - what is seen on the way and is no error: for lint/, which gets no other chance. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

static void add(Planner *p, PlanFact fact)
{
	PlanFacts *facts = p->request->facts;
	if (!facts)
		return;
	p->bytes += sizeof fact; /* plan_stage() counts */
	VEC_PUSH(facts, fact);
}

void plan_facts_done(PlanFacts *facts)
{
	VEC_DONE(facts);
}

/* A fact of S's instruction.  What ONBUILD brought stands at the FROM, as for docker. */
static PlanFact fact_of(const Planner *p, PlanFactKind kind, const StageWork *s, Str text)
{
	const Command *c = p->command;
	return (PlanFact){ .kind = kind,
		           .stage = s->index,
		           .other = STAGE_NONE,
		           .node = c ? c->node : s->from,
		           .place = c && !c->is_trigger ? c->node : s->from,
		           .text = text,
		           .value = STR(""),
		           .near = STR("") };
}

/* The same of S's FROM. */
static PlanFact fact_of_from(PlanFactKind kind, const StageWork *s, Str text)
{
	return (PlanFact){ .kind = kind,
		           .stage = s->index,
		           .other = STAGE_NONE,
		           .node = s->from,
		           .place = s->from,
		           .text = text,
		           .value = STR(""),
		           .near = STR("") };
}

void plan_see(Planner *p, PlanFactKind kind, const StageWork *s, Str text)
{
	add(p, fact_of(p, kind, s, text));
}

void plan_see_stage(Planner *p, const StageWork *s)
{
	PlanFact fact = fact_of_from(PLAN_SAW_STAGE, s, s->out->name);
	fact.other = s->base_stage;
	add(p, fact);
}

void plan_see_base_platform(Planner *p, const StageWork *s, const Platform *platform)
{
	if (str_eq(platform->os, s->wanted_platform.os) &&
	    str_eq(platform->arch, s->wanted_platform.arch))
		return;
	PlanFact fact = fact_of_from(PLAN_SAW_BASE_PLATFORM, s, s->base.text);
	fact.near = platform_text(p->arena, platform);
	fact.value = platform_text(p->arena, &s->wanted_platform);
	add(p, fact);
}

/* --- names that are not set ------------------------------------------------------------------- */

/* As BuildKit finds it: less than three letters off, the first of the nearest. */
enum { EDITS_MAX = 2 };
/* Each costs a look at all ARGs, or at all variables: who writes more reads no warnings. */
enum { UNSET_ASKED_MAX = 1000, NEAR_ASKED_MAX = 50, NAMES_MAX = 1000 };

static void take_nearer(Str name, Str candidate, size_t *best, Str *ret)
{
	size_t longer =
		name.len > candidate.len ? name.len - candidate.len : candidate.len - name.len;
	size_t edits = longer > EDITS_MAX ? SIZE_MAX : str_edits(name, candidate);
	if (edits < *best) {
		*best = edits;
		*ret = candidate;
	}
}

static Str nearest(const Planner *p, const Scope *scope, Str name)
{
	Str found = STR("");
	size_t best = EDITS_MAX + 1;
	if (p->unset_asked > NEAR_ASKED_MAX || scope->vars.len > NAMES_MAX)
		return found;
	for (size_t i = 0; i < scope->vars.len; i++)
		take_nearer(name, scope->vars.slots[i].key, &best, &found);
	return found;
}

static bool is_declared(const StageWork *s, Str name)
{
	for (size_t i = 0; i < s->args.len; i++)
		if (str_eq(s->args.at[i].name, name))
			return true;
	return false;
}

void plan_see_unset(Planner *p, const StageWork *s)
{
	for (size_t i = 0; i < p->unset.len; i++) {
		Str name = p->unset.at[i];
		if (++p->unset_asked == UNSET_ASKED_MAX + 1)
			VEC_PUSH(&p->warnings, STR("more than 1000 uses of variables that are "
			                           "not set: no more of them are told"));
		if (p->unset_asked > UNSET_ASKED_MAX || s->args.len > NAMES_MAX ||
		    is_declared(s, name))
			continue;
		PlanFact fact = fact_of(p, PLAN_SAW_UNSET, s, name);
		fact.near = nearest(p, &s->scope, name);
		add(p, fact);
	}
}

/* The nearest of the global ARGs, those without a value too; *RET_DECLARED: it is one of them. */
static Str nearest_global(Planner *p, Str name, bool *ret_declared)
{
	Str found = STR("");
	size_t best = EDITS_MAX + 1;
	*ret_declared = false;
	if (++p->unset_asked > UNSET_ASKED_MAX)
		return found;
	for (size_t i = 0; i < p->file->node_count && p->file->nodes[i].id != INST_FROM; i++) {
		const Node *n = &p->file->nodes[i];
		for (size_t k = 0; n->id == INST_ARG && k < n->pair_count; k++) {
			*ret_declared = *ret_declared || str_eq(n->pairs[k].key.text, name);
			take_nearer(name, n->pairs[k].key.text, &best, &found);
		}
	}
	for (size_t i = 0; i < p->globals.vars.len; i++)
		take_nearer(name, p->globals.vars.slots[i].key, &best, &found);
	return found;
}

static void see_uses(Planner *p, uint32_t stage, const Node *node)
{
	for (size_t i = 0; i < p->found.len; i++)
		add(p, (PlanFact){ .kind = PLAN_SAW_USE,
		                   .stage = stage,
		                   .other = STAGE_NONE,
		                   .node = node,
		                   .place = node,
		                   .text = p->found.at[i] });
}

void plan_see_from(Planner *p, const StageWork *s)
{
	for (size_t i = 0; i < p->unset.len; i++) {
		bool declared;
		PlanFact fact = fact_of_from(PLAN_SAW_FROM_UNSET, s, p->unset.at[i]);
		fact.near = nearest_global(p, fact.text, &declared);
		if (!declared && p->unset_asked <= UNSET_ASKED_MAX)
			add(p, fact);
	}
	see_uses(p, s->index, s->from);
}

void plan_see_platform(Planner *p, const StageWork *s, Word word, Str text)
{
	const Var *target = plan_scope_find(&p->globals, STR("TARGETPLATFORM"));
	if (p->unset.len)
		return;
	if (!p->found.len)
		add(p, fact_of_from(PLAN_SAW_CONST_PLATFORM, s, text));
	else if (p->found.len == 1 && target && str_eqc(p->found.at[0], "TARGETPLATFORM") &&
	         str_eq(text, target->value))
		add(p, fact_of_from(PLAN_SAW_TARGET_PLATFORM, s, word.text));
}

/* --- ARG -------------------------------------------------------------------------------------- */

void plan_see_global_arg(Planner *p, const Node *node, const struct NodePair *pair, Str value,
                         bool expanded)
{
	add(p, (PlanFact){ .kind = PLAN_SAW_GLOBAL_ARG,
	                   .stage = STAGE_NONE,
	                   .other = STAGE_NONE,
	                   .node = node,
	                   .place = node,
	                   .text = pair->key.text,
	                   .value = value });
	if (expanded)
		see_uses(p, STAGE_NONE, node);
}

void plan_see_arg(Planner *p, const StageWork *s, const struct NodePair *pair, Str value,
                  PlanArgValue how)
{
	PlanFact arg = fact_of(p, PLAN_SAW_ARG, s, pair->key.text);
	arg.value = value;
	arg.other = how;
	add(p, arg);
	const Var *before = plan_scope_find(&s->scope, pair->key.text);
	if (how == PLAN_ARG_NONE || !before || !before->is_env || str_eq(before->value, value))
		return;
	PlanFact shadowed = fact_of(p, PLAN_SAW_SHADOWED, s, pair->key.text);
	shadowed.origin = before->origin;
	add(p, shadowed);
}

/* --- FROM without --build-arg ----------------------------------------------------------------- */

/* The global ARGs by their defaults alone; false if one cannot be expanded. */
static bool set_defaults(Planner *p, Scope *scope)
{
	ExpandScope expand = plan_expand_scope(p, scope);
	for (size_t i = 0; i < p->file->node_count && p->file->nodes[i].id != INST_FROM; i++) {
		const Node *n = &p->file->nodes[i];
		for (size_t k = 0; n->id == INST_ARG && k < n->pair_count; k++) {
			const struct NodePair *pair = &n->pairs[k];
			Str value;
			if (!pair->has_value)
				continue;
			AUTO_ERR Err *e = expand_word(p->arena, &expand, pair->value, &value);
			if (e)
				return false; /* the build says it, unless an argument helps */
			AUTO_ERR Err *full = plan_grow(p, 2 * value.len, n->span);
			if (full)
				return false; /* so is the plan */
			plan_scope_set(p->arena, scope, pair->key.text, value, n->span);
		}
	}
	return true;
}

static void scope_done(Scope *scope)
{
	map_done(&scope->vars);
}

static bool is_stage(Planner *p, const Map *stages, Str name)
{
	return map_find(stages, plan_lower(p->arena, name)) != NULL;
}

void plan_see_defaults(Planner *p)
{
	CLEANUP(scope_done) Scope scope = { 0 };
	if (!p->request->facts)
		return;
	plan_scope_copy(&scope, &p->globals);
	if (!set_defaults(p, &scope))
		return;
	ExpandScope expand = plan_expand_scope(p, &scope);
	AUTO_MAP Map stages = { 0 }; /* the names of the FROMs so far */
	uint32_t stage = 0;
	for (size_t i = 0; i < p->file->node_count; i++) {
		const Node *n = &p->file->nodes[i];
		Str name;
		Reference ref;
		if (n->id != INST_FROM)
			continue;
		AUTO_ERR Err *e = expand_word(p->arena, &expand, n->words[0], &name);
		if (e)
			return; /* as above */
		AUTO_ERR Err *bad = reference_parse(p->arena, name, &ref);
		if (bad && !is_stage(p, &stages, name))
			add(p, (PlanFact){ .kind = PLAN_SAW_BAD_DEFAULT,
			                   .stage = stage,
			                   .other = STAGE_NONE,
			                   .node = n,
			                   .place = n,
			                   .text = n->words[0].text });
		if (n->word_count == 3)
			(void)map_put(&stages, plan_lower(p->arena, n->words[2].text), p);
		stage++;
	}
}
