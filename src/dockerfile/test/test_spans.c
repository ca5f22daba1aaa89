/* test_spans.c - every word, flag, pair and heredoc knows where it stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/test/test_dockerfile.h"

static void check_span(Span span, const char *want)
{
	assert_non_null(span.src);
	Str got = str_head(str_from_at(span.src->text, span.start), span.end - span.start);
	if (!str_eqc(got, want))
		fail_msg("the span marks '%.*s', expected '%s'", STR_ARG(got), want);
}

static void check_word(Word word, const char *text, const char *span)
{
	assert_true(str_eqc(word.text, text));
	check_span(word.span, span);
}

static void test_words_across_lines(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d =
		test_parse(&a, "# c\n  copy \\\n# c\n --from=\"a b\" \\\n\n  x\\\ny /z # \n");
	const Node *n = &d.nodes[0];
	check_word(n->keyword, "copy", "copy");
	check_word(n->flags[0].name, "from", "from");
	check_word(n->flags[0].value, "a b", "\"a b\"");
	check_word(n->words[0], "xy", "x\\\ny");
	check_word(n->words[1], "/z", "/z");
	check_word(n->words[2], "#", "#");
	check_span(n->span, "copy \\\n# c\n --from=\"a b\" \\\n\n  x\\\ny /z #");
	check_span(n->empty_continuation, "");
}

static void test_word_at_seam(void **state)
{
	(void)state;
	/* The end of a word comes from its last byte, not from what follows in another line. */
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "EXPOSE 80\\\n 81\n");
	check_word(d.nodes[0].words[0], "80", "80");
	check_word(d.nodes[0].words[1], "81", "81");
}

static void test_flag_forms(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "COPY --link --ch'own'=\\1:2 --chmod= a b\n");
	const NodeFlag *f = d.nodes[0].flags;
	check_word(f[0].name, "link", "link");
	assert_false(f[0].has_value);
	assert_int_equal(f[0].id, FLAG_ID_LINK);
	check_word(f[1].name, "chown", "ch'own'");
	check_word(f[1].value, "1:2", "\\1:2");
	check_word(f[2].value, "", "");
	assert_true(f[2].has_value);
	assert_ptr_equal(node_flag(&d.nodes[0], FLAG_ID_CHOWN), &f[1]);
	assert_null(node_flag(&d.nodes[0], FLAG_ID_FROM));
}

static void test_pairs_and_json(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d =
		test_parse(&a, "ENV a=1 \\\n  b='2 3'\nENV c d e\nCMD [\"x\", \\\n \"\\u0041\"]\n");
	check_word(d.nodes[0].pairs[0].key, "a", "a");
	check_word(d.nodes[0].pairs[0].value, "1", "1");
	check_word(d.nodes[0].pairs[1].key, "b", "b");
	check_word(d.nodes[0].pairs[1].value, "'2 3'", "'2 3'");
	assert_true(d.nodes[1].legacy);
	check_word(d.nodes[1].pairs[0].value, "d e", "d e");
	assert_true(d.nodes[2].json);
	check_word(d.nodes[2].words[0], "x", "\"x\"");
	check_word(d.nodes[2].words[1], "A", "\"\\u0041\"");
}

static void test_heredoc_spans(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "RUN <<-E\n\ta\n\tE\nUSER b\n");
	check_span(d.nodes[0].heredocs[0].span, "\ta\n");
	assert_true(str_eqc(d.nodes[0].heredocs[0].raw, "\ta\n"));
	check_span(d.nodes[0].span, "RUN <<-E\n\ta\n\tE\n");
	check_span(d.nodes[1].span, "USER b");
}

static void test_onbuild_spans(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "ONBUILD copy \\\n --from=x a b\n");
	const Node *inner = d.nodes[0].onbuild;
	check_word(inner->keyword, "copy", "copy");
	check_word(inner->flags[0].value, "x", "x");
	check_word(inner->words[1], "b", "b");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_words_across_lines), cmocka_unit_test(test_word_at_seam),
	cmocka_unit_test(test_flag_forms),         cmocka_unit_test(test_pairs_and_json),
	cmocka_unit_test(test_heredoc_spans),      cmocka_unit_test(test_onbuild_spans),
};
const TestTable spans_table = { tests, ARRAY_LEN(tests) };
