/* test_upper.c - uppers over layers: what is as it was below is left out, of list and directory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "fs/path.h"
#include "layer/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define PREFIX "user.overlay."

typedef struct Fixture {
	char dir[64];
	Store *store;
	Digest below; /* a layer with the tree of make_tree() */
	int up;       /* an upper with the same tree */
} Fixture;

static void set_time(int dir, const char *name, long sec, long nsec)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = sec, .tv_nsec = nsec } };
	assert_int_equal(utimensat(dir, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void put(int dir, const char *name, const char *text)
{
	AUTO_CLOSE int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	must(path_write_all(fd, text, strlen(text), name));
	set_time(dir, name, 1234, 5678);
}

static void set_xattr(int dir, const char *name, const char *xattr, const char *value)
{
	char path[256];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
	if (setxattr(path, xattr, value, strlen(value), 0) < 0)
		skip();
}

/* The times of directories: after all that is done in them. */
static void set_dir_times(int up)
{
	static const char *const dirs[] = { "a/b/c", "a/b", "a", "z" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		set_time(up, dirs[i], 99, 1);
}

static int make_tree(Fixture *f)
{
	int tmp;
	must(store_tmp_fd(f->store, &tmp));
	assert_int_equal(mkdirat(tmp, "upper", 0755), 0);
	int up = openat(tmp, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const dirs[] = { "a", "a/b", "a/b/c", "z" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdirat(up, dirs[i], 0755), 0);
	put(up, "a/b/c/deep", "deep");
	put(up, "a/b/file", "text");
	put(up, "a/empty", "");
	put(up, "top", "top");
	set_xattr(up, "top", "user.mine", "1");
	assert_int_equal(symlinkat("../top", up, "z/link"), 0);
	set_time(up, "z/link", 77, 0);
	assert_int_equal(mkfifoat(up, "z/pipe", 0600), 0);
	set_time(up, "z/pipe", 78, 0);
	set_dir_times(up);
	return up;
}

static StoreLayer diff(Fixture *f, bool over_below, int64_t clamp_ns)
{
	LayerUpper how = { .dir_name = "upper",
		           .lowers = &f->below,
		           .lower_count = over_below,
		           .window = { { 1, 0 }, { 1, 0 } },
		           .clamp_mtime_ns = clamp_ns,
		           .overlay_prefix = PREFIX };
	StoreLayer layer;
	must(layer_from_upper(f->store, &how, &layer));
	must(layer_verify(f->store, &layer.diff_id, NULL));
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	AUTO_WRITER Writer *hash = writer_hash(nowhere);
	must(layer_write_tar(f->store, &layer.diff_id, hash, NULL));
	must(writer_finish(hash));
	Digest again = writer_hash_digest(hash);
	assert_true(digest_eq(&again, &layer.diff_id)); /* directory and list say the same */
	return layer;
}

static int setup(void **state)
{
	Fixture *f = xcalloc(1, sizeof *f);
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/decant-upper-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	must(store_open(f->dir, &f->store));
	close(make_tree(f));
	f->below = diff(f, false, INT64_MAX).diff_id;
	f->up = make_tree(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	Fixture *f = *state;
	close(f->up);
	store_close(f->store);
	must(path_remove_tree(AT_FDCWD, f->dir));
	free(f);
	return 0;
}

/* The upper as it is now becomes a layer that has WANT; the names of GONE are not in its directory.
 */
static void check(Fixture *f, const char *want, const char *const *gone)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_LIST List *list = NULL;
	AUTO_BUF Buf got = BUF_INIT;
	AUTO_CLOSE int dir = -1;
	struct stat st;
	StoreLayer layer = diff(f, true, INT64_MAX);
	must(store_layer_list(f->store, &layer.diff_id, &list));
	must(store_layer_open_dir(f->store, &layer.diff_id, &dir));
	ListCursor c = list_cursor(list, STR(""));
	Entry e;
	while (list_next(&c, &a, &e)) {
		buf_addf(&got, "%c%s %.*s;", (char)e.type, e.opaque ? "!" : "", STR_ARG(e.path));
		if (e.type == ENTRY_WHITEOUT)
			continue;
		assert_int_equal(fstatat(dir, arena_str(&a, e.path).ptr, &st, AT_SYMLINK_NOFOLLOW),
		                 0);
		assert_int_equal(st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, e.mtime_ns);
	}
	assert_string_equal(got.ptr ? got.ptr : "", want);
	for (; *gone; gone++)
		assert_int_equal(fstatat(dir, *gone, &st, AT_SYMLINK_NOFOLLOW), -1);
}

#define GONE(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_nothing_changed(void **state)
{
	check(*state, "", GONE("a", "top", "z"));
}

static void test_metadata_changed(void **state)
{
	Fixture *f = *state;
	assert_int_equal(fchmodat(f->up, "a/b/file", 0600, 0), 0);
	set_time(f->up, "z/link", 79, 0);
	set_xattr(f->up, "top", "user.mine", "2");
	check(f, "d a;d a/b;f a/b/file;f top;d z;l z/link;", GONE("a/b/c", "a/empty", "z/pipe"));
}

static void test_content_changed(void **state)
{
	Fixture *f = *state;
	put(f->up, "a/b/c/deep", "peed"); /* same size and time */
	put(f->up, "a/empty", "x");
	set_dir_times(f->up);
	check(f, "d a;d a/b;d a/b/c;f a/b/c/deep;f a/empty;", GONE("a/b/file", "top", "z"));
}

static void test_kind_changed(void **state)
{
	Fixture *f = *state;
	assert_int_equal(unlinkat(f->up, "z/pipe", 0), 0);
	assert_int_equal(mkdirat(f->up, "z/pipe", 0600), 0);
	assert_int_equal(unlinkat(f->up, "z/link", 0), 0);
	assert_int_equal(symlinkat("../tap", f->up, "z/link"), 0);
	set_time(f->up, "z/link", 77, 0);
	set_dir_times(f->up);
	check(f, "d z;l z/link;d z/pipe;", GONE("a", "top"));
}

/* Nothing of the layers below shows in an opaque directory: all in it is needed. */
static void test_opaque(void **state)
{
	Fixture *f = *state;
	set_xattr(f->up, "a/b", PREFIX "opaque", "y");
	check(f, "d a;d! a/b;d a/b/c;f a/b/c/deep;f a/b/file;", GONE("a/empty", "top", "z"));
}

static void test_several_names(void **state)
{
	Fixture *f = *state;
	assert_int_equal(linkat(f->up, "a/b/file", f->up, "z/other", 0), 0);
	set_dir_times(f->up);
	check(f, "d a;d a/b;f a/b/file;d z;h z/other;", GONE("a/b/c", "a/empty", "top", "z/link"));
}

/* What is no entry of the layer keeps its directory all the same. */
static void test_what_is_not_listed(void **state)
{
	Fixture *f = *state;
	if (mknodat(f->up, "a/b/c/sock", S_IFSOCK | 0600, 0) < 0 ||
	    mknodat(f->up, "z/never-was", S_IFCHR, makedev(0, 0)) < 0)
		skip();
	set_dir_times(f->up);
	check(f, "d a;d a/b;d a/b/c;d z;", GONE("a/b/c/deep", "a/b/file", "a/empty", "z/link"));
}

static void test_whiteout_and_new_files(void **state)
{
	Fixture *f = *state;
	assert_int_equal(unlinkat(f->up, "a/b/file", 0), 0);
	if (mknodat(f->up, "a/b/file", S_IFCHR, makedev(0, 0)) < 0)
		skip();
	assert_int_equal(mkdirat(f->up, "new", 0755), 0);
	put(f->up, "new/file", "text");
	set_dir_times(f->up);
	check(f, "d a;d a/b;w a/b/file;d new;f new/file;", GONE("a/b/c", "a/empty", "top", "z"));
}

/* With SOURCE_DATE_EPOCH a time that is clamped to what it was is no change either. */
static void test_clamped(void **state)
{
	Fixture *f = *state;
	int64_t epoch_ns = 99ll * 1000000000 + 1;
	f->below = diff(f, false, epoch_ns).diff_id;
	close(f->up);
	f->up = make_tree(f);
	set_time(f->up, "top", 4321, 0);
	assert_int_equal(diff(f, true, epoch_ns).size_bytes, 0);
}

int main(int argc, char **argv)
{
	/* Layers hold files of several owners: as an ordinary user, only inside a namespace of his.
	 */
	if (cannot_have_ids(argc, argv))
		return 1;
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(nothing_changed),
		T(metadata_changed),
		T(content_changed),
		T(kind_changed),
		T(opaque),
		T(several_names),
		T(what_is_not_listed),
		T(whiteout_and_new_files),
		T(clamped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
