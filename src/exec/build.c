/*
 * build.c - the story of a build: read, plan, look everything up, run what is missing, name the
 * result.
 *
 * Until something is missing the process stays single-threaded and touches no namespace: a build in
 * which nothing changed is a few small reads.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/cached.h"
#include "exec/fetch.h"
#include "exec/foreign.h"
#include "exec/run.h"
#include "exec/why.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool step_uses_context(const Step *step, size_t number)
{
	if (step->kind == STEP_COPY)
		return step->copy.origin == ORIGIN_CONTEXT && step->copy.context == number;
	for (size_t i = 0; step->kind == STEP_RUN && i < step->run.mount_count; i++) {
		const RunMount *m = &step->run.mounts[i];
		if (m->origin == ORIGIN_CONTEXT && m->context == number)
			return true;
	}
	return false;
}

static bool uses_context(const Plan *p, size_t number)
{
	for (size_t i = 0; i < p->step_count; i++)
		if (step_uses_context(&p->steps[i], number))
			return true;
	return false;
}

/* The stat cache of one directory under two names would be written twice. */
static Digest cache_name(Str path, size_t number)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, path);
	if (number)
		buf_addf(&text, "\n%zu", number);
	return sha256_of(buf_str(&text));
}

static Err *open_context(Build *b, size_t number, const BuildDirectory *d)
{
	AUTO_CLOSE int cache = -1;
	char hex[DIGEST_HEX_LEN + 1];
	Digest name = cache_name(d->path, number);
	if (d->fd < 0 || !uses_context(&b->plan, number))
		return NULL;
	if (d->ignore)
		TRY(ignore_parse(b->arena, d->ignore, &b->ignores[number]));
	if (b->store) /* a look may have none */
		TRY(store_subdir(b->store, "ctx", &cache));
	return context_open(d->fd, &b->ignores[number], cache, digest_hex(&name, hex).ptr,
	                    &b->contexts[number]);
}

static Err *open_contexts(Build *b)
{
	const BuildRequest *r = b->request;
	size_t count = r->directory_count + 1;
	BuildDirectory first = { r->context_fd, r->context_path, r->ignore };
	b->contexts = arena_alloc(b->arena, count * sizeof(Context *), _Alignof(Context *));
	b->ignores = arena_alloc(b->arena, count * sizeof *b->ignores, _Alignof(Ignore));
	for (size_t i = 0; i < count; i++)
		TRY(open_context(b, i, i ? &r->directories[i - 1] : &first));
	return NULL;
}

Err *build_look_up(Build *b, const Step *step)
{
	StepState *state = &b->states[step->number];
	StepKey key;
	StepResult result;
	bool found = false;
	if (step->kind == STEP_BASE) {
		state_set_base(b, step);
		state->status = STEP_KNOWN;
		return NULL;
	}
	if (!schedule_is_ready(b, step))
		return NULL;
	Err *e = key_of_step(b, step, &key);
	if (!e) {
		journal_key(b, step, &key);
		e = record_find(b, &key.full, &result, &found);
		key_done(&key);
	}
	TRY(schedule_explain(b, step, e));
	bool elsewhere = !found && cached_find(b, &state->trace.key, &result);
	if (!found && !elsewhere)
		return NULL;
	state_set(b, step, &result, true);
	state->unverified = elsewhere;
	state->status = STEP_KNOWN;
	b->steps_cached++;
	state->line = progress_begin(b->progress, b->plan.stages[step->stage].shown, "%.*s",
	                             STR_ARG(step->title));
	build_tell_origin(b, state);
	progress_end(b->progress, state->line, PROGRESS_CACHED, STR(""));
	return NULL;
}

void build_tell_origin(const Build *b, const StepState *state)
{
	if (state->cached && state->result.from.len)
		progress_note(b->progress, state->line, "from %.*s", STR_ARG(state->result.from));
}

static Err *look_up_all(Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (step->kind == STEP_FETCH || b->states[i].status == STEP_KNOWN)
			continue; /* it was asked for */
		if (step->kind == STEP_BASE || !build_is_uncached(b, step))
			TRY(build_look_up(b, step));
	}
	return NULL;
}

/* Is everything that a result needs known, STEP being its last, and are its base's layers here? */
static Err *is_whole(Build *b, uint32_t step, bool *ret)
{
	*ret = b->states[step].status == STEP_KNOWN;
	for (size_t i = 0; *ret && i < b->states[step].layer_count; i++) {
		StoreLayer layer;
		Err *e = state_check_layer(b, &b->states[step].layers[i].diff_id, &layer);
		*ret = e == NULL;
		if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		err_free(e); /* told by the result: it is pulled or made again */
	}
	return NULL;
}

static Err *is_complete(Build *b, bool *ret)
{
	*ret = true;
	for (size_t i = 0; *ret && i < b->plan.result_count; i++)
		TRY(is_whole(b, b->plan.stages[b->plan.results[i].stage].last_step, ret));
	return NULL;
}

static bool runs_something(const Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (b->plan.steps[i].kind == STEP_RUN && b->states[i].status != STEP_KNOWN)
			return true;
	return false;
}

static bool wants_network(const Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (b->plan.steps[i].kind == STEP_RUN && b->states[i].status != STEP_KNOWN &&
		    str_eq(b->plan.steps[i].run.network, STR("default")))
			return true;
	return false;
}

static Err *open_sandbox(Build *b)
{
	int tmp;
	AUTO_CLOSE int scratch = -1;
	TRY(store_tmp_fd(b->store, &tmp));
	if (mkdirat(tmp, "sandbox", 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create a scratch directory");
	scratch = openat(tmp, "sandbox", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch < 0)
		return err_sys(errno, "cannot open a scratch directory");
	TRY(foreign_prepare(b));
	TRY(sandbox_init_lower(store_dir_fd(b->store), "init", &b->init_lower_fd));
	TRY(sandbox_open(scratch, &b->sandbox));
	if (wants_network(b))
		sandbox_warm_network(b->sandbox);
	return NULL;
}

/* From here on there are namespaces and threads. */
static Err *enter(Build *b)
{
	TRY(sandbox_enter());
	TRY(store_reopen(b->store));
	err_free(store_reap(b->store)); /* leftovers of dead processes: the next one tries again */
	TRY(cached_need_layers(b));     /* its threads are gone again */
	if (runs_something(b))
		TRY(open_sandbox(b));
	TRY(ssh_start(b));
	if (b->request->entered)
		b->request->entered(b->request->entered_context);
	return NULL;
}

Err *build_prepare(Build *b)
{
	b->states = arena_alloc(b->arena, (b->plan.step_count + 1) * sizeof *b->states,
	                        _Alignof(StepState));
	for (size_t i = 0; i < b->plan.step_count; i++)
		(void)pthread_mutex_init(&b->states[i].mutex, NULL);
	return open_contexts(b);
}

static Err *build(Build *b, BuildResult *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool complete;
	TRY(store_lock_gc(b->store, false, b->cancel, &lock));
	TRY(make_plan(b, &(BuildLookRequest){ 0 }));
	TRY(why_check_stages(b));
	TRY(build_prepare(b));
	TRY(cdi_check(b));
	TRY(fetch_look_up_all(b));
	TRY(look_up_all(b));
	TRY(is_complete(b, &complete));
	if (!complete && cached_is_wanted(b)) { /* the network is asked only for what is not here */
		TRY(cache_sources_read(b->request->cached));
		TRY(look_up_all(b));
	}
	if (!complete) {
		TRY(enter(b));
		journal_run(b);
		TRY(schedule_run(b));
	}
	TRY(judge_steps(b, false));
	TRY(result_images(b, ret));
	TRY(result_attest(b, ret));
	return cached_gather(b, &ret->cache);
}

Err *build_init(Build *b, Arena *a, const BuildRequest *request)
{
	*b = (Build){ .request = request,
		      .source = request->dockerfile,
		      .store = request->store,
		      .progress = request->progress,
		      .arena = a,
		      .cancel = request->cancel,
		      .own_cancel = { .fd = -1 },
		      .init_lower_fd = -1,
		      .now_ns = clock_real_ns(),
		      .epoch_ns = -1 };
	(void)pthread_mutex_init(&b->mutex, NULL);
	(void)pthread_mutex_init(&b->run_files_mutex, NULL);
	secret_init(b);
	(void)pthread_mutex_init(&b->debug_mutex, NULL);
	(void)pthread_mutex_init(&b->why_mutex, NULL);
	store_journal_init(&b->journal, b->now_ns);
	if (b->cancel)
		return NULL;
	b->cancel = &b->own_cancel;
	return cancel_open(&b->own_cancel);
}

void build_done(Build *b)
{
	for (size_t i = 0; b->states && i < b->plan.step_count; i++) {
		copy_set_done(b->states[i].copy);
		(void)pthread_mutex_destroy(&b->states[i].mutex);
	}
	sandbox_close(b->sandbox);
	if (b->init_lower_fd >= 0)
		close(b->init_lower_fd);
	run_files_done(b);
	foreign_done(b);
	secret_done(b);
	store_journal_done(&b->journal);
	why_done(b);
	(void)pthread_mutex_destroy(&b->why_mutex);
	ssh_stop(b);
	for (size_t i = 0; b->contexts && i <= b->request->directory_count; i++)
		if (b->contexts[i])
			context_close(b->contexts[i]);
	if (b->http)
		http_client_close(b->http);
	resolve_done(b);
	if (b->registry)
		registry_close(b->registry);
	for (size_t i = 0; i < b->facts_count; i++)
		plan_facts_done(&b->facts[i]);
	(void)pthread_mutex_destroy(&b->mutex);
	(void)pthread_mutex_destroy(&b->run_files_mutex);
	(void)pthread_mutex_destroy(&b->debug_mutex);
	if (b->own_cancel.fd >= 0)
		cancel_close(&b->own_cancel);
}

Err *build_image(Arena *a, const BuildRequest *request, BuildResult *ret)
{
	CLEANUP(build_done) Build b;
	*ret = (BuildResult){ 0 };
	Err *e = build_init(&b, a, request);
	if (!e)
		e = build(&b, ret);
	journal_end(&b, e, ret);
	ret->build_id = arena_str(a, str_from(b.journal.id));
	ret->steps_run = b.steps_run;
	ret->steps_cached = b.steps_cached;
	ret->failed_line = b.failed_line;
	ret->again = e && b.again;
	ret->warnings = b.plan.warnings;
	ret->warning_count = b.plan.warning_count;
	ret->lint = b.lint;
	ret->source = b.source;
	if (!e || err_kind(e) == ERR_CANCELLED)
		return e;
	if (request->tag_count)
		return err_while(e, "building '%.*s'",
		                 STR_ARG(reference_familiar(a, &request->tags[0])));
	return request->tag_pattern_count
	               ? err_while(e, "building '%.*s'", STR_ARG(request->tag_patterns[0]))
	               : e;
}
