/*
 * json.c - the JSON form: an array of strings.
 *
 * Whether a line is in the JSON form is decided by whether it is valid JSON that begins with '[':
 * anything else is silently the shell form, and an array that holds something else than strings is
 * an error.  So the whole of JSON must be told valid or not here, with the Span of each string.
 * Bytes that are no UTF-8, and lone surrogates, become U+FFFD as in Go's encoding/json.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/rune.h"
#include "dockerfile/dockerfile-internal.h"

typedef struct Scan {
	Str text;
	size_t at;
} Scan;

static int peek(const Scan *s)
{
	return s->at < s->text.len ? (unsigned char)s->text.ptr[s->at] : -1;
}

static void skip_blanks(Scan *s)
{
	while (peek(s) == ' ' || peek(s) == '\t' || peek(s) == '\n' || peek(s) == '\r')
		s->at++;
}

static bool hex4(Scan *s, uint32_t *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++, s->at++) {
		int c = peek(s);
		uint32_t digit;
		if (c >= '0' && c <= '9')
			digit = (uint32_t)c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = ((uint32_t)c | 0x20) - 'a' + 10;
		else
			return false;
		*ret = *ret << 4 | digit;
	}
	return true;
}

/* \uXXXX, the second of a pair included; the scan stands behind the 'u'. */
static bool scan_unicode(Scan *s, Buf *out)
{
	uint32_t high, low;
	if (!hex4(s, &high))
		return false;
	if (high >= 0xd800 && high <= 0xdbff && peek(s) == '\\') {
		Scan ahead = { s->text, s->at + 1 };
		if (peek(&ahead) == 'u') {
			ahead.at++;
			if (!hex4(&ahead, &low))
				return false;
			if (low >= 0xdc00 && low <= 0xdfff) {
				s->at = ahead.at;
				high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
			}
		}
	}
	rune_add(out, high);
	return true;
}

/* A string; the scan stands on its first quote. */
static bool scan_string(Scan *s, Buf *out)
{
	static const char escapes[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
	s->at++;
	for (;;) {
		int c = peek(s);
		if (c < 0x20)
			return false; /* the end, or a control character: RFC 8259, section 7 */
		if (c == '"')
			break;
		if (c != '\\') {
			size_t len;
			rune_add(out, rune_at(s->text, s->at, &len));
			s->at += len;
			continue;
		}
		s->at++;
		c = peek(s);
		s->at++;
		if (c == 'u') {
			if (!scan_unicode(s, out))
				return false;
			continue;
		}
		const char *escape = c > 0 ? strchr(escapes, c) : NULL;
		if (!escape)
			return false;
		buf_add_char(out, plain[escape - escapes]);
	}
	s->at++;
	return true;
}

static bool scan_digits(Scan *s)
{
	size_t start = s->at;
	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at > start;
}

static bool scan_number(Scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (!scan_digits(s))
		return false;
	if (peek(s) == '.') {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!scan_digits(s))
			return false;
	}
	return true;
}

static bool scan_literal(Scan *s)
{
	static const Str literals[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
	for (size_t i = 0; i < ARRAY_LEN(literals); i++)
		if (str_starts(str_from_at(s->text, s->at), literals[i])) {
			s->at += literals[i].len;
			return true;
		}
	return scan_number(s);
}

/* "key" : with blanks around. */
static bool scan_key(Scan *s, Buf *key)
{
	buf_reset(key);
	skip_blanks(s);
	if (peek(s) != '"' || !scan_string(s, key))
		return false;
	skip_blanks(s);
	return peek(s) == ':' && s->at++ < s->text.len;
}

/* Any value but a string: nested arrays and objects, numbers, literals. */
static bool scan_value(Scan *s, unsigned depth)
{
	int open = peek(s);
	if (open == '"') {
		AUTO_BUF Buf string = BUF_INIT;
		return scan_string(s, &string);
	}
	if (open != '[' && open != '{')
		return scan_literal(s);
	if (depth >= JSON_DEPTH_MAX)
		return false;
	char close = open == '[' ? ']' : '}';
	s->at++;
	skip_blanks(s);
	if (peek(s) == close) {
		s->at++;
		return true;
	}
	AUTO_BUF Buf key = BUF_INIT;
	for (;;) {
		if (open == '{' && !scan_key(s, &key))
			return false;
		skip_blanks(s);
		if (!scan_value(s, depth + 1))
			return false;
		skip_blanks(s);
		if (peek(s) == close)
			break;
		if (peek(s) != ',')
			return false;
		s->at++;
		skip_blanks(s);
	}
	s->at++;
	return true;
}

/* One element; *stranger becomes the first that is no string. */
static bool scan_element(Arena *a, const Line *line, Scan *s, WordVec *words, Str *stranger)
{
	size_t start = s->at;
	if (peek(s) == '"') {
		AUTO_BUF Buf string = BUF_INIT;
		if (!scan_string(s, &string))
			return false;
		Str slice = { s->text.ptr + start, s->at - start };
		VEC_PUSH(words, line_word_made(line, slice, arena_str(a, buf_str(&string))));
		return true;
	}
	if (!scan_value(s, 1))
		return false;
	if (!stranger->ptr)
		*stranger = (Str){ s->text.ptr + start, s->at - start };
	return true;
}

static bool scan_array(Arena *a, const Line *line, Scan *s, WordVec *words, Str *stranger)
{
	s->at++; /* the '[' */
	skip_blanks(s);
	bool first = true;
	while (peek(s) != ']' || !first) {
		if (!scan_element(a, line, s, words, stranger))
			return false;
		first = false;
		skip_blanks(s);
		if (peek(s) == ']')
			break;
		if (peek(s) != ',')
			return false;
		s->at++;
		skip_blanks(s);
	}
	s->at++;
	skip_blanks(s);
	return s->at == s->text.len;
}

Err *json_words_parse(Arena *a, const Line *line, Str text, bool *ret_is_json, Word **ret_words,
                      size_t *ret_count)
{
	*ret_is_json = false;
	Scan s = { rune_trim_left(text), 0 };
	if (peek(&s) != '[')
		return NULL;
	AUTO_VEC WordVec words = { 0 };
	Str stranger = { NULL, 0 };
	if (!scan_array(a, line, &s, &words, &stranger))
		return NULL;
	TRY(word_check_count(line, text, words.len));
	if (stranger.ptr)
		return err_at(line_span(line, stranger),
		              "a JSON array of arguments holds strings only, not: '%.*s'",
		              STR_ARG(word_clip(stranger)));
	*ret_is_json = true;
	*ret_count = words.len;
	*ret_words = arena_alloc(a, words.len * sizeof(Word), _Alignof(Word));
	if (words.len)
		memcpy(*ret_words, words.at, words.len * sizeof(Word));
	return NULL;
}

bool json_member_find(Arena *a, Str text, Str key, Str *ret_value, Str *ret_slice)
{
	Scan s = { text, 0 };
	AUTO_BUF Buf name = BUF_INIT;
	AUTO_BUF Buf value = BUF_INIT;
	bool found = false;
	skip_blanks(&s);
	if (peek(&s) != '{')
		return false;
	s.at++;
	for (;;) {
		if (!scan_key(&s, &name))
			return false; /* "{}" has no member either */
		skip_blanks(&s);
		size_t start = s.at;
		bool wanted = str_eq(buf_str(&name), key), string = peek(&s) == '"';
		buf_reset(&value);
		if (string ? !scan_string(&s, &value) : !scan_value(&s, 1))
			return false;
		if (wanted) {
			found = string;
			*ret_value = arena_str(a, buf_str(&value));
			*ret_slice = (Str){ text.ptr + start, s.at - start };
		}
		skip_blanks(&s);
		if (peek(&s) != ',')
			break;
		s.at++;
	}
	if (peek(&s) != '}')
		return false;
	s.at++;
	skip_blanks(&s);
	return found && s.at == text.len;
}
