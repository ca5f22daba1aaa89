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
		if (calls[i].time == time &&
		    (l->in->remarks || lint_rule_table[i].level != LINT_REMARK))
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
	case LINT_WARNING:
		break;
	}
	return !o.skip_all && !o.skip[rule];
}

static void PRINTF(5, 0)
	keep(Linter *l, LintRuleId rule, bool remark, const Node *node, const char *fmt, va_list ap)
{
	remark = remark || lint_rule_table[rule].level == LINT_REMARK;
	if ((remark && !l->in->remarks) || !is_wanted(l, rule))
		return;
	AUTO_FREE char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		die_oom(0);
	LintFinding found = { .rule = rule,
		              .is_remark = remark,
		              .text = arena_str(l->arena, str_from(text)) };
	if (node->span.src == l->file->source)
		line_map_find(&l->lines, node->span, &found.first_line, &found.last_line);
	VEC_PUSH(&l->findings, found);
}

void lint_report_at(Linter *l, LintRuleId rule, const Node *node, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(l, rule, false, node, fmt, ap);
	va_end(ap);
}

void lint_report(Linter *l, LintRuleId rule, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(l, rule, false, l->place, fmt, ap);
	va_end(ap);
}

void lint_remark(Linter *l, LintRuleId rule, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(l, rule, true, l->place, fmt, ap);
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

/* What L has found, behind what RET has. */
static void hand_out(Linter *l, LintResult *ret)
{
	size_t count = ret->count + l->findings.len;
	LintFinding *all = arena_alloc(l->arena, (count + 1) * sizeof *all, _Alignof(LintFinding));
	if (ret->count)
		memcpy(all, ret->findings, ret->count * sizeof *all);
	for (size_t i = 0; i < l->findings.len; i++) {
		LintFinding *f = &all[ret->count + i];
		*f = l->findings.at[i];
		f->number = ret->count + i;
		ret->warning_count += !f->is_remark;
	}
	ret->findings = all;
	ret->count = count;
	ret->as_error = l->options.as_error;
}

static Err *linter_init(Linter *l, Arena *a, const LintInput *in)
{
	*l = (Linter){ .arena = a,
		       .in = in,
		       .file = in->file,
		       .lines = { .arena = a, .source = in->file->source } };
	return lint_options_read(a, lint_options_word(in), &l->options);
}

Err *lint_run(Arena *a, const LintInput *in, LintResult *ret)
{
	CLEANUP(linter_done) Linter l;
	*ret = (LintResult){ 0 };
	TRY(linter_init(&l, a, in));
	for (size_t i = 0; i < in->file->node_count; i++)
		l.stage_count += in->file->nodes[i].id == INST_FROM;
	l.stages = arena_alloc(a, (l.stage_count + 1) * sizeof *l.stages, _Alignof(LintStage));
	run_on_text(&l);
	run_on_facts(&l);
	hand_out(&l, ret);
	return NULL;
}

/* A build, where remarks are not wanted, asks for no more than it has looked at anyway. */
static bool has_step_rules(const Linter *l, const Step *step)
{
	if (step->kind == STEP_COPY)
		return l->in->remarks || step->copy.origin == ORIGIN_CONTEXT;
	return l->in->remarks && step->kind == STEP_RUN;
}

/* Mark the steps whose layers an image has: a result's last one, and those below it. */
static void mark_results(const Plan *plan, bool *in_result)
{
	for (size_t i = 0; i < plan->result_count; i++) {
		uint32_t step = plan->stages[plan->results[i].stage].last_step;
		while (step != STEP_NONE && !in_result[step]) {
			in_result[step] = true;
			step = plan->steps[step].parent;
		}
	}
}

static Str words_of(Arena *a, const LintFinding *f)
{
	return arena_strf(a, "%d %u %u %.*s", f->rule, f->first_line, f->last_line,
	                  STR_ARG(f->text));
}

void lint_merge(Arena *a, const LintResult *from, LintResult *io)
{
	AUTO_MAP Map told = MAP_INIT;
	size_t count = io->count + from->count;
	LintFinding *all = arena_alloc(a, (count + 1) * sizeof *all, _Alignof(LintFinding));
	if (io->count)
		memcpy(all, io->findings, io->count * sizeof *all);
	for (size_t i = 0; i < io->count; i++)
		(void)map_put(&told, words_of(a, &all[i]), io);
	for (size_t i = 0; i < from->count; i++) {
		LintFinding *f = &all[io->count];
		*f = from->findings[i];
		if (map_put(&told, words_of(a, f), io))
			continue;
		f->number = io->count++;
		io->warning_count += !f->is_remark;
	}
	io->findings = all;
	io->as_error = io->as_error || from->as_error;
}

Err *lint_run_steps(Arena *a, const LintInput *in, const Plan *plan, const LintFiles *files,
                    LintResult *io)
{
	CLEANUP(linter_done) Linter l;
	TRY(linter_init(&l, a, in));
	AUTO_FREE bool *in_result = xcalloc(plan->step_count + 1, sizeof *in_result);
	mark_results(plan, in_result);
	l.plan = plan;
	l.files = files;
	l.results = in_result;
	for (size_t i = 0; i < plan->step_count; i++) {
		AUTO_ARENA Arena step_arena = ARENA_INIT;
		LintTaken taken;
		l.step = &plan->steps[i];
		l.node = l.place = l.step->node;
		l.in_result = in_result[i];
		if (!has_step_rules(&l, l.step))
			continue;
		bool known =
			l.step->kind == STEP_COPY &&
			files->taken(files->context, l.step, in->remarks ? NULL : lint_secret_name,
		                     &step_arena, &taken);
		l.taken = known ? &taken : NULL;
		call(&l, LINT_AT_STEP);
	}
	LintResult found = { 0 };
	if (l.findings.len && plan->result_count == 1) {
		hand_out(&l, io);
	} else if (l.findings.len) { /* one line of the file may be many steps */
		hand_out(&l, &found);
		lint_merge(a, &found, io);
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
		if (told[rule] || result->findings[i].is_remark)
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
