/* test_dockerfile.c - runs the tests of dockerfile/ as one program, and the helpers they share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/test/test_dockerfile.h"

char *test_error_text(Err *err)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	if (err)
		err_print(err, f);
	fclose(f);
	err_free(err);
	return text;
}

void test_ok(Err *err)
{
	AUTO_FREE char *text = test_error_text(err);
	assert_string_equal(text, "");
}

const Source *test_source(Arena *a, const char *text)
{
	Source *source = arena_new(a, Source);
	*source = (Source){ "Dockerfile", arena_str(a, str_from(text)) };
	return source;
}

Dockerfile test_parse(Arena *a, const char *text)
{
	Dockerfile d;
	test_ok(dockerfile_parse_tree(a, test_source(a, text), &d));
	return d;
}

int main(void)
{
	const TestTable tables[] = { parse_table,  spans_table,  refuse_table,
		                     expand_table, limits_table, comments_table };
	struct CMUnitTest all[100];
	size_t count = 0;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (size_t i = 0; i < tables[t].count && count < ARRAY_LEN(all); i++)
			all[count++] = tables[t].tests[i];
	return _cmocka_run_group_tests("dockerfile", all, count, NULL, NULL);
}
