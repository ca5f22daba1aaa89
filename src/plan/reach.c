/*
 * reach.c - the stages that the target needs, and what their bases bring along.
 *
 * What a stage needs is known in full only when its base is: an image may have ONBUILD triggers
 * with a --from, which names a stage that nobody needed so far, whose base is an image again.  So
 * stages come in rounds: all that is needed by what is known; then their images, in file order;
 * then what their triggers need; until a round brings nothing new.  Each stage is looked at once,
 * and no image is asked for that only unneeded stages are FROM.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

typedef VEC(uint32_t) StageList;

typedef struct Reach {
	Planner *planner;
	StageList fresh; /* needed, not yet looked at */
	StageList way;   /* needed, whose edges are not yet walked */
} Reach;

static void need(Reach *r, uint32_t stage)
{
	PlanStage *out = r->planner->stages[stage].out;
	if (out->needed)
		return;
	out->needed = true;
	VEC_PUSH(&r->fresh, stage);
	VEC_PUSH(&r->way, stage);
}

static Err *too_late(const Planner *p, const StageWork *s, const FromRef *ref)
{
	Str later = p->stages[ref->stage].out->shown;
	if (ref->is_mount)
		return err_at(ref->word.span,
		              "cannot mount from stage '%.*s', stage needs to be defined before "
		              "current command",
		              STR_ARG(later));
	return err_at(ref->word.span,
	              "cannot copy from stage '%.*s', it needs to be defined before current stage "
	              "'%.*s'",
	              STR_ARG(later), STR_ARG(s->out->shown));
}

/* What instructions FROM to END of S take files of. */
static Err *need_refs(Reach *r, const StageWork *s, size_t from, size_t end)
{
	const Planner *p = r->planner;
	for (size_t i = from; i < end; i++) {
		const Command *c = &s->commands[i];
		for (size_t k = 0; k < c->ref_count; k++) {
			const FromRef *ref = &s->refs.at[c->first_ref + k];
			if (ref->kind != REF_STAGE)
				continue;
			if (ref->stage >= s->index)
				return plan_note_trigger(s, c, too_late(p, s, ref));
			need(r, ref->stage);
		}
	}
	return NULL;
}

/* All that is known to be needed by what is on the way. */
static Err *walk(Reach *r)
{
	while (r->way.len) {
		const StageWork *s = &r->planner->stages[r->way.at[--r->way.len]];
		if (s->base_stage != STAGE_NONE)
			need(r, s->base_stage);
		TRY(need_refs(r, s, s->trigger_count, s->command_count));
	}
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static Err *look_at(Reach *r, uint32_t number)
{
	Planner *p = r->planner;
	StageWork *s = &p->stages[number];
	if (s->has_platform)
		TRY(plan_check_platform(p, &s->wanted_platform, s->platform_span));
	if (s->base_stage == STAGE_NONE)
		TRY(plan_base_image(p, s));
	TRY(plan_add_triggers(p, s));
	return need_refs(r, s, 0, s->trigger_count);
}

static Err *reach(Reach *r)
{
	TRY(plan_check_platform(r->planner, &r->planner->request->platform, (Span){ 0 }));
	for (uint32_t i = 0; r->planner->request->all_stages && i < r->planner->stage_count; i++)
		need(r, i);
	need(r, r->planner->plan->target);
	TRY(walk(r));
	while (r->fresh.len) {
		AUTO_VEC StageList round = r->fresh;
		r->fresh = (StageList){ 0 };
		qsort(round.at, round.len, sizeof *round.at, by_number);
		plan_expect_images(r->planner, round.at, round.len);
		for (size_t i = 0; i < round.len; i++)
			TRY(look_at(r, round.at[i]));
		TRY(walk(r));
	}
	return NULL;
}

Err *plan_reach(Planner *p)
{
	Reach r = { .planner = p };
	Err *e = reach(&r);
	VEC_DONE(&r.fresh);
	VEC_DONE(&r.way);
	return e;
}
