/*
 * json_write.c - JSON text as Go's encoding/json writes it, and documents back to text.
 *
 * The escapes matter: a config's digest is the image's ID, and docker's own are made by Go.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/json-internal.h"

size_t json_utf8_length(Str s)
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
		size_t rune = json_utf8_length(rest);
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

/* The recursion is as deep as the document: at most JSON_DEPTH_MAX. */
static void dump_value(const Dump *d, const JsonValue *v, unsigned level)
{
	if (json_value_is_null(v)) {
		buf_add_str(d->out, STR("null"));
		return;
	}
	if (json_value_is_bool(v)) {
		buf_add_str(d->out, json_bool(v) ? STR("true") : STR("false"));
		return;
	}
	if (v->kind == JSON_STRING) {
		add_quoted(d->out, v->text);
		return;
	}
	if (v->kind == JSON_NUMBER) {
		buf_add_str(d->out, v->text);
		return;
	}
	bool is_object = v->kind == JSON_OBJECT;
	buf_add_char(d->out, is_object ? '{' : '[');
	for (uint32_t i = 0; i < v->count; i++) {
		if (i > 0)
			buf_add_char(d->out, ',');
		new_line(d, level + 1);
		if (is_object) {
			add_quoted(d->out, v->members[i].key);
			buf_add_str(d->out, d->pretty ? STR(": ") : STR(":"));
		}
		dump_value(d, is_object ? &v->members[i].value : &v->items[i], level + 1);
	}
	if (v->count > 0)
		new_line(d, level);
	buf_add_char(d->out, is_object ? '}' : ']');
}

void json_dump(const JsonValue *v, Buf *out)
{
	dump_value(&(Dump){ .out = out }, v, 0);
}

void json_dump_indent(const JsonValue *v, unsigned indent, Buf *out)
{
	dump_value(&(Dump){ .out = out, .pretty = true, .indent = indent }, v, 0);
}
