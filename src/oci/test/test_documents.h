/* test_documents.h - what the tests of this module share: expectations about errors, the lists of
 * tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* ERR must be NULL, else it is printed. */
#define assert_ok(err)                              \
	do {                                        \
		Err *ok_err_ = (err);               \
		if (ok_err_)                        \
			err_print(ok_err_, stderr); \
		assert_null(ok_err_);               \
	} while (0)

/* ERR must be of this kind, and WANT must occur in its cause, whiles or notes. */
#define assert_err(err, kind, want)                                           \
	do {                                                                  \
		AUTO_ERR Err *bad_err_ = (err);                               \
		assert_non_null(bad_err_);                                    \
		AUTO_BUF Buf said_ = BUF_INIT;                                \
		buf_add_str(&said_, err_cause(bad_err_));                     \
		buf_add_char(&said_, '\n');                                   \
		buf_add_str(&said_, err_whiles(bad_err_));                    \
		buf_add_str(&said_, err_notes(bad_err_));                     \
		if (!strstr(said_.ptr, (want)))                               \
			fail_msg("expected '%s' in '%s'", (want), said_.ptr); \
		assert_int_equal(err_kind(bad_err_), (kind));                 \
	} while (0)

#define assert_str(str, want)                                                         \
	do {                                                                          \
		Str str_ = (str);                                                     \
		if (!str_eqc(str_, (want)))                                           \
			fail_msg("expected '%s', got '%.*s'", (want), STR_ARG(str_)); \
	} while (0)
