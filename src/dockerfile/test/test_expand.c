/* test_expand.c - variables, quotes, escapes, patterns. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/expand.h"
#include "dockerfile/test/test_dockerfile.h"

static const Source origin_source = { "Dockerfile", { "FROM a\nARG NULL=\n", 17 } };

static bool lookup(void *context, Str name, Str *ret_value, Span *ret_origin)
{
	static const char *const values[][2] = {
		{ "PWD", "/home" },     { "SHELL", "bash" },  { "NULL", "" },
		{ "LIST", "a b  c" },   { "S", "foobarbaz" }, { "LINES", "a\nb" },
		{ "image", "idlebox" }, { "ü", "uml" },       { "KO", "한국어" },
	};
	(void)context;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (str_eqc(name, values[i][0])) {
			*ret_value = str_from(values[i][1]);
			*ret_origin = (Span){ &origin_source, 11, 16 };
			return true;
		}
	return false;
}

/* WANT NULL: an error whose cause is CAUSE, if that is given. */
static const struct {
	const char *word, *want, *cause;
} word_cases[] = {
	{ "he'll'o", "hello", NULL },
	{ "he'llo", NULL, "missing the closing single quote in 'he'llo'" },
	{ "he\\'llo", "he'llo", NULL },
	{ "abc\\tdef", "abctdef", NULL },
	{ "\"abc\\tdef\"", "abc\\tdef", NULL },
	{ "'hello\\'", "hello\\", NULL },
	{ "\"hello\\\"", NULL, "missing the closing double quote in '\"hello\\\"'" },
	{ "hello\\", "hello", NULL },
	{ "hello\\\\", "hello\\", NULL },
	{ "$.", "$.", NULL },
	{ "he$1x", "hex", NULL },
	{ "he\\$PWD", "he$PWD", NULL },
	{ "he\\\\$PWD", "he\\/home", NULL },
	{ "\\${}", "${}", NULL },
	{ "${}", NULL, "bad substitution in '${}'" },
	{ "he${.}", NULL, "unsupported modifier '.' in 'he${.}'" },
	{ "${XXX:YYY}", NULL, "unsupported modifier ':Y' in '${XXX:YYY}'" },
	{ "${PWD:=0}", NULL, "unsupported modifier ':=' in '${PWD:=0}'" },
	{ "${S:#f}", NULL, "unsupported modifier ':#' in '${S:#f}'" },
	{ "${XXX:?}", NULL, "XXX: is not allowed to be unset" },
	{ "${XXX?no X here}", NULL, "XXX: no X here" },
	{ "${NULL?}x", "x", NULL },
	{ "${NULL:?}", NULL, "NULL: is not allowed to be empty" },
	{ "${PWD", NULL, "missing '}' in '${PWD'" },
	{ "${PWD:-'x}", NULL, "missing '}' in '${PWD:-'x}'" },
	{ "${XXX:-${YYY:-yyy}}x", "yyyx", NULL },
	{ "${PWD:+${PWD}:}x", "/home:x", NULL },
	{ "${XXX:-\\$PWD:}x", "$PWD:x", NULL },
	{ "${NULL-a}${NULL:-b}${NULL+c}${NULL:+d}", "bc", NULL },
	{ "${{a}", NULL, NULL },
	{ "${a}}", "}", NULL },
	{ "${:-b}", NULL, NULL },
	{ "$999a $@@@ ${*:-b}", "a @@ b", NULL },
	{ "\"he'$PWD'\"", "he'/home'", NULL },
	{ "$ü$KO-$한", "uml한국어-", NULL },
	{ "${S%b*}|${S%%b*}", "foobar|foo", NULL },
	{ "${S#f*b}|${S##f*b}", "arbaz|az", NULL },
	{ "${S#x}${S%x}", "foobarbazfoobarbaz", NULL },
	{ "${S/ba/fo}|${S//ba/fo}", "fooforbaz|fooforfoz", NULL },
	{ "${S//?/.}", ".........", NULL },
	{ "${S/o*r/}", "fbaz", NULL },
	{ "${S//x*/-}", "foobarbaz", NULL },
	{ "${PWD//\\//-}", "-home", NULL },
	{ "${S/\\f/x}", NULL, "invalid escape in the pattern '\\f'" },
	{ "busy${image#idle}", "busybox", NULL },
	{ "he\\\\'llo", NULL, "missing the closing single quote in 'he\\\\'llo'" },
	{ "he${hi}xx", "hexx", NULL },
	{ "${aaa:-bbb}}", "bbb}", NULL },
	{ "${aaa:-bbb ${foo}", NULL, "missing '}' in '${aaa:-bbb ${foo}'" },
	{ "${aaa:-bbb {foo}", "bbb {foo", NULL },
	{ "${:}", NULL, "bad substitution in '${:}'" },
	{ "'\\$PWD'", "\\$PWD", NULL },
	{ "${*:-bbb}$#$?$-$$$!$0x", "bbbx", NULL },
	{ "\"a\\\"b\\$c\\\\d\\e\"", "a\"b$c\\d\\e", NULL },
	{ "${LINES%*}${LINES%%*}", "a\nba\n", NULL },
	{ "${LINES##*}", "\nb", NULL },
};

static Err *expand(Arena *a, const ExpandScope *scope, const char *text, Str *ret)
{
	Word word = { .text = str_from(text) };
	return expand_word(a, scope, word, ret);
}

static void test_words(void **state)
{
	(void)state;
	ExpandScope scope = { .lookup = lookup, .escape = '\\' };
	for (size_t i = 0; i < ARRAY_LEN(word_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str got;
		AUTO_ERR Err *err = expand(&a, &scope, word_cases[i].word, &got);
		if (!word_cases[i].want) {
			if (!err)
				fail_msg("%s: not refused: '%.*s'", word_cases[i].word,
				         STR_ARG(got));
			if (word_cases[i].cause)
				assert_string_equal(err_cause(err).ptr, word_cases[i].cause);
			continue;
		}
		if (err)
			fail_msg("%s: %s", word_cases[i].word, err_cause(err).ptr);
		assert_string_equal(got.ptr, word_cases[i].want);
	}
}

static void test_switches(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Str got;
	ExpandScope body = { .lookup = lookup, .escape = '\\', .raw_quotes = true };
	test_ok(expand(&a, &body, "Hello '${PWD}' \"$X\" \\$PWD it's\n", &got));
	assert_string_equal(got.ptr, "Hello '/home' \"\" $PWD it's\n");
	ExpandScope history = { .lookup = lookup, .escape = '\\', .skip_unset = true };
	test_ok(expand(&a, &history, "$X ${X} ${X:-a} ${X/b/c} $PWD", &got));
	assert_string_equal(got.ptr, "$X ${X} ${X:-a} ${X/b/c} /home");
	ExpandScope backquote = { .lookup = lookup, .escape = '`' };
	test_ok(expand(&a, &backquote, "c:\\a\\`$PWD$PWD", &got));
	assert_string_equal(got.ptr, "c:\\a\\$PWD/home");
}

static void test_splitting(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		const char *want; /* joined with '|' */
	} cases[] = {
		{ "a b", "a|b" },
		{ " a\t'b c' ", "a|b c" },
		{ "$LIST", "a|b|c" },
		{ "\"$LIST\"", "a b  c" },
		{ "x$LIST", "xa|b|c" },
		{ "$NULL", "" },
		{ "'' a", "a" },
		{ "a\\ b", "a b" },
		{ "80${X:-80}", "80" },
		{ "a\xc2\xa0"
		  "b",
		  "a|b" },
	};
	ExpandScope scope = { .lookup = lookup, .escape = '\\' };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_BUF Buf got = BUF_INIT;
		Str *words;
		size_t count;
		Word word = { .text = str_from(cases[i].word) };
		test_ok(expand_words(&a, &scope, word, &words, &count));
		buf_add_str(&got, STR(""));
		for (size_t w = 0; w < count; w++)
			buf_addf(&got, "%s%.*s", w ? "|" : "", STR_ARG(words[w]));
		assert_string_equal(got.ptr ? got.ptr : "", cases[i].want);
	}
}

static void test_place_and_origin(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "FROM a\nENV x=\"${NULL:?must be set}\"\n");
	ExpandScope scope = { .lookup = lookup, .escape = '\\' };
	Str got;
	AUTO_FREE char *text =
		test_error_text(expand_word(&a, &scope, d.nodes[1].pairs[0].value, &got));
	assert_string_equal(text, "Dockerfile:2:7: error: NULL: must be set\n"
	                          "    2 | ENV x=\"${NULL:?must be set}\"\n"
	                          "      |       ^~~~~~~~~~~~~~~~~~~~~~\n"
	                          "        note: Dockerfile:2 sets 'NULL' to the empty string\n");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_words),
	cmocka_unit_test(test_switches),
	cmocka_unit_test(test_splitting),
	cmocka_unit_test(test_place_and_origin),
};
const TestTable expand_table = { tests, ARRAY_LEN(tests) };
