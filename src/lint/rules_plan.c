/* rules_plan.c - rules that need variables, stages and images: what planning has seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "lint/lint-internal.h"
#include "oci/platform.h"

static bool is_fact(const Linter *l, PlanFactKind kind, InstructionId id)
{
	return l->fact->kind == kind && l->node->id == id;
}

/* --- FROM ------------------------------------------------------------------------------------- */

void lint_rule_InvalidDefaultArgInFrom(Linter *l)
{
	if (l->fact->kind == PLAN_SAW_BAD_DEFAULT)
		lint_report(
			l, LINT_InvalidDefaultArgInFrom,
			"Default value for ARG %.*s results in empty or invalid base image name",
			STR_ARG(l->fact->text));
}

void lint_rule_UndefinedArgInFrom(Linter *l)
{
	const PlanFact *f = l->fact;
	if (f->kind != PLAN_SAW_FROM_UNSET)
		return;
	if (f->near.len)
		lint_report(l, LINT_UndefinedArgInFrom,
		            "FROM argument '%.*s' is not declared (did you mean %.*s?)",
		            STR_ARG(f->text), STR_ARG(f->near));
	else
		lint_report(l, LINT_UndefinedArgInFrom, "FROM argument '%.*s' is not declared",
		            STR_ARG(f->text));
}

void lint_rule_RedundantTargetPlatform(Linter *l)
{
	if (l->fact->kind == PLAN_SAW_TARGET_PLATFORM)
		lint_report(l, LINT_RedundantTargetPlatform,
		            "Setting platform to predefined %.*s in FROM is redundant as this is "
		            "the default behavior",
		            STR_ARG(l->fact->text));
}

/* A stage whose name says what it is for may have a platform of its own. */
void lint_rule_FromPlatformFlagConstDisallowed(Linter *l)
{
	Platform platform;
	if (l->fact->kind != PLAN_SAW_CONST_PLATFORM)
		return;
	AUTO_ERR Err *e = platform_parse(l->arena, l->fact->text, &platform);
	Str name = l->node->word_count == 3 ? l->node->words[2].text : STR("");
	if (e || lint_find(name, platform.os) >= 0 || lint_find(name, platform.arch) >= 0)
		return;
	AUTO_BUF Buf value = BUF_INIT;
	rune_add_quoted(&value, l->fact->text);
	lint_report(l, LINT_FromPlatformFlagConstDisallowed,
	            "FROM --platform flag should not use constant value %s", value.ptr);
}

void lint_rule_InvalidBaseImagePlatform(Linter *l)
{
	const PlanFact *f = l->fact;
	if (f->kind == PLAN_SAW_BASE_PLATFORM)
		lint_report(l, LINT_InvalidBaseImagePlatform,
		            "Base image %.*s was pulled with platform \"%.*s\", expected \"%.*s\" "
		            "for current build",
		            STR_ARG(f->text), STR_ARG(f->near), STR_ARG(f->value));
}

/* --- variables -------------------------------------------------------------------------------- */

void lint_rule_UndefinedVar(Linter *l)
{
	const PlanFact *f = l->fact;
	if (f->kind != PLAN_SAW_UNSET)
		return;
	if (f->near.len)
		lint_report(l, LINT_UndefinedVar,
		            "Usage of undefined variable '$%.*s' (did you mean $%.*s?)",
		            STR_ARG(f->text), STR_ARG(f->near));
	else
		lint_report(l, LINT_UndefinedVar, "Usage of undefined variable '$%.*s'",
		            STR_ARG(f->text));
}

void lint_rule_LegacyKeyValueFormat(Linter *l)
{
	const Node *n = l->node;
	if (l->fact->kind != PLAN_SAW_VALUE || !n->legacy)
		return;
	lint_report(l, LINT_LegacyKeyValueFormat,
	            "\"%.*s key=value\" should be used instead of legacy \"%.*s key value\" format",
	            STR_ARG(n->keyword.text), STR_ARG(n->keyword.text));
}

void lint_rule_SecretsUsedInArgOrEnv(Linter *l)
{
	bool arg = l->fact->kind == PLAN_SAW_ARG;
	Str name = l->fact->text;
	if (!arg && !is_fact(l, PLAN_SAW_VALUE, INST_ENV))
		return;
	if (!lint_is_secret_variable(name))
		return;
	AUTO_BUF Buf quoted = BUF_INIT;
	rune_add_quoted(&quoted, name);
	lint_report(l, LINT_SecretsUsedInArgOrEnv,
	            "Do not use ARG or ENV instructions for sensitive data (%s %s)",
	            arg ? "ARG" : "ENV", quoted.ptr);
}

/* --- one stage -------------------------------------------------------------------------------- */

/* A stage that goes on with another has its working directory. */
static void inherit(Linter *l)
{
	const PlanFact *f = l->fact;
	if (f->kind == PLAN_SAW_STAGE && f->other < l->stage_count)
		l->stage->workdir_set = l->stages[f->other].workdir_set;
}

void lint_rule_WorkdirRelativePath(Linter *l)
{
	Str path = l->fact->text;
	inherit(l);
	if (!is_fact(l, PLAN_SAW_VALUE, INST_WORKDIR))
		return;
	if (!l->stage->workdir_set && !str_starts(path, STR("/"))) {
		AUTO_BUF Buf quoted = BUF_INIT;
		rune_add_quoted(&quoted, path);
		lint_report(
			l, LINT_WorkdirRelativePath,
			"Relative workdir %s can have unexpected results if the base image changes",
			quoted.ptr);
	}
	l->stage->workdir_set = true;
}

void lint_rule_MultipleInstructionsDisallowed(Linter *l)
{
	const Node *n = l->node;
	if (l->fact->kind != PLAN_SAW_INSTRUCTION ||
	    (n->id != INST_CMD && n->id != INST_ENTRYPOINT && n->id != INST_HEALTHCHECK))
		return;
	const Node **last = &l->stage->last[n->id];
	if (*last) /* at the one that has no effect */
		lint_report_at(l, LINT_MultipleInstructionsDisallowed, *last,
		               "Multiple %.*s instructions should not be used in the same stage "
		               "because only the last one will be used",
		               STR_ARG(n->keyword.text));
	*last = l->place;
}

void lint_rule_JSONArgsRecommended(Linter *l)
{
	if (l->fact->kind == PLAN_SAW_NO_SHELL)
		lint_report(l, LINT_JSONArgsRecommended,
		            "JSON arguments recommended for %.*s to prevent unintended behavior "
		            "related to OS signals",
		            STR_ARG(l->node->keyword.text));
}

/* --- EXPOSE ----------------------------------------------------------------------------------- */

void lint_rule_ExposeProtoCasing(Linter *l)
{
	Str port = l->fact->text;
	if (!is_fact(l, PLAN_SAW_VALUE, INST_EXPOSE))
		return;
	Str proto = str_from_at(port, (size_t)(str_rfind(port, ':') + 1)), head;
	proto = str_cut(proto, '/', &head);
	for (size_t i = 0; i < proto.len; i++)
		if (proto.ptr[i] >= 'A' && proto.ptr[i] <= 'Z') {
			lint_report(
				l, LINT_ExposeProtoCasing,
				"Defined protocol '%.*s' in EXPOSE instruction should be lowercase",
				STR_ARG(port));
			return;
		}
}

void lint_rule_ExposeInvalidFormat(Linter *l)
{
	Str port = l->fact->text;
	if (!is_fact(l, PLAN_SAW_VALUE, INST_EXPOSE))
		return;
	ptrdiff_t colon = str_rfind(port, ':');
	while (colon > 0 && port.ptr[colon - 1] == ':')
		colon--; /* "::80" has nothing before its colons, and docker says nothing */
	if (colon > 0)
		lint_report(l, LINT_ExposeInvalidFormat,
		            "EXPOSE instruction should not define an IP address or host-port "
		            "mapping, found '%.*s'",
		            STR_ARG(port));
}

/* --- COPY ------------------------------------------------------------------------------------- */

/* The patterns of the ignore file; NULL if there are none that can be judged by. */
static const Ignore *read_ignore(Linter *l)
{
	if (!l->ignore_read && l->in->ignore) {
		AUTO_ERR Err *e = ignore_parse(l->arena, l->in->ignore, &l->ignore);
		if (e) /* the build says it */
			l->ignore = (Ignore){ 0 };
	}
	l->ignore_read = true;
	/* With "!" lines a directory may be left out and what lies in it not. */
	return l->ignore.count && !l->ignore.has_negation ? &l->ignore : NULL;
}

/* As Go's filepath.Clean. */
static Str clean(Linter *l, Str path)
{
	AUTO_BUF Buf out = BUF_INIT;
	bool absolute = str_starts(path, STR("/"));
	size_t depth = 0; /* names that a ".." can take back */
	while (path.len) {
		Str name;
		path = str_cut(path, '/', &name);
		if (!name.len || str_eqc(name, "."))
			continue;
		bool up = str_eqc(name, "..");
		if (up && (depth || absolute)) {
			ptrdiff_t slash = str_rfind(buf_str(&out), '/');
			out.len = slash < 0 ? 0 : (size_t)slash;
			depth -= depth > 0;
			continue;
		}
		if (out.len)
			buf_add_char(&out, '/');
		buf_add_str(&out, name);
		depth += !up;
	}
	if (absolute)
		return arena_strf(l->arena, "/%.*s", STR_ARG(buf_str(&out)));
	return out.len ? arena_str(l->arena, buf_str(&out)) : STR(".");
}

static bool ignores_all(const Ignore *ignore)
{
	static const char *const all[] = { "*", "**", "**/*" };
	for (size_t i = 0; i < ignore->count; i++)
		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			if (str_eqc(ignore->patterns[i].text, all[k]))
				return true;
	return false;
}

static bool is_url(Str s)
{
	return str_starts(s, STR("http://")) || str_starts(s, STR("https://")) ||
	       str_starts(s, STR("git@")) || str_starts(s, STR("git://")) ||
	       str_starts(s, STR("ssh://"));
}

void lint_rule_CopyIgnoredFile(Linter *l)
{
	Str path = l->fact->text;
	bool add = l->node->id == INST_ADD;
	const NodeFlag *from = node_flag(l->node, FLAG_ID_FROM);
	if (l->fact->kind != PLAN_SAW_VALUE || (l->node->id != INST_COPY && !add))
		return;
	if ((from && from->value.text.len) || (add && is_url(path)))
		return;
	const Ignore *ignore = read_ignore(l);
	const IgnorePattern *by;
	if (!ignore)
		return;
	path = clean(l, path);
	bool root = str_eqc(path, ".") || str_eqc(path, "/");
	if (root ? ignores_all(ignore) : ignore_excludes(ignore, path, &by)) {
		AUTO_BUF Buf quoted = BUF_INIT;
		rune_add_quoted(&quoted, path);
		lint_report(l, LINT_CopyIgnoredFile,
		            "Attempting to %s file %s that is excluded by .dockerignore",
		            add ? "Add" : "Copy", quoted.ptr);
	}
}
