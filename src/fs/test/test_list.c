/* test_list.c - content lists: text form, order, search, damage, identity. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/sha256.h"
#include "fs/list.h"
#include "fs/test/test_fs.h"

static Entry file(const char *path, const char *content)
{
	return (Entry){ .path = str_from(path),
		        .link = STR(""),
		        .type = ENTRY_FILE,
		        .mode = 0644,
		        .mtime_ns = 1700000000123456789,
		        .size = strlen(content),
		        .sha256 = sha256_of(str_from(content)) };
}

static Entry other(EntryType type, const char *path, const char *link)
{
	return (Entry){
		.path = str_from(path), .link = str_from(link), .type = type, .mode = 0755
	};
}

static const Xattr xattrs[] = {
	{ { "security.capability", 19 }, { "\1\0\377", 3 } },
	{ { "user.a=b c", 10 }, { "", 0 } },
};

/* One of each kind, in no order. */
static ListBuilder *sample(void)
{
	ListBuilder *b = list_builder_new();
	Entry e = other(ENTRY_DIR, "usr", "");
	e.opaque = true;
	list_builder_add(b, &e);
	e = other(ENTRY_SYMLINK, "usr/l ink", "..\\\x7f\xff/a=b");
	list_builder_add(b, &e);
	e = file("usr/bin/x", "hello");
	e.mode = 04755;
	e.uid = 1000;
	e.gid = 4294967295;
	e.xattrs = xattrs;
	e.xattr_count = 2;
	list_builder_add(b, &e);
	e = other(ENTRY_HARDLINK, "usr/bin/y", "usr/bin/x");
	e.xattrs = xattrs + 1;
	e.xattr_count = 1;
	list_builder_add(b, &e);
	e = other(ENTRY_DIR, "", "");
	e.mtime_ns = -1;
	list_builder_add(b, &e);
	e = other(ENTRY_WHITEOUT, "etc\nx", "");
	e.uid = 7; /* of no account */
	list_builder_add(b, &e);
	e = other(ENTRY_CHAR, "dev/null", "");
	e.rdev_major = 1;
	e.rdev_minor = 3;
	list_builder_add(b, &e);
	e = other(ENTRY_FIFO, "usr-a", ""); /* '-' < '/', yet after everything in usr */
	e.untimed = true;
	e.mtime_ns = -7;
	list_builder_add(b, &e);
	e = file("usr/bin", "");
	e.sha256 = (Digest){ 0 };
	list_builder_add(b, &e);
	e = other(ENTRY_DIR, "usr/bin", "");
	list_builder_add(b, &e); /* replaces the file */
	return b;
}

static const char sample_body[] =
	"decant-list 2\n"
	"d 0755 0 0 -1 0 - - /\n"
	"c 0755 0 0 0 0 - 1:3 dev/null\n"
	"w 0000 0 0 0 0 - - etc\\x0ax\n"
	"D 0755 0 0 0 0 - - usr\n"
	"d 0755 0 0 0 0 - - usr/bin\n"
	"f 4755 1000 4294967295 1700000000123456789 5 "
	"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 - usr/bin/x "
	"security.capability=0100ff user.a\\x3db\\x20c=\n"
	"h 0755 0 0 0 0 - - usr/bin/y usr/bin/x user.a\\x3db\\x20c=\n"
	"l 0755 0 0 0 0 - - usr/l\\x20ink ..\\x5c\\x7f\\xff/a=b\n"
	"p 0755 0 0 ~-7 0 - - usr-a\n";

static void test_text(void **state)
{
	(void)state;
	ListBuilder *b = sample();
	assert_int_equal(list_builder_count(b), 9);
	AUTO_LIST List *l = list_builder_finish(b);
	assert_int_equal(list_count(l), 9);
	Digest d = sha256_of(str_from(sample_body));
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_BUF Buf want = BUF_INIT;
	buf_addf(&want, "%send 9 %s\n", sample_body, digest_hex(&d, hex).ptr);
	AUTO_FREE char *got = strndup(list_text(l).ptr, list_text(l).len);
	assert_string_equal(got, want.ptr);
	test_ok(list_verify(l, "x"));
}

static void test_read_back(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_LIST List *made = list_builder_finish(sample());
	test_ok(path_write_file(dir.fd, "list", list_text(made), 0644, false));
	AUTO_LIST List *l = NULL;
	test_ok(list_open(dir.fd, "list", &l));
	test_ok(list_verify(l, "list"));
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;

	assert_true(list_find(l, STR("usr/bin/x"), &a, &e));
	assert_int_equal(e.type, ENTRY_FILE);
	assert_int_equal(e.mode, 04755);
	assert_int_equal(e.gid, 4294967295);
	assert_int_equal(e.mtime_ns, 1700000000123456789);
	assert_int_equal(e.xattr_count, 2);
	test_str(e.xattrs[1].name, "user.a=b c");
	assert_memory_equal(e.xattrs[0].value.ptr, "\1\0\377", 3);
	assert_true(list_find(l, STR("usr/l ink"), &a, &e));
	test_str(e.link, "..\\\x7f\xff/a=b");
	assert_true(list_find(l, STR("etc\nx"), &a, &e));
	assert_int_equal(e.type, ENTRY_WHITEOUT);
	assert_true(list_find(l, STR(""), &a, &e));
	assert_int_equal(e.mtime_ns, -1);
	assert_true(list_find(l, STR("usr"), &a, &e));
	assert_true(e.opaque);
	assert_true(list_find(l, STR("dev/null"), &a, &e));
	assert_int_equal(e.rdev_major * 10 + e.rdev_minor, 13);
	static const char *const absent[] = { "a",         "us",  "usr/", "usr/bin/w",
		                              "usr/bin/z", "zzz", "/" };
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		assert_false(list_find(l, str_from(absent[i]), &a, &e));

	static const struct {
		const char *prefix, *paths;
	} cursors[] = {
		{ "", "|dev/null|etc\nx|usr|usr/bin|usr/bin/x|usr/bin/y|usr/l ink|usr-a" },
		{ "usr", "usr|usr/bin|usr/bin/x|usr/bin/y|usr/l ink" },
		{ "usr/bin", "usr/bin|usr/bin/x|usr/bin/y" },
		{ "dev", "dev/null" },
		{ "usr-a", "usr-a" },
		{ "us", NULL },
		{ "zz", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
		AUTO_BUF Buf got = BUF_INIT;
		ListCursor c = list_cursor(l, str_from(cursors[i].prefix));
		for (bool first = true; list_next(&c, &a, &e); first = false) {
			if (!first)
				buf_add_char(&got, '|');
			buf_add_str(&got, e.path);
		}
		test_str(buf_str(&got), cursors[i].paths ? cursors[i].paths : "");
		assert_false(c.damaged);
	}
}

static void test_remove(void **state)
{
	(void)state;
	AUTO_LIST_BUILDER ListBuilder *b = sample();
	list_builder_remove(b, STR("usr"));
	assert_null(list_builder_find(b, STR("usr/bin/x")));
	assert_null(list_builder_find(b, STR("usr")));
	assert_non_null(list_builder_find(b, STR("usr-a")));
	assert_int_equal(list_builder_count(b), 4);
	Entry e = file("usr/bin/x", "new");
	list_builder_add(b, &e);
	assert_int_equal(list_builder_find(b, STR("usr/bin/x"))->size, 3);
	list_builder_remove(b, STR("dev/null"));
	list_builder_remove(b, STR("nope"));
	AUTO_LIST List *l = list_builder_finish(TAKE_PTR(b));
	AUTO_ARENA Arena a = ARENA_INIT;
	assert_int_equal(list_count(l), 4);
	assert_true(list_find(l, STR("usr/bin/x"), &a, &e));
	assert_false(list_find(l, STR("usr/bin/y"), &a, &e));
	b = sample();
	list_builder_remove(b, STR(""));
	assert_int_equal(list_builder_count(b), 0);
}

/* Open TEXT as a list; with REHASH its last line is made right first. */
static Err *open_text(const char *body, bool rehash, size_t count)
{
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, str_from(body));
	if (rehash) {
		Digest d = sha256_of(buf_str(&text));
		char hex[DIGEST_HEX_LEN + 1];
		buf_addf(&text, "end %zu %s\n", count, digest_hex(&d, hex).ptr);
	}
	test_ok(path_write_file(dir.fd, "l", buf_str(&text), 0644, false));
	AUTO_LIST List *l = NULL;
	TRY(list_open(dir.fd, "l", &l));
	/* whatever the text, reading it stays inside it */
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;
	(void)list_find(l, STR("a/b"), &a, &e);
	(void)list_identity(l);
	ListCursor c = list_cursor(l, STR(""));
	while (list_next(&c, &a, &e))
		;
	return list_verify(l, "l");
}

static void test_damage(void **state)
{
	(void)state;
#define H "decant-list 2\n"
	static const struct {
		const char *body, *error;
		bool rehash;
		size_t count;
	} cases[] = {
		{ "", "not a content list", false, 0 },
		{ "hello\n", "not a content list", false, 0 },
		{ "decant-list 3\n", "not a content list", true, 0 },
		{ H, "cut short", false, 0 },
		{ H "d 0755 0 0 0 0 - - a\n", "cut short", false, 0 },
		{ H "d 0755 0 0 0 0 - - a\nend 1", "cut short", false, 0 },
		{ H "end 0 00\n", "no right last line", false, 0 },
		{ H "end x 00\n", "cut short", false, 0 },
		{ H "end 0 0000000000000000000000000000000000000000000000000000000000000000\n",
		  "does not have the hash", false, 0 },
		{ H "d 0755 0 0 0 0 - - a\n", "has 1 entries, not 2", true, 2 },
		{ H "\n", "line 2 of the content list 'l' is malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a\nx\n", "line 3", true, 2 },
		{ H "d 0755 0 0 0 0 - -\n", "malformed", true, 1 },
		{ H "x 0755 0 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 755 0 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0855 0 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 00 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 4294967296 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 9223372036854775808 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 -0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 5 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 ~ 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 ~~0 0 - - a\n", "malformed", true, 1 },
		{ H "f 0755 0 0 0 0 12 - a\n", "malformed", true, 1 },
		{ H "c 0755 0 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - 1:3 a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a/../b\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - /a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a\\x61\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a\\x0A\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a\\x0\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a\\\n", "malformed", true, 1 },
		{ H "l 0755 0 0 0 0 - - a\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a b\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a user.x=0\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a =00\n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - a \n", "malformed", true, 1 },
		{ H "d 0755 0 0 0 0 - - b\nd 0755 0 0 0 0 - - a\n",
		  "line 3 of the content list 'l' is out", true, 2 },
		{ H "d 0755 0 0 0 0 - - a\nd 0755 0 0 0 0 - - a\n", "out of order", true, 2 },
		{ H "d 0755 0 0 0 0 - - a-b\nd 0755 0 0 0 0 - - a/b\n", "out of order", true, 2 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		test_err(open_text(cases[i].body, cases[i].rehash, cases[i].count), ERR_CORRUPT,
		         cases[i].error);
	test_ok(open_text(H, true, 0));
	test_ok(open_text(H "d 0755 0 0 0 0 - - a\n", true, 1));
	test_ok(open_text("decant-list 1\nd 0755 0 0 0 0 - - a\n", true, 1));
}

/* All that an entry has is in the identity, its mtime only if it counts. */
typedef struct Change {
	const char *name;
	void (*make)(Entry *file, Entry *dir, Entry *device);
	bool same;      /* the identity stays */
	bool same_free; /* it stays if the entries are untimed */
} Change;

#define CHANGE(NAME, STATEMENT)                                  \
	static void NAME(Entry *file, Entry *dir, Entry *device) \
	{                                                        \
		(void)file, (void)dir, (void)device;             \
		STATEMENT;                                       \
	}
CHANGE(nothing, (void)0)
CHANGE(content, file->sha256.bytes[0] ^= 1)
CHANGE(size, file->size++)
CHANGE(mode, file->mode ^= 040)
CHANGE(setuid_bit, file->mode ^= 04000)
CHANGE(owner, file->uid++)
CHANGE(group, file->gid++)
CHANGE(mtime, file->mtime_ns++)
CHANGE(xattr, (file->xattrs = xattrs, file->xattr_count = 1))
CHANGE(xattr_value, (file->xattrs = &xattrs[1], file->xattr_count = 1))
CHANGE(name, file->path = STR("b"))
CHANGE(dir_mtime, dir->mtime_ns--)
CHANGE(dir_opaque, dir->opaque = true)
CHANGE(dir_mode, dir->mode = 0700)
CHANGE(dir_gone, dir->type = ENTRY_WHITEOUT)
CHANGE(dir_is_link, (dir->type = ENTRY_HARDLINK, dir->link = STR("a")))
CHANGE(dir_is_symlink, (dir->type = ENTRY_SYMLINK, dir->link = STR("a")))
CHANGE(dir_is_symlink_to_b, (dir->type = ENTRY_SYMLINK, dir->link = STR("b")))
CHANGE(dir_is_fifo, dir->type = ENTRY_FIFO)
CHANGE(device_major, device->rdev_major++)
CHANGE(device_minor, device->rdev_minor++)
CHANGE(device_kind, device->type = ENTRY_BLOCK)

static const Change changes[] = {
	{ "nothing", nothing, true, true },
	{ "content", content, false, false },
	{ "size", size, false, false },
	{ "mode", mode, false, false },
	{ "setuid", setuid_bit, false, false },
	{ "owner", owner, false, false },
	{ "group", group, false, false },
	{ "mtime", mtime, false, true },
	{ "xattr", xattr, false, false },
	{ "xattr's value", xattr_value, false, false },
	{ "name", name, false, false },
	{ "directory's mtime", dir_mtime, false, true },
	{ "opaque", dir_opaque, false, false },
	{ "directory's mode", dir_mode, false, false },
	{ "whiteout", dir_gone, false, false },
	{ "hard link", dir_is_link, false, false },
	{ "symlink", dir_is_symlink, false, false },
	{ "symlink's target", dir_is_symlink_to_b, false, false },
	{ "FIFO", dir_is_fifo, false, false },
	{ "major number", device_major, false, false },
	{ "minor number", device_minor, false, false },
	{ "kind of device", device_kind, false, false },
};

static Digest identity(const Change *change, bool untimed)
{
	ListBuilder *b = list_builder_new();
	Entry f = file("a", "text"), d = other(ENTRY_DIR, "d", ""), n = other(ENTRY_CHAR, "n", "");
	f.mtime_ns = d.mtime_ns = 100;
	change->make(&f, &d, &n);
	f.untimed = d.untimed = untimed;
	list_builder_add(b, &f);
	list_builder_add(b, &d);
	list_builder_add(b, &n);
	AUTO_LIST List *l = list_builder_finish(b);
	return list_identity(l);
}

static void test_identity(void **state)
{
	(void)state;
	Digest seen[2][ARRAY_LEN(changes)];
	for (int untimed = 0; untimed < 2; untimed++) {
		for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
			const Change *c = &changes[i];
			Digest *is = seen[untimed];
			is[i] = identity(c, untimed);
			size_t k = 0; /* the first with this identity */
			while (!digest_eq(&is[k], &is[i]))
				k++;
			if (k != ((untimed ? c->same_free : c->same) ? 0 : i)) {
				print_error("%s, %s: as %s\n", c->name,
				            untimed ? "untimed" : "timed", changes[k].name);
				fail();
			}
		}
		if (untimed)
			assert_false(digest_eq(&seen[0][0], &seen[1][0]));
	}
}

static void count_times(void *context, int64_t mtime_ns)
{
	*(int64_t *)context += mtime_ns;
}

static void test_untimed(void **state)
{
	(void)state;
	AUTO_LIST List *l = list_builder_finish(sample());
	int64_t sum = 0;
	list_each_untimed(l, count_times, &sum);
	assert_int_equal(sum, -7);
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;
	assert_true(list_find(l, STR("usr-a"), &a, &e));
	assert_true(e.untimed);
	assert_int_equal(e.mtime_ns, -7);
	assert_true(list_find(l, STR("usr/bin/x"), &a, &e));
	assert_false(e.untimed);
}

static void test_writer(void **state)
{
	(void)state;
	AUTO_LIST List *made = list_builder_finish(sample());
	AUTO_ARENA Arena a = ARENA_INIT;
	ListWriter *w = list_writer_new(0);
	ListCursor c = list_cursor(made, STR(""));
	for (Entry e; list_next(&c, &a, &e);)
		list_writer_add(w, &e);
	AUTO_LIST List *again = list_writer_finish(w);
	assert_true(str_eq(list_text(made), list_text(again)));
	assert_int_equal(list_count(again), 9);
}

/* Many files, added backwards: all are found, none else. */
static void test_many(void **state)
{
	(void)state;
	enum { MANY = 20000 };
	ListBuilder *b = list_builder_new();
	char path[64];
	for (int i = MANY; i-- > 0;) {
		(void)snprintf(path, sizeof path, "d%d/sub.%d/file-%d", i % 7, i % 100, i);
		Entry e = file(path, "");
		e.size = (uint64_t)i;
		list_builder_add(b, &e);
	}
	AUTO_LIST List *l = list_builder_finish(b);
	test_ok(list_verify(l, "many"));
	for (int i = 0; i < MANY; i += 17) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		(void)snprintf(path, sizeof path, "d%d/sub.%d/file-%d", i % 7, i % 100, i);
		assert_true(list_find(l, str_from(path), &a, &e));
		assert_int_equal(e.size, i);
		(void)snprintf(path, sizeof path, "d%d/sub.%d/file-%dx", i % 7, i % 100, i);
		assert_false(list_find(l, str_from(path), &a, &e));
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_text),     cmocka_unit_test(test_read_back),
	cmocka_unit_test(test_remove),   cmocka_unit_test(test_damage),
	cmocka_unit_test(test_identity), cmocka_unit_test(test_writer),
	cmocka_unit_test(test_untimed),  cmocka_unit_test(test_many),
};

const TestTable list_table = { tests, ARRAY_LEN(tests) };
