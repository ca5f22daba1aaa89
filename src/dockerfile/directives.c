/*
 * directives.c - "# name=value" at the very top: escape, syntax, check.
 *
 * The first line that is not one of the three ends the zone: a comment, an empty line, an unknown
 * name, an instruction.  The syntax directive alone is also looked for behind a "#!" line, after
 * "//", and in a file that is one JSON object (BuildKit's DetectSyntax), since it says that the
 * file is none of ours to read.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

static Span span_in(const Source *source, Str s)
{
	uint32_t start = (uint32_t)(s.ptr - source->text.ptr);
	return (Span){ source, start, start + (uint32_t)s.len };
}

/* What Go's \s matches. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static Str skip_blanks(Str s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = str_from_at(s, 1);
	return s;
}

static bool is_name_char(char c, bool first)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (!first && c >= '0' && c <= '9');
}

/* LINE as "<comment> name = value"; false if it is no directive of ours. */
static bool read_directive(Str line, Str comment, DirectiveId *ret_id, Str *ret_name,
                           Str *ret_value)
{
	if (!str_starts(line, comment))
		return false;
	line = rune_trim_left(str_from_at(line, comment.len));
	size_t n = 0;
	while (n < line.len && is_name_char(line.ptr[n], n == 0))
		n++;
	Str name = str_head(line, n);
	Str value = skip_blanks(str_from_at(line, n));
	if (!name.len || !value.len || value.ptr[0] != '=')
		return false;
	value = skip_blanks(str_from_at(value, 1));
	while (value.len && is_blank(value.ptr[value.len - 1]))
		value.len--;
	if (!value.len)
		return false;
	for (DirectiveId i = 0; i < DIRECTIVE_COUNT; i++)
		if (word_equal_fold(name, directive_table[i].name)) {
			*ret_id = i;
			*ret_name = name;
			*ret_value = value;
			return true;
		}
	return false;
}

static Err *set_escape(Dockerfile *d, Str value)
{
	if (!str_eqc(value, "\\") && !str_eqc(value, "`"))
		return err_note(err_at(span_in(d->source, value),
		                       "invalid escape character: '%.*s'", STR_ARG(value)),
		                "it must be \\ or `");
	d->escape = value.ptr[0];
	return NULL;
}

/* Where directives are looked for, and which of them count there. */
typedef struct Zone {
	size_t at;
	Str comment;
	unsigned wanted; /* one bit a DirectiveId */
	bool lenient;    /* what is wrong ends the zone, and is no error */
} Zone;

static Err *set_directive(Dockerfile *d, DirectiveId id, Str value)
{
	if (id == DIRECTIVE_ESCAPE)
		return set_escape(d, value);
	*(id == DIRECTIVE_SYNTAX ? &d->syntax : &d->check) =
		(Word){ value, span_in(d->source, value) };
	return NULL;
}

/* The lines from zone->at on, as long as they are directives; zone->at ends behind them. */
static Err *read_zone(Dockerfile *d, Zone *zone)
{
	unsigned seen = 0;
	Lines lines = { .source = d->source, .at = zone->at };
	Str physical, name, value;
	DirectiveId id;
	while (line_next_physical(&lines, &physical)) {
		Str line = rune_trim_left(line_trim_end(physical));
		if (!read_directive(line, zone->comment, &id, &name, &value))
			break;
		bool again = seen & (1u << id);
		seen |= 1u << id;
		if (again && zone->lenient)
			break;
		if (again)
			return err_at(span_in(d->source, name),
			              "only one '%s' directive can be used",
			              directive_table[id].name);
		if (zone->wanted & (1u << id))
			TRY(set_directive(d, id, value));
		zone->at = lines.at;
	}
	return NULL;
}

/* What says which language the file is in, if it is not in "#" lines at the top. */
static Err *read_other_forms(Arena *a, Dockerfile *d, size_t start)
{
	Str text = str_from_at(d->source->text, start);
	if (str_starts(text, STR("#!"))) {
		Str line;
		text = str_cut(text, '\n', &line);
		start = (size_t)(text.ptr - d->source->text.ptr);
		Zone behind = { start, STR("#"), 1u << DIRECTIVE_SYNTAX | 1u << DIRECTIVE_CHECK,
			        true };
		TRY(read_zone(d, &behind));
	}
	Zone slashes = { start, STR("//"), 1u << DIRECTIVE_SYNTAX, true };
	if (!d->syntax.text.len)
		TRY(read_zone(d, &slashes));
	Str value, slice;
	if (!d->syntax.text.len && json_member_find(a, text, STR("syntax"), &value, &slice))
		d->syntax = (Word){ value, span_in(d->source, slice) };
	return NULL;
}

Err *directives_parse(Arena *a, const Source *source, Dockerfile *d, size_t *ret_end)
{
	size_t start = str_starts(source->text, STR("\xef\xbb\xbf")) ? 3 : 0;
	*d = (Dockerfile){ .source = source,
		           .escape = '\\',
		           .syntax = { .text = STR("") },
		           .check = { .text = STR("") } };
	Zone top = { start, STR("#"), ~0u, false };
	TRY(read_zone(d, &top));
	*ret_end = top.at;
	return d->syntax.text.len ? NULL : read_other_forms(a, d, start);
}

bool directive_parse_check(Str comment, Str *ret_value)
{
	Str name;
	DirectiveId id;
	return read_directive(comment, STR(""), &id, &name, ret_value) && id == DIRECTIVE_CHECK;
}
