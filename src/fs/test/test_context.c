/* test_context.c - what a COPY takes from a context; the stat cache; races with hostile writers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/sha256.h"
#include "fs/context.h"
#include "fs/statcache.h"
#include "fs/test/test_fs.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The trees of BuildKit's own tests, and what an attacker adds. */
static void make_context(int fd)
{
	test_mkdir(fd, "out");
	test_write(fd, "out/secret", "SECRET");
	test_mkdir(fd, "c");
	test_write(fd, "c/foo", "foo");
	test_write(fd, "c/f1.go", "f1");
	test_write(fd, "c/test-%C3%A4.txt", "percent");
	test_write(fd, "c/test-\xc3\xa4.txt", "umlaut");
	test_write(fd, "c/test+aou.txt", "plus");
	test_write(fd, "c/arr[0].txt", "array");
	test_mkdir(fd, "c/sub");
	test_write(fd, "c/sub/foo", "subfoo");
	test_write(fd, "c/sub/subfile", "subfile");
	test_symlink(fd, "subfile", "c/sub/l0");
	test_symlink(fd, "second", "c/sub/l1");
	test_symlink(fd, "baz", "c/sub/second");
	test_write(fd, "c/sub/baz", "baz");
	test_mkdir(fd, "c/sub/dir1");
	test_mkdir(fd, "c/sub/dir1/dir2");
	test_write(fd, "c/sub/dir1/dir2/foo", "deep");
	test_symlink(fd, "sub", "c/link");
	test_mkdir(fd, "c/T107");
	test_symlink(fd, "../foo", "c/T107/sub");
	test_symlink(fd, "/etc/passwd", "c/passwd");
	test_symlink(fd, "../../../out/secret", "c/climb");
	test_symlink(fd, "../out", "c/outdir");
	test_symlink(fd, "loop", "c/loop");
	test_symlink(fd, ".", "c/dot");
	test_symlink(fd, "/sub/foo", "c/absolute");
	test_mkdir(fd, "c/hard");
	test_write(fd, "c/hard/b", "hard");
	assert_int_equal(linkat(fd, "c/hard/b", fd, "c/hard/a", 0), 0);
	assert_int_equal(linkat(fd, "c/hard/b", fd, "c/hard/z", 0), 0);
	test_mkdir(fd, "c/special");
	assert_int_equal(mkfifoat(fd, "c/special/fifo", 0640), 0);
	AUTO_CLOSE int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)snprintf(address.sun_path, sizeof address.sun_path,
	               "/proc/self/fd/%d/c/special/socket", fd);
	assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof address), 0);
}

/* The files of a match: "path" and a mark for the type; files[0] of a directory is not shown. */
static void describe_match(Buf *out, const ContextMatch *m)
{
	buf_add_str(out, m->name);
	buf_addf(out, m->is_dir ? "/:" : "=%.*s", STR_ARG(m->files[0].source));
	for (size_t i = m->is_dir; i < m->count; i++) {
		const Entry *e = &m->files[i].entry;
		if (m->is_dir)
			buf_addf(out, " %.*s", STR_ARG(e->path));
		if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK)
			buf_addf(out, "%c%.*s", e->type == ENTRY_SYMLINK ? '>' : '=',
			         STR_ARG(e->link));
		else if (e->type != ENTRY_FILE)
			buf_addf(out, "(%c)", (char)e->type);
	}
}

/* What selecting SOURCE gives, or the error with its notes. */
static void describe(Context *c, const char *source, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ContextSelection s;
	AUTO_ERR Err *e = context_select(c, str_from(source), NULL, &a, &s);
	if (e) {
		buf_addf(out, "error: %.*s", STR_ARG(err_cause(e)));
		if (err_notes(e).len)
			buf_addf(out, " [%.*s]", (int)err_notes(e).len - 1, err_notes(e).ptr);
		return;
	}
	for (size_t i = 0; i < s.count; i++) {
		const ContextMatch *m = &s.matches[i];
		if (i > 0)
			buf_add_str(out, STR(" | "));
		describe_match(out, m);
		assert_int_equal(m->files[0].entry.path.len, 0);
		for (size_t k = 0; k < m->count; k++) {
			const ContextFile *f = &m->files[k];
			assert_true(k < 2 || entry_path_cmp(f[-1].entry.path, f->entry.path) < 0);
			assert_int_equal(f->entry.uid + f->entry.gid, 0);
			struct stat st;
			AUTO_CLOSE int fd = path_try_beneath(context_root_fd(c), f->source,
			                                     O_RDONLY | O_NONBLOCK, 0);
			if (f->entry.type != ENTRY_FILE || fd < 0 || fstat(fd, &st) != 0)
				continue;
			AUTO_BUF Buf text = BUF_INIT;
			test_ok(path_read_fd(fd, 1 << 20, "x", &text));
			Digest d = sha256_of(buf_str(&text));
			assert_true(digest_eq(&d, &f->entry.sha256));
			assert_int_equal(f->entry.size, text.len);
			assert_int_equal(f->entry.mode, st.st_mode & 07777);
			assert_int_equal(f->entry.mtime_ns,
			                 st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
		}
	}
	if (s.wildcard && s.count == 0)
		buf_add_str(out, STR("nothing"));
}

typedef struct Case {
	const char *name, *ignore, *source, *want;
} Case;

#define NOT_FOUND(s) "error: no such file in the build context: '" s "'"
#define SUB_FILES \
	" baz dir1(d) dir1/dir2(d) dir1/dir2/foo foo l0>subfile l1>second second>baz subfile"

static const Case cases[] = {
	{ "a file", "", "foo", "foo=foo" },
	{ "absolute and climbing", "", "/../../a/../foo", "foo=foo" },
	{ "missing", "", "nope", NOT_FOUND("nope") },
	{ "below a file", "", "foo/x", NOT_FOUND("foo/x") },
	{ "T-101 wildcard without match", "", "nomatch*", "nothing" },
	{ "no such directory", "", "nope/*",
	  "error: no such directory in the build context: 'nope'" },
	{ "T-102 one match", "", "f*.go", "f1.go=f1.go" },
	{ "T-103 directories among matches", "", "sub/*",
	  "baz=sub/baz | dir1/: dir2(d) dir2/foo | foo=sub/foo | l0=sub/subfile | l1=sub/baz | "
	  "second=sub/baz | subfile=sub/subfile" },
	{ "T-104 link in the path", "", "link/foo", "foo=sub/foo" },
	{ "T-105 links among matches", "", "sub/l*", "l0=sub/subfile | l1=sub/baz" },
	{ "T-107 link to above its directory", "", "T107/sub", "sub=foo" },
	{ "T-107 the directory keeps it", "", "T107", "T107/: sub>../foo" },
	{ "T-115 percent", "", "test-%C3%A4.txt", "test-%C3%A4.txt=test-%C3%A4.txt" },
	{ "T-115 umlaut", "", "test-\xc3\xa4.txt", "test-\xc3\xa4.txt=test-\xc3\xa4.txt" },
	{ "T-115 plus", "", "test+aou.txt", "test+aou.txt=test+aou.txt" },
	{ "escaped bracket", "", "arr[[]0].txt", "arr[0].txt=arr[0].txt" },
	{ "T-106 socket and FIFO", "", "special", "special/: fifo(p) socket" },
	{ "a directory", "", "sub", "sub/:" SUB_FILES },
	{ "a directory with a slash", "", "sub/", "sub/:" SUB_FILES },
	{ "a directory with a dot", "", "sub/.", "sub/:" SUB_FILES },
	{ "a link to a directory", "", "link", "link/:" SUB_FILES },
	{ "wildcards do not go through links", "", "*/subfile", "subfile=sub/subfile" },
	{ "nor through links to itself", "", "*/*/*/*/*/*/*/foo", "nothing" },
	{ "a link before the wildcard", "", "link/s*file", "subfile=sub/subfile" },
	{ "bad pattern", "", "[", "error: syntax error in pattern: '['" },
	{ "hard links", "", "hard", "hard/: a b=a z=a" },
	{ "one name of a hard link", "", "hard/z", "z=hard/z" },
	{ "the first name is left out", "hard/a", "hard", "hard/: b z=b" },
	{ "D11 absolute link out", "", "passwd", NOT_FOUND("passwd") },
	{ "D11 climbing link", "", "climb", NOT_FOUND("climb") },
	{ "D11 climbing directory link", "", "outdir/secret", NOT_FOUND("outdir/secret") },
	{ "D11 wildcard", "", "out*/*", "nothing" },
	{ "absolute link stays inside", "", "absolute", "absolute=sub/foo" },
	{ "loop", "", "loop", "error: too many symbolic links at 'loop'" },
	{ "ignored file", "foo", "foo", NOT_FOUND("foo") " [.dockerignore:1 excludes it: 'foo']" },
	{ "ignored by its directory", "#\n  ./sub/ \n", "sub/foo",
	  NOT_FOUND("sub/foo") " [.dockerignore:2 excludes it: './sub/']" },
	{ "ignored by a list", "*\n!sub\n! /foo/\nfo?", "foo",
	  NOT_FOUND("foo") " [.dockerignore:4 excludes it: 'fo?']" },
	{ "ignored link", "link", "link/foo",
	  NOT_FOUND("link/foo") " [.dockerignore:1 excludes it: 'link']" },
	{ "ignored target", "sub/baz", "sub/l1",
	  NOT_FOUND("sub/l1") " [.dockerignore:1 excludes it: 'sub/baz']" },
	{ "ignored link between", "sub/second", "sub/l1",
	  NOT_FOUND("sub/l1") " [.dockerignore:1 excludes it: 'sub/second']" },
	{ "ignored and missing", "nope", "nope", NOT_FOUND("nope") },
	{ "ignored matches", "sub/dir1\nsub/b*", "sub/[bd]*", "nothing" },
	{ "pruned", "sub/dir1\nsub/*[0-9]", "sub", "sub/: baz foo second>baz subfile" },
	{ "taken back", "sub\n!sub/dir1/dir2", "sub", "sub/: dir1(d) dir1/dir2(d) dir1/dir2/foo" },
	{ "taken back by name", "sub\n!sub/b*", "sub", "sub/: baz" },
	{ "taken back, but not there", "sub\n!sub/nope", "sub",
	  NOT_FOUND("sub") " [.dockerignore:1 excludes it: 'sub']" },
	{ "everything left out but", "*\n!foo", ".", "/: foo" },
	{ "T-193", "sub/*\n!sub/baz", "sub", "sub/: baz" },
	{ "everything left out", "*", ".", "/:" },
};

static void check_cases(bool walk)
{
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	make_context(dir.fd);
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned wrong = 0;
	path_force_walk(walk);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Source source = { ".dockerignore", str_from(cases[i].ignore) };
		Ignore ignore;
		test_ok(ignore_parse(&a, &source, &ignore));
		for (int pass = 0; pass < 2; pass++) { /* the second from the stat cache */
			AUTO_CONTEXT Context *c = NULL;
			test_ok(context_open(root, &ignore, dir.fd, "cache", &c));
			context_set_threads(c, 1);
			AUTO_BUF Buf got = BUF_INIT;
			describe(c, cases[i].source, &got);
			if (!str_eqc(buf_str(&got), cases[i].want)) {
				print_error("%s: wanted\n  %s\ngot\n  %s\n", cases[i].name,
				            cases[i].want, got.ptr);
				wrong++;
			}
		}
	}
	path_force_walk(false);
	assert_int_equal(wrong, 0);
}

static void test_select(void **state)
{
	(void)state;
	check_cases(false);
}

static void test_select_by_walk(void **state)
{
	(void)state;
	check_cases(true);
}

/* Make every file of DIR older than any racy window. */
static void wait_out_the_tick(void)
{
	(void)usleep(30000);
}

/* The sha256 that selecting NAME gives. */
static Digest digest_in(int root, int cache, const char *name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_CONTEXT Context *c = NULL;
	ContextSelection s;
	test_ok(context_open(root, NULL, cache, "cache", &c));
	test_ok(context_select(c, str_from(name), NULL, &a, &s));
	return s.matches[0].files[0].entry.sha256;
}

static bool is_digest_of(Digest d, const char *text)
{
	Digest want = sha256_of(str_from(text));
	return digest_eq(&d, &want);
}

/* Make the cache say WRONG for the one file in it: what it answers shows then. */
static void falsify_cache(int dir_fd)
{
	AUTO_BUF Buf text = BUF_INIT;
	test_ok(path_read_file(dir_fd, "cache", 1 << 20, &text));
	/* the header of 64 bytes has the hash of the records in its last 32 */
	assert_int_equal(text.len, 64 + sizeof(StatRecord));
	Digest wrong = sha256_of(STR("WRONG"));
	memcpy(text.ptr + 64 + offsetof(StatRecord, sha256), wrong.bytes, sizeof wrong.bytes);
	Digest d = sha256_of(str_from_at(buf_str(&text), 64));
	memcpy(text.ptr + 32, d.bytes, sizeof d.bytes);
	test_ok(path_write_file(dir_fd, "cache", buf_str(&text), 0600, false));
}

static void test_cache(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	test_mkdir(dir.fd, "c");
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_write(root, "f", "one");

	/* racy: written a moment ago, so not remembered */
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "one"));
	assert_int_equal(faccessat(dir.fd, "cache", F_OK, 0), -1);

	wait_out_the_tick();
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "one"));
	falsify_cache(dir.fd);
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "WRONG")); /* it was not read */

	/* same size, same mtime, other content: ctime tells */
	struct stat st;
	assert_int_equal(fstatat(root, "f", &st, 0), 0);
	test_write(root, "f", "two");
	assert_int_equal(utimensat(root, "f", (struct timespec[]){ st.st_atim, st.st_mtim }, 0), 0);
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "two"));

	/* touched: read once more, remembered once more */
	wait_out_the_tick();
	assert_int_equal(utimensat(root, "f", NULL, 0), 0);
	wait_out_the_tick();
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "two"));
	falsify_cache(dir.fd);
	assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "WRONG"));

	/* damage of any byte, or a cut, makes it empty: the file is read */
	AUTO_BUF Buf text = BUF_INIT;
	test_ok(path_read_file(dir.fd, "cache", 1 << 20, &text));
	for (size_t i = 0; i < text.len; i += 5) {
		text.ptr[i] ^= 1;
		test_ok(path_write_file(dir.fd, "cache", buf_str(&text), 0600, false));
		text.ptr[i] ^= 1;
		assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "two"));
		test_ok(path_write_file(dir.fd, "cache", str_head(buf_str(&text), i), 0600, false));
		assert_true(is_digest_of(digest_in(root, dir.fd, "f"), "two"));
	}

	/* nothing new: not written again */
	(void)digest_in(root, dir.fd, "f");
	assert_int_equal(fstatat(dir.fd, "cache", &st, 0), 0);
	ino_t before = st.st_ino;
	(void)digest_in(root, dir.fd, "f");
	assert_int_equal(fstatat(dir.fd, "cache", &st, 0), 0);
	assert_int_equal(st.st_ino, before);
}

/* Who only looks reads no more than it may: what is over the limit is listed, and what is known is
 * not counted. */
static void test_reading_limited(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	const Digest nothing = { 0 };
	test_mkdir(dir.fd, "c");
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_write(root, "f", "twelve bytes");
	wait_out_the_tick();
	for (unsigned i = 0; i < 3; i++) { /* over the limit; within it; known since then */
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_CONTEXT Context *c = NULL;
		ContextSelection s;
		test_ok(context_open(root, NULL, dir.fd, "cache", &c));
		context_limit_reading(c, i == 1 ? 12 : 11);
		test_ok(context_select(c, STR("."), NULL, &a, &s));
		const Entry *e = &s.matches[0].files[1].entry;
		assert_int_equal(e->size, 12);
		if (i == 0)
			assert_true(digest_eq(&e->sha256, &nothing));
		else
			assert_true(is_digest_of(e->sha256, "twelve bytes"));
	}
}

static void test_racy(void **state)
{
	(void)state;
	static const struct {
		int64_t ctime_ns, now_ns;
		bool racy;
	} times[] = {
		{ 5000000001, 5000000001, true },  { 5000000001, 5019000000, true },
		{ 5000000001, 5030000001, false }, { 5000000001, 4000000000, true },
		{ 5000000000, 5030000000, true },  { 5000000000, 7000000001, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		StatKey key = { .ctime_ns = times[i].ctime_ns };
		assert_int_equal(statcache_is_racy(&key, times[i].now_ns), times[i].racy);
	}
}

/* Records of files that are gone go some day; those of other builds' files stay. */
static void test_cache_forgets(void **state)
{
	(void)state;
	enum { MANY = 50000, FEW = 100 };
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_FREE StatRecord *r = xcalloc(MANY, sizeof *r);
	for (size_t i = 0; i < MANY; i++)
		r[i].key = (StatKey){ .dev = 1, .ino = (i * 7919) % MANY + 1, .size = i };
	StatCache *c = statcache_open(dir.fd, "cache");
	statcache_add(c, r, MANY);
	statcache_close(c);

	size_t hint = 0;
	c = statcache_open(dir.fd, "cache");
	statcache_load(c);
	for (size_t i = 0; i < MANY - FEW; i++) {
		const StatRecord *found = statcache_find(c, &r[i].key, &hint);
		assert_non_null(found);
		assert_int_equal(found->key.size, i);
	}
	StatKey other = { .dev = 1, .ino = MANY + 5, .size = 1 };
	assert_null(statcache_find(c, &other, &hint));
	statcache_add(c, &(StatRecord){ .key = other }, 1);
	assert_non_null(statcache_find(c, &other, &hint));
	statcache_close(c); /* most were used: the few others stay */

	c = statcache_open(dir.fd, "cache");
	statcache_load(c);
	assert_non_null(statcache_find(c, &r[MANY - 1].key, &hint));
	assert_non_null(statcache_find(c, &other, &hint));
	other.ino++;
	statcache_add(c, &(StatRecord){ .key = other }, 1);
	statcache_close(c); /* two of 50,000 were used: the rest goes */

	c = statcache_open(dir.fd, "cache");
	statcache_load(c);
	assert_non_null(statcache_find(c, &r[MANY - 1].key, &hint));
	assert_null(statcache_find(c, &r[0].key, &hint));
	statcache_close(c);
}

/* Enough files for threads, with wide and deep directories; the same answer from one thread. */
static void test_many_files(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	char path[64];
	test_mkdir(dir.fd, "c");
	test_mkdir(dir.fd, "c/wide");
	for (int i = 0; i < 2500; i++) {
		(void)snprintf(path, sizeof path, "c/wide/%d", i);
		test_write(dir.fd, path, path);
	}
	for (int i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof path, "c/d%d", i);
		test_mkdir(dir.fd, path);
		(void)snprintf(path, sizeof path, "c/d%d/f", i);
		test_write(dir.fd, path, path);
	}
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF Buf one = BUF_INIT, more = BUF_INIT, cached = BUF_INIT;
	Buf *const outs[] = { &one, &more, &cached };
	wait_out_the_tick();
	for (unsigned i = 0; i < 3; i++) {
		AUTO_CONTEXT Context *c = NULL;
		test_ok(context_open(root, NULL, i > 0 ? dir.fd : -1, "cache", &c));
		context_set_threads(c, i == 0 ? 1 : 4);
		describe(c, ".", outs[i]);
		describe(c, "wide", outs[i]); /* again, from what the first left */
	}
	assert_true(one.len > 10000);
	assert_string_equal(one.ptr, more.ptr);
	assert_string_equal(one.ptr, cached.ptr);
}

typedef struct Flipper {
	int dir_fd;
	bool stop;
} Flipper;

/* D12: "c/d" is a directory, then a link to the secret's directory, then a directory ... */
static void *flip(void *arg)
{
	Flipper *f = arg;
	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		(void)renameat2(f->dir_fd, "c/d", f->dir_fd, "other", RENAME_EXCHANGE);
		(void)renameat2(f->dir_fd, "c/e/f", f->dir_fd, "other-file", RENAME_EXCHANGE);
	}
	return NULL;
}

static void test_flipped(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	test_mkdir(dir.fd, "out");
	test_write(dir.fd, "out/f", "SECRET");
	test_mkdir(dir.fd, "c");
	test_mkdir(dir.fd, "c/d");
	test_write(dir.fd, "c/d/f", "harmless");
	test_mkdir(dir.fd, "c/e");
	test_write(dir.fd, "c/e/f", "harmless");
	test_symlink(dir.fd, "../out", "other");
	test_symlink(dir.fd, "../../out/f", "other-file");
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	Flipper f = { .dir_fd = dir.fd };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);

	static const char *const sources[] = { ".", "d", "d/f", "*/f", "e/f", "e" };
	Digest secret = sha256_of(STR("SECRET"));
	unsigned leaks = 0, good = 0;
	for (unsigned i = 0; i < 3000; i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		AUTO_CONTEXT Context *c = NULL;
		ContextSelection s;
		test_ok(context_open(root, NULL, -1, NULL, &c));
		path_force_walk(i % 2);
		AUTO_ERR Err *e = context_select(c, str_from(sources[i % 6]), NULL, &a, &s);
		for (size_t m = 0; !e && m < s.count; m++)
			for (size_t k = 0; k < s.matches[m].count; k++, good++)
				leaks += digest_eq(&s.matches[m].files[k].entry.sha256, &secret);
	}
	path_force_walk(false);
	__atomic_store_n(&f.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(leaks, 0);
	assert_true(good > 0);
}

static void test_deep_context(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_CLOSE int at = openat(dir.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_CONTEXT Context *c = NULL;
	test_ok(context_open(dir.fd, NULL, -1, NULL, &c));
	for (int i = 0; i < 2100; i++) {
		test_mkdir(at, "d");
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
		if (i == 1500) {
			AUTO_ARENA Arena a = ARENA_INIT;
			ContextSelection s;
			test_ok(context_select(c, STR("."), NULL, &a, &s));
			assert_int_equal(s.matches[0].count, 1502);
		}
	}
	AUTO_ARENA Arena a = ARENA_INIT;
	ContextSelection s;
	test_err(context_select(c, STR("."), NULL, &a, &s), ERR_INPUT, "too long for an image");
	Cancel cancel = { .fd = -1, .set = 1 };
	test_err(context_select(c, STR("d"), &cancel, &a, &s), ERR_CANCELLED, "");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_select),          cmocka_unit_test(test_select_by_walk),
	cmocka_unit_test(test_cache),           cmocka_unit_test(test_racy),
	cmocka_unit_test(test_cache_forgets),   cmocka_unit_test(test_many_files),
	cmocka_unit_test(test_flipped),         cmocka_unit_test(test_deep_context),
	cmocka_unit_test(test_reading_limited),
};

const TestTable context_table = { tests, ARRAY_LEN(tests) };
