/* template_functions.c - the functions of templates, by table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/template-function.h"

#define WIDTH_MAX FUNCTION_WIDTH_MAX

static Str text_of(const FunctionCall *c, const Value *v)
{
	return function_text(c, v);
}

static Value keep_text(const FunctionCall *c, const Buf *b)
{
	return value_text(arena_str(c->arena, buf_str(b)));
}

static Err *width_of(const Value *v, int64_t *ret)
{
	if (v->kind != VALUE_INTEGER || v->integer < 0 || v->integer > WIDTH_MAX)
		return err_new(ERR_INPUT, "expected a number from 0 to %d", WIDTH_MAX);
	*ret = v->integer;
	return NULL;
}

/* --- logic ------------------------------------------------------------------------------------ */

static Err *call_not(const FunctionCall *c, Value *ret)
{
	*ret = value_bool(!value_is_true(&c->args[0]));
	return NULL;
}

/* The deciding argument has been looked for while they were evaluated (template_run.c), but for the
 * piped one: it is the last. */
static Err *call_last(const FunctionCall *c, Value *ret)
{
	*ret = c->args[c->count - 1];
	return NULL;
}

static Err *compare(const Value *a, const Value *b, int *ret)
{
	if (a->kind != b->kind || a->kind == VALUE_JSON || a->kind == VALUE_LIST) {
		bool nothing = a->kind <= VALUE_NIL || b->kind <= VALUE_NIL;
		if (!nothing)
			return err_new(ERR_INPUT, "incompatible types for comparison");
		*ret = a->kind <= VALUE_NIL && b->kind <= VALUE_NIL ? 0 : 1;
		return NULL;
	}
	if (a->kind == VALUE_TEXT)
		*ret = str_cmp(a->text, b->text);
	else if (a->kind == VALUE_INTEGER)
		*ret = (a->integer > b->integer) - (a->integer < b->integer);
	else
		*ret = (int)a->truth - (int)b->truth;
	return NULL;
}

/* eq A B...: A equals one of the others. */
static Err *call_eq(const FunctionCall *c, Value *ret)
{
	bool found = false;
	for (size_t i = 1; i < c->count && !found; i++) {
		int order = 0;
		TRY(compare(&c->args[0], &c->args[i], &order));
		found = order == 0;
	}
	*ret = value_bool(found);
	return NULL;
}

enum { IS_NE, IS_LT, IS_LE, IS_GT, IS_GE };

static Err *call_compare(const FunctionCall *c, Value *ret)
{
	int order = 0;
	TRY(compare(&c->args[0], &c->args[1], &order));
	const bool answers[] = { [IS_NE] = order != 0,
		                 [IS_LT] = order<0, [IS_LE] = order <= 0, [IS_GT] = order> 0,
		                 [IS_GE] = order >= 0 };
	*ret = value_bool(answers[c->which]);
	return NULL;
}

/* --- containers ------------------------------------------------------------------------------- */

static Err *call_len(const FunctionCall *c, Value *ret)
{
	const Value *v = &c->args[0];
	ValueList list = { 0 };
	if (v->kind == VALUE_TEXT) {
		*ret = value_integer((int64_t)v->text.len);
		return NULL;
	}
	TRY_WHILE(value_items(c->arena, v, &list), "asking for its length");
	*ret = value_integer((int64_t)list.count);
	return NULL;
}

static Err *index_once(const FunctionCall *c, const Value *v, const Value *key, Value *ret)
{
	ValueList list = { 0 };
	TRY(value_items(c->arena, v, &list));
	bool object = v->kind == VALUE_JSON && json_value_is_object(v->json);
	if (object && key->kind == VALUE_TEXT) {
		TRY(value_member(v, key->text, ret));
		/* Go gives the zero value of a map[string]string, which is what docker's maps are.
		 */
		if (ret->kind == VALUE_NONE)
			*ret = value_text(STR(""));
		return NULL;
	}
	if (!list.count && (v->kind == VALUE_NONE || v->kind == VALUE_NIL)) {
		*ret = value_text(STR(""));
		return NULL;
	}
	if (object || key->kind != VALUE_INTEGER)
		return err_new(ERR_INPUT, "cannot index with this type of value");
	if (key->integer < 0 || (uint64_t)key->integer >= list.count)
		return err_new(ERR_INPUT, "index out of range: %lld", (long long)key->integer);
	*ret = list.at[key->integer];
	return NULL;
}

static Err *call_index(const FunctionCall *c, Value *ret)
{
	Value v = c->args[0];
	for (size_t i = 1; i < c->count; i++)
		TRY(index_once(c, &v, &c->args[i], &v));
	*ret = v;
	return NULL;
}

static Err *call_join(const FunctionCall *c, Value *ret)
{
	ValueList list = { 0 };
	TRY(value_items(c->arena, &c->args[0], &list));
	Str separator = text_of(c, &c->args[1]);
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < list.count; i++) {
		if (i)
			buf_add_str(&text, separator);
		value_print(&list.at[i], &text);
	}
	*ret = keep_text(c, &text);
	return NULL;
}

static Err *call_split(const FunctionCall *c, Value *ret)
{
	Str rest = text_of(c, &c->args[0]), separator = text_of(c, &c->args[1]);
	/* at most one piece a byte, and one more */
	Value *pieces = arena_alloc(c->arena, (rest.len + 1) * sizeof *pieces, _Alignof(Value));
	size_t count = 0;
	while (rest.len) {
		const char *at = separator.len
		                         ? memmem(rest.ptr, rest.len, separator.ptr, separator.len)
		                         : rest.ptr + 1;
		if (!at || at >= rest.ptr + rest.len)
			break;
		size_t len = (size_t)(at - rest.ptr);
		pieces[count++] = value_text(str_head(rest, len));
		rest = str_from_at(rest, len + separator.len);
	}
	if (rest.len || separator.len)
		pieces[count++] = value_text(rest);
	*ret = (Value){ .kind = VALUE_LIST, .items = pieces, .count = count };
	return NULL;
}

/* --- texts ------------------------------------------------------------------------------------ */

enum { CASE_LOWER, CASE_UPPER, CASE_TITLE };

static Err *call_case(const FunctionCall *c, Value *ret)
{
	Str s = text_of(c, &c->args[0]);
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < s.len; i++) {
		char ch = s.ptr[i];
		bool starts = i == 0 || s.ptr[i - 1] == ' ' || s.ptr[i - 1] == '-' ||
		              s.ptr[i - 1] == '\t';
		bool up = c->which == CASE_UPPER || (c->which == CASE_TITLE && starts);
		if (up && ch >= 'a' && ch <= 'z')
			ch = (char)(ch - 32);
		else if (c->which == CASE_LOWER && ch >= 'A' && ch <= 'Z')
			ch = (char)(ch + 32);
		buf_add_char(&text, ch);
	}
	*ret = keep_text(c, &text);
	return NULL;
}

static void add_blanks(Buf *out, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		buf_add_char(out, ' ');
}

/* pad TEXT BEFORE AFTER: nothing for an empty text (docker). */
static Err *call_pad(const FunctionCall *c, Value *ret)
{
	Str s = text_of(c, &c->args[0]);
	int64_t before = 0, after = 0;
	TRY(width_of(&c->args[1], &before));
	TRY(width_of(&c->args[2], &after));
	AUTO_BUF Buf text = BUF_INIT;
	if (s.len) {
		add_blanks(&text, before);
		buf_add_str(&text, s);
		add_blanks(&text, after);
	}
	*ret = keep_text(c, &text);
	return NULL;
}

static Err *call_truncate(const FunctionCall *c, Value *ret)
{
	int64_t width = 0;
	TRY(width_of(&c->args[1], &width));
	*ret = value_text(str_head(text_of(c, &c->args[0]), (size_t)width));
	return NULL;
}

static void write_json(const Value *v, JsonWriter *w)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
		json_write_null(w);
		return;
	case VALUE_BOOL:
		json_write_bool(w, v->truth);
		return;
	case VALUE_INTEGER:
		json_write_int(w, v->integer);
		return;
	case VALUE_TEXT:
		json_write_str(w, v->text);
		return;
	case VALUE_LIST:
		json_write_array(w);
		for (size_t i = 0; i < v->count; i++)
			write_json(&v->items[i], w);
		json_write_array_end(w);
		return;
	case VALUE_JSON:
		json_dump(v->json, w->out);
		return;
	}
}

/* docker's json function does not escape <, > and & (SetEscapeHTML(false)); ours does elsewhere. */
static void unescape_html(Str json, Buf *out)
{
	static const struct {
		Str escape;
		char plain;
	} html[] = { { { "\\u003c", 6 }, '<' },
		     { { "\\u003e", 6 }, '>' },
		     { { "\\u0026", 6 }, '&' } };
	while (json.len) {
		size_t len = *json.ptr == '\\' ? 2 : 1; /* a backslash and what it escapes */
		Str part = str_head(json, len);
		for (size_t i = 0; i < ARRAY_LEN(html); i++)
			if (str_starts(json, html[i].escape)) {
				part = (Str){ &html[i].plain, 1 };
				len = html[i].escape.len;
			}
		buf_add_str(out, part);
		json = str_from_at(json, len);
	}
}

static Err *call_json(const FunctionCall *c, Value *ret)
{
	AUTO_BUF Buf text = BUF_INIT, plain = BUF_INIT;
	JsonWriter w = { .out = &text };
	write_json(&c->args[0], &w);
	unescape_html(buf_str(&text), &plain);
	*ret = keep_text(c, &plain);
	return NULL;
}

enum { PRINT_PLAIN, PRINT_LINE };

/* print puts a blank between two values when neither is a text, println always (Go's fmt). */
static Err *call_print(const FunctionCall *c, Value *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < c->count; i++) {
		bool texts =
			i && (c->args[i].kind == VALUE_TEXT || c->args[i - 1].kind == VALUE_TEXT);
		if (i && (c->which == PRINT_LINE || !texts))
			buf_add_char(&text, ' ');
		value_print(&c->args[i], &text);
	}
	if (c->which == PRINT_LINE)
		buf_add_char(&text, '\n');
	*ret = keep_text(c, &text);
	return NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t min, max; /* arguments */
	FunctionFn *call;
	int which;
	bool keeps_titles; /* a title comes out as it is: docker's HeaderFunctions */
} functions[] = {
	{ "and", 1, SIZE_MAX, call_last, 0, false },
	{ "or", 1, SIZE_MAX, call_last, 0, false },
	{ "not", 1, 1, call_not, 0, false },
	{ "eq", 2, SIZE_MAX, call_eq, 0, false },
	{ "ne", 2, 2, call_compare, IS_NE, false },
	{ "lt", 2, 2, call_compare, IS_LT, false },
	{ "le", 2, 2, call_compare, IS_LE, false },
	{ "gt", 2, 2, call_compare, IS_GT, false },
	{ "ge", 2, 2, call_compare, IS_GE, false },
	{ "len", 1, 1, call_len, 0, false },
	{ "index", 1, SIZE_MAX, call_index, 0, false },
	{ "join", 2, 2, call_join, 0, true },
	{ "split", 2, 2, call_split, 0, true },
	{ "lower", 1, 1, call_case, CASE_LOWER, true },
	{ "upper", 1, 1, call_case, CASE_UPPER, true },
	{ "title", 1, 1, call_case, CASE_TITLE, true },
	{ "pad", 3, 3, call_pad, 0, false },
	{ "truncate", 2, 2, call_truncate, 0, true },
	{ "json", 1, 1, call_json, 0, true },
	{ "print", 0, SIZE_MAX, call_print, PRINT_PLAIN, false },
	{ "println", 0, SIZE_MAX, call_print, PRINT_LINE, false },
	{ "printf", 1, SIZE_MAX, function_printf, 0, false },
	{ "slice", 1, 4, function_slice, 0, false },
	{ "html", 0, SIZE_MAX, function_escape, ESCAPE_HTML, false },
	{ "js", 0, SIZE_MAX, function_escape, ESCAPE_JS, false },
	{ "urlquery", 0, SIZE_MAX, function_escape, ESCAPE_URL, false },
};

Err *function_call(Arena *a, Str name, const Value *args, size_t count, bool titles, Value *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		if (!str_eqc(name, functions[i].name))
			continue;
		if (count < functions[i].min || count > functions[i].max)
			return err_new(ERR_INPUT, "wrong number of arguments for '%.*s': %zu",
			               STR_ARG(name), count);
		FunctionCall c = {
			.arena = a, .args = args, .count = count, .which = functions[i].which
		};
		if (titles && functions[i].keeps_titles) {
			*ret = args[0];
			return NULL;
		}
		return functions[i].call(&c, ret);
	}
	return err_new(ERR_INPUT, "unknown function: '%.*s'", STR_ARG(name));
}
