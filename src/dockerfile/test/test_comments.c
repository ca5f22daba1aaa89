/* test_comments.c - comments above an instruction, and the options of check directives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/test/test_dockerfile.h"

/* The comments of the last instruction, "|" behind each. */
static const struct {
	const char *text, *comments;
} comment_cases[] = {
	{ "FROM a\n", "" },
	{ "# one\n#two \nFROM a\n", "one|two|" },
	{ "# syntax=docker/dockerfile:1\n# escape=`\n# one\nFROM a\n", "one|" },
	{ "# one\n\nFROM a\n", "one|" },
	{ "# one\n#\n# two\nFROM a\n", "two|" },
	{ "# one\n#\nFROM a\n", "" },
	{ "# one\nFROM a\nRUN b\n", "" },
	{ "FROM a\n  # one\nRUN b\n", "# one|" },
	{ "FROM a\nRUN b \\\n# one\n c\nRUN d\n", "" },
	{ "FROM a\nRUN <<E\n# one\nE\n# two\nRUN d\n", "two|" },
	{ "FROM a\n# one\r\nRUN b\r\n", "one|" },
};

static void test_comments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(comment_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_BUF Buf got = BUF_INIT;
		buf_add_str(&got, STR(""));
		Dockerfile d = test_parse(&a, comment_cases[i].text);
		const Node *last = &d.nodes[d.node_count - 1];
		for (size_t k = 0; k < last->comment_count; k++) {
			Word c = last->comments[k];
			buf_addf(&got, "%.*s|", STR_ARG(c.text));
			assert_true(c.text.ptr == d.source->text.ptr + c.span.start);
			assert_int_equal(c.span.end - c.span.start, c.text.len);
		}
		if (!str_eqc(buf_str(&got), comment_cases[i].comments))
			fail_msg("case %zu: got '%.*s'", i, STR_ARG(buf_str(&got)));
	}
}

static void test_descriptions(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "# check=skip=A\n\n# VERSION of  go\n# OS to run on\n"
	                              "ARG VERSION=1 OS\n# buildings\n# build makes it\n"
	                              "FROM a AS build\n");
	assert_true(str_eqc(node_description(&d.nodes[0], STR("VERSION")), "of  go"));
	assert_true(str_eqc(node_description(&d.nodes[0], STR("OS")), "to run on"));
	assert_true(str_eqc(node_description(&d.nodes[0], STR("V")), ""));
	assert_true(str_eqc(node_description(&d.nodes[1], STR("build")), "makes it"));
	assert_true(str_eqc(node_description(&d.nodes[1], STR("")), ""));
}

static void test_check_above(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "# check=error=true\nFROM a\n# why\n# check = skip=B,C x\n"
	                              "RUN b\nRUN c\n");
	assert_true(str_eqc(d.check.text, "error=true"));
	assert_true(str_eqc(node_check(&d.nodes[0]).text, ""));
	assert_true(str_eqc(node_check(&d.nodes[2]).text, ""));
	Word check = node_check(&d.nodes[1]);
	CheckOptions o;
	test_ok(check_options_parse(&a, check, &o));
	assert_int_equal(o.skip_count, 2);
	assert_true(str_eqc(o.skip[0].text, "B"));
	assert_true(str_eqc(o.skip[1].text, "C"));
	assert_int_equal(*(d.source->text.ptr + o.skip[1].span.start), 'C');
	assert_false(o.error);
}

static void test_check_options(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	CheckOptions o;
	test_ok(check_options_parse(&a, (Word){ .text = STR("") }, &o));
	assert_int_equal(o.skip_count, 0);
	test_ok(check_options_parse(&a, (Word){ .text = STR("skip=all;experimental=A,B;error=T") },
	                            &o));
	assert_true(o.skip_all && o.error && !o.experimental_all);
	assert_int_equal(o.skip_count, 0);
	assert_int_equal(o.experimental_count, 2);
	test_ok(check_options_parse(&a, (Word){ .text = STR("experimental=all;error=0") }, &o));
	assert_true(o.experimental_all && !o.error);
	static const char *const bad[][2] = {
		{ "skip", "invalid check option: 'skip'" },
		{ "leap=A", "invalid check option: 'leap=A'" },
		{ "skip=A;", "invalid check option: ''" },
		{ "error=yes", "invalid check option: 'error=yes'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ERR Err *err =
			check_options_parse(&a, (Word){ .text = str_from(bad[i][0]) }, &o);
		assert_non_null(err);
		assert_string_equal(err_cause(err).ptr, bad[i][1]);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_comments),
	cmocka_unit_test(test_descriptions),
	cmocka_unit_test(test_check_above),
	cmocka_unit_test(test_check_options),
};
const TestTable comments_table = { tests, ARRAY_LEN(tests) };
