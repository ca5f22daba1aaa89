/* ops.c - one stage, instruction by instruction: the table, and what every handler uses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

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

static bool is_among(FlagId id, const FlagId *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* What NODE's instruction takes beside IDS, for the note. */
static Err *refuse_flag(const Node *node, const NodeFlag *flag, const FlagId *ids, size_t count)
{
	AUTO_BUF Buf others = BUF_INIT;
	const char *name = instruction_table[node->id].name;
	for (FlagId id = 0; id < FLAG_COUNT; id++)
		if ((flag_table[id].instructions & (1u << node->id)) && !is_among(id, ids, count))
			buf_addf(&others, "%s--%s", others.len ? ", " : "", flag_table[id].name);
	Err *e = plan_not_yet(flag->name.span, "%s --%s", name, flag_table[flag->id].name);
	return err_note(e, "of %s's flags this version knows %s", name, others.ptr);
}

Err *plan_refuse_flags(const Node *node, const FlagId *ids, size_t count)
{
	for (size_t i = 0; i < node->flag_count; i++) {
		const NodeFlag *f = &node->flags[i];
		bool off = f->has_value && flag_table[f->id].value == FLAG_BOOLEAN &&
		           (f->value.text.ptr[0] | 0x20) == 'f';
		if (!off && is_among(f->id, ids, count))
			return refuse_flag(node, f, ids, count);
	}
	return NULL;
}

Step *plan_add_step(Planner *p, StageWork *s, StepKind kind, const Node *node)
{
	uint32_t number = (uint32_t)p->steps.len;
	VEC_PUSH(&p->steps, (Step){
				    .number = number,
				    .kind = kind,
				    .span = node->span,
				    .node = node,
				    .stage = s->index,
				    .parent = s->last_step,
				    .position = ++s->position,
				    .total = s->total,
				    .created_by = STR(""),
			    });
	s->last_step = number;
	return &p->steps.at[number];
}

/* The history as it stands goes out with the stage: stages FROM it begin with a copy. */
static void finish(Planner *p, StageWork *s)
{
	PlanStage *out = s->out;
	out->last_step = s->last_step;
	out->history_count = s->history.len;
	out->history = arena_alloc(p->arena, (s->history.len + 1) * sizeof *out->history,
	                           _Alignof(PlanHistory));
	if (s->history.len)
		memcpy(out->history, s->history.at, s->history.len * sizeof *out->history);
}

Err *plan_stage(Planner *p, StageWork *s)
{
	Err *e = plan_FROM(p, s, s->from);
	if (e)
		return err_place(e, s->from->span);
	for (size_t i = 0; i < s->node_count; i++) {
		const Node *n = &s->nodes[i];
		e = table[n->id](p, s, n);
		if (e)
			return err_place(e, n->span);
	}
	finish(p, s);
	return NULL;
}
