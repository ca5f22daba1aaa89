/* html.c - texts of others into markup, so that they stay texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/rune.h"
#include "page/page-internal.h"

#include <assert.h>

enum { ESCAPE = 0x1b, BELL = 0x07 };

/* Characters that make a text look like another: directions, and what has no width. */
static bool is_deceiving(uint32_t r)
{
	return (r >= 0x80 && r < 0xa0) || r == 0xad || r == 0x61c || r == 0x180e ||
	       (r >= 0x200b && r <= 0x200f) || (r >= 0x2028 && r <= 0x202e) ||
	       (r >= 0x2060 && r <= 0x206f) || r == 0xfeff || (r >= 0xfff9 && r <= 0xfffb) ||
	       (r >= 0xe0000 && r <= 0xe0fff);
}

static uint32_t shown(uint32_t r)
{
	if (r < 0x20 && r != '\n' && r != '\t')
		return 0x2400 + r; /* its picture */
	if (r == 0x7f)
		return 0x2421;
	return is_deceiving(r) ? RUNE_BAD : r;
}

void html_clean(Buf *out, Str text)
{
	for (size_t at = 0, len; at < text.len; at += len)
		rune_add(out, shown(rune_at(text, at, &len)));
}

void html_text(Buf *out, Str text)
{
	for (size_t at = 0, len; at < text.len; at += len) {
		uint32_t r = shown(rune_at(text, at, &len));
		switch (r) {
		case '&':
			html_raw(out, "&amp;");
			break;
		case '<':
			html_raw(out, "&lt;");
			break;
		case '>':
			html_raw(out, "&gt;");
			break;
		case '"':
			html_raw(out, "&quot;");
			break;
		case '\'':
			html_raw(out, "&#39;");
			break;
		default:
			rune_add(out, r);
			break;
		}
	}
}

/* Bytes of the sequence at TEXT, which begins with ESCAPE.  None goes over the end of a line: one
 * that has no end must not hide what follows. */
static size_t sequence_len(Str text)
{
	size_t i = 2;
	if (text.len < 2 || text.ptr[1] == '\n')
		return 1;
	if (text.ptr[1] == '[') { /* ECMA-48: parameters, then one of '@' to '~' */
		while (i < text.len && text.ptr[i] >= 0x20 && text.ptr[i] < 0x40)
			i++;
		return i < text.len && text.ptr[i] >= 0x40 && text.ptr[i] < 0x7f ? i + 1 : i;
	}
	if (text.ptr[1] != ']' && text.ptr[1] != 'P' && text.ptr[1] != '_' && text.ptr[1] != '^')
		return 2;
	for (; i < text.len && text.ptr[i] != '\n'; i++) { /* a text, up to BEL or ESC \ */
		if (text.ptr[i] == BELL)
			return i + 1;
		if (text.ptr[i] == ESCAPE && i + 1 < text.len && text.ptr[i + 1] == '\\')
			return i + 2;
	}
	return 2;
}

void html_strip_terminal(Buf *out, Str text)
{
	for (size_t i = 0; i < text.len;) {
		char c = text.ptr[i];
		if (c == ESCAPE) {
			i += sequence_len(str_from_at(text, i));
			continue;
		}
		i++;
		if (c == '\r') {
			i += i < text.len && text.ptr[i] == '\n';
			c = '\n';
		}
		buf_add_char(out, c);
	}
}

void html_raw(Buf *out, const char *markup)
{
	buf_add_str(out, str_from(markup));
}

void html_add(Buf *out, const char *markup, const Str *values, size_t count)
{
	size_t used = 0;
	for (; *markup; markup++) {
		if (*markup != '%') {
			buf_add_char(out, *markup);
			continue;
		}
		assert(used < count);
		html_text(out, values[used++]);
	}
	assert(used == count);
}

/* --- numbers and times ------------------------------------------------------------------------ */

Str html_number(Arena *a, uint64_t n)
{
	return arena_strf(a, "%llu", (unsigned long long)n);
}

Str html_size(Arena *a, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double n = (double)bytes;
	size_t unit = 0;
	for (; n >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1000;
	return arena_strf(a, "%.3g %s", n, units[unit]);
}

Str html_span(Arena *a, int64_t ns)
{
	long long s = ns > 0 ? ns / 1000000000 : 0;
	if (s >= 3600)
		return arena_strf(a, "%lldh%lldm", s / 3600, s / 60 % 60);
	return s >= 60 ? arena_strf(a, "%lldm%llds", s / 60, s % 60) : arena_strf(a, "%llds", s);
}

void html_ago(Buf *out, Arena *a, int64_t real_ns, int64_t now_ns)
{
	char text[CLOCK_TEXT_BYTES];
	if (real_ns == PROJECT_TIME_NONE) {
		html_raw(out, "–");
		return;
	}
	Str moment = arena_str(a, clock_format(real_ns - real_ns % 1000000000, text));
	long long s = now_ns > real_ns ? (now_ns - real_ns) / 1000000000 : 0;
	Str age = s < 60       ? arena_strf(a, "%lld s", s)
	          : s < 5400   ? arena_strf(a, "%lld min", (s + 30) / 60)
	          : s < 129600 ? arena_strf(a, "%lld h", (s + 1800) / 3600)
	                       : arena_strf(a, "%lld days", (s + 43200) / 86400);
	HTML(out, "<time datetime=\"%\" title=\"%\">% ago</time>", moment, moment, age);
}

void html_command(Buf *out, Str command)
{
	HTML(out,
	     "<p class=\"command\"><code>%</code><button type=\"button\" data-copy=\"%\" "
	     "aria-label=\"Copy: %\" hidden>Copy</button></p>\n",
	     command, command, command);
}
