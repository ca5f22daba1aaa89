/* json-internal.h - what a parsed JSON value is in memory; for json_read.c and json_write.c alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/json.h"

typedef enum JsonKind {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
} JsonKind;

typedef struct JsonMember JsonMember;

struct JsonValue {
	JsonKind kind;
	uint32_t count; /* of an array or object */
	union {
		Str text;         /* JSON_STRING: decoded; JSON_NUMBER: as it was written */
		JsonValue *items; /* JSON_ARRAY */
		struct {
			JsonMember *members; /* in document order */
			uint32_t *by_key;    /* their numbers, sorted by key; NULL if few */
		};
	};
};

struct JsonMember {
	Str key;
	JsonValue value;
};

/* Length of the UTF-8 sequence at the start of S: 1..4; 0 if it is none. */
size_t json_utf8_length(Str s);
