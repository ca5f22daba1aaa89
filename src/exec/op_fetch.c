/* op_fetch.c - steps that bring something from elsewhere: asked for first, fetched if it changed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "codec/base64.h"
#include "exec/fetch.h"
#include "exec/run.h"

enum { ASK_THREADS = 8 };

Err *fetch_secret(Build *b, Str name, Buf *ret, bool *ret_found)
{
	const BuildSecret *secret = secret_find(b, name);
	*ret_found = secret != NULL;
	return secret ? secret_read(secret, ret) : NULL;
}

bool fetch_needs_agent(const Step *step)
{
	const Remote *remote = &step->fetch.remote;
	return remote->kind == REMOTE_GIT && !str_starts(remote->url, STR("http")) &&
	       !str_starts(remote->url, STR("git://"));
}

void fetch_basic(Str user_info, Buf *ret)
{
	buf_add_str(ret, STR("Basic "));
	base64_encode(user_info, ret);
}

Digest fetch_key(const char *kind, const Str *texts, size_t count)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add_field(&h, str_from(kind));
	for (size_t i = 0; i < count; i++)
		sha256_add_field(&h, texts[i]);
	return sha256_end(&h);
}

Err *fetch_find(Build *b, const Step *step, StepResult *ret, bool *ret_found)
{
	return step->fetch.remote.kind == REMOTE_GIT ? fetch_git_find(b, step, ret, ret_found)
	                                             : fetch_http_find(b, step, ret, ret_found);
}

Err *fetch_get(Build *b, const Step *step, StepResult *ret)
{
	return step->fetch.remote.kind == REMOTE_GIT ? fetch_git_get(b, step, ret)
	                                             : fetch_http_get(b, step, ret);
}

/* ERR with the place and the URL; a wrong checksum has its own place. */
static Err *explain(const Build *b, const Step *step, Err *e)
{
	return schedule_explain(b, step,
	                        err_while(e, "fetching '%.*s'", STR_ARG(step->fetch.remote.shown)));
}

/* --- asking ----------------------------------------------------------------------------------- */

typedef struct Asked {
	const Step *step;
	StepResult result;
	bool found;
	Err *error;
} Asked;

typedef struct Asking {
	Build *build;
	Asked *at;
	size_t count;
} Asking;

static Err *ask(void *context, size_t index)
{
	Asking *asking = context;
	Asked *a = &asking->at[index];
	StepState *state = &asking->build->states[a->step->number];
	state->line =
		progress_begin(asking->build->progress, STR(""), "%.*s", STR_ARG(a->step->title));
	a->error = fetch_find(asking->build, a->step, &a->result, &a->found);
	return NULL; /* the first in the file is told, not the first that came */
}

static Err *take_answer(Build *b, const Asked *a)
{
	StepState *state = &b->states[a->step->number];
	if (a->error) {
		progress_end(b->progress, state->line, PROGRESS_ERROR, err_cause(a->error));
		b->failed_line = state->line;
		return explain(b, a->step, a->error);
	}
	if (!a->found)
		return NULL; /* its line goes on when it is fetched */
	state_set(b, a->step, &a->result, true);
	state->status = STEP_KNOWN;
	progress_end(b->progress, state->line, PROGRESS_CACHED, STR(""));
	return NULL;
}

/* Of the main context only what was brought before is known. */
static void set_main(Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (step->kind != STEP_FETCH || !step->fetch.is_main)
			continue;
		state_set(b, step, b->context_layer, true);
		b->states[i].status = STEP_KNOWN;
	}
}

static bool is_to_ask(const Step *step)
{
	return step->kind == STEP_FETCH && !step->fetch.is_main;
}

Err *fetch_look_up_all(Build *b)
{
	Asking asking = { .build = b };
	if (b->context_layer)
		set_main(b);
	for (size_t i = 0; i < b->plan.step_count; i++)
		asking.count += is_to_ask(&b->plan.steps[i]);
	if (!asking.count || b->request->no_cache)
		return NULL;
	AUTO_FREE Asked *all = asking.at = xcalloc(asking.count, sizeof *all);
	size_t n = 0;
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		if (!is_to_ask(step))
			continue;
		all[n++].step = step;
		if (fetch_needs_agent(step))
			TRY(ssh_need(b, STR("default")));
	}
	unsigned threads = n < ASK_THREADS ? (unsigned)n : ASK_THREADS;
	Err *first = parallel_each(n, threads, ask, &asking);
	for (size_t i = 0; i < n; i++) {
		if (first)
			err_free(all[i].error); /* one is enough */
		else
			first = take_answer(b, &all[i]);
	}
	return first;
}

/* --- fetching --------------------------------------------------------------------------------- */

Err *op_fetch(Build *b, const Step *step, StepResult *ret, bool *ret_cached)
{
	*ret_cached = false;
	Err *e = fetch_get(b, step, ret);
	return e ? explain(b, step, e) : NULL;
}
