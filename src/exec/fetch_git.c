/*
 * fetch_git.c - the files of a commit.
 *
 * The record's key is the commit and what is taken of it, not the address: the same commit from a
 * mirror is the same layer.  Files belong to root and have mode 0644 or 0755, whatever the umask
 * was.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/base64.h"
#include "exec/fetch.h"
#include "exec/run.h"
#include "fs/path.h"
#include "git/git.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- who asks ----------------------------------------------------------------------------------
 */

typedef struct Session {
	GitAccess access;
	Build *build;
	unsigned line;
	Buf authorization, agent;
} Session;

static void session_done(Session *s)
{
	buf_done(&s->authorization);
	buf_done(&s->agent);
}

static void log_line(void *context, Str line)
{
	Session *s = context;
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "%.*s\n", STR_ARG(line));
	progress_log(s->build->progress, s->line, buf_str(&text));
}

/* The first of these secrets that there is; a token is sent as GitHub's own tools send it. */
static Err *authorize(Session *s, const Remote *remote)
{
	static const char *const names[] = { "GIT_AUTH_HEADER", "GIT_AUTH_TOKEN" };
	AUTO_BUF Buf value = BUF_INIT, name = BUF_INIT, pair = BUF_INIT;
	for (size_t i = 0; i < 4; i++) {
		bool found, token = i % 2;
		buf_reset(&name);
		buf_addf(&name, "%s", names[token]);
		if (i < 2)
			buf_addf(&name, ".%.*s", STR_ARG(remote->host));
		TRY(fetch_secret(s->build, buf_str(&name), &value, &found));
		if (!found)
			continue;
		Str text = str_trim(buf_str(&value));
		if (token) {
			buf_addf(&pair, "x-access-token:%.*s", STR_ARG(text));
			fetch_basic(buf_str(&pair), &s->authorization);
		} else {
			buf_add_str(&s->authorization, text);
		}
		return NULL;
	}
	if (remote->user_info.len)
		fetch_basic(remote->user_info, &s->authorization);
	return NULL;
}

/* By way of this process: ssh closes what it inherits. */
static Err *need_agent(Session *s, const Step *step)
{
	int fd;
	if (!fetch_needs_agent(step) || !ssh_find(s->build, STR("default")))
		return NULL;
	TRY(ssh_agent_socket(s->build, STR("default"), &fd));
	buf_addf(&s->agent, "/proc/%d/fd/%d", (int)getpid(), fd);
	return NULL;
}

static Err *session_init(Session *s, Build *b, const Step *step)
{
	*s = (Session){ .build = b, .line = b->states[step->number].line };
	s->access = (GitAccess){ .cancel = b->cancel, .log = log_line, .log_context = s };
	TRY(authorize(s, &step->fetch.remote));
	TRY(need_agent(s, step));
	s->access.authorization = buf_str(&s->authorization);
	s->access.ssh_auth_sock = buf_str(&s->agent);
	return NULL;
}

/* What the reference means, asked once a build. */
static Err *need_commit(const Session *s, const Step *step, const GitCommit **ret)
{
	Build *b = s->build;
	StepState *state = &b->states[step->number];
	AUTO_ARENA Arena a = ARENA_INIT;
	GitCommit c;
	if (!state->commit) {
		TRY(git_resolve(&s->access, &a, &step->fetch.remote, &c));
		(void)pthread_mutex_lock(&b->mutex);
		state->commit = arena_new(b->arena, GitCommit);
		*state->commit =
			(GitCommit){ arena_str(b->arena, c.name), arena_str(b->arena, c.object),
			             arena_str(b->arena, c.commit) };
		(void)pthread_mutex_unlock(&b->mutex);
	}
	*ret = state->commit;
	return NULL;
}

static Digest commit_key(const FetchArgs *f, const GitCommit *c)
{
	const RemoteGit *git = &f->remote.git;
	bool keep = f->keep_git_dir && !git->subdir.len;
	const Str texts[] = {
		keep ? c->object : c->commit,
		keep ? c->name : STR(""), /* of these only .git tells */
		keep ? f->remote.url : STR(""),
		git->subdir,
		git->submodules == REMOTE_OFF ? STR("no submodules") : STR(""),
		git->mtime_commit ? STR("commit times") : STR(""),
		keep ? STR(".git") : STR(""),
	};
	return fetch_key("decant fetch git 1", texts, ARRAY_LEN(texts));
}

Err *fetch_git_ask(Build *b, const Step *step)
{
	CLEANUP(session_done) Session s = { 0 };
	const GitCommit *commit;
	TRY(session_init(&s, b, step));
	return need_commit(&s, step, &commit);
}

Err *fetch_git_recall(Build *b, const Step *step, FetchQuestion *q)
{
	Digest key = commit_key(&step->fetch, b->states[step->number].commit);
	return record_find(b, &key, &q->result, &q->found);
}

/* --- files → layer -----------------------------------------------------------------------------
 */

typedef struct Files {
	Context *context;
	const GitTree *tree;
	bool commit_times;
} Files;

static void normalise(const Files *f, Entry *e)
{
	bool read_only = e->type == ENTRY_FILE && !(e->mode & 0200); /* git's own objects */
	if (e->type == ENTRY_FILE)
		e->mode = (e->mode & 0100 ? 0755 : 0644) & (read_only ? 0555 : 0777);
	else if (e->type == ENTRY_DIR)
		e->mode = 0755;
	e->uid = e->gid = 0;
	e->xattr_count = 0;
	if (f->commit_times)
		e->mtime_ns = f->tree->commit_time_s * 1000000000;
}

static Err *open_file(void *context, const Entry *e, int *ret_fd)
{
	const Files *f = context;
	return path_open_beneath(f->tree->fd, e->path, O_RDONLY | O_NONBLOCK, 0, ret_fd);
}

static Err *list_files(Files *f, const Cancel *cancel, List **ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LIST_BUILDER ListBuilder *list = list_builder_new();
	ContextSelection sel;
	TRY(context_select(f->context, STR("."), cancel, &a, &sel));
	for (size_t i = 0; i < sel.count; i++)
		for (size_t k = 0; k < sel.matches[i].count; k++) {
			Entry e = sel.matches[i].files[k].entry;
			normalise(f, &e);
			if (e.path.len)
				list_builder_add(list, &e);
		}
	*ret = list_builder_finish(TAKE_PTR(list));
	return NULL;
}

/* Of submodules ".git" is a file that names a place on this machine: never taken. */
static Err *make_layer(Build *b, const Step *step, const GitTree *tree, StoreLayer *ret)
{
	static const Str no_git[] = { { "**/.git", 7 } };
	static const Str no_module_git[] = { { "*/**/.git", 9 } };
	const FetchArgs *f = &step->fetch;
	AUTO_ARENA Arena a = ARENA_INIT;
	Ignore ignore = { 0 };
	bool keep = f->keep_git_dir && !f->remote.git.subdir.len;
	TRY(ignore_from_patterns(&a, keep ? no_module_git : no_git, 1, &ignore));
	AUTO_CONTEXT Context *context = NULL;
	TRY(context_open(tree->fd, &ignore, -1, NULL, &context));
	AUTO_LIST List *list = NULL;
	Files files = { context, tree, f->remote.git.mtime_commit };
	TRY(list_files(&files, b->cancel, &list));
	LayerSource source = { open_file, &files };
	return layer_make(b->store, list, &source,
	                  step->looked_into ? LAYER_FORM_DIR : LAYER_FORM_TAR,
	                  sandbox_overlay_prefix(), b->cancel, ret);
}

static Err *get_into(Session *s, const Step *step, int scratch_fd, const GitCommit *commit,
                     StepResult *ret)
{
	Build *b = s->build;
	AUTO_ARENA Arena a = ARENA_INIT;
	const FetchArgs *f = &step->fetch;
	GitTree tree = { .fd = -1 };
	StoreLayer layer;
	int64_t begun = clock_mono_ns();
	TRY(git_checkout(&s->access, &a, &f->remote, commit, f->keep_git_dir, scratch_fd, &tree));
	Err *e = make_layer(b, step, &tree, &layer);
	closep(&tree.fd);
	TRY(e);
	*ret = state_result_of_layer(&layer, clock_real_ns(), clock_mono_ns() - begun);
	AUTO_BUF Buf said = BUF_INIT;
	Digest key = commit_key(f, commit);
	buf_addf(&said, "url %.*s\ncommit %.*s\n", STR_ARG(f->remote.shown),
	         STR_ARG(commit->commit));
	return record_keep(b, &key, ret, buf_str(&said));
}

Err *fetch_git_get(Build *b, const Step *step, StepResult *ret)
{
	CLEANUP(session_done) Session s = { 0 };
	const GitCommit *commit;
	int tmp;
	char name[32];
	TRY(session_init(&s, b, step));
	TRY(need_commit(&s, step, &commit));
	TRY(store_tmp_fd(b->store, &tmp));
	store_tmp_name(b->store, "git", name);
	if (mkdirat(tmp, name, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int scratch = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (scratch < 0)
		return err_sys(errno, "cannot open a scratch directory");
	Err *e = get_into(&s, step, scratch, commit, ret);
	Err *removed = path_remove_tree(tmp, name);
	if (e)
		err_free(removed); /* the first is told */
	return e ? e : removed;
}
