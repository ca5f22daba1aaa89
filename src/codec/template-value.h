/* template-value.h - values that a template works with, and its functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"

typedef enum ValueKind {
	VALUE_NONE, /* a member that is not there */
	VALUE_NIL,
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_TEXT,
	VALUE_LIST, /* of a function: split */
	VALUE_JSON, /* an object, an array or a number with a fraction */
} ValueKind;

typedef struct Value Value;
struct Value {
	ValueKind kind;
	bool truth;
	int64_t integer;
	Str text;   /* NONE, NIL: how it is printed, if that is known */
	Str member; /* it was found under this name; "" none */
	const JsonValue *json;
	const Value *items; /* LIST */
	size_t count;
};

typedef struct ValueList {
	Value *keys, *at; /* of an array: 0, 1 ...; of an object: its keys in byte order */
	size_t count;
} ValueList;

Value value_json(const JsonValue *v);
Value value_text(Str s);
Value value_integer(int64_t n);
Value value_bool(bool b);
bool value_is_true(const Value *v);
/* How a MEMBER that has no value is printed: "[]", "map[]"; "": not known. */
Str value_zero_text(Str member);
/* As Go's %v: "map[a:1 b:2]", "[x y]", "<nil>". */
void value_print(const Value *v, Buf *out);
/* Errors have no place yet: the caller knows it. */
NODISCARD Err *value_member(const Value *v, Str name, Value *ret);
/* .Label "NAME" of a row of a listing; TITLE: how its column is called. */
NODISCARD Err *value_label(Arena *a, const Value *v, Str name, bool title, Value *ret);
NODISCARD Err *value_items(Arena *a, const Value *v, ValueList *ret);
/* TITLES: of a table's columns, which functions of texts leave as they are. */
NODISCARD Err *function_call(Arena *a, Str name, const Value *args, size_t count, bool titles,
                             Value *ret);
