/*
 * resolve.c - which commit does a reference mean?
 *
 * The server is asked for the names that could be meant, and the answer is read by whole names: a
 * branch wins over a tag of the same name, as in git checkout; half a commit number is no name.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "git/git-internal.h"

/* What the server said of the names that may be meant. */
typedef struct Advertised {
	Str exact, branch, tag, peeled; /* hex digits; "" not there */
} Advertised;

static Str without(Str s, const char *prefix)
{
	Str p = str_from(prefix);
	return str_starts(s, p) ? str_from_at(s, p.len) : s;
}

static Str named(Arena *a, const char *prefix, Str ref)
{
	return arena_strf(a, "%s%.*s", prefix, STR_ARG(without(ref, prefix)));
}

static bool matches(Str hex, Str checksum)
{
	if (hex.len < checksum.len)
		return false;
	for (size_t i = 0; i < checksum.len; i++) {
		char c = checksum.ptr[i];
		if (hex.ptr[i] != (c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c))
			return false;
	}
	return true;
}

static Err *mismatch(Str wanted, Str got, Str other)
{
	return err_new(ERR_INPUT, "expected checksum to match %.*s, got %.*s%s%.*s",
	               STR_ARG(wanted), STR_ARG(got), other.len ? " or " : "", STR_ARG(other));
}

static Err *check(const RemoteGit *git, const GitCommit *c)
{
	if (!git->checksum.len || matches(c->object, git->checksum) ||
	    matches(c->commit, git->checksum))
		return NULL;
	return mismatch(git->checksum, c->object,
	                str_eq(c->object, c->commit) ? STR("") : c->commit);
}

/* ERR of an answer that does not have the name: of git's words, only the name matters. */
static Err *no_such_ref(Str ref)
{
	return err_note(err_new(ERR_INPUT, "repository does not contain ref %.*s", STR_ARG(ref)),
	                "it must be a branch, a tag, or a whole commit");
}

static Err *list_remote(const GitAccess *access, const Remote *remote, const char *const *words,
                        Arena *a, Str *ret)
{
	CLEANUP(git_run_done) GitRun run;
	/* The working directory is none of a repository's: one there would lend its settings. */
	git_run_init(&run, access, remote, -1);
	git_run_add(&run, words);
	TRY_WHILE(git_run(&run), "asking '%.*s' for its branches", STR_ARG(remote->url));
	*ret = arena_str(a, buf_str(&run.out));
	return NULL;
}

/* "ref: refs/heads/main\tHEAD" and "<hex>\tHEAD" */
static Err *resolve_head(const GitAccess *access, Arena *a, const Remote *remote, GitCommit *c)
{
	const char *const words[] = {
		"ls-remote", "--symref", "--", remote->url.ptr, "HEAD", NULL
	};
	Str answer = STR(""), line, what;
	TRY(list_remote(access, remote, words, a, &answer));
	c->name = c->object = STR("");
	while (answer.len) {
		answer = str_cut(answer, '\n', &line);
		if (!str_eqc(str_cut(line, '\t', &what), "HEAD"))
			continue;
		if (str_starts(what, STR("ref: refs/heads/")))
			c->name = str_from_at(what, 5);
		else if (remote_is_commit(what))
			c->object = what;
	}
	if (!c->object.len || str_starts(c->name, STR("refs/heads/-")))
		return err_new(ERR_INPUT, "could not find default branch for repository: %.*s",
		               STR_ARG(remote->url));
	if (!c->name.len)
		c->name = STR("HEAD"); /* detached, or a server that does not say */
	c->commit = c->object;
	return NULL;
}

static void read_answer(Arena *a, Str answer, Str ref, Advertised *ret)
{
	Str exact = named(a, "refs/", ref), branch = named(a, "refs/heads/", ref);
	Str tag = named(a, "refs/tags/", ref), peeled = arena_strf(a, "%.*s^{}", STR_ARG(tag));
	Str line, hex;
	*ret = (Advertised){ STR(""), STR(""), STR(""), STR("") };
	while (answer.len) {
		answer = str_cut(answer, '\n', &line);
		Str name = str_cut(line, '\t', &hex);
		if (!remote_is_commit(hex))
			continue;
		if (str_eq(name, branch))
			ret->branch = hex;
		else if (str_eq(name, tag))
			ret->tag = hex;
		else if (str_eq(name, peeled))
			ret->peeled = hex;
		else if (str_eq(name, exact))
			ret->exact = hex;
	}
}

static Err *resolve_name(const GitAccess *access, Arena *a, const Remote *remote, GitCommit *c)
{
	Str ref = remote->git.ref;
	const char *const words[] = { "ls-remote",
		                      "--",
		                      remote->url.ptr,
		                      arena_str(a, ref).ptr,
		                      arena_strf(a, "%.*s^{}", STR_ARG(ref)).ptr,
		                      NULL };
	Str answer = STR("");
	Advertised said;
	TRY(list_remote(access, remote, words, a, &answer));
	read_answer(a, answer, ref, &said);
	if (said.exact.len)
		*c = (GitCommit){ named(a, "refs/", ref), said.exact, said.exact };
	else if (said.branch.len)
		*c = (GitCommit){ named(a, "refs/heads/", ref), said.branch, said.branch };
	else if (said.tag.len)
		*c = (GitCommit){ named(a, "refs/tags/", ref), said.tag,
			          said.peeled.len ? said.peeled : said.tag };
	else
		return no_such_ref(ref);
	return NULL;
}

Err *git_resolve(const GitAccess *access, Arena *a, const Remote *remote, GitCommit *ret)
{
	const RemoteGit *git = &remote->git;
	GitCommit c = { .name = STR(""), .object = git->ref, .commit = git->ref };
	if (git->fetch_by_commit && remote_is_commit(git->checksum)) {
		c.object = c.commit = git->checksum;
		if (git->ref.len && !remote_is_commit(git->ref))
			c.name = str_starts(git->ref, STR("refs/"))
			                 ? git->ref
			                 : named(a, "refs/heads/", git->ref);
	} else if (!git->ref.len) {
		TRY(resolve_head(access, a, remote, &c));
	} else if (!remote_is_commit(git->ref)) {
		TRY(resolve_name(access, a, remote, &c));
	}
	TRY(check(git, &c));
	*ret = c;
	return NULL;
}
