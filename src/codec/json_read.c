/*
 * json_read.c - a strict JSON parser, and the helpers that take values out of a document.
 *
 * Why our own: what comes in here is digests and commands of strangers.  Two readers that take
 * different ones of two equal keys disagree on what an image is, so duplicates are refused; a
 * library that hashes its keys and walks objects by iterator makes "the i-th member" quadratic.
 * Here a document is arrays in an arena: walking is indexing, and lookup in large objects is a
 * binary search (no hash that could be flooded).  Memory is bounded by VALUES_MAX.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "codec/json-internal.h"

/* "[1,1,1..." makes 2 bytes of text into 40 bytes of memory: no real document has a million values.
 */
enum { VALUES_MAX = 1 << 20 };
/* Up to here comparing all keys is faster than a sorted table. */
enum { FEW_MEMBERS = 8 };

typedef VEC(JsonMember) MemberVec;

typedef struct JsonDoc {
	JsonValue root; /* first: its address is the document's */
	Arena arena;
} JsonDoc;

typedef struct Parser {
	Str text;
	size_t at; /* offset of the next byte */
	const char *name;
	Arena *arena;
	MemberVec open; /* values of arrays and objects that are not closed yet */
	Buf scratch;
	unsigned depth;
	size_t values;
} Parser;

static void parser_done(Parser *p)
{
	VEC_DONE(&p->open);
	buf_done(&p->scratch);
}

/* An error at the byte AT. */
static Err *fail_at(const Parser *p, size_t at, const char *what, Str shown)
{
	Source source = { p->name, p->text };
	unsigned line, column;
	err_line_column((Span){ &source, (uint32_t)at, (uint32_t)at }, &line, &column);
	return err_new(ERR_CORRUPT, "%s:%u:%u: invalid JSON: %s%s%.*s%s", p->name, line, column,
	               what, shown.len ? " '" : "", STR_ARG(str_head(shown, 80)),
	               shown.len ? "'" : "");
}

static Err *fail(const Parser *p, const char *what)
{
	return fail_at(p, p->at, what, STR(""));
}

static int peek(const Parser *p)
{
	return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static void skip_blanks(Parser *p)
{
	for (int c = peek(p); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(p))
		p->at++;
}

/* --- texts ----------------------------------------------------------------------------------- */

static bool parse_hex4(Parser *p, uint32_t *ret)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++, p->at++) {
		int c = peek(p);
		int digit = c >= '0' && c <= '9'   ? c - '0'
		            : c >= 'a' && c <= 'f' ? c - 'a' + 10
		            : c >= 'A' && c <= 'F' ? c - 'A' + 10
		                                   : -1;
		if (digit < 0)
			return false;
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return true;
}

static void add_utf8(Buf *out, uint32_t rune)
{
	char bytes[4];
	size_t len = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = len - 1; i > 0; i--, rune >>= 6)
		bytes[i] = (char)(0x80 | (rune & 0x3f));
	bytes[0] = (char)(lead[len] | rune);
	buf_add(out, bytes, len);
}

/* After "\u". */
static Err *parse_unicode_escape(Parser *p)
{
	uint32_t rune, low;
	size_t start = p->at - 2;
	if (!parse_hex4(p, &rune))
		return fail(p, "expected four hex digits after \\u");
	if (rune == 0)
		/* Texts become file names, arguments and environment: a NUL would cut them short.
		 */
		return fail_at(p, start, "\\u0000 is not allowed", STR(""));
	if (rune >= 0xdc00 && rune <= 0xdfff)
		return fail_at(p, start, "half of a surrogate pair", STR(""));
	if (rune >= 0xd800 && rune <= 0xdbff) {
		if (!str_starts(str_from_at(p->text, p->at), STR("\\u")))
			return fail_at(p, start, "half of a surrogate pair", STR(""));
		p->at += 2;
		if (!parse_hex4(p, &low) || low < 0xdc00 || low > 0xdfff)
			return fail_at(p, start, "half of a surrogate pair", STR(""));
		rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
	}
	add_utf8(&p->scratch, rune);
	return NULL;
}

static Err *parse_escape(Parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(p);
	const char *known = c > 0 ? strchr(from, c) : NULL;
	if (!known && c != 'u')
		return fail(p, "unknown escape in a string");
	p->at++;
	if (!known)
		return parse_unicode_escape(p);
	buf_add_char(&p->scratch, to[known - from]);
	return NULL;
}

/* At a '"'. */
static Err *parse_text(Parser *p, Str *ret)
{
	size_t start = p->at++;
	buf_reset(&p->scratch);
	for (;;) {
		/* One piece without escapes at a time. */
		Str rest = str_from_at(p->text, p->at);
		size_t n = 0;
		while (n < rest.len && rest.ptr[n] != '"' && rest.ptr[n] != '\\' &&
		       (unsigned char)rest.ptr[n] >= 0x20) {
			size_t rune = json_utf8_length(str_from_at(rest, n));
			if (rune == 0)
				return fail_at(p, p->at + n, "invalid UTF-8", STR(""));
			n += rune;
		}
		buf_add(&p->scratch, rest.ptr, n);
		p->at += n;
		int c = peek(p);
		if (c == -1)
			return fail_at(p, start, "string without end", STR(""));
		if (c != '"' && c != '\\')
			return fail(p, "control character in a string");
		p->at++;
		if (c == '"')
			break;
		TRY(parse_escape(p));
	}
	*ret = arena_str(p->arena, buf_str(&p->scratch));
	return NULL;
}

/* --- values ---------------------------------------------------------------------------------- */

static size_t skip_digits(Parser *p)
{
	size_t start = p->at;
	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at - start;
}

static Err *parse_number(Parser *p, JsonValue *ret)
{
	size_t start = p->at;
	if (peek(p) == '-')
		p->at++;
	size_t first = p->at;
	size_t digits = skip_digits(p);
	if (digits == 0 || (digits > 1 && p->text.ptr[first] == '0'))
		return fail_at(p, start, "malformed number", STR(""));
	if (peek(p) == '.') {
		p->at++;
		if (skip_digits(p) == 0)
			return fail_at(p, start, "malformed number", STR(""));
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->at++;
		if (peek(p) == '+' || peek(p) == '-')
			p->at++;
		if (skip_digits(p) == 0)
			return fail_at(p, start, "malformed number", STR(""));
	}
	Str text = str_head(str_from_at(p->text, start), p->at - start);
	*ret = (JsonValue){ .kind = JSON_NUMBER, .text = arena_str(p->arena, text) };
	return NULL;
}

static Err *parse_word(Parser *p, JsonValue *ret)
{
	static const struct {
		Str word;
		JsonKind kind;
	} words[] = { { { "null", 4 }, JSON_NULL },
		      { { "true", 4 }, JSON_TRUE },
		      { { "false", 5 }, JSON_FALSE } };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_starts(str_from_at(p->text, p->at), words[i].word)) {
			p->at += words[i].word.len;
			*ret = (JsonValue){ .kind = words[i].kind };
			return NULL;
		}
	}
	return fail(p, p->at == p->text.len ? "unexpected end" : "expected a value");
}

static int compare_keys(const void *a, const void *b, void *context)
{
	const JsonMember *members = context;
	return str_cmp(members[*(const uint32_t *)a].key, members[*(const uint32_t *)b].key);
}

/* Refuse equal keys; make the sorted table of a large object. */
static Err *check_keys(Parser *p, size_t start, JsonValue *object)
{
	JsonMember *m = object->members;
	if (object->count <= FEW_MEMBERS) {
		for (uint32_t i = 1; i < object->count; i++)
			for (uint32_t j = 0; j < i; j++)
				if (str_eq(m[i].key, m[j].key))
					return fail_at(p, start, "duplicate key", m[i].key);
		return NULL;
	}
	uint32_t *sorted = arena_alloc(p->arena, object->count * sizeof *sorted, sizeof *sorted);
	for (uint32_t i = 0; i < object->count; i++)
		sorted[i] = i;
	qsort_r(sorted, object->count, sizeof *sorted, compare_keys, m);
	for (uint32_t i = 1; i < object->count; i++)
		if (str_eq(m[sorted[i - 1]].key, m[sorted[i]].key))
			return fail_at(p, start, "duplicate key", m[sorted[i]].key);
	object->by_key = sorted;
	return NULL;
}

/* Move the values that were gathered since BASE into the arena. */
static Err *close_container(Parser *p, size_t start, size_t base, bool is_object, JsonValue *ret)
{
	size_t count = p->open.len - base;
	p->open.len = base;
	*ret = (JsonValue){ .kind = is_object ? JSON_OBJECT : JSON_ARRAY,
		            .count = (uint32_t)count };
	if (count == 0)
		return NULL; /* nothing was gathered: there may be no array at all */
	const JsonMember *from = p->open.at + base;
	if (is_object) {
		ret->members = arena_alloc(p->arena, count * sizeof *from, _Alignof(JsonMember));
		memcpy(ret->members, from, count * sizeof *from);
		return check_keys(p, start, ret);
	}
	ret->items = arena_alloc(p->arena, count * sizeof *ret->items, _Alignof(JsonValue));
	for (size_t i = 0; i < count; i++)
		ret->items[i] = from[i].value;
	return NULL;
}

static Err *parse_value(Parser *p, JsonValue *ret);

/* At a '[' or '{'.  The recursion is bounded by JSON_DEPTH_MAX. */
static Err *parse_container(Parser *p, JsonValue *ret)
{
	size_t start = p->at, base = p->open.len;
	bool is_object = peek(p) == '{';
	int closing = is_object ? '}' : ']';
	if (p->depth >= JSON_DEPTH_MAX)
		return fail(p, "nested too deeply");
	p->depth++;
	p->at++;
	skip_blanks(p);
	for (bool first = true; !first || peek(p) != closing; first = false) {
		JsonMember member = { 0 };
		if (is_object) {
			skip_blanks(p);
			if (peek(p) != '"')
				return fail(p, "expected a key");
			TRY(parse_text(p, &member.key));
			skip_blanks(p);
			if (peek(p) != ':')
				return fail(p, "expected ':'");
			p->at++;
		}
		TRY(parse_value(p, &member.value));
		VEC_PUSH(&p->open, member);
		skip_blanks(p);
		if (peek(p) == closing)
			break;
		if (peek(p) != ',')
			return fail(p, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
		p->at++;
	}
	p->at++;
	p->depth--;
	return close_container(p, start, base, is_object, ret);
}

static Err *parse_value(Parser *p, JsonValue *ret)
{
	skip_blanks(p);
	if (++p->values > VALUES_MAX)
		return fail(p, "too many values");
	int c = peek(p);
	if (c == '{' || c == '[')
		return parse_container(p, ret);
	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(p, ret);
	if (c != '"')
		return parse_word(p, ret);
	*ret = (JsonValue){ .kind = JSON_STRING };
	return parse_text(p, &ret->text);
}

static Err *parse_document(Parser *p, JsonValue *ret)
{
	TRY(parse_value(p, ret));
	skip_blanks(p);
	if (p->at < p->text.len)
		return fail(p, "something follows the end of the document");
	return NULL;
}

Err *json_parse(Str text, size_t limit, const char *name, JsonValue **ret)
{
	if (text.len > limit || text.len >= UINT32_MAX)
		return err_new(ERR_CORRUPT, "%s is larger than %zu bytes", name, limit);
	JsonDoc *doc = xcalloc(1, sizeof *doc);
	Parser p = { .text = text, .name = name, .arena = &doc->arena };
	Err *err = parse_document(&p, &doc->root);
	parser_done(&p);
	if (err) {
		json_free(&doc->root);
		return err;
	}
	*ret = &doc->root;
	return NULL;
}

void json_free(JsonValue *v)
{
	if (!v)
		return;
	JsonDoc *doc = (JsonDoc *)v;
	arena_done(&doc->arena);
	free(doc);
}

/* --- looking at values ----------------------------------------------------------------------- */

static bool has_kind(const JsonValue *v, JsonKind kind)
{
	return v && v->kind == kind;
}

bool json_value_is_object(const JsonValue *v)
{
	return has_kind(v, JSON_OBJECT);
}

bool json_value_is_array(const JsonValue *v)
{
	return has_kind(v, JSON_ARRAY);
}

bool json_value_is_string(const JsonValue *v)
{
	return has_kind(v, JSON_STRING);
}

bool json_value_is_null(const JsonValue *v)
{
	return !v || v->kind == JSON_NULL;
}

bool json_value_is_bool(const JsonValue *v)
{
	return has_kind(v, JSON_TRUE) || has_kind(v, JSON_FALSE);
}

static bool to_integer(const JsonValue *v, int64_t *ret)
{
	if (!has_kind(v, JSON_NUMBER))
		return false;
	bool minus = str_starts(v->text, STR("-"));
	uint64_t n;
	if (!str_to_u64(str_from_at(v->text, minus ? 1 : 0), &n) ||
	    n > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return false;
	*ret = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

bool json_value_is_integer(const JsonValue *v)
{
	int64_t n;
	return to_integer(v, &n);
}

JsonValue *json_member(const JsonValue *object, const char *key)
{
	if (!json_value_is_object(object))
		return NULL;
	Str wanted = str_from(key);
	if (!object->by_key) {
		for (uint32_t i = 0; i < object->count; i++)
			if (str_eq(object->members[i].key, wanted))
				return &object->members[i].value;
		return NULL;
	}
	for (uint32_t low = 0, high = object->count; low < high;) {
		uint32_t middle = low + (high - low) / 2;
		JsonMember *m = &object->members[object->by_key[middle]];
		int order = str_cmp(wanted, m->key);
		if (order == 0)
			return &m->value;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

size_t json_length(const JsonValue *array)
{
	return json_value_is_array(array) ? array->count : 0;
}

JsonValue *json_at(const JsonValue *array, size_t i)
{
	return i < json_length(array) ? &array->items[i] : NULL;
}

Str json_value_string(const JsonValue *v)
{
	return json_value_is_string(v) ? v->text : STR("");
}

int64_t json_value_integer(const JsonValue *v)
{
	int64_t n = 0;
	(void)to_integer(v, &n); /* 0 for what is no integer */
	return n;
}

bool json_bool(const JsonValue *v)
{
	return has_kind(v, JSON_TRUE);
}

size_t json_member_count(const JsonValue *object)
{
	return json_value_is_object(object) ? object->count : 0;
}

bool json_next_member(const JsonValue *object, void **at, Str *ret_key, JsonValue **ret_value)
{
	if (json_member_count(object) == 0)
		return false;
	JsonMember *m = *at ? (JsonMember *)*at + 1 : object->members;
	if (m == object->members + object->count)
		return false;
	*at = m;
	*ret_key = m->key;
	*ret_value = &m->value;
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
	*ret = arena_str(arena, v->text);
	return NULL;
}

Err *json_get_int(const JsonValue *object, const char *where, const char *key, int64_t *ret)
{
	const JsonValue *v = json_member(object, key);
	if (json_value_is_null(v))
		return NULL;
	if (!to_integer(v, ret))
		return wrong_type(where, key, "an integer");
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
