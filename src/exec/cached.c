/* cached.c - a key that the store does not know → a result that a cache elsewhere has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/cached.h"

bool cached_is_wanted(const Build *b)
{
	const BuildRequest *r = b->request;
	if (!r->cached || r->no_cache)
		return false;
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (b->states[i].status != STEP_KNOWN && !build_is_uncached(b, &b->plan.steps[i]))
			return true;
	return false;
}

static bool find(const Build *b, const Digest *key, StepResult *ret, CacheFound *found)
{
	const BuildRequest *q = b->request;
	if (!q->cached || !cache_sources_find(q->cached, key, found))
		return false;
	const CacheRecord *r = found->record;
	if (q->cache_ttl_ns && r->created_ns < b->now_ns - q->cache_ttl_ns)
		return false;
	*ret = (StepResult){ .diff_id = r->diff_id,
		             .identity = r->identity,
		             .size_bytes = r->size_bytes,
		             .empty = r->empty,
		             .created_ns = r->created_ns,
		             .cost_ns = r->cost_ns,
		             .content = r->content,
		             .from = found->from };
	return true;
}

bool cached_find(const Build *b, const Digest *key, StepResult *ret)
{
	CacheFound found;
	return find(b, key, ret, &found);
}

bool cached_is_used(const Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (b->states[i].status == STEP_KNOWN && b->states[i].unverified)
			return true;
	return false;
}

/* A layer that came with an image has no marks of its own: with those of a cache, is it what R
 * says?
 */
static Err *is_marked_so(Build *b, const StepResult *r, bool *ret)
{
	CacheBlob blob;
	AUTO_LIST List *list = NULL;
	*ret = false;
	TRY(store_layer_list(b->store, &r->diff_id, &list));
	for (size_t at = 0;
	     !*ret && cache_sources_layer(b->request->cached, &r->diff_id, at, &blob); at++) {
		AUTO_LIST List *marked = NULL;
		Err *e = list_mark(list, blob.layer->marked ? &blob.layer->marks : NULL, &marked);
		err_free(e); /* marks of something else: not so */
		if (e)
			continue;
		Digest is = list_identity(marked);
		*ret = digest_eq(&is, &r->identity);
	}
	return NULL;
}

Err *cached_check(Build *b, StepResult *r, bool *ret_true)
{
	StoreLayer layer;
	TRY(store_layer_get(b->store, &r->diff_id, &layer));
	StepResult here = state_result_of_layer(&layer, r->created_ns, r->cost_ns);
	*ret_true = here.empty == r->empty;
	r->size_bytes = here.size_bytes;
	if (*ret_true && !digest_eq(&layer.identity, &r->identity))
		return is_marked_so(b, r, ret_true);
	return NULL;
}

/* Directories that the layer only implies look like those below it. */
static Err *adopt(Build *b, const Step *step, const StepResult *r)
{
	const StepState *parent = &b->states[step->parent];
	AUTO_FREE Digest *ids = xcalloc(parent->layer_count + 1, sizeof *ids);
	for (size_t i = 0; i < parent->layer_count; i++)
		ids[i] = parent->layers[i].diff_id;
	ids[parent->layer_count] = r->diff_id;
	TRY(state_need_base(b, step->parent));
	return layer_adopt_top(b->store, ids, parent->layer_count + 1);
}

Err *cached_take(Build *b, const Step *step, const Digest *key, StepResult *ret, bool *ret_found)
{
	CacheFound found;
	unsigned line = b->states[step->number].line;
	*ret_found = false;
	while (!*ret_found && find(b, key, ret, &found)) {
		bool here = false;
		TRY(cached_fetch(b, &ret->diff_id, line, &here));
		if (here)
			TRY(cached_check(b, ret, ret_found));
		if (here && !*ret_found)
			progress_warning(b->progress, line,
			                 "the cache of %.*s has another layer than it says",
			                 STR_ARG(ret->from));
		if (!*ret_found)
			cache_sources_drop(b->request->cached, &found);
	}
	return *ret_found ? adopt(b, step, ret) : NULL;
}
