/* template_text.c - functions of templates that cut and escape, and the escapes of quoted texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "codec/template-function.h"
#include "codec/template-internal.h"

Str function_text(const FunctionCall *c, const Value *v)
{
	if (v->kind == VALUE_TEXT)
		return v->text;
	AUTO_BUF Buf text = BUF_INIT;
	value_print(v, &text);
	return arena_str(c->arena, buf_str(&text));
}

const char *function_type(const Value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
		return "<nil>";
	case VALUE_BOOL:
		return "bool";
	case VALUE_INTEGER:
		return "int";
	case VALUE_TEXT:
		return "string";
	case VALUE_LIST:
		return "[]string";
	case VALUE_JSON:
		break;
	}
	if (json_value_is_object(v->json))
		return "map[string]interface {}";
	return json_value_is_array(v->json) ? "[]interface {}" : "float64";
}

/* Argument NUMBER as a place in LEN things. */
static Err *place_of(const FunctionCall *c, size_t number, size_t len, size_t *ret)
{
	const Value *v = &c->args[number];
	if (number >= c->count)
		return NULL;
	if (v->kind != VALUE_INTEGER)
		return err_new(ERR_INPUT, "cannot index slice/array with type %s",
		               function_type(v));
	if (v->integer < 0 || (uint64_t)v->integer > len)
		return err_new(ERR_INPUT, "index out of range: %lld", (long long)v->integer);
	*ret = (size_t)v->integer;
	return NULL;
}

/* slice X FROM TO: a part of a text (in bytes) or of a list; Go's third number is a capacity. */
Err *function_slice(const FunctionCall *c, Value *ret)
{
	const Value *v = &c->args[0];
	ValueList list = { 0 };
	bool text = v->kind == VALUE_TEXT;
	if (text && c->count > 3)
		return err_new(ERR_INPUT, "cannot 3-index slice a string");
	if (!text && v->kind != VALUE_LIST &&
	    !(v->kind == VALUE_JSON && json_value_is_array(v->json)))
		return err_new(ERR_INPUT, "can't slice item of type %s", function_type(v));
	if (!text)
		TRY(value_items(c->arena, v, &list));
	size_t from = 0, to = text ? v->text.len : list.count;
	TRY(place_of(c, 1, to, &from));
	TRY(place_of(c, 2, to, &to));
	if (from > to)
		return err_new(ERR_INPUT, "invalid slice index: %zu > %zu", from, to);
	*ret = text ? value_text(str_head(str_from_at(v->text, from), to - from))
	            : (Value){ .kind = VALUE_LIST, .items = list.at + from, .count = to - from };
	return NULL;
}

static const char *html_escape(char ch)
{
	switch (ch) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&#34;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

static const char *js_escape(char ch)
{
	switch (ch) {
	case '\\':
		return "\\\\";
	case '\'':
		return "\\'";
	case '"':
		return "\\\"";
	case '<':
		return "\\u003C";
	case '>':
		return "\\u003E";
	case '&':
		return "\\u0026";
	case '=':
		return "\\u003D";
	default:
		return NULL;
	}
}

static void add_escaped(int which, char ch, Buf *out)
{
	unsigned char byte = (unsigned char)ch;
	bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
	             (ch >= '0' && ch <= '9') || (ch && strchr("-_.~", ch));
	const char *escape = which == ESCAPE_HTML ? html_escape(ch)
	                     : which == ESCAPE_JS ? js_escape(ch)
	                                          : NULL;
	if (escape)
		buf_add_str(out, str_from(escape));
	else if (which == ESCAPE_JS && byte < ' ')
		buf_addf(out, "\\u%04X", byte);
	else if (which != ESCAPE_URL || plain)
		buf_add_char(out, ch);
	else if (ch == ' ')
		buf_add_char(out, '+');
	else
		buf_addf(out, "%%%02X", byte);
}

Err *function_escape(const FunctionCall *c, Value *ret)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < c->count; i++) {
		Str s = function_text(c, &c->args[i]);
		for (size_t k = 0; k < s.len; k++)
			add_escaped(c->which, s.ptr[k], &out);
	}
	*ret = value_text(arena_str(c->arena, buf_str(&out)));
	return NULL;
}

/* --- quoted texts ----------------------------------------------------------------------------- */

/* COUNT digits of a number in BASE (8 or 16), and no fewer. */
static bool read_digits(Str s, size_t count, unsigned base, uint32_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	*ret = 0;
	for (size_t i = 0; i < count; i++) {
		char c = i < s.len ? s.ptr[i] : '\0';
		const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
		if (!found || found - digits >= (ptrdiff_t)base)
			return false;
		*ret = *ret * base + (uint32_t)(found - digits);
	}
	return count > 0;
}

size_t template_unescape(Str s, Buf *out)
{
	static const char from[] = "abfnrtv\\\"", to[] = "\a\b\f\n\r\t\v\\\"";
	char c = s.len ? *s.ptr : '\0';
	const char *found = c ? strchr(from, c) : NULL;
	uint32_t value;
	if (found) {
		buf_add_char(out, to[found - from]);
		return 1;
	}
	if (c >= '0' && c <= '7') {
		if (!read_digits(s, 3, 8, &value) || value > 0xff)
			return 0;
		buf_add_char(out, (char)value);
		return 3;
	}
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	if (!read_digits(str_from_at(s, 1), digits, 16, &value) || value > 0x10ffff ||
	    (value >= 0xd800 && value < 0xe000))
		return 0;
	if (c == 'x')
		buf_add_char(out, (char)value);
	else
		rune_add(out, value);
	return 1 + digits;
}
