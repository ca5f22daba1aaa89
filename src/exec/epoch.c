/*
 * epoch.c - when something that is fetched was made: for SOURCE_DATE_EPOCH.
 *
 * It is asked before there is a plan, by a step that is in none.  A repository is brought with the
 * commit's time as that of its files; a download has the server's Last-Modified as its time, or, if
 * there is none, that of the newest file in it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "exec/fetch.h"
#include "fs/list.h"

#include <unistd.h>

typedef struct Newest {
	bool found;
	int64_t mtime_ns;
} Newest;

static void see(Newest *n, const Entry *e)
{
	if (e->type != ENTRY_FILE || (n->found && e->mtime_ns <= n->mtime_ns))
		return;
	n->found = true;
	n->mtime_ns = e->mtime_ns;
}

static Err *see_entry(void *context, const Entry *e, size_t layer)
{
	(void)layer; /* there is one */
	see(context, e);
	return NULL;
}

/* The newest file of an archive; nothing if FD is none. */
static Err *look_into(Build *b, int fd, Str name, Newest *n)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LIST List *list = NULL;
	Str dir; /* goes with the scratch space */
	Entry e;
	TRY(archive_unpack(b, fd, name, &a, &dir, &list));
	if (!list)
		return NULL;
	ListCursor cursor = list_cursor(list, STR(""));
	while (list_next(&cursor, &a, &e))
		see(n, &e);
	return NULL;
}

static Err *of_layer(Build *b, const FetchArgs *fetch, const Digest *diff_id, Newest *n)
{
	AUTO_VIEW View *view = NULL;
	TRY(view_open(b->store, diff_id, 1, &view));
	TRY(view_each(view, STR(""), see_entry, n));
	if (fetch->is_main || fetch->remote.kind == REMOTE_GIT || !n->found || n->mtime_ns != 0)
		return NULL;
	/* The server said no time. */
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_CLOSE int fd = -1;
	Entry e;
	size_t layer;
	n->found = false;
	if (!view_find(view, fetch->remote.name, &a, &e, &layer))
		return NULL;
	TRY(sandbox_enter());
	TRY(store_reopen(b->store));
	TRY(view_open_file(view, &e, layer, sandbox_overlay_prefix(), &fd));
	return look_into(b, fd, fetch->remote.shown, n);
}

static Err *bring(Build *b, const Step *step, StepResult *ret)
{
	bool found = false;
	if (!b->request->no_cache)
		TRY(fetch_find(b, step, ret, &found));
	if (found)
		return NULL;
	TRY(sandbox_enter());
	TRY(store_reopen(b->store));
	return fetch_get(b, step, ret);
}

Err *epoch_of(void *context, const FetchArgs *fetch, bool *ret_found, int64_t *ret_seconds)
{
	Build *b = context;
	StepState state = { 0 };
	StepResult result = { 0 };
	Newest newest = { 0 };
	if (fetch->is_main) { /* brought before; its newest file tells */
		TRY(of_layer(b, fetch, &b->context_layer->diff_id, &newest));
		*ret_found = newest.found;
		*ret_seconds = newest.mtime_ns / 1000000000;
		return NULL;
	}
	Step step = { .kind = STEP_FETCH, .fetch = *fetch };
	step.fetch.remote.git.mtime_commit = true;
	state.line =
		progress_begin(b->progress, STR(""), "[internal] resolve SOURCE_DATE_EPOCH of %.*s",
	                       STR_ARG(fetch->remote.shown));
	b->states = &state; /* the only step there is */
	Err *e = bring(b, &step, &result);
	b->states = NULL;
	if (!e)
		e = of_layer(b, &step.fetch, &result.diff_id, &newest);
	if (e) {
		b->failed_line = state.line;
		progress_end(b->progress, state.line, PROGRESS_ERROR, err_cause(e));
		return err_while(e, "finding SOURCE_DATE_EPOCH of '%.*s'",
		                 STR_ARG(fetch->remote.shown));
	}
	progress_end(b->progress, state.line, PROGRESS_DONE, STR(""));
	*ret_found = newest.found;
	*ret_seconds = newest.mtime_ns / 1000000000;
	return NULL;
}
