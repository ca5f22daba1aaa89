/* test_ahead.c - a reader in a thread of its own: every byte once, errors at their place, early
 * ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/ahead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

/* Gives LEFT bytes that count up, in pieces of odd sizes; then an error if there is one to give. */
typedef struct Counter {
	Reader reader;
	uint64_t at, left;
	bool fails;
} Counter;

static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 7 + (i >> 9));
}

static Err *counter_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Counter *c = (Counter *)r;
	size_t n = 1 + (size_t)(c->at % 70001);
	n = n < cap ? n : cap;
	n = n < c->left ? n : (size_t)c->left;
	for (size_t i = 0; i < n; i++)
		((unsigned char *)buf)[i] = byte_at(c->at + i);
	c->at += n;
	c->left -= n;
	*ret_len = n;
	return n == 0 && c->fails ? err_new(ERR_CORRUPT, "cut") : NULL;
}

static void counter_close(Reader *r)
{
	(void)r;
}

static const ReaderOps counter_ops = { counter_read, counter_close };

static uint64_t read_all(Reader *r, Err **ret_err)
{
	static unsigned char bytes[100003];
	uint64_t at = 0;
	for (unsigned round = 0;; round++) {
		size_t n = 0;
		*ret_err = reader_read(r, bytes, 1 + (round * 7919) % sizeof bytes, &n);
		if (*ret_err || n == 0)
			return at;
		for (size_t i = 0; i < n; i++)
			if (bytes[i] != byte_at(at + i))
				fail_msg("byte %llu differs", (unsigned long long)(at + i));
		at += n;
	}
}

static void test_every_byte(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {
		0, 1, AHEAD_BYTES - 1, AHEAD_BYTES, AHEAD_BYTES + 1, 9 * AHEAD_BYTES + 77
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		Counter c = { { &counter_ops }, 0, sizes[i], false };
		Err *err = NULL;
		AUTO_READER Reader *r = reader_ahead(&c.reader);
		assert_int_equal(read_all(r, &err), sizes[i]);
		assert_null(err);
	}
}

static void test_error_after_the_bytes(void **state)
{
	(void)state;
	Counter c = { { &counter_ops }, 0, 3 * AHEAD_BYTES, true };
	Err *err = NULL;
	AUTO_READER Reader *r = reader_ahead(&c.reader);
	assert_int_equal(read_all(r, &err), 3 * AHEAD_BYTES);
	assert_non_null(err);
	assert_int_equal(err_kind(err), ERR_CORRUPT);
	err_free(err);
}

static void test_closed_early(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		Counter c = { { &counter_ops }, 0, i < 10 ? UINT64_MAX : 10, true };
		AUTO_READER Reader *r = reader_ahead(&c.reader);
		char bytes[16];
		size_t n;
		if (i % 2)
			assert_null(reader_read(r, bytes, sizeof bytes, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_error_after_the_bytes),
		cmocka_unit_test(test_closed_early),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
