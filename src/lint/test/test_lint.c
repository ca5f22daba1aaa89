/*
 * test_lint.c - the table of rules, their options, and docs/lint.md beside it.
 *
 * What each rule finds is in tests/golden/lint/.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "lint/lint-internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

static void read_page(Buf *page)
{
	FILE *file = fopen(LINT_PAGE, "re");
	char part[4096];
	assert_non_null(file);
	for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
		buf_add(page, part, n);
	(void)fclose(file);
}

/* Each rule has its row or its section, and the page names no other. */
static void test_page(void **state)
{
	AUTO_BUF Buf page = BUF_INIT;
	(void)state;
	read_page(&page);
	size_t sections = 0;
	for (size_t i = 0; i < LINT_RULE_COUNT; i++) {
		const LintRule *r = &lint_rule_table[i];
		AUTO_BUF Buf want = BUF_INIT;
		bool ours = strncmp(r->url, "docs/", 5) == 0;
		const char *experimental = r->level == LINT_EXPERIMENTAL ? " (experimental)" : "";
		if (ours)
			buf_addf(&want, "\n### %s\n\n%s.\n", r->name, r->description);
		else
			buf_addf(&want, "\n| `%s`%s | %s |\n", r->name, experimental,
			         r->description);
		sections += ours;
		if (!strstr(page.ptr, want.ptr))
			fail_msg("docs/lint.md lacks:%s", want.ptr);
	}
	size_t found = 0;
	for (const char *at = page.ptr; (at = strstr(at, "\n### ")); at++)
		found++;
	assert_int_equal(found, sections);
}

/* The address of a rule of ours is that of its section. */
static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < LINT_RULE_COUNT; i++) {
		const LintRule *r = &lint_rule_table[i];
		char want[128];
		if (strncmp(r->url, "docs/", 5) != 0)
			continue;
		int n = snprintf(want, sizeof want, "docs/lint.md#%s", r->name);
		for (int k = 0; k < n; k++)
			if (want[k] >= 'A' && want[k] <= 'Z')
				want[k] |= 0x20;
		assert_string_equal(r->url, want);
	}
}

static LintOptions parse(const char *text)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	LintOptions o = { 0 };
	Err *e = lint_options_read(&a, (Word){ .text = str_from(text) }, &o);
	if (e)
		fail_msg("%s: %.*s", text, STR_ARG(err_cause(e)));
	return o;
}

static void test_options(void **state)
{
	(void)state;
	LintOptions o = parse("skip=StageNameCasing,UndefinedVar,;error=1;experimental=all");
	assert_true(o.skip[LINT_StageNameCasing]);
	assert_true(o.skip[LINT_UndefinedVar]);
	assert_false(o.skip[LINT_FromAsCasing]);
	assert_true(o.as_error);
	assert_true(o.experimental_all);
	o = parse(" skip=all ");
	assert_true(o.skip_all);
	assert_false(o.as_error);
	o = parse("skip=stagenamecasing;error=false");
	assert_false(o.skip[LINT_StageNameCasing]); /* names are exact */
	o = parse("experimental=InvalidDefinitionDescription");
	assert_true(o.experimental[LINT_InvalidDefinitionDescription]);
	assert_false(o.experimental_all);
	o = parse("");
	assert_false(o.skip_all);
}

static void test_lines(void **state)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Source source = { "f", STR("one\r\ntwo\n\nfour") };
	LineMap map = { .arena = &a, .source = &source };
	unsigned first, last;
	(void)state;
	assert_int_equal(line_map_count(&map), 4);
	assert_true(str_eqc(line_map_text(&map, 1), "one"));
	assert_true(str_eqc(line_map_text(&map, 3), ""));
	assert_true(str_eqc(line_map_text(&map, 4), "four"));
	assert_true(str_eqc(line_map_text(&map, 5), ""));
	line_map_find(&map, (Span){ &source, 5, 9 }, &first, &last); /* its line end included */
	assert_int_equal(first, 2);
	assert_int_equal(last, 2);
	line_map_find(&map, (Span){ &source, 0, 14 }, &first, &last);
	assert_int_equal(first, 1);
	assert_int_equal(last, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
