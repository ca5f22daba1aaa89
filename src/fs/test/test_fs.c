/* test_fs.c - runs the tests of fs/ as one program, and the helpers they share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/test/test_fs.h"

TestDir test_dir_new(void)
{
	TestDir d = { .fd = -1 };
	const char *tmp = getenv("TMPDIR");
	(void)snprintf(d.path, sizeof d.path, "%s/test-fs.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(d.path));
	d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d.fd >= 0);
	return d;
}

void test_dir_done(TestDir *d)
{
	close(d->fd);
	test_ok(path_remove_tree(AT_FDCWD, d->path));
}

void test_write(int dir_fd, const char *path, const char *text)
{
	AUTO_CLOSE int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void test_mkdir(int dir_fd, const char *path)
{
	assert_int_equal(mkdirat(dir_fd, path, 0755), 0);
}

void test_symlink(int dir_fd, const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, dir_fd, path), 0);
}

void test_ok(Err *e)
{
	if (e)
		err_print(e, stderr);
	bool failed = e != NULL;
	err_free(e);
	assert_false(failed);
}

void test_err(Err *e, ErrKind kind, const char *text)
{
	assert_non_null(e);
	AUTO_ERR Err *held = e;
	Str cause = err_cause(held);
	if (err_kind(held) != kind || !memmem(cause.ptr, cause.len, text, strlen(text))) {
		print_error("wanted '%s' (kind %d), got '%.*s' (kind %d)\n", text, (int)kind,
		            STR_ARG(cause), (int)err_kind(held));
		fail();
	}
}

void test_str(Str s, const char *text)
{
	if (!str_eqc(s, text)) {
		print_error("wanted '%s', got '%.*s'\n", text, STR_ARG(s));
		fail();
	}
}

int main(void)
{
	const TestTable tables[] = { context_table, filter_table, path_table,
		                     list_table,    walk_table,   match_table };
	struct CMUnitTest all[200];
	size_t count = 0;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		for (size_t i = 0; i < tables[t].count && count < ARRAY_LEN(all); i++)
			all[count++] = tables[t].tests[i];
	}
	return _cmocka_run_group_tests("fs", all, count, NULL, NULL);
}
