/*
 * order.c - the missing steps as a graph, and a heap of those that may start.
 *
 * Costs are learnt: the record of a step's own text says what it took the last time, whatever it
 * was built on.  They are looked up only where there is a choice.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/order.h"

#define MS_NS INT64_C(1000000)

void order_init(Order *o, Build *b)
{
	size_t n = b->plan.step_count;
	*o = (Order){ .build = b };
	o->needed = xcalloc(n + 1, sizeof *o->needed);
	o->open = xcalloc(n + 1, sizeof *o->open);
	o->first = xcalloc(n + 2, sizeof *o->first);
	o->way_ns = xcalloc(n + 1, sizeof *o->way_ns);
	o->ready = xcalloc(n + 1, sizeof *o->ready);
}

void order_done(Order *o)
{
	free(o->needed);
	free(o->open);
	free(o->first);
	free(o->dependents);
	free(o->way_ns);
	free(o->ready);
	*o = (Order){ 0 };
}

static bool is_missing(const Order *o, uint32_t step)
{
	return o->needed[step] && o->build->states[step].status != STEP_KNOWN;
}

/*
 * Backwards from the last step.  Base images count as steps of their own here, so that their layers
 * are pulled from the first moment on, beside everything else.
 */
void order_need(Order *o, uint32_t step)
{
	Build *b = o->build;
	o->needed[step] = true;
	for (uint32_t i = step + 1; i-- > 0;) {
		const Step *st = &b->plan.steps[i];
		if (o->needed[i] && st->kind == STEP_BASE && !b->states[i].here)
			b->states[i].status = STEP_WAITING;
		if (!is_missing(o, i))
			continue;
		if (st->parent != STEP_NONE)
			o->needed[st->parent] = true;
		for (size_t k = 0; k < st->need_count; k++)
			o->needed[st->needs[k]] = true;
	}
}

/* --- costs ----------------------------------------------------------------------------------- */

/* Bytes that have to come through the network, at what a good line brings. */
static int64_t cost_of_base(Build *b, const Step *step)
{
	enum { ASK_MS = 100, NS_A_BYTE = 20 };
	const Manifest *m = resolve_missing(b, step);
	uint64_t bytes = 0;
	for (size_t i = 0; m && i < m->layer_count; i++)
		bytes += m->layers[i].size < UINT32_MAX ? m->layers[i].size : UINT32_MAX;
	return m ? ASK_MS * MS_NS + (int64_t)bytes * NS_A_BYTE : 0;
}

static int64_t cost_of_step(Build *b, const Step *step, bool learnt)
{
	static const int64_t usual_ns[] = {
		[STEP_BASE] = 0,
		[STEP_RUN] = 1000 * MS_NS,
		[STEP_COPY] = 20 * MS_NS,
		[STEP_WORKDIR] = 2 * MS_NS,
		[STEP_FETCH] = 500 * MS_NS,
	};
	int64_t ns = usual_ns[step->kind];
	if (step->kind == STEP_BASE)
		return cost_of_base(b, step);
	if (learnt && step->kind != STEP_FETCH) {
		Digest key = key_of_definition(b, step);
		(void)record_cost(b, &key, &ns);
	}
	return ns;
}

/* Each step comes after what it needs: backwards, the ways after a step are known before its own.
 */
static void find_ways(Order *o, bool learnt)
{
	Build *b = o->build;
	for (size_t i = b->plan.step_count; i-- > 0;) {
		int64_t longest = 0;
		if (!is_missing(o, (uint32_t)i))
			continue;
		for (uint32_t k = o->first[i]; k < o->first[i + 1]; k++)
			if (o->way_ns[o->dependents[k]] > longest)
				longest = o->way_ns[o->dependents[k]];
		int64_t cost = cost_of_step(b, &b->plan.steps[i], learnt);
		o->way_ns[i] = longest + (cost < INT64_MAX / 4 - longest ? cost : 0);
	}
}

/* --- the heap -------------------------------------------------------------------------------- */

static bool goes_before(const Order *o, uint32_t a, uint32_t b)
{
	return o->way_ns[a] != o->way_ns[b] ? o->way_ns[a] > o->way_ns[b] : a < b;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t t = *a;
	*a = *b;
	*b = t;
}

static void push(Order *o, uint32_t step)
{
	size_t at = o->ready_count++;
	o->ready[at] = step;
	for (; at && goes_before(o, o->ready[at], o->ready[(at - 1) / 2]); at = (at - 1) / 2)
		swap(&o->ready[at], &o->ready[(at - 1) / 2]);
}

uint32_t order_take(Order *o)
{
	if (!o->ready_count)
		return STEP_NONE;
	uint32_t top = o->ready[0];
	o->ready[0] = o->ready[--o->ready_count];
	for (size_t at = 0;;) {
		size_t best = at;
		for (size_t below = 2 * at + 1; below <= 2 * at + 2 && below < o->ready_count;
		     below++)
			if (goes_before(o, o->ready[below], o->ready[best]))
				best = below;
		if (best == at)
			return top;
		swap(&o->ready[at], &o->ready[best]);
		at = best;
	}
}

/* --- the graph ------------------------------------------------------------------------------- */

typedef void EachNeed(Order *o, uint32_t step, uint32_t need);

static void each_open_need(Order *o, EachNeed *each)
{
	const Plan *p = &o->build->plan;
	for (uint32_t i = 0; i < p->step_count; i++) {
		const Step *step = &p->steps[i];
		if (!is_missing(o, i))
			continue;
		if (step->parent != STEP_NONE && is_missing(o, step->parent))
			each(o, i, step->parent);
		for (size_t k = 0; k < step->need_count; k++)
			if (is_missing(o, step->needs[k]))
				each(o, i, step->needs[k]);
	}
}

static void count_need(Order *o, uint32_t step, uint32_t need)
{
	o->open[step]++;
	o->first[need + 1]++;
}

/* first[NEED] runs ahead while its dependents are filled in, and is set back after that. */
static void add_dependent(Order *o, uint32_t step, uint32_t need)
{
	o->dependents[o->first[need]++] = step;
}

static void connect(Order *o)
{
	size_t n = o->build->plan.step_count;
	each_open_need(o, count_need);
	for (size_t i = 0; i < n; i++)
		o->first[i + 1] += o->first[i];
	o->dependents = xcalloc(o->first[n] + 1, sizeof *o->dependents);
	each_open_need(o, add_dependent);
	memmove(o->first + 1, o->first, n * sizeof *o->first);
	o->first[0] = 0;
}

void order_begin(Order *o, unsigned jobs)
{
	size_t n = o->build->plan.step_count;
	for (uint32_t i = 0; i < n; i++)
		o->left += is_missing(o, i);
	connect(o);
	find_ways(o, o->left > jobs); /* else each step starts as soon as it can */
	for (uint32_t i = 0; i < n; i++)
		if (is_missing(o, i) && !o->open[i])
			push(o, i);
}

void order_known(Order *o, uint32_t step)
{
	o->left--;
	for (uint32_t k = o->first[step]; k < o->first[step + 1]; k++)
		if (--o->open[o->dependents[k]] == 0)
			push(o, o->dependents[k]);
}
