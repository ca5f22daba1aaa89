/* rules_file.c - rules that need the text alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool has_upper(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			return true;
	return false;
}

static bool has_lower(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 'a' && s.ptr[i] <= 'z')
			return true;
	return false;
}

static Str lower_str(Linter *l, Str s)
{
	char *text = arena_alloc(l->arena, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		text[i] = lower(s.ptr[i]);
	return (Str){ text, s.len };
}

void lint_rule_NoEmptyContinuation(Linter *l)
{
	if (!l->node->empty_continuation.src)
		return;
	/* docker marks the last line of the instruction, heredocs left out. */
	Node last = *l->node;
	if (last.rest.text.len && last.rest.span.end > last.rest.span.start)
		last.span.start = last.rest.span.end - 1;
	last.span.end = last.span.start + 1;
	lint_report_at(l, LINT_NoEmptyContinuation, &last, "Empty continuation line");
}

void lint_rule_StageNameCasing(Linter *l)
{
	const Node *n = l->node;
	if (n->id == INST_FROM && n->word_count == 3 && has_upper(n->words[2].text))
		lint_report(l, LINT_StageNameCasing, "Stage name '%.*s' should be lowercase",
		            STR_ARG(n->words[2].text));
}

void lint_rule_FromAsCasing(Linter *l)
{
	const Node *n = l->node;
	if (n->id != INST_FROM || n->word_count < 3)
		return;
	Str from = n->keyword.text, as = n->words[1].text;
	if (has_upper(from) && has_lower(from))
		return; /* for another rule */
	if (has_lower(from) ? has_upper(as) : has_lower(as))
		lint_report(l, LINT_FromAsCasing, "'%.*s' and '%.*s' keywords' casing do not match",
		            STR_ARG(as), STR_ARG(from));
}

void lint_rule_MaintainerDeprecated(Linter *l)
{
	if (l->node->id == INST_MAINTAINER)
		lint_report(l, LINT_MaintainerDeprecated,
		            "Maintainer instruction is deprecated in favor of using label");
}

/* The last comment above an ARG or a named FROM begins with the name. */
void lint_rule_InvalidDefinitionDescription(Linter *l)
{
	const Node *n = l->node;
	bool from = n->id == INST_FROM && n->word_count == 3;
	Str first;
	if ((!from && n->id != INST_ARG) || !n->comment_count)
		return;
	(void)str_cut(n->comments[n->comment_count - 1].text, ' ', &first);
	Str name = from ? lower_str(l, n->words[2].text) : n->pairs[0].key.text;
	bool named = from && str_eq(first, name);
	for (size_t i = 0; n->id == INST_ARG && i < n->pair_count; i++)
		named = named || str_eq(first, n->pairs[i].key.text);
	if (!named && n->pair_count > 1)
		name = STR("<arg_key>");
	if (!named)
		lint_report(l, LINT_InvalidDefinitionDescription,
		            "Comment for %s should follow the format: `# %.*s <description>`",
		            from ? "FROM" : "ARG", STR_ARG(name));
}

void lint_rule_ReservedStageName(Linter *l)
{
	const Node *n = l->node;
	if (n->word_count < 3)
		return;
	Str name = lower_str(l, n->words[2].text);
	if (str_eqc(name, "scratch") || str_eqc(name, "context"))
		lint_report(l, LINT_ReservedStageName,
		            "Stage name should not use the same name as reserved stage \"%.*s\"",
		            STR_ARG(name));
}

void lint_rule_DuplicateStageName(Linter *l)
{
	const Node *n = l->node;
	if (n->word_count < 3)
		return;
	Str name = lower_str(l, n->words[2].text);
	if (map_put(&l->stage_names, name, l))
		lint_report(l, LINT_DuplicateStageName,
		            "Duplicate stage name \"%.*s\", stage names should be unique",
		            STR_ARG(name));
}

void lint_rule_ConsistentInstructionCasing(Linter *l)
{
	const Dockerfile *d = l->file;
	size_t lower_count = 0, upper_count = 0, first = 0;
	while (first < d->node_count && d->nodes[first].id != INST_FROM)
		first++; /* ARGs before the first FROM do not count */
	for (size_t i = first; i < d->node_count; i++) {
		Str name = d->nodes[i].keyword.text;
		lower_count += !has_upper(name);
		upper_count += has_upper(name) && !has_lower(name);
	}
	bool want_lower = lower_count > upper_count;
	for (size_t i = first; i < d->node_count; i++) {
		l->node = l->place = &d->nodes[i];
		Str name = l->node->keyword.text;
		if (want_lower ? has_upper(name) : has_lower(name))
			lint_report(
				l, LINT_ConsistentInstructionCasing,
				"Command '%.*s' should match the case of the command majority (%s)",
				STR_ARG(name), want_lower ? "lowercase" : "uppercase");
	}
}
