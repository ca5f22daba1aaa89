/* test_json.c - what the parser refuses, what the writer escapes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "codec/test/tests.h"

static Str c_str(const char *s)
{
	return str_from(s);
}

/* Parse TEXT and give it back; an error gives its cause. */
static void check_parse(const char *name, Str text, const char *want)
{
	AUTO_BUF Buf got = BUF_INIT;
	JsonValue *v;
	AUTO_ERR Err *err = json_parse(text, 1 << 20, "doc", &v);
	if (err) {
		buf_add_str(&got, err_cause(err));
	} else {
		json_dump(v, &got);
		json_free(v);
	}
	buf_add(&got, "", 0);
	if (!str_eq(buf_str(&got), c_str(want)))
		fail_msg("%s: got  %s\nwant %s", name, got.ptr, want);
}

static void test_json_parse(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "order of keys stays", "{\"b\":1,\"a\":2}", "{\"b\":1,\"a\":2}" },
		{ "all kinds", " [ null , true,false, -1.5e+3, \"x\", {}, [] ]\n",
		  "[null,true,false,-1500.0,\"x\",{},[]]" },
		{ "escapes", "\"\\u0041\\n\\/\\ud83d\\ude00\\\"\"",
		  "\"A\\n/\xf0\x9f\x98\x80\\\"\"" },
		{ "limits of integers", "[9223372036854775807,-9223372036854775808]",
		  "[9223372036854775807,-9223372036854775808]" },
		{ "fractions in their shortest form", "[0.1,1e3,-0.0,1e-7,123456789.125]",
		  "[0.1,1000.0,-0.0,1e-07,123456789.125]" },
		{ "beyond doubles", "1e400",
		  "doc:1:5: invalid JSON: real number overflow near '1e400'" },
		{ "beyond integers", "[9223372036854775808]",
		  "doc:1:20: invalid JSON: too big integer near '9223372036854775808'" },
		{ "empty", "", "doc:1:1: invalid JSON: unexpected token near end of file" },
		{ "blank", " ", "doc:1:2: invalid JSON: unexpected token near end of file" },
		{ "two documents", "{}\n{}",
		  "doc:2:1: invalid JSON: end of file expected near '{'" },
		{ "duplicate key", "{\"a\":1,\n\"a\":2}",
		  "doc:2:3: invalid JSON: duplicate object key near '\"a\"'" },
		{ "duplicate key by escape", "{\"a\":1,\"\\u0061\":2}",
		  "doc:1:15: invalid JSON: duplicate object key near '\"\\u0061\"'" },
		{ "duplicate among many",
		  "{\"0\":0,\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"3\":"
		  "1}",
		  "doc:1:58: invalid JSON: duplicate object key near '\"3\"'" },
		{ "comma at the end", "[1,]", "doc:1:4: invalid JSON: unexpected token near ']'" },
		{ "comma at the start", "[,1]",
		  "doc:1:2: invalid JSON: unexpected token near ','" },
		{ "no comma", "[1 2]", "doc:1:4: invalid JSON: ']' expected near '2'" },
		{ "object without end", "{\"a\":1",
		  "doc:1:7: invalid JSON: '}' expected near end of file" },
		{ "key without quotes", "{a:1}",
		  "doc:1:2: invalid JSON: string or '}' expected near 'a'" },
		{ "no colon", "{\"a\" 1}", "doc:1:6: invalid JSON: ':' expected near '1'" },
		{ "leading zero", "01", "doc:1:1: invalid JSON: invalid token near '0'" },
		{ "plus", "+1", "doc:1:1: invalid JSON: invalid token near '+'" },
		{ "fraction without digits", "1.",
		  "doc:1:2: invalid JSON: invalid token near '1.'" },
		{ "NaN", "NaN", "doc:1:3: invalid JSON: invalid token near 'NaN'" },
		{ "string without end", "\"abc",
		  "doc:1:5: invalid JSON: premature end of input near '\"abc'" },
		{ "raw line end", "\"a\nb\"",
		  "doc:1:2: invalid JSON: unexpected newline near '\"a'" },
		{ "unknown escape", "\"\\x\"",
		  "doc:1:3: invalid JSON: invalid escape near '\"\\x'" },
		{ "NUL by escape", "\"a\\u0000b\"",
		  "doc:1:10: invalid JSON: \\u0000 is not allowed" },
		{ "half a surrogate pair", "\"\\ud800\"",
		  "doc:1:8: invalid JSON: invalid Unicode '\\uD800' near '\"\\ud800\"'" },
		{ "lower half alone", "\"\\udc00\"",
		  "doc:1:8: invalid JSON: invalid Unicode '\\uDC00' near '\"\\udc00\"'" },
		{ "overlong UTF-8", "\"\xc0\x80\"", "doc:1:2: invalid JSON: invalid UTF-8" },
		{ "surrogate as UTF-8", "\"\xed\xa0\x80\"",
		  "doc:1:2: invalid JSON: invalid UTF-8" },
		{ "byte order mark", "\xef\xbb\xbf{}",
		  "doc:1:3: invalid JSON: invalid token near '\xef\xbb\xbf'" },
		{ "comment", "[1 /* x */]", "doc:1:4: invalid JSON: ']' expected near '/'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_parse(cases[i].name, c_str(cases[i].text), cases[i].want);
	check_parse("raw NUL", (Str){ "\"\0\"", 3 },
	            "doc:1:1: invalid JSON: control character 0x0 near '\"'");
}

static void test_json_limits(void **state)
{
	(void)state;
	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		AUTO_BUF Buf text = BUF_INIT;
		for (size_t i = 0; i < depth; i++)
			buf_add_char(&text, '[');
		for (size_t i = 0; i < depth; i++)
			buf_add_char(&text, ']');
		JsonValue *v = NULL;
		AUTO_ERR Err *err = json_parse(buf_str(&text), 1 << 20, "doc", &v);
		assert_true(!err == (depth == JSON_DEPTH_MAX));
		if (!err)
			json_free(v);
	}
	JsonValue *v;
	AUTO_ERR Err *err = json_parse(STR("[1]"), 2, "the manifest", &v);
	assert_true(err && str_eq(err_cause(err), STR("the manifest is larger than 2 bytes")));
	AUTO_BUF Buf many = BUF_INIT;
	buf_add_char(&many, '[');
	for (size_t i = 0; i < 1100000; i++)
		buf_add_str(&many, STR("1,"));
	buf_add_str(&many, STR("1]"));
	AUTO_ERR Err *too_many = json_parse(buf_str(&many), SIZE_MAX, "doc", &v);
	assert_non_null(too_many);
	static const char *const deep_in_text =
		"[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
		"[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[[[[[\"]";
	assert_null(json_parse(c_str(deep_in_text), 1 << 20, "doc", &v));
	json_free(v);
	buf_reset(&many);
	for (size_t i = 0; i < 250000; i++)
		buf_add_str(&many, i == 0 ? STR("[{}") : STR(",{}"));
	buf_add_str(&many, STR("]"));
	AUTO_ERR Err *too_large = json_parse(buf_str(&many), SIZE_MAX, "doc", &v);
	assert_non_null(too_large);
	assert_non_null(strstr(err_cause(too_large).ptr, "too many values"));
}

static void test_json_get(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	JsonValue *v;
	Str text = STR("{\"s\":\"x\",\"i\":-9223372036854775808,\"f\":1.0,\"b\":true,\"n\":null,"
	               "\"l\":[\"a\",\"b\"],\"bad\":[\"a\",null],\"k7\":7,\"k8\":8,\"k9\":9}");
	assert_null(json_parse(text, 1 << 20, "doc", &v));
	Str s = STR("unset");
	int64_t i = 5;
	bool b = false;
	Str *list = NULL;
	size_t count = 99;
	assert_null(json_get_str(v, "", "n", &a, &s));
	assert_null(json_get_str(v, "", "absent", &a, &s));
	assert_true(str_eq(s, STR("unset")));
	assert_null(json_get_str(v, "", "s", &a, &s));
	assert_null(json_get_int(v, "", "i", &i));
	assert_null(json_get_bool(v, "", "b", &b));
	assert_null(json_get_strs(v, "", "l", &a, &list, &count));
	assert_true(str_eq(s, STR("x")) && i == INT64_MIN && b && count == 2);
	assert_true(str_eq(list[1], STR("b")));
	assert_int_equal(json_value_integer(json_member(v, "k9")), 9);
	assert_null(json_member(v, "k"));
	static const char *const want[] = { "config.i: expected a string",
		                            "config.f: expected an integer",
		                            "config.s: expected true or false",
		                            "config.bad: expected an array of strings" };
	Err *errs[] = { json_get_str(v, "config", "i", &a, &s), json_get_int(v, "config", "f", &i),
		        json_get_bool(v, "config", "s", &b),
		        json_get_strs(v, "config", "bad", &a, &list, &count) };
	for (size_t n = 0; n < ARRAY_LEN(errs); n++) {
		assert_non_null(errs[n]);
		assert_int_equal(err_kind(errs[n]), ERR_INPUT);
		assert_true(str_eq(err_cause(errs[n]), c_str(want[n])));
		err_free(errs[n]);
	}
	Str key;
	JsonValue *value;
	void *at = NULL;
	for (size_t n = 0; n < 10; n++)
		assert_true(json_next_member(v, &at, &key, &value));
	assert_true(str_eq(key, STR("k9")));
	assert_false(json_next_member(v, &at, &key, &value));
	at = NULL;
	assert_false(json_next_member(NULL, &at, &key, &value));
	json_free(v);
}

static void test_json_write_as_go(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT;
	JsonWriter w = { .out = &out };
	json_write_object(&w);
	json_write_key(&w, "a<b");
	json_write_str(&w, STR("<>&\"\\/\n\r\t\b\f\x01\x7f\xe2\x80\xa8\xe2\x80\xa9\xff\xc3\xa9"));
	json_write_key(&w, "list");
	json_write_array(&w);
	json_write_int(&w, INT64_MIN);
	json_write_bool(&w, false);
	json_write_null(&w);
	json_write_object(&w);
	json_write_object_end(&w);
	json_write_raw(&w, STR("[1]"));
	json_write_array_end(&w);
	json_write_key(&w, "");
	json_write_str(&w, STR(""));
	json_write_object_end(&w);
	assert_string_equal(
		out.ptr,
		"{\"a\\u003cb\":\"\\u003c\\u003e\\u0026\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\x7f"
		"\\u2028\\u2029\\ufffd\xc3\xa9\",\"list\":[-9223372036854775808,false,null,"
		"{},[1]],\"\":\"\"}");
	JsonValue *v;
	assert_null(json_parse(buf_str(&out), 1 << 20, "doc", &v));
	json_free(v);
}

static void test_json_dump_indent(void **state)
{
	(void)state;
	JsonValue *v;
	assert_null(json_parse(STR("{\"a\":[1,{}],\"b\":[],\"c\":\"<\"}"), 1 << 20, "doc", &v));
	AUTO_BUF Buf out = BUF_INIT;
	json_dump_indent(v, 2, &out);
	json_free(v);
	assert_string_equal(
		out.ptr,
		"{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": \"\\u003c\"\n}");
}

int test_json_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_parse),       cmocka_unit_test(test_json_limits),
		cmocka_unit_test(test_json_get),         cmocka_unit_test(test_json_write_as_go),
		cmocka_unit_test(test_json_dump_indent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
