/* test_path.c - opening inside a root, by the kernel and by the walk; removing; clean paths. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/test/test_fs.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>

static void make_hostile_tree(int fd)
{
	test_mkdir(fd, "canary");
	test_write(fd, "canary/secret", "outside");
	test_mkdir(fd, "root");
	test_mkdir(fd, "root/d");
	test_mkdir(fd, "root/d/e");
	test_write(fd, "root/f", "f");
	test_write(fd, "root/d/g", "g");
	test_write(fd, "root/secret", "inside");
	test_mkdir(fd, "root/canary");
	test_write(fd, "root/canary/secret", "inside");
	test_symlink(fd, "d", "root/to-d");
	test_symlink(fd, "/d/g", "root/abs-g");
	test_symlink(fd, "../../../../canary/secret", "root/climb");
	test_symlink(fd, "/..", "root/d/slash-dotdot");
	test_symlink(fd, "../f", "root/d/up-f");
	test_symlink(fd, "/f", "root/d/abs-f");
	test_symlink(fd, "../../canary", "root/d/up-out");
	test_symlink(fd, "loop2", "root/loop1");
	test_symlink(fd, "loop1", "root/loop2");
	test_symlink(fd, "nowhere", "root/dangling");
	test_symlink(fd, "/", "root/slash");
	test_symlink(fd, "to-d/", "root/to-to-d");
}

/* What opening PATH gives: the file's text, "dir", "link", or the name of the errno. */
static const char *describe(int fd)
{
	static char text[64];
	struct stat st;
	if (fd < 0)
		return strerrorname_np(-fd);
	if (fstat(fd, &st) != 0)
		return "fstat";
	if (S_ISDIR(st.st_mode))
		return "dir";
	if (S_ISLNK(st.st_mode))
		return "link";
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

typedef struct OpenCase {
	const char *path;
	int flags;
	const char *in_root, *beneath; /* what describe() says of each */
} OpenCase;

static const OpenCase open_cases[] = {
	{ "f", O_RDONLY, "f", "f" },
	{ "/f", O_RDONLY, "f", "f" },
	{ "///d//g", O_RDONLY, "g", "g" },
	{ "", O_RDONLY, "dir", "dir" },
	{ "/", O_RDONLY, "dir", "dir" },
	{ ".", O_RDONLY, "dir", "dir" },
	{ "d/./e/.", O_RDONLY, "dir", "dir" },
	{ "d/", O_RDONLY, "dir", "dir" },
	{ "f/", O_RDONLY, "ENOTDIR", "ENOTDIR" },
	{ "f/x", O_RDONLY, "ENOTDIR", "ENOTDIR" },
	{ "nope", O_RDONLY, "ENOENT", "ENOENT" },
	{ "nope/x", O_RDONLY, "ENOENT", "ENOENT" },
	{ "..", O_RDONLY, "dir", "EXDEV" },
	{ "d/../f", O_RDONLY, "f", "EXDEV" },
	{ "d/e/../../f", O_RDONLY, "f", "EXDEV" },
	{ "../../canary/secret", O_RDONLY, "inside", "EXDEV" },
	{ "to-d/g", O_RDONLY, "g", "ELOOP" },
	{ "to-to-d/g", O_RDONLY, "g", "ELOOP" },
	{ "to-d/../f", O_RDONLY, "f", "EXDEV" },
	{ "abs-g", O_RDONLY, "g", "ELOOP" },
	{ "climb", O_RDONLY, "inside", "ELOOP" },
	{ "d/slash-dotdot/secret", O_RDONLY, "inside", "ELOOP" },
	{ "d/up-f", O_RDONLY, "f", "ELOOP" },
	{ "d/abs-f", O_RDONLY, "f", "ELOOP" },
	{ "d/up-out/secret", O_RDONLY, "inside", "ELOOP" },
	{ "loop1", O_RDONLY, "ELOOP", "ELOOP" },
	{ "dangling", O_RDONLY, "ENOENT", "ELOOP" },
	{ "slash", O_RDONLY, "dir", "ELOOP" },
	{ "slash/", O_RDONLY, "dir", "ELOOP" },
	{ "slash/f", O_RDONLY, "f", "ELOOP" },
	{ "slash/slash/to-d/../slash/f", O_RDONLY, "f", "EXDEV" },
	{ "to-d", O_PATH | O_NOFOLLOW, "link", "link" },
	{ "to-d/", O_PATH | O_NOFOLLOW, "dir", "ELOOP" },
	{ "to-d", O_PATH, "dir", "ELOOP" },
	{ "abs-g", O_RDONLY | O_NOFOLLOW, "ELOOP", "ELOOP" },
	{ "f", O_RDONLY | O_DIRECTORY, "ENOTDIR", "ENOTDIR" },
	{ "d/new", O_RDWR | O_CREAT, "", "" },
	{ "f", O_RDWR | O_CREAT | O_EXCL, "EEXIST", "EEXIST" },
	{ "dangling", O_RDWR | O_CREAT | O_EXCL, "EEXIST", "ELOOP" },
	{ "nope/x", O_RDWR | O_CREAT, "ENOENT", "ENOENT" },
	{ "new/", O_RDWR | O_CREAT, "EISDIR", "EISDIR" },
};

static void check_opens(bool walk)
{
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_hostile_tree(dir.fd);
	AUTO_CLOSE int root = openat(dir.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned wrong = 0;

	path_force_walk(walk);
	for (size_t i = 0; i < ARRAY_LEN(open_cases); i++) {
		const OpenCase *c = &open_cases[i];
		for (int beneath = 0; beneath < 2; beneath++) {
			const char *want = beneath ? c->beneath : c->in_root;
			AUTO_CLOSE int fd =
				beneath ? path_try_beneath(root, str_from(c->path), c->flags, 0600)
					: path_try_in_root(root, str_from(c->path), c->flags, 0600);
			const char *got = describe(fd);
			/* the kernel's exclusive create looks at the last name before the link rule
			 */
			bool either = !strcmp(want, "ELOOP") && !strcmp(got, "EEXIST");
			if (strcmp(got, want) != 0 && !either) {
				print_error("%s '%s' %x: wanted %s, got %s\n",
				            beneath ? "beneath" : "in root", c->path, c->flags,
				            want, got);
				wrong++;
			}
		}
	}
	path_force_walk(false);
	assert_int_equal(wrong, 0);
}

static void test_open_by_kernel(void **state)
{
	(void)state;
	check_opens(false);
}

static void test_open_by_walk(void **state)
{
	(void)state;
	check_opens(true);
}

static void check_bad_names(bool walk)
{
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	char name[PATH_BYTES_MAX + 1];
	memset(name, 'a', sizeof name);
	path_force_walk(walk);
	assert_int_equal(path_try_in_root(dir.fd, (Str){ "a\0b", 3 }, O_RDONLY, 0), -EINVAL);
	assert_int_equal(path_try_in_root(dir.fd, (Str){ name, 256 }, O_RDONLY, 0), -ENAMETOOLONG);
	assert_int_equal(path_try_in_root(dir.fd, (Str){ name, sizeof name }, O_RDONLY, 0),
	                 -ENAMETOOLONG);
	int fd = -1;
	test_err(path_open_beneath(dir.fd, STR("no/pe"), O_RDONLY, 0, &fd), ERR_SYSTEM,
	         "cannot open 'no/pe': No such file");
	/* a chain of 41 links is one too many, as in the kernel */
	test_write(dir.fd, "l0", "end");
	for (int i = 1; i <= 41; i++) {
		char from[16], to[16];
		(void)snprintf(from, sizeof from, "l%d", i);
		(void)snprintf(to, sizeof to, "l%d", i - 1);
		test_symlink(dir.fd, to, from);
	}
	AUTO_CLOSE int ok = path_try_in_root(dir.fd, STR("l40"), O_RDONLY, 0);
	assert_true(ok >= 0);
	assert_int_equal(path_try_in_root(dir.fd, STR("l41"), O_RDONLY, 0), -ELOOP);
	path_force_walk(false);
}

static void test_bad_names(void **state)
{
	(void)state;
	check_bad_names(false);
	check_bad_names(true);
}

typedef struct Flipper {
	int dir_fd;
	bool stop;
} Flipper;

static void *flip(void *arg)
{
	Flipper *f = arg;
	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		(void)renameat2(f->dir_fd, "root/d", f->dir_fd, "evil-d", RENAME_EXCHANGE);
		(void)renameat2(f->dir_fd, "root/secret", f->dir_fd, "evil-secret",
		                RENAME_EXCHANGE);
	}
	return NULL;
}

/* Names become links to the outside and files again while they are opened. */
static void test_open_flipped(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_hostile_tree(dir.fd);
	test_write(dir.fd, "canary/g", "outside");
	test_symlink(dir.fd, "../canary", "evil-d");
	test_symlink(dir.fd, "../canary/secret", "evil-secret");
	AUTO_CLOSE int root = openat(dir.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	Flipper f = { .dir_fd = dir.fd };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);

	static const char *const paths[] = { "secret", "d/g", "d/e/../g", "to-d/g" };
	unsigned leaks = 0, opened = 0;
	for (unsigned i = 0; i < 40000; i++) {
		Str path = str_from(paths[i % 4]);
		path_force_walk(i & 4);
		AUTO_CLOSE int fd = i & 8 ? path_try_in_root(root, path, O_RDONLY, 0)
		                          : path_try_beneath(root, path, O_RDONLY, 0);
		opened += fd >= 0;
		leaks += fd >= 0 && strcmp(describe(fd), "outside") == 0;
	}
	path_force_walk(false);
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(leaks, 0);
	assert_true(opened > 0);
}

static void test_open_parent(void **state)
{
	(void)state;
	static const struct {
		const char *path, *name;
		int errnum;
	} cases[] = {
		{ "f", "f", 0 },
		{ "d/e", "e", 0 },
		{ "/d/e/", "e", 0 },
		{ "", ".", 0 },
		{ "/", ".", 0 },
		{ "d/new", "new", 0 },
		{ "to-d/x", "", ELOOP },
		{ "d/..", "", EXDEV },
		{ "../x", "", EXDEV },
		{ "f/x", "", ENOTDIR },
		{ "nope/x/y", "", ENOENT },
	};
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_hostile_tree(dir.fd);
	AUTO_CLOSE int root = openat(dir.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char name[256];
		AUTO_CLOSE int fd = -1;
		AUTO_ERR Err *e = path_open_parent(root, str_from(cases[i].path), &fd, name);
		assert_int_equal(e ? err_errno(e) : 0, cases[i].errnum);
		if (!e)
			assert_string_equal(name, cases[i].name);
	}
}

static void test_make_dirs(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_hostile_tree(dir.fd);
	AUTO_CLOSE int root = openat(dir.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mode_t before = umask(077);
	AUTO_CLOSE int fd = -1;
	test_ok(path_make_dirs(root, STR("d/x/y//z/"), 01755, &fd));
	umask(before);
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01755); /* whatever the umask */
	assert_int_equal(fstatat(root, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755); /* was there: left alone */
	AUTO_CLOSE int again = -1;
	test_ok(path_make_dirs(root, STR("d/x/y/z"), 0700, &again));
	int none = -1;
	test_err(path_make_dirs(root, STR("to-d/x"), 0755, &none), ERR_SYSTEM, "to-d/x");
	test_err(path_make_dirs(root, STR("d/../../x"), 0755, &none), ERR_SYSTEM, "d/../../x");
	test_err(path_make_dirs(root, STR("f/x"), 0755, &none), ERR_SYSTEM, "f/x");
	assert_int_equal(faccessat(dir.fd, "x", F_OK, 0), -1);
}

static void test_remove_hostile(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_hostile_tree(dir.fd);
	test_mkdir(dir.fd, "root/locked");
	test_write(dir.fd, "root/locked/x", "x");
	test_mkdir(dir.fd, "root/locked/in");
	test_write(dir.fd, "root/locked/in/y", "y");
	assert_int_equal(fchmodat(dir.fd, "root/locked/in", 0000, 0), 0);
	assert_int_equal(fchmodat(dir.fd, "root/locked", 0500, 0), 0);
	test_ok(path_remove_tree(dir.fd, "root"));
	assert_int_equal(faccessat(dir.fd, "root", F_OK, 0), -1);
	assert_int_equal(faccessat(dir.fd, "canary/secret", F_OK, 0), 0);
	test_ok(path_remove_tree(dir.fd, "root")); /* absent is fine */
	test_symlink(dir.fd, "canary", "link");
	test_ok(path_remove_tree(dir.fd, "link"));
	assert_int_equal(faccessat(dir.fd, "canary/secret", F_OK, 0), 0);
	test_ok(path_remove_tree(dir.fd, "canary/secret"));
	assert_int_equal(faccessat(dir.fd, "canary/secret", F_OK, 0), -1);
}

typedef struct Remover {
	int fd;
	Err *e;
} Remover;

static void *remove_root(void *arg)
{
	Remover *r = arg;
	r->e = path_remove_tree(r->fd, "root");
	return NULL;
}

/* Two that remove the same tree at once, as the reapers of two builds may: neither fails. */
static void test_remove_twice(void **state)
{
	enum { ROUNDS = 300 };
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	for (unsigned i = 0; i < ROUNDS; i++) {
		Remover other = { .fd = dir.fd }, own = other;
		pthread_t thread;
		test_mkdir(dir.fd, "root");
		test_mkdir(dir.fd, "root/a");
		test_mkdir(dir.fd, "root/a/b");
		test_write(dir.fd, "root/a/b/f", "");
		assert_int_equal(pthread_create(&thread, NULL, remove_root, &other), 0);
		(void)remove_root(&own);
		(void)pthread_join(thread, NULL);
		test_ok(other.e);
		test_ok(own.e);
		assert_int_equal(faccessat(dir.fd, "root", F_OK, 0), -1);
	}
}

/* 6,000 levels, with few fds to spend, and names like those the removal makes for itself. */
static void test_remove_deep(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	test_mkdir(dir.fd, "deep");
	test_mkdir(dir.fd, "deep/.removing.0");
	test_write(dir.fd, "deep/.removing.0/x", "");
	AUTO_CLOSE int at = openat(dir.fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 6000; i++) {
		test_mkdir(at, "d");
		test_write(at, "f", "");
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	struct rlimit few = { 64, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	Err *e = path_remove_tree(dir.fd, "deep");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	test_ok(e);
	assert_int_equal(faccessat(dir.fd, "deep", F_OK, 0), -1);
}

static void test_files(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_BUF Buf text = BUF_INIT;
	mode_t before = umask(077);
	test_ok(path_write_file(dir.fd, "x", STR("hello"), 0644, true));
	test_ok(path_write_file(dir.fd, "x", STR("world"), 0644, false));
	umask(before);
	test_ok(path_read_file(dir.fd, "x", 5, &text));
	test_str(buf_str(&text), "world");
	struct stat st;
	assert_int_equal(fstatat(dir.fd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	test_err(path_read_file(dir.fd, "x", 4, &text), ERR_INPUT, "'x' is too large");
	test_err(path_read_file(dir.fd, "nope", 4, &text), ERR_SYSTEM, "'nope'");
	test_symlink(dir.fd, "x", "link");
	test_err(path_read_file(dir.fd, "link", 10, &text), ERR_SYSTEM, "'link'");
	assert_int_equal(mkfifoat(dir.fd, "fifo", 0600), 0);
	test_err(path_read_file(dir.fd, "fifo", 10, &text), ERR_INPUT, "not a regular file");
	test_err(path_write_file(dir.fd, "a/b", STR(""), 0644, false), ERR_SYSTEM, "a/b");
	/* a failing rename leaves no temporary file behind */
	test_mkdir(dir.fd, "full");
	test_write(dir.fd, "full/x", "");
	test_err(path_write_file(dir.fd, "full", STR("x"), 0644, false), ERR_SYSTEM, "'full'");
	DIR *d = opendir(dir.path);
	for (struct dirent *entry; (entry = readdir(d));)
		assert_int_not_equal(strncmp(entry->d_name, ".tmp", 4), 0);
	closedir(d);
}

static void test_clean(void **state)
{
	(void)state;
	/* the table of Go's path_test.go */
	static const char *const cases[][2] = {
		{ "", "." },
		{ "abc", "abc" },
		{ "abc/def", "abc/def" },
		{ "a/b/c", "a/b/c" },
		{ ".", "." },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "../../abc", "../../abc" },
		{ "/abc", "/abc" },
		{ "/", "/" },
		{ "abc/", "abc" },
		{ "abc/def/", "abc/def" },
		{ "a/b/c/", "a/b/c" },
		{ "./", "." },
		{ "../", ".." },
		{ "../../", "../.." },
		{ "/abc/", "/abc" },
		{ "abc//def//ghi", "abc/def/ghi" },
		{ "//abc", "/abc" },
		{ "///abc", "/abc" },
		{ "//abc//", "/abc" },
		{ "abc//", "abc" },
		{ "abc/./def", "abc/def" },
		{ "/./abc/def", "/abc/def" },
		{ "abc/.", "abc" },
		{ "abc/def/ghi/../jkl", "abc/def/jkl" },
		{ "abc/def/../ghi/../jkl", "abc/jkl" },
		{ "abc/def/..", "abc" },
		{ "abc/def/../..", "." },
		{ "/abc/def/../..", "/" },
		{ "abc/def/../../..", ".." },
		{ "/abc/def/../../..", "/" },
		{ "abc/def/../../../ghi/jkl/../../../mno", "../../mno" },
		{ "abc/./../def", "def" },
		{ "abc//./../def", "def" },
		{ "abc/../../././../def", "../../def" },
		{ "...", "..." },
		{ "/...", "/..." },
	};
	AUTO_ARENA Arena a = ARENA_INIT;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_str(path_clean(&a, str_from(cases[i][0])), cases[i][1]);
	test_str(path_clean_in_root(&a, STR("/../a/")), "a");
	test_str(path_clean_in_root(&a, STR("/")), "");
	test_str(path_clean_in_root(&a, STR("")), "");
	test_str(path_clean_in_root(&a, STR("../../x/../y")), "y");
	test_str(path_join(&a, STR("/app"), STR("x/")), "/app/x");
	test_str(path_join(&a, STR("/app"), STR("../x")), "/x");
	test_str(path_join(&a, STR("/app"), STR("/x")), "/x");
	test_str(path_join(&a, STR("/"), STR("x")), "/x");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_open_by_kernel), cmocka_unit_test(test_open_by_walk),
	cmocka_unit_test(test_bad_names),      cmocka_unit_test(test_open_parent),
	cmocka_unit_test(test_open_flipped),   cmocka_unit_test(test_make_dirs),
	cmocka_unit_test(test_remove_hostile), cmocka_unit_test(test_remove_deep),
	cmocka_unit_test(test_remove_twice),   cmocka_unit_test(test_files),
	cmocka_unit_test(test_clean),
};

const TestTable path_table = { tests, ARRAY_LEN(tests) };
