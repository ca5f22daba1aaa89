/* ops.c - one stage, instruction by instruction: the table, and what every handler uses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "plan/plan-internal.h"

#include <stdarg.h>

/* An instruction without plan_<NAME>() does not link. */
static PlanFn *const table[INST_COUNT] = {
#define INSTRUCTION(name, ...) [INST_##name] = plan_##name,
#include "dockerfile/instructions.def"
#undef INSTRUCTION
};

Err *plan_not_yet(Span span, const char *fmt, ...)
{
	char text[200];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap); /* cut if longer: it is a message */
	va_end(ap);
	return err_at(span, "%s is not supported yet", text);
}

Err *plan_add_step(Planner *p, StageWork *s, StepKind kind, const Node *node, Step **ret)
{
	if (kind != STEP_BASE && ++s->layers > IMAGE_LAYERS_MAX)
		return err_at(node->span, "an image cannot have more than %d layers",
		              IMAGE_LAYERS_MAX);
	/* Twice while the list grows and is handed out; titles, records and a place in the build.
	 */
	TRY(plan_grow(p, 5 * sizeof(Step), node->span));
	Step *step = plan_add_source(p, s, kind, node, node->span);
	step->parent = s->last_step;
	step->position = ++s->position;
	step->total = s->total;
	s->last_step = step->number;
	*ret = step;
	return NULL;
}

Step *plan_add_source(Planner *p, const StageWork *s, StepKind kind, const Node *node, Span span)
{
	Step step = {
		.number = (uint32_t)p->steps.len,
		.kind = kind,
		.span = span,
		.node = node,
		.stage = s->index,
		.parent = STEP_NONE,
		.title = STR(""),
		.created_by = STR(""),
	};
	VEC_PUSH(&p->steps, step);
	return &p->steps.at[p->steps.len - 1];
}

void plan_step_needs(Planner *p, Step *step, uint32_t number)
{
	for (size_t i = 0; i < step->need_count; i++)
		if (step->needs[i] == number)
			return;
	uint32_t *more =
		arena_alloc(p->arena, (step->need_count + 1) * sizeof *more, _Alignof(uint32_t));
	if (step->need_count)
		memcpy(more, step->needs, step->need_count * sizeof *more);
	more[step->need_count++] = number;
	step->needs = more;
}

Err *plan_grow(Planner *p, size_t bytes, Span span)
{
	if (!__builtin_add_overflow(p->bytes, bytes, &p->bytes) && p->bytes <= PLAN_BYTES_MAX)
		return NULL;
	return err_note(
		err_at(span, "the plan of this file is larger than %u MiB", PLAN_BYTES_MAX >> 20),
		"long variables are used in many places, or many stages copy long lists");
}

Err *plan_stage(Planner *p, StageWork *s)
{
	p->stage = s;
	p->command = NULL;
	plan_see_stage(p, s);
	Err *e = plan_FROM(p, s, s->from);
	if (e)
		return err_place(e, s->from->span);
	for (size_t i = 0; i < s->command_count; i++) {
		const Node *n = s->commands[i].node;
		p->command = &s->commands[i];
		plan_see(p, PLAN_SAW_INSTRUCTION, s, STR(""));
		e = err_place(table[n->id](p, s, n), n->span);
		if (!e) /* and what was counted on the way */
			e = plan_grow(p, sizeof(PlanHistory), n->span);
		if (e)
			return plan_note_trigger(s, p->command, e);
	}
	s->out->last_step = s->last_step;
	return NULL;
}
