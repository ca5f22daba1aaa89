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
	return secret ? secret_read(b, secret, ret) : NULL;
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

static bool is_git(const Step *step)
{
	return step->fetch.remote.kind == REMOTE_GIT;
}

static Err *before_asking(Build *b, const Step *step, FetchQuestion *q)
{
	q->open = is_git(step);
	return is_git(step) ? NULL : fetch_http_recall(b, step, q);
}

static Err *ask_network(Build *b, const Step *step, FetchQuestion *q)
{
	if (!q->open)
		return NULL;
	return is_git(step) ? fetch_git_ask(b, step) : fetch_http_ask(b, step, q);
}

static Err *after_asking(Build *b, const Step *step, FetchQuestion *q)
{
	return is_git(step) ? fetch_git_recall(b, step, q) : NULL;
}

Err *fetch_find(Build *b, const Step *step, StepResult *ret, bool *ret_found)
{
	CLEANUP(fetch_question_done) FetchQuestion q = { 0 };
	TRY(before_asking(b, step, &q));
	TRY(ask_network(b, step, &q));
	TRY(after_asking(b, step, &q));
	*ret_found = q.found;
	*ret = q.result;
	return NULL;
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
	FetchQuestion question;
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
	if (!a->error)
		a->error = ask_network(asking->build, a->step, &a->question);
	return NULL; /* the first in the file is told, not the first that came */
}

static void begin(Build *b, Asked *a)
{
	StepState *state = &b->states[a->step->number];
	state->line = progress_begin(b->progress, STR(""), "%.*s", STR_ARG(a->step->title));
	a->error = before_asking(b, a->step, &a->question);
}

static Err *take_answer(Build *b, Asked *a)
{
	StepState *state = &b->states[a->step->number];
	if (!a->error)
		a->error = after_asking(b, a->step, &a->question);
	if (a->error) {
		progress_end(b->progress, state->line, PROGRESS_ERROR, err_cause(a->error));
		b->failed_line = state->line;
		return explain(b, a->step, a->error);
	}
	if (!a->question.found)
		return NULL; /* its line goes on when it is fetched */
	state_set(b, a->step, &a->question.result, true);
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

static bool is_to_ask(const Build *b, const Step *step)
{
	return step->kind == STEP_FETCH && !step->fetch.is_main && !build_is_uncached(b, step);
}

/* No thread is left behind: the sandbox may have to be entered later. */
static Err *ask_all(Build *b, Asked *all, size_t count)
{
	Asking asking = { .build = b, .at = all, .count = count };
	unsigned threads = count < ASK_THREADS ? (unsigned)count : ASK_THREADS;
	for (size_t i = 0; i < count; i++) {
		if (fetch_needs_agent(all[i].step))
			TRY(ssh_need(b, STR("default")));
		begin(b, &all[i]);
	}
	Err *first = parallel_each(count, threads, ask, &asking);
	for (size_t i = 0; i < count; i++) {
		if (first)
			err_free(all[i].error); /* one is enough */
		else
			first = take_answer(b, &all[i]);
	}
	return first;
}

Err *fetch_look_up_all(Build *b)
{
	size_t count = 0, n = 0;
	if (b->context_layer)
		set_main(b);
	for (size_t i = 0; i < b->plan.step_count; i++)
		count += is_to_ask(b, &b->plan.steps[i]);
	if (!count)
		return NULL;
	AUTO_FREE Asked *all = xcalloc(count, sizeof *all);
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (is_to_ask(b, &b->plan.steps[i]))
			all[n++].step = &b->plan.steps[i];
	Err *e = ask_all(b, all, count);
	for (size_t i = 0; i < count; i++)
		fetch_question_done(&all[i].question);
	return e;
}

/* --- fetching --------------------------------------------------------------------------------- */

Err *op_fetch(Build *b, const Step *step, StepResult *ret, bool *ret_cached)
{
	*ret_cached = false;
	Err *e = fetch_get(b, step, ret);
	return e ? explain(b, step, e) : NULL;
}
