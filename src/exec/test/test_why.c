/* test_why.c - every kind of input of a key has words for what differs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "exec/why.h"

#include <stdio.h>

static void diff_of(Arena *a, Str before, Str after, WhyDiff *d)
{
	WhySide old = { .preimage = before }, new = { .preimage = after };
	*d = (WhyDiff){ .arena = a };
	why_compare(d, &old, &new);
}

/* Two values that may stand in a line of KIND. */
static void values_of(KeyInput kind, const char *ret[2])
{
	static const char hex1[] =
		"f 644 0 0 1 "
		"0000000000000000000000000000000000000000000000000000000000000001"
		" a/b";
	static const char hex2[] =
		"f 644 0 0 1 "
		"0000000000000000000000000000000000000000000000000000000000000002"
		" a/b";
	ret[0] = "NAME=one";
	ret[1] = "NAME=two";
	if (kind == KEY_FILE) {
		ret[0] = hex1;
		ret[1] = hex2;
	}
	if (kind == KEY_FILES) {
		ret[0] = "3000 0000000000000000000000000000000000000000000000000000000000000001";
		ret[1] = "3000 0000000000000000000000000000000000000000000000000000000000000002";
	}
}

static void test_every_kind_has_words(void **state)
{
	(void)state;
	for (KeyInput kind = 0; kind < KEY_INPUT_COUNT; kind++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		const KeyInputInfo *info = &key_input_table[kind];
		const char *values[2];
		values_of(kind, values);
		/* MOUNT lines belong to a mount, a "match" line to its files. */
		const char *lead =
			info->style == KEY_STYLE_MOUNT ? "mount type cache target /x\n" : "";
		Str before = arena_strf(&a, "%s%s %s\n", lead, info->name, values[0]);
		Str after = kind == KEY_MATCH
		                    ? arena_strf(&a, "%s%s %s\n", before.ptr, info->name, values[1])
		                    : arena_strf(&a, "%s%s %s\n", lead, info->name, values[1]);
		WhyDiff d;
		diff_of(&a, before, after, &d);
		if (info->style == KEY_STYLE_PARENT || info->style == KEY_STYLE_FROM) {
			assert_true(info->style == KEY_STYLE_PARENT ? d.parent : d.from);
		} else {
			if (!d.causes.len)
				printf("no words for '%s'\n", info->name);
			assert_true(d.causes.len >= 1);
			assert_true(d.causes.at[0].code.len > 0);
			assert_true(d.causes.at[0].words.len > 0);
		}
		assert_true(*info->code && *info->words);
		VEC_DONE(&d.causes);
		diff_of(&a, before, before, &d);
		assert_int_equal(d.causes.len, 0);
		assert_false(d.parent || d.from);
		VEC_DONE(&d.causes);
	}
}

static void expect(const char *before, const char *after, const char *words)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	WhyDiff d;
	diff_of(&a, str_from(before), str_from(after), &d);
	assert_true(d.causes.len > 0);
	if (!str_eqc(d.causes.at[0].words, words))
		printf("got '%.*s'\n", STR_ARG(d.causes.at[0].words));
	assert_true(str_eqc(d.causes.at[0].words, words));
	VEC_DONE(&d.causes);
}

#define SHA "0000000000000000000000000000000000000000000000000000000000000001"

static void test_words(void **state)
{
	(void)state;
	expect("file f 644 0 0 1 " SHA " src/a\\x20b -> x\n",
	       "file f 644 0 0 1 " SHA " src/a\\x20b -> y\n", "src/a b: link to x \xe2\x86\x92 y");
	expect("file c 644 0 0 0 - d/null dev 1:3\n", "file c 644 0 0 0 - d/null dev 1:5\n",
	       "d/null: device 1:3 \xe2\x86\x92 1:5");
	expect("file f 644 0 0 1 " SHA " a/b\n", "file f 644 5 0 1 " SHA " a/b\n",
	       "a/b: owner 0:0 \xe2\x86\x92 5:0");
	expect("file f 644 0 0 1 " SHA " a/b mtime 1\n", "file f 644 0 0 1 " SHA " a/b mtime 2\n",
	       "a/b: time changed");
	expect("file f 644 0 0 1 " SHA " a/b xattr user.x=00\n", "file f 644 0 0 1 " SHA " a/b\n",
	       "a/b: extended attribute user.x removed");
	/* The folder stands in the "source" line. */
	expect("source deep/down/src\nfile f 644 0 0 1 " SHA " src/a\n",
	       "source deep/down/src\nfile f 600 0 0 1 " SHA " src/a\n",
	       "deep/down/src/a: mode 0644 \xe2\x86\x92 0600");
	expect("source lib/*.c\nfile f 644 0 0 1 " SHA " a.c/\n",
	       "source lib/*.c\nfile f 600 0 0 1 " SHA " a.c/\n",
	       "lib/a.c: mode 0644 \xe2\x86\x92 0600");
	expect("mount type cache target /c\nowner 0:0 755\n",
	       "mount type cache target /c\nowner 5:0 755\n",
	       "--mount /c: owner and mode 0:0 755 \xe2\x86\x92 5:0 755");
	expect("mount type secret target /s\nenv A\n", "mount type secret target /s\nenv B\n",
	       "--mount /s: variable A \xe2\x86\x92 B");
	expect("arg /bin/sh\narg -c\narg make\n", "arg /bin/sh\narg -c\narg make all\n",
	       "command: /bin/sh -c make \xe2\x86\x92 /bin/sh -c make all");
	expect("env A=1\nenv B=2\n", "env B=2\nenv A=1\n", "ENV: the order changed");
	expect("decant-key 5\n", "decant-key 6\n", "the cache's format: 5 \xe2\x86\x92 6");
}

/* A changed line explains what it says by itself, and nothing else. */
static void test_changed_line_is_said_once(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	WhySide old = { .preimage = STR("arg make\nenv A=1\n") };
	WhySide new = { .preimage = STR("arg make all\nenv A=2\n") };
	WhyDiff d = { .arena = &a, .line_changed = true };
	why_compare(&d, &old, &new);
	assert_int_equal(d.causes.len, 1);
	assert_true(str_eqc(d.causes.at[0].words, "ENV A: 1 \xe2\x86\x92 2"));
	VEC_DONE(&d.causes);
}

/* What differs in 100,000 files is counted, not listed. */
static void test_many_files(void **state)
{
	enum { FILES = 100000 };
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf before = BUF_INIT, after = BUF_INIT;
	for (unsigned i = 0; i < FILES; i++) {
		buf_addf(&before, "file f 644 0 0 1 %064x d/%u\n", i, i);
		buf_addf(&after, "file f 644 0 0 1 %064x d/%u\n", i + 1, i);
	}
	WhyDiff d;
	diff_of(&a, buf_str(&before), buf_str(&after), &d);
	assert_int_equal(d.count, FILES);
	assert_int_equal(d.causes.len, WHY_CAUSES_MAX);
	VEC_DONE(&d.causes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_has_words),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_changed_line_is_said_once),
		cmocka_unit_test(test_many_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
