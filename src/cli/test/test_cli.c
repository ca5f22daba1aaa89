/* test_cli.c - command lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
/* clang-format off: it needs the above */
#include <cmocka.h>
/* clang-format on */

typedef struct Values {
	bool quiet, rm, debug;
	const char *file;
	OptionList tags;
	unsigned jobs, verbose;
} Values;

static const Option options[] = {
	{ .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .offset = offsetof(Values, quiet) },
	{ .name = "rm", .kind = OPTION_FLAG, .offset = offsetof(Values, rm) },
	{ .name = "file", .letter = 'f', .kind = OPTION_TEXT, .offset = offsetof(Values, file) },
	{ .name = "tag", .letter = 't', .kind = OPTION_LIST, .offset = offsetof(Values, tags) },
	{ .name = "jobs", .letter = 'j', .kind = OPTION_NUMBER, .offset = offsetof(Values, jobs) },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_COUNT,
	  .offset = offsetof(Values, verbose) },
	{ .name = "secret", .kind = OPTION_REFUSED },
};

static const Option more[] = {
	{ .name = "debug", .letter = 'D', .kind = OPTION_FLAG, .offset = offsetof(Values, debug) },
	{ .name = "hidden-file",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .offset = offsetof(Values, file) },
};

enum { WORDS_MAX = 12 };

static Err *parse(Arena *a, const char *const *words, bool stop, Values *v, Arguments *args)
{
	int count = 0, used;
	while (count < WORDS_MAX && words[count])
		count++;
	*v = (Values){ .rm = true };
	const OptionSet sets[] = { { options, ARRAY_LEN(options), v },
		                   { more, ARRAY_LEN(more), v } };
	return options_parse(sets, ARRAY_LEN(sets), count, (char *const *)words, stop, a, args,
	                     &used);
}

static void test_forms(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Values v;
	Arguments args;
	static const char *const words[] = { "--quiet", "-tone",   "ctx",        "--tag=two", "-t",
		                             "three",   "-t=four", "--rm=false", "-vqDj3",    "-v",
		                             "--",      "-x",      NULL };
	assert_null(parse(&a, words, false, &v, &args));
	assert_true(v.quiet && !v.rm && v.debug);
	assert_int_equal(v.tags.count, 4);
	static const char *const tags[] = { "one", "two", "three", "four" };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		assert_string_equal(v.tags.at[i], tags[i]);
	assert_int_equal(v.jobs, 3);
	assert_int_equal(v.verbose, 2);
	assert_int_equal(args.count, 2);
	assert_string_equal(args.at[0], "ctx");
	assert_string_equal(args.at[1], "-x");
}

static void test_stop_and_dash(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Values v;
	Arguments args;
	static const char *const words[] = { "-f", "-", "image", "sh", "-q", "--nope", NULL };
	assert_null(parse(&a, words, true, &v, &args));
	assert_string_equal(v.file, "-");
	assert_false(v.quiet);
	assert_int_equal(args.count, 4);
	static const char *const dash[] = { "--file=", "-", NULL };
	assert_null(parse(&a, dash, false, &v, &args));
	assert_string_equal(v.file, "");
	assert_string_equal(args.at[0], "-");
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *words[3];
		const char *cause, *notes;
	} cases[] = {
		{ { "--fooo" }, "unknown flag: --fooo", "" },
		{ { "--qiuet" }, "unknown flag: --qiuet", "did you mean --quiet?\n" },
		{ { "--fil=x" }, "unknown flag: --fil", "did you mean --file?\n" },
		{ { "-qz" }, "unknown shorthand flag: 'z' in -qz", "" },
		{ { "--tag" }, "flag needs an argument: --tag", "" },
		{ { "-qt" }, "flag needs an argument: 't' in -qt", "" },
		{ { "--rm=maybe" }, "invalid value 'maybe' for --rm: expected true or false", "" },
		{ { "--jobs", "-1" }, "invalid value '-1' for --jobs: expected a number", "" },
		{ { "-j99999999999" },
		  "invalid value '99999999999' for --jobs: expected a number",
		  "" },
		{ { "--secret", "id=x" }, "--secret is not supported yet", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Values v;
		Arguments args;
		const char *words[WORDS_MAX] = { cases[i].words[0], cases[i].words[1] };
		AUTO_ERR Err *e = parse(&a, words, false, &v, &args);
		assert_non_null(e);
		assert_int_equal(err_kind(e), ERR_INPUT);
		assert_string_equal(err_cause(e).ptr, cases[i].cause);
		assert_string_equal(err_notes(e).ptr, cases[i].notes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_stop_and_dash),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
