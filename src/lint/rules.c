/* rules.c - the table of rules, and the run: which of them is called when. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

#include <stdarg.h>

const LintRule lint_rule_table[LINT_RULE_COUNT] = {
#define RULE(rule, when, rank, text, address)                                                \
	[LINT_##rule] = {                                                                    \
		.name = #rule, .description = (text), .url = (address), .level = LINT_##rank \
	},
#include "lint/rules.def"
#undef RULE
};

/* A rule without lint_rule_<NAME>() does not link. */
static const struct {
	LintTime time;
	void (*run)(Linter *l);
} calls[LINT_RULE_COUNT] = {
#define RULE(rule, when, ...) [LINT_##rule] = { LINT_AT_##when, lint_rule_##rule },
#include "lint/rules.def"
#undef RULE
};

static void call(Linter *l, LintTime time)
{
	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		if (calls[i].time == time)
			calls[i].run(l);
}

/* --- what rules find -------------------------------------------------------------------------- */

static bool is_wanted(const Linter *l, LintRuleId rule)
{
	LintOptions o = l->options;
	lint_options_at(l->arena, l->place, &o);
	switch (lint_rule_table[rule].level) {
	case LINT_EXPERIMENTAL: /* what is asked for is not skipped */
		return o.experimental_all || o.experimental[rule];
	case LINT_REMARK:
		return l->in->remarks && !o.skip_all && !o.skip[rule];
	case LINT_WARNING:
		break;
	}
	return !o.skip_all && !o.skip[rule];
}

static void keep(Linter *l, LintRuleId rule, const Node *node, const char *fmt, va_list ap)
{
	if (!is_wanted(l, rule))
		return;
	AUTO_FREE char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		die_oom(0);
	LintFinding found = { .rule = rule, .text = arena_str(l->arena, str_from(text)) };
	if (node->span.src == l->file->source)
		line_map_find(&l->lines, node->span, &found.first_line, &found.last_line);
	VEC_PUSH(&l->findings, found);
}

void lint_report_at(Linter *l, LintRuleId rule, const Node *node, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(l, rule, node, fmt, ap);
	va_end(ap);
}

void lint_report(Linter *l, LintRuleId rule, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(l, rule, l->place, fmt, ap);
	va_end(ap);
}

/* --- the run ---------------------------------------------------------------------------------- */

/* How many instructions stand up to the first that is wrong, with it. */
static size_t count_read(const LintInput *in)
{
	Span place = in->broken ? err_span(in->broken) : (Span){ 0 };
	size_t n = 0;
	while (n < in->file->node_count &&
	       (!place.src || in->file->nodes[n].span.start <= place.start))
		n++;
	return n;
}

static void run_on_text(Linter *l)
{
	const Dockerfile *d = l->file;
	size_t read = count_read(l->in);
	for (size_t i = 0; i < d->node_count; i++) {
		l->node = l->place = &d->nodes[i];
		call(l, LINT_AT_LINES);
	}
	for (size_t i = 0; i < read; i++) {
		l->node = l->place = &d->nodes[i];
		call(l, LINT_AT_NODE);
	}
	if (l->in->broken)
		return;
	for (size_t i = 0; i < d->node_count; i++) {
		l->node = l->place = &d->nodes[i];
		if (l->node->id == INST_FROM)
			call(l, LINT_AT_STAGE);
	}
	call(l, LINT_AT_FILE);
}

static void run_on_facts(Linter *l)
{
	const PlanFacts *facts = l->in->facts;
	for (size_t i = 0; facts && i < facts->len; i++) {
		l->fact = &facts->at[i];
		l->node = l->fact->node;
		l->place = l->fact->place;
		l->stage = l->fact->stage < l->stage_count ? &l->stages[l->fact->stage] : NULL;
		call(l, LINT_AT_FACT);
	}
}

static void linter_done(Linter *l)
{
	map_done(&l->stage_names);
	VEC_DONE(&l->findings);
}

Err *lint_run(Arena *a, const LintInput *in, LintResult *ret)
{
	CLEANUP(linter_done) Linter l = { .arena = a, .in = in, .file = in->file };
	l.lines.source = in->file->source;
	l.lines.arena = a;
	*ret = (LintResult){ 0 };
	TRY(lint_options_read(a, lint_options_word(in), &l.options));
	for (size_t i = 0; i < in->file->node_count; i++)
		l.stage_count += in->file->nodes[i].id == INST_FROM;
	l.stages = arena_alloc(a, (l.stage_count + 1) * sizeof *l.stages, _Alignof(LintStage));
	run_on_text(&l);
	run_on_facts(&l);
	ret->as_error = l.options.as_error;
	ret->count = l.findings.len;
	ret->findings =
		arena_alloc(a, (l.findings.len + 1) * sizeof *ret->findings, _Alignof(LintFinding));
	for (size_t i = 0; i < l.findings.len; i++) {
		ret->findings[i] = l.findings.at[i];
		ret->findings[i].number = i;
		ret->warning_count += lint_rule_table[l.findings.at[i].rule].level != LINT_REMARK;
	}
	return NULL;
}

/* --- results ---------------------------------------------------------------------------------- */

Err *lint_error(const LintResult *result)
{
	AUTO_BUF Buf names = BUF_INIT;
	bool told[LINT_RULE_COUNT] = { false };
	for (size_t i = 0; result->as_error && i < result->count; i++) {
		LintRuleId rule = result->findings[i].rule;
		if (told[rule] || lint_rule_table[rule].level == LINT_REMARK)
			continue;
		told[rule] = true;
		buf_addf(&names, "%s%s", names.len ? ", " : "", lint_rule_table[rule].name);
	}
	if (!names.len)
		return NULL;
	return err_new(ERR_INPUT, "lint violation found for rules: %s", names.ptr);
}

Str lint_short(Arena *a, const LintFinding *f)
{
	const char *name = lint_rule_table[f->rule].name;
	if (!f->first_line)
		return arena_strf(a, "%s: %.*s", name, STR_ARG(f->text));
	return arena_strf(a, "%s: %.*s (line %u)", name, STR_ARG(f->text), f->first_line);
}

static int by_line(const void *a, const void *b)
{
	const LintFinding *x = a, *y = b;
	if (x->first_line != y->first_line)
		return x->first_line < y->first_line ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

LintFinding *lint_sorted(Arena *a, const LintResult *result)
{
	size_t size = sizeof(LintFinding);
	LintFinding *sorted = arena_alloc(a, (result->count + 1) * size, _Alignof(LintFinding));
	if (result->count)
		memcpy(sorted, result->findings, result->count * size);
	qsort(sorted, result->count, size, by_line);
	return sorted;
}
