/*
 * describe.c - what a directory is a work tree of, as far as its own repository says.
 *
 * A hint, no more: nobody checks that the files are those of the commit.  git runs no hook and no
 * filter for these questions, and refuses repositories of other users by itself.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "git/git-internal.h"

/* What git answers; "" if it has no answer, or is not there. */
static Str ask(const GitAccess *access, Arena *a, int dir_fd, const char *const *words)
{
	const Remote none = { .url = STR(""), .host = STR("") };
	GitRun run;
	git_run_init(&run, access, &none, dir_fd);
	git_run_add(&run, words);
	Err *e = git_run(&run);
	Str answer = e ? STR("") : arena_str(a, str_trim(buf_str(&run.out)));
	err_free(e); /* no repository, no commit, no such remote */
	git_run_done(&run);
	return answer;
}

void git_describe(int dir_fd, const Cancel *cancel, Arena *a, Str *ret_source, Str *ret_revision)
{
	static const char *const revision[] = { "rev-parse", "--verify", "-q", "HEAD", NULL };
	static const char *const origin[] = { "config", "--get", "remote.origin.url", NULL };
	static const char *const upstream[] = { "config", "--get", "remote.upstream.url", NULL };
	const GitAccess access = { .cancel = cancel };
	*ret_source = STR("");
	*ret_revision = ask(&access, a, dir_fd, revision);
	if (!remote_is_commit(*ret_revision)) {
		*ret_revision = STR("");
		return;
	}
	*ret_source = ask(&access, a, dir_fd, origin);
	if (!ret_source->len)
		*ret_source = ask(&access, a, dir_fd, upstream);
}
