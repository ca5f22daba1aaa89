/* test_base.c - errors with carets, slices, maps, times. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/csv.h"
#include "base/err.h"
#include "base/library.h"
#include "base/map.h"
#include "base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void check_print(Err *e, const char *want)
{
	AUTO_FREE char *got = NULL;
	size_t n;
	FILE *f = open_memstream(&got, &n);
	err_print(e, f);
	fclose(f);
	err_free(e);
	assert_string_equal(got, want);
}

static const Source dockerfile = {
	"Dockerfile", { "FROM alpine\n\nCOPY bin/app /usr/local/bin/\n\tRUN\tmäke x\n", 57 }
};

static Err *copy_step(Span at)
{
	AUTO_BUF Buf scratch = BUF_INIT;
	buf_addf(&scratch, "%d bytes of scratch that the early return must free", 42);
	TRY_WHILE(err_at(at, "no such file in the build context: 'bin/app'"),
	          "copying into stage '%s'", "runtime");
	return NULL;
}

static void test_err_caret_and_chain(void **state)
{
	(void)state;
	Err *e = copy_step((Span){ &dockerfile, 18, 25 });
	e = err_place(e, (Span){ &dockerfile, 0, 4 }); /* outer place: must not win */
	e = err_note(e, ".dockerignore:3 excludes it: 'bin/'");
	check_print(err_while(e, "building 'example/app:1'"),
	            "Dockerfile:3:6: error: no such file in the build context: 'bin/app'\n"
	            "    3 | COPY bin/app /usr/local/bin/\n"
	            "      |      ^~~~~~~\n"
	            "        while copying into stage 'runtime'\n"
	            "        while building 'example/app:1'\n"
	            "        note: .dockerignore:3 excludes it: 'bin/'\n");
}

static void test_err_escapes_control_bytes(void **state)
{
	(void)state;
	check_print(err_new(ERR_CORRUPT, "entry '%s'", "\x1b[31mred\nnote: m\xc3\xa4h\x7f"),
	            "error: entry '\\x1b[31mred\\nnote: m\xc3\xa4h\\x7f'\n");
}

static void test_err_tabs_and_utf8(void **state)
{
	(void)state;
	check_print(err_at((Span){ &dockerfile, 47, 52 }, "unknown word"),
	            "Dockerfile:4:6: error: unknown word\n"
	            "    4 | \tRUN\tmäke x\n"
	            "      | \t   \t^~~~\n");
	check_print(err_at((Span){ &dockerfile, 53, 200 }, "runs off the end"),
	            "Dockerfile:4:12: error: runs off the end\n"
	            "    4 | \tRUN\tmäke x\n"
	            "      | \t   \t     ^\n");
}

static void test_err_cuts_long_lines(void **state)
{
	(void)state;
	enum { LONG = 1000, SHOWN = 150, MARKED = 110 };
	char text[LONG + 1], marks[MARKED + 1];
	memset(text, 'x', LONG);
	memset(marks, '~', MARKED);
	marks[0] = '^';
	text[LONG] = marks[MARKED] = '\0';
	const Source source = { "Dockerfile", { text, LONG } };
	AUTO_BUF Buf want = BUF_INIT;
	buf_addf(&want, "Dockerfile:1:501: error: bad\n    1 | ...%.*s...\n      | %43s%s\n", SHOWN,
	         text, "", marks);
	check_print(err_at((Span){ &source, 500, 900 }, "bad"), want.ptr);
}

static void test_err_system(void **state)
{
	(void)state;
	check_print(err_while(err_sys(ENOSPC, "cannot write blob %s", "sha256:ab"),
	                      "storing layer 2 of 5"),
	            "error: cannot write blob sha256:ab: No space left on device\n"
	            "        while storing layer 2 of 5\n");
}

static void test_library(void **state)
{
	LibrarySource of = { .names = { "libdecant-absent.so.1", "libc.so.6" },
		             .shown = "libx",
		             .user = "a test needs",
		             .package = "libx1" };
	size_t (*length)(const char *) = NULL;
	void *none = NULL, *library = NULL;
	const LibrarySymbol symbols[] = { { "strlen", (void **)&length },
		                          { "decant_has_no_such_function", &none } };
	(void)state;
	assert_null(library_open(&of, symbols, 1, &library)); /* the second name */
	assert_non_null(library);
	assert_int_equal(length("four"), 4);
	check_print(library_open(&of, symbols, 2, &library),
	            "error: libx has no 'decant_has_no_such_function': it is too old\n");
	of.names[1] = NULL;
	check_print(
		library_open(&of, symbols, 1, &library),
		"error: cannot load libx: libdecant-absent.so.1: cannot open shared object file: "
		"No such file or directory\n"
		"        note: a test needs it: apt-get install libx1\n");
}

static void test_arena(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	for (int i = 0; i < 10000; i++) {
		uint64_t *p = arena_new(&a, uint64_t);
		assert_true((uintptr_t)p % _Alignof(uint64_t) == 0 && *p == 0);
		*p = 7;
		Str s = arena_strf(&a, "%d", i);
		uint64_t back;
		assert_true(str_to_u64(s, &back) && back == (uint64_t)i);
	}
}

static void test_map(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map m = MAP_INIT;
	static int values[5000];
	for (int i = 0; i < 5000; i++)
		assert_null(map_put(&m, arena_strf(&a, "key%d", i), &values[i]));
	assert_ptr_equal(map_put(&m, STR("key17"), &values[0]), &values[17]);
	assert_ptr_equal(map_get(&m, STR("key17")), &values[0]);
	assert_ptr_equal(map_get(&m, STR("key4999")), &values[4999]);
	assert_null(map_get(&m, STR("key5000")));
	assert_int_equal(m.len, 5000);
	assert_true(str_eq(m.slots[4998].key, STR("key4998")));
}

static void test_clock_span(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0 seconds" },   { 1, "1 ms" },           { 512, "512 ms" },
		{ 1000, "1 second" }, { 1500, "1500 ms" },     { 2000, "2 seconds" },
		{ 9999, "9999 ms" },  { 10001, "10 seconds" }, { 60000, "60 seconds" },
	};
	char text[CLOCK_SPAN_LEN];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(clock_span_text(cases[i].ms, text), cases[i].text);
}

static void test_clock(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
		const char *again; /* NULL: the same */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, NULL },
		{ "2000-02-29T12:00:00.5Z", 951825600500000000, NULL },
		{ "1969-12-31T23:59:59.999999999Z", -1, NULL },
		{ "2026-11-23T21:07:00+02:00", 1795460820000000000, "2026-11-23T19:07:00Z" },
		{ "0001-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ns = -7;
		char text[CLOCK_TEXT_BYTES];
		assert_null(clock_parse(str_from(cases[i].text), &ns));
		assert_int_equal(ns, cases[i].ns);
		assert_string_equal(clock_format(ns, text).ptr,
		                    cases[i].again ? cases[i].again : cases[i].text);
	}
	int64_t ns;
	static const char *const bad[] = { "", "2026", "2026-13-01T00:00:00Z",
		                           "2026-01-01T00:00:00" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ERR Err *e = clock_parse(str_from(bad[i]), &ns);
		assert_non_null(e);
	}
}

static Err *count_up(void *context, size_t i)
{
	__atomic_add_fetch((size_t *)context, i, __ATOMIC_RELAXED);
	return i == 1000000 ? err_new(ERR_INPUT, "stop") : NULL;
}

static void test_parallel(void **state)
{
	(void)state;
	size_t sum = 0;
	assert_null(parallel_each(1000, 4, count_up, &sum));
	assert_int_equal(sum, 999 * 1000 / 2);
	AUTO_ERR Err *e = parallel_each(1000002, 4, count_up, &sum);
	assert_non_null(e);
}

static void test_csv_fields(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	static const struct {
		const char *text, *fields; /* with ';' between; NULL: an error */
	} cases[] = {
		{ "", "" },
		{ "type=bind,target=/x", "type=bind;target=/x" },
		{ "a,,b,", "a;;b;" },
		{ "\"a,b\",c", "a,b;c" },
		{ "\"say \"\"x\"\"\",c", "say \"x\";c" },
		{ "a\"b", NULL },
		{ "\"a\"b,c", NULL },
		{ "\"a,b", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf got = BUF_INIT;
		AUTO_ERR Err *e = NULL;
		bool more = true;
		for (Str rest = str_from(cases[i].text), field; more && !e;) {
			e = csv_cut(&a, &rest, &field, &more);
			if (!e)
				buf_addf(&got, "%s%.*s", got.ptr ? ";" : "", STR_ARG(field));
		}
		if (cases[i].fields)
			assert_string_equal(e         ? "an error"
			                    : got.ptr ? got.ptr
			                              : "",
			                    cases[i].fields);
		else
			assert_non_null(e);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t bytes; /* UINT64_MAX: none */
	} cases[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "128m", 128u << 20 },
		{ "64MiB", 64u << 20 },
		{ "1.5G", 3ull << 29 },
		{ "10 kb", 10240 },
		{ "7b", 7 },
		{ "2p", 2ull << 50 },
		{ ".5k", 512 },
		{ "", UINT64_MAX },
		{ "m", UINT64_MAX },
		{ "1.", UINT64_MAX },
		{ "1x", UINT64_MAX },
		{ "1bk", UINT64_MAX },
		{ "1kib2", UINT64_MAX },
		{ "-1", UINT64_MAX },
		{ "8192p", UINT64_MAX },
		{ "99999999999999999999", UINT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t bytes = UINT64_MAX;
		bool ok = str_to_bytes(str_from(cases[i].text), &bytes);
		if (ok != (cases[i].bytes != UINT64_MAX) || (ok && bytes != cases[i].bytes))
			fail_msg("'%s': %d %llu", cases[i].text, ok, (unsigned long long)bytes);
	}
	bool on;
	assert_true(str_to_bool(STR("True"), &on) && on);
	assert_true(str_to_bool(STR("f"), &on) && !on);
	assert_false(str_to_bool(STR("yes"), &on));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_caret_and_chain),
		cmocka_unit_test(test_err_escapes_control_bytes),
		cmocka_unit_test(test_err_tabs_and_utf8),
		cmocka_unit_test(test_err_cuts_long_lines),
		cmocka_unit_test(test_err_system),
		cmocka_unit_test(test_library),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_csv_fields),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_span),
		cmocka_unit_test(test_parallel),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
