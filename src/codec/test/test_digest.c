/* test_digest.c - digests, SHA-256, entry paths and the plain streams. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/entry.h"
#include "codec/stream.h"
#include "codec/test/tests.h"

#include <fcntl.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_sha256(void **state)
{
	(void)state;
	char hex[DIGEST_HEX_LEN + 1];
	Digest d = sha256_of(STR("abc"));
	assert_string_equal(digest_hex(&d, hex).ptr, ABC);
	Sha256 a, branch;
	sha256_init(&a);
	sha256_add_str(&a, STR("ab"));
	branch = a; /* a state may be copied */
	sha256_add_str(&a, STR("c"));
	sha256_add_str(&branch, STR("x"));
	d = sha256_end(&a);
	assert_string_equal(digest_hex(&d, hex).ptr, ABC);
	d = sha256_end(&branch);
	assert_string_not_equal(digest_hex(&d, hex).ptr, ABC);
}

static void test_sha256_fields_do_not_run_together(void **state)
{
	(void)state;
	Sha256 a, b;
	sha256_init(&a);
	sha256_init(&b);
	sha256_add_field(&a, STR("ab"));
	sha256_add_field(&a, STR("c"));
	sha256_add_field(&b, STR("a"));
	sha256_add_field(&b, STR("bc"));
	Digest da = sha256_end(&a), db = sha256_end(&b);
	assert_false(digest_eq(&da, &db));
}

static void test_digest_parse(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text;
		bool good;
	} cases[] = {
		{ "good", "sha256:" ABC, true },
		{ "empty", "", false },
		{ "no algorithm", ABC, false },
		{ "other algorithm", "sha512:" ABC, false },
		{ "upper-case hex",
		  "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		  false },
		{ "upper-case algorithm", "SHA256:" ABC, false },
		{ "too short", "sha256:ba78", false },
		{ "too long", "sha256:" ABC "0", false },
		{ "a path",
		  "sha256:../../../../../../../../../../../../../../../../../../etc/passwd/x",
		  false },
		{ "blank at the end", "sha256:" ABC " ", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Digest d;
		AUTO_ERR Err *err = digest_parse(str_from(cases[i].text), &d);
		if (cases[i].good != !err)
			fail_msg("%s", cases[i].name);
		if (err) {
			assert_int_equal(err_kind(err), ERR_INPUT);
			continue;
		}
		char text[DIGEST_TEXT_LEN + 1];
		assert_string_equal(digest_text(&d, text).ptr, cases[i].text);
	}
}

static void test_entry_path_order(void **state)
{
	(void)state;
	/* In order already: a directory is followed by what is in it. */
	static const char *const paths[] = { "",   "a",   "a/b", "a/b/c", "a/b!", "a/c",
		                             "a!", "a-b", "aa",  "b",     "\xff" };
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		for (size_t j = 0; j < ARRAY_LEN(paths); j++) {
			int got = entry_path_cmp(str_from(paths[i]), str_from(paths[j]));
			int want = (i > j) - (i < j);
			if ((got > 0) - (got < 0) != want)
				fail_msg("'%s' and '%s': %d", paths[i], paths[j], got);
		}
}

static void test_entry_path_clean(void **state)
{
	(void)state;
	static const char *const clean[] = { "", "a", "a/b", "...", "a/..b", ".a/b." };
	static const char *const dirty[] = { "/",   "/a",  "a/",   "a//b",   ".",   "..",
		                             "./a", "a/.", "../a", "a/../b", "a/.." };
	for (size_t i = 0; i < ARRAY_LEN(clean); i++)
		if (!entry_path_is_clean(str_from(clean[i])))
			fail_msg("'%s' is clean", clean[i]);
	for (size_t i = 0; i < ARRAY_LEN(dirty); i++)
		if (entry_path_is_clean(str_from(dirty[i])))
			fail_msg("'%s' is not clean", dirty[i]);
	assert_false(entry_path_is_clean((Str){ "a\0b", 3 }));
	assert_true(entry_path_below(STR("a/b"), STR("a")));
	assert_true(entry_path_below(STR("a"), STR("a")));
	assert_true(entry_path_below(STR("a"), STR("")));
	assert_false(entry_path_below(STR("ab"), STR("a")));
	assert_true(str_eq(entry_parent(STR("a/b/c")), STR("a/b")));
	assert_true(str_eq(entry_parent(STR("a")), STR("")));
	assert_true(str_eq(entry_name(STR("a/b/c")), STR("c")));
	assert_true(str_eq(entry_name(STR("a")), STR("a")));
}

static void test_entry_copy_owns_its_texts(void **state)
{
	(void)state;
	AUTO_ARENA Arena arena = ARENA_INIT;
	char path[] = "a/b", value[] = "v";
	Xattr xattr = { STR("user.x"), { value, 1 } };
	Entry e = { .path = { path, 3 }, .type = ENTRY_FILE, .xattrs = &xattr, .xattr_count = 1 };
	Entry copy = entry_copy(&arena, &e);
	path[0] = value[0] = 'z';
	xattr.name = STR("gone");
	assert_true(str_eq(copy.path, STR("a/b")));
	assert_true(str_eq(copy.xattrs[0].name, STR("user.x")));
	assert_true(str_eq(copy.xattrs[0].value, STR("v")));
}

static void test_streams_stack(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT;
	AUTO_READER Reader *memory = reader_from_memory(STR("abc"));
	AUTO_READER Reader *hashed = reader_hash(memory);
	AUTO_WRITER Writer *buf = writer_to_buf(&out);
	AUTO_WRITER Writer *hash = writer_hash(buf);
	assert_null(stream_copy(hashed, hash, NULL));
	assert_null(writer_finish(hash));
	assert_true(str_eq(buf_str(&out), STR("abc")));
	Digest want = sha256_of(STR("abc")), read = reader_hash_digest(hashed),
	       written = writer_hash_digest(hash);
	assert_true(digest_eq(&read, &want));
	assert_true(digest_eq(&written, &want));
	assert_int_equal(reader_hash_count(hashed), 3);
	assert_int_equal(writer_hash_count(hash), 3);
}

static void test_reader_read_all_limit(void **state)
{
	(void)state;
	for (size_t limit = 2; limit <= 4; limit++) {
		AUTO_BUF Buf out = BUF_INIT;
		AUTO_READER Reader *memory = reader_from_memory(STR("abc"));
		AUTO_ERR Err *err = reader_read_all(memory, limit, "the thing", &out);
		assert_true(!err == (limit >= 3));
		if (err)
			assert_true(str_starts(err_cause(err), STR("the thing is larger")));
		else
			assert_string_equal(out.ptr, "abc");
	}
}

static void test_fd_errors_name_the_file(void **state)
{
	(void)state;
	AUTO_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	AUTO_WRITER Writer *w = writer_to_fd(fd, "the/file");
	AUTO_ERR Err *err = writer_write(w, "x", 1);
	assert_non_null(err);
	assert_true(str_starts(err_cause(err), STR("cannot write 'the/file'")));
	AUTO_READER Reader *r = reader_from_fd(fd, "the/file");
	char byte;
	size_t len;
	AUTO_ERR Err *read_err = reader_read(r, &byte, 1, &len);
	assert_non_null(read_err);
	assert_int_equal(err_errno(read_err), EBADF);
}

int test_digest_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha256_fields_do_not_run_together),
		cmocka_unit_test(test_digest_parse),
		cmocka_unit_test(test_entry_path_order),
		cmocka_unit_test(test_entry_path_clean),
		cmocka_unit_test(test_entry_copy_owns_its_texts),
		cmocka_unit_test(test_streams_stack),
		cmocka_unit_test(test_reader_read_all_limit),
		cmocka_unit_test(test_fd_errors_name_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
