/* test_template.c - templates of --format, as docker's users write them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/template.h"
#include "codec/test/tests.h"

static const char document[] =
	"{\"Id\":\"sha256:ab\",\"Size\":1234,\"Ratio\":1.5,\"Yes\":true,\"Nothing\":null,\"Empty\":"
	"[],"
	"\"RepoTags\":[\"a:1\",\"b:2\"],"
	"\"Config\":{\"Env\":[\"PATH=/"
	"bin\",\"X=y\"],\"User\":\"\",\"Labels\":{\"z\":\"last\",\"a.b/c\":\"<first>\"}}}";

/* What TEXT makes of the document, or "error COLUMN: cause". */
static void run(const char *text, const TemplateShape *shape, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	JsonValue *v;
	assert_null(json_parse(str_from(document), 1 << 20, "document", &v));
	const Source source = { "--format", str_from(text) };
	const Template *t = NULL;
	Err *e = template_parse(&a, &source, &t);
	e = e ? e : template_run(t, v, shape, out);
	json_free(v);
	if (e) {
		unsigned line = 0, column = 0;
		if (err_span(e).src)
			err_line_column(err_span(e), &line, &column);
		buf_reset(out);
		buf_addf(out, "error %u: %.*s", column, STR_ARG(err_cause(e)));
	}
	err_free(e);
	buf_add(out, "", 0);
}

static void test_templates(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} cases[] = {
		/* members */
		{ "", "" },
		{ "plain } text", "plain } text" },
		{ "{{.Id}} {{.Size}}", "sha256:ab 1234" },
		{ "{{.Config.Labels}}", "map[a.b/c:<first> z:last]" },
		{ "{{.Config.Env}}{{.Empty}}", "[PATH=/bin X=y][]" },
		{ "{{.Nope}} {{.Nope.Deeper}} {{.Nothing}}", "<no value> <no value> <nil>" },
		{ "{{.Ratio}} {{.Yes}}", "1.5 true" },
		{ "{{$.Id}}{{(index .RepoTags 0)}}", "sha256:aba:1" },
		{ "{{index .Config.Labels \"a.b/c\"}}|{{index .Config.Labels `nope`}}|",
		  "<first>||" },
		{ "{{.ID}} {{.SIZE}} {{.config.Env}} {{.Config.ENV}}",
		  "sha256:ab 1234 [] [PATH=/bin X=y]" },
		/* functions and pipes */
		{ "{{json .Config}}",
		  "{\"Env\":[\"PATH=/bin\",\"X=y\"],\"User\":\"\",\"Labels\":{\"z\":\"last\","
		  "\"a.b/c\":\"<first>\"}}" },
		{ "{{json .Id}} {{json .Nothing}} {{.RepoTags | json}}",
		  "\"sha256:ab\" null [\"a:1\",\"b:2\"]" },
		{ "{{join .RepoTags \", \"}}", "a:1, b:2" },
		{ "{{split \"a/b//c\" \"/\"}} {{len (split \"ab\" \"\")}}", "[a b  c] 2" },
		{ "{{.Id | upper | printf \"%s!\"}}", "SHA256:AB!" },
		{ "{{title \"two words\"}} {{lower \"ABC\"}}", "Two Words abc" },
		{ "{{truncate .Id 3}}[{{pad \"x\" 1 2}}][{{pad \"\" 1 2}}]", "sha[ x  ][]" },
		{ "{{len .RepoTags}} {{len .Config.Labels}} {{len .Id}}", "2 2 9" },
		{ "{{println .Id .Size}}{{print \"a\" \"b\" 1 2}}", "sha256:ab 1234\nab1 2" },
		{ "{{printf \"%5d|%-5s|%05d|%q|%v|%x|%.2s|%%\" 42 \"ab\" 7 \"q\\\"\" .Empty 255 "
		  "\"xyz\"}}",
		  "   42|ab   |00007|\"q\\\"\"|[]|ff|xy|%" },
		{ "{{printf \"%d %s\" \"x\"}}", "%!d(string=x) %!s(MISSING)" },
		/* escapes of quoted texts */
		{ "{{\"\\x27\\x41\\u00e9\\u20AC\\U0001F600\\101\\047\"}}", "'Aé€😀A'" },
		{ "{{\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"}}`{{`\\x27`}}", "\a\b\f\n\r\t\v\\\"`\\x27" },
		{ "{{len \"\\x00\\000\"}}", "2" },
		{ "{{\"a\\'\"}}", "error 5: unknown escape in a quoted text" },
		{ "{{\"\\x4\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\u12g4\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\ud800\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\U00110000\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\400\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\08\"}}", "error 4: unknown escape in a quoted text" },
		{ "{{\"\\q\"}}", "error 4: unknown escape in a quoted text" },
		/* logic */
		{ "{{if .Config.User}}u{{else}}none{{end}}", "none" },
		{ "{{if .Nope}}a{{else if .Yes}}b{{else}}c{{end}}d", "bd" },
		{ "{{if and .Yes .Size}}y{{end}}{{if or .Nope .Empty}}n{{end}}{{not .Nope}}",
		  "ytrue" },
		{ "{{and .Nope (index .Nothing.Very \"deep\" 9)}}", "<no value>" },
		{ "{{eq .Id \"x\" \"sha256:ab\"}} {{ne 1 2}} {{lt 1 2}} {{ge 1 2}} {{eq .Nope "
		  "nil}}",
		  "true true true false true" },
		{ "{{with .Config}}{{len .Env}}{{end}}{{with .Nope}}x{{else}}-{{end}}", "2-" },
		/* range */
		{ "{{range .RepoTags}}<{{.}}>{{end}}", "<a:1><b:2>" },
		{ "{{range $i, $t := .RepoTags}}{{$i}}={{$t}} {{end}}", "0=a:1 1=b:2 " },
		{ "{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}};{{end}}",
		  "a.b/c:<first>;z:last;" },
		{ "{{range .Empty}}x{{else}}empty{{end}}", "empty" },
		{ "{{range .RepoTags}}{{$.Size}} {{end}}", "1234 1234 " },
		{ "{{$x := .Size}}{{if .Yes}}{{$x := 5}}{{$x}}{{end}} {{$x}}", "5 1234" },
		/* blanks and comments */
		{ "a  {{- .Size -}}  b", "a1234b" },
		{ "a {{/* }} \" */}}b", "a b" },
		{ "a {{- /* x */ -}} b", "ab" },
		{ "{{\"}}\"}}{{-3}}", "}}-3" },
		/* errors */
		{ "x{{.Id", "error 2: unclosed action" },
		{ "{{if .Id}}x", "error 3: no end for this block" },
		{ "{{end}}", "error 3: 'end' without a block" },
		{ "{{define \"x\"}}a{{end}}",
		  "error 3: 'define' is not there: a template cannot be made of others" },
		{ "{{.Label \"x\"}}", "error 3: there are no labels here for .Label" },
		{ "{{.Label \"x\" \"y\"}}", "error 3: a function is expected before arguments" },
		{ "{{.Label 1}}", "error 10: the name of a label is expected, a text" },
		{ "{{if .Id}}a{{else}}b{{else}}c{{end}}", "error 3: a second else" },
		{ "{{}}", "error 3: the action ends where a value is expected" },
		{ "{{.Id | }}", "error 9: the action ends where a value is expected" },
		{ "{{nope .Id}}", "error 3: unknown function: 'nope'" },
		{ "{{.Id .Size}}", "error 3: a function is expected before arguments" },
		{ "{{upper}}", "error 3: wrong number of arguments for 'upper': 0" },
		{ "{{.Id.Deeper}}", "error 3: no member 'Deeper' in a value that is no object" },
		{ "{{$y}}", "error 3: undefined variable: '$y'" },
		{ "{{index .RepoTags 2}}", "error 3: index out of range: 2" },
		{ "{{range .Id}}{{end}}",
		  "error 9: only arrays and objects can be walked through" },
		{ "{{eq .Id 1}}", "error 3: incompatible types for comparison" },
		{ "{{\"abc}}", "error 1: unclosed action" },
		{ "{{.Id ?}}", "error 7: unexpected '?' in an action" },
		{ "{{(.Id}}", "error 7: the action ends where ')' is expected" },
		{ "{{pad \"x\" 99999999 0}}", "error 3: expected a number from 0 to 4096" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf got = BUF_INIT;
		run(cases[i].text, NULL, &got);
		if (strcmp(got.ptr, cases[i].want) != 0)
			fail_msg("%s\n got  %s\n want %s", cases[i].text, got.ptr, cases[i].want);
	}
}

/* What a document may not have is an error, in Go's words. */
static void test_template_shape(void **state)
{
	(void)state;
	static const char *const maps[] = { "Labels", NULL };
	static const char *const optional[] = { "Health", NULL };
	static const TemplateShape typed = { "*t", maps, optional }, raw = { NULL, maps, optional };
	static const struct {
		const char *text;
		const TemplateShape *shape;
		const char *want;
	} cases[] = {
		{ "{{.Nope}}", &typed,
		  "error 3: template: :1:2: executing \"\" at <.Nope>: can't evaluate field Nope "
		  "in "
		  "type *t" },
		{ "{{.Nope}}", &raw,
		  "error 3: template parsing error: template: :1:2: executing \"\" at <.Nope>: map "
		  "has no entry for key \"Nope\"" },
		{ "a\n{{json .Config.Nope}}", &raw,
		  "error 8: template parsing error: template: :2:14: executing \"\" at "
		  "<.Config.Nope>: map has no entry for key \"Nope\"" },
		{ "{{.Health}}{{if .Health}}x{{end}}", &raw, "<no value>" },
		{ "{{.Health.Status}}", &raw,
		  "error 3: template parsing error: template: :1:9: executing \"\" at "
		  "<.Health.Status>: map has no entry for key \"Health\"" },
		{ "{{.Config.Labels.nope}} {{.Labels.nope}}", &typed, "<no value> <no value>" },
		{ "{{with .Config.Labels}}{{.nope}}{{end}}", &typed, "<no value>" },
		{ "{{with .Config}}{{.Nope}}{{end}}", &typed,
		  "error 19: template: :1:18: executing \"\" at <.Nope>: can't evaluate field Nope "
		  "in type *t" },
		{ "{{$c := .Config}}{{$c.Nope}}", &typed,
		  "error 20: template: :1:21: executing \"\" at <$c.Nope>: can't evaluate field "
		  "Nope in type *t" },
		{ "{{.ID}} {{.Config.ENV}}", &typed, "sha256:ab [PATH=/bin X=y]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf got = BUF_INIT;
		run(cases[i].text, cases[i].shape, &got);
		if (strcmp(got.ptr, cases[i].want) != 0)
			fail_msg("%s\n got  %s\n want %s", cases[i].text, got.ptr, cases[i].want);
	}
}

/* Hostile nesting must end in an error, not at the end of the stack. */
static void test_template_depth(void **state)
{
	(void)state;
	AUTO_BUF Buf text = BUF_INIT, got = BUF_INIT;
	for (int i = 0; i < 100000; i++)
		buf_addf(&text, "{{if .Yes}}");
	run(text.ptr, NULL, &got);
	assert_non_null(strstr(got.ptr, "too many"));
	buf_reset(&text);
	buf_reset(&got);
	buf_addf(&text, "{{");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&text, '(');
	buf_addf(&text, "}}");
	run(text.ptr, NULL, &got);
	assert_non_null(strstr(got.ptr, "too many"));
}

int test_template_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_template_shape),
		cmocka_unit_test(test_template_depth),
	};
	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
