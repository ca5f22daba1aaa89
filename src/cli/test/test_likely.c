/* test_likely.c - what differences of bytes are told as. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/likely.h"

#include <setjmp.h>
#include <stdarg.h>
/* clang-format off: it needs the above */
#include <cmocka.h>
/* clang-format on */

/* Two files of LEN bytes as verify looks at them. */
static void expect(const char *x, const char *y, size_t len, const char *wanted)
{
	AUTO_BUF Buf words = BUF_INIT;
	size_t at = 0;
	while (at < len && x[at] == y[at])
		at++;
	size_t from = at > LIKELY_CONTEXT ? at - LIKELY_CONTEXT : 0;
	size_t shown = len - from < 2 * LIKELY_CONTEXT ? len - from : 2 * LIKELY_CONTEXT;
	LikelyPlace p = { .offset = at,
		          .head = { x, len < LIKELY_HEAD ? len : LIKELY_HEAD },
		          .before = { x + from, shown },
		          .after = { y + from, shown },
		          .at = at - from };
	likely_words(&p, &words);
	assert_string_equal(words.ptr, wanted);
}
#define EXPECT(x, y, wanted) expect(x, y, sizeof(x) - 1, wanted)

static void test_formats(void **state)
{
	(void)state;
	EXPECT("\x1f\x8b\x08\0\1\2\3\4rest", "\x1f\x8b\x08\0\1\2\3\5rest",
	       "byte 7: the time in a gzip header: gzip -n leaves it out");
	EXPECT("\x1f\x8b\x08\0\1\2\3\4\0\3data", "\x1f\x8b\x08\0\1\2\3\4\0\3dada",
	       "from byte 12 on: 'data', then 'dada'");
	EXPECT("\x6f\x0d\r\n\0\0\0\0\1\2\3\4\0\0\0\0", "\x6f\x0d\r\n\0\0\0\0\1\2\3\5\0\0\0\0",
	       "byte 11: the source's time in compiled Python: PYTHONDONTWRITEBYTECODE=1 makes "
	       "none, --invalidation-mode unchecked-hash needs none");
	/* by hash (PEP 552): no time is in it */
	EXPECT("\x6f\x0d\r\n\1\0\0\0\1\2\3\4\0\0\0\0", "\x6f\x0d\r\n\1\0\0\0\1\2\3\5\0\0\0\0",
	       "from byte 11 on");
	EXPECT("PK\3\4\x14\0\0\0\0\0\1\2\3\4name", "PK\3\4\x14\0\0\0\0\0\1\3\3\4name",
	       "byte 11: an entry's time in a zip archive");
	EXPECT("PK\3\4\x14\0\0\0\0\0\1\2\3\4name", "PK\3\4\x14\0\0\0\0\0\1\2\3\4nome",
	       "from byte 15 on: 'name', then 'nome'");
}

#define AR_MEMBER(time) "file.o/         " time "0     0     100644  4         `\ndata"

static void test_ar(void **state)
{
	(void)state;
	EXPECT("!<arch>\n" AR_MEMBER("1600000000  "), "!<arch>\n" AR_MEMBER("1600000007  "),
	       "byte 33: a member's time in an ar archive: ar D leaves it out");
	/* of a later member, in sight */
	EXPECT("!<arch>\n" AR_MEMBER("0           ") AR_MEMBER("1600000000  "),
	       "!<arch>\n" AR_MEMBER("0           ") AR_MEMBER("1700000000  "),
	       "byte 89: a member's time in an ar archive: ar D leaves it out");
}

static void test_text(void **state)
{
	(void)state;
	EXPECT("#define DATE \"Nov 26 2026 22:33:01\"\n", "#define DATE \"Nov 26 2026 22:33:02\"\n",
	       "from byte 33 on: '#define DATE \"Nov 26 2026 22:33:01\"', then '#define DATE \"Nov "
	       "26 2026 22:33:02\"', which looks like a date or a time");
	EXPECT("at 2026-11-26", "at 2026-11-27",
	       "from byte 12 on: 'at 2026-11-26', then 'at 2026-11-27', which looks like a date or "
	       "a time");
	EXPECT("t=1600000000;", "t=1600000001;",
	       "from byte 11 on: 't=1600000000;', then 't=1600000001;', which looks like seconds "
	       "since 1970");
	EXPECT("id=48151623", "id=48151642", "from byte 9 on: 'id=48151623', then 'id=48151642'");
	/* nothing to be read */
	EXPECT("\0\0\1\0", "\0\0\2\0", "from byte 2 on");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_ar),
		cmocka_unit_test(test_text),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
