/* test_match.c - globs, ignore files, ignore lists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/match.h"
#include "fs/test/test_fs.h"

#include <time.h>

/* WANT: 1 matches, 0 does not, -1 is a bad pattern. */
static const struct {
	const char *pattern, *path;
	int want;
} glob_cases[] = {
	{ "abc", "abc", 1 },
	{ "*", "abc", 1 },
	{ "*c", "abc", 1 },
	{ "a*", "ab/c", 0 },
	{ "a*/b", "abc/b", 1 },
	{ "a*/b", "a/c/b", 0 },
	{ "a*b*c*d*e*/f", "axbxcxdxe/f", 1 },
	{ "a*b?c*x", "abxbbxdbxebxczzx", 1 },
	{ "a*b?c*x", "abxbbxdbxebxczzy", 0 },
	{ "ab[c]", "abc", 1 },
	{ "ab[b-d]", "abc", 1 },
	{ "ab[^c]", "abc", 0 },
	{ "ab[^e-g]", "abc", 1 },
	{ "a\\*b", "a*b", 1 },
	{ "a\\*b", "ab", 0 },
	{ "a?b", "a☺b", 1 },
	{ "a[^a]b", "a☺b", 1 },
	{ "a???b", "a☺b", 0 },
	{ "[a-ζ]*", "α", 1 },
	{ "*[a-ζ]", "A", 0 },
	{ "a?b", "a/b", 0 },
	{ "a*b", "a/b", 0 },
	{ "[\\]a]", "]", 1 },
	{ "[\\-x]", "-", 1 },
	{ "[]a]", "]", -1 },
	{ "[-]", "-", -1 },
	{ "[x-]", "x", -1 },
	{ "\\", "a", -1 },
	{ "[", "a", -1 },
	{ "[^bc", "a", -1 },
	{ "a[", "ab", -1 },
	{ "a[", "x", -1 },
	{ "a*[", "x", -1 },
	{ "a*b*[", "x", -1 },
	{ "*x", "xxx", 1 },
	{ "[a-b-c]", "a", -1 },
	{ "", "", 1 },
	{ "", "a", 0 },
	{ "arr[[]0].txt", "arr[0].txt", 1 },
	{ "a**b", "axyb", 1 },
};

static void test_globs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(glob_cases); i++) {
		bool match;
		AUTO_ERR Err *err = match_glob(str_from(glob_cases[i].pattern),
		                               str_from(glob_cases[i].path), &match);
		int got = err ? -1 : match;
		if (got != glob_cases[i].want)
			fail_msg("'%s' on '%s': %d", glob_cases[i].pattern, glob_cases[i].path,
			         got);
	}
	assert_true(match_has_magic(STR("a[b")) && match_has_magic(STR("a\\b")));
	assert_false(match_has_magic(STR("a/b.c")));
}

static const struct {
	const char *patterns; /* '|' between */
	const char *path;
	bool excluded;
} ignore_cases[] = {
	{ "*.md", "a.md", true },
	{ "*.md", "d/a.md", false },
	{ "**/*.md", "a.md", true },
	{ "**/*.md", "d/e/a.md", true },
	{ "*.md|!README.md", "README.md", false },
	{ "!README.md|*.md", "README.md", true },
	{ "d", "d/e/f", true },
	{ "d|!d/e", "d/e/f", false },
	{ "d|!d/e|d/e/f", "d/e/f", true },
	{ "d/**", "d/e/f", true },
	{ "?d", "xd/y", true },
	{ "?d", "xdd/y", false },
	{ "a?/**/x", "ab/x", true },
	{ "a?/**/", "ab/c", true },
	{ "*é", "é", true },
	{ "*\xff", "a\xff", true },
	{ "d/**", "d", false },
	{ "**/d", "x/d/y", true },
	{ "**d", "xd", true },
	{ "d/*", "d/e", true },
	{ "d/?", "d/ef", false },
	{ "a/../d/", "d/e", true },
	{ "a/**/z", "a/z", true },
	{ "a/**/z", "a/b/c/z", true },
	{ "a/**/z", "a/bz", false },
	{ "ba*|!bay", "bay", false },
	{ "ba*|!bay", "bar", true },
	{ "a.b", "axb", false },
	{ "a+b", "a+b", true },
	{ "[a-c]x", "bx", true },
	{ "a\\*b", "a*b", true },
	{ "a\\*b", "axb", false },
	{ "**", "any/thing", true },
	{ "*", ".", false },
	{ "é?", "éü", true },
	{ "\\d", "d", true },
	{ "\\d", "5", false },
	{ "$HOME", "$HOME", true },
	{ "a^b", "a^b", false },
	{ "[^/]x", "ax", true },
	/* '!dir' takes back what a line left out with dir, and nothing else */
	{ "**/*.o|!keep", "keep/a.o", true },
	{ "**/*.o|!keep", "keep", false },
	{ "**/*.o|!keep/**", "keep/a.o", false },
	{ "**/*.md|!keep", "keep/x/y.md", true },
	{ "src/*|!src", "src/a", true },
	{ "*|!keep", "keep/a/b", false },
	{ "k*|**/*.o|!keep", "keep/a.o", false },
	{ "k*|!keep|**/*.o", "keep/a.o", true },
	{ "*/b|!a", "a/b/c", true },
	{ "*|!a|a/b|!a/b/c", "a/b/c/d", false },
	{ "*|!a|a/b|!a/b/c", "a/b/d", true },
};

static void make_ignore(Arena *a, const char *patterns, Ignore *ret)
{
	Str list[16], rest = str_from(patterns);
	size_t count = 0;
	while (rest.len)
		rest = str_cut(rest, '|', &list[count++]);
	test_ok(ignore_from_patterns(a, list, count, ret));
}

static void test_ignores(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ignore_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Ignore ig;
		make_ignore(&a, ignore_cases[i].patterns, &ig);
		if (ignore_excludes(&ig, str_from(ignore_cases[i].path), NULL) !=
		    ignore_cases[i].excluded)
			fail_msg("'%s' on '%s'", ignore_cases[i].patterns, ignore_cases[i].path);
	}
}

/* One walk over many paths, in any order, says what is said of each alone. */
static void test_walk(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"a",      "a/b.o", "a/b/c", "a/b/c/d.o", "a/b/d", "x",
		"ab/b.o", "a/b/d", "a/b/c", "ab",        "c/b/a", "."
	};
	static const char *const lists[] = { "**/*.o|!a", "*|!a|a/b|!a/b/c", "a/*|!a",
		                             "*/b|!a",    "a/b|!**/c",       "a" };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Ignore ig;
		make_ignore(&a, lists[i], &ig);
		CLEANUP(ignore_walk_done) IgnoreWalk walk = { .ignore = &ig };
		for (size_t k = 0; k < ARRAY_LEN(paths); k++) {
			const IgnorePattern *by, *want_by;
			Str path = str_from(paths[k]);
			bool got = ignore_walk_excludes(&walk, path, &by);
			if (got != ignore_excludes(&ig, path, &want_by) || by != want_by)
				fail_msg("'%s' on '%s'", lists[i], paths[k]);
		}
	}
}

static void test_ignore_file(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source = { ".dockerignore",
		          STR("\xef\xbb\xbf# c\r\n\r\n /a/b/ \r\n #x\n! /a/b/c\n..//d\n") };
	Ignore ig;
	test_ok(ignore_parse(&a, &source, &ig));
	assert_int_equal(ig.count, 4);
	assert_true(ig.has_negation);
	test_str(ig.patterns[0].text, "a/b");
	test_str(ig.patterns[1].text, "#x");
	test_str(ig.patterns[2].text, "a/b/c");
	assert_true(ig.patterns[2].negate);
	test_str(ig.patterns[3].text, "../d");

	const IgnorePattern *by;
	assert_true(ignore_excludes(&ig, STR("a/b/x"), &by));
	assert_int_equal(by->line, 3);
	test_str(str_head(str_from_at(source.text, by->span.start), by->span.end - by->span.start),
	         "/a/b/");
	assert_false(ignore_excludes(&ig, STR("a/b/c/d"), &by));
	assert_int_equal(by->line, 5);
	assert_false(ignore_excludes(&ig, STR("q"), &by));
	assert_null(by);
	make_ignore(&a, "!q", &ig);
	assert_false(ignore_excludes(&ig, STR("q"), &by));
	assert_null(by); /* it was not excluded before */
}

static void test_bad_ignore_files(void **state)
{
	(void)state;
	static const struct {
		const char *text, *cause;
		unsigned line, column;
	} cases[] = {
		{ "a\n!\n", "a pattern must follow '!'", 2, 1 },
		{ "a\n\n  b[\n", "syntax error in pattern: 'b['", 3, 3 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Source source = { ".dockerignore", str_from(cases[i].text) };
		Ignore ig;
		AUTO_ERR Err *err = ignore_parse(&a, &source, &ig);
		assert_non_null(err);
		assert_string_equal(err_cause(err).ptr, cases[i].cause);
		unsigned line, column;
		err_line_column(err_span(err), &line, &column);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(column, cases[i].column);
	}
}

static void test_ignore_file_no_text(void **state)
{
	(void)state;
	static const Str texts[] = { { "a\nb\0c\n", 6 },
		                     { "\xff\xfe*\0\n\0", 6 },
		                     { "# \0\n", 4 } };
	static const unsigned places[][2] = { { 2, 2 }, { 1, 4 }, { 1, 3 } };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Source source = { "x.dockerignore", texts[i] };
		Ignore ig;
		AUTO_ERR Err *err = ignore_parse(&a, &source, &ig);
		assert_non_null(err);
		assert_string_equal(err_cause(err).ptr,
		                    "'x.dockerignore' is no text: there is a NUL byte in it");
		unsigned line, column;
		err_line_column(err_span(err), &line, &column);
		assert_int_equal(line, places[i][0]);
		assert_int_equal(column, places[i][1]);
	}
}

static void test_reinclusion(void **state)
{
	(void)state;
	static const struct {
		const char *patterns, *directory;
		bool want;
	} cases[] = {
		{ "*", "a", false },           { "*|!b", "a", false },
		{ "*|!a/b/c", "a", true },     { "*|!a/b/c", "a/b", true },
		{ "*|!a/b/c", "a/bc", false }, { "*|!a/b/c", "a/c", false },
		{ "*|!**/x", "a/b", true },    { "*|!a/*.c", "a", true },
		{ "*|!a/*.c", "b", false },    { "*|!*.c", "a", false },
		{ "*|!a/**", "a/b", true },    { "*|!a/**/z", "a/b/c", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Ignore ig;
		make_ignore(&a, cases[i].patterns, &ig);
		if (ignore_may_reinclude_below(&ig, str_from(cases[i].directory)) != cases[i].want)
			fail_msg("'%s' below '%s'", cases[i].patterns, cases[i].directory);
	}
}

/* Nothing blows up.  The bound is far above what is needed, far below exponential. */
static void test_costly_patterns(void **state)
{
	(void)state;
	static const char *const patterns[] = {
		"**/a*/**/a*/**/a*/**/a*/**/a*/**/a*/**/b",
		"*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
	};
	char path[PATH_BYTES_MAX];
	for (size_t i = 0; i < sizeof path; i++)
		path[i] = i % 8 == 7 ? '/' : 'a';
	Str all = { path, sizeof path - 1 };
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Ignore ig;
		make_ignore(&a, patterns[i], &ig);
		clock_t start = clock(); /* of this process: others may be at work as well */
		assert_false(ignore_excludes(&ig, all, NULL));
		assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	}
	memset(path, 'a', sizeof path);
	bool match;
	clock_t start = clock(); /* of this process: others may be at work as well */
	test_ok(match_glob(str_from(patterns[1]), all, &match));
	assert_false(match);
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_globs),
	cmocka_unit_test(test_ignores),
	cmocka_unit_test(test_walk),
	cmocka_unit_test(test_ignore_file),
	cmocka_unit_test(test_bad_ignore_files),
	cmocka_unit_test(test_ignore_file_no_text),
	cmocka_unit_test(test_reinclusion),
	cmocka_unit_test(test_costly_patterns),
};
const TestTable match_table = { tests, ARRAY_LEN(tests) };
