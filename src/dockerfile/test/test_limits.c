/* test_limits.c - large and hostile files: bounded time, bounded memory, an error that says so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "dockerfile/expand.h"
#include "dockerfile/test/test_dockerfile.h"

#include <time.h>

/* Much more than any of these takes under sanitizers, and much less than what is not linear. */
#define SECONDS_MAX 10

static void add_repeated(Buf *b, const char *piece, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_add_str(b, str_from(piece));
}

static Err *parse_buf(Arena *a, const Buf *b, Dockerfile *d)
{
	Source *source = arena_new(a, Source);
	*source = (Source){ "Dockerfile", buf_str(b) };
	return dockerfile_parse(a, source, d);
}

/* HEAD, then COUNT times PIECE, then TAIL; CAUSE NULL: accepted. */
static const struct {
	const char *head, *piece;
	size_t count;
	const char *tail, *cause;
} cases[] = {
	{ "FROM a\nRUN ", "x", 1 << 20, "\n", NULL },
	{ "FROM a\nRUN ", "x\\\n", 1 << 18, "y\n", NULL },
	{ "FROM a\nRUN x \\\n", "#\n", 1 << 18, "y\n", NULL },
	{ "FROM a\n", "RUN x\n", 100000, "", NULL },
	{ "FROM a\n", "FROM a\n", 100000, "", NULL },
	{ "FROM a\nENV ", "a=b ", 100000, "\n", NULL },
	{ "FROM a\nCMD [", "\"a\",", 100000, "\"b\"]\n", NULL },
	{ "FROM a\nRUN ", "[", 1 << 20, "\n", NULL },
	{ "FROM a\nRUN ", "${a:-", 1 << 16, " <<EOF\n", NULL },
	{ "FROM a\nCOPY ", "'", 1 << 20, " y\n", NULL },
	{ "FROM a\n", "RUN x\n", INSTRUCTIONS_MAX, "", "more than 262144 instructions" },
	{ "FROM a\nEXPOSE ", "1 ", WORDS_MAX + 1, "\n",
	  "more than 262144 words in one instruction" },
	{ "FROM a\nRUN ", "<<A ", HEREDOCS_MAX + 1, "\n", "unterminated heredoc: 'A'" },
	{ "FROM a\nRUN ", "<<A ", WORDS_MAX + 1, "\n", "more than 262144 words" },
	{ "FROM a\n", "ONBUILD ", 1 << 16, "RUN x\n", "ONBUILD is nested more than 16 deep" },
	{ "FROM a\nRUN <<EOF\n", "EO\n", 1 << 18, "", "unterminated heredoc: 'EOF'" },
};

static void test_large_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_BUF Buf text = BUF_INIT;
		buf_add_str(&text, str_from(cases[i].head));
		add_repeated(&text, cases[i].piece, cases[i].count);
		buf_add_str(&text, str_from(cases[i].tail));
		Dockerfile d;
		clock_t start = clock(); /* of this process: others may be at work as well */
		AUTO_ERR Err *err = parse_buf(&a, &text, &d);
		long took_s = (clock() - start) / CLOCKS_PER_SEC;
		if (took_s > SECONDS_MAX)
			fail_msg("case %zu took %ld s", i, took_s);
		if (cases[i].cause ? !err || !str_eqc(err_cause(err), cases[i].cause) : err != NULL)
			fail_msg("case %zu: %s", i, err ? err_cause(err).ptr : "accepted");
	}
}

static void test_too_large(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	add_repeated(&text, "RUN aaaaaaaaaaa\n", DOCKERFILE_BYTES_MAX / 16);
	buf_add_char(&text, '\n');
	Dockerfile d;
	AUTO_ERR Err *err = parse_buf(&a, &text, &d);
	assert_non_null(err);
	assert_string_equal(err_cause(err).ptr, "'Dockerfile' is larger than 16 MiB");
}

/* B holds whatever the test puts there. */
static bool lookup_b(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	*ret_origin = (Span){ 0 };
	*ret_value = buf_str(context);
	return str_eqc(name, "B");
}

static void test_doubling(void **state)
{
	(void)state;
	AUTO_BUF Buf value = BUF_INIT;
	buf_add_str(&value, STR("x"));
	ExpandScope scope = { .lookup = lookup_b, .context = &value, .escape = '\\' };
	Word word = { .text = STR("$B$B") };
	for (int i = 0; i < 40; i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str twice;
		AUTO_ERR Err *err = expand_word(&a, &scope, word, &twice);
		if (err) {
			assert_string_equal(err_cause(err).ptr,
			                    "the expansion is larger than 1048576 bytes");
			assert_int_equal(i, 20);
			return;
		}
		buf_reset(&value);
		buf_add_str(&value, twice);
	}
	fail_msg("never refused");
}

static void test_nesting(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	add_repeated(&text, "${a:-", 100000);
	add_repeated(&text, "}", 100000);
	ExpandScope scope = { .escape = '\\' };
	Str ret;
	AUTO_ERR Err *err = expand_word(&a, &scope, (Word){ .text = buf_str(&text) }, &ret);
	assert_non_null(err);
	assert_string_equal(err_cause(err).ptr, "substitutions are nested more than 64 deep");
}

static void test_patterns(void **state)
{
	(void)state;
	static const char *const words[] = {
		"${B//*a*a*a*a*a*a*a*a*a*a*b/x}",
		"${B##*a*a*a*a*a*a*a*a*a*a*b}",
		"${B%%b*a*a*a*a*a*a*a*a*a*a*}",
		"${B//a/}",
		"${B//\\**/}",
	};
	AUTO_BUF Buf value = BUF_INIT;
	add_repeated(&value, "a", 100000);
	ExpandScope scope = { .lookup = lookup_b, .context = &value, .escape = '\\' };
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str ret;
		clock_t start = clock(); /* of this process: others may be at work as well */
		test_ok(expand_word(&a, &scope, (Word){ .text = str_from(words[i]) }, &ret));
		assert_int_equal(ret.len, i == 3 ? 0 : 100000);
		assert_true((clock() - start) / CLOCKS_PER_SEC <= SECONDS_MAX);
	}
	/* A pattern as long as the value: the product is bounded, and the error says so. */
	AUTO_BUF Buf long_word = BUF_INIT;
	buf_add_str(&long_word, STR("${B//"));
	add_repeated(&long_word, "a", 90000);
	buf_add_str(&long_word, STR("b/}"));
	AUTO_ARENA Arena a = ARENA_INIT;
	Str ret;
	AUTO_ERR Err *err = expand_word(&a, &scope, (Word){ .text = buf_str(&long_word) }, &ret);
	assert_non_null(err);
	assert_string_equal(err_cause(err).ptr, "this takes too long to expand");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_large_files), cmocka_unit_test(test_too_large),
	cmocka_unit_test(test_doubling),    cmocka_unit_test(test_nesting),
	cmocka_unit_test(test_patterns),
};
const TestTable limits_table = { tests, ARRAY_LEN(tests) };
