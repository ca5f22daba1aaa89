/*
 * json_read.c - documents as jansson reads them, within limits, and the helpers that take values
 * out of them.
 *
 * What comes in here is digests and commands of strangers.  Two readers that take different ones
 * of two equal keys disagree on what an image is, so duplicates are refused.  jansson has no limit
 * on memory and a large one on depth: both are counted in the bytes before it sees them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"

#include <jansson.h>

/*
 * "[[],[],..." makes 3 bytes of text into more than 100 bytes of memory.  COST_MAX bounds it at
 * about 64 MiB: a unit is about 64 bytes, a value and its place in an array or object.  No real
 * document has a million values.
 */
enum { COST_VALUE = 1, COST_ARRAY = 3, COST_OBJECT = 5, COST_MAX = 1 << 20 };

/* An error at the byte AT. */
static Err *fail_at(Str text, const char *name, size_t at, const char *what)
{
	Source source = { name, text };
	unsigned line, column;
	err_line_column((Span){ &source, (uint32_t)at, (uint32_t)at }, &line, &column);
	return err_new(ERR_CORRUPT, "%s:%u:%u: invalid JSON: %s", name, line, column, what);
}

/* The '"' that ends the string whose first byte is at I, or the end of TEXT. */
static size_t skip_string(Str text, size_t i)
{
	while (i < text.len && text.ptr[i] != '"')
		i += text.ptr[i] == '\\' ? 2 : 1;
	return i;
}

/*
 * Refuse what is too deep or too large in memory.  In a valid document brackets and commas outside
 * strings are exactly its containers and values; in another one this counts at least what jansson
 * reads before it finds the fault.
 */
static Err *check_limits(Str text, const char *name)
{
	unsigned depth = 0, cost = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '"') {
			i = skip_string(text, i + 1);
		} else if (c == '[' || c == '{') {
			cost += c == '[' ? COST_ARRAY : COST_OBJECT;
			if (++depth > JSON_DEPTH_MAX)
				return fail_at(text, name, i, "nested too deeply");
		} else if (c == ']' || c == '}') {
			depth -= depth > 0 ? 1 : 0;
		} else if (c == ',') {
			cost += COST_VALUE;
		}
		if (cost > COST_MAX)
			return fail_at(text, name, i, "too many values");
	}
	return NULL;
}

/* What jansson found wrong, and where: it counts the bytes that it had read by then. */
static Err *fail_as(Str text, const char *name, const json_error_t *error)
{
	size_t read = error->position > 0 ? (size_t)error->position : 0;
	size_t last = read > 0 ? read - 1 : 0; /* the last byte of what it did not like */
	enum json_error_code code = json_error_code(error);
	if (code == json_error_premature_end_of_input)
		return fail_at(text, name, text.len, error->text);
	if (code == json_error_invalid_utf8)
		return fail_at(text, name, read, "invalid UTF-8"); /* stops before it */
	if (code == json_error_null_character || code == json_error_null_byte_in_key)
		/* Texts become file names, arguments and environment: a NUL would cut them short.
		 */
		return fail_at(text, name, last, "\\u0000 is not allowed");
	return fail_at(text, name, last, error->text);
}

Err *json_parse(Str text, size_t limit, const char *name, JsonValue **ret)
{
	if (text.len > limit || text.len > INT32_MAX)
		return err_new(ERR_CORRUPT, "%s is larger than %zu bytes", name, limit);
	TRY(check_limits(text, name));
	json_error_t error = { 0 };
	json_t *doc = json_loadb(text.len ? text.ptr : "", text.len,
	                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (!doc && (!error.text[0] || json_error_code(&error) == json_error_out_of_memory))
		die_oom(text.len); /* no other failure is without a text */
	if (!doc)
		return fail_as(text, name, &error);
	*ret = doc;
	return NULL;
}

void json_free(JsonValue *v)
{
	json_decref(v);
}

/* --- looking at values ----------------------------------------------------------------------- */

bool json_value_is_object(const JsonValue *v)
{
	return json_is_object(v);
}

bool json_value_is_array(const JsonValue *v)
{
	return json_is_array(v);
}

bool json_value_is_string(const JsonValue *v)
{
	return json_is_string(v);
}

bool json_value_is_null(const JsonValue *v)
{
	return !v || json_is_null(v);
}

bool json_value_is_bool(const JsonValue *v)
{
	return json_is_boolean(v);
}

bool json_value_is_integer(const JsonValue *v)
{
	return json_is_integer(v);
}

JsonValue *json_member(const JsonValue *object, const char *key)
{
	return json_object_get(object, key);
}

size_t json_length(const JsonValue *array)
{
	return json_array_size(array);
}

JsonValue *json_at(const JsonValue *array, size_t i)
{
	return json_array_get(array, i);
}

Str json_value_string(const JsonValue *v)
{
	return json_is_string(v) ? (Str){ json_string_value(v), json_string_length(v) } : STR("");
}

int64_t json_value_integer(const JsonValue *v)
{
	return json_integer_value(v); /* 0 for what is no integer */
}

bool json_bool(const JsonValue *v)
{
	return json_is_true(v);
}

size_t json_member_count(const JsonValue *object)
{
	return json_object_size(object);
}

bool json_next_member(const JsonValue *object, void **at, Str *ret_key, JsonValue **ret_value)
{
	/* jansson's walk wants to be able to write. */
	json_t *o = (json_t *)object;
	void *next = *at ? json_object_iter_next(o, *at) : json_object_iter(o);
	if (!next)
		return false;
	*at = next;
	*ret_key = (Str){ json_object_iter_key(next), json_object_iter_key_len(next) };
	*ret_value = json_object_iter_value(next);
	return true;
}

/* --- typed members --------------------------------------------------------------------------- */

static Err *wrong_type(const char *where, const char *key, const char *expected)
{
	return err_new(ERR_INPUT, "%s%s%s: expected %s", where, where[0] ? "." : "", key, expected);
}

Err *json_get_str(const JsonValue *object, const char *where, const char *key, Arena *arena,
                  Str *ret)
{
	const JsonValue *v = json_member(object, key);
	if (json_value_is_null(v))
		return NULL;
	if (!json_value_is_string(v))
		return wrong_type(where, key, "a string");
	*ret = arena_str(arena, json_value_string(v));
	return NULL;
}

Err *json_get_int(const JsonValue *object, const char *where, const char *key, int64_t *ret)
{
	const JsonValue *v = json_member(object, key);
	if (json_value_is_null(v))
		return NULL;
	if (!json_value_is_integer(v))
		return wrong_type(where, key, "an integer");
	*ret = json_value_integer(v);
	return NULL;
}

Err *json_get_bool(const JsonValue *object, const char *where, const char *key, bool *ret)
{
	const JsonValue *v = json_member(object, key);
	if (json_value_is_null(v))
		return NULL;
	if (!json_value_is_bool(v))
		return wrong_type(where, key, "true or false");
	*ret = json_bool(v);
	return NULL;
}

Err *json_get_strs(const JsonValue *object, const char *where, const char *key, Arena *arena,
                   Str **ret, size_t *ret_count)
{
	const JsonValue *v = json_member(object, key);
	if (json_value_is_null(v))
		return NULL;
	size_t count = json_length(v);
	bool all = json_value_is_array(v);
	for (size_t i = 0; i < count; i++)
		all = all && json_value_is_string(json_at(v, i));
	if (!all)
		return wrong_type(where, key, "an array of strings");
	Str *strs = arena_alloc(arena, count * sizeof *strs, _Alignof(Str));
	for (size_t i = 0; i < count; i++)
		strs[i] = arena_str(arena, json_value_string(json_at(v, i)));
	*ret = strs;
	*ret_count = count;
	return NULL;
}
