/*
 * fuzz_pattern.c - patterns of ${v#p}, ${v%p} and ${v/p/r}, held against a matcher that tries
 * everything.
 *
 * Input: three lines: pattern, replacement, value.  Long ones are only run.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/lex-internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The slow matcher counts bytes where the fast one counts characters: it gets ASCII alone. */
static bool is_short_ascii(Str s, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return s.len <= max;
}

/* Does PATTERN match all of VALUE? */
static bool matches(Str pattern, Str value)
{
	if (!pattern.len)
		return !value.len;
	char c = pattern.ptr[0];
	Str rest = str_from_at(pattern, 1);
	if (c == '*') {
		for (size_t n = 0; n <= value.len; n++)
			if (matches(rest, str_from_at(value, n)))
				return true;
		return false;
	}
	bool any = c == '?';
	if (c == '\\') {
		c = rest.ptr[0]; /* a pattern that ends in one was refused before */
		rest = str_from_at(rest, 1);
	}
	return value.len && (any || value.ptr[0] == c) && matches(rest, str_from_at(value, 1));
}

/* What is left of VALUE; the shortest or the longest match at one end is cut off. */
static Str slow_trim(Str pattern, Str value, bool suffix, PatternStar star)
{
	for (size_t i = 0; i <= value.len; i++) {
		size_t n = star == STAR_SHORTEST ? i : value.len - i;
		Str end = suffix ? str_from_at(value, value.len - n) : str_head(value, n);
		if (matches(pattern, end))
			return suffix ? str_head(value, value.len - n) : str_from_at(value, n);
	}
	return value;
}

/* The first match that begins leftmost and is the longest there. */
static void slow_replace(Str pattern, Str value, Str replacement, Buf *out)
{
	for (size_t start = 0; start <= value.len; start++)
		for (size_t end = value.len; end + 1 > start; end--) {
			Str middle = { value.ptr + start, end - start };
			if (!matches(pattern, middle))
				continue;
			buf_add_str(out, str_head(value, start));
			buf_add_str(out, replacement);
			buf_add_str(out, str_from_at(value, end));
			return;
		}
	buf_add_str(out, value);
}

static size_t count_stars(Str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '*';
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Str pattern, replacement, value;
	Str rest = str_cut((Str){ (const char *)data, size }, '\n', &pattern);
	rest = str_cut(rest, '\n', &replacement);
	(void)str_cut(rest, '\n', &value);
	bool compare = is_short_ascii(pattern, 12) && is_short_ascii(value, 16) &&
	               count_stars(pattern) <= 4 && str_find(value, '\0') < 0;
	for (unsigned how = 0; how < 4; how++) {
		Lex lex = { .text = pattern, .escape = '\\' };
		AUTO_BUF Buf out = BUF_INIT;
		bool suffix = how & 1;
		PatternStar star = how & 2 ? STAR_LONGEST : STAR_SHORTEST;
		Err *err = pattern_trim(&lex, pattern, value, suffix, star, &out);
		if (err) {
			err_free(err);
			return 0;
		}
		assert(out.len <= value.len);
		assert(!compare || str_eq(buf_str(&out), slow_trim(pattern, value, suffix, star)));
	}
	for (unsigned all = 0; all < 2; all++) {
		Lex lex = { .text = pattern, .escape = '\\' };
		AUTO_BUF Buf out = BUF_INIT;
		AUTO_BUF Buf want = BUF_INIT;
		AUTO_ERR Err *err = pattern_replace(&lex, pattern, value, replacement, all, &out);
		if (err || all || !compare)
			continue;
		slow_replace(pattern, value, replacement, &want);
		assert(str_eq(buf_str(&out), buf_str(&want)));
	}
	return 0;
}
