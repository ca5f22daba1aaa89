/* test_oci.c - image configs and platforms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

#define HEX_A       "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B       "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ROOTFS_NONE "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
#define HEAD        "{\"architecture\":\"amd64\",\"os\":\"linux\","

/* Everything an image config may hold, in the one order in which it is written. */
static const char full[] =
	"{\"architecture\":\"arm\",\"author\":\"A "
	"\\u003ca@b\\u003e\",\"config\":{\"User\":\"1000:100\","
	"\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}},\"Env\":[\"PATH=/"
	"bin\",\"B=x=y\\n\\u001b[0m\"],"
	"\"Entrypoint\":[\"/bin/sh\",\"-c\",\"a \\u0026\\u0026 "
	"b\"],\"Cmd\":[\"x\"],\"Volumes\":{\"/v\":{}},"
	"\"WorkingDir\":\"/w\",\"Labels\":{\"a\":\"1\",\"b\":\"\"},\"StopSignal\":\"SIGQUIT\","
	"\"ArgsEscaped\":true,\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5},"
	"\"OnBuild\":[\"RUN x\"],\"Shell\":[\"/bin/bash\",\"-c\"]},"
	"\"created\":\"2026-11-23T19:07:00.5Z\",\"history\":[{\"created\":\"2026-11-23T19:07:00Z\","
	"\"created_by\":\"COPY a b # "
	"buildkit\",\"author\":\"me\",\"comment\":\"buildkit.dockerfile.v0\"},"
	"{\"created_by\":\"CMD "
	"[\\\"x\\\"]\",\"empty_layer\":true}],\"os\":\"linux\",\"os.version\":\"6\","
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" HEX_A "\"]},\"variant\":\"v7\"}";

static void check_text(const ImageConfig *c, const char *want)
{
	AUTO_BUF Buf out = BUF_INIT;
	image_config_format(c, &out);
	assert_string_equal(out.ptr, want);
}

static void test_config_round_trip(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig c;
	assert_null(image_config_parse(&a, str_from(full), "t", &c));
	check_text(&c, full);
	assert_true(c.entrypoint.set && !c.on_build.at[0].ptr[5]);

	ImageConfig fork = image_config_fork(&a, &c);
	image_config_set_env(&a, &fork, STR("PATH"), STR("/other"));
	image_config_set_env(&a, &fork, STR("PAT"), STR("new"));
	image_config_set_label(&a, &fork, STR("a"), STR("2"));
	strs_push(&a, &fork.cmd, STR("y"));
	Str value;
	assert_true(image_config_env(&fork, STR("PATH"), &value) && str_eqc(value, "/other"));
	assert_true(image_config_env(&fork, STR("PAT"), &value) && str_eqc(value, "new"));
	assert_true(image_config_env(&fork, STR("B"), &value) && str_starts(value, STR("x=y\n")));
	assert_false(image_config_env(&fork, STR("A"), &value));
	assert_int_equal(fork.env.count, 3);
	check_text(&c, full); /* the original is as it was */
}

static void test_config_is_canonical(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig c;
	/* Unsorted, doubled, null and unknown members. */
	static const char text[] = HEAD "\"variant\":\"\",\"container\":\"x\",\"config\":{"
					"\"Hostname\":\"h\",\"Env\":null,\"Cmd\":[],"
					"\"ExposedPorts\":{\"9/tcp\":{},\"10/"
					"tcp\":{}},\"Labels\":{\"z\":\"1\",\"B\":\"2\"},"
					"\"Volumes\":null},\"history\":null," ROOTFS_NONE "}";
	assert_null(image_config_parse(&a, str_from(text), "t", &c));
	assert_true(c.cmd.set && !c.cmd.count && !c.env.set);
	strs_push(&a, &c.exposed_ports, STR("10/tcp"));
	check_text(
		&c,
		"{\"architecture\":\"amd64\",\"config\":{\"ExposedPorts\":{\"10/tcp\":{},\"9/"
		"tcp\":{}},"
		"\"Labels\":{\"B\":\"2\",\"z\":\"1\"}},\"history\":[],\"os\":\"linux\",\"rootfs\":"
		"{\"type\":\"layers\",\"diff_ids\":[]}}");
	AUTO_BUF Buf run = BUF_INIT;
	image_config_format_run(&c, &run);
	assert_string_equal(run.ptr, "{\"ExposedPorts\":{\"10/tcp\":{},\"9/tcp\":{}},"
	                             "\"Labels\":{\"B\":\"2\",\"z\":\"1\"}}");
}

static void test_config_grows(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig c = { 0 };
	for (int i = 0; i < 300; i++) {
		Str n = arena_strf(&a, "N%d", i);
		image_config_set_env(&a, &c, n, n);
		image_config_set_label(&a, &c, n, n);
		/* An array that this module did not make, as plan/ may hand it in. */
		Str one[1] = { n };
		Strs foreign = { .at = one, .count = 1 };
		strs_push(&a, &foreign, STR("x"));
		assert_true(foreign.count == 2 && foreign.at != one);
	}
	assert_int_equal(c.env.count, 300);
	assert_int_equal(c.label_count, 300);
	assert_true(str_eqc(c.env.at[299], "N299=N299") && str_eqc(c.labels[299].key, "N299"));
}

/* History and layers that do not go together. */
static void test_config_history_repaired(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig c;
	static const char more[] = HEAD "\"history\":[{},{\"empty_layer\":true},{},{}],\"rootfs\":"
					"{\"diff_ids\":[\"" HEX_A "\"]}}";
	assert_null(image_config_parse(&a, str_from(more), "t", &c));
	assert_int_equal(c.history_count, 4);
	assert_true(c.history[0].empty_layer && c.history[1].empty_layer &&
	            c.history[2].empty_layer);
	assert_false(c.history[3].empty_layer);

	static const char fewer[] =
		HEAD "\"history\":[{\"created_by\":\"x\"}],\"rootfs\":{\"diff_ids\":[\"" HEX_A
		     "\",\"" HEX_B "\"]}}";
	assert_null(image_config_parse(&a, str_from(fewer), "t", &c));
	assert_int_equal(c.history_count, 2);
	assert_true(str_eqc(c.history[0].created_by, "x") && !c.history[1].empty_layer);

	static const char none[] = HEAD "\"rootfs\":{\"diff_ids\":[\"" HEX_A "\"]}}";
	assert_null(image_config_parse(&a, str_from(none), "t", &c));
	assert_int_equal(c.history_count, 1);
}

static void test_config_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ HEAD "\"config\":{\"Cmd\":\"sh\"}," ROOTFS_NONE "}", "config.Cmd: expected" },
		{ HEAD "\"config\":{\"Env\":[1]}," ROOTFS_NONE "}", "config.Env" },
		{ HEAD "\"config\":{\"Labels\":{\"a\":1}}," ROOTFS_NONE "}", "config.Labels" },
		{ HEAD "\"config\":{\"User\":\"1:4294967296\"}," ROOTFS_NONE "}",
		  "config.User: '1:4294967296' is out of range" },
		{ HEAD "\"config\":{\"User\":\"4294967295\"}," ROOTFS_NONE "}", "out of range" },
		{ HEAD "\"config\":{\"Volumes\":{\"/a\":1}}," ROOTFS_NONE "}", "config.Volumes" },
		{ HEAD "\"config\":{\"Volumes\":[]}," ROOTFS_NONE "}",
		  "config.Volumes: expected an object" },
		{ HEAD "\"config\":{\"Healthcheck\":[]}," ROOTFS_NONE "}", "config.Healthcheck" },
		{ HEAD "\"config\":[]," ROOTFS_NONE "}", "config: expected an object" },
		{ HEAD "\"config\":{}}", "rootfs: missing" },
		{ HEAD "\"rootfs\":{\"type\":\"x\",\"diff_ids\":[]}}", "rootfs.type" },
		{ HEAD "\"rootfs\":{\"diff_ids\":[\"sha256:..\"]}}", "invalid sha256 digest" },
		{ HEAD "\"history\":{}," ROOTFS_NONE "}", "history: expected an array" },
		{ HEAD "\"history\":[1]," ROOTFS_NONE "}", "history[0]" },
		{ HEAD "\"created\":\"yesterday\"," ROOTFS_NONE "}", "yesterday" },
		{ "{\"os\":\"linux\"," ROOTFS_NONE "}", "architecture: missing" },
		{ "{\"architecture\":\"amd64\"," ROOTFS_NONE "}", "os: missing" },
		{ HEAD "\"os\":\"linux\"," ROOTFS_NONE "}", "os" }, /* O14: a key twice */
		{ "[]", "expected an object" },
		{ "", "t:1:1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		ImageConfig c;
		AUTO_ERR Err *e = image_config_parse(&a, str_from(cases[i].text), "t", &c);
		if (!e)
			fail_msg("taken: %s", cases[i].text);
		if (!strstr(err_cause(e).ptr, cases[i].says))
			fail_msg("'%s' does not say '%s'", err_cause(e).ptr, cases[i].says);
	}
	/* O15: 10,000 nested arrays. */
	AUTO_BUF Buf deep = BUF_INIT;
	buf_addf(&deep, HEAD "\"config\":");
	for (int i = 0; i < 10000; i++)
		buf_add_char(&deep, '[');
	AUTO_ARENA Arena a = ARENA_INIT;
	ImageConfig c;
	AUTO_ERR Err *e = image_config_parse(&a, buf_str(&deep), "t", &c);
	assert_non_null(e);
}

static void test_config_too_many_layers(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf text = BUF_INIT;
	ImageConfig c;
	buf_addf(&text, HEAD "\"rootfs\":{\"diff_ids\":[\"" HEX_A "\"");
	for (int i = 0; i < 1024; i++)
		buf_addf(&text, ",\"" HEX_B "\"");
	buf_addf(&text, "]}}");
	AUTO_ERR Err *e = image_config_parse(&a, buf_str(&text), "t", &c);
	assert_non_null(e);
	assert_non_null(strstr(err_cause(e).ptr, "1025 layers"));
}

static void test_platform_parse(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "linux/x86_64", "linux/amd64" },
		{ "amd64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3" },
		{ "LINUX/ARM64", "linux/arm64" },
		{ "linux/aarch64/v8", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "aarch64", "linux/arm64" },
		{ "linux/arm", "linux/arm/v7" },
		{ "linux/arm/6", "linux/arm/v6" },
		{ "armhf", "linux/arm/v7" },
		{ "i686", "linux/386" },
		{ "windows/amd64", "windows/amd64" },
		{ "macos/arm64", "darwin/arm64" },
		{ "linux/riscv64", "linux/riscv64" },
		{ "", NULL },
		{ "linux/", NULL },
		{ "/amd64", NULL },
		{ "linux/amd64/v1/x", NULL },
		{ "pdp11", NULL },
		{ "linux/a/b/c/d", NULL },
		{ "linux/amd64\n", NULL },
		{ "lin ux/amd64", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Platform p;
		AUTO_ERR Err *e = platform_parse(&a, str_from(cases[i].text), &p);
		if (!cases[i].want) {
			if (!e)
				fail_msg("taken: '%s'", cases[i].text);
			continue;
		}
		assert_null(e);
		assert_string_equal(platform_text(&a, &p).ptr, cases[i].want);
	}
	AUTO_ARENA Arena a = ARENA_INIT;
	Platform local, host = platform_host();
	assert_null(platform_parse(&a, STR("local"), &local));
	assert_int_equal(platform_fit(&host, &local), platform_fit(&host, &host));
	assert_true(platform_fit(&host, &host) > 0);
}

static void test_platform_fit(void **state)
{
	(void)state;
	/* Each list: what is offered, the best first; after "-" what does not fit. */
	static const char *const cases[][8] = {
		{ "linux/amd64", "linux/amd64", "linux/386", "-", "linux/amd64/v2", "windows/amd64",
		  "linux/arm64" },
		{ "linux/amd64/v3", "linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "-",
		  "linux/amd64/v4" },
		{ "linux/arm64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "-",
		  "linux/amd64" },
		{ "linux/arm/v7", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5", "-",
		  "linux/arm/v8", "linux/arm64" },
		{ "linux/386", "linux/386", "-", "linux/amd64" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Platform wanted, offered;
		assert_null(platform_parse(&a, str_from(cases[i][0]), &wanted));
		int last = 10000;
		bool fits = true;
		for (size_t k = 1; k < 8 && cases[i][k]; k++) {
			if (!strcmp(cases[i][k], "-")) {
				fits = false;
				continue;
			}
			assert_null(platform_parse(&a, str_from(cases[i][k]), &offered));
			int fit = platform_fit(&wanted, &offered);
			if (fits ? fit <= 0 || fit >= last : fit != 0)
				fail_msg("%s on %s: %d", cases[i][k], cases[i][0], fit);
			last = fit;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_round_trip),
		cmocka_unit_test(test_config_is_canonical),
		cmocka_unit_test(test_config_grows),
		cmocka_unit_test(test_config_history_repaired),
		cmocka_unit_test(test_config_refused),
		cmocka_unit_test(test_config_too_many_layers),
		cmocka_unit_test(test_platform_parse),
		cmocka_unit_test(test_platform_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
