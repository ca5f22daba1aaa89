/* test_dockerfile.h - what the tests of dockerfile/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dockerfile/dockerfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The printed error, or "" for NULL; free() it.  Takes ERR. */
char *test_error_text(Err *err);
/* Fail with the error's text if there is one. */
void test_ok(Err *err);
/* TEXT as a Source named "Dockerfile" that lives in A. */
const Source *test_source(Arena *a, const char *text);
/* Its tree; fails the test if there is none. */
Dockerfile test_parse(Arena *a, const char *text);

typedef struct TestTable {
	const struct CMUnitTest *tests;
	size_t count;
} TestTable;

extern const TestTable parse_table, spans_table, refuse_table, expand_table, limits_table,
	comments_table;
