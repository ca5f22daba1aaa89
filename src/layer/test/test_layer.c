/* test_layer.c - the two forms of a layer, tars into layers, uppers into layers, and views. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/layer.h"
#include "layer/view.h"
#include "store/test/store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define PREFIX "user.overlay." /* the one that an ordinary user may set as well */

static void must_fail(Err *e, ErrKind kind, const char *says)
{
	assert_non_null(e);
	assert_int_equal(err_kind(e), kind);
	if (!strstr(err_cause(e).ptr, says))
		fail_msg("'%s' does not say '%s'", err_cause(e).ptr, says);
	err_free(e);
}

/* --- layers in short: "d a", "f a/b=text", "l a/c>b", "h a/d>a/b", "w gone", "o dir" --- */

static Entry entry_of(const char *line)
{
	Str text = str_from(line + 2), path = text, rest = { 0 };
	char kind = line[0];
	ptrdiff_t at = str_find(text, kind == 'f' ? '=' : '>');
	if ((kind == 'f' || kind == 'l' || kind == 'h') && at >= 0) {
		path = str_head(text, (size_t)at);
		rest = str_from_at(text, (size_t)at + 1);
	}
	Entry e = {
		.path = path, .mode = 0644, .mtime_ns = 1000000000ll * 1234, .uid = 7, .gid = 8
	};
	switch (kind) {
	case 'd':
	case 'o':
		e.type = ENTRY_DIR;
		e.mode = 0755;
		e.opaque = kind == 'o';
		break;
	case 'l':
		e.type = ENTRY_SYMLINK;
		e.mode = 0777;
		e.link = rest;
		break;
	case 'h':
		e.type = ENTRY_HARDLINK;
		e.link = rest;
		break;
	case 'w':
		e.type = ENTRY_WHITEOUT;
		break;
	default:
		e.type = ENTRY_FILE;
		e.size = rest.len;
		e.sha256 = sha256_of(rest);
		break;
	}
	return e;
}

static Str content_of(const char *const *lines, Str path)
{
	for (; *lines; lines++) {
		Entry e = entry_of(*lines);
		if (e.type == ENTRY_FILE && str_eq(e.path, path))
			return str_from_at(str_from(*lines), 3 + path.len);
	}
	return STR("");
}

static Err *open_line(void *context, const Entry *e, int *ret_fd)
{
	Str text = content_of(context, e->path);
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	TRY(path_write_all(fd, text.ptr, text.len, "test"));
	lseek(fd, 0, SEEK_SET);
	*ret_fd = fd;
	return NULL;
}

static StoreLayer make(Fixture *f, LayerForm form, const char *const *lines)
{
	ListBuilder *b = list_builder_new();
	for (size_t i = 0; lines[i]; i++) {
		Entry e = entry_of(lines[i]);
		list_builder_add(b, &e);
	}
	AUTO_LIST List *list = list_builder_finish(b);
	LayerSource source = { open_line, (void *)lines };
	StoreLayer layer;
	must(layer_make(f->store, list, &source, form, PREFIX, NULL, &layer));
	return layer;
}

static Digest tar_digest(Fixture *f, const Digest *diff_id)
{
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	AUTO_WRITER Writer *hash = writer_hash(nowhere);
	must(layer_write_tar(f->store, diff_id, hash, NULL));
	must(writer_finish(hash));
	return writer_hash_digest(hash);
}

static const char *const sample[] = { "d a",     "f a/b=hello", "h a/c>a/b", "l a/d>../b",
	                              "f a.b=x", "f z=",        "w gone",    NULL };

static void test_both_forms_have_one_diff_id(void **state)
{
	Fixture *f = *state;
	StoreLayer tar = make(f, LAYER_FORM_TAR, sample);
	assert_true(tar.has_tar && !tar.has_dir);
	Digest from_tar = tar_digest(f, &tar.diff_id);
	assert_true(digest_eq(&from_tar, &tar.diff_id));
	must(layer_verify(f->store, &tar.diff_id, NULL));

	must(layer_need_dir(f->store, &tar.diff_id, PREFIX, NULL));
	must(layer_verify(f->store, &tar.diff_id, NULL)); /* the directory that the tar gave */
	must(store_layer_drop(f->store, &tar.diff_id));

	StoreLayer dir = make(f, LAYER_FORM_DIR, sample);
	assert_true(dir.has_dir && !dir.has_tar);
	assert_true(digest_eq(&dir.diff_id, &tar.diff_id));
	assert_true(digest_eq(&dir.identity, &tar.identity));
	assert_int_equal(dir.tar_bytes, tar.tar_bytes);
	Digest from_dir = tar_digest(f, &dir.diff_id);
	assert_true(digest_eq(&from_dir, &dir.diff_id));
}

static void test_packed_blob_is_remembered(void **state)
{
	Fixture *f = *state;
	StoreLayer layer = make(f, LAYER_FORM_DIR, sample);
	CompressionSpec spec = { .id = COMPRESSION_GZIP };
	StoreBlobOf one, two, zstd;
	must(layer_pack(f->store, &layer.diff_id, &spec, NULL, 0, NULL, &one));
	must(layer_pack(f->store, &layer.diff_id, &spec, NULL, 0, NULL, &two));
	assert_true(digest_eq(&one.digest, &two.digest) && one.size == two.size);
	assert_true(store_blob_exists(f->store, &one.digest, NULL));
	spec.id = COMPRESSION_ZSTD;
	must(layer_pack(f->store, &layer.diff_id, &spec, NULL, 0, NULL, &zstd));
	assert_false(digest_eq(&one.digest, &zstd.digest));
	Digest again = tar_digest(f, &layer.diff_id); /* now from a compressed blob */
	assert_true(digest_eq(&again, &layer.diff_id));
}

static void test_damage_is_found(void **state)
{
	Fixture *f = *state;
	StoreLayer layer = make(f, LAYER_FORM_DIR, sample);
	int dir;
	must(layer_verify(f->store, &layer.diff_id, NULL));
	must(store_layer_open_dir(f->store, &layer.diff_id, &dir));
	AUTO_CLOSE int fd = openat(dir, "a/b", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	close(dir);
	must_fail(layer_verify(f->store, &layer.diff_id, NULL), ERR_CORRUPT,
	          "'a/b' has another size");
	assert_int_equal(write(fd, "hellO", 5), 5);
	must_fail(layer_verify(f->store, &layer.diff_id, NULL), ERR_CORRUPT,
	          "'a/b' has other content");
}

/* As after a power cut: the layer says that it was written under another boot. */
static void set_other_boot(Fixture *f, const Digest *diff_id)
{
	char path[128], hex[DIGEST_HEX_LEN + 1];
	AUTO_BUF Buf text = BUF_INIT;
	(void)snprintf(path, sizeof path, "layers/%s.meta", digest_hex(diff_id, hex).ptr);
	must(path_read_file(store_dir_fd(f->store), path, 1000, &text));
	char *boot = strstr(text.ptr, "boot "), *end = strstr(text.ptr, "end ");
	assert_true(boot && end);
	memset(boot + 5, 'x', 36);
	Digest seal = sha256_of((Str){ text.ptr, (size_t)(end - text.ptr) });
	memcpy(end + 4, digest_hex(&seal, hex).ptr, DIGEST_HEX_LEN);
	AUTO_CLOSE int fd = openat(store_dir_fd(f->store), path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	must(path_write_all(fd, text.ptr, text.len, path));
}

static void cut_file(Fixture *f, const Digest *diff_id, const char *path)
{
	int dir;
	must(store_layer_open_dir(f->store, diff_id, &dir));
	AUTO_CLOSE int fd = openat(dir, path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	close(dir);
}

static void test_layer_of_an_earlier_boot(void **state)
{
	Fixture *f = *state;
	StoreLayer layer = make(f, LAYER_FORM_DIR, sample), again;
	set_other_boot(f, &layer.diff_id);
	must(store_layer_get(f->store, &layer.diff_id, &again));
	assert_true(again.suspect);
	must(layer_check(f->store, &layer.diff_id, NULL)); /* whole: marked, not looked at again */
	must(store_layer_get(f->store, &layer.diff_id, &again));
	assert_false(again.suspect);
	must(store_layer_drop(f->store, &layer.diff_id));

	layer = make(f, LAYER_FORM_DIR, sample);
	cut_file(f, &layer.diff_id, "a/b");
	must(layer_check(f->store, &layer.diff_id, NULL)); /* of this boot: not looked at */
	set_other_boot(f, &layer.diff_id);
	must_fail(layer_check(f->store, &layer.diff_id, NULL), ERR_CORRUPT, "'a/b'");
	must_fail(store_layer_get(f->store, &layer.diff_id, &again), ERR_NOT_FOUND, "no layer");
}

/* --- tars
 * --------------------------------------------------------------------------------------------------
 */

typedef struct TarLine {
	const char *line; /* as above, but any order and any name */
} TarLine;

/* Our own writer refuses names like ".wh.x": they are written as "@wh@x" and patched here. */
static void patch_whiteouts(Buf *tar)
{
	for (size_t at = 0; at + 512 <= tar->len; at += 512) {
		char *name = tar->ptr + at, *mark;
		bool patched = false;
		while ((mark = memmem(name, 100, "@wh@", 4))) {
			memcpy(mark, ".wh.", 4);
			patched = true;
		}
		if (!patched)
			continue;
		unsigned sum = 0;
		memset(name + 148, ' ', 8);
		for (int i = 0; i < 512; i++)
			sum += (unsigned char)name[i];
		(void)snprintf(name + 148, 8, "%06o", sum);
	}
}

static Err *apply(Fixture *f, const char *const *lines, LayerForm form, StoreLayer *ret)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_WRITER Writer *out = writer_to_buf(&bytes);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	for (size_t i = 0; lines[i]; i++) {
		Entry e = entry_of(lines[i]);
		must(tar_writer_entry(tar, &e));
		if (e.type == ENTRY_FILE)
			must(tar_writer_data(tar, lines[i] + 3 + e.path.len, e.size));
	}
	must(tar_writer_finish(tar));
	must(writer_finish(out));
	patch_whiteouts(&bytes);
	AUTO_READER Reader *in = reader_from_memory(buf_str(&bytes));
	LayerApply how = { .name = "the layer", .form = form, .overlay_prefix = PREFIX };
	return layer_apply(f->store, in, &how, ret);
}

static void check_list(Fixture *f, const StoreLayer *layer, const char *want)
{
	AUTO_LIST List *list = NULL;
	AUTO_BUF Buf got = BUF_INIT;
	must(store_layer_list(f->store, &layer->diff_id, &list));
	ListCursor c = list_cursor(list, STR(""));
	Entry e;
	while (list_next(&c, &f->arena, &e)) {
		buf_addf(&got, "%c%s %.*s", (char)e.type, e.opaque ? "!" : "", STR_ARG(e.path));
		if (e.link.len)
			buf_addf(&got, ">%.*s", STR_ARG(e.link));
		buf_add_char(&got, ';');
	}
	assert_string_equal(got.ptr ? got.ptr : "", want);
}

static void test_tars_become_lists(void **state)
{
	Fixture *f = *state;
	static const struct {
		const char *name;
		const char *lines[8];
		const char *want;
	} cases[] = {
		{ "any order", { "f b=1", "d a", "f a/x=2" }, "d a;f a/x;f b;" },
		{ "parents implied", { "f a/b/c=1" }, "f a/b/c;" },
		{ "the last one wins", { "f a=1", "f a=22" }, "f a;" },
		{ "whiteout", { "d a", "f a/@wh@x=" }, "d a;w a/x;" },
		{ "opaque", { "d a", "f a/@wh@@wh@.opq=", "f a/y=1" }, "d! a;f a/y;" },
		{ "opaque without its directory", { "f a/@wh@@wh@.opq=" }, "d! a;" },
		{ "whiteout, then a directory: opaque",
		  { "f @wh@a=", "d a", "f a/x=1" },
		  "d! a;f a/x;" },
		{ "a file over a directory", { "d a", "f a/x=1", "f a=2" }, "f a;" },
		{ "a link that sorts before its file", { "f b=1", "h a>b" }, "f a;h b>a;" },
		{ "links to links", { "f b=1", "h c>b", "h a>c" }, "f a;h b>a;h c>a;" },
		{ "a linked file that is replaced", { "f b=1", "h c>b", "f b=22" }, "f b;f c;" },
		{ "aufs bookkeeping", { "f @wh@@wh@plnk=", "f a=1" }, "f a;" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		StoreLayer dir, tar;
		print_message("# %s\n", cases[i].name);
		must(apply(f, cases[i].lines, LAYER_FORM_DIR, &dir));
		check_list(f, &dir, cases[i].want);
		must(layer_verify(f->store, &dir.diff_id, NULL));
		must(store_layer_drop(f->store, &dir.diff_id));
		must(apply(f, cases[i].lines, LAYER_FORM_TAR, &tar));
		assert_true(digest_eq(&dir.diff_id, &tar.diff_id) &&
		            digest_eq(&dir.identity, &tar.identity));
		check_list(f, &tar, cases[i].want);
	}
}

/* Each link sorts before all others so far: with a group looked at per link this takes minutes. */
static void test_many_links_in_bad_order(void **state)
{
	enum { LINKS = 20000 };
	Fixture *f = *state;
	const char **lines = xcalloc(LINKS + 2, sizeof *lines);
	AUTO_BUF Buf want = BUF_INIT;
	buf_add_str(&want, STR("f 00000;"));
	lines[0] = "f z=1";
	for (unsigned i = 0; i < LINKS; i++) {
		lines[LINKS - i] = arena_strf(&f->arena, "h %05u>z", i).ptr;
		if (i > 0)
			buf_addf(&want, "h %05u>00000;", i);
	}
	buf_addf(&want, "h z>00000;%c", '\0');
	StoreLayer layer;
	must(apply(f, lines, LAYER_FORM_TAR, &layer));
	check_list(f, &layer, want.ptr);
	free(lines);
}

static void test_bad_tars(void **state)
{
	Fixture *f = *state;
	static const struct {
		const char *lines[4];
		const char *says;
	} cases[] = {
		{ { "h a>b" }, "not there" },
		{ { "d b", "h a>b" }, "directory" },
		{ { "l a>/tmp", "f a/x=1" }, "cannot open the directory 'a'" },
		{ { "f a=1", "f a/x=1" }, "cannot open the directory 'a'" },
		{ { "f @wh@=" }, "whiteout" },
		{ { "f @wh@..=" }, "whiteout" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		StoreLayer layer;
		Err *e = apply(f, cases[i].lines, LAYER_FORM_DIR, &layer);
		assert_non_null(e);
		if (!strstr(err_cause(e).ptr, cases[i].says))
			fail_msg("'%s' does not say '%s'", err_cause(e).ptr, cases[i].says);
		err_free(e);
	}
}

/* --- views
 * --------------------------------------------------------------------------------------------------
 */

static View *stack(Fixture *f, const char *const *const *layers, size_t count)
{
	Digest ids[8];
	View *v;
	for (size_t i = 0; i < count; i++)
		ids[i] = make(f, LAYER_FORM_TAR, layers[i]).diff_id;
	must(view_open(f->store, ids, count, &v));
	return v;
}

static Err *note_entry(void *context, const Entry *e, size_t layer)
{
	buf_addf(context, "%c%zu %.*s", (char)e->type, layer, STR_ARG(e->path));
	if (e->type == ENTRY_HARDLINK)
		buf_addf(context, ">%.*s", STR_ARG(e->link));
	buf_add_char(context, ';');
	return NULL;
}

static void test_view_of_a_stack(void **state)
{
	Fixture *f = *state;
	static const char *const bottom[] = { "d etc",     "f etc/a=1",     "f etc/b=1",
		                              "d opt",     "f opt/x=1",     "d usr",
		                              "f usr/f=1", "h usr/g>usr/f", NULL };
	static const char *const middle[] = { "d etc",     "w etc/a",   "o opt",
		                              "f opt/y=1", "f usr/f=2", NULL };
	static const char *const top[] = { "f etc/a=3", "w opt/y", "f new/deep/z=1", NULL };
	const char *const *const layers[] = { bottom, middle, top };
	AUTO_VIEW View *v = stack(f, layers, 3);
	AUTO_BUF Buf got = BUF_INIT;
	must(view_each(v, STR(""), note_entry, &got));
	assert_string_equal(
		got.ptr, "d1 etc;f2 etc/a;f0 etc/b;f2 new/deep/z;d1 opt;d0 usr;f1 usr/f;f0 usr/g;");
	Entry e;
	size_t layer;
	assert_true(view_find(v, STR("etc/a"), &f->arena, &e, &layer) && layer == 2);
	assert_true(view_find(v, STR("etc/b"), &f->arena, &e, &layer) && layer == 0);
	assert_false(view_find(v, STR("opt/x"), &f->arena, &e, &layer));
	assert_false(view_find(v, STR("opt/y"), &f->arena, &e, &layer));
	assert_true(view_find(v, STR("new/deep"), &f->arena, &e, &layer) && e.type == ENTRY_DIR);
	buf_reset(&got);
	must(view_each(v, STR("opt"), note_entry, &got));
	assert_string_equal(got.ptr, "d1 opt;");
}

static void test_view_follows_links_inside(void **state)
{
	Fixture *f = *state;
	static const char *const one[] = { "d a",         "f a/f=1",    "l abs>/a", "l up>../../a",
		                           "l loop>loop", "l last>a/f", NULL };
	const char *const *const layers[] = { one };
	AUTO_VIEW View *v = stack(f, layers, 1);
	static const struct {
		const char *path, *real;
		bool follow, exists;
	} cases[] = {
		{ "abs/f", "a/f", true, true },          { "up/f", "a/f", true, true },
		{ "last", "a/f", true, true },           { "last", "last", false, true },
		{ "abs/new/x", "a/new/x", true, false }, { "nothing", "nothing", true, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Str real;
		bool exists;
		must(view_resolve(v, str_from(cases[i].path), cases[i].follow, &f->arena, &real,
		                  &exists));
		assert_string_equal(arena_str(&f->arena, real).ptr, cases[i].real);
		assert_int_equal(exists, cases[i].exists);
	}
	Str real;
	bool exists;
	must_fail(view_resolve(v, STR("loop"), true, &f->arena, &real, &exists), ERR_INPUT,
	          "too many symbolic links");
}

static void test_users(void **state)
{
	Fixture *f = *state;
	static const char *const etc[] = {
		"d etc",
		"f "
		"etc/passwd=root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/"
		"sh\n77:x:5:6::/x:/y\n",
		"f etc/group=root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nbig:x:4294967296:app\n",
		NULL
	};
	const char *const *const layers[] = { etc };
	AUTO_VIEW View *v = stack(f, layers, 1);
	static const struct {
		const char *user, *want; /* uid:gid groups home; NULL: an error */
	} cases[] = {
		{ "", "0:0 0,10 /root" },
		{ "root", "0:0 0,10 /root" },
		{ "app", "1000:1001 1001,10 /home/app" },
		{ "1000", "1000:1001 1001,10 /home/app" },
		{ "1042", "1042:0 0 /" },
		{ "1042:1043", "1042:1043 1043 /" },
		{ "app:wheel", "1000:10 10 /home/app" },
		{ "77", "5:6 6 /x" }, /* a name of digits is a name first */
		{ "nobody", NULL },
		{ "app:nogroup", NULL },
		{ "4294967295", NULL },
		{ "4294967296", NULL },
		{ "1000:99999999999", NULL },
		{ "-1", NULL },
		{ "app:big", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ViewUser u;
		AUTO_BUF Buf got = BUF_INIT;
		AUTO_ERR Err *e = view_user(v, str_from(cases[i].user), PREFIX, &f->arena, &u);
		if (!cases[i].want) {
			if (!e)
				fail_msg("'%s' was taken", cases[i].user);
			continue;
		}
		if (e)
			fail_msg("'%s': %s", cases[i].user, err_cause(e).ptr);
		buf_addf(&got, "%u:%u ", u.uid, u.gid);
		for (size_t k = 0; k < u.group_count; k++)
			buf_addf(&got, "%s%u", k ? "," : "", u.groups[k]);
		buf_addf(&got, " %.*s", STR_ARG(u.home));
		assert_string_equal(got.ptr, cases[i].want);
	}
}

/* --- uppers
 * --------------------------------------------------------------------------------------------------
 */

static void test_upper(void **state)
{
	Fixture *f = *state;
	static const char *const below[] = { "d d", "f d/x=1", "f gone=1", NULL };
	Digest lower = make(f, LAYER_FORM_TAR, below).diff_id;
	int tmp;
	if (geteuid() != 0)
		skip();
	must(store_tmp_fd(f->store, &tmp));
	assert_int_equal(mkdirat(tmp, "upper", 0755), 0);
	AUTO_CLOSE int up = openat(tmp, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(path_write_file(up, "file", STR("text"), 0600, false));
	assert_int_equal(linkat(up, "file", up, "link", 0), 0);
	assert_int_equal(mknodat(up, "gone", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(mknodat(up, "never-was", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(mkdirat(up, "d", 0755), 0);
	assert_int_equal(mkdirat(up, "new", 0755), 0);
	char path[256];
	static const char *const opaque[] = { "d", "new" };
	for (size_t i = 0; i < ARRAY_LEN(opaque); i++) {
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", up, opaque[i]);
		if (setxattr(path, PREFIX "opaque", "y", 1, 0) < 0)
			skip();
		assert_int_equal(setxattr(path, PREFIX "origin", "noise", 5, 0), 0);
	}
	LayerUpper how = { .dir_name = "upper",
		           .lowers = &lower,
		           .lower_count = 1,
		           .window = { { 1, 0 }, { 1, 0 } },
		           .clamp_mtime_ns = 5000000000ll,
		           .overlay_prefix = PREFIX };
	StoreLayer layer;
	must(layer_from_upper(f->store, &how, &layer));
	check_list(f, &layer, "d! d;f file;w gone;h link>file;d new;");
	AUTO_LIST List *list = NULL;
	Entry e;
	must(store_layer_list(f->store, &layer.diff_id, &list));
	assert_true(list_find(list, STR("file"), &f->arena, &e));
	assert_int_equal(e.mtime_ns, 5000000000ll); /* SOURCE_DATE_EPOCH */
	assert_int_equal(e.xattr_count, 0);
	Digest again = tar_digest(f, &layer.diff_id);
	assert_true(digest_eq(&again, &layer.diff_id));
	must(layer_verify(f->store, &layer.diff_id, NULL));
}

int main(int argc, char **argv)
{
	/* Layers hold files of several owners: as an ordinary user, only inside a namespace of his.
	 */
	if (cannot_have_ids(argc, argv))
		return 1;
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(both_forms_have_one_diff_id),
		T(packed_blob_is_remembered),
		T(damage_is_found),
		T(layer_of_an_earlier_boot),
		T(tars_become_lists),
		T(many_links_in_bad_order),
		T(bad_tars),
		T(view_of_a_stack),
		T(view_follows_links_inside),
		T(users),
		T(upper),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
