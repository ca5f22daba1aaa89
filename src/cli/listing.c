/* listing.c - rows → a table, JSON lines, or what a template says. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "cli/listing.h"
#include "codec/template.h"

#include <stdio.h>

enum { COLUMN_PADDING = 3 };

typedef VEC(Str) StrVec;

Str listing_unescape(Arena *a, const char *format)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (const char *at = format; *at; at++) {
		if (at[0] == '\\' && (at[1] == 't' || at[1] == 'n'))
			buf_add_char(&text, *++at == 't' ? '\t' : '\n');
		else
			buf_add_char(&text, *at);
	}
	return arena_str(a, buf_str(&text));
}

void listing_print_line(Str line)
{
	(void)fwrite(line.ptr, 1, line.len, stdout); /* main.c asks the stream at the end */
	(void)putchar('\n');
}

/* Characters, as Go's tabwriter counts them. */
static size_t width_of(Str s)
{
	size_t width = 0;
	for (size_t i = 0; i < s.len; i++)
		width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return width;
}

static size_t count_cells(Str line)
{
	size_t count = 1;
	for (size_t i = 0; i < line.len; i++)
		count += line.ptr[i] == '\t';
	return count;
}

void listing_print_lines(const Str *lines, size_t count, size_t column_min)
{
	size_t columns = 0;
	for (size_t i = 0; i < count; i++)
		if (count_cells(lines[i]) > columns)
			columns = count_cells(lines[i]);
	AUTO_FREE size_t *widths = xcalloc(columns + 1, sizeof *widths);
	for (size_t i = 0; i < count; i++) {
		Str rest = lines[i];
		for (size_t column = 0; str_find(rest, '\t') >= 0; column++) {
			Str cell;
			rest = str_cut(rest, '\t', &cell);
			size_t width = width_of(cell) + COLUMN_PADDING;
			widths[column] = width > widths[column] ? width : widths[column];
		}
	}
	for (size_t i = 0; i < count; i++) {
		Str rest = lines[i];
		for (size_t column = 0; str_find(rest, '\t') >= 0; column++) {
			Str cell;
			rest = str_cut(rest, '\t', &cell);
			size_t width = widths[column] < column_min ? column_min : widths[column];
			(void)fwrite(cell.ptr, 1, cell.len, stdout);
			printf("%*s", (int)(width - width_of(cell)), "");
		}
		listing_print_line(rest);
	}
}

/* A row has all its members. */
static Err *run_row(const Template *t, Str json, bool titles, Buf *out)
{
	static const char *const maps[] = { "Labels", NULL };
	static const TemplateShape shape = { .type = "row", .maps = maps };
	JsonValue *row;
	TRY(json_parse(json, JSON_BYTES_MAX, "row", &row));
	Err *e = titles ? template_run_titles(t, row, out) : template_run(t, row, &shape, out);
	json_free(row);
	return e;
}

/* The template that shows COLUMNS. */
static Str columns_template(Arena *a, const ListingColumn *columns, size_t count)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%s{{.%s}}", i ? "\t" : "", columns[i].key);
	return arena_str(a, buf_str(&text));
}

static Str titles_row(Arena *a, const ListingColumn *titles, size_t count)
{
	AUTO_BUF Buf json = BUF_INIT;
	buf_add_char(&json, '{');
	for (size_t i = 0; i < count; i++)
		buf_addf(&json, "%s\"%s\":\"%s\"", i ? "," : "", titles[i].key, titles[i].title);
	buf_add_char(&json, '}');
	return arena_str(a, buf_str(&json));
}

static Err *print_table(Arena *a, const Template *t, const ListingColumn *titles,
                        size_t title_count, const Str *rows, size_t count)
{
	AUTO_VEC StrVec lines = { 0 };
	for (size_t i = 0; i <= count; i++) {
		AUTO_BUF Buf line = BUF_INIT;
		TRY(run_row(t, i ? rows[i - 1] : titles_row(a, titles, title_count), i == 0,
		            &line));
		VEC_PUSH(&lines, arena_str(a, buf_str(&line)));
	}
	listing_print_lines(lines.at, lines.len, LISTING_COLUMN_MIN);
	return NULL;
}

Err *listing_print(Arena *a, const char *format, const ListingColumn *columns, size_t column_count,
                   const ListingColumn *titles, size_t title_count, const Str *rows_json,
                   size_t row_count)
{
	Str text = listing_unescape(a, format ? format : "table");
	bool table = str_eqc(text, "table") || str_starts(text, STR("table "));
	if (str_eqc(text, "json")) {
		for (size_t i = 0; i < row_count; i++)
			printf("%.*s\n", STR_ARG(rows_json[i]));
		return NULL;
	}
	if (str_eqc(text, "table"))
		text = columns_template(a, columns, column_count);
	else if (table)
		text = str_trim(str_from_at(text, strlen("table ")));
	Source *source = arena_new(a, Source);
	*source = (Source){ "--format", text };
	const Template *t;
	TRY(template_parse(a, source, &t));
	if (table)
		return print_table(a, t, titles, title_count, rows_json, row_count);
	for (size_t i = 0; i < row_count; i++) {
		AUTO_BUF Buf line = BUF_INIT;
		TRY(run_row(t, rows_json[i], false, &line));
		listing_print_line(buf_str(&line));
	}
	return NULL;
}
