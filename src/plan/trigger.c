/*
 * trigger.c - ONBUILD triggers: what a base left to be done in those that are FROM it.
 *
 * Those of an image are texts of its config, and foreign; each is a Source of its own, so that an
 * error in it can show it.  Those of a stage are instructions of this file.  They are run in their
 * order right after FROM, once: what is FROM the stage that ran them does not run them again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

typedef VEC(const Node *) NodeVec;

static Err *read_of_image(Planner *p, const StageWork *s, NodeVec *ret)
{
	const Strs *texts = &s->image->config.on_build;
	Str image = s->context ? s->context->value : s->base.text;
	for (size_t i = 0; i < texts->count; i++) {
		Source *source = arena_new(p->arena, Source);
		*source = (Source){ arena_strf(p->arena, "trigger %zu of image '%.*s'", i + 1,
			                       STR_ARG(image))
			                    .ptr,
			            texts->at[i] };
		const Node *node;
		Command trigger = { .is_trigger = true };
		Err *e = dockerfile_parse_trigger(p->arena, source, &node);
		if (e)
			return plan_note_trigger(s, &trigger, e);
		VEC_PUSH(ret, node);
	}
	return NULL;
}

static void read_of_stage(const StageWork *base, NodeVec *ret)
{
	/* A trigger is no ONBUILD itself: only the stage's own count. */
	for (size_t i = base->trigger_count; i < base->command_count; i++)
		if (base->commands[i].node->id == INST_ONBUILD)
			VEC_PUSH(ret, base->commands[i].node->onbuild);
}

static Err *read_triggers(Planner *p, const StageWork *s, NodeVec *ret)
{
	if (s->replaced)
		return NULL; /* it is the base, whole: its triggers are for those FROM it */
	if (s->base_stage == STAGE_NONE)
		return s->image ? read_of_image(p, s, ret) : NULL;
	const StageWork *base = &p->stages[s->base_stage];
	if (base->replaced)
		return base->image ? read_of_image(p, base, ret) : NULL;
	read_of_stage(base, ret);
	return NULL;
}

static Err *add(Planner *p, StageWork *s, const NodeVec *triggers)
{
	size_t count = triggers->len + s->command_count;
	TRY(plan_grow(p, count * sizeof(Command), s->base.span));
	Command *commands = arena_alloc(p->arena, count * sizeof *commands, _Alignof(Command));
	for (size_t i = 0; i < triggers->len; i++) {
		commands[i] = (Command){ .node = triggers->at[i], .is_trigger = true };
		Err *e = plan_read_refs(p, s, &commands[i]);
		if (e)
			return plan_note_trigger(s, &commands[i], e);
		s->total += plan_is_counted(commands[i].node);
	}
	if (s->command_count)
		memcpy(&commands[triggers->len], s->commands, s->command_count * sizeof *commands);
	s->commands = commands;
	s->command_count = count;
	s->trigger_count = triggers->len;
	return NULL;
}

Err *plan_add_triggers(Planner *p, StageWork *s)
{
	AUTO_VEC NodeVec triggers = { 0 };
	TRY(read_triggers(p, s, &triggers));
	return triggers.len ? add(p, s, &triggers) : NULL;
}

Err *plan_note_trigger(const StageWork *s, const Command *c, Err *err)
{
	unsigned line, column;
	if (!err || !c->is_trigger)
		return err;
	err_line_column(s->base.span, &line, &column);
	return err_note(err, "an ONBUILD trigger, run by FROM %.*s in %s:%u", STR_ARG(s->base.text),
	                s->base.span.src->name, line);
}
