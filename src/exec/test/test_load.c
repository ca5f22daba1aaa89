/* test_load.c - docker archives and OCI layouts, good and hostile; root file systems. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "codec/tar.h"
#include "exec/load.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdio.h>

typedef struct Fixture {
	char root[64];
	Store *store;
	Arena arena;
	Str layer, layer_gzip; /* one layer, plain and packed */
	Str diff_id, packed;   /* their digests */
} Fixture;

static int set_up(void **state)
{
	Fixture *f = xcalloc(1, sizeof *f);
	(void)snprintf(f->root, sizeof f->root, "/tmp/test-load.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	must(store_open(f->root, &f->store));

	AUTO_BUF Buf plain = BUF_INIT, packed = BUF_INIT;
	AUTO_WRITER Writer *out = writer_to_buf(&plain);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	Entry e = { .path = STR("ok"), .type = ENTRY_FILE, .mode = 0644, .size = 5 };
	must(tar_writer_entry(tar, &e));
	must(tar_writer_data(tar, "hello", 5));
	must(tar_writer_finish(tar));
	AUTO_WRITER Writer *to = writer_to_buf(&packed);
	AUTO_WRITER Writer *gzip =
		compressor_writer(&(CompressionSpec){ .id = COMPRESSION_GZIP, .threads = 1 }, to);
	must(writer_write(gzip, plain.ptr, plain.len));
	must(writer_finish(gzip));
	f->layer = arena_str(&f->arena, buf_str(&plain));
	f->layer_gzip = arena_str(&f->arena, buf_str(&packed));
	Digest d = sha256_of(f->layer), p = sha256_of(f->layer_gzip);
	f->diff_id = digest_arena_text(&f->arena, &d);
	f->packed = digest_arena_text(&f->arena, &p);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	Fixture *f = *state;
	store_close(f->store);
	arena_done(&f->arena);
	AUTO_CLOSE int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(path_remove_tree(tmp, f->root + strlen("/tmp/")));
	free(f);
	return 0;
}

/* --- archives --------------------------------------------------------------------------------- */

typedef struct Part {
	const char *name; /* NULL: the last one */
	Str bytes;
	const char *link; /* a symlink to this */
} Part;

static void make_archive(const Part *parts, Buf *out)
{
	AUTO_WRITER Writer *to = writer_to_buf(out);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(to);
	for (; parts->name; parts++) {
		Entry e = { .path = str_from(parts->name), .mode = 0644 };
		e.type = parts->link ? ENTRY_SYMLINK : ENTRY_FILE;
		e.link = str_from(parts->link ? parts->link : "");
		e.size = parts->link ? 0 : parts->bytes.len;
		must(tar_writer_entry(tar, &e));
		if (e.size)
			must(tar_writer_data(tar, parts->bytes.ptr, parts->bytes.len));
	}
	must(tar_writer_finish(tar));
}

static Err *load(Fixture *f, const Part *parts, Loaded **ret, size_t *ret_count)
{
	AUTO_BUF Buf archive = BUF_INIT;
	make_archive(parts, &archive);
	AUTO_READER Reader *in = reader_from_memory(buf_str(&archive));
	return load_archive(f->store, in, "x.tar", NULL, NULL, &f->arena, ret, ret_count);
}

static Str config_of(Fixture *f, const char *diff_ids, const char *more)
{
	return arena_strf(
		&f->arena,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{%s},\"rootfs\":{\"type\":"
		"\"layers\",\"diff_ids\":[%s]}}",
		more, diff_ids);
}

static Str quoted(Fixture *f, Str s)
{
	return arena_strf(&f->arena, "\"%.*s\"", STR_ARG(s));
}

static Str blob_name(Fixture *f, Str bytes)
{
	Digest d = sha256_of(bytes);
	char hex[DIGEST_HEX_LEN + 1];
	return arena_strf(&f->arena, "blobs/sha256/%s", digest_hex(&d, hex).ptr);
}

/* {"mediaType": TYPE, "digest": of BYTES, "size": their length + SHIFT MORE} */
static Str descriptor(Fixture *f, const char *type, Str bytes, int shift, const char *more)
{
	Digest d = sha256_of(bytes);
	char text[DIGEST_TEXT_LEN + 1];
	return arena_strf(&f->arena, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zd%s}",
	                  type, digest_text(&d, text).ptr, (ssize_t)bytes.len + shift, more);
}

/* Nothing may be visible of an archive that was refused. */
static void check_nothing(Fixture *f, const char *name)
{
	StoreRef *refs;
	size_t count;
	must(store_ref_list(f->store, &f->arena, &refs, &count));
	if (count)
		fail_msg("%s: something was named", name);
}

static void check_refused(Fixture *f, const char *name, const Part *parts, const char *says)
{
	Loaded *loaded;
	size_t count;
	AUTO_ERR Err *err = load(f, parts, &loaded, &count);
	if (!err)
		fail_msg("%s: was loaded", name);
	if (!strstr(err_cause(err).ptr, says))
		fail_msg("%s: '%s' does not say '%s'", name, err_cause(err).ptr, says);
	check_nothing(f, name);
}

/* --- docker archives -------------------------------------------------------------------------- */

static void test_docker_good(void **state)
{
	Fixture *f = *state;
	Loaded *loaded;
	size_t count;
	Image image;
	/* Layers packed or not, one of them by a link to another member, as docker < 25 does. */
	Str config = config_of(
		f, arena_strf(&f->arena, "\"%s\",\"%s\"", f->diff_id.ptr, f->diff_id.ptr).ptr, "");
	const Part parts[] = {
		{ "l/layer.tar", STR(""), "../other/layer.tar" },
		{ "other/layer.tar", f->layer_gzip, NULL },
		{ "c.json", config, NULL },
		{ "manifest.json",
		  STR("[{\"Config\":\"c.json\",\"RepoTags\":[\"a:b\",\"localhost:5000/x/y:1\"],"
		      "\"Layers\":[\"l/layer.tar\",\"other/layer.tar\"]}]"),
		  NULL },
		{ NULL, STR(""), NULL },
	};
	must(load(f, parts, &loaded, &count));
	assert_int_equal(count, 2);
	assert_string_equal(loaded[0].name.ptr, "a:b");
	assert_string_equal(loaded[1].name.ptr, "localhost:5000/x/y:1");
	must(image_find(f->store, STR("a:b"), &f->arena, &image));
	must(image_check(f->store, &image));
	assert_true(str_eq(image.config_json, config));
	/* The packed blob is kept: the same image would be pushed with the same bytes. */
	Digest packed;
	must(digest_parse(f->packed, &packed));
	assert_true(store_blob_exists(f->store, &packed, NULL));
	must(load(f, parts, &loaded, &count)); /* again */
}

static void test_docker_without_names(void **state)
{
	Fixture *f = *state;
	Loaded *loaded;
	size_t count;
	Image image;
	const Part parts[] = {
		{ "c.json", config_of(f, quoted(f, f->diff_id).ptr, ""), NULL },
		{ "l.tar", f->layer, NULL },
		{ "manifest.json",
		  STR("[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"l.tar\"]}]"), NULL },
		{ NULL, STR(""), NULL },
	};
	must(load(f, parts, &loaded, &count));
	assert_int_equal(count, 1);
	assert_int_equal(loaded[0].name.len, 0);
	must(image_find(f->store, digest_arena_text(&f->arena, &loaded[0].id), &f->arena, &image));
}

static void test_docker_hostile(void **state)
{
	Fixture *f = *state;
	Str good = config_of(f, quoted(f, f->diff_id).ptr, "");
	Str two = config_of(
		f, arena_strf(&f->arena, "\"%s\",\"%s\"", f->diff_id.ptr, f->diff_id.ptr).ptr, "");
	Str wrong = config_of(f, quoted(f, f->packed).ptr, "");
	Str user = config_of(f, quoted(f, f->diff_id).ptr, "\"User\":\"0:4294967296\"");
	const struct {
		const char *name;
		Str config;
		const char *layer_link, *manifest, *says;
	} cases[] = {
		{ "no manifest", good, NULL, NULL, "neither 'index.json' nor" },
		{ "not an array", good, NULL, "{}", "expected an array" },
		{ "no image", good, NULL, "[]", "no image in it" },
		{ "no config", good, NULL, "[{\"Layers\":[\"l.tar\"]}]",
		  "is no name within the archive" },
		{ "config climbs", good, NULL,
		  "[{\"Config\":\"../c.json\",\"Layers\":[\"l.tar\"]}]",
		  "is no name within the archive" },
		{ "layer is absolute", good, NULL,
		  "[{\"Config\":\"c.json\",\"Layers\":[\"/etc/passwd\"]}]",
		  "is no name within the archive" },
		{ "layer is missing", good, NULL,
		  "[{\"Config\":\"c.json\",\"Layers\":[\"no.tar\"]}]",
		  "the archive has no 'no.tar'" },
		{ "link leads out", good, "../../../etc/passwd", "[]", "leads out of the archive" },
		{ "link to itself", good, "l.tar",
		  "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]",
		  "the archive has no 'l.tar'" },
		{ "bad name", good, NULL,
		  "[{\"Config\":\"c.json\",\"RepoTags\":[\"A/B:c d\"],\"Layers\":[\"l.tar\"]}]",
		  "invalid reference" },
		{ "name like an option", good, NULL,
		  "[{\"Config\":\"c.json\",\"RepoTags\":[\"--help\"],\"Layers\":[\"l.tar\"]}]",
		  "invalid reference" },
		{ "too many diff_ids", two, NULL,
		  "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]", "2 diff_ids" },
		{ "wrong diff_id", wrong, NULL,
		  "[{\"Config\":\"c.json\",\"RepoTags\":[\"a:b\"],\"Layers\":[\"l.tar\"]}]",
		  "the image config says" },
		{ "user out of range", user, NULL,
		  "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]", "out of range" },
		{ "layer that is no tar", good, NULL,
		  "[{\"Config\":\"c.json\",\"Layers\":[\"c.json\"]}]", "the archive is cut short" },
		{ "duplicate key", good, NULL,
		  "[{\"Config\":\"c.json\",\"Config\":\"c.json\",\"Layers\":[]}]",
		  "duplicate object key" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Part parts[5] = { { "c.json", cases[i].config, NULL },
			          { "l.tar", f->layer, cases[i].layer_link } };
		if (cases[i].manifest)
			parts[2] = (Part){ "manifest.json", str_from(cases[i].manifest), NULL };
		check_refused(f, cases[i].name, parts, cases[i].says);
	}
	const Part twice[] = { { "c.json", good, NULL },
		               { "c.json", two, NULL },
		               { NULL, STR(""), NULL } };
	check_refused(f, "a member twice", twice, "twice");
}

/* --- OCI layouts ------------------------------------------------------------------------------ */

#define OCI_LAYER    "application/vnd.oci.image.layer.v1.tar"
#define OCI_INDEX    "application/vnd.oci.image.index.v1+json"
#define OCI_LAYOUT   STR("{\"imageLayoutVersion\":\"1.0.0\"}")
#define OCI_MANIFEST MEDIA_OCI_MANIFEST

typedef struct LayoutCase {
	const char *name;
	int config_size, layer_size, manifest_size; /* how wrong the sizes are */
	const char *layer_type, *manifest_type, *annotations;
	const char *says; /* NULL: good */
	bool plain;       /* the layer is not packed */
} LayoutCase;

static void fill_layout(Fixture *f, const LayoutCase *c, Part parts[6])
{
	Str layer = c->plain ? f->layer : f->layer_gzip;
	Str config = config_of(f, quoted(f, f->diff_id).ptr, "");
	const char *layer_type = c->layer_type ? c->layer_type : OCI_LAYER "+gzip";
	const char *manifest_type = c->manifest_type ? c->manifest_type : OCI_MANIFEST;
	Str manifest = arena_strf(&f->arena,
	                          "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST
	                          "\",\"config\":%s,\"layers\":[%s]}",
	                          descriptor(f, "application/vnd.oci.image.config.v1+json", config,
	                                     c->config_size, "")
	                                  .ptr,
	                          descriptor(f, layer_type, layer, c->layer_size, "").ptr);
	Str index = arena_strf(&f->arena, "{\"schemaVersion\":2,\"manifests\":[%s]}",
	                       descriptor(f, manifest_type, manifest, c->manifest_size,
	                                  c->annotations ? c->annotations : "")
	                               .ptr);
	parts[0] = (Part){ "index.json", index, NULL };
	parts[1] = (Part){ "oci-layout", OCI_LAYOUT, NULL };
	parts[2] = (Part){ blob_name(f, manifest).ptr, manifest, NULL };
	parts[3] = (Part){ blob_name(f, config).ptr, config, NULL };
	parts[4] = (Part){ blob_name(f, layer).ptr, layer, NULL };
	parts[5] = (Part){ NULL, STR(""), NULL };
}

static void test_oci(void **state)
{
	Fixture *f = *state;
	static const LayoutCase cases[] = {
		{ .name = "config larger", .config_size = 1, .says = "its descriptor says" },
		{ .name = "layer smaller", .layer_size = -1, .says = "its descriptor says" },
		{ .name = "manifest larger", .manifest_size = 1, .says = "its descriptor says" },
		{ .name = "manifest as index",
		  .manifest_type = OCI_INDEX,
		  .says = "the document is" },
		{ .name = "gzip as plain", .layer_type = OCI_LAYER, .says = "its content is not" },
		{ .name = "plain as gzip", .plain = true, .says = "its content is not" },
		{ .name = "gzip as zstd",
		  .layer_type = OCI_LAYER "+zstd",
		  .says = "its content is not" },
		{ .name = "no layer type", .layer_type = "text/plain", .says = "text/plain" },
		{ .name = "name climbs",
		  .annotations =
		          ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"../../x\"}",
		  .says = "invalid reference" },
		{ .name = "good, without a name" },
		{ .name = "good, plain",
		  .plain = true,
		  .layer_type = OCI_LAYER,
		  .annotations =
		          ",\"annotations\":{\"io.containerd.image.name\":\"docker.io/x/y:z\","
		          "\"org.opencontainers.image.ref.name\":\"z\"}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Part parts[6];
		fill_layout(f, &cases[i], parts);
		if (cases[i].says) {
			check_refused(f, cases[i].name, parts, cases[i].says);
			continue;
		}
		Loaded *loaded;
		size_t count;
		must(load(f, parts, &loaded, &count));
		assert_int_equal(count, 1);
		assert_string_equal(loaded[0].name.ptr, cases[i].annotations ? "x/y:z" : "");
		Image image;
		must(image_find(f->store, digest_arena_text(&f->arena, &loaded[0].id), &f->arena,
		                &image));
		must(image_check(f->store, &image));
	}
	/* The manifest that came is the one that stays. */
	StoreRef ref;
	must(store_ref_get(f->store, STR("docker.io/x/y:z"), &f->arena, &ref));
	assert_true(store_blob_exists(f->store, &ref.manifest, NULL));
}

static void test_oci_damaged(void **state)
{
	Fixture *f = *state;
	static const char *const says[] = { "invalid JSON", "imageLayoutVersion", "the content of",
		                            "the content of", "the content of" };
	for (size_t i = 0; i < 5; i++) {
		Part parts[6];
		fill_layout(f, &(LayoutCase){ 0 }, parts);
		char *bytes = arena_str(&f->arena, parts[i].bytes).ptr ? xmalloc(parts[i].bytes.len)
		                                                       : NULL;
		memcpy(bytes, parts[i].bytes.ptr, parts[i].bytes.len);
		bytes[i == 0 ? 0 : parts[i].bytes.len / 2] ^= 1;
		parts[i].bytes.ptr = bytes;
		check_refused(f, says[i], parts, says[i]);
		free(bytes);
		fill_layout(f, &(LayoutCase){ 0 }, parts);
		memmove(&parts[i], &parts[i + 1], (5 - i) * sizeof *parts); /* left out */
		check_refused(f, "left out", parts, "");
	}
}

static void test_packed_archives(void **state)
{
	Fixture *f = *state;
	Part parts[6];
	fill_layout(f, &(LayoutCase){ 0 }, parts);
	for (CompressionId id = COMPRESSION_GZIP; id < COMPRESSION_COUNT; id++) {
		AUTO_BUF Buf plain = BUF_INIT, packed = BUF_INIT;
		make_archive(parts, &plain);
		AUTO_WRITER Writer *to = writer_to_buf(&packed);
		AUTO_WRITER Writer *w =
			compressor_writer(&(CompressionSpec){ .id = id, .threads = 1 }, to);
		must(writer_write(w, plain.ptr, plain.len));
		must(writer_finish(w));
		AUTO_READER Reader *in = reader_from_memory(buf_str(&packed));
		Loaded *loaded;
		size_t count;
		must(load_archive(f->store, in, "x", NULL, NULL, &f->arena, &loaded, &count));
		AUTO_READER Reader *cut =
			reader_from_memory(str_head(buf_str(&packed), packed.len - 9));
		AUTO_ERR Err *err =
			load_archive(f->store, cut, "x", NULL, NULL, &f->arena, &loaded, &count);
		assert_true(err && err_kind(err) == ERR_CORRUPT);
	}
	AUTO_READER Reader *empty = reader_from_memory(STR(""));
	Loaded *loaded;
	size_t count;
	AUTO_ERR Err *err =
		load_archive(f->store, empty, "x", NULL, NULL, &f->arena, &loaded, &count);
	assert_true(err && str_eq(err_cause(err), STR("it is empty")));
}

/* --- import ----------------------------------------------------------------------------------- */

static Err *import(Fixture *f, const char *change, Digest *ret)
{
	AUTO_READER Reader *in = reader_from_memory(f->layer_gzip);
	Reference ref;
	Platform platform = platform_host();
	Str changes[] = { STR("LABEL a=\"b c\""), str_from(change) };
	must(reference_parse(&f->arena, STR("imported"), &ref));
	return load_root(f->store, in, "x", &ref, changes, 2, STR("why"), &platform, 1000, NULL,
	                 &f->arena, ret);
}

static void test_import(void **state)
{
	Fixture *f = *state;
	static const char *const refused[] = { "RUN true",     "FROM x",  "COPY a b",     "BOGUS",
		                               "CMD a\nRUN b", "ARG x=1", "SHELL [\"x\"]" };
	Digest id;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO_ERR Err *err = import(f, refused[i], &id);
		if (!err)
			fail_msg("%s was taken", refused[i]);
		assert_int_equal(err_kind(err), ERR_INPUT);
		check_nothing(f, refused[i]);
	}
	Image image;
	must(import(f, "CMD [\"/ok\",\"x\"]", &id));
	must(image_find(f->store, STR("imported"), &f->arena, &image));
	assert_true(digest_eq(&image.id, &id));
	assert_int_equal(image.config.cmd.count, 2);
	assert_string_equal(image.config.labels[0].value.ptr, "b c");
	assert_string_equal(image.config.history[0].comment.ptr, "why");
	assert_string_equal(digest_arena_text(&f->arena, &image.config.diff_ids[0]).ptr,
	                    f->diff_id.ptr);
	must(image_check(f->store, &image));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_docker_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_docker_without_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_docker_hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oci, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_oci_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_packed_archives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_import, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
