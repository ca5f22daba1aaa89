/* graph.c - who needs whom: cycles among stages, and which steps are looked into. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

/* A stage on the way of the search, and which of its edges comes next: 0 is its base, N + 1 its
 * --from number N. */
typedef struct Visit {
	uint32_t stage;
	size_t next;
} Visit;

typedef enum Colour { UNSEEN, ON_THE_WAY, FINISHED } Colour;

/* Edge NUMBER of S; false if it leads to no stage. */
static bool edge(const StageWork *s, size_t number, uint32_t *ret_to, Span *ret_span)
{
	if (number == 0) {
		*ret_to = s->base_stage;
		*ret_span = s->base.span;
		return s->base_stage != STAGE_NONE;
	}
	const FromRef *ref = &s->refs.at[number - 1];
	*ret_to = ref->stage;
	*ret_span = ref->word.span;
	return ref->kind == REF_STAGE;
}

/* Depth first with a stack of our own: a chain may be as long as the file. */
static Err *find_cycle(const Planner *p, uint32_t start, uint8_t *colour, Visit *stack)
{
	size_t depth = 0;
	stack[depth++] = (Visit){ start, 0 };
	colour[start] = ON_THE_WAY;
	while (depth) {
		Visit *v = &stack[depth - 1];
		const StageWork *s = &p->stages[v->stage];
		if (v->next > s->refs.len) {
			colour[v->stage] = FINISHED;
			depth--;
			continue;
		}
		uint32_t to;
		Span span;
		if (!edge(s, v->next++, &to, &span) || colour[to] == FINISHED)
			continue;
		if (colour[to] == ON_THE_WAY)
			return err_at(span, "circular dependency detected on stage: %.*s",
			              STR_ARG(p->stages[to].out->shown));
		colour[to] = ON_THE_WAY;
		stack[depth++] = (Visit){ to, 0 };
	}
	return NULL;
}

Err *plan_check_cycles(const Planner *p)
{
	if (!p->has_forward)
		return NULL; /* all edges go back in the file */
	AUTO_FREE uint8_t *colour = xcalloc(p->stage_count, 1);
	AUTO_FREE Visit *stack = xreallocarray(NULL, p->stage_count, sizeof *stack);
	for (uint32_t i = 0; i < p->stage_count; i++)
		if (colour[i] == UNSEEN)
			TRY(find_cycle(p, i, colour, stack));
	return NULL;
}

/* All from step NUMBER down; stops where somebody was before. */
static void mark_down(Planner *p, uint32_t number)
{
	Step *steps = p->steps.at;
	for (uint32_t n = number; n != STEP_NONE && !steps[n].looked_into; n = steps[n].parent)
		steps[n].looked_into = true;
}

static bool is_numeric_owner(Str owner)
{
	for (size_t i = 0; i < owner.len; i++)
		if ((owner.ptr[i] < '0' || owner.ptr[i] > '9') && owner.ptr[i] != ':')
			return false;
	return true;
}

void plan_mark_looked_into(Planner *p)
{
	for (size_t i = 0; i < p->steps.len; i++) {
		const Step *step = &p->steps.at[i];
		for (size_t k = 0; k < step->need_count; k++)
			mark_down(p, step->needs[k]);
		switch (step->kind) {
		case STEP_BASE:
		case STEP_FETCH:
			break;
		case STEP_RUN:
		case STEP_WORKDIR:
			mark_down(p, step->parent);
			break;
		case STEP_COPY:
			/* A name is looked up in /etc/passwd of what is below. */
			if (!is_numeric_owner(step->copy.chown))
				mark_down(p, step->parent);
			break;
		}
	}
}
