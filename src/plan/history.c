/*
 * history.c - the created_by texts of an image's history, byte for byte as BuildKit writes them.
 *
 * They are Go's: a list is "[a b]" (%v) or "[\"a\" \"b\"]" (%q), and %q is strconv.Quote.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "plan/plan-internal.h"

void plan_add_history(StageWork *s, uint32_t step, Str text)
{
	VEC_PUSH(&s->history, (PlanHistory){ .step = step, .created_by = text, .author = STR("") });
	s->history_len = s->history.len;
}

/*
 * A stage's history begins with that of the stage it is FROM.  In a chain of stages each copy would
 * hold all before it; so the first child goes on in its parent's array, and the parent's history is
 * the start of the child's.  Only a second child copies.
 */
Err *plan_inherit_history(Planner *p, StageWork *s, StageWork *base)
{
	StageWork *owner = base;
	while (owner->history_owner != owner->index)
		owner = &p->stages[owner->history_owner];
	base->history_owner = owner->index; /* the way is short next time */
	s->history_len = base->history_len;
	if (owner == base) {
		s->history = base->history;
		base->history = (PlanHistoryVec){ 0 };
		base->history_owner = s->index;
		return NULL;
	}
	TRY(plan_grow(p, 2 * base->history_len * sizeof *s->history.at, s->base.span));
	for (size_t i = 0; i < base->history_len; i++)
		VEC_PUSH(&s->history, owner->history.at[i]);
	return NULL;
}

void plan_finish_histories(Planner *p)
{
	/* A later stage is the owner: from the last to the first each finds its owner's handed out.
	 */
	for (size_t i = p->stage_count; i-- > 0;) {
		StageWork *s = &p->stages[i];
		if (s->history_owner != s->index) {
			s->out->history = p->stages[s->history_owner].out->history;
		} else {
			size_t bytes = s->history.len * sizeof *s->history.at;
			s->out->history = arena_alloc(p->arena, bytes + 1, _Alignof(PlanHistory));
			if (bytes)
				memcpy(s->out->history, s->history.at, bytes);
		}
		s->out->history_count = s->history_len;
	}
}

Str plan_take_str(Planner *p, const Buf *b)
{
	p->bytes += b->len;
	return arena_str(p->arena, buf_str(b));
}

void plan_add_empty_history(Planner *p, StageWork *s, const Buf *text)
{
	plan_add_history(s, STEP_NONE, plan_take_str(p, text));
}

void plan_put_quoted(Buf *out, const Strs *list)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			buf_add_char(out, ' ');
		rune_add_quoted(out, list->at[i]);
	}
	buf_add_char(out, ']');
}

void plan_put_list(Buf *out, const Strs *list)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		if (i)
			buf_add_char(out, ' ');
		buf_add_str(out, list->at[i]);
	}
	buf_add_char(out, ']');
}

Str plan_run_history(Planner *p, const StageWork *s, const Strs *argv)
{
	/* An ARG given twice is shown once: at its first place, with the value in force. */
	AUTO_MAP Map shown = MAP_INIT;
	AUTO_BUF Buf args = BUF_INIT, text = BUF_INIT;
	for (size_t i = s->args.len; i-- > 0;)
		(void)map_put(&shown, s->args.at[i].name,
		              &s->args.at[i].value); /* of two, the first stays */
	for (size_t i = 0; i < s->args.len; i++) {
		const StageArg *arg = &s->args.at[i];
		if (map_get(&shown, arg->name) != &arg->value)
			continue;
		const Var *v = plan_scope_find(&s->scope, arg->name);
		buf_addf(&args, " %.*s=%.*s", STR_ARG(arg->name),
		         STR_ARG(v ? v->value : arg->value));
	}
	buf_addf(&text, "RUN");
	if (shown.len)
		buf_addf(&text, " |%zu", shown.len);
	buf_add_str(&text, buf_str(&args));
	for (size_t i = 0; i < argv->count; i++) {
		buf_add_char(&text, ' ');
		buf_add_str(&text, argv->at[i]);
	}
	buf_addf(&text, " # buildkit");
	return plan_take_str(p, &text);
}
