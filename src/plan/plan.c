/* plan.c - from the parsed file to the plan: the phases in their order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

static void planner_done(Planner *p)
{
	for (size_t i = 0; i < p->stage_count; i++) {
		map_done(&p->stages[i].scope.vars);
		VEC_DONE(&p->stages[i].args);
		VEC_DONE(&p->stages[i].history);
		map_done(&p->stages[i].env_index);
		map_done(&p->stages[i].label_index);
		VEC_DONE(&p->stages[i].refs);
	}
	map_done(&p->args);
	map_done(&p->globals.vars);
	map_done(&p->names);
	map_done(&p->contexts);
	map_done(&p->images);
	map_done(&p->image_steps);
	map_done(&p->fetch_steps);
	VEC_DONE(&p->steps);
	VEC_DONE(&p->warnings);
	VEC_DONE(&p->uses);
	VEC_DONE(&p->found);
	VEC_DONE(&p->unset);
}

static void apply_labels(Planner *p)
{
	ImageConfig *config = &p->plan->stages[p->plan->target].config;
	for (size_t i = 0; i < p->request->label_count; i++)
		image_config_set_label(p->arena, config, p->request->labels[i].key,
		                       p->request->labels[i].value);
}

/* What the result is for: what --platform says, else what its base is. */
static void set_platform(Planner *p)
{
	ImageConfig *config = &p->plan->stages[p->plan->target].config;
	const Platform *wanted = &p->request->platform;
	if (p->request->platform_given) {
		bool same = str_eq(config->platform.os, wanted->os) &&
		            str_eq(config->platform.arch, wanted->arch);
		if (!same)
			config->os_version = STR("");
		if (!same || wanted->variant.len)
			config->platform.variant = wanted->variant;
		config->platform.os = wanted->os;
		config->platform.arch = wanted->arch;
	}
	platform_normalise(&config->platform);
}

static void hand_out(Planner *p)
{
	Plan *plan = p->plan;
	plan->results = arena_new(p->arena, PlanResult);
	plan->results[0] = (PlanResult){ plan->target, p->request->platform };
	plan->result_count = 1;
	plan->step_count = p->steps.len;
	plan->steps =
		arena_alloc(p->arena, (p->steps.len + 1) * sizeof *plan->steps, _Alignof(Step));
	if (p->steps.len)
		memcpy(plan->steps, p->steps.at, p->steps.len * sizeof *plan->steps);
	plan_finish_histories(p);
	plan->warning_count = p->warnings.len;
	plan->warnings = arena_alloc(p->arena, (p->warnings.len + 1) * sizeof *plan->warnings,
	                             _Alignof(Str));
	if (p->warnings.len)
		memcpy(plan->warnings, p->warnings.at, p->warnings.len * sizeof *plan->warnings);
	plan->use_count = p->uses.len;
	plan->uses =
		arena_alloc(p->arena, (p->uses.len + 1) * sizeof *plan->uses, _Alignof(PlanUse));
	if (p->uses.len)
		memcpy(plan->uses, p->uses.at, p->uses.len * sizeof *plan->uses);
}

static Err *make(Planner *p)
{
	TRY(plan_read_contexts(p));
	TRY(plan_globals(p));
	TRY(plan_cut_stages(p));
	TRY(plan_find_target(p));
	TRY(plan_check_cycles(p));
	TRY(plan_reach(p));
	for (size_t i = 0; i <= p->plan->target; i++)
		if (p->stages[i].out->needed)
			TRY(plan_stage(p, &p->stages[i]));
	apply_labels(p);
	set_platform(p);
	plan_warn_unused_args(p);
	plan_mark_looked_into(p);
	hand_out(p);
	return NULL;
}

Err *plan_check_target(Arena *a, const Dockerfile *file, Str target)
{
	Plan plan = { 0 };
	PlanRequest request = { .dockerfile = file, .target = target };
	CLEANUP(planner_done)
	Planner p = { .arena = a, .request = &request, .file = file, .plan = &plan };
	plan_name_stages(&p);
	/* A file without any is told by the plan. */
	return p.stage_count ? plan_find_target(&p) : NULL;
}

Err *plan_make(Arena *a, const PlanRequest *request, Plan *ret)
{
	Plan plan = { 0 };
	CLEANUP(planner_done)
	Planner p = { .arena = a, .request = request, .file = request->dockerfile, .plan = &plan };
	Err *e = make(&p); /* fills p.uses */
	TRY(plan_note_uses(p.uses.at, p.uses.len, e));
	*ret = plan;
	return NULL;
}
