/* plan_fetch.c - what comes from elsewhere: the steps that download and check out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

Err *plan_remote(Planner *p, const Node *node, Span source, Str text, Remote *ret)
{
	TRY(err_place(remote_parse(p->arena, text, ret), source));
	if (ret->kind == REMOTE_GIT && ret->git.maybe_local)
		ret->kind = REMOTE_NONE; /* only as a context is it a repository */
	if (ret->kind == REMOTE_NONE || node->id == INST_ADD)
		return NULL;
	return err_note(err_at(source, "source can't be a %s for %s",
	                       ret->kind == REMOTE_GIT ? "git ref" : "URL",
	                       instruction_table[node->id].name),
	                "ADD takes it");
}

/* "sha256:<64 hex digits>", which is all that BuildKit ever verifies. */
static Err *read_digest(Str text, Span span, Digest *ret)
{
	Str algorithm, hex = str_cut(text, ':', &algorithm);
	if (str_eqc(algorithm, "sha384") || str_eqc(algorithm, "sha512"))
		return err_at(span, "--checksum of a download is sha256:..., not %.*s",
		              STR_ARG(algorithm));
	if (!hex.len)
		return err_note(err_at(span, "invalid checksum digest format"),
		                "write --checksum=sha256:<64 hex digits>");
	if (!str_eqc(algorithm, "sha256"))
		return err_at(span, "unsupported digest algorithm");
	if (hex.len != DIGEST_HEX_LEN)
		return err_at(span, "invalid checksum digest length");
	AUTO_ERR Err *e = digest_parse(text, ret);
	return e ? err_at(span, "invalid checksum digest format") : NULL;
}

static bool is_hex(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789abcdefABCDEF", s.ptr[i]))
			return false;
	return s.len > 0;
}

static Err *git_checksum(FetchArgs *fetch, Str text, Span span)
{
	RemoteGit *git = &fetch->remote.git;
	if (git->checksum.len && !str_eq(git->checksum, text))
		return err_at(span, "checksum mismatch \"%.*s\" != \"%.*s\"", STR_ARG(text),
		              STR_ARG(git->checksum));
	if (!is_hex(text))
		return err_at(span, "invalid checksum %.*s for Git URL, expected hex commit hash",
		              STR_ARG(text));
	git->checksum = text;
	return NULL;
}

static Err *take_checksum(Planner *p, const StageWork *s, const Node *node, FetchArgs *fetch)
{
	const NodeFlag *flag = node_flag(node, FLAG_ID_CHECKSUM);
	Str text;
	if (!flag)
		return NULL;
	TRY(plan_expand(p, s, flag->value, &text));
	if (!text.len)
		return NULL; /* an ARG that is empty */
	fetch->checksum_span = flag->value.span;
	if (fetch->remote.kind == REMOTE_GIT)
		return git_checksum(fetch, text, flag->value.span);
	fetch->has_checksum = true;
	return read_digest(text, flag->value.span, &fetch->checksum);
}

Err *plan_fetch_flags(Planner *p, const StageWork *s, const Node *node, FetchArgs *fetch)
{
	RemoteSwitch in_url = fetch->remote.git.keep_git_dir;
	fetch->keep_git_dir = in_url == REMOTE_ON;
	if (node->id != INST_ADD)
		return NULL;
	const NodeFlag *keep = node_flag(node, FLAG_ID_KEEP_GIT_DIR);
	if (keep && fetch->remote.kind == REMOTE_GIT) {
		bool on = !keep->has_value || (keep->value.text.ptr[0] | 0x20) == 't';
		if (in_url != REMOTE_UNSET && on != fetch->keep_git_dir)
			return err_at(keep->name.span, "inconsistent keep-git-dir configuration");
		fetch->keep_git_dir = on;
	}
	return take_checksum(p, s, node, fetch);
}

/* All that decides what comes, in words. */
static Str in_words(Planner *p, const FetchArgs *f)
{
	AUTO_BUF Buf out = BUF_INIT;
	const RemoteGit *g = &f->remote.git;
	char hex[DIGEST_HEX_LEN + 1];
	buf_addf(&out, "%d\n%.*s\n%.*s\n", f->remote.kind, STR_ARG(f->remote.url),
	         STR_ARG(f->remote.user_info));
	buf_addf(&out, "%d%d\n", f->is_context, f->is_main);
	if (f->has_checksum)
		buf_add_str(&out, digest_hex(&f->checksum, hex));
	if (f->remote.kind == REMOTE_GIT)
		buf_addf(&out, "\n%.*s\n%.*s\n%.*s\n%d%d%d%d", STR_ARG(g->ref),
		         STR_ARG(g->checksum), STR_ARG(g->subdir), f->keep_git_dir, g->submodules,
		         g->mtime_commit, g->fetch_by_commit);
	return arena_str(p->arena, buf_str(&out));
}

Err *plan_fetch_step(Planner *p, const StageWork *s, const Node *node, Span span,
                     const FetchArgs *fetch, uint32_t *ret)
{
	Str words = in_words(p, fetch);
	uint32_t *number = map_get(&p->fetch_steps, words);
	if (!number) {
		TRY(plan_grow(p, sizeof(Step) + 2 * words.len, span));
		Step *step = plan_add_source(p, s, STEP_FETCH, node, span);
		step->fetch = *fetch;
		step->title =
			arena_strf(p->arena, "[internal] fetch %.*s", STR_ARG(fetch->remote.shown));
		number = arena_new(p->arena, uint32_t);
		*number = step->number;
		(void)map_put(&p->fetch_steps, words, number);
	}
	*ret = *number;
	return NULL;
}
