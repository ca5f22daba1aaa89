/* test_mode.c - permissions in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/mode.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* chmod(1) of POSIX 2024 and FreeBSD, no umask; T-117 and BuildKit's own tests of --chmod. */
static void test_mode(void **state)
{
	(void)state;
	static const struct {
		const char *changes;
		bool is_dir;
		uint32_t before, after;
	} cases[] = {
		{ "u=rwX,go=rX", true, 0700, 0755 },
		{ "u=rwX,go=rX", false, 0600, 0644 },
		{ "u=rwX,go=rX", false, 0710, 0755 },
		{ "+x", false, 0644, 0755 },
		{ "-x", true, 0755, 0644 },
		{ "-X", false, 0755, 0644 },
		{ "a+X", false, 0666, 0666 },
		{ "a+X", true, 0124, 0135 },
		{ "g=u", false, 0640, 0660 },
		{ "g=u", true, 02750, 02770 },
		{ "g+u,o-rwx", false, 0604, 0660 },
		{ "o-g", false, 0657, 0652 },
		{ "go=u-w", true, 0700, 0755 },
		{ "go-w", false, 0666, 0644 },
		{ "u+rw,g+r,o-x,o+w", true, 0124, 0766 },
		{ "u=rw,g=r,o=r", false, 0666, 0644 },
		{ "=", false, 06777, 0 },
		{ "go=", false, 0777, 0700 },
		{ "u+s,g+s", false, 0755, 06755 },
		{ "u+s", false, 0755, 04755 },
		{ "o+s", false, 0755, 0755 },
		{ "+t", true, 0777, 01777 },
		{ "=rwx", true, 01700, 01777 },
		{ "=rwxt", true, 0700, 01777 },
		{ "a=rw", false, 06755, 0666 },
		{ "a-x,a+X", false, 0755, 0755 },
		{ "ug+rw-x", false, 0111, 0661 },
		{ "=u", false, 0751, 0777 },
		{ "u=rw+x", false, 0, 0700 },
		{ "u+", false, 0640, 0640 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t mode = cases[i].before;
		if (!mode_change(str_from(cases[i].changes), cases[i].is_dir, &mode) ||
		    mode != cases[i].after)
			fail_msg("%s on %o gives %o, not %o", cases[i].changes, cases[i].before,
			         mode, cases[i].after);
	}
}

static void test_mode_that_is_none(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "u", "x", "+x,", ",+x", "u=q", "+755", "u==r,", "a r"
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint32_t mode = 0644;
		assert_false(mode_change(str_from(bad[i]), false, &mode));
		assert_int_equal(mode, 0644);
	}
	uint32_t mode = 0644;
	assert_false(mode_change((Str){ "+x\0", 3 }, false, &mode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_mode_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
