/* tests.h - the groups of test_codec, one a file. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* cmocka.h needs the others before it: not sorted */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

/* Each gives the number of failed tests. */
int test_digest_run(void);
int test_compress_run(void);
int test_json_run(void);
int test_tar_run(void);
int test_template_run(void);
