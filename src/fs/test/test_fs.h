/*
 * test_fs.h - what the unit tests of fs/ share: a directory of their own, and their tables of
 * tests.
 *
 * A new test file: its table here, in test_fs.c, and in meson.build.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/path.h"

#include <fcntl.h>

/* cmocka.h needs the three before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
/* clang-format on */

typedef struct TestTable {
	const struct CMUnitTest *tests;
	size_t count;
} TestTable;

extern const TestTable context_table, filter_table, path_table, list_table, walk_table, match_table;

/* A new, empty directory below $TMPDIR; removed by test_dir_done. */
typedef struct TestDir {
	int fd;
	char path[256];
} TestDir;
TestDir test_dir_new(void);
void test_dir_done(TestDir *d);
#define AUTO_TEST_DIR CLEANUP(test_dir_done)

/* These fail the test if they cannot. */
void test_write(int dir_fd, const char *path, const char *text);
void test_mkdir(int dir_fd, const char *path);
void test_symlink(int dir_fd, const char *target, const char *path);

/* Fails the test, printing the error, unless E is NULL. */
void test_ok(Err *e);
/* Fails unless E is an error of KIND whose cause contains TEXT; frees it. */
void test_err(Err *e, ErrKind kind, const char *text);
/* S is TEXT. */
void test_str(Str s, const char *text);
