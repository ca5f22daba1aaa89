/*
 * text.c - bytes that somebody else wrote, made fit for a terminal.
 *
 * A log line may hold anything: colours, cursor movement, titles (OSC), bidirectional overrides.
 * In a live display each of them breaks the arithmetic of rows and columns, and some lie to the
 * reader.  Widths are decided here and not by wcwidth(), which depends on the locale.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "ui/ui-internal.h"

enum { ESC = 0x1b, REPLACEMENT = 0xfffd };

typedef struct Range {
	uint32_t first, last;
} Range;

/* Unicode East Asian Width W and F, in blocks: good enough to keep columns. */
static const Range wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

/* Combining marks and joiners: no column of their own. */
static const Range narrow[] = {
	{ 0x0300, 0x036f }, { 0x200b, 0x200d }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

/* Line and paragraph separators and what changes the direction of the text ("Trojan Source"). */
static const Range forbidden[] = {
	{ 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x200e, 0x200f },
	{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff },
};

static bool is_in(uint32_t c, const Range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static unsigned width_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (is_in(c, narrow, ARRAY_LEN(narrow)))
		return 0;
	return is_in(c, wide, ARRAY_LEN(wide)) ? 2 : 1;
}

/* One character of S (not empty): its length in bytes; *RET is REPLACEMENT if it is no valid UTF-8.
 */
static size_t decode(Str s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)s.ptr[0];
	*ret = first;
	if (first < 0x80)
		return 1;
	size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	*ret = REPLACEMENT;
	if (first < 0xc2 || first > 0xf4)
		return 1;
	uint32_t c = first & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if (i == s.len || ((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return i;
		c = c << 6 | ((unsigned char)s.ptr[i] & 0x3f);
	}
	if (c >= least[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff))
		*ret = c;
	return len;
}

/* Length of the escape sequence at the start of S (ECMA-48: CSI, and the strings OSC, DCS, APC,
 * PM). */
static size_t escape_len(Str s)
{
	if (s.len < 2)
		return s.len;
	size_t i = 2;
	if (s.ptr[1] == '[') {
		while (i < s.len &&
		       ((unsigned char)s.ptr[i] < 0x40 || (unsigned char)s.ptr[i] > 0x7e))
			i++;
		return i < s.len ? i + 1 : i;
	}
	if (strchr("]P_^X", s.ptr[1])) {
		for (; i < s.len; i++) {
			if (s.ptr[i] == '\a')
				return i + 1;
			if (s.ptr[i] == ESC && i + 1 < s.len && s.ptr[i + 1] == '\\')
				return i + 2;
		}
		return s.len;
	}
	return 2;
}

static void add_safe(Str s, unsigned columns, bool keep_lines, bool keep_tabs, Buf *out)
{
	unsigned column = 0;
	while (s.len) {
		uint32_t c;
		size_t len = decode(s, &c);
		if (c == ESC) {
			s = str_from_at(s, escape_len(s));
			continue;
		}
		Str bytes = str_head(s, len);
		unsigned width = width_of(c);
		if (c == '\t' && keep_tabs) {
			width = 8 - column % 8;
		} else if (c == '\t') {
			bytes = STR("        ");
			bytes.len = width = 8 - column % 8;
		} else if (c == '\n' && keep_lines) {
			width = column = 0;
		} else if (c == REPLACEMENT || is_in(c, forbidden, ARRAY_LEN(forbidden))) {
			bytes = STR("\xef\xbf\xbd");
			width = 1;
		}
		if (columns && column + width > columns)
			return;
		column += width;
		buf_add_str(out, bytes);
		s = str_from_at(s, len);
	}
}

void ui_text_safe(Str text, unsigned columns, Buf *out)
{
	add_safe(text, columns, false, false, out);
}

void ui_text_safe_lines(Str text, Buf *out)
{
	add_safe(text, 0, true, false, out);
}

void ui_text_safe_log(Str text, Buf *out)
{
	add_safe(text, 0, false, true, out);
}

void ui_size_text(uint64_t bytes, Buf *out)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double n = (double)bytes;
	size_t unit = 0;
	/* 999.5 and more would be printed as 1000 */
	for (; n >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1000;
	if (unit == 0)
		buf_addf(out, "%.0fB", n);
	else
		buf_addf(out,
		         n < 9.995   ? "%.2f%s"
		         : n < 99.95 ? "%.1f%s"
		                     : "%.0f%s",
		         n, units[unit]);
}
