/* cached_out.c - what a build knows → the records of a cache (--cache-to). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/cached.h"

/* The rest of the config needs room as well. */
enum { INLINE_BYTES_MAX = IMAGE_CONFIG_BYTES_MAX / 2 };

static CacheRecord record_of(const StepState *s, bool in_result)
{
	const StepResult *r = &s->result;
	return (CacheRecord){ .key = s->trace.key,
		              .content = r->content,
		              .diff_id = r->diff_id,
		              .identity = r->identity,
		              .size_bytes = r->size_bytes,
		              .empty = r->empty,
		              .created_ns = r->created_ns,
		              .cost_ns = r->cost_ns,
		              .in_result = in_result };
}

static bool has_record(const Build *b, const Step *step)
{
	const StepState *s = &b->states[step->number];
	return step->kind != STEP_BASE && step->kind != STEP_FETCH && s->status == STEP_KNOWN &&
	       !digest_is_zero(&s->trace.key) && !s->by_hand;
}

static void mark_stage(const Build *b, uint32_t last, bool *in_result)
{
	for (uint32_t i = last; i != STEP_NONE; i = b->plan.steps[i].parent)
		in_result[i] = true;
}

Err *cached_gather(Build *b, CacheRecords *ret)
{
	size_t n = b->plan.step_count;
	AUTO_FREE bool *in_result = xcalloc(n + 1, sizeof *in_result);
	CacheRecord *all = arena_alloc(b->arena, (n + 1) * sizeof *all, _Alignof(CacheRecord));
	size_t count = 0;
	if (!b->request->cache_out)
		return NULL;
	for (size_t i = 0; i < b->plan.result_count; i++)
		mark_stage(b, b->plan.stages[b->plan.results[i].stage].last_step, in_result);
	for (size_t i = 0; i < n; i++) {
		if (has_record(b, &b->plan.steps[i]))
			all[count++] = record_of(&b->states[i], in_result[i]);
	}
	*ret = (CacheRecords){ .records = all,
		               .record_count = count,
		               .images = b->image_times,
		               .image_count = b->image_time_count };
	return NULL;
}

void cached_note_image(Build *b, const CacheImage *image)
{
	size_t n = b->image_time_count;
	CacheImage *all = arena_alloc(b->arena, (n + 1) * sizeof(CacheImage), _Alignof(CacheImage));
	if (n)
		memcpy(all, b->image_times, n * sizeof *all);
	all[n] = *image;
	b->image_times = all;
	b->image_time_count = n + 1;
}

/* The layers of an image, with the marks of those that its steps made. */
static Err *list_layers(Build *b, const ImageConfig *config, const CacheRecords *r, Arena *a,
                        CacheLayer **ret)
{
	size_t n = config->diff_id_count;
	*ret = arena_alloc(a, (n + 1) * sizeof(CacheLayer), _Alignof(CacheLayer));
	for (size_t i = 0; i < n; i++) {
		bool ours = false;
		(*ret)[i].diff_id = config->diff_ids[i];
		for (size_t k = 0; k < r->record_count && !ours; k++)
			ours = digest_eq(&r->records[k].diff_id, &config->diff_ids[i]);
		if (ours)
			TRY(cache_layer_mark(b->store, a, &(*ret)[i]));
	}
	return NULL;
}

/* What stage TARGET is made of; what a step needs stands before it. */
static void mark_needed(const Build *b, const PlanStage *target, bool *needed)
{
	needed[target->last_step] = true;
	for (size_t i = b->plan.step_count; i-- > 0;) {
		const Step *step = &b->plan.steps[i];
		if (needed[i] && step->parent != STEP_NONE)
			needed[step->parent] = true;
		for (size_t k = 0; needed[i] && k < step->need_count; k++)
			needed[step->needs[k]] = true;
	}
}

static void add_records(const Build *b, const bool *wanted, const bool *except, CacheRecords *r)
{
	for (size_t i = 0; i < b->plan.step_count && r->record_count < CACHE_RECORDS_MAX; i++)
		if (wanted[i] && !(except && except[i]) && has_record(b, &b->plan.steps[i]))
			r->records[r->record_count++] = record_of(&b->states[i], !except);
}

Err *cached_inline(Build *b, const PlanStage *target, const ImageConfig *config, CacheImage *image,
                   Arena *a, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_FREE bool *in_result = xcalloc(b->plan.step_count + 1, sizeof *in_result);
	AUTO_FREE bool *needed = xcalloc(b->plan.step_count + 1, sizeof *needed);
	CacheRecords r = { .images = image, .image_count = image != NULL };
	r.records = arena_alloc(a, (b->plan.step_count + 1) * sizeof(CacheRecord),
	                        _Alignof(CacheRecord));
	mark_stage(b, target->last_step, in_result);
	mark_needed(b, target, needed);
	add_records(b, in_result, NULL, &r);
	size_t own = r.record_count;
	TRY(list_layers(b, config, &r, a, &r.layers));
	r.layer_count = config->diff_id_count;
	add_records(b, needed, in_result, &r);
	/* What steps took differs from time to time, and the image's ID may not. */
	cache_records_format(&r, false, &text);
	if (text.len > INLINE_BYTES_MAX) { /* those of other stages have to go */
		r.record_count = own;
		buf_reset(&text);
		cache_records_format(&r, false, &text);
	}
	*ret = arena_str(a, buf_str(&text));
	return NULL;
}
