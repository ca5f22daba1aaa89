/* template-function.h - what the functions of templates share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/template-value.h"

/* Widths in formats and pad: what fits a line, far below what would hurt. */
enum { FUNCTION_WIDTH_MAX = 4096 };

typedef struct FunctionCall {
	Arena *arena;
	const Value *args;
	size_t count;
	int which; /* of functions that share code */
} FunctionCall;

typedef Err *FunctionFn(const FunctionCall *c, Value *ret);

/* V as it is printed. */
Str function_text(const FunctionCall *c, const Value *v);
/* The name that Go has for the type of V: "string", "[]interface {}". */
const char *function_type(const Value *v);

FunctionFn function_printf; /* template_printf.c */

/* template_text.c */
enum { ESCAPE_HTML, ESCAPE_JS, ESCAPE_URL };
FunctionFn function_slice, function_escape;
