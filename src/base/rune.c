/* rune.c - UTF-8 characters and their classes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rune.h"

typedef struct Range {
	uint32_t first, last;
} Range;

/* White_Space=yes (Unicode PropList.txt); ASCII is handled by the callers. */
static const Range space_ranges[] = {
	{ 0x85, 0x85 },     { 0xa0, 0xa0 },     { 0x1680, 0x1680 }, { 0x2000, 0x200a },
	{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 },
};

/* From U+0080 on: no letters (marks, digits of other scripts aside, which nobody puts in a name).
 */
static const Range not_letter_ranges[] = {
	{ 0x80, 0xa9 },     { 0xab, 0xb4 },     { 0xb6, 0xb9 },       { 0xbb, 0xbf },
	{ 0xd7, 0xd7 },     { 0xf7, 0xf7 },     { 0x2c2, 0x2c5 },     { 0x300, 0x36f },
	{ 0x2000, 0x2070 }, { 0x2072, 0x207e }, { 0x2080, 0x208f },   { 0x20a0, 0x2101 },
	{ 0x2190, 0x2bff }, { 0x2e00, 0x2e7f }, { 0x3000, 0x3004 },   { 0x3007, 0x3030 },
	{ 0xd800, 0xf8ff }, { 0xfe00, 0xfe6f }, { 0xfeff, 0xff20 },   { 0xff3b, 0xff40 },
	{ 0xff5b, 0xff65 }, { 0xffe0, 0xffff }, { 0x1f000, 0x1faff }, { 0xe0000, 0x10ffff },
};

/* From U+0080 on: neither graphic nor assigned; "printable" in Go leaves out every space but
 * U+0020. */
static const Range not_print_ranges[] = {
	{ 0x80, 0xa0 },     { 0xad, 0xad },     { 0x600, 0x605 },   { 0x61c, 0x61c },
	{ 0x6dd, 0x6dd },   { 0x1680, 0x1680 }, { 0x180e, 0x180e }, { 0x2000, 0x200f },
	{ 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xd800, 0xf8ff },
	{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0x10ffff },
};

static bool in_ranges(const Range *ranges, size_t count, uint32_t rune)
{
	for (size_t i = 0; i < count && ranges[i].first <= rune; i++)
		if (rune <= ranges[i].last)
			return true;
	return false;
}

uint32_t rune_at(Str s, size_t at, size_t *ret_len)
{
	const unsigned char *p = (const unsigned char *)s.ptr + at;
	size_t left = s.len - at;
	*ret_len = 1;
	if (p[0] < 0x80)
		return p[0];
	size_t len = p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] >= 0xf8 || left < len)
		return RUNE_BAD;
	uint32_t rune = p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return RUNE_BAD;
		rune = rune << 6 | (p[i] & 0x3fu);
	}
	/* Longer than needed, a surrogate, or beyond Unicode: bad (RFC 3629, section 3). */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (rune < least[len] || (rune >= 0xd800 && rune <= 0xdfff) || rune > 0x10ffff)
		return RUNE_BAD;
	*ret_len = len;
	return rune;
}

void rune_add(Buf *b, uint32_t rune)
{
	if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		rune = RUNE_BAD;
	if (rune < 0x80) {
		buf_add_char(b, (char)rune);
		return;
	}
	char bytes[4];
	size_t len = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		bytes[i] = (char)(0x80 | (rune & 0x3f));
		rune >>= 6;
	}
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	bytes[0] = (char)(lead[len] | rune);
	buf_add(b, bytes, len);
}

bool rune_is_space(uint32_t rune)
{
	if (rune < 0x80)
		return rune == ' ' || (rune >= '\t' && rune <= '\r');
	return in_ranges(space_ranges, ARRAY_LEN(space_ranges), rune);
}

bool rune_is_letter(uint32_t rune)
{
	if (rune < 0x80)
		return (rune | 0x20) >= 'a' && (rune | 0x20) <= 'z';
	return !in_ranges(not_letter_ranges, ARRAY_LEN(not_letter_ranges), rune);
}

bool rune_is_print(uint32_t rune)
{
	if (rune < 0x80)
		return rune >= 0x20 && rune < 0x7f;
	return !in_ranges(not_print_ranges, ARRAY_LEN(not_print_ranges), rune);
}

Str rune_trim_left(Str s)
{
	size_t len;
	while (s.len && rune_is_space(rune_at(s, 0, &len)))
		s = (Str){ s.ptr + len, s.len - len };
	return s;
}

Str rune_trim(Str s)
{
	s = rune_trim_left(s);
	while (s.len) {
		size_t at = s.len - 1, len;
		while (at > 0 && s.len - at < 4 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
			at--;
		uint32_t rune = rune_at(s, at, &len);
		if (!rune_is_space(rune) || at + len != s.len)
			break;
		s.len = at;
	}
	return s;
}

static void add_quoted_rune(Buf *out, uint32_t rune, Str bytes)
{
	static const char escaped[] = "\a\b\f\n\r\t\v\"\\", letters[] = "abfnrtv\"\\";
	const char *at = rune && rune < 0x80 ? strchr(escaped, (int)rune) : NULL;
	if (at)
		buf_addf(out, "\\%c", letters[at - escaped]);
	else if (rune == RUNE_BAD && bytes.len == 1)
		buf_addf(out, "\\x%02x", (unsigned char)bytes.ptr[0]);
	else if (rune_is_print(rune))
		buf_add_str(out, bytes);
	else if (rune < 0x80)
		buf_addf(out, "\\x%02x", rune);
	else
		buf_addf(out, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
}

void rune_add_quoted(Buf *out, Str s)
{
	buf_add_char(out, '"');
	for (size_t at = 0, len; at < s.len; at += len) {
		uint32_t rune = rune_at(s, at, &len);
		add_quoted_rune(out, rune, (Str){ s.ptr + at, len });
	}
	buf_add_char(out, '"');
}
