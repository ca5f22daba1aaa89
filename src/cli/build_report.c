/* build_report.c - sizes at the end of a good build, the failed step's log at that of a bad one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_call.h"
#include "cli/build_report.h"
#include "cli/listing.h"

/* Enough to see a compiler's or a package manager's last words, few enough for one screen. */
enum { LOG_LINES = 20 };

/* As people call an image: its first name, else the start of its ID. */
static Str name_of(Arena *a, const BuildTarget *t, const BuildImage *image)
{
	return t->tag_count ? reference_familiar(a, &t->tags[0])
	                    : str_head(digest_arena_hex(a, &image->image_id), 12);
}

/* Of several: one a line. */
static void report_each(Ui *ui, Arena *a, const BuildResult *result)
{
	for (size_t i = 0; i < result->target_count; i++) {
		const BuildTarget *t = &result->targets[i];
		for (size_t k = 0; k < t->image_count; k++) {
			const BuildImage *image = &t->images[k];
			Str platform = platform_text(a, &image->platform);
			ui_say(ui, "%.*s -> %.*s%s%.*s %s", STR_ARG(t->name),
			       STR_ARG(name_of(a, t, image)), t->image_count > 1 ? " " : "",
			       t->image_count > 1 ? (int)platform.len : 0, platform.ptr,
			       cli_size_words(a, image->size_bytes).ptr);
		}
	}
}

void build_report_sizes(Ui *ui, Arena *a, const BuildResult *result)
{
	if (result->image_count > 1) {
		report_each(ui, a, result);
		return;
	}
	Str name = name_of(a, &result->targets[0], &result->images[0]);
	uint64_t size = result->size_bytes;
	for (size_t i = 0; i < result->stage_count; i++) {
		const BuildStage *stage = &result->stages[i];
		if (stage->is_result)
			continue;
		/* In tenths of a percent, rounded down: "100.0 % left behind" would be a lie. */
		unsigned share = 0;
		if (stage->size_bytes > size)
			share = (unsigned)((double)(stage->size_bytes - size) * 1000 /
			                   (double)stage->size_bytes);
		Str from = cli_size_words(a, stage->size_bytes), to = cli_size_words(a, size);
		if (share)
			ui_say(ui, "%.*s %s -> %.*s %s, %u.%u %% left behind", STR_ARG(stage->name),
			       from.ptr, STR_ARG(name), to.ptr, share / 10, share % 10);
		else
			ui_say(ui, "%.*s %s -> %.*s %s", STR_ARG(stage->name), from.ptr,
			       STR_ARG(name), to.ptr);
	}
}

static void expand_warning(Ui *ui, LineMap *lines, const LintFinding *f)
{
	const LintRule *rule = &lint_rule_table[f->rule];
	AUTO_BUF Buf frame = BUF_INIT;
	ui_say(ui, "%s", rule->description);
	if (*rule->url)
		ui_say(ui, "More info: %s", rule->url);
	build_check_frame(lines, f->first_line, f->last_line, &frame);
	for (Str rest = buf_str(&frame); rest.len;) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		ui_say(ui, "%.*s", STR_ARG(line));
	}
	ui_say(ui, "%s", "");
}

void build_report_warnings(Ui *ui, Arena *a, const BuildResult *result, bool debug)
{
	const LintResult *lint = &result->lint;
	LineMap lines = { .arena = a, .source = result->source };
	if (!lint->warning_count || !ui_has_reader(ui))
		return;
	ui_say(ui, "%s", "");
	ui_say(ui, " %zu warning%s found%s:", lint->warning_count,
	       lint->warning_count == 1 ? "" : "s", debug ? "" : " (use --debug to expand)");
	for (size_t i = 0; i < lint->count; i++) {
		const LintFinding *f = &lint->findings[i];
		if (f->is_remark)
			continue;
		Str text = lint_short(a, f);
		ui_say(ui, " - %.*s", STR_ARG(text));
		if (debug)
			expand_warning(ui, &lines, f);
	}
}

void build_report_failure(Ui *ui, Arena *a, const BuildResult *result, const Err *err)
{
	Str title = ui_line_title(ui, result->failed_line, a);
	Str tail = ui_log_tail(ui, result->failed_line, LOG_LINES, a);
	if (tail.len) {
		ui_say(ui, "------");
		ui_say(ui, " > %.*s:", STR_ARG(title));
		while (tail.len) {
			Str line;
			tail = str_cut(tail, '\n', &line);
			ui_say(ui, "%.*s", STR_ARG(line));
		}
		ui_say(ui, "------");
	}
	ui_error(ui, err);
}
