/* result_steps.c - the steps that an image is made of, as provenance tells them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/result-internal.h"

bool *result_steps(const Build *b, size_t number)
{
	const Plan *plan = &b->plan;
	bool *used = xcalloc(plan->step_count + 1, sizeof *used);
	used[plan->stages[plan->results[number].stage].last_step] = true;
	/* What a step needs stands before it. */
	for (size_t i = plan->step_count; i > 0; i--) {
		const Step *step = &plan->steps[i - 1];
		if (!used[i - 1])
			continue;
		if (step->parent != STEP_NONE)
			used[step->parent] = true;
		for (size_t k = 0; k < step->need_count; k++)
			used[step->needs[k]] = true;
	}
	return used;
}

typedef struct Told {
	Build *b;
	Arena *a;
	uint32_t *numbers;  /* of a step of the plan → in what is told */
	uint32_t *contexts; /* of a directory; STEP_NONE: nothing takes from it */
	ProvenanceStep *steps;
	size_t count;
} Told;

static const Str *redact_all(Arena *a, const Strs *from)
{
	Str *to = arena_alloc(a, (from->count + 1) * sizeof *to, _Alignof(Str));
	for (size_t i = 0; i < from->count; i++)
		to[i] = remote_redact(a, from->at[i]);
	return to;
}

static void tell_contexts(Told *t, const bool *used)
{
	const Plan *plan = &t->b->plan;
	for (uint32_t index = 0; index <= t->b->request->directory_count; index++) {
		bool taken = false;
		for (size_t i = 0; i < plan->step_count && !taken; i++)
			taken = used[i] && result_uses_context(t->b, &plan->steps[i], index);
		t->contexts[index] = taken ? (uint32_t)t->count : STEP_NONE;
		if (!taken)
			continue;
		t->steps[t->count++] = (ProvenanceStep){
			.kind = PROVENANCE_SOURCE,
			.identifier = arena_strf(t->a, "local://%.*s",
			                         STR_ARG(result_context_name(t->b, index))),
		};
	}
}

static void set_inputs(Told *t, const Step *step, ProvenanceStep *told)
{
	size_t most = 1 + step->need_count + t->b->request->directory_count + 1;
	uint32_t *inputs = arena_alloc(t->a, most * sizeof *inputs, _Alignof(uint32_t));
	if (step->parent != STEP_NONE)
		inputs[told->input_count++] = t->numbers[step->parent];
	for (size_t i = 0; i < step->need_count; i++)
		inputs[told->input_count++] = t->numbers[step->needs[i]];
	for (uint32_t i = 0; i <= t->b->request->directory_count; i++)
		if (result_uses_context(t->b, step, i))
			inputs[told->input_count++] = t->contexts[i];
	told->inputs = inputs;
}

/* The lines of the file itself: triggers of a base image stand in none. */
static void set_lines(const Build *b, const Step *step, ProvenanceStep *told)
{
	unsigned column;
	Span end = step->span;
	if (step->span.src != b->source || step->span.start >= b->source->text.len)
		return;
	end.start = end.end > end.start ? end.end - 1 : end.start;
	err_line_column(step->span, &told->first_line, &column);
	err_line_column(end, &told->last_line, &column);
}

/* A layer that is not here any more (all of it was cached) has no size: then none is told. */
static void set_layers(Told *t, const Step *step, ProvenanceStep *told)
{
	const StepState *s = &t->b->states[step->number];
	ProvenanceLayer *layers =
		arena_alloc(t->a, (s->layer_count + 1) * sizeof *layers, _Alignof(ProvenanceLayer));
	for (size_t i = 0; i < s->layer_count; i++) {
		StoreLayer known;
		AUTO_ERR Err *e = store_layer_get(t->b->store, &s->layers[i].diff_id, &known);
		if (e)
			return;
		layers[i] = (ProvenanceLayer){ known.diff_id, known.tar_bytes };
	}
	told->layers = layers;
	told->layer_count = s->layer_count;
}

static void set_source(Told *t, const Step *step, ProvenanceStep *told)
{
	told->kind = PROVENANCE_SOURCE;
	if (step->kind == STEP_FETCH)
		told->identifier = remote_redact(
			t->a, step->fetch.is_main ? t->b->request->remote
		                                            ? t->b->request->remote->shown
		                                            : STR("local://context")
						  : step->fetch.remote.shown);
	else if (step->base.scratch)
		told->identifier = STR("scratch");
	else
		told->identifier = arena_strf(t->a, "docker-image://%s",
		                              reference_full(t->a, &step->base.image.ref).ptr);
}

static void set_copy(Told *t, const Step *step, ProvenanceStep *told)
{
	const CopyArgs *copy = &step->copy;
	Str *sources = arena_alloc(t->a, (copy->source_count + 1) * sizeof *sources, _Alignof(Str));
	for (size_t i = 0; i < copy->source_count; i++)
		sources[i] = remote_redact(t->a, copy->sources[i].path);
	told->kind = PROVENANCE_COPY;
	told->args = sources;
	told->arg_count = copy->source_count;
	told->path = copy->dest;
}

static void set_run(Told *t, const Step *step, ProvenanceStep *told)
{
	const RunArgs *run = &step->run;
	told->kind = PROVENANCE_EXEC;
	told->args = redact_all(t->a, &run->argv);
	told->arg_count = run->argv.count;
	told->env = redact_all(t->a, &run->key_env); /* without the proxies of this machine */
	told->env_count = run->key_env.count;
	told->path = run->cwd;
	told->user = run->user;
	told->network = run->network;
	told->insecure = run->insecure;
}

static void tell_step(Told *t, const Step *step)
{
	ProvenanceStep *told = &t->steps[t->count];
	*told = (ProvenanceStep){ .title = step->title };
	switch (step->kind) {
	case STEP_BASE:
	case STEP_FETCH:
		set_source(t, step, told);
		break;
	case STEP_RUN:
		set_run(t, step, told);
		break;
	case STEP_COPY:
		set_copy(t, step, told);
		break;
	case STEP_WORKDIR:
		told->kind = PROVENANCE_MKDIR;
		told->path = step->workdir.path;
		break;
	}
	set_inputs(t, step, told);
	set_lines(t->b, step, told);
	set_layers(t, step, told);
	t->numbers[step->number] = (uint32_t)t->count++;
}

Err *result_provenance_steps(Build *b, const bool *steps, Provenance *prov)
{
	const Plan *plan = &b->plan;
	size_t contexts = b->request->directory_count + 1;
	AUTO_FREE uint32_t *numbers = xcalloc(plan->step_count + 1, sizeof *numbers);
	AUTO_FREE uint32_t *of_contexts = xcalloc(contexts, sizeof *of_contexts);
	Told t = { .b = b, .a = b->arena, .numbers = numbers, .contexts = of_contexts };
	t.steps = arena_alloc(b->arena, (plan->step_count + contexts) * sizeof *t.steps,
	                      _Alignof(ProvenanceStep));
	tell_contexts(&t, steps);
	for (size_t i = 0; i < plan->step_count; i++)
		if (steps[i])
			tell_step(&t, &plan->steps[i]);
	prov->steps = t.steps;
	prov->step_count = t.count;
	return NULL;
}
