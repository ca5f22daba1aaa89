/*
 * json_write.c - JSON text as Go's encoding/json writes it, and documents back to text.
 *
 * Why not jansson's json_dumps(): a config's digest is the image's ID, and docker's own are made by
 * Go, which escapes <, >, & and U+2028/9 but no other letters, and takes invalid UTF-8 as U+FFFD.
 * jansson escapes either none of these or every letter outside ASCII, and refuses invalid UTF-8.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/json.h"

#include <jansson.h>
#include <stdio.h>

/* Length of the UTF-8 sequence at the start of S: 1..4; 0 if it is none. */
static size_t utf8_length(Str s)
{
	/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.  The second byte's
	 * range depends on the first. */
	const unsigned char *b = (const unsigned char *)s.ptr;
	if (s.len == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	size_t len = b[0] >= 0xc2 && b[0] <= 0xdf   ? 2
	             : (b[0] & 0xf0) == 0xe0        ? 3
	             : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4
	                                            : 0;
	if (len == 0 || s.len < len)
		return 0;
	unsigned low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80;
	unsigned high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* How C is written, or NULL if as itself. */
static const char *ascii_escape(unsigned char c, char hex[static 8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		break;
	}
	if (c >= 0x20 && c != '<' && c != '>' && c != '&')
		return NULL;
	static const char digits[] = "0123456789abcdef";
	memcpy(hex, "\\u00", 4);
	hex[4] = digits[c >> 4];
	hex[5] = digits[c & 15];
	hex[6] = '\0';
	return hex;
}

static void add_quoted(Buf *out, Str s)
{
	buf_add_char(out, '"');
	size_t plain = 0; /* start of the bytes that are written as they are */
	for (size_t i = 0; i < s.len;) {
		char hex[8];
		Str rest = str_from_at(s, i);
		size_t rune = utf8_length(rest);
		const char *escape = NULL;
		if (rune == 0)
			escape = "\\ufffd";
		else if (rune == 1)
			escape = ascii_escape((unsigned char)s.ptr[i], hex);
		else if (str_starts(rest, STR("\xe2\x80\xa8")))
			escape = "\\u2028"; /* line ends to JavaScript, says Go */
		else if (str_starts(rest, STR("\xe2\x80\xa9")))
			escape = "\\u2029";
		if (escape) {
			buf_add(out, s.ptr + plain, i - plain);
			buf_add_str(out, str_from(escape));
			plain = i + (rune ? rune : 1);
		}
		i += rune ? rune : 1;
	}
	if (s.len > plain)
		buf_add(out, s.ptr + plain, s.len - plain);
	buf_add_char(out, '"');
}

/* --- the writer ------------------------------------------------------------------------------ */

static void begin_value(JsonWriter *w)
{
	if (w->comma)
		buf_add_char(w->out, ',');
	w->comma = true;
}

static void open_container(JsonWriter *w, char c)
{
	begin_value(w);
	buf_add_char(w->out, c);
	w->comma = false;
}

static void close_container(JsonWriter *w, char c)
{
	buf_add_char(w->out, c);
	w->comma = true;
}

void json_write_object(JsonWriter *w)
{
	open_container(w, '{');
}

void json_write_object_end(JsonWriter *w)
{
	close_container(w, '}');
}

void json_write_array(JsonWriter *w)
{
	open_container(w, '[');
}

void json_write_array_end(JsonWriter *w)
{
	close_container(w, ']');
}

void json_write_key_str(JsonWriter *w, Str key)
{
	begin_value(w);
	add_quoted(w->out, key);
	buf_add_char(w->out, ':');
	w->comma = false;
}

void json_write_key(JsonWriter *w, const char *key)
{
	json_write_key_str(w, str_from(key));
}

void json_write_str(JsonWriter *w, Str value)
{
	begin_value(w);
	add_quoted(w->out, value);
}

void json_write_member(JsonWriter *w, const char *key, Str value)
{
	json_write_key(w, key);
	json_write_str(w, value);
}

void json_write_int(JsonWriter *w, int64_t value)
{
	begin_value(w);
	buf_addf(w->out, "%lld", (long long)value);
}

void json_write_bool(JsonWriter *w, bool value)
{
	json_write_raw(w, value ? STR("true") : STR("false"));
}

void json_write_null(JsonWriter *w)
{
	json_write_raw(w, STR("null"));
}

void json_write_raw(JsonWriter *w, Str json)
{
	begin_value(w);
	buf_add_str(w->out, json);
}

/* --- documents ------------------------------------------------------------------------------- */

typedef struct Dump {
	Buf *out;
	bool pretty;
	unsigned indent; /* blanks a level */
} Dump;

static void new_line(const Dump *d, unsigned level)
{
	if (!d->pretty)
		return;
	buf_add_char(d->out, '\n');
	for (unsigned i = 0; i < level * d->indent; i++)
		buf_add_char(d->out, ' ');
}

static void dump_value(const Dump *d, const JsonValue *v, unsigned level);

/* The shortest text that reads as the same number, and as one with a fraction or exponent. */
static void dump_real(Buf *out, double value)
{
	char text[32];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_add_str(out, str_from(text));
	if (!strpbrk(text, ".e"))
		buf_add_str(out, STR(".0"));
}

static void dump_array(const Dump *d, const JsonValue *v, unsigned level)
{
	size_t count = json_array_size(v);
	buf_add_char(d->out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(d->out, ',');
		new_line(d, level + 1);
		dump_value(d, json_array_get(v, i), level + 1);
	}
	if (count > 0)
		new_line(d, level);
	buf_add_char(d->out, ']');
}

static void dump_object(const Dump *d, const JsonValue *v, unsigned level)
{
	void *at = NULL;
	Str key;
	JsonValue *value;
	buf_add_char(d->out, '{');
	for (bool first = true; json_next_member(v, &at, &key, &value); first = false) {
		if (!first)
			buf_add_char(d->out, ',');
		new_line(d, level + 1);
		add_quoted(d->out, key);
		buf_add_str(d->out, d->pretty ? STR(": ") : STR(":"));
		dump_value(d, value, level + 1);
	}
	if (json_object_size(v) > 0)
		new_line(d, level);
	buf_add_char(d->out, '}');
}

/* The recursion is as deep as the document: at most JSON_DEPTH_MAX. */
static void dump_value(const Dump *d, const JsonValue *v, unsigned level)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		dump_object(d, v, level);
		break;
	case JSON_ARRAY:
		dump_array(d, v, level);
		break;
	case JSON_STRING:
		add_quoted(d->out, json_value_string(v));
		break;
	case JSON_INTEGER:
		buf_addf(d->out, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		dump_real(d->out, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_str(d->out, json_is_true(v) ? STR("true") : STR("false"));
		break;
	case JSON_NULL:
		buf_add_str(d->out, STR("null"));
		break;
	}
}

void json_dump(const JsonValue *v, Buf *out)
{
	dump_value(&(Dump){ .out = out }, v, 0);
}

void json_dump_indent(const JsonValue *v, unsigned indent, Buf *out)
{
	dump_value(&(Dump){ .out = out, .pretty = true, .indent = indent }, v, 0);
}
