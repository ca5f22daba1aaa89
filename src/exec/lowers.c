/* lowers.c - the layers of a step as directories to be mounted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/run.h"

/*
 * Empty layers change nothing; of one that occurs twice only the upper one counts (overlay refuses
 * the same directory twice).
 */
Err *lowers_open(Build *b, uint32_t step, Arena *a, Lowers *ret)
{
	const StepState *s = &b->states[step];
	ret->fds = arena_alloc(a, (s->layer_count + 1) * sizeof(int), _Alignof(int));
	Digest *top_first = arena_alloc(a, (s->layer_count + 1) * sizeof(Digest), _Alignof(Digest));
	for (size_t i = s->layer_count; i-- > 0;) {
		const LayerRef *l = &s->layers[i];
		bool twice = false;
		for (size_t k = 0; k < ret->count && !twice; k++)
			twice = digest_eq(&top_first[k], &l->diff_id);
		if (l->empty || twice)
			continue;
		TRY(layer_need_dir(b->store, &l->diff_id, sandbox_overlay_prefix(), b->cancel));
		TRY(store_layer_open_dir(b->store, &l->diff_id, &ret->fds[ret->count]));
		top_first[ret->count++] = l->diff_id; /* from now on lowers_close closes it */
		ret->base_count += l->created_ns == IMAGE_TIME_NONE;
	}
	ret->diff_ids = arena_alloc(a, (ret->count + 1) * sizeof(Digest), _Alignof(Digest));
	for (size_t i = 0; i < ret->count; i++)
		ret->diff_ids[i] = top_first[ret->count - 1 - i];
	return NULL;
}

void lowers_close(Lowers *l)
{
	for (size_t i = 0; i < l->count; i++)
		close(l->fds[i]);
	l->count = 0;
}
