/* source.c - a repository by its address: who is asked, with which credentials. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/base64.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <sys/stat.h>

/* As GitHub's own tools send a token. */
static void authorize(RunnerSource *s)
{
	const char *header = getenv("GIT_AUTH_HEADER"), *token = getenv("GIT_AUTH_TOKEN");
	if (header && *header) {
		buf_addf(&s->authorization, "%s", header);
	} else if (token && *token) {
		AUTO_BUF Buf pair = BUF_INIT;
		buf_addf(&pair, "x-access-token:%s", token);
		buf_add_str(&s->authorization, STR("Basic "));
		base64_encode(buf_str(&pair), &s->authorization);
	}
	s->access.authorization = buf_str(&s->authorization);
	const char *agent = getenv("SSH_AUTH_SOCK");
	s->access.ssh_auth_sock = str_from(agent ? agent : "");
}

static Str with_ref(Arena *a, Str uri, Str ref)
{
	return ref.len ? arena_strf(a, "%.*s#%.*s", STR_ARG(uri), STR_ARG(ref)) : uri;
}

Err *runner_source(Arena *a, Str uri, Str ref, const Cancel *cancel, RunnerSource *ret)
{
	*ret = (RunnerSource){
		.access = { .cancel = cancel, .authorization = STR(""), .ssh_auth_sock = STR("") }
	};
	TRY(remote_parse(a, with_ref(a, uri, ref), &ret->remote));
	if (ret->remote.kind == REMOTE_HTTP) { /* servers take both, and what builds it this one */
		while (str_ends(uri, STR("/")))
			uri = str_head(uri, uri.len - 1);
		uri = arena_strf(a, "%.*s.git", STR_ARG(uri));
		TRY(remote_parse(a, with_ref(a, uri, ref), &ret->remote));
	}
	if (ret->remote.kind != REMOTE_GIT)
		return err_new(ERR_INPUT, "'%.*s' is no address of a git repository",
		               STR_ARG(ret->remote.shown));
	authorize(ret);
	TRY(git_resolve(&ret->access, a, &ret->remote, &ret->commit));
	ret->commit = (GitCommit){ arena_str(a, ret->commit.name), arena_str(a, ret->commit.object),
		                   arena_str(a, ret->commit.commit) };
	return NULL;
}

void runner_source_done(RunnerSource *s)
{
	buf_done(&s->authorization);
}

Err *runner_scratch(Store *s, int *ret_fd)
{
	int tmp;
	char name[32];
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "source", name);
	if (mkdirat(tmp, name, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	*ret_fd = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open a scratch directory") : NULL;
}
