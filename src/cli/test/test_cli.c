/* test_cli.c - command lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/listing.h"
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
		{ { "--secret", "id=x" }, "--secret is not supported", "" },
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

static void test_sizes(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0B" },
		{ 999, "999B" },
		{ 1000, "1kB" },
		{ 72900000, "72.9MB" },
		{ 1090000000, "1.09GB" },
		{ 999499, "999kB" },
		{ 999999, "1MB" }, /* docker says 1e+03kB */
		{ UINT64_MAX, "1.84e+04PB" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(cli_size(&a, cases[i].bytes).ptr, cases[i].want);
	assert_string_equal(cli_size_words(&a, 12100000).ptr, "12.1 MB");
}

/* docker/go-units duration_test.go has these borders. */
static void test_ages(void **state)
{
	(void)state;
	enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR };
	AUTO_ARENA Arena a = ARENA_INIT;
	static const struct {
		int64_t seconds;
		const char *want;
	} cases[] = {
		{ 0, "Less than a second" },
		{ 1, "1 second" },
		{ 45, "45 seconds" },
		{ 60, "About a minute" },
		{ 119, "About a minute" },
		{ 3 * MINUTE, "3 minutes" },
		{ 59 * MINUTE, "59 minutes" },
		{ HOUR, "About an hour" },
		{ 89 * MINUTE, "About an hour" },
		{ 91 * MINUTE, "2 hours" },
		{ 45 * HOUR, "45 hours" },
		{ 3 * DAY, "3 days" },
		{ 13 * DAY, "13 days" },
		{ 14 * DAY, "2 weeks" },
		{ 59 * DAY, "8 weeks" },
		{ 60 * DAY, "2 months" },
		{ 23 * 30 * DAY, "23 months" },
		{ 3 * 365 * DAY, "3 years" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(cli_age(&a, cases[i].seconds * 1000000000).ptr, cases[i].want);
	assert_string_equal(cli_time(&a, 1700000000123456789).ptr, "2023-11-14 22:13:20 +0000 UTC");
	assert_string_equal(listing_unescape(&a, "a\\tb\\nc\\x").ptr, "a\tb\nc\\x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),  cmocka_unit_test(test_stop_and_dash),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_ages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
