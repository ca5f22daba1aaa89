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

/* By name and content; what is no secret, or nobody's own, is none. */
static void test_secrets(void **state)
{
	static const char key[] = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n";
	static const struct {
		const char *path, *text;
		bool secret;
	} cases[] = {
		{ "id_rsa", key, true },
		{ "a/b/server.key", key, true },
		{ "a/b/server.key", "-----BEGIN CERTIFICATE-----\n", false },
		{ "key.pem", "-----BEGIN PUBLIC KEY-----\n", false },
		{ "key.pem", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", false },
		{ "testdata/server.key", key, false },
		{ "a/node_modules/x/server.key", key, false },
		{ "id_rsa.pub", key, false },
		{ "readme.md", key, false }, /* by its name nothing to look into */
		{ ".npmrc", "//r/:_authToken=abc\n", true },
		{ ".npmrc", "//r/:_authToken=${NPM_TOKEN}\n", false },
		{ ".npmrc", "registry=https://r/\n", false },
		{ ".pypirc", "[pypi]\npassword = x\n", true },
		{ "home/.netrc", "machine h login l password p\n", true },
		{ ".git-credentials", "https://u:t@h\n", true },
		{ ".aws/credentials", "aws_secret_access_key = abc\n", true },
		{ "credentials", "aws_secret_access_key = abc\n", false },
		{ "aws/credentials", "aws_secret_access_key = abc\n", false },
		{ ".docker/config.json", "{\"auths\":{\"r\":{\"auth\":\"YTpi\"}}}", true },
		{ ".docker/config.json", "{\"auths\":{}}", false },
		{ "config.json", "{\"auth\":\"YTpi\"}", false },
		{ ".kube/config", "    client-key-data: LS0t\n", true },
		{ ".env", "API_TOKEN=dGhpc2lzbm90YTEyMzQ\n", true },
		{ ".env.production", "A=1\nSECRET='abcdefgh12345678'\n", true },
		{ ".env", "DB_PASSWORD=postgres\n", false },
		{ ".env", "API_TOKEN=${TOKEN_OF_THE_HOST_12}\n", false },
		{ ".env", "BUILD_ID=abcdefgh12345678\n", false },
		{ ".env", "#API_TOKEN=dGhpc2lzbm90YTEyMzQ\n", false },
		{ ".env.example", "API_TOKEN=dGhpc2lzbm90YTEyMzQ\n", false },
		{ "", "", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Str path = str_from(cases[i].path), text = str_from(cases[i].text);
		bool found = lint_secret(path, text) != NULL;
		if (found != cases[i].secret)
			fail_msg("%s with '%s': %s", path.ptr, text.ptr,
			         found ? "found" : "not found");
		if (found) /* what is not read is not found */
			assert_true(lint_secret_name(path));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),    cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_options), cmocka_unit_test(test_lines),
		cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
