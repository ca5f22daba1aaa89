/* state.c - root file systems as stacks of layers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"
#include "exec/image.h"
#include "layer/layer.h"

Err *state_view(Build *b, uint32_t step, View **ret)
{
	const StepState *s = &b->states[step];
	AUTO_FREE Digest *ids = xcalloc(s->layer_count, sizeof *ids);
	size_t n = 0;
	for (size_t i = 0; i < s->layer_count; i++)
		if (!s->layers[i].empty)
			ids[n++] = s->layers[i].diff_id;
	return view_open(b->store, ids, n, ret);
}

Err *state_need_base(Build *b, uint32_t step)
{
	const Step *steps = b->plan.steps;
	while (steps[step].parent != STEP_NONE)
		step = steps[step].parent;
	return steps[step].kind == STEP_BASE ? resolve_need_layers(b, step) : NULL;
}

static Digest add_identity(const Digest *below, const Digest *layer)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add(&h, below, sizeof *below);
	sha256_add(&h, layer, sizeof *layer);
	return sha256_end(&h);
}

static void *locked_alloc(Build *b, size_t size, size_t align)
{
	(void)pthread_mutex_lock(&b->mutex);
	void *p = arena_alloc(b->arena, size, align);
	(void)pthread_mutex_unlock(&b->mutex);
	return p;
}

static LayerRef *new_layers(Build *b, size_t count)
{
	return locked_alloc(b, (count + 1) * sizeof(LayerRef), _Alignof(LayerRef));
}

void state_set(Build *b, const Step *step, const StepResult *result, bool cached)
{
	StepState *s = &b->states[step->number];
	const StepState nothing = { 0 };
	const StepState *parent = step->parent == STEP_NONE ? &nothing : &b->states[step->parent];
	s->layer_count = parent->layer_count + 1;
	s->layers = new_layers(b, s->layer_count);
	if (parent->layer_count)
		memcpy(s->layers, parent->layers, parent->layer_count * sizeof *s->layers);
	s->layers[parent->layer_count] = (LayerRef){
		.diff_id = result->diff_id,
		.identity = result->identity,
		.size_bytes = result->size_bytes,
		.empty = result->empty,
		.created_ns = result->created_ns,
	};
	/* An empty layer changes nothing that a later step could see. */
	s->identity = result->empty ? parent->identity
	                            : add_identity(&parent->identity, &result->identity);
	s->cached = cached;
	s->trace.cost_ns = result->cost_ns;
	s->result = *result;
}

void state_set_base(Build *b, const Step *step)
{
	StepState *s = &b->states[step->number];
	const ImageConfig *config = &step->base.image.config;
	size_t count = step->base.scratch ? 0 : config->diff_id_count;
	s->layers = new_layers(b, count);
	s->layer_count = count;
	s->identity = (Digest){ 0 };
	s->here = step->base.scratch;
	for (size_t i = 0; i < count; i++) {
		s->layers[i] = (LayerRef){ .diff_id = config->diff_ids[i],
			                   .identity = config->diff_ids[i],
			                   .created_ns = IMAGE_TIME_NONE };
		s->identity = add_identity(&s->identity, &config->diff_ids[i]);
	}
}

StepResult state_result_of_layer(const StoreLayer *layer, int64_t created_ns, int64_t cost_ns)
{
	enum { EMPTY_TAR_BYTES = 1024 }; /* the two end blocks alone */
	return (StepResult){
		.diff_id = layer->diff_id,
		.identity = layer->identity,
		.size_bytes = layer->size_bytes,
		.empty = layer->tar_bytes == EMPTY_TAR_BYTES,
		.created_ns = created_ns,
		.cost_ns = cost_ns,
		.from = STR(""),
	};
}

Err *state_check_layer(Build *b, const Digest *diff_id, StoreLayer *ret)
{
	TRY(store_layer_get(b->store, diff_id, ret));
	if (!ret->suspect)
		return layer_check(b->store, diff_id, b->cancel);
	/* Its files may belong to subordinate ids: only inside the namespace can they be read. */
	TRY(sandbox_enter());
	Err *e = image_check_layer(b->store, diff_id, b->cancel);
	if (e && err_kind(e) == ERR_CORRUPT) {
		Str notes = err_notes(e);
		progress_warning(b->progress, 0, "%.*s: %.*s", STR_ARG(err_cause(e)),
		                 STR_ARG(str_trim(notes)));
	}
	return e;
}
