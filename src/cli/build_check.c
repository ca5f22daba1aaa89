/* build_check.c - what `build --check` prints: findings as text and as JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_call.h"
#include "codec/base64.h"
#include "codec/json.h"

#define RULER "--------------------\n"

/* As BuildKit widens it: a line at each end in turn, four steps around one line and two around
 * several. */
static void widen(unsigned count, unsigned *first, unsigned *last)
{
	unsigned room = *first == *last ? 4 : 2;
	for (unsigned used = 0; used < room; used++) {
		if (*first > 1) {
			--*first;
			used++;
		}
		if (*last < count) {
			++*last;
			used++;
		}
	}
}

void build_check_frame(LineMap *lines, unsigned first, unsigned last, Buf *out)
{
	unsigned count = line_map_count(lines), from = first, to = last < count ? last : count;
	if (!first || first > count)
		return;
	widen(count, &from, &to);
	ui_text_safe_log(str_from(lines->source->name), out);
	buf_addf(out, ":%u\n" RULER, first);
	for (unsigned i = from; i <= to; i++) {
		buf_addf(out, " %3u | %s ", i, i >= first && i <= last ? ">>>" : "   ");
		ui_text_safe_log(line_map_text(lines, i), out);
		buf_add_char(out, '\n');
	}
	buf_addf(out, RULER);
}

static void add_finding(LineMap *lines, const LintFinding *f, Buf *out)
{
	const LintRule *rule = &lint_rule_table[f->rule];
	buf_addf(out, "\n%s: %s", f->is_remark ? "REMARK" : "WARNING", rule->name);
	if (*rule->url)
		buf_addf(out, " - %s", rule->url);
	buf_add_char(out, '\n');
	ui_text_safe_log(f->text, out);
	buf_add_char(out, '\n');
	build_check_frame(lines, f->first_line, f->last_line, out);
}

void build_check_text(const BuildLook *look, Arena *a, Buf *out)
{
	const LintFinding *sorted = lint_sorted(a, &look->lint);
	size_t warnings = look->lint.warning_count, remarks = look->lint.count - warnings;
	LineMap lines = { .arena = a, .source = look->file.source };
	if (warnings)
		buf_addf(out, "Check complete, %zu %s been found!\n", warnings,
		         warnings == 1 ? "warning has" : "warnings have");
	else if (!look->error)
		buf_addf(out, "Check complete, no warnings found.\n");
	for (size_t i = 0; i < look->lint.count; i++)
		if (!sorted[i].is_remark)
			add_finding(&lines, &sorted[i], out);
	for (size_t i = 0; remarks && i < look->lint.count; i++)
		if (sorted[i].is_remark)
			add_finding(&lines, &sorted[i], out);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void write_position(JsonWriter *w, const char *key, unsigned line)
{
	json_write_key(w, key);
	json_write_object(w);
	json_write_key(w, "line");
	json_write_int(w, line);
	json_write_object_end(w);
}

/* A range a line, as BuildKit has it; one for all where they would be too many to read. */
static void write_ranges(JsonWriter *w, unsigned first, unsigned last)
{
	enum { LINES_MAX = 1000 };
	unsigned step = last > first && last - first > LINES_MAX ? last - first : 0;
	for (unsigned line = first; line <= last; line += step + 1) {
		json_write_object(w);
		write_position(w, "start", line);
		write_position(w, "end", line + step);
		json_write_object_end(w);
	}
}

void build_call_json_location(JsonWriter *w, unsigned first, unsigned last)
{
	json_write_key(w, "location");
	json_write_object(w);
	if (first) {
		json_write_key(w, "ranges");
		json_write_array(w);
		write_ranges(w, first, last);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

static void write_findings(JsonWriter *w, const BuildLook *look, bool remarks)
{
	json_write_array(w);
	for (size_t i = 0; i < look->lint.count; i++) {
		const LintFinding *f = &look->lint.findings[i];
		const LintRule *rule = &lint_rule_table[f->rule];
		if (f->is_remark != remarks)
			continue;
		json_write_object(w);
		json_write_key(w, "ruleName");
		json_write_str(w, str_from(rule->name));
		build_call_json_text(w, "description", str_from(rule->description));
		build_call_json_text(w, "url", str_from(rule->url));
		build_call_json_text(w, "detail", f->text);
		build_call_json_location(w, f->first_line, f->last_line);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

void build_call_json_data(JsonWriter *w, Str data)
{
	AUTO_BUF Buf text = BUF_INIT;
	base64_encode(data, &text);
	json_write_str(w, buf_str(&text));
}

static void write_source(JsonWriter *w, const Source *source)
{
	json_write_key(w, "sources");
	json_write_array(w);
	json_write_object(w);
	json_write_key(w, "filename");
	Str name = str_from(source->name);
	json_write_str(w, str_from_at(name, (size_t)(str_rfind(name, '/') + 1))); /* as docker */
	if (source->text.len) {
		json_write_key(w, "data");
		build_call_json_data(w, source->text);
	}
	json_write_key(w, "language");
	json_write_str(w, STR("Dockerfile"));
	json_write_object_end(w);
	json_write_array_end(w);
}

static void write_error(JsonWriter *w, const BuildLook *look, Arena *a)
{
	unsigned first = 0, last = 0;
	Span span = err_span(look->error);
	LineMap lines = { .arena = a, .source = look->file.source };
	if (span.src && span.src == look->file.source)
		line_map_find(&lines, span, &first, &last);
	json_write_key(w, "buildError");
	json_write_object(w);
	json_write_key(w, "message");
	json_write_str(w, err_cause(look->error));
	build_call_json_location(w, first, last);
	json_write_object_end(w);
}

void build_check_json(const BuildLook *look, Arena *a, Buf *out)
{
	JsonWriter w = { out, false };
	json_write_object(&w);
	json_write_key(&w, "warnings");
	if (look->lint.warning_count)
		write_findings(&w, look, false);
	else
		json_write_null(&w); /* as Go writes a list that nothing was added to */
	if (look->lint.count > look->lint.warning_count) {
		json_write_key(&w, "remarks"); /* ours, so docker has no such member */
		write_findings(&w, look, true);
	}
	write_source(&w, look->file.source);
	if (look->error)
		write_error(&w, look, a);
	json_write_object_end(&w);
}
