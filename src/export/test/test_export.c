/* test_export.c - texts of -o, archives that load again, root file systems flattened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "exec/load.h"
#include "export/export.h"
#include "fs/path.h"
#include "layer/layer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct Fixture {
	char root[64];
	int root_fd;
	Store *store;
	Arena arena;
	Image built;
	ExportImage image;
} Fixture;

/* --- an image of two layers whose tars are not ours ------------------------------------------ */

/* A path twice, a link before its file in order, and things that the second layer takes away. */
static void write_first(TarWriter *tar)
{
	static const Entry entries[] = {
		{ .path = { "dup", 3 }, .type = ENTRY_FILE, .mode = 0644, .size = 3 },
		{ .path = { "z", 1 },
		  .type = ENTRY_FILE,
		  .mode = 04755,
		  .size = 3,
		  .mtime_ns = 5000000001 },
		{ .path = { "a", 1 }, .type = ENTRY_HARDLINK, .mode = 04755, .link = { "z", 1 } },
		{ .path = { "m", 1 }, .type = ENTRY_HARDLINK, .mode = 04755, .link = { "z", 1 } },
		{ .path = { "dir", 3 },
		  .type = ENTRY_DIR,
		  .mode = 0500,
		  .uid = 7,
		  .mtime_ns = 9000000000 },
		{ .path = { "dir/gone", 8 }, .type = ENTRY_FILE, .size = 3 },
		{ .path = { "dir/link", 8 },
		  .type = ENTRY_SYMLINK,
		  .mode = 0777,
		  .link = { "../a", 4 } },
		{ .path = { "dup", 3 },
		  .type = ENTRY_FILE,
		  .uid = 7,
		  .gid = 7,
		  .mode = 06600,
		  .size = 3 },
		{ .path = { "pipe", 4 }, .type = ENTRY_FIFO, .mode = 0644 },
	};
	static const char *const data[] = {
		"old", "zzz", NULL, NULL, NULL, "xxx", NULL, "new", NULL
	};
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		must(tar_writer_entry(tar, &entries[i]));
		if (data[i])
			must(tar_writer_data(tar, data[i], 3));
	}
}

static void write_second(TarWriter *tar)
{
	static const Entry entries[] = {
		{ .path = { "a", 1 }, .type = ENTRY_FILE, .mode = 0644, .size = 3 },
		{ .path = { "dir/gone", 8 }, .type = ENTRY_WHITEOUT },
	};
	must(tar_writer_entry(tar, &entries[0]));
	must(tar_writer_data(tar, "two", 3));
	must(tar_writer_entry(tar, &entries[1]));
}

static Digest add_layer(Fixture *f, void (*write)(TarWriter *))
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_WRITER Writer *out = writer_to_buf(&bytes);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	write(tar);
	must(tar_writer_finish(tar));
	AUTO_READER Reader *in = reader_from_memory(buf_str(&bytes));
	StoreLayer layer;
	LayerApply how = { .name = "a layer", .form = LAYER_FORM_TAR };
	must(layer_apply(f->store, in, &how, &layer));
	return layer.diff_id;
}

static int set_up(void **state)
{
	Fixture *f = xcalloc(1, sizeof *f);
	(void)snprintf(f->root, sizeof f->root, "/tmp/test-export.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	f->root_fd = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(store_open(arena_strf(&f->arena, "%s/store", f->root).ptr, &f->store));
	Digest diff_ids[2] = { add_layer(f, write_first), add_layer(f, write_second) };
	ImageConfig config = { .platform = platform_host(),
		               .diff_ids = diff_ids,
		               .diff_id_count = 2 };
	AUTO_BUF Buf json = BUF_INIT;
	StoreRef ref = { .name = STR("docker.io/library/img:1") };
	image_config_format(&config, &json);
	must(store_blob_put(f->store, buf_str(&json), false, &ref.config));
	must(store_ref_set(f->store, &ref));
	must(image_find(f->store, STR("img:1"), &f->arena, &f->built));
	f->image.images = &f->built;
	f->image.image_count = 1;
	f->image.names = &f->built.ref;
	f->image.name_count = 1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	Fixture *f = *state;
	store_close(f->store);
	arena_done(&f->arena);
	close(f->root_fd);
	AUTO_CLOSE int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(path_remove_tree(tmp, f->root + strlen("/tmp/")));
	free(f);
	return 0;
}

/* TEXT: of -o without a dest. */
static Err *export_to(Fixture *f, const char *text, const char *name)
{
	OutputSpec out;
	Str whole = arena_strf(&f->arena, "%s,dest=%s/%s", text, f->root, name);
	must(export_parse_output(&f->arena, whole, &out));
	return export_run(f->store, &out, &f->image, 1, NULL, NULL);
}

static Str content(Fixture *f, const char *name)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	must(path_read_file(f->root_fd, name, 64 << 20, &bytes));
	return arena_str(&f->arena, buf_str(&bytes));
}

/* --- -o -------------------------------------------------------------------------------------- */

static void add_rest(Arena *a, const OutputSpec *o, Buf *got)
{
	static const char *const places[] = { "manifest", "manifest-descriptor", "index",
		                              "index-descriptor" };
	for (size_t i = 0; i < o->name_count; i++)
		buf_addf(got, " %.*s", STR_ARG(o->names[i]));
	for (size_t i = 0; i < o->annotation_count; i++) {
		const ExportAnnotation *n = &o->annotations[i];
		buf_addf(got, " %s", places[n->place]);
		if (n->has_platform)
			buf_addf(got, "[%s]", platform_text(a, &n->platform).ptr);
		buf_addf(got, ":%.*s=%.*s", STR_ARG(n->note.key), STR_ARG(n->note.value));
	}
	buf_addf(got, "%s%s%s%s%s", o->push_by_digest ? " digest" : "",
	         o->insecure ? " insecure" : "", o->force_compression ? " force" : "",
	         o->remove_others ? " delete" : "",
	         o->platform_split == EXPORT_NO ? " merged" : "");
	if (o->media_types != EXPORT_TYPES_ANY)
		buf_addf(got, " %s", o->media_types == EXPORT_TYPES_OCI ? "oci" : "docker");
}

static void test_output_texts(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	static const struct {
		const char *text, *want; /* "type dest tar compression", or "error: ..." */
	} cases[] = {
		{ "out", "local out 1 -" },
		{ "-", "tar - 1 -" },
		{ "type=oci,dest=x.tar", "oci x.tar 1 -" },
		{ "type=oci", "oci - 1 -" },
		{ "TYPE=oci, dest=x", "oci x 1 -" },
		{ "type=docker", "image  1 -" }, /* it is in the store already */
		{ "type=docker,dest=d", "docker d 1 -" },
		{ "type=docker,dest=d,oci-mediatypes=false", "docker d 1 - docker" },
		{ "type=image,push=", "registry  1 -" },
		{ "type=image,push=false,name-canonical=true,unpack=true,store=true",
		  "image  1 -" },
		{ "type=registry,\"name=h:5/a,b:2\"",
		  "registry  1 - h:5/a:latest docker.io/library/b:2" },
		{ "type=registry,name=h:5/a,push-by-digest=true,registry.insecure=true",
		  "registry  1 - h:5/a:latest digest insecure" },
		{ "type=oci,dest=x,annotation.A.b=c,annotation-index.d=e=f",
		  "oci x 1 - manifest:A.b=c index:d=e=f" },
		{ "type=oci,dest=x,annotation-manifest-descriptor[linux/arm64].k=",
		  "oci x 1 - manifest-descriptor[linux/arm64]:k=" },
		{ "type=oci,dest=x,annotation[amd64].k=v,force-compression=1",
		  "oci x 1 - manifest[linux/amd64]:k=v force" },
		{ "type=oci,dest=x,compatibility-version=30,oci-mediatypes=true", "oci x 1 - oci" },
		{ "type=local,dest=x,mode=delete,platform-split=false",
		  "local x 1 - delete merged" },
		{ "type=local,dest=x,mode=copy", "local x 1 -" },
		{ "type=docker,dest=d,tar=false", "docker d 0 -" },
		{ "type=oci,dest=x,compression=zstd,compression-level=9", "oci x 1 zstd:9" },
		{ "type=oci,dest=x,compression=uncompressed", "oci x 1 none:0" },
		{ "type=oci,dest=x,compression-level=9", "oci x 1 gzip:9" },
		{ "type=oci,\"dest=a,b \"\"c\"\".tar\"", "oci a,b \"c\".tar 1 -" },
		{ "type=image,push=true", "registry  1 -" },
		{ "type=image", "image  1 -" },
		{ "type=cacheonly", "cacheonly  1 -" },
		{ "type=local,dest=d=e", "local d=e 1 -" },
		{ "", "error: '' is no key=value" },
		{ "dest=x", "error: 'type' is missing" },
		{ "type=local,mode=move,dest=x",
		  "error: 'mode': expected copy or delete, not 'move'" },
		{ "type=oci,dest=x,mode=delete", "error: 'mode' goes with type=local alone" },
		{ "type=image,dest=x",
		  "error: 'dest' goes with type=oci, type=docker, type=local and type=tar alone" },
		{ "type=tar,annotation.a=b",
		  "error: 'annotation' goes with type=image, type=oci and type=docker alone" },
		{ "type=oci,annotation-layer.a=b",
		  "error: unknown place of an annotation: 'layer'" },
		{ "type=oci,annotation[plan9].a=b",
		  "error: unknown operating system or architecture 'plan9'" },
		{ "type=oci,annotation-=b", "error: 'annotation-' names no annotation" },
		{ "type=oci,annotation.=b", "error: an annotation without a key" },
		{ "type=image,store=false", "error: 'store=false' is not supported" },
		{ "type=image,dangling-name-prefix=x",
		  "error: 'dangling-name-prefix' is not supported" },
		{ "type=image,source-date-epoch=0", "error: 'source-date-epoch' is not supported" },
		{ "type=oci,oci-mediatypes=false,oci-artifact=true",
		  "error: 'oci-artifact=true' conflicts with 'oci-mediatypes=false'" },
		{ "type=oci,compatibility-version=20",
		  "error: 'compatibility-version=20' is not supported" },
		{ "type=oci,name=A b",
		  "error: invalid reference format: there is a blank in 'A b'" },
		{ "type=local", "error: 'dest' is missing: the directory to write to" },
		{ "type=local,dest=-", "error: a directory cannot go to standard output" },
		{ "type=oci,tar=false", "error: a directory cannot go to standard output" },
		{ "type=docker,tar=false", "error: 'dest' is missing: the directory to write to" },
		{ "type=oci,tar=maybe", "error: 'tar': expected true or false, not 'maybe'" },
		{ "type=tar,tar=true", "error: 'tar' goes with type=oci and type=docker alone" },
		{ "type=nfs,dest=x", "error: unknown output type 'nfs'" },
		{ "type=oci,foo=1", "error: unknown key 'foo'" },
		{ "type=oci,push=true", "error: 'push' goes with type=image alone" },
		{ "type=oci,compression=estargz", "error: 'compression=estargz' is not supported" },
		{ "type=oci,dest", "error: 'dest' is no key=value" },
		{ "type=oci,\"dest=x", "error: a quote without end" },
		{ "type=oci,de\"st=x", "error: a quote in the middle of 'de\"st=x'" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		OutputSpec o;
		AUTO_BUF Buf got = BUF_INIT;
		AUTO_ERR Err *err = export_parse_output(&a, str_from(cases[i].text), &o);
		if (err) {
			assert_int_equal(err_kind(err), ERR_INPUT);
			buf_addf(&got, "error: %s", err_cause(err).ptr);
		} else {
			buf_addf(&got, "%.*s %.*s %d ", STR_ARG(o.type), STR_ARG(o.dest), o.tar);
			if (o.compression_set)
				buf_addf(&got, "%s:%d", compressor_table[o.compression.id].name,
				         o.compression.level);
			else
				buf_add_char(&got, '-');
			add_rest(&a, &o, &got);
		}
		if (strcmp(got.ptr, cases[i].want) != 0)
			fail_msg("'%s': got '%s', want '%s'", cases[i].text, got.ptr,
			         cases[i].want);
	}
}

/* --- archives -------------------------------------------------------------------------------- */

static void test_archives_load_again(void **state)
{
	Fixture *f = *state;
	static const char *const types[] = { "type=oci", "type=docker", "type=oci,compression=zstd",
		                             "type=docker,compression=gzip:1",
		                             "type=oci,compression=none" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const char *name = arena_strf(&f->arena, "%zu.tar", i).ptr;
		must(export_to(f, types[i], name));
		must(export_to(f, types[i], "again.tar"));
		Str bytes = content(f, name);
		assert_true(str_eq(bytes, content(f, "again.tar"))); /* deterministic */
		AUTO_STORE Store *other = NULL;
		must(store_open(arena_strf(&f->arena, "%s/store-%zu", f->root, i).ptr, &other));
		AUTO_READER Reader *in = reader_from_memory(bytes);
		Loaded *loaded;
		size_t count;
		must(load_archive(other, in, name, NULL, NULL, &f->arena, &loaded, &count));
		assert_int_equal(count, 1);
		assert_string_equal(loaded[0].name.ptr, "img:1");
		assert_true(digest_eq(&loaded[0].id, &f->built.id));
	}
}

static void test_manifest_stays(void **state)
{
	Fixture *f = *state;
	Str json, again;
	Digest first, second, saved;
	StoreRef ref;
	must(export_publish(f->store, &f->built, NULL, NULL, NULL, &f->arena, &json, &first));
	must(image_find(f->store, STR("img:1"), &f->arena, &f->built));
	must(export_to(f, "type=docker", "s.tar"));
	must(export_publish(f->store, &f->built, NULL, NULL, NULL, &f->arena, &again, &second));
	assert_true(digest_eq(&first, &second) && str_eq(json, again));
	/* Another compression is another manifest, but only publish moves the name to it. */
	must(export_to(f, "type=oci,compression=zstd", "z.tar"));
	must(store_ref_get(f->store, STR("docker.io/library/img:1"), &f->arena, &ref));
	assert_true(digest_eq(&ref.manifest, &first));
	CompressionSpec zstd = { .id = COMPRESSION_ZSTD };
	must(export_publish(f->store, &f->built, &zstd, NULL, NULL, &f->arena, &again, &saved));
	assert_false(digest_eq(&first, &saved));
}

static void test_push_after_save_is_packed(void **state)
{
	Fixture *f = *state;
	Str json;
	Digest d;
	must(export_to(f, "type=docker", "s.tar")); /* fixes a manifest of plain layers */
	must(image_find(f->store, STR("img:1"), &f->arena, &f->built));
	assert_false(digest_is_zero(&f->built.store_ref.manifest));
	must(export_publish(f->store, &f->built, NULL, NULL, NULL, &f->arena, &json, &d));
	assert_non_null(strstr(json.ptr, "layer.v1.tar+gzip"));
}

static void test_nothing_half_done(void **state)
{
	Fixture *f = *state;
	assert_int_equal(mkdirat(f->root_fd, "out", 0755), 0);
	AUTO_CLOSE int blobs = -1;
	/* A layer that is damaged in the store. */
	must(path_open_beneath(f->root_fd, STR("store/blobs/sha256"), O_PATH | O_DIRECTORY, 0,
	                       &blobs));
	const char *hex = digest_arena_hex(&f->arena, &f->built.config.diff_ids[0]).ptr;
	AUTO_CLOSE int fd = openat(blobs, hex, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "X", 1, 512), 1);
	static const char *const types[] = { "type=oci", "type=docker", "type=tar" };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		AUTO_ERR Err *err = export_to(f, types[i], "out/x");
		/* What is found damaged goes: the next one misses it. */
		assert_true(err && err_kind(err) == (i ? ERR_NOT_FOUND : ERR_CORRUPT));
	}
	assert_int_equal(unlinkat(f->root_fd, "out", AT_REMOVEDIR), 0); /* it is empty */
}

/* --- flattened ------------------------------------------------------------------------------- */

static void check_flat(Fixture *f, const char *name)
{
	static const char *const want = "dir d 500 9000000000 \n"
					"m f 4755 5000000001 zzz\n"
					"dup f 6600 0 new\n"
					"a f 644 0 two\n"
					"dir/link l 777 0 ../a\n"
					"pipe p 644 0 \n"
					"z h 4755 5000000001 m\n";
	AUTO_BUF Buf got = BUF_INIT;
	AUTO_READER Reader *in = reader_from_memory(content(f, name));
	AUTO_TAR_READER TarReader *tar = tar_reader_new(in);
	for (;;) {
		Entry e;
		bool end;
		char data[8];
		size_t n;
		must(tar_reader_next(tar, &e, &end));
		if (end)
			break;
		must(tar_reader_data(tar, data, sizeof data, &n));
		buf_addf(&got, "%.*s %c %o %lld %.*s%.*s\n", STR_ARG(e.path), e.type, e.mode,
		         (long long)e.mtime_ns, (int)n, data, STR_ARG(e.link));
	}
	assert_string_equal(got.ptr, want);
}

static void test_flat_tar(void **state)
{
	Fixture *f = *state;
	must(export_to(f, "type=tar", "flat.tar"));
	check_flat(f, "flat.tar");
}

static void check_local(Fixture *f, const char *name, mode_t mode, const char *data)
{
	struct stat st;
	assert_int_equal(fstatat(f->root_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	if (st.st_mode != mode)
		fail_msg("%s: mode %o, not %o", name, st.st_mode, mode);
	assert_int_equal(st.st_uid, geteuid());
	if (data)
		assert_string_equal(content(f, name).ptr, data);
}

static void test_local(void **state)
{
	Fixture *f = *state;
	mode_t set_uid = geteuid() == 0 ? 04000 : 0; /* of root's files, for root alone */
	for (int i = 0; i < 2; i++) {                /* a second time over the first */
		must(export_to(f, "type=local", "deep/er/out"));
		check_local(f, "deep/er/out/dup", S_IFREG | 0600, "new"); /* of another owner */
		check_local(f, "deep/er/out/a", S_IFREG | 0644, "two");
		check_local(f, "deep/er/out/m", S_IFREG | set_uid | 0755, "zzz");
		check_local(f, "deep/er/out/z", S_IFREG | set_uid | 0755, "zzz");
		check_local(f, "deep/er/out/dir", S_IFDIR | 0500, NULL);
		check_local(f, "deep/er/out/dir/link", S_IFLNK | 0777, NULL);
		check_local(f, "deep/er/out/pipe", S_IFIFO | 0644, NULL);
		assert_int_equal(faccessat(f->root_fd, "deep/er/out/dir/gone", F_OK, 0), -1);
		/* The next round must be able to write into it. */
		assert_int_equal(fchmodat(f->root_fd, "deep/er/out/dir", 0700, 0), 0);
	}
}

/* A link in the destination must not lead the image's files out of it. */
static void test_local_stays_inside(void **state)
{
	Fixture *f = *state;
	assert_int_equal(mkdirat(f->root_fd, "out", 0755), 0);
	assert_int_equal(mkdirat(f->root_fd, "elsewhere", 0755), 0);
	assert_int_equal(symlinkat("../elsewhere", f->root_fd, "out/dir"), 0);
	AUTO_ERR Err *err = export_to(f, "type=local", "out");
	assert_true(err && strstr(err_cause(err).ptr, "is in the way"));
	assert_int_equal(unlinkat(f->root_fd, "elsewhere", AT_REMOVEDIR), 0); /* still empty */
	/* A link in place of a file is replaced, its target is not written to. */
	assert_int_equal(unlinkat(f->root_fd, "out/dir", 0), 0);
	must(path_write_file(f->root_fd, "victim", STR("safe"), 0644, false));
	assert_int_equal(unlinkat(f->root_fd, "out/dup", 0) == 0 || errno == ENOENT, 1);
	assert_int_equal(symlinkat("../victim", f->root_fd, "out/dup"), 0);
	must(export_to(f, "type=local", "out"));
	assert_string_equal(content(f, "victim").ptr, "safe");
	assert_string_equal(content(f, "out/dup").ptr, "new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_texts),
		cmocka_unit_test_setup_teardown(test_archives_load_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_manifest_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_push_after_save_is_packed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_half_done, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flat_tar, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_local, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_local_stays_inside, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
