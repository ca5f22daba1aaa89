/* rules_copy.c - rules of ours about the files that a COPY or ADD takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "lint/lint-internal.h"

static const char *name_of(const Linter *l)
{
	return l->step->copy.is_add ? "ADD" : "COPY";
}

/* --- secrets ---------------------------------------------------------------------------------- */

/* Of one step: who copies a whole home directory has understood after a few. */
enum { SECRETS_TOLD_MAX = 5 };
/* Keys are small; so are the files with tokens, of which the start tells. */
enum { SECRET_BYTES_MAX = 64 << 10 };

static Str file_name(Str path)
{
	return str_from_at(path, (size_t)(str_rfind(path, '/') + 1));
}

static bool is_at_or_below(Str path, Str top)
{
	return top.len == 0 || str_eq(path, top) ||
	       (str_starts(path, top) && path.ptr[top.len] == '/');
}

/* Is the root after the running step one that STEP takes files of? */
static bool takes_of_this(const Linter *l, const Step *step)
{
	if (step->kind != STEP_COPY || step->copy.origin != ORIGIN_STEP)
		return false;
	uint32_t n = step->copy.origin_step;
	while (n != STEP_NONE && n > l->step->number)
		n = l->plan->steps[n].parent;
	return n == l->step->number;
}

/* Does a COPY --from of the image take PATH of the running step's root?  Wildcards are not
 * followed. */
static bool is_carried_on(Linter *l, Str path)
{
	for (size_t i = l->step->number + 1; i < l->plan->step_count; i++) {
		const Step *step = &l->plan->steps[i];
		if (!l->results[i] || !takes_of_this(l, step))
			continue;
		for (size_t k = 0; k < step->copy.source_count; k++) {
			const CopySource *s = &step->copy.sources[k];
			if (!s->is_inline &&
			    is_at_or_below(path, path_clean_in_root(l->arena, s->path)))
				return true;
		}
	}
	return false;
}

/* F reaches the image from the stage that it is copied into.  A file may get the name of the
 * destination, or its own in it. */
static bool reaches_image(Linter *l, const LintFile *f)
{
	Str dest = path_clean_in_root(l->arena, l->step->copy.dest);
	Str below = f->entry->path.len ? f->entry->path : file_name(f->path);
	Str inside =
		dest.len ? arena_strf(l->arena, "%.*s/%.*s", STR_ARG(dest), STR_ARG(below)) : below;
	bool renamed = !f->entry->path.len && dest.len && !str_ends(l->step->copy.dest, STR("/"));
	return is_carried_on(l, inside) || (renamed && is_carried_on(l, dest));
}

static void tell_secret(Linter *l, const LintFile *f, const char *what)
{
	Str path = f->path;
	if (l->in_result || reaches_image(l, f))
		lint_report(l, LINT_SecretInLayer, "%s puts '%.*s', which holds %s, into the image",
		            name_of(l), STR_ARG(path), what);
	else
		lint_remark(l, LINT_SecretInLayer,
		            "%s puts '%.*s', which holds %s, into a stage: with RUN "
		            "--mount=type=secret it stays in no cache",
		            name_of(l), STR_ARG(path), what);
}

void lint_rule_SecretInLayer(Linter *l)
{
	size_t told = 0;
	if (!l->taken || l->step->copy.origin != ORIGIN_CONTEXT)
		return;
	for (size_t i = 0; i < l->taken->count && told < SECRETS_TOLD_MAX; i++) {
		const LintFile *f = &l->taken->files[i];
		AUTO_BUF Buf text = BUF_INIT;
		if (f->entry->type != ENTRY_FILE || !lint_secret_name(f->path) ||
		    !l->files->read(l->files->context, f, SECRET_BYTES_MAX, &text))
			continue;
		const char *what = lint_secret(f->path, buf_str(&text));
		if (!what)
			continue;
		tell_secret(l, f, what);
		told++;
	}
}

/* --- caching ---------------------------------------------------------------------------------- */

static bool is_git(Str path)
{
	return str_eqc(path, ".git") || str_starts(path, STR(".git/"));
}

/* What the user's word led to: the file, or the directory that it is below. */
static Str named_path(const LintFile *f)
{
	Str named = str_head(f->path, f->path.len - f->entry->path.len);
	named.len -= str_ends(named, STR("/"));
	return named;
}

/* Does anything behind the step cost more than the step itself? */
static bool is_followed_by_run(const Linter *l)
{
	for (size_t i = l->step->number + 1; i < l->plan->step_count; i++)
		if (l->plan->steps[i].kind == STEP_RUN && l->plan->steps[i].stage == l->step->stage)
			return true;
	return false;
}

void lint_rule_CopyNeverCached(Linter *l)
{
	Str own = file_name(str_from(l->file->source->name));
	uint64_t bytes = 0;
	size_t count = 0;
	bool takes_file = false;
	if (!l->taken || l->step->copy.origin != ORIGIN_CONTEXT || l->step->copy.context)
		return;
	for (size_t i = 0; i < l->taken->count; i++) {
		const LintFile *f = &l->taken->files[i];
		if (!f->below)
			continue; /* named by the user, who wants it */
		takes_file = takes_file || str_eq(f->path, own);
		if (is_git(f->path) && !is_git(named_path(f)) && f->entry->type == ENTRY_FILE) {
			bytes += f->entry->size;
			count++;
		}
	}
	if (count)
		lint_report(l, LINT_CopyNeverCached,
		            "%s takes '.git' along (%zu files, %.*s), which is another with each "
		            "commit: exclude it in .dockerignore",
		            name_of(l), count, STR_ARG(lint_size(l, bytes)));
	if (takes_file && is_followed_by_run(l))
		lint_report(
			l, LINT_CopyNeverCached,
			"%s takes '%.*s' itself along, so that each change of it runs this step "
			"and all behind it again: exclude it in .dockerignore",
			name_of(l), STR_ARG(own));
}

/* --- where documents and behaviour differ ----------------------------------------------------- */

void lint_rule_CopyMatchesNothing(Linter *l)
{
	const CopyArgs *c = &l->step->copy;
	if (!l->taken || l->taken->match_count || !c->source_count)
		return;
	for (size_t i = 0; i < c->source_count; i++)
		if (c->sources[i].is_inline || c->sources[i].fetch_step != STEP_NONE)
			return;
	lint_report(l, LINT_CopyMatchesNothing, "%s copies nothing, which is no error: '%.*s'%s",
	            name_of(l), STR_ARG(c->sources[0].path),
	            c->source_count > 1 ? " and the other wildcards match no file"
	                                : " matches no file");
}

/* Files of the user that the stage ends as are meant to be his. */
static bool has_other_user(const Linter *l)
{
	Str user = l->plan->stages[l->step->stage].config.user;
	return user.len && !str_eqc(user, "root") && !str_eqc(user, "0");
}

void lint_rule_CopyKeepsOwner(Linter *l)
{
	const CopyArgs *c = &l->step->copy;
	const LintFile *first = NULL;
	size_t count = 0;
	if (!l->taken || c->origin != ORIGIN_STEP || c->chown.len || has_other_user(l))
		return;
	for (size_t i = 0; i < l->taken->count; i++) {
		const LintFile *f = &l->taken->files[i];
		bool top = !f->below && f->entry->type == ENTRY_DIR; /* which becomes root's */
		if (top || !(f->entry->uid || f->entry->gid))
			continue;
		first = first ? first : f;
		count++;
	}
	if (!first)
		return;
	AUTO_BUF Buf more = BUF_INIT;
	if (count > 1)
		buf_addf(&more, " and %zu more", count - 1);
	lint_report(l, LINT_CopyKeepsOwner,
	            "'/%.*s'%.*s keep%s the owner %u:%u, though docker's documents say root: "
	            "--chown=0:0 makes it so",
	            STR_ARG(first->path), STR_ARG(buf_str(&more)), count > 1 ? "" : "s",
	            first->entry->uid, first->entry->gid);
}
