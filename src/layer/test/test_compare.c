/* test_compare.c - two lists side by side. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "layer/compare.h"

static const Xattr xattrs[] = { { STR("security.capability"), STR("1") },
	                        { STR("user.a"), STR("x") } };
static const Xattr other[] = { { STR("security.capability"), STR("1") },
	                       { STR("user.a"), STR("y") } };

static Entry file(void)
{
	return (Entry){ .path = STR("f"),
		        .link = STR(""),
		        .type = ENTRY_FILE,
		        .mode = 0644,
		        .size = 3,
		        .mtime_ns = 5 };
}

static void test_entries(void **state)
{
	(void)state;
	Entry a = file(), b = file();
	assert_int_equal(compare_entries(&a, &b), 0);
	b.sha256.bytes[0] = 1;
	assert_int_equal(compare_entries(&a, &b), COMPARE_CONTENT);
	b = file();
	b.mode = 04644;
	b.gid = 1;
	b.mtime_ns = 6;
	assert_int_equal(compare_entries(&a, &b), COMPARE_MODE | COMPARE_OWNER | COMPARE_TIME);
	b = file();
	b.type = ENTRY_DIR;
	b.mode = 0755;
	assert_int_equal(compare_entries(&a, &b), COMPARE_TYPE);
	/* of a link the mode says nothing, its target all */
	a.type = b.type = ENTRY_SYMLINK;
	a.link = STR("x");
	b.link = STR("y");
	a.size = b.size = 0;
	assert_int_equal(compare_entries(&a, &b), COMPARE_LINK);
	/* a hard link is a file, too */
	a.type = b.type = ENTRY_HARDLINK;
	b.link = a.link;
	b.mode = a.mode;
	assert_int_equal(compare_entries(&a, &b), 0);
	b.sha256.bytes[0] = 1;
	assert_int_equal(compare_entries(&a, &b), COMPARE_CONTENT);
	b.type = ENTRY_FILE;
	assert_int_equal(compare_entries(&a, &b), COMPARE_TYPE | COMPARE_CONTENT);
	b.sha256.bytes[0] = 0;
	assert_int_equal(compare_entries(&a, &b), COMPARE_TYPE);
	a = b = file();
	a.type = b.type = ENTRY_CHAR;
	b.rdev_minor = 3;
	assert_int_equal(compare_entries(&a, &b), COMPARE_DEVICE);
	a = b = file();
	a.type = b.type = ENTRY_DIR;
	b.opaque = true;
	assert_int_equal(compare_entries(&a, &b), COMPARE_OPAQUE);
}

static void test_xattrs(void **state)
{
	(void)state;
	Entry a = file(), b = file();
	a.xattrs = b.xattrs = xattrs;
	a.xattr_count = b.xattr_count = 2;
	assert_int_equal(compare_entries(&a, &b), 0);
	b.xattr_count = 1;
	assert_int_equal(compare_entries(&a, &b), COMPARE_XATTR);
	assert_true(str_eqc(compare_xattr_name(&a, &b), "user.a"));
	assert_true(str_eqc(compare_xattr_name(&b, &a), "user.a"));
	b.xattrs = other;
	b.xattr_count = 2;
	assert_true(str_eqc(compare_xattr_name(&a, &b), "user.a"));
	b.xattrs = &xattrs[1];
	b.xattr_count = 1;
	assert_true(str_eqc(compare_xattr_name(&a, &b), "security.capability"));
}

static List *list_of(const char *paths)
{
	ListBuilder *b = list_builder_new();
	Str rest = str_from(paths);
	while (rest.len) {
		Entry e = file();
		rest = str_cut(rest, ' ', &e.path);
		if (e.path.ptr[e.path.len - 1] == '!') { /* another content */
			e.path.len--;
			e.sha256.bytes[0] = 1;
		}
		list_builder_add(b, &e);
	}
	return list_builder_finish(b);
}

static Err *note(void *context, const Change *c)
{
	buf_addf(context, "%c%.*s ",
	         !c->before  ? 'A'
	         : !c->after ? 'D'
	                     : 'M',
	         STR_ARG(c->after ? c->after->path : c->before->path));
	return NULL;
}

static void expect(const char *x, const char *y, const char *wanted)
{
	AUTO_BUF Buf said = BUF_INIT;
	AUTO_LIST List *a = list_of(x);
	AUTO_LIST List *b = list_of(y);
	must(compare_lists(a, b, note, &said));
	assert_string_equal(said.len ? said.ptr : "", wanted);
}

static void test_lists(void **state)
{
	(void)state;
	expect("", "", "");
	expect("a b c", "a b c", "");
	expect("a b c", "", "Da Db Dc ");
	expect("", "a", "Aa ");
	expect("b d", "a b c d e", "Aa Ac Ae ");
	expect("a a/x a.b b!", "a a.b a.c b", "Da/x Aa.c Mb ");
}

static Err *refuse(void *context, const Change *c)
{
	(void)context;
	(void)c;
	return err_new(ERR_INPUT, "enough");
}

static void test_stops(void **state)
{
	(void)state;
	AUTO_LIST List *a = list_of("a b");
	AUTO_LIST List *b = list_of("c");
	AUTO_ERR Err *e = compare_lists(a, b, refuse, NULL);
	assert_non_null(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_xattrs),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_stops),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
