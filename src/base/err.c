/* err.c - the error object and its print-out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>

struct Err {
	ErrKind kind;
	int errnum;
	int exit_status; /* of the user's command, for ERR_RUN */
	bool elsewhere;
	Span span;
	Buf cause;  /* one line */
	Buf whiles; /* one per line, innermost first */
	Buf notes;  /* one per line */
};

VPRINTF(3)
static void buf_addv(Buf *b, bool keep_lines, const char *fmt, va_list ap)
{
	AUTO_FREE char *s = NULL;
	int n = vasprintf(&s, fmt, ap);
	if (n < 0)
		die_oom(0);
	/* Names of files and answers of servers are in here: no byte of them may steer a terminal
	 * or begin a line that looks like ours. */
	for (int i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if ((c >= 0x20 && c != 0x7f) || (c == '\n' && keep_lines))
			buf_add_char(b, (char)c);
		else if (c == '\n')
			buf_addf(b, "\\n");
		else
			buf_addf(b, "\\x%02x", c);
	}
}

#define BUF_ADDV(buf, keep_lines, fmt)               \
	do {                                         \
		va_list ap_;                         \
		va_start(ap_, fmt);                  \
		buf_addv(buf, keep_lines, fmt, ap_); \
		va_end(ap_);                         \
	} while (0)

Err *err_new(ErrKind kind, const char *fmt, ...)
{
	Err *e = xcalloc(1, sizeof *e);
	e->kind = kind;
	BUF_ADDV(&e->cause, false, fmt);
	return e;
}

Err *err_sys(int errnum, const char *fmt, ...)
{
	Err *e = xcalloc(1, sizeof *e);
	e->kind = ERR_SYSTEM;
	e->errnum = errnum;
	BUF_ADDV(&e->cause, false, fmt);
	buf_addf(&e->cause, ": %s", strerror(errnum));
	return e;
}

Err *err_at(Span span, const char *fmt, ...)
{
	Err *e = xcalloc(1, sizeof *e);
	e->kind = ERR_INPUT;
	e->span = span;
	BUF_ADDV(&e->cause, false, fmt);
	return e;
}

Err *err_check_text(const Source *source, size_t max_bytes)
{
	if (source->text.len > max_bytes)
		return err_new(ERR_INPUT, "'%s' is larger than %zu MiB", source->name,
		               max_bytes >> 20);
	ptrdiff_t nul = str_find(source->text, '\0');
	if (nul < 0)
		return NULL;
	Span span = { source, (uint32_t)nul, (uint32_t)nul + 1 };
	return err_note(err_at(span, "'%s' is no text: there is a NUL byte in it", source->name),
	                "save it as UTF-8");
}

Err *err_place(Err *e, Span span)
{
	if (e && !e->span.src)
		e->span = span;
	return e;
}

Err *err_while(Err *e, const char *fmt, ...)
{
	if (!e)
		return NULL;
	BUF_ADDV(&e->whiles, false, fmt);
	buf_add(&e->whiles, "\n", 1);
	return e;
}

Err *err_note(Err *e, const char *fmt, ...)
{
	if (!e)
		return NULL;
	BUF_ADDV(&e->notes, true, fmt);
	buf_add(&e->notes, "\n", 1);
	return e;
}

void err_set_notes(Err *e, Str notes)
{
	AUTO_BUF Buf copy = BUF_INIT; /* they may be its own */
	buf_add_str(&copy, notes);
	buf_reset(&e->notes);
	buf_add_str(&e->notes, buf_str(&copy));
}

ErrKind err_kind(const Err *e)
{
	return e->kind;
}

int err_errno(const Err *e)
{
	return e->errnum;
}

Span err_span(const Err *e)
{
	return e->span;
}

Str err_cause(const Err *e)
{
	return buf_str(&e->cause);
}

Str err_whiles(const Err *e)
{
	return buf_str(&e->whiles);
}

Str err_notes(const Err *e)
{
	return buf_str(&e->notes);
}

int err_exit_status(const Err *e)
{
	return e->exit_status;
}

Err *err_set_exit_status(Err *e, int status)
{
	if (e)
		e->exit_status = status;
	return e;
}

Err *err_set_elsewhere(Err *err)
{
	if (err)
		err->elsewhere = true;
	return err;
}

bool err_is_elsewhere(const Err *err)
{
	return err->elsewhere;
}

Err *err_set_kind(Err *e, ErrKind kind)
{
	if (e)
		e->kind = kind;
	return e;
}

void err_free(Err *e)
{
	if (!e)
		return;
	buf_done(&e->cause);
	buf_done(&e->whiles);
	buf_done(&e->notes);
	free(e);
}

/* The line that holds offset AT: its text, its number from 1, its start offset. */
static Str line_at(Str text, uint32_t at, unsigned *ret_number, uint32_t *ret_start)
{
	unsigned number = 1;
	uint32_t start = 0;
	for (uint32_t i = 0; i < at && i < text.len; i++)
		if (text.ptr[i] == '\n') {
			number++;
			start = i + 1;
		}
	Str line;
	(void)str_cut((Str){ text.ptr + start, text.len - start }, '\n', &line);
	*ret_number = number;
	*ret_start = start;
	return line;
}

/*
 * The marker under the source line.  Tabs in the source are repeated as tabs
 * so that the caret stays under its word; bytes that continue a UTF-8
 * character take no column.
 */
static void print_marker(FILE *out, Str line, uint32_t from, uint32_t to)
{
	bool first = true;
	for (uint32_t i = 0; i < to; i++) {
		char c = i < line.len ? line.ptr[i] : ' ';
		if (((unsigned char)c & 0xc0) == 0x80)
			continue;
		if (i < from)
			fputc(c == '\t' ? '\t' : ' ', out);
		else
			fputc(first ? '^' : '~', out), first = false;
	}
	if (first)
		fputc('^', out);
	fputc('\n', out);
}

static void print_lines(FILE *out, const char *lead, Str lines)
{
	while (lines.len) {
		Str one;
		lines = str_cut(lines, '\n', &one);
		fprintf(out, "        %s%.*s\n", lead, STR_ARG(one));
	}
}

void err_line_column(Span span, unsigned *ret_line, unsigned *ret_column)
{
	uint32_t start;
	(void)line_at(span.src->text, span.start, ret_line, &start);
	*ret_column = span.start - start + 1;
}

/* The bytes of LINE that are shown: some before FROM, so that one sees what it belongs to. */
static void cut_line(Str line, uint32_t from, uint32_t *ret_start, uint32_t *ret_end)
{
	enum { SHOWN_MAX = 150, BEFORE = 40 };
	uint32_t len = (uint32_t)line.len;
	uint32_t start = len > SHOWN_MAX && from > SHOWN_MAX - BEFORE ? from - BEFORE : 0;
	start = start < len ? start : len;
	uint32_t end = len - start > SHOWN_MAX ? start + SHOWN_MAX : len;
	/* never within a character */
	while (start > 0 && start < len && ((unsigned char)line.ptr[start] & 0xc0) == 0x80)
		start--;
	while (end > start && end < len && ((unsigned char)line.ptr[end] & 0xc0) == 0x80)
		end--;
	*ret_start = start;
	*ret_end = end;
}

static void print_source(FILE *out, unsigned number, Str line, uint32_t from, uint32_t to)
{
	uint32_t start, end;
	cut_line(line, from, &start, &end);
	Str shown = { line.ptr + start, end - start };
	const char *before = start ? "..." : "";
	fprintf(out, "%5u | %s%.*s%s\n      | %*s", number, before, STR_ARG(shown),
	        end < line.len ? "..." : "", (int)strlen(before), "");
	print_marker(out, shown, from - start, (to < end ? to : end) - start);
}

/* "https://user:password@host": what is printed may end in a log of others.  Lengths stay. */
static void mask_passwords(Buf *line)
{
	Str rest = buf_str(line);
	for (ptrdiff_t colon; (colon = str_find(rest, ':')) >= 0;) {
		bool url = str_starts(str_from_at(rest, (size_t)colon), STR("://"));
		rest = str_from_at(rest, (size_t)colon + (url ? 3 : 1));
		size_t len = 0, at = 0, secret = 0;
		for (; url && len < rest.len && !strchr(" \t/?#\"'", rest.ptr[len]); len++) {
			if (rest.ptr[len] == ':' && !secret)
				secret = len + 1;
			if (rest.ptr[len] == '@')
				at = len;
		}
		for (size_t i = secret; secret && i < at; i++)
			line->ptr[rest.ptr + i - line->ptr] = 'x';
	}
}

/* What steers a terminal takes one column, so that the marker stands where it should. */
static void hide_controls(Buf *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->ptr[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			line->ptr[i] = '?';
	}
}

void err_print(const Err *e, FILE *out)
{
	if (!e->span.src) {
		fprintf(out, "error: %s\n", e->cause.ptr);
	} else {
		unsigned number;
		uint32_t start;
		Str line = line_at(e->span.src->text, e->span.start, &number, &start);
		uint32_t from = e->span.start - start;
		uint32_t to = e->span.end > e->span.start ? e->span.end - start : from;
		if (to > line.len)
			to = (uint32_t)line.len; /* a span over several lines: mark the first */

		fprintf(out, "%s:%u:%u: error: %s\n", e->span.src->name, number, from + 1,
		        e->cause.ptr);
		AUTO_BUF Buf shown = BUF_INIT;
		buf_add_str(&shown, line);
		mask_passwords(&shown);
		hide_controls(&shown);
		print_source(out, number, buf_str(&shown), from, to > from ? to : from);
	}
	print_lines(out, "while ", buf_str(&e->whiles));
	print_lines(out, "note: ", buf_str(&e->notes));
}
