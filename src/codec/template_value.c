/* template_value.c - values of a template: truth, members, print-out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/template-value.h"

#include <strings.h>

Value value_json(const JsonValue *v)
{
	if (!v)
		return (Value){ .kind = VALUE_NONE };
	if (json_value_is_null(v))
		return (Value){ .kind = VALUE_NIL };
	if (json_value_is_bool(v))
		return value_bool(json_bool(v));
	if (json_value_is_integer(v))
		return value_integer(json_value_integer(v));
	if (json_value_is_string(v))
		return value_text(json_value_string(v));
	return (Value){ .kind = VALUE_JSON, .json = v };
}

Value value_text(Str s)
{
	return (Value){ .kind = VALUE_TEXT, .text = s };
}

Value value_integer(int64_t n)
{
	return (Value){ .kind = VALUE_INTEGER, .integer = n };
}

Value value_bool(bool b)
{
	return (Value){ .kind = VALUE_BOOL, .truth = b };
}

bool value_is_true(const Value *v)
{
	switch (v->kind) {
	case VALUE_NONE:
	case VALUE_NIL:
		return false;
	case VALUE_BOOL:
		return v->truth;
	case VALUE_INTEGER:
		return v->integer != 0;
	case VALUE_TEXT:
		return v->text.len > 0;
	case VALUE_LIST:
		return v->count > 0;
	case VALUE_JSON:
		break;
	}
	if (json_value_is_object(v->json))
		return json_member_count(v->json) > 0;
	return !json_value_is_array(v->json) || json_length(v->json) > 0;
}

/* Go's names begin with a capital, and differ from JSON's in case alone: "Digest" is "digest" in
 * documents of the OCI, "ID" is "Id" and "APIVersion" "ApiVersion" in docker's. */
static bool is_go_name(Str key, Str name)
{
	return key.len == name.len && name.len && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z' &&
	       strncasecmp(key.ptr, name.ptr, name.len) == 0;
}

static const JsonValue *find_member(const JsonValue *object, Str name)
{
	Str key;
	JsonValue *member, *near = NULL;
	void *at = NULL;
	while (json_next_member(object, &at, &key, &member)) {
		if (str_eq(key, name))
			return member;
		if (is_go_name(key, name))
			near = member;
	}
	return near;
}

Err *value_member(const Value *v, Str name, Value *ret)
{
	if (v->kind == VALUE_NONE || v->kind == VALUE_NIL) {
		*ret = (Value){ .kind = VALUE_NONE, .member = name };
		return NULL;
	}
	if (v->kind != VALUE_JSON || !json_value_is_object(v->json))
		return err_new(ERR_INPUT, "no member '%.*s' in a value that is no object",
		               STR_ARG(name));
	const JsonValue *member = find_member(v->json, name);
	*ret = value_json(member);
	ret->member = name;
	return NULL;
}

/* Of "a=b,c=d", as listings have it; a part without '=' belongs to the value before it. */
static Str label_of(Str labels, Str name)
{
	for (size_t at = 0; at < labels.len;) {
		Str key, part;
		(void)str_cut(str_from_at(labels, at), ',', &part);
		(void)str_cut(part, '=', &key);
		size_t start = at + key.len + 1, end = at + part.len;
		while (end < labels.len) {
			(void)str_cut(str_from_at(labels, end + 1), ',', &part);
			if (str_find(part, '=') >= 0)
				break;
			end += 1 + part.len;
		}
		if (str_eq(key, name) && start < end)
			return str_head(str_from_at(labels, start), end - start);
		at = end + 1;
	}
	return STR("");
}

/* docker's: the last part of the label's name. */
static Str label_title(Arena *a, Str name)
{
	AUTO_BUF Buf title = BUF_INIT;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		if (c == '.')
			buf_reset(&title);
		else
			buf_add_char(&title, c == '-' || c == '_' ? ' ' : c);
	}
	return arena_str(a, buf_str(&title));
}

Err *value_label(Arena *a, const Value *v, Str name, bool title, Value *ret)
{
	Value labels;
	TRY(value_member(v, STR("Labels"), &labels));
	if (labels.kind != VALUE_TEXT)
		return err_new(ERR_INPUT, "there are no labels here for .Label");
	*ret = value_text(title ? label_title(a, name) : label_of(labels.text, name));
	return NULL;
}

/* What Go prints for members of docker's types that have no value. */
Str value_zero_text(Str member)
{
	static const char *const lists[] = { "Cmd",   "Entrypoint", "Env",        "OnBuild",
		                             "Shell", "RepoTags",   "RepoDigests" };
	static const char *const maps[] = { "Labels", "Volumes", "ExposedPorts" };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (str_eqc(member, lists[i]))
			return STR("[]");
	for (size_t i = 0; i < ARRAY_LEN(maps); i++)
		if (str_eqc(member, maps[i]))
			return STR("map[]");
	return STR("");
}

typedef struct Pair {
	Value key, value;
} Pair;

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const Pair *)a)->key.text, ((const Pair *)b)->key.text);
}

static void object_items(Arena *a, const JsonValue *object, ValueList *ret)
{
	Pair *pairs = arena_alloc(a, (ret->count + 1) * sizeof *pairs, _Alignof(Pair));
	Str key;
	JsonValue *value;
	void *at = NULL;
	for (size_t i = 0; json_next_member(object, &at, &key, &value); i++)
		pairs[i] = (Pair){ value_text(key), value_json(value) };
	qsort(pairs, ret->count, sizeof *pairs, by_key);
	for (size_t i = 0; i < ret->count; i++) {
		ret->keys[i] = pairs[i].key;
		ret->at[i] = pairs[i].value;
	}
}

Err *value_items(Arena *a, const Value *v, ValueList *ret)
{
	bool is_json = v->kind == VALUE_JSON;
	bool is_object = is_json && json_value_is_object(v->json);
	bool is_array = is_json && json_value_is_array(v->json);
	ValueList list = { 0 };
	if (is_object)
		list.count = json_member_count(v->json);
	else if (is_array)
		list.count = json_length(v->json);
	else if (v->kind == VALUE_LIST)
		list.count = v->count;
	else if (v->kind != VALUE_NONE && v->kind != VALUE_NIL)
		return err_new(ERR_INPUT, "only arrays and objects can be walked through");
	list.keys = arena_alloc(a, (list.count + 1) * sizeof(Value), _Alignof(Value));
	list.at = arena_alloc(a, (list.count + 1) * sizeof(Value), _Alignof(Value));
	if (is_object)
		object_items(a, v->json, &list);
	for (size_t i = 0; !is_object && i < list.count; i++) {
		list.keys[i] = value_integer((int64_t)i);
		list.at[i] = is_array ? value_json(json_at(v->json, i)) : v->items[i];
	}
	*ret = list;
	return NULL;
}

static void print_json(const Value *v, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	bool is_object = json_value_is_object(v->json);
	ValueList list = { 0 };
	AUTO_ERR Err *no_container = value_items(&a, v, &list);
	if (no_container) {
		json_dump(v->json, out); /* a number with a fraction */
		return;
	}
	buf_add_str(out, is_object ? STR("map[") : STR("["));
	for (size_t i = 0; i < list.count; i++) {
		if (i)
			buf_add_char(out, ' ');
		if (is_object) {
			value_print(&list.keys[i], out);
			buf_add_char(out, ':');
		}
		/* an empty object in an object is docker's struct{}: of ports, volumes */
		const Value *item = &list.at[i];
		bool set = is_object && item->kind == VALUE_JSON &&
		           json_value_is_object(item->json) && !json_member_count(item->json);
		if (set)
			buf_add_str(out, STR("{}"));
		else
			value_print(item, out);
	}
	buf_add_char(out, ']');
}

void value_print(const Value *v, Buf *out)
{
	switch (v->kind) {
	case VALUE_NONE:
		buf_add_str(out, v->text.len ? v->text : STR("<no value>"));
		return;
	case VALUE_NIL:
		buf_add_str(out, v->text.len ? v->text : STR("<nil>"));
		return;
	case VALUE_BOOL:
		buf_add_str(out, v->truth ? STR("true") : STR("false"));
		return;
	case VALUE_INTEGER:
		buf_addf(out, "%lld", (long long)v->integer);
		return;
	case VALUE_TEXT:
		buf_add_str(out, v->text);
		return;
	case VALUE_LIST:
		buf_add_char(out, '[');
		for (size_t i = 0; i < v->count; i++) {
			if (i)
				buf_add_char(out, ' ');
			value_print(&v->items[i], out);
		}
		buf_add_char(out, ']');
		return;
	case VALUE_JSON:
		print_json(v, out);
		return;
	}
}
