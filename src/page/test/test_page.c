/* test_page.c - texts of others stay texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "page/page-internal.h"

typedef struct TextCase {
	const char *in, *out;
} TextCase;

static void test_escapes(void **state)
{
	(void)state;
	static const TextCase cases[] = {
		{ "a<b>\"'&", "a&lt;b&gt;&quot;&#39;&amp;" },
		{ "a\tb\nc", "a\tb\nc" },
		{ "\x1b[0m\x01\x7f", "␛[0m␁␡" },
		{ "\xc2\x9b", "�" }, /* a control of one byte, in UTF-8 */
		{ "x\xe2\x80\xae"
		  "y\xe2\x80\x8b",
		  "x�y�" }, /* turned; no width */
		{ "\xff\xc0\xaf", "���" },
		{ "ä €", "ä €" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf out = BUF_INIT;
		html_text(&out, str_from(cases[i].in));
		assert_string_equal(out.ptr, cases[i].out);
	}
	AUTO_BUF Buf out = BUF_INIT;
	HTML(&out, "<a href=\"%\">%</a>", STR("\"><script>"), STR("50%"));
	assert_string_equal(out.ptr, "<a href=\"&quot;&gt;&lt;script&gt;\">50%</a>");
}

static void test_terminals(void **state)
{
	(void)state;
	static const TextCase cases[] = {
		{ "\x1b[1;31mred\x1b[0m", "red" },
		{ "a\r\nb\rc", "a\nb\nc" },
		{ "\x1b]0;title\x07"
		  "x",
		  "x" },
		{ "\x1b]8;;http://h\x1b\\x", "x" },
		{ "\x1b]no end\nnext", "no end\nnext" },
		{ "\x1bP q\x1b\\x", "x" },
		{ "\x1b[12\nnext", "\nnext" },
		{ "\x1b\nnext", "\nnext" },
		{ "x\x1b", "x" },
		{ "x\x1b[", "x" },
		{ "\x1b"
		  "cx",
		  "x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf out = BUF_INIT;
		html_strip_terminal(&out, str_from(cases[i].in));
		assert_string_equal(out.ptr, cases[i].out);
	}
}

static void test_words(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	const int64_t s = 1000000000;
	assert_true(str_eqc(html_size(&a, 999), "999 B"));
	assert_true(str_eqc(html_size(&a, 1230000), "1.23 MB"));
	assert_true(str_eqc(html_size(&a, UINT64_MAX), "1.84e+07 TB"));
	assert_true(str_eqc(html_span(&a, 65 * s), "1m5s"));
	assert_true(str_eqc(html_span(&a, 7260 * s), "2h1m"));
	assert_true(str_eqc(html_span(&a, -s), "0s"));
	AUTO_BUF Buf out = BUF_INIT;
	html_ago(&out, &a, PROJECT_TIME_NONE, s);
	assert_string_equal(out.ptr, "–");
	buf_reset(&out);
	html_ago(&out, &a, 0, 120 * s);
	assert_string_equal(out.ptr, "<time datetime=\"1970-01-01T00:00:00Z\" "
	                             "title=\"1970-01-01T00:00:00Z\">2 min ago</time>");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_escapes),
		                            cmocka_unit_test(test_terminals),
		                            cmocka_unit_test(test_words) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
