/*
 * schedule.c - the steps that are missing, over a few worker threads.
 *
 * A step is ready when its parent and what it takes files of are known; order.c says which goes
 * first.  Sleeping steps must not wait for cores, so there are more workers than cores.  The first
 * error cancels all; its siblings' ERR_CANCELLED are dropped.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/parallel.h"
#include "exec/cached.h"
#include "exec/copy.h"
#include "exec/fetch.h"
#include "exec/foreign.h"
#include "exec/order.h"
#include "exec/run.h"
#include "exec/why.h"

typedef struct Schedule {
	Build *build;
	Order order;
	Err *error; /* the first */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
} Schedule;

static bool is_known(const Build *b, uint32_t step)
{
	return step == STEP_NONE || b->states[step].status == STEP_KNOWN;
}

bool schedule_is_ready(const Build *b, const Step *step)
{
	if (!is_known(b, step->parent))
		return false;
	for (size_t i = 0; i < step->need_count; i++)
		if (!is_known(b, step->needs[i]))
			return false;
	return true;
}

static const Step *take_ready(Schedule *s)
{
	uint32_t step = order_take(&s->order);
	if (step == STEP_NONE)
		return NULL;
	s->build->states[step].status = STEP_RUNNING;
	/* One for the worker that asks, who would else be woken for nothing; a worker that is woken
	 * wakes the next one. */
	if (s->order.ready_count)
		(void)pthread_cond_signal(&s->changed);
	return &s->build->plan.steps[step];
}

/* --- one step -------------------------------------------------------------------------------- */

static Err *do_op(Build *b, const Step *step, StoreLayer *ret)
{
	switch (step->kind) {
	case STEP_RUN:
		return op_run(b, step, ret);
	case STEP_COPY:
		return op_copy(b, step, ret);
	case STEP_WORKDIR:
		return op_workdir(b, step, ret);
	case STEP_BASE:
	case STEP_FETCH:
		break; /* run_step has them */
	}
	return NULL;
}

/*
 * Early cut-off: if the unchanged definition gave the same content before, that layer is kept (same
 * diff ID, nothing pushed again), although times in it differ.  WITH_RESULT is the key of just
 * that: not the last result of the definition alone counts, as other stages may have the same line.
 */
static Err *same_as_before(Build *b, const Step *step, const Digest *with_result,
                           StepResult *result)
{
	StepResult before;
	bool found;
	if (build_is_uncached(b, step))
		return NULL;
	TRY(record_find(b, with_result, &before, &found));
	if (found && digest_eq(&before.identity, &result->identity)) {
		int64_t cost = result->cost_ns;
		*result = before;
		result->cost_ns = cost;
	}
	return NULL;
}

/* CONTENT: its second key; zero: it takes nothing of other steps, or that was not asked. */
static Err *keep(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                 const StoreLayer *layer, int64_t begun, StepResult *ret)
{
	int64_t created = b->epoch_ns >= 0 ? b->epoch_ns : clock_real_ns();
	*ret = state_result_of_layer(layer, created, clock_mono_ns() - begun);
	if (b->states[step->number].by_hand) /* the instruction alone would not give it */
		return NULL;
	Digest with_result = key_with_result(key, &ret->identity);
	TRY(same_as_before(b, step, &with_result, ret));
	ret->content = content->full;
	TRY(record_keep(b, &with_result, ret, STR("")));
	TRY(record_keep(b, &key->definition, ret, STR("")));
	TRY(record_keep(b, &key->full, ret, buf_str(&key->preimage)));
	return digest_is_zero(&content->full)
	               ? NULL
	               : record_keep(b, &content->full, ret, buf_str(&content->preimage));
}

static Err *make(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                 StepResult *ret)
{
	StoreLayer layer;
	int64_t begun = clock_mono_ns();
	TRY(do_op(b, step, &layer));
	return keep(b, step, key, content, &layer, begun, ret);
}

/* A COPY whose layer is there already; it is a hit if it was that layer before. */
static Err *stack(Build *b, const Step *step, const StepKey *key, StepResult *ret, bool *ret_done,
                  bool *ret_cached)
{
	StoreLayer layer;
	StepResult before;
	const StepKey none = { 0 };
	bool found = false;
	int64_t begun = clock_mono_ns();
	TRY(copy_stack(b, step, &layer, ret_done));
	if (!*ret_done)
		return NULL;
	if (!build_is_uncached(b, step))
		TRY(record_find(b, &key->definition, &before, &found));
	*ret_cached = found && digest_eq(&before.identity, &layer.identity);
	return keep(b, step, key, &none, &layer, begun, ret);
}

/* In the store, or in a cache elsewhere, whose layer is fetched then. */
static Err *find(Build *b, const Step *step, const StepKey *key, StepResult *ret, bool *ret_found)
{
	TRY(record_find(b, &key->full, ret, ret_found));
	if (*ret_found)
		return NULL;
	TRY(cached_take(b, step, &key->full, ret, ret_found));
	return *ret_found ? record_keep(b, &key->full, ret, buf_str(&key->preimage)) : NULL;
}

/* A step whose origins changed elsewhere than in the paths it takes is a hit by their content. */
static Err *find_by_content(Build *b, const Step *step, const StepKey *key, const StepKey *content,
                            StepResult *ret, bool *ret_found)
{
	TRY(find(b, step, content, ret, ret_found));
	if (!*ret_found)
		return NULL;
	ret->content = content->full;
	return record_keep(b, &key->full, ret, buf_str(&key->preimage));
}

static Err *find_or_make(Build *b, const Step *step, const StepKey *key, StepResult *ret,
                         bool *ret_cached)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	CLEANUP(key_done) StepKey content = { 0 };
	bool stacked, uncached = build_is_uncached(b, step);
	*ret_cached = false;
	if (!uncached) {
		/* Another build may be making the same step now: wait for it, then take its result.
		 */
		TRY(store_lock(b->store, "step", &key->full, b->cancel, &lock));
		TRY(find(b, step, key, ret, ret_cached));
		if (*ret_cached)
			return NULL;
	}
	TRY(stack(b, step, key, ret, &stacked, ret_cached));
	if (stacked)
		return NULL;
	if (step->need_count) {
		TRY(key_of_content(b, step, &content));
		b->states[step->number].trace.content = content.full;
		if (!uncached)
			TRY(find_by_content(b, step, key, &content, ret, ret_cached));
		if (*ret_cached)
			return NULL;
	}
	TRY(why_missed(b, step, key));
	return make(b, step, key, &content, ret);
}

/* A lone stage without a name is no news. */
Err *schedule_explain(const Build *b, const Step *step, Err *err)
{
	static const char *const doings[] = {
		[STEP_COPY] = "copying into",
		[STEP_RUN] = "running a step of",
		[STEP_WORKDIR] = "making a directory in",
		[STEP_FETCH] = "fetching for",
	};
	const PlanStage *stage = &b->plan.stages[step->stage];
	err = plan_note_uses(b->plan.uses, b->plan.use_count, err_place(err, step->span));
	bool lone = b->plan.stage_count == b->plan.result_count && !stage->name.len;
	if (!err || step->kind == STEP_BASE)
		return err;
	if (b->request->platform_count > 1) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str platform = platform_text(&a, &stage->platform);
		return err_while(err, "%s stage '%.*s' for %.*s", doings[step->kind],
		                 STR_ARG(stage->shown), STR_ARG(platform));
	}
	return lone ? err
	            : err_while(err, "%s stage '%.*s'", doings[step->kind], STR_ARG(stage->shown));
}

static Err *end_badly(const Build *b, StepState *state, Err *e)
{
	bool quiet = err_kind(e) == ERR_CANCELLED;
	state->trace.refused = err_kind(e) == ERR_MISS;
	state->trace.failed = !quiet && !state->trace.refused;
	state->trace.cancelled = quiet;
	if (!state->trace.refused) /* it did nothing */
		state->trace.cost_ns = clock_real_ns() - state->trace.begun_ns;
	progress_end(b->progress, state->line, quiet ? PROGRESS_CANCELED : PROGRESS_ERROR,
	             err_cause(e));
	return e;
}

/* From elsewhere: its line may have begun when it was asked for. */
static Err *run_fetch(Build *b, const Step *step)
{
	StepResult result;
	StepState *state = &b->states[step->number];
	bool cached;
	if (!state->line)
		state->line = progress_begin(b->progress, STR(""), "%.*s", STR_ARG(step->title));
	Err *e = why_fetch_missed(b, step);
	if (!e)
		e = op_fetch(b, step, &result, &cached);
	if (e)
		return end_badly(b, state, e);
	state_set(b, step, &result, cached);
	progress_end(b->progress, state->line, cached ? PROGRESS_CACHED : PROGRESS_DONE, STR(""));
	return NULL;
}

static Err *run_base(Build *b, const Step *step)
{
	StepTrace *trace = &b->states[step->number].trace;
	Err *e = resolve_need_layers(b, step->number);
	trace->failed = e && err_kind(e) != ERR_CANCELLED;
	trace->cancelled = e && !trace->failed;
	trace->cost_ns = trace->pulled ? clock_real_ns() - trace->begun_ns : 0;
	return e;
}

/* There is no cache record of what failed: the next build is compared with this. */
static void keep_inputs(Build *b, StepState *state, const StepKey *key)
{
	(void)pthread_mutex_lock(&b->mutex);
	state->trace.inputs = arena_str(b->arena, buf_str(&key->preimage));
	(void)pthread_mutex_unlock(&b->mutex);
}

static Err *run_step(Build *b, const Step *step)
{
	StepKey key;
	StepResult result;
	StepState *state = &b->states[step->number];
	bool cached;
	state->trace.begun_ns = clock_real_ns();
	if (step->kind == STEP_BASE)
		return run_base(b, step);
	if (step->kind == STEP_FETCH)
		return run_fetch(b, step);
	Str stage = b->plan.stages[step->stage].shown;
	state->line = progress_begin(b->progress, stage, "%.*s", STR_ARG(step->title));
	Err *e = key_of_step(b, step, &key);
	if (!e) {
		journal_key(b, step, &key);
		e = find_or_make(b, step, &key, &result, &cached);
		if (e)
			keep_inputs(b, state, &key);
		key_done(&key);
	}
	if (e)
		return end_badly(b, state, schedule_explain(b, step, e));
	state_set(b, step, &result, cached);
	build_tell_origin(b, state);
	if (!cached)
		why_made(b, step);
	progress_end(b->progress, state->line, cached ? PROGRESS_CACHED : PROGRESS_DONE, STR(""));
	return NULL;
}

/* --- workers
 * -----------------------------------------------------------------------------------------------
 */

static void step_over(Schedule *s, const Step *step, Err *e)
{
	Build *b = s->build;
	if (e) {
		b->states[step->number].status = STEP_WAITING;
		bool first = !s->error || err_kind(s->error) == ERR_CANCELLED;
		if (first && err_kind(e) != ERR_CANCELLED)
			b->failed_line = b->states[step->number].line;
		if (first && s->error) {
			err_free(s->error);
			s->error = NULL;
		}
		if (!s->error)
			s->error = e;
		else
			err_free(e); /* a sibling's; the first one is told */
		if (!b->again)       /* what runs is not wasted: the next build takes it */
			cancel_set(b->cancel);
	} else {
		b->states[step->number].status = STEP_KNOWN;
		order_known(&s->order, step->number);
		if (step->kind != STEP_BASE)
			*(b->states[step->number].cached ? &b->steps_cached : &b->steps_run) += 1;
	}
	/* Steps that are ready now: this worker takes the first, and wakes others for more. */
	if (s->order.left == 0 || s->error)
		(void)pthread_cond_broadcast(&s->changed);
}

static void *work(void *arg)
{
	Schedule *s = arg;
	(void)pthread_mutex_lock(&s->mutex);
	while (s->order.left && !s->error) {
		const Step *step = take_ready(s);
		if (!step) {
			(void)pthread_cond_wait(&s->changed, &s->mutex);
			continue;
		}
		(void)pthread_mutex_unlock(&s->mutex);
		Err *e = run_step(s->build, step);
		(void)pthread_mutex_lock(&s->mutex);
		step_over(s, step, e);
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return NULL;
}

static unsigned jobs_at_once(const Build *b)
{
	enum { JOBS_MIN = 8 };
	unsigned jobs = b->request->jobs;
	if (jobs == 0)
		jobs = 2 * parallel_cores() > JOBS_MIN ? 2 * parallel_cores() : JOBS_MIN;
	return jobs < BUILD_JOBS_MAX ? jobs : BUILD_JOBS_MAX;
}

static Err *run_workers(Schedule *s, unsigned count)
{
	unsigned started = 0;
	AUTO_FREE pthread_t *threads = xcalloc(count, sizeof *threads);
	while (started + 1 < count && pthread_create(&threads[started], NULL, work, s) == 0)
		started++; /* fewer workers than wished for is slower, not wrong */
	work(s);
	for (unsigned i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return s->error;
}

/* What a RUN lacks is said before the first one starts. */
static Err *check_all(const Schedule *s)
{
	Build *b = s->build;
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (!s->order.needed[i] || step->kind != STEP_RUN ||
		    b->states[i].status == STEP_KNOWN)
			continue;
		TRY(schedule_explain(b, step, foreign_check(b, step)));
		if (step->run.mount_count)
			TRY(schedule_explain(b, step, run_check(b, step)));
	}
	return NULL;
}

Err *schedule_run(Build *b)
{
	Schedule s = { .build = b };
	unsigned jobs = jobs_at_once(b);
	order_init(&s.order, b);
	(void)pthread_mutex_init(&s.mutex, NULL);
	(void)pthread_cond_init(&s.changed, NULL);
	for (size_t i = 0; i < b->plan.result_count; i++)
		order_need(&s.order, b->plan.stages[b->plan.results[i].stage].last_step);
	Err *e = check_all(&s);
	if (!e)
		order_begin(&s.order, jobs);
	if (s.order.left)
		e = run_workers(&s, jobs < s.order.left ? jobs : (unsigned)s.order.left);
	(void)pthread_cond_destroy(&s.changed);
	(void)pthread_mutex_destroy(&s.mutex);
	order_done(&s.order);
	return e;
}
