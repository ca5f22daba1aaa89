/* template_printf.c - printf of templates: Go's verbs for texts, numbers and lists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/rune.h"
#include "codec/template-function.h"

#define WIDTH_MAX FUNCTION_WIDTH_MAX

typedef struct Verb {
	bool left, zero, plus;
	int64_t width, precision; /* -1: none */
	char letter;
} Verb;

static int64_t take_digits(Str *s)
{
	int64_t n = -1;
	for (; s->len && *s->ptr >= '0' && *s->ptr <= '9'; *s = str_from_at(*s, 1)) {
		n = (n < 0 ? 0 : n) * 10 + (*s->ptr - '0');
		if (n > WIDTH_MAX)
			n = WIDTH_MAX;
	}
	return n;
}

/* S begins behind '%'. */
static Verb take_verb(Str *s)
{
	Verb v = { .precision = -1 };
	for (; s->len && strchr("-0+ #", *s->ptr); *s = str_from_at(*s, 1)) {
		v.left = v.left || *s->ptr == '-';
		v.zero = v.zero || *s->ptr == '0';
		v.plus = v.plus || *s->ptr == '+';
	}
	v.width = take_digits(s);
	if (s->len && *s->ptr == '.') {
		*s = str_from_at(*s, 1);
		v.precision = take_digits(s);
		v.precision = v.precision < 0 ? 0 : v.precision;
	}
	v.letter = s->len ? *s->ptr : '\0';
	*s = str_from_at(*s, 1);
	return v;
}

static void add_binary(Buf *out, uint64_t n)
{
	int bits = 1;
	while (bits < 64 && n >> bits)
		bits++;
	while (bits-- > 0)
		buf_add_char(out, n >> bits & 1 ? '1' : '0');
}

/* A whole number by LETTER; false: that is no verb for numbers. */
static bool format_integer(const Verb *verb, int64_t n, Buf *out)
{
	unsigned long long size = n < 0 ? -(unsigned long long)n : (unsigned long long)n;
	const char *sign = n < 0 ? "-" : verb->plus ? "+" : "";
	if (!strchr("dvxXobc", verb->letter))
		return false;
	if (verb->letter != 'c')
		buf_addf(out, "%s", sign);
	switch (verb->letter) {
	case 'x':
		buf_addf(out, "%llx", size);
		break;
	case 'X':
		buf_addf(out, "%llX", size);
		break;
	case 'o':
		buf_addf(out, "%llo", size);
		break;
	case 'b':
		add_binary(out, size);
		break;
	case 'c':
		rune_add(out, (uint32_t)n);
		break;
	default:
		buf_addf(out, "%llu", size);
	}
	return true;
}

static bool format_text(const Verb *verb, Str s, Buf *out)
{
	if (verb->precision >= 0)
		s = str_head(s, (size_t)verb->precision);
	if (verb->letter == 's' || verb->letter == 'v') {
		buf_add_str(out, s);
	} else if (verb->letter == 'q') {
		rune_add_quoted(out, s);
	} else if (verb->letter == 'x' || verb->letter == 'X') {
		for (size_t i = 0; i < s.len; i++)
			buf_addf(out, verb->letter == 'x' ? "%02x" : "%02X",
			         (unsigned char)s.ptr[i]);
	} else {
		return false;
	}
	return true;
}

static void add_formatted(const Verb *verb, const Value *v, Buf *out);

/* A list by the verb of its items: ["a" "b"].  False: V is none. */
static bool format_list(const Verb *verb, const Value *v, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ValueList list = { 0 };
	bool array =
		v->kind == VALUE_LIST || (v->kind == VALUE_JSON && json_value_is_array(v->json));
	AUTO_ERR Err *e = array ? value_items(&a, v, &list) : NULL;
	if (!array || e || verb->letter == 'v')
		return false;
	buf_add_char(out, '[');
	for (size_t i = 0; i < list.count; i++) {
		if (i)
			buf_add_char(out, ' ');
		add_formatted(verb, &list.at[i], out);
	}
	buf_add_char(out, ']');
	return true;
}

static bool format_value(const Verb *verb, const Value *v, Buf *out)
{
	if (verb->letter == 'T') {
		buf_add_str(out, str_from(function_type(v)));
		return true;
	}
	if (v->kind == VALUE_INTEGER)
		return format_integer(verb, v->integer, out);
	if (v->kind == VALUE_TEXT)
		return format_text(verb, v->text, out);
	if (verb->letter == 'v' || (verb->letter == 't' && v->kind == VALUE_BOOL) ||
	    (verb->letter == 's' && v->kind == VALUE_JSON && json_value_is_object(v->json))) {
		value_print(v, out);
		return true;
	}
	return format_list(verb, v, out);
}

static void add_mismatch(const Verb *verb, const Value *v, Buf *out)
{
	/* Go's own way to say that the verb does not fit */
	buf_addf(out, "%%!%c(", verb->letter);
	if (v->kind > VALUE_NIL)
		buf_addf(out, "%s=", function_type(v));
	value_print(v, out);
	buf_add_char(out, ')');
}

static void add_formatted(const Verb *verb, const Value *v, Buf *out)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (!format_value(verb, v, &text)) {
		add_mismatch(verb, v, out);
		return;
	}
	Str s = buf_str(&text);
	int64_t missing = verb->width - (int64_t)s.len;
	bool zeros = verb->zero && !verb->left && v->kind == VALUE_INTEGER;
	if (zeros && s.len && (*s.ptr == '-' || *s.ptr == '+')) {
		buf_add_char(out, *s.ptr);
		s = str_from_at(s, 1);
	}
	for (int64_t i = 0; !verb->left && i < missing; i++)
		buf_add_char(out, zeros ? '0' : ' ');
	buf_add_str(out, s);
	for (int64_t i = 0; verb->left && i < missing; i++)
		buf_add_char(out, ' ');
}

/* Values that no verb has taken. */
static void add_extra(const FunctionCall *c, size_t next, Buf *out)
{
	if (next >= c->count)
		return;
	buf_add_str(out, STR("%!(EXTRA "));
	for (size_t i = next; i < c->count; i++) {
		buf_addf(out, "%s%s=", i > next ? ", " : "", function_type(&c->args[i]));
		value_print(&c->args[i], out);
	}
	buf_add_char(out, ')');
}

Err *function_printf(const FunctionCall *c, Value *ret)
{
	if (c->args[0].kind != VALUE_TEXT)
		return err_new(ERR_INPUT, "the format is no text");
	Str rest = c->args[0].text;
	AUTO_BUF Buf text = BUF_INIT;
	size_t next = 1;
	while (rest.len) {
		if (*rest.ptr != '%') {
			buf_add_char(&text, *rest.ptr);
			rest = str_from_at(rest, 1);
			continue;
		}
		rest = str_from_at(rest, 1);
		Verb verb = take_verb(&rest);
		if (verb.letter == '%')
			buf_add_char(&text, '%');
		else if (!verb.letter)
			buf_add_str(&text, STR("%!(NOVERB)"));
		else if (next == c->count)
			buf_addf(&text, "%%!%c(MISSING)", verb.letter);
		else
			add_formatted(&verb, &c->args[next++], &text);
	}
	add_extra(c, next, &text);
	*ret = value_text(arena_str(c->arena, buf_str(&text)));
	return NULL;
}
