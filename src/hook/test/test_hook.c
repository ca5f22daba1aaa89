/* What webhooks and hooks of git say: signatures, events, whose branch it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/hmac.h"
#include "hook/hook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define ZEROS  "0000000000000000000000000000000000000000"

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block). */
static void signatures(void **state)
{
	char key[131];
	(void)state;
	memset(key, 0x0b, 20);
	assert_true(hook_signature_holds(
		STR("sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
		(Str){ key, 20 }, STR("Hi There")));
	assert_true(hook_signature_holds(
		STR("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
		STR("Jefe"), STR("what do ya want for nothing?")));
	memset(key, 0xaa, sizeof key);
	assert_true(hook_signature_holds(
		STR("sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
		(Str){ key, sizeof key },
		STR("Test Using Larger Than Block-Size Key - Hash Key First")));
	assert_false(hook_signature_holds(
		STR("sha256=b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff8"),
		(Str){ key, 20 }, STR("Hi There")));
	assert_false(hook_signature_holds(STR(""), STR(""), STR("")));
	assert_false(hook_signature_holds(STR("sha256="), STR("x"), STR("")));
	assert_false(hook_signature_holds(STR("sha1=b0344c61d8db38535ca8afceaf0bf12b881dc200"),
	                                  STR("x"), STR("")));
	assert_true(hmac_equal_texts(STR("same"), STR("same")));
	assert_false(hmac_equal_texts(STR("same"), STR("samf")));
	assert_false(hmac_equal_texts(STR("same"), STR("")));
}

static void branches(void **state)
{
	static const struct {
		const char *pushed, *ref, *branch;
		bool ours;
	} cases[] = {
		{ "refs/heads/main", "main", "", true },
		{ "refs/heads/main", "refs/heads/main", "", true },
		{ "refs/heads/main", "", "", true },
		{ "refs/heads/master", "", "", true },
		{ "refs/heads/master", "", "main", false },
		{ "refs/heads/dev", "", "refs/heads/dev", true },
		{ "refs/heads/dev", "main", "dev", false },
		{ "refs/tags/main", "main", "", false },
		{ "refs/tags/v1", "refs/tags/v1", "", true },
		{ "refs/heads/a/main", "main", "", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		HookChange c = { .ref = str_from(cases[i].pushed) };
		HookEvent e = { .changes = &c, .count = 1 };
		bool ours =
			hook_match(&e, str_from(cases[i].ref), str_from(cases[i].branch)) != NULL;
		if (ours != cases[i].ours)
			fail_msg("case %zu: %s", i, cases[i].pushed);
	}
}

static void lines(void **state)
{
	static const char *const bad[] = { "", "x", COMMIT " " COMMIT,
		                           COMMIT " HEAD refs/heads/main",
		                           COMMIT " -" COMMIT " refs/heads/main" };
	AUTO_ARENA Arena a = ARENA_INIT;
	HookChange c;
	(void)state;
	assert_null(hook_read_line(STR(ZEROS " " COMMIT " refs/heads/main"), &a, &c));
	assert_true(str_eqc(c.commit, COMMIT) && str_eqc(c.ref, "refs/heads/main") && !c.deleted);
	assert_null(hook_read_line(STR(COMMIT " " ZEROS " refs/heads/main"), &a, &c));
	assert_true(c.deleted && !c.commit.len);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_ERR Err *e = hook_read_line(str_from(bad[i]), &a, &c);
		assert_non_null(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(branches),
		cmocka_unit_test(lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
