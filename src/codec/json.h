/*
 * json.h - JSON documents: strict reading with limits, and writing as Go writes it.
 *
 * READ     jansson reads; json_parse() refuses duplicate keys, more than JSON_DEPTH_MAX levels,
 *          invalid UTF-8, \u0000 in texts, numbers outside of int64_t and double, bytes after the
 *          document, documents over the given limit or with a million values: ERR_CORRUPT naming
 *          line and column of NAME.  A JSON that the user wrote: see err_set_kind().
 *          Values are reached with the json_*_get helpers below, which say what is wrong and where
 *          ("config.Cmd: expected an array of strings").
 * WRITE    JsonWriter makes compact JSON into a Buf with Go's encoding/json escapes (<, >, & as
 *          \u003c ..., U+2028/9, invalid UTF-8 as \ufffd), so that configs match docker's; jansson
 *          cannot write these.
 * OWNS     Documents: json_free() of what json_parse() gave, and of that alone.  Values and texts
 *          are borrowed from their document (which keeps no pointer to the text it was made of).
 * SOURCE   RFC 8259
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct json_t JsonValue; /* jansson's; only json_read.c and json_write.c look into it */

NODISCARD Err *json_parse(Str text, size_t limit, const char *name, JsonValue **ret);
void json_free(JsonValue *v);

bool json_value_is_object(const JsonValue *v);
bool json_value_is_array(const JsonValue *v);
bool json_value_is_string(const JsonValue *v);
bool json_value_is_null(const JsonValue *v); /* also for NULL */
bool json_value_is_bool(const JsonValue *v);
bool json_value_is_integer(const JsonValue *v); /* no fraction, no exponent, fits into int64_t */
/* Member or NULL. */
JsonValue *json_member(const JsonValue *object, const char *key);
size_t json_length(const JsonValue *array);
JsonValue *json_at(const JsonValue *array, size_t i);
Str json_value_string(const JsonValue *v); /* "" if it is no string; borrowed */
int64_t json_value_integer(const JsonValue *v);
bool json_bool(const JsonValue *v);

/*
 * Typed members of OBJECT (an ERR_INPUT error "WHERE.KEY: expected a string" if another type is
 * there).  Absent or null: *ret is left as it is.  Texts are copied to ARENA.
 */
NODISCARD Err *json_get_str(const JsonValue *object, const char *where, const char *key,
                            Arena *arena, Str *ret);
NODISCARD Err *json_get_int(const JsonValue *object, const char *where, const char *key,
                            int64_t *ret);
NODISCARD Err *json_get_bool(const JsonValue *object, const char *where, const char *key,
                             bool *ret);
NODISCARD Err *json_get_strs(const JsonValue *object, const char *where, const char *key,
                             Arena *arena, Str **ret, size_t *ret_count);

/* Walk an object in document order: *AT is NULL at first; false after the last member. */
bool json_next_member(const JsonValue *object, void **at, Str *ret_key, JsonValue **ret_value);
size_t json_member_count(const JsonValue *object);
/* The text of V, compact, keys in document order; numbers with a fraction or exponent in their
 * shortest form. */
void json_dump(const JsonValue *v, Buf *out);
/* The same with an indent of N blanks a level (docker inspect uses 4). */
void json_dump_indent(const JsonValue *v, unsigned indent, Buf *out);

typedef struct JsonWriter {
	Buf *out;
	bool comma; /* the next value or key needs a comma before it */
} JsonWriter;

void json_write_object(JsonWriter *w); /* { */
void json_write_object_end(JsonWriter *w);
void json_write_array(JsonWriter *w);
void json_write_array_end(JsonWriter *w);
void json_write_key(JsonWriter *w, const char *key);
void json_write_key_str(JsonWriter *w, Str key);
void json_write_str(JsonWriter *w, Str value);
void json_write_int(JsonWriter *w, int64_t value);
void json_write_bool(JsonWriter *w, bool value);
void json_write_null(JsonWriter *w);
/* Key and value at once: what most members are. */
void json_write_member(JsonWriter *w, const char *key, Str value);
void json_write_raw(JsonWriter *w, Str json); /* a value that is JSON already */
