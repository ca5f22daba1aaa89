/* test_refuse.c - what is refused, where, and with which words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "dockerfile/test/test_dockerfile.h"

static const struct {
	const char *text;
	const char *head; /* "LINE:COLUMN: cause" of "Dockerfile:LINE:COLUMN: error: cause" */
	const char *note; /* NULL: not looked at */
} cases[] = {
	{ "FROM a\nFNTRYPOINT b\n", "2:1: unknown instruction: 'FNTRYPOINT'",
	  "did you mean 'ENTRYPOINT'?" },
	{ "FROM a\nFOO b\n", "2:1: unknown instruction: 'FOO'", NULL },
	{ "FROM a\nCOPY --form=b c d\n", "2:8: unknown flag of COPY: '--form'",
	  "did you mean '--from'?" },
	{ "FROM a\nRUN --from=b c\n", "2:7: unknown flag of RUN: '--from'", NULL },
	{ "FROM a\nCOPY --from=b --from=c d e\n", "2:17: duplicate flag: '--from'", NULL },
	{ "FROM a\nCOPY --chown a b c\n", "2:8: missing a value on flag: '--chown'", NULL },
	{ "FROM a\nCOPY --link=yes a b\n", "2:13: flag '--link' is true or false, not: 'yes'",
	  NULL },
	{ "FROM a\nCOPY --link= a b\n", "2:8: missing a value on flag: '--link'", NULL },
	{ "FROM a\nRUN --network=hst x\n", "2:15: invalid value of flag '--network': 'hst'",
	  "did you mean 'host'?" },
	{ "FROM a\nRUN --security=x y\n", "2:16: invalid value of flag '--security': 'x'",
	  "it is one of sandbox,insecure" },
	{ "FROM a\nCOPY b\n",
	  "2:6: COPY requires at least two arguments: a source and a destination", NULL },
	{ "FROM a\nCOPY\n", "2:1: COPY requires at least two arguments: a source and a destination",
	  NULL },
	{ "FROM a\nADD [\"b\"]\n",
	  "2:5: ADD requires at least two arguments: a source and a destination", NULL },
	{ "FROM a\nWORKDIR\n", "2:1: WORKDIR requires exactly one argument", NULL },
	{ "FROM a\nENV\n", "2:1: ENV requires at least one argument", NULL },
	{ "FROM a\nENV A\n", "2:5: ENV must have two arguments", NULL },
	{ "FROM a\nENV A=1 B\n", "2:9: cannot find '=' in 'B'",
	  "write name=value; quote a value that holds blanks" },
	{ "FROM a\nENV =b\n", "2:6: ENV names cannot be blank", NULL },
	{ "FROM a\nARG =b\n", "2:6: ARG names cannot be blank", NULL },
	{ "FROM a b\n", "1:6: FROM requires either one or three arguments", NULL },
	{ "FROM\n", "1:1: FROM requires either one or three arguments", NULL },
	{ "FROM a AS 1b\n", "1:11: invalid name for build stage: '1b'", NULL },
	{ "FROM a AS b$c\n", "1:11: invalid name for build stage: 'b$c'", NULL },
	{ "RUN a\nFROM b\n", "1:1: no build stage for RUN yet",
	  "only ARG may stand before the first FROM" },
	{ "FROM a\nSHELL /bin/sh -c\n", "2:7: SHELL requires its arguments in JSON form", NULL },
	{ "FROM a\nCMD [\"b\", 1]\n",
	  "2:11: a JSON array of arguments holds strings only, not: '1'", NULL },
	{ "FROM a\nCMD [\"b\", [\"c\"]]\n",
	  "2:11: a JSON array of arguments holds strings only, not: '[\"c\"]'", NULL },
	{ "FROM a\nCMD [\"b\", \"c\\u0000d\"]\n", "2:11: \\u0000 cannot be in an argument", NULL },
	{ "FROM a\nHEALTHCHECK CMD [\"\\u0000\"]\n", "2:18: \\u0000 cannot be in an argument",
	  NULL },
	{ "FROM a\nHEALTHCHECK\n", "2:1: HEALTHCHECK requires at least one argument", NULL },
	{ "FROM a\nHEALTHCHECK NONE x\n", "2:18: HEALTHCHECK NONE takes no arguments", NULL },
	{ "FROM a\nHEALTHCHECK CMD\n", "2:13: missing command after HEALTHCHECK CMD", NULL },
	{ "FROM a\nHEALTHCHECK --interval=1 CMD x\nFROM b\n", "2:24: invalid duration '1'", NULL },
	{ "FROM a\nHEALTHCHECK --retries=x CMD x\n",
	  "2:23: --retries must be a number from 0 on, not 'x'", NULL },
	{ "FROM a\nHEALTHCHECK x\n", "2:13: unknown type of HEALTHCHECK: 'x'", NULL },
	{ "FROM a\nVOLUME [\"\"]\n", "2:9: a VOLUME cannot be an empty string", NULL },
	{ "FROM a\nONBUILD\n", "2:1: ONBUILD requires at least one argument", NULL },
	{ "FROM a\nONBUILD ONBUILD RUN x\n", "2:9: ONBUILD cannot trigger another ONBUILD", NULL },
	{ "FROM a\nONBUILD FROM b\n", "2:9: ONBUILD cannot trigger FROM", NULL },
	{ "FROM a\nONBUILD RUNX b\n", "2:9: unknown instruction: 'RUNX'", "did you mean 'RUN'?" },
	{ "FROM a\nCOPY b <<EOF\nEOF\n", "2:8: COPY cannot accept a heredoc as a destination",
	  NULL },
	{ "FROM a\nRUN x <<EOF\nb\n", "2:7: unterminated heredoc: 'EOF'", NULL },
	{ "FROM a\nRUN x \\\n  99999999999<<EOF\nEOF\n",
	  "3:3: file descriptor out of range: '99999999999'", NULL },
	{ "# escape=x\nFROM a\n", "1:10: invalid escape character: 'x'", "it must be \\ or `" },
	{ "# escape=`\n# Escape=`\nFROM a\n", "2:3: only one 'escape' directive can be used",
	  NULL },
	{ "# check=skpi=A\nFROM a\n", "1:9: invalid check option: 'skpi=A'", NULL },
	{ "# check=skip=A;error=maybe\nFROM a\n", "1:16: invalid check option: 'error=maybe'",
	  "error is true or false" },
	{ "// syntax=example/mydsl\nanything", "1:11: unsupported frontend: 'example/mydsl'",
	  NULL },
	{ "{\n \"syntax\": \"example/mydsl:1\"}", "2:12: unsupported frontend: 'example/mydsl:1'",
	  NULL },
	/* its text is not looked at */
	{ "# syntax=example/dockerfile-x\nFROM a\nCMD [1]\n",
	  "1:10: unsupported frontend: 'example/dockerfile-x'", NULL },
	{ "# syntax=example/mydsl:1\nFROM a\n", "1:10: unsupported frontend: 'example/mydsl:1'",
	  NULL },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Dockerfile d;
		AUTO_ERR Err *err = dockerfile_parse(&a, test_source(&a, cases[i].text), &d);
		if (!err)
			fail_msg("not refused: %s", cases[i].text);
		assert_int_equal(err_kind(err), ERR_INPUT);
		unsigned line, column;
		err_line_column(err_span(err), &line, &column);
		AUTO_BUF Buf got = BUF_INIT;
		buf_addf(&got, "%u:%u: %.*s", line, column, STR_ARG(err_cause(err)));
		assert_string_equal(got.ptr, cases[i].head);
		if (cases[i].note)
			assert_string_equal(str_trim(err_notes(err)).len ? err_notes(err).ptr : "",
			                    arena_strf(&a, "%s\n", cases[i].note).ptr);
	}
}

static const char *const placeless_cases[][2] = {
	{ "", "'Dockerfile' holds no instructions" },
	{ "# only a comment\n\n", "'Dockerfile' holds no instructions" },
	{ "ARG a=b\n", "'Dockerfile' holds no FROM: there is no stage to build" },
};

static void test_no_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(placeless_cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Dockerfile d;
		AUTO_ERR Err *err =
			dockerfile_parse(&a, test_source(&a, placeless_cases[i][0]), &d);
		assert_non_null(err);
		assert_true(str_eqc(err_cause(err), placeless_cases[i][1]));
	}
}

/* What looks odd and must be accepted, as BuildKit accepts it. */
static const char *const accepted[] = {
	"ARG a\nFROM $a\n",
	"FROM a AS B.c_d-1\n",
	"FROM a\nRUN\n",
	"FROM a\nCMD\n",
	"FROM a\nENTRYPOINT []\n",
	"FROM a\nCMD [\"b\" ]\nCMD ['b']\n",
	"FROM a\nCOPY --link=TRUE a b\n",
	"FROM a\nLABEL \"a b\"=c\n",
	"# syntax=docker/dockerfile:1.7-labs\nFROM a\n",
	"# syntax=registry.example:5000/docker/dockerfile-upstream:master@sha256:00\nFROM a\n",
	"FROM --platform=$BUILDPLATFORM a as b\nONBUILD RUN <<EOF\nx\nEOF\n",
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Dockerfile d;
		test_ok(dockerfile_parse(&a, test_source(&a, accepted[i]), &d));
	}
}

static void test_frontend_argument(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d;
	const Source *foreign = test_source(&a, "# syntax=example/mydsl\nFROM a\n");
	test_ok(dockerfile_parse_as(&a, foreign, STR("dockerfile.v0"), &d));
	test_ok(dockerfile_parse_as(&a, foreign, STR(" docker/dockerfile:1 --x"), &d));
	AUTO_FREE char *text = test_error_text(
		dockerfile_parse_as(&a, test_source(&a, "FROM a\n"), STR("b/c:1 d"), &d));
	assert_string_equal(text, "error: unsupported frontend: 'b/c:1'\n"
	                          "        note: the build argument BUILDKIT_SYNTAX names it\n"
	                          "        note: decant reads Dockerfiles by itself and fetches no "
	                          "frontend\n");
}

static void test_not_text(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Dockerfile d;
	Source utf16 = { "Dockerfile",
		         { "\xff\xfe"
		           "F\0R\0O\0M\0 \0a\0\n\0",
		           16 } };
	AUTO_FREE char *text = test_error_text(dockerfile_parse(&a, &utf16, &d));
	assert_non_null(strstr(text, "'Dockerfile' is no text: there is a NUL byte in it"));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_refusals), cmocka_unit_test(test_no_place),
	cmocka_unit_test(test_accepted), cmocka_unit_test(test_frontend_argument),
	cmocka_unit_test(test_not_text),
};
const TestTable refuse_table = { tests, ARRAY_LEN(tests) };
