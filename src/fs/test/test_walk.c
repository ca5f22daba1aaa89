/* test_walk.c - trees in order, deep, hostile; copies of bytes and metadata. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/entry.h"
#include "fs/copy.h"
#include "fs/test/test_fs.h"
#include "fs/walk.h"

#include <sys/resource.h>
#include <sys/xattr.h>

typedef struct Seen {
	Buf paths;        /* each with a '\n' */
	const char *skip; /* a directory not to go into */
	size_t count;
	Buf last;
} Seen;

static Err *see(void *context, const WalkFile *f, bool *skip)
{
	Seen *s = context;
	struct stat st;
	/* name and dir_fd are good for looking at it again */
	assert_int_equal(fstatat(f->dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_ino, f->st.st_ino);
	assert_true(str_ends(f->path, str_from(f->name)));
	if (s->count++ > 0)
		assert_true(entry_path_cmp(buf_str(&s->last), f->path) < 0);
	buf_reset(&s->last);
	buf_add_str(&s->last, f->path);
	if (s->paths.len < 4096) {
		buf_add_str(&s->paths, f->path);
		buf_add_char(&s->paths, '\n');
	}
	if (s->skip && str_eqc(f->path, s->skip))
		*skip = true;
	return str_eqc(f->path, "stop") ? err_new(ERR_INPUT, "stopped") : NULL;
}

static void seen_done(Seen *s)
{
	buf_done(&s->paths);
	buf_done(&s->last);
}

static void test_order(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	test_mkdir(dir.fd, "a");
	test_mkdir(dir.fd, "a/z");
	test_write(dir.fd, "a/z/1", "");
	test_write(dir.fd, "a/A", "");
	test_write(dir.fd, "a-b", "");
	test_write(dir.fd, "a!", "");
	test_mkdir(dir.fd, "empty");
	test_symlink(dir.fd, "/", "link");
	test_write(dir.fd, "\xff", "");
	CLEANUP(seen_done) Seen s = { 0 };
	test_ok(walk_tree(dir.fd, NULL, see, &s));
	assert_string_equal(s.paths.ptr, "a\na/A\na/z\na/z/1\na!\na-b\nempty\nlink\n\xff\n");
	CLEANUP(seen_done) Seen skipped = { .skip = "a" };
	test_ok(walk_tree(dir.fd, NULL, see, &skipped));
	assert_string_equal(skipped.paths.ptr, "a\na!\na-b\nempty\nlink\n\xff\n");
	test_write(dir.fd, "stop", "");
	CLEANUP(seen_done) Seen stopped = { 0 };
	test_err(walk_tree(dir.fd, NULL, see, &stopped), ERR_INPUT, "stopped");
	Cancel cancel = { .fd = -1, .set = 1 };
	CLEANUP(seen_done) Seen cancelled = { 0 };
	test_err(walk_tree(dir.fd, &cancel, see, &cancelled), ERR_CANCELLED, "");
	assert_int_equal(cancelled.count, 0);
}

/* More levels than fds, each with something to give on the way back up. */
static void test_deep_walk(void **state)
{
	(void)state;
	enum { LEVELS = 3000 };
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_CLOSE int at = openat(dir.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < LEVELS; i++) {
		test_mkdir(at, "d");
		test_write(at, "x", "");
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct rlimit few = { 100, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	CLEANUP(seen_done) Seen s = { 0 };
	Err *e = walk_tree(dir.fd, NULL, see, &s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	test_ok(e);
	assert_int_equal(s.count, 2 * LEVELS);
}

static int new_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void test_copy_bytes(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 300000 };
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_FREE char *bytes = xmalloc(300000);
	for (size_t i = 0; i < 300000; i++)
		bytes[i] = (char)(i * 31 + i / 251);
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
		size_t size = sizes[i / 2];
		bool hashed = i % 2;
		AUTO_CLOSE int from = new_file(dir.fd, "from"), to = new_file(dir.fd, "to");
		test_ok(path_write_all(from, bytes, size, "from"));
		assert_int_equal(lseek(from, 0, SEEK_SET), 0);
		Sha256 h;
		sha256_init(&h);
		test_ok(copy_bytes(from, to, size, hashed ? &h : NULL, "from", NULL));
		assert_int_equal(lseek(to, 0, SEEK_CUR), size);
		assert_int_equal(lseek(from, 0, SEEK_CUR), size);
		AUTO_BUF Buf got = BUF_INIT;
		test_ok(path_read_file(dir.fd, "to", 1 << 20, &got));
		assert_true(str_eq(buf_str(&got), (Str){ bytes, size }));
		if (hashed) {
			Digest have = sha256_end(&h), want = sha256_of((Str){ bytes, size });
			assert_true(digest_eq(&have, &want));
		}
		/* behind what is there already; and more than there is */
		assert_int_equal(lseek(from, 0, SEEK_SET), 0);
		test_err(copy_bytes(from, to, size + 1, hashed ? &h : NULL, "from", NULL),
		         ERR_INPUT, "'from' changed while it was copied");
		assert_int_equal(lseek(to, 0, SEEK_CUR), 2 * size);
		assert_int_equal(unlinkat(dir.fd, "from", 0), 0);
		assert_int_equal(unlinkat(dir.fd, "to", 0), 0);
	}
}

static void test_metadata(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_ARENA Arena a = ARENA_INIT;
	static const Xattr xattrs[] = { { { "user.a", 6 }, { "1\0002", 3 } },
		                        { { "user.b", 6 }, { "", 0 } } };
	Entry e = { .type = ENTRY_FILE,
		    .mode = 04711,
		    .uid = getuid(),
		    .gid = getgid(),
		    .mtime_ns = -1500000000,
		    .xattrs = xattrs,
		    .xattr_count = 2 };
	test_write(dir.fd, "f", "x");
	test_symlink(dir.fd, "f", "l");
	unsigned skipped = 0;
	test_ok(copy_set_metadata(dir.fd, "f", &e, &skipped));
	struct stat st;
	assert_int_equal(fstatat(dir.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04711);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	if (skipped == 0) { /* a file system with user xattrs */
		static const int kinds[] = { O_RDONLY, O_PATH };
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			AUTO_CLOSE int fd = openat(dir.fd, "f", kinds[i] | O_CLOEXEC);
			const Xattr *got;
			size_t count;
			test_ok(copy_read_xattrs(&a, fd, "f", &got, &count));
			assert_int_equal(count, 2);
			test_str(got[0].name, "user.a");
			assert_true(str_eq(got[0].value, xattrs[0].value));
			test_str(got[1].name, "user.b");
		}
	} else {
		assert_int_equal(skipped, 2);
	}

	/* a link itself, not what it points to */
	Entry link = { .type = ENTRY_SYMLINK, .mode = 0777, .uid = getuid(), .gid = getgid() };
	link.mtime_ns = 5;
	test_ok(copy_set_metadata(dir.fd, "l", &link, NULL));
	assert_int_equal(fstatat(dir.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04711);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	assert_int_equal(fstatat(dir.fd, "l", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	AUTO_CLOSE int fd = openat(dir.fd, "l", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	const Xattr *none;
	size_t count = 1;
	test_ok(copy_read_xattrs(&a, fd, "l", &none, &count));
	assert_int_equal(count, 0);
	/* a file entry whose name is a link by now: the mode must not reach the target */
	Err *err = copy_set_metadata(dir.fd, "l", &e, &skipped);
	err_free(err); /* whether the kernel refuses a link's mode or not does not matter */
	assert_int_equal(fstatat(dir.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, -2);
	test_err(copy_set_metadata(dir.fd, "nope", &e, NULL), ERR_SYSTEM, "'nope'");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_order),
	cmocka_unit_test(test_deep_walk),
	cmocka_unit_test(test_copy_bytes),
	cmocka_unit_test(test_metadata),
};

const TestTable walk_table = { tests, ARRAY_LEN(tests) };
