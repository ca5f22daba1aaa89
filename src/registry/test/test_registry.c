/* test_registry.c - settings, auth files, helpers, challenges: what needs no server. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "registry/registry-internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
/* clang-format off: it wants <setjmp.h> and <stdarg.h> before it */
#include <cmocka.h>
/* clang-format on */

static void assert_ok(Err *err)
{
	if (err)
		err_print(err, stderr);
	assert_null(err);
}

static void assert_said(Err *err, ErrKind kind, const char *want)
{
	assert_non_null(err);
	AUTO_BUF Buf said = BUF_INIT;
	buf_add_str(&said, err_cause(err));
	buf_add_char(&said, '\n');
	buf_add_str(&said, err_whiles(err));
	buf_add_str(&said, err_notes(err));
	if (!strstr(said.ptr, want))
		fail_msg("expected '%s' in '%s'", want, said.ptr);
	assert_int_equal(err_kind(err), kind);
	err_free(err);
}

static void assert_str(Str got, const char *want)
{
	if (!str_eqc(got, want))
		fail_msg("expected '%s', got '%.*s'", want, STR_ARG(got));
}

/* --- challenges ------------------------------------------------------------------------------ */

static void test_challenge(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second;
		ChallengeKind kind;
		const char *realm, *service;
	} cases[] = {
		{ "Bearer realm=\"https://a/token\",service=\"s\",scope=\"x:y\"", NULL,
		  CHALLENGE_BEARER, "https://a/token", "s" },
		{ "bearer service=s , realm=\"https://a\"", NULL, CHALLENGE_BEARER, "https://a",
		  "s" },
		{ "Basic realm=\"Registry, \\\"of\\\" x\"", NULL, CHALLENGE_BASIC,
		  "Registry, \"of\" x", "" },
		{ "Basic", NULL, CHALLENGE_BASIC, "", "" },
		{ "Negotiate, Basic realm=x, Bearer realm=\"https://a\"", NULL, CHALLENGE_BEARER,
		  "https://a", "" },
		{ "Negotiate YII==, Bearer realm=\"https://a\"", NULL, CHALLENGE_BEARER,
		  "https://a", "" },
		{ "Bearer realm=\"https://a\", Basic realm=\"x\"", NULL, CHALLENGE_BEARER,
		  "https://a", "" },
		{ "Basic realm=\"x\"", "Bearer realm=\"https://a\"", CHALLENGE_BEARER, "https://a",
		  "" },
		{ "Bearer service=\"s\"", NULL, CHALLENGE_NONE, "", "" },
		{ "Bearer service=\"s\"", "Basic realm=\"b\"", CHALLENGE_BASIC, "b", "" },
		{ "Digest realm=\"d\", nonce=\"n\"", NULL, CHALLENGE_NONE, "", "" },
		{ "Bearer realm=\"https://a", NULL, CHALLENGE_BEARER, "https://a", "" },
		{ "", NULL, CHALLENGE_NONE, "", "" },
		{ ",,, =\"", NULL, CHALLENGE_NONE, "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		HttpHeader headers[] = { { STR("x"), STR("Bearer realm=\"no\"") },
			                 { STR("www-authenticate"), str_from(cases[i].first) },
			                 { STR("www-authenticate"),
			                   str_from(cases[i].second ? cases[i].second : "") } };
		HttpResponse r = { .status = 401,
			           .headers = headers,
			           .header_count = cases[i].second ? 3 : 2 };
		Challenge c = auth_challenge(&a, &r);
		assert_int_equal(c.kind, cases[i].kind);
		assert_str(c.realm, cases[i].realm);
		assert_str(c.service, cases[i].service);
	}
}

/* --- settings -------------------------------------------------------------------------------- */

static void test_config(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	RegistryConfig c = { 0 };
	assert_ok(registry_config_add(
		&a,
		STR("{\"registry-mirrors\":[\"https://m/\",\"http://n:5000/p/\"],"
	            "\"insecure-registries\":[\"h:5000\",\"10.0.0.0/8\",\"fd00::/"
	            "8\",\"host\"],\"other\":1}"),
		"c.json", &c));
	assert_ok(registry_config_add(&a, STR("{\"insecure-registries\":[\"i\"]}"), "d.json", &c));
	assert_int_equal(c.mirror_count, 2);
	assert_str(c.mirrors[0].url, "https://m");
	assert_str(c.mirrors[1].url, "http://n:5000/p");
	assert_int_equal(c.insecure_count, 5);

	static const struct {
		const char *authority, *host;
		bool insecure;
	} cases[] = {
		{ "h:5000", "h", true },
		{ "h", "h", false },
		{ "h:5001", "h", false },
		{ "host", "host", true },
		{ "i", "i", true },
		{ "10.1.2.3:80", "10.1.2.3", true },
		{ "11.1.2.3", "11.1.2.3", false },
		{ "[fd12::1]:5", "fd12::1", true },
		{ "[fe80::1]", "fe80::1", false },
		{ "h:5000.evil", "h", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (registry_config_insecure(&c, str_from(cases[i].authority),
		                             str_from(cases[i].host)) != cases[i].insecure)
			fail_msg("%s", cases[i].authority);

	static const struct {
		const char *json, *want;
	} bad[] = {
		{ "", "c.json" },
		{ "[]", "c.json: expected a JSON object" },
		{ "{\"registry-mirrors\":\"https://m\"}",
		  "c.json.registry-mirrors: expected an array of strings" },
		{ "{\"registry-mirrors\":[\"ftp://m\"]}", "c.json: registry-mirrors" },
		{ "{\"registry-mirrors\":[\"unix:///run/r.sock\"]}", "not by a socket file" },
		{ "{\"mirrors\":[]}", "c.json.mirrors: expected an object" },
		{ "{\"mirrors\":{\"q\":\"m\"}}",
		  "c.json: mirrors.q: expected an array of strings" },
		{ "{\"registry-mirrors\":[\"https://m?x\"]}", "must end with its path" },
		{ "{\"insecure-registries\":[\"10.0.0.0/33\"]}", "'10.0.0.0/33' is neither" },
		{ "{\"insecure-registries\":[\"https://h\"]}", "'https://h' is neither" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_said(registry_config_add(&a, str_from(bad[i].json), "c.json", &c), ERR_INPUT,
		            bad[i].want);
}

/* --- auth files ------------------------------------------------------------------------------ */

/* echo -n user:pass | base64: dXNlcjpwYXNz */
#define AUTH(key, auth) "\"" key "\":{\"auth\":\"" auth "\"}"

static void test_auth_file(void **state)
{
	(void)state;
	static const struct {
		const char *json, *domain, *repository;
		const char *user, *password, *token; /* user NULL: nothing found */
	} cases[] = {
		{ "{\"auths\":{" AUTH("h:5000", "dXNlcjpwYXNz") "}}", "h:5000", "a/b", "user",
		  "pass", "" },
		{ "{\"auths\":{" AUTH("https://h:5000/v2/", "dXNlcjpwYXNz") "}}", "h:5000", "a/b",
		  "user", "pass", "" },
		{ "{\"auths\":{" AUTH("http://h/v1", "dXNlcjpwYXNz") "}}", "h", "a", "user", "pass",
		  "" },
		{ "{\"auths\":{" AUTH("h:5000", "dXNlcjpwYXNz") "}}", "h:500", "a/b", NULL, "",
		  "" },
		{ "{\"auths\":{" AUTH("h:5000", "dXNlcjpwYXNz") "}}", "h", "a/b", NULL, "", "" },
		{ "{\"auths\":{" AUTH("h.evil/a", "dXNlcjpwYXNz") "}}", "h", "evil/a", NULL, "",
		  "" },
		{ "{\"auths\":{" AUTH("h", "dXNlcjpwYXNz") "}}", "h.evil", "a/b", NULL, "", "" },
		{ "{\"auths\":{" AUTH("https://index.docker.io/v1/", "dXNlcjpwYXNz") "}}",
		  "docker.io", "library/x", "user", "pass", "" },
		{ "{\"auths\":{" AUTH("docker.io", "dXNlcjpwYXNz") "}}", "docker.io", "library/x",
		  "user", "pass", "" },
		/* podman: the longest part of the name wins, and only whole components count */
		{ "{\"auths\":{" AUTH("h", "YTph") "," AUTH("h/a", "Yjpi") "," AUTH("h/a/b",
		                                                                    "Yzpj") "}}",
		  "h", "a/b", "c", "c", "" },
		{ "{\"auths\":{" AUTH("h/a", "Yjpi") "," AUTH("h", "YTph") "}}", "h", "a/x", "b",
		  "b", "" },
		{ "{\"auths\":{" AUTH("h/a", "Yjpi") "," AUTH("h", "YTph") "}}", "h", "ab", "a",
		  "a", "" },
		{ "{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p:q\"}}}", "h", "a", "u",
		  "p:q", "" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dTpwOnE=\"}}}", "h", "a", "u", "p:q", "" },
		{ "{\"auths\":{\"h\":{\"identitytoken\":\"t\"}}}", "h", "a", "", "", "t" },
		{ "{\"auths\":{\"h\":{}}}", "h", "a", NULL, "", "" },
		{ "{}", "h", "a", NULL, "", "" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Credentials c = { 0 };
		assert_ok(auth_file_find(&a, str_from(cases[i].json), "f",
		                         str_from(cases[i].domain), str_from(cases[i].repository),
		                         NULL, &c));
		assert_int_equal(c.found, cases[i].user != NULL);
		if (!c.found)
			continue;
		assert_str(c.user, cases[i].user);
		assert_str(c.password, cases[i].password);
		assert_str(c.identity_token, cases[i].token);
	}
	static const struct {
		const char *json, *want;
	} bad[] = {
		{ "", "f" },
		{ "{", "f" },
		{ "{\"auths\":[]}", "f.auths: expected an object" },
		{ "{\"auths\":{\"h\":7}}", "f: auths[\"h\"]: expected an object" },
		{ "{\"auths\":{\"h\":{\"auth\":\"!!\"}}}",
		  "f: auths[\"h\"].auth: expected base64" },
		{ "{\"auths\":{\"h\":{\"auth\":\"dXNlcg==\"}}}",
		  "expected base64 of USER:PASSWORD" },
		{ "{\"credHelpers\":{\"h\":1}}", "f.credHelpers" },
		{ "{\"credsStore\":\"../x\"}", "not a name of a credential helper: '../x'" },
		{ "{\"credHelpers\":{\"h\":\"/bin/sh\"}}",
		  "not a name of a credential helper: '/bin/sh'" },
		{ "{\"credsStore\":\"a b\"}", "not a name of a credential helper" },
		{ "{\"credsStore\":\"is-not-there-at-all\"}",
		  "cannot run 'docker-credential-is-not-there-at-all'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Credentials c = { 0 };
		Err *err = auth_file_find(&a, str_from(bad[i].json), "f", STR("h"), STR("a"), NULL,
		                          &c);
		assert_non_null(err);
		assert_said(err, err_kind(err), bad[i].want);
		assert_false(c.found);
	}
}

/* --- helpers
 * ------------------------------------------------------------------------------------------------
 */

typedef struct Bin {
	char dir[64];
	char *path; /* PATH before */
} Bin;

static void write_helper(const Bin *b, const char *name, const char *script)
{
	AUTO_CLOSE int dir = open(b->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	assert_true(fd >= 0);
	dprintf(fd, "#!/bin/sh\n%s\n", script);
}

static int bin_setup(void **state)
{
	Bin *b = xcalloc(1, sizeof *b);
	(void)snprintf(b->dir, sizeof b->dir, "/tmp/decant-test-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->path = xstrdup(getenv("PATH"));
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "%s:%s", b->dir, b->path);
	setenv("PATH", path.ptr, 1);
	write_helper(b, "docker-credential-good",
	             "read s; [ \"$1\" = get ] || exit 9; "
	             "printf '{\"ServerURL\":\"%s\",\"Username\":\"me@%s\",\"Secret\":\"pw\"}' "
	             "\"$s\" \"$s\"");
	write_helper(b, "docker-credential-token",
	             "echo '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}'");
	write_helper(b, "docker-credential-none",
	             "echo 'credentials not found in native keychain'; exit 1");
	write_helper(b, "docker-credential-bad", "echo 'the keychain is locked'; exit 1");
	write_helper(b, "docker-credential-junk", "echo '<html>'");
	write_helper(b, "docker-credential-slow", "exec sleep 100");
	write_helper(b, "docker-credential-deaf",
	             "exec 0<&-; echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
	write_helper(b, "docker-credential-flood", "exec tr '\\0' x </dev/zero");
	*state = b;
	return 0;
}

static int bin_teardown(void **state)
{
	Bin *b = *state;
	setenv("PATH", b->path, 1);
	static const char *const names[] = { "good", "token", "none", "bad",
		                             "junk", "slow",  "deaf", "flood" };
	AUTO_CLOSE int dir = open(b->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_BUF Buf name = BUF_INIT;
		buf_addf(&name, "docker-credential-%s", names[i]);
		unlinkat(dir, name.ptr, 0);
	}
	rmdir(b->dir);
	free(b->path);
	free(b);
	return 0;
}

static void test_helpers(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Credentials c = { 0 };
	assert_ok(auth_helper_get(&a, STR("good"), STR("h:5000"), NULL, &c));
	assert_true(c.found);
	assert_str(c.user, "me@h:5000");
	assert_str(c.password, "pw");
	c = (Credentials){ 0 };
	assert_ok(auth_helper_get(&a, STR("token"), STR("h"), NULL, &c));
	assert_str(c.identity_token, "refresh");
	assert_str(c.user, "");
	c = (Credentials){ 0 };
	assert_ok(auth_helper_get(&a, STR("none"), STR("h"), NULL, &c));
	assert_false(c.found);
	assert_ok(auth_helper_get(&a, STR("deaf"), STR("h"), NULL, &c));
	assert_true(c.found);
	assert_said(auth_helper_get(&a, STR("bad"), STR("h"), NULL, &c), ERR_DENIED,
	            "'docker-credential-bad' failed: the keychain is locked");
	assert_said(auth_helper_get(&a, STR("junk"), STR("h"), NULL, &c), ERR_DENIED,
	            "docker-credential-junk");
	assert_said(auth_helper_get(&a, STR("flood"), STR("h"), NULL, &c), ERR_DENIED,
	            "answers with over");
}

static void *cancel_soon(void *context)
{
	usleep(100000);
	cancel_set(context);
	return NULL;
}

static void test_helper_cancelled(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Credentials c = { 0 };
	Cancel cancel;
	pthread_t thread;
	assert_ok(cancel_open(&cancel));
	int64_t began = clock_mono_ns();
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
	AUTO_ERR Err *err = auth_helper_get(&a, STR("slow"), STR("h"), &cancel, &c);
	assert_non_null(err);
	assert_int_equal(err_kind(err), ERR_CANCELLED);
	assert_true(clock_mono_ns() - began < 60000000000);
	pthread_join(thread, NULL);
	cancel_close(&cancel);
}

static void test_helper_order(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Credentials c = { 0 };
	Str json = STR("{\"credsStore\":\"none\",\"credHelpers\":{\"h\":\"good\"},\"auths\":{" AUTH(
		"i", "dXNlcjpwYXNz") "," AUTH("h", "YTph") "}}");
	assert_ok(auth_file_find(&a, json, "f", STR("h"), STR("x"), NULL, &c));
	assert_str(c.user, "me@h"); /* its own helper, not the file */
	c = (Credentials){ 0 };
	assert_ok(auth_file_find(&a, json, "f", STR("i"), STR("x"), NULL, &c));
	assert_str(c.user, "user"); /* the helper for all knows nothing: the file */
	c = (Credentials){ 0 };
	assert_ok(auth_file_find(&a, STR("{\"credsStore\":\"good\"}"), "f", STR("docker.io"),
	                         STR("library/x"), NULL, &c));
	assert_str(c.user, "me@https://index.docker.io/v1/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_auth_file),
		cmocka_unit_test_setup_teardown(test_helpers, bin_setup, bin_teardown),
		cmocka_unit_test_setup_teardown(test_helper_cancelled, bin_setup, bin_teardown),
		cmocka_unit_test_setup_teardown(test_helper_order, bin_setup, bin_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
