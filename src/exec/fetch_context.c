/*
 * fetch_context.c - a build context that is a repository, a URL, or an archive on standard input.
 *
 * It becomes a layer, as any other thing that is fetched; each COPY of the plan takes from it.  The
 * ignore file is for directories alone, says docker, and is not looked at.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "exec/fetch.h"
#include "exec/run.h"
#include "fs/path.h"

#include <fcntl.h>

/* Files of other owners, and directories with a mode of their own. */
static Err *need_namespace(Build *b)
{
	TRY(sandbox_enter());
	return store_reopen(b->store);
}

/* --- what is elsewhere -------------------------------------------------------------------------
 */

static bool is_on(const BuildRequest *r, const char *arg)
{
	Str value = STR("");
	for (size_t i = 0; i < r->arg_count; i++)
		if (str_eqc(r->args[i].name, arg))
			value = r->args[i].value;
	return value.len && !str_eqc(value, "0") && !str_eqc(value, "false");
}

static bool is_given(const BuildRequest *r, const char *arg)
{
	bool given = false;
	for (size_t i = 0; i < r->arg_count; i++)
		if (str_eqc(r->args[i].name, arg))
			given = r->args[i].value.len > 0;
	return given;
}

/* As a step of a plan that is not there yet. */
static Step step_of(const BuildRequest *r)
{
	Step step = { .kind = STEP_FETCH,
		      .parent = STEP_NONE,
		      .looked_into = true,
		      .title = STR("[internal] load remote build context"),
		      .fetch = { .remote = *r->remote, .is_context = true } };
	Remote *remote = &step.fetch.remote;
	RemoteSwitch keep = remote->git.keep_git_dir;
	if (remote->kind == REMOTE_HTTP)
		remote->name = STR("context");
	step.fetch.keep_git_dir = keep == REMOTE_UNSET ? is_on(r, "BUILDKIT_CONTEXT_KEEP_GIT_DIR")
	                                               : keep == REMOTE_ON;
	/* Reproducible builds take the times of the commit. */
	remote->git.mtime_commit |= is_given(r, "SOURCE_DATE_EPOCH");
	return step;
}

static Err *bring_remote(Build *b, const Step *step, StepResult *ret, bool *ret_cached)
{
	*ret_cached = false;
	if (fetch_needs_agent(step))
		TRY(ssh_need(b, STR("default")));
	if (!b->request->no_cache)
		TRY(fetch_find(b, step, ret, ret_cached));
	if (*ret_cached)
		return NULL;
	TRY(need_namespace(b));
	return fetch_get(b, step, ret);
}

/* --- what comes through a pipe -----------------------------------------------------------------
 */

static Err *copy_all(Build *b, const BuildArchive *from, int to)
{
	enum { PIECE = 128 << 10 };
	AUTO_FREE char *piece = xmalloc(PIECE);
	uint64_t total = from->head.len;
	TRY(path_write_what(to, from->head.ptr, from->head.len, "the context to the store"));
	for (;;) {
		TRY(cancel_check(b->cancel));
		ssize_t n = read(from->fd, piece, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read the context");
		if (n == 0)
			return NULL;
		total += (uint64_t)n;
		if (total > DOWNLOAD_BYTES_MAX)
			return err_new(ERR_INPUT, "the context is larger than %llu GiB",
			               (unsigned long long)(DOWNLOAD_BYTES_MAX >> 30));
		TRY(path_write_what(to, piece, (size_t)n, "the context to the store"));
	}
}

static Err *bring_archive(Build *b, StepResult *ret)
{
	int tmp;
	char name[32];
	bool is;
	StoreLayer layer;
	int64_t begun = clock_mono_ns();
	TRY(need_namespace(b));
	TRY(store_tmp_fd(b->store, &tmp));
	store_tmp_name(b->store, "context", name);
	AUTO_CLOSE int fd = openat(tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	(void)unlinkat(tmp, name, 0); /* it lives as long as its descriptor */
	TRY(copy_all(b, b->request->archive, fd));
	TRY(archive_layer(b, fd, STR("-"), &layer, &is));
	if (!is)
		return err_new(ERR_INPUT, "the context on standard input is no tar archive");
	*ret = state_result_of_layer(&layer, clock_real_ns(), clock_mono_ns() - begun);
	return NULL;
}

/* --- the Dockerfile in it ----------------------------------------------------------------------
 */

/* *ret_found false: there is no such file. */
static Err *read_file(Build *b, const View *view, const char *name, Str *ret, bool *ret_found)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = -1;
	Entry e;
	Str path;
	size_t layer;
	TRY(view_resolve(view, path_clean_in_root(&a, str_from(name)), true, &a, &path, ret_found));
	*ret_found = *ret_found && view_find(view, path, &a, &e, &layer);
	if (!*ret_found)
		return NULL;
	if (e.type != ENTRY_FILE && e.type != ENTRY_HARDLINK)
		return err_new(ERR_INPUT, "failed to read dockerfile: '%s' is no regular file",
		               name);
	Err *err = view_open_file(view, &e, layer, sandbox_overlay_prefix(), &fd);
	if (err && err_errno(err) == EACCES) { /* of a subordinate id */
		err_free(err);
		TRY(need_namespace(b));
		err = view_open_file(view, &e, layer, sandbox_overlay_prefix(), &fd);
	}
	TRY(err);
	TRY(path_read_fd(fd, DOCKERFILE_BYTES_MAX, name, &text));
	*ret = arena_str(b->arena, buf_str(&text));
	return NULL;
}

static Err *find_dockerfile(Build *b)
{
	/* A URL that gives one file gives the Dockerfile. */
	static const char *const usual[] = { "Dockerfile", "dockerfile", "Containerfile",
		                             "context" };
	const BuildRequest *r = b->request;
	bool http = r->remote && r->remote->kind == REMOTE_HTTP;
	size_t count = r->file ? 1 : ARRAY_LEN(usual) - !http;
	const char *const *names = r->file ? &r->file : usual;
	AUTO_VIEW View *view = NULL;
	Source *source = arena_new(b->arena, Source);
	TRY(view_open(b->store, &b->context_layer->diff_id, 1, &view));
	for (size_t i = 0; i < count; i++) {
		bool found;
		TRY(read_file(b, view, names[i], &source->text, &found));
		if (!found)
			continue;
		source->name = str_eqc(str_from(names[i]), "context") ? "Dockerfile" : names[i];
		b->source = source;
		return NULL;
	}
	return err_new(ERR_INPUT, "failed to read dockerfile: open %s: no such file or directory",
	               names[0]);
}

Err *fetch_main_context(Build *b)
{
	const BuildRequest *r = b->request;
	StepState state = { 0 };
	bool cached = false;
	if (!r->remote && !r->archive)
		return NULL;
	Step step = r->remote ? step_of(r) : (Step){ 0 };
	StepResult *result = arena_new(b->arena, StepResult);
	state.line = progress_begin(b->progress, STR(""), "[internal] load remote build context");
	b->states = &state; /* of this step alone: the plan's come later */
	Err *e = r->remote ? bring_remote(b, &step, result, &cached) : bring_archive(b, result);
	b->states = NULL;
	b->context_commit = state.commit;
	if (e) {
		b->failed_line = state.line;
		progress_end(b->progress, state.line, PROGRESS_ERROR, err_cause(e));
		return err_while(e, "loading the build context%s%.*s", r->remote ? " " : "",
		                 STR_ARG(r->remote ? r->remote->shown : STR("")));
	}
	progress_end(b->progress, state.line, cached ? PROGRESS_CACHED : PROGRESS_DONE, STR(""));
	b->context_layer = result;
	return r->dockerfile ? NULL : find_dockerfile(b);
}
