/* test_reference.c - image names: what parses, what is refused, how they are shown. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "oci/reference.h"
#include "oci/test/test_documents.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_good(void **state)
{
	(void)state;
	static const struct {
		const char *text, *full, *familiar, *name;
	} cases[] = {
		{ "ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest", "ubuntu" },
		{ "golang:1.18.3-stretch", "docker.io/library/golang:1.18.3-stretch",
		  "golang:1.18.3-stretch", "golang" },
		{ "docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest",
		  "ubuntu" },
		{ "index.docker.io/library/ubuntu:x", "docker.io/library/ubuntu:x", "ubuntu:x",
		  "ubuntu" },
		{ "docker.io/a/b", "docker.io/a/b:latest", "a/b:latest", "a/b" },
		{ "library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest",
		  "library/a/b" },
		{ "localhost/a", "localhost/a:latest", "localhost/a:latest", "localhost/a" },
		{ "localhost:5000/a/b:T", "localhost:5000/a/b:T", "localhost:5000/a/b:T",
		  "localhost:5000/a/b" },
		{ "127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest",
		  "127.0.0.1:5000/x" },
		{ "[::1]:5000/x:1", "[::1]:5000/x:1", "[::1]:5000/x:1", "[::1]:5000/x" },
		{ "[fe80::1]/x", "[fe80::1]/x:latest", "[fe80::1]/x:latest", "[fe80::1]/x" },
		{ "gcr.io/distroless/static", "gcr.io/distroless/static:latest",
		  "gcr.io/distroless/static:latest", "gcr.io/distroless/static" },
		{ "Host/x", "Host/x:latest", "Host/x:latest", "Host/x" },
		{ "a__b/c--d.e_f", "docker.io/a__b/c--d.e_f:latest", "a__b/c--d.e_f:latest",
		  "a__b/c--d.e_f" },
		{ "docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest",
		  "docker.io/a.b/c" },
		{ "x:_1", "docker.io/library/x:_1", "x:_1", "x" },
		{ "x@sha256:" HEX64, "docker.io/library/x@sha256:" HEX64, "x@sha256:" HEX64, "x" },
		{ "q.io/x:t@sha256:" HEX64, "q.io/x:t@sha256:" HEX64, "q.io/x:t@sha256:" HEX64,
		  "q.io/x" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Reference r;
		assert_ok(reference_parse(&a, str_from(cases[i].text), &r));
		assert_str(reference_full(&a, &r), cases[i].full);
		assert_str(reference_familiar(&a, &r), cases[i].familiar);
		assert_str(reference_familiar_name(&a, &r), cases[i].name);
		/* Both texts read back as the same image. */
		Reference again;
		assert_ok(reference_parse(&a, reference_familiar(&a, &r), &again));
		assert_str(reference_full(&a, &again), cases[i].full);
		assert_ok(reference_parse(&a, reference_full(&a, &r), &again));
		assert_str(reference_full(&a, &again), cases[i].full);
	}
}

static void test_bad(void **state)
{
	(void)state;
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "invalid reference format: ''" },
		{ "Ubuntu",
		  "invalid reference format: repository name (library/Ubuntu) must be lowercase" },
		{ "a/B:x", "invalid reference format: repository name (a/B) must be lowercase" },
		{ HEX64, "cannot specify 64-byte hexadecimal strings" },
		{ "a\r\nX: y", "invalid reference format: 'a??X: y'" },
		{ "a:../..", "invalid reference format: 'a:../..'" },
		{ "../../etc", "invalid reference format" },
		{ "a//b", "invalid reference format" },
		{ "/a", "invalid reference format" },
		{ "a/", "invalid reference format" },
		{ "a/%2e%2e/b", "invalid reference format" },
		{ "a:", "invalid reference format" },
		{ "a:.x", "invalid reference format" },
		{ "a:b:c", "invalid reference format" },
		{ "a:b c", "invalid reference format" },
		{ "-a", "invalid reference format" },
		{ "a-", "invalid reference format" },
		{ "a..b", "invalid reference format" },
		{ "a___b", "invalid reference format" },
		{ "a._b", "invalid reference format" },
		{ "h.io:0/x", "invalid reference format" },
		{ "h.io:65536/x", "invalid reference format" },
		{ "h.io:x/x", "invalid reference format" },
		{ "-h.io/x", "invalid reference format" },
		{ "h..io/x", "invalid reference format" },
		{ "[::1/x", "invalid reference format" },
		{ "[]:5/x", "invalid reference format" },
		{ "[::g]/x", "invalid reference format" },
		{ "user@host.io/x", "digest" },
		{ "x@sha256:ABCDEF", "digest" },
		{ "x@md5:d41d8cd98f00b204e9800998ecf8427e", "digest" },
		{ "x@", "digest" },
		{ "https://h.io/x", "invalid reference format" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Reference r;
		assert_err(reference_parse(&a, str_from(cases[i].text), &r), ERR_INPUT,
		           cases[i].want);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Reference r;
	char text[600];
	memset(text, 'a', sizeof text);
	assert_ok(
		reference_parse(&a, (Str){ text, 255 - 18 }, &r)); /* docker.io/library/ takes 18 */
	assert_err(reference_parse(&a, (Str){ text, 255 - 17 }, &r), ERR_INPUT,
	           "must not be more than 255");
	assert_err(reference_parse(&a, (Str){ text, 513 }, &r), ERR_INPUT,
	           "invalid reference format");
	text[1] = ':';
	assert_ok(reference_parse(&a, (Str){ text, 2 + 128 }, &r));
	assert_err(reference_parse(&a, (Str){ text, 2 + 129 }, &r), ERR_INPUT,
	           "invalid reference format");
	assert_err(reference_parse(&a, (Str){ "a\0b", 3 }, &r), ERR_INPUT,
	           "invalid reference format: 'a?b'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
