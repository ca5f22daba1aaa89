/* test_parse.c - text to tree: lines, continuations, flags, JSON, assignments, heredocs,
 * directives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/test/test_dockerfile.h"

static const struct {
	const char *name, *text, *tree;
} tree_cases[] = {
	{ "simple", "FROM a\n", "(from \"a\")\n" },
	{ "no newline at the end", "FROM a", "(from \"a\")\n" },
	{ "BOM",
	  "\xef\xbb\xbf"
	  "FROM a\n",
	  "(from \"a\")\n" },
	{ "CRLF", "FROM a\r\nRUN b \\\r\n c\r\n", "(from \"a\")\n(run \"b  c\")\n" },
	{ "keyword in any case", "fRoM a\n", "(from \"a\")\n" },
	{ "blanks around", " \t FROM\t\ta  \n", "(from \"a\")\n" },
	{ "comments", "# x\n  # y\nFROM a # b\n", "(from \"a\" \"#\" \"b\")\n" },
	{ "comment inside", "RUN a \\\n# gone \\\n  # gone\n  b\n", "(run \"a   b\")\n" },
	{ "empty line inside", "RUN a \\\n\n  \n b\n", "(run \"a  b\")\n" },
	{ "blanks behind the escape", "RUN a \\ \t\nb\n", "(run \"a b\")\n" },
	{ "two escapes go on nowhere", "ENV a b\\\\\nENV c d\n",
	  "(env \"a\" \"b\\\\\\\\\" \"\")\n(env \"c\" \"d\" \"\")\n" },
	{ "escape alone in a line", "RUN a\\\n\\\nb\n", "(run \"ab\")\n" },
	{ "continued into the end", "RUN a \\", "(run \"a\")\n" },
	{ "only an escape", "FROM a\n\\\n", "(from \"a\")\n" },
	{ "flags", "COPY --from=x --link a b\n", "(copy [\"--from=x\" \"--link\"] \"a\" \"b\")\n" },
	{ "flags in quotes", "COPY --from='x y' --a=\\\" a b\n",
	  "(copy [\"--from=x y\" \"--a=\\\"\"] \"a\" \"b\")\n" },
	{ "flags end", "RUN -- --x\n", "(run \"--x\")\n" },
	{ "a dash is no flag", "RUN -x --y\n", "(run \"-x --y\")\n" },
	{ "JSON", "CMD [ \"a\\n\" , \"\\u00e4\\ud83d\\ude00\" ]\n", "(cmd \"a\\n\" \"ä😀\")\n" },
	{ "JSON, nothing in it", "CMD []\n", "(cmd)\n" },
	{ "JSON, then more", "CMD [\"a\"] b\n", "(cmd \"[\\\"a\\\"] b\")\n" },
	{ "JSON, single quotes", "CMD ['a']\n", "(cmd \"['a']\")\n" },
	{ "JSON, comma at the end", "CMD [\"a\",]\n", "(cmd \"[\\\"a\\\",]\")\n" },
	{ "JSON, control character", "CMD [\"a\tb\"]\n", "(cmd \"[\\\"a\\tb\\\"]\")\n" },
	{ "JSON, bad escape", "CMD [\"\\x\"]\n", "(cmd \"[\\\"\\\\x\\\"]\")\n" },
	{ "JSON words", "COPY [\"a b\", \"/\"]\n", "(copy \"a b\" \"/\")\n" },
	{ "ENV", "ENV a=1 b=\"2 3\" c=4\\ 5\n",
	  "(env \"a\" \"1\" \"=\" \"b\" \"\\\"2 3\\\"\" \"=\" \"c\" \"4\\\\ 5\" \"=\")\n" },
	{ "ENV, old form", "ENV a  1 b=2\n", "(env \"a\" \"1 b=2\" \"\")\n" },
	{ "ARG", "ARG a b= c='d e'\n", "(arg \"a\" \"b=\" \"c='d e'\")\n" },
	{ "escape at the end is dropped", "ARG a=b\\\\\n", "(arg \"a=b\\\\\\\\\")\n" },
	{ "ONBUILD", "ONBUILD COPY --from=x a b\n",
	  "(onbuild (copy [\"--from=x\"] \"a\" \"b\"))\n" },
	{ "HEALTHCHECK", "HEALTHCHECK --retries=3 CMD [\"a\", \"b\"]\n",
	  "(healthcheck [\"--retries=3\"] \"CMD\" \"a\" \"b\")\n" },
	{ "HEALTHCHECK, shell", "HEALTHCHECK CMD a  b\n", "(healthcheck \"CMD\" \"a  b\")\n" },
	{ "MAINTAINER", "MAINTAINER a b <c>\n", "(maintainer \"a b <c>\")\n" },
	{ "unknown instruction", "FOO bar\n", "(foo \"\")\n" },
	{ "heredoc", "RUN <<EOF\nFROM x\nEOF\nRUN b\n", "(run \"<<EOF\")\n(run \"b\")\n" },
	{ "heredoc in quotes is none", "RUN '<<EOF'\nRUN b\n", "(run \"'<<EOF'\")\n(run \"b\")\n" },
	{ "heredoc in JSON is none", "RUN [\"<<EOF\"]\nRUN b\n", "(run \"<<EOF\")\n(run \"b\")\n" },
	{ "heredoc of CMD is none", "CMD <<EOF\nRUN b\n", "(cmd \"<<EOF\")\n(run \"b\")\n" },
	{ "three less-thans are none", "RUN cat <<<EOF\nRUN b\n",
	  "(run \"cat <<<EOF\")\n(run \"b\")\n" },
	{ "an open quote hides it", "RUN it's <<EOF\nRUN b\n",
	  "(run \"it's <<EOF\")\n(run \"b\")\n" },
	{ "backquote escapes", "# escape=`\nRUN a `\nb\\\nRUN c\n",
	  "(run \"a b\\\\\")\n(run \"c\")\n" },
	{ "escape directive too late", "\n# escape=`\nRUN a \\\nb\n", "(run \"a b\")\n" },
	{ "Unicode blanks",
	  "\xc2\xa0"
	  "FROM a\xc2\xa0\n",
	  "(from \"a\")\n" },
	{ "not printable", "RUN \x01\x7f\xff\xe2\x80\x8b\t.\n",
	  "(run \"\\x01\\x7f\\xff\\u200b\\t.\")\n" },
};

static void test_trees(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tree_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_BUF Buf got = BUF_INIT;
		Dockerfile d = test_parse(&a, tree_cases[i].text);
		dockerfile_dump(&d, &got);
		if (!str_eqc(buf_str(&got), tree_cases[i].tree))
			fail_msg("%s:\ngot\n%sexpected\n%s", tree_cases[i].name, got.ptr,
			         tree_cases[i].tree);
	}
}

static const struct {
	const char *text, *name, *body;
	bool expand, strip;
	unsigned fd;
} heredoc_cases[] = {
	{ "RUN <<EOF\na\nb\nEOF\n", "EOF", "a\nb\n", true, false, 0 },
	{ "RUN <<EOF\nEOF\n", "EOF", "", true, false, 0 },
	{ "RUN <<EOF\na\nEOF", "EOF", "a\n", true, false, 0 },
	{ "RUN <<EOF\r\na\r\nEOF\r\n", "EOF", "a\r\n", true, false, 0 },
	{ "RUN <<'EOF'\n$a\nEOF\n", "EOF", "$a\n", false, false, 0 },
	{ "RUN <<E\"O\"F\n$a\nEOF\n", "EOF", "$a\n", false, false, 0 },
	{ "RUN <<\\EOF\n$a\nEOF\n", "EOF", "$a\n", true, false, 0 },
	{ "RUN <<'one two'\na\none two\n", "one two", "a\n", false, false, 0 },
	{ "RUN << EOF\na\nEOF\n", "EOF", "a\n", true, false, 0 },
	{ "RUN <<-EOF\n\t\ta\n b\n\tEOF\n", "EOF", "a\n b\n", true, true, 0 },
	{ "RUN <<- 'EOF'\n\ta\n\tEOF\n", "EOF", "a\n", false, true, 0 },
	{ "RUN << -EOF\na\n-EOF\n", "-EOF", "a\n", true, false, 0 },
	{ "RUN <<eo\\'f\n$a\neo'f\n", "eo'f", "$a\n", true, false, 0 },
	{ "RUN <<'e'o\\'f\n$a\neo'f\n", "eo'f", "$a\n", false, false, 0 },
	{ "COPY <<file.txt /x\na\nfile.txt\n", "file.txt", "a\n", true, false, 0 },
	{ "RUN 4<<EOF\na\nEOF\n", "EOF", "a\n", true, false, 4 },
	{ "RUN <<$X\na\n$X\n", "$X", "a\n", true, false, 0 },
	{ "RUN a \\\n <<EOF \\\n && b\n# c\nEOF\n", "EOF", "# c\n", true, false, 0 },
	{ "ONBUILD RUN <<EOF\na\nEOF\n", "EOF", "a\n", true, false, 0 },
};

static void test_heredocs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heredoc_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Dockerfile d = test_parse(&a, heredoc_cases[i].text);
		assert_int_equal(d.node_count, 1);
		assert_int_equal(d.nodes[0].heredoc_count, 1);
		const Heredoc *h = &d.nodes[0].heredocs[0];
		assert_true(str_eqc(h->name, heredoc_cases[i].name));
		assert_true(str_eqc(h->body, heredoc_cases[i].body));
		assert_int_equal(h->expand, heredoc_cases[i].expand);
		assert_int_equal(h->strip_tabs, heredoc_cases[i].strip);
		assert_int_equal(h->fd, heredoc_cases[i].fd);
		if (d.nodes[0].onbuild)
			assert_ptr_equal(d.nodes[0].onbuild->heredocs, h);
	}
}

static void test_two_heredocs(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "COPY <<A x <<B /y/\n1\nB\nA\n2\nB\nUSER u\n");
	assert_int_equal(d.node_count, 2);
	const Node *copy = &d.nodes[0];
	assert_int_equal(copy->heredoc_count, 2);
	assert_int_equal(copy->word_count, 4);
	assert_true(str_eqc(node_heredoc(copy, copy->words[0])->body, "1\nB\n"));
	assert_null(node_heredoc(copy, copy->words[1]));
	assert_true(str_eqc(node_heredoc(copy, copy->words[2])->body, "2\n"));
	assert_null(node_heredoc(copy, copy->words[3]));
}

static const struct {
	const char *text, *syntax, *check;
	char escape;
} directive_cases[] = {
	{ "FROM a\n", "", "", '\\' },
	{ "# syntax=docker/dockerfile:1\nFROM a\n", "docker/dockerfile:1", "", '\\' },
	{ "#  SynTax = x y \t\r\nFROM a\n", "x y", "", '\\' },
	{ "#escape=`\n# check=skip=all;error=true\n# syntax=x\nFROM a\n", "x",
	  "skip=all;error=true", '`' },
	{ "# hello\n# escape=`\nFROM a\n", "", "", '\\' },
	{ "# foo=bar\n# escape=`\nFROM a\n", "", "", '\\' },
	{ "#\n# escape=`\nFROM a\n", "", "", '\\' },
	{ "FROM a\n# syntax=x\n", "", "", '\\' },
	{ "#!/usr/bin/x\n# syntax=y\nFROM a\n", "y", "", '\\' },
	{ "//syntax=z\nFROM a\n", "z", "", '\\' },
	{ "\xef\xbb\xbf# escape=`\nFROM a\n", "", "", '`' },
	{ "#!/x\n# check=skip=A\n# escape=`\nX", "", "skip=A", '\\' },
	{ "#!/x\n//syntax=z\nFROM a\n", "z", "", '\\' },
	{ "// syntax = y --x\nFROM a\n", "y --x", "", '\\' },
	{ "//check=skip=A\nFROM a\n", "", "", '\\' },
	{ "{\"a\": [{}], \"syntax\": \"v\\u0077\"}\n", "vw", "", '\\' },
	{ "#!/x\n{\"syntax\": \"w\"}\n", "w", "", '\\' },
	{ "{\"syntax\": \"w\", \"syntax\": 1}\n", "", "", '\\' },
	{ "{\"x\": {\"syntax\": \"w\"}}\n", "", "", '\\' },
	{ "{\"syntax\": \"w\"} x\n", "", "", '\\' },
	{ "# syntax=a\n{\"syntax\": \"w\"}\n", "a", "", '\\' },
};

static void test_directives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(directive_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Dockerfile d = test_parse(&a, directive_cases[i].text);
		assert_true(str_eqc(d.syntax.text, directive_cases[i].syntax));
		assert_true(str_eqc(d.check.text, directive_cases[i].check));
		assert_int_equal(d.escape, directive_cases[i].escape);
	}
}

static void test_titles(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d = test_parse(&a, "from a\n run\techo \\\n  hi  \nonbuild  run x\n");
	assert_true(str_eqc(d.nodes[0].text, "FROM a"));
	assert_true(str_eqc(d.nodes[1].text, "RUN\techo   hi"));
	assert_true(str_eqc(d.nodes[1].line, "run\techo   hi"));
	assert_true(str_eqc(d.nodes[2].onbuild->line, "run x"));
	assert_true(str_eqc(d.nodes[2].onbuild->text, "RUN x"));
}

static void test_suggestions(void **state)
{
	(void)state;
	static const char *const names[] = { "COPY", "CMD", "ENV", "ENTRYPOINT", "GO" };
	static const struct {
		const char *word, *want;
	} cases[] = {
		{ "FNTRYPOINT", "ENTRYPOINT" },
		{ "copi", "COPY" },
		{ "ENVV", "ENV" },
		{ "ENVIRON", NULL },
		{ "XY", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got =
			dockerfile_suggest(str_from(cases[i].word), names, ARRAY_LEN(names));
		if (got ? !cases[i].want || strcmp(got, cases[i].want) != 0 : cases[i].want != NULL)
			fail_msg("%s: got %s", cases[i].word, got ? got : "nothing");
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_trees),        cmocka_unit_test(test_heredocs),
	cmocka_unit_test(test_two_heredocs), cmocka_unit_test(test_directives),
	cmocka_unit_test(test_titles),       cmocka_unit_test(test_suggestions),
};
const TestTable parse_table = { tests, ARRAY_LEN(tests) };
