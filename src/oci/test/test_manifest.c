/* test_manifest.c - manifests and indexes from strangers, and how ours are written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/base64.h"
#include "oci/manifest.h"
#include "oci/test/test_documents.h"

#define HEX64      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST     "sha256:" HEX64
#define HELLO      "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define DESC(type) "{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST "\",\"size\":12}"
#define CONFIG     DESC(MEDIA_OCI_CONFIG)
#define LAYER      DESC(MEDIA_OCI_LAYER "+gzip")
#define OCI_HEAD   "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
#define IMAGE      OCI_HEAD "\"config\":" CONFIG ",\"layers\":[" LAYER "]}"
#define ENTRY(arch, rest)                                                \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST \
	"\",\"size\":7,\"platform\":{\"architecture\":\"" arch "\",\"os\":\"linux\"" rest "}}"
#define INDEX(entries) \
	"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[" entries "]}"

static void test_manifest_good(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Manifest m;
	assert_ok(manifest_parse(&a, STR(IMAGE), "m", &m));
	assert_str(m.media_type, MEDIA_OCI_MANIFEST);
	assert_int_equal(m.layer_count, 1);
	assert_int_equal(m.layers[0].size, 12);
	assert_str(m.layers[0].media_type, MEDIA_OCI_LAYER "+gzip");
	assert_str(digest_arena_text(&a, &m.config.digest), DIGEST);
	assert_false(m.config.foreign);

	AUTO_BUF Buf out = BUF_INIT;
	manifest_format(&m, &out);
	assert_string_equal(out.ptr, IMAGE);

	/* mediaType is optional in OCI manifests. */
	assert_ok(manifest_parse(
		&a, STR("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]}"), "m", &m));
	assert_str(m.media_type, MEDIA_OCI_MANIFEST);
	assert_int_equal(m.layer_count, 0);
}

/* All come back, sorted; names stand beside the others; of two equal keys the last one counts. */
static void test_annotations(void **state)
{
	(void)state;
#define NOTED(notes) \
	OCI_HEAD "\"config\":" CONFIG ",\"layers\":[" LAYER "],\"annotations\":{" notes "}}"
	AUTO_ARENA Arena a = ARENA_INIT;
	Manifest m;
	assert_ok(manifest_parse(&a, STR(NOTED("\"b\":\"<2>\",\"a\":\"1\"")), "m", &m));
	assert_int_equal(m.annotation_count, 2);
	AUTO_BUF Buf out = BUF_INIT;
	manifest_format(&m, &out);
	assert_string_equal(out.ptr, NOTED("\"a\":\"1\",\"b\":\"\\u003c2\\u003e\""));
	static const Annotation twice[] = { { { "z", 1 }, { "1", 1 } },
		                            { { "a", 1 }, { "0", 1 } },
		                            { { "z", 1 }, { "2", 1 } } };
	Descriptor d = m.layers[0];
	d.ref_name = STR("v1");
	d.annotations = twice;
	d.annotation_count = 3;
	buf_reset(&out);
	manifest_format_descriptor(&d, &out);
	assert_non_null(strstr(
		out.ptr, "{\"a\":\"0\",\"org.opencontainers.image.ref.name\":\"v1\",\"z\":\"2\"}"));
	d.media_type = STR(MEDIA_OCI_MANIFEST);
	Index i = { .manifests = &d, .count = 1, .annotations = twice, .annotation_count = 1 };
	buf_reset(&out);
	index_format(&i, &out);
	Index back;
	assert_ok(index_parse(&a, buf_str(&out), "i", &back));
	assert_str(back.manifests[0].ref_name, "v1");
	assert_int_equal(back.manifests[0].annotation_count, 2);
	assert_int_equal(back.annotation_count, 1);
	assert_err(manifest_parse(&a, STR(NOTED("\"a\":1")), "m", &m), ERR_CORRUPT,
	           "m.annotations.a: expected a string");
}

static void test_manifest_bad(void **state)
{
	(void)state;
#define WITH_LAYER(text) OCI_HEAD "\"config\":" CONFIG ",\"layers\":[" text "]}"
#define WITH_SIZE(size) \
	WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" DIGEST "\",\"size\":" size "}")
#define WITH_DIGEST(digest) \
	WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" digest "\",\"size\":1}")
	static const struct {
		const char *json, *want;
	} cases[] = {
		{ "", "m" },
		{ "[]", "m: expected a JSON object" },
		{ "<html>", "m" },
		{ "{}", "m.schemaVersion: expected 2" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "docker schema 1" },
		{ "{\"schemaVersion\":\"2\"}", "schemaVersion" },
		{ "{\"schemaVersion\":2}", "neither an image manifest nor an index" },
		{ OCI_HEAD "\"config\":" CONFIG ",\"layers\":[],\"manifests\":[]}",
		  "both \"manifests\" and \"layers\"" },
		{ OCI_HEAD "\"config\":" CONFIG ",\"layers\":[],\"fsLayers\":[]}", "schema 1" },
		{ OCI_HEAD "\"manifests\":[]}", "contradicts the document's shape" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"text/html\",\"layers\":[]}",
		  "not a manifest or index: 'text/html'" },
		{ "{\"schemaVersion\":2,\"mediaType\":7,\"layers\":[]}",
		  "m.mediaType: expected a string" },
		{ "{\"schemaVersion\":2,\"manifests\":[]}",
		  "expected an image manifest, found an index" },
		{ OCI_HEAD "\"config\":" CONFIG ",\"config\":" CONFIG ",\"layers\":[]}", "config" },
		{ OCI_HEAD "\"config\":" CONFIG "}", "m.layers: expected an array" },
		{ OCI_HEAD "\"config\":" CONFIG ",\"layers\":{}}", "m.layers: expected an array" },
		{ OCI_HEAD "\"layers\":[]}", "m.config: expected a descriptor" },
		{ WITH_LAYER("7"), "m.layers[0]: expected a descriptor" },
		{ WITH_LAYER("{\"digest\":\"" DIGEST "\",\"size\":1}"),
		  "m.layers[0].mediaType: missing" },
		{ WITH_SIZE("-1"), "m.layers[0].size: negative" },
		{ WITH_SIZE("null"), "m.layers[0].size: missing" },
		{ WITH_SIZE("1e3"), "m.layers[0].size" },
		{ WITH_SIZE("1.5"), "m.layers[0].size" },
		{ WITH_SIZE("99999999999999999999"), "m" },
		{ WITH_SIZE("\"1\""), "m.layers[0].size" },
		{ WITH_DIGEST("sha256:../../../etc/passwd"), "m.layers[0].digest" },
		{ WITH_DIGEST("sha256:"
		              "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"),
		  "m.layers[0].digest" },
		{ WITH_DIGEST("sha256:0123"), "m.layers[0].digest" },
		{ WITH_DIGEST("md5:d41d8cd98f00b204e9800998ecf8427e"), "m.layers[0].digest" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" HELLO
		             "\",\"size\":5,\"data\":\"aGVsbG8h\"}"),
		  "m.layers[0].data: does not match" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" HELLO
		             "\",\"size\":5,\"data\":\"aGVsbGE=\"}"),
		  "m.layers[0].data: does not match" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" HELLO
		             "\",\"size\":6,\"data\":\"aGVsbG8=\"}"),
		  "m.layers[0].data: does not match" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" HELLO
		             "\",\"size\":5,\"data\":\"a b\"}"),
		  "m.layers[0].data: expected base64" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" DIGEST
		             "\",\"size\":5,\"platform\":[]}"),
		  "m.layers[0]: expected an object" },
		{ WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" DIGEST
		             "\",\"size\":5,\"annotations\":[]}"),
		  "m.layers[0].annotations" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Manifest m;
		assert_err(manifest_parse(&a, str_from(cases[i].json), "m", &m), ERR_CORRUPT,
		           cases[i].want);
	}
}

static void test_limits(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf doc = BUF_INIT;
	buf_addf(&doc, "%s\"config\":%s,\"layers\":[", OCI_HEAD, CONFIG);
	for (int i = 0; i < 1025; i++)
		buf_addf(&doc, "%s%s", i ? "," : "", LAYER);
	buf_addf(&doc, "]}");
	Manifest m;
	assert_err(manifest_parse(&a, buf_str(&doc), "m", &m), ERR_CORRUPT,
	           "1025 entries, at most 1024");

	buf_reset(&doc);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&doc, '[');
	assert_err(manifest_parse(&a, buf_str(&doc), "m", &m), ERR_CORRUPT, "m");

	buf_reset(&doc);
	buf_addf(&doc, "%s", IMAGE);
	while (doc.len <= (4u << 20))
		buf_addf(&doc, "%1024s", "");
	assert_err(manifest_parse(&a, buf_str(&doc), "m", &m), ERR_CORRUPT, "m");
}

static void test_kind(void **state)
{
	(void)state;
	static const struct {
		const char *json, *type, *want; /* want NULL: taken */
		ManifestKind kind;
	} cases[] = {
		{ IMAGE, MEDIA_OCI_MANIFEST, NULL, MANIFEST_IMAGE },
		{ IMAGE, MEDIA_OCI_MANIFEST "; charset=utf-8", NULL, MANIFEST_IMAGE },
		{ IMAGE, "", NULL, MANIFEST_IMAGE },
		{ IMAGE, "application/json", NULL, MANIFEST_IMAGE },
		{ INDEX(""), MEDIA_OCI_INDEX, NULL, MANIFEST_INDEX },
		{ INDEX(""), "text/plain; charset=utf-8", NULL, MANIFEST_INDEX },
		{ IMAGE, MEDIA_OCI_INDEX, "the server says '" MEDIA_OCI_INDEX "'", MANIFEST_IMAGE },
		{ IMAGE, MEDIA_DOCKER_MANIFEST, "the document is '" MEDIA_OCI_MANIFEST "'",
		  MANIFEST_IMAGE },
		{ INDEX(""), MEDIA_OCI_MANIFEST, "the server says", MANIFEST_INDEX },
		{ IMAGE, "text/html", "not a manifest: the server says 'text/html'",
		  MANIFEST_IMAGE },
		{ "{\"schemaVersion\":2,\"manifests\":[]}", MEDIA_DOCKER_MANIFEST,
		  "the document is 'an index'", MANIFEST_INDEX },
		{ "<html></html>", "text/html", "m", MANIFEST_INDEX },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ManifestKind kind;
		Err *err =
			manifest_kind(str_from(cases[i].json), str_from(cases[i].type), "m", &kind);
		if (cases[i].want) {
			assert_err(err, ERR_CORRUPT, cases[i].want);
		} else {
			assert_ok(err);
			assert_int_equal(kind, cases[i].kind);
		}
	}
}

static void test_choose(void **state)
{
	(void)state;
#define ATTESTATION                                                      \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST \
	"\",\"size\":99,\"platform\":{\"architecture\":\"unknown\",\"os\":\"unknown\"}}"
#define NO_PLATFORM \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST "\",\"size\":5}"
#define FOREIGN_TYPE                                                  \
	"{\"mediaType\":\"application/x-thing\",\"digest\":\"" DIGEST \
	"\",\"size\":6,\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"}}"
	static const struct {
		const char *json, *platform;
		int want; /* place in the index, -1: none */
		const char *offers;
	} cases[] = {
		{ INDEX(ENTRY("arm64", "") "," ENTRY("amd64", "")), "linux/amd64", 1, NULL },
		{ INDEX(ENTRY("amd64", "") "," ENTRY("amd64", "")), "linux/amd64", 0, NULL },
		{ INDEX(ATTESTATION "," ENTRY("amd64", "")), "linux/amd64", 1, NULL },
		{ INDEX(FOREIGN_TYPE "," ENTRY("amd64", "")), "linux/amd64", 1, NULL },
		{ INDEX(ENTRY("arm64", ",\"variant\":\"v8\"")), "linux/arm64", 0, NULL },
		{ INDEX(ENTRY("arm64", "")), "linux/arm64/v8", 0, NULL },
		{ INDEX(ENTRY("arm", ",\"variant\":\"v5\"") "," ENTRY("arm",
		                                                      ",\"variant\":\"v6\"")),
		  "linux/arm/v7", 1, NULL },
		{ INDEX(NO_PLATFORM "," ENTRY("amd64", "")), "linux/amd64", 1, NULL },
		{ INDEX(ENTRY("s390x", "") "," NO_PLATFORM), "linux/amd64", 1, NULL },
		{ INDEX(ENTRY("s390x", "") "," ENTRY("amd64", "") "," ENTRY("s390x",
		                                                            "") "," ATTESTATION),
		  "linux/arm64", -1, "it offers: linux/s390x, linux/amd64\n" },
		{ INDEX(""), "linux/amd64", -1, "it offers: nothing" },
		{ INDEX(ATTESTATION), "linux/amd64", -1, "it offers: nothing" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Index index;
		Platform wanted;
		const Descriptor *d = NULL;
		assert_ok(index_parse(&a, str_from(cases[i].json), "i", &index));
		assert_ok(platform_parse(&a, str_from(cases[i].platform), &wanted));
		Err *err = index_choose(&index, &wanted, "i", &d);
		if (cases[i].want < 0) {
			assert_err(err, ERR_NOT_FOUND, cases[i].offers);
		} else {
			assert_ok(err);
			assert_int_equal(d - index.manifests, cases[i].want);
		}
	}
}

static void test_index_round(void **state)
{
	(void)state;
#define NAMED                                                            \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" DIGEST \
	"\",\"size\":7,\"annotations\":{"                                \
	"\"io.containerd.image.name\":\"docker.io/library/"              \
	"x:1\",\"org.opencontainers.image.ref.name\":\"1\"},"            \
	"\"platform\":{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\"}}"
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf out = BUF_INIT;
	Index index;
	assert_ok(index_parse(&a, STR(INDEX(NAMED)), "i", &index));
	assert_str(index.manifests[0].ref_name, "1");
	assert_str(index.manifests[0].container_name, "docker.io/library/x:1");
	index_format(&index, &out);
	assert_string_equal(out.ptr, INDEX(NAMED));
}

static void test_foreign(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Manifest m;
	assert_ok(
		manifest_parse(&a,
	                       STR(WITH_LAYER("{\"mediaType\":\"x/y\",\"digest\":\"" DIGEST
	                                      "\",\"size\":1,\"urls\":[\"http://127.0.0.1:9/\"]}")),
	                       "m", &m));
	assert_true(m.layers[0].foreign);
}

static void test_layer_types(void **state)
{
	(void)state;
	Str got;
	assert_ok(manifest_layer_compression(STR(MEDIA_OCI_LAYER), &got));
	assert_str(got, "");
	assert_ok(manifest_layer_compression(STR(MEDIA_OCI_LAYER "+zstd"), &got));
	assert_str(got, "zstd");
	assert_ok(manifest_layer_compression(STR(MEDIA_DOCKER_LAYER ".gzip"), &got));
	assert_str(got, "gzip");
	assert_err(manifest_layer_compression(STR(MEDIA_OCI_LAYER "+xz"), &got), ERR_INPUT,
	           "not a layer's media type");
	assert_err(manifest_layer_compression(STR("application/vnd.in-toto+json"), &got), ERR_INPUT,
	           "in-toto");
}

static void test_base64(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"a", "ab=c", "a b=", "abc==", "====", "ab\n", "\xff\xff"
	};
	static const struct {
		const char *text, *bytes;
	} good[] = { { "", "" },       { "YQ==", "a" },   { "YQ", "a" },
		     { "YWI=", "ab" }, { "YWJj", "abc" }, { "Pz8_Pj4-", "?\?\?>>>" } };
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(base64_decode(str_from(bad[i]), &out));
	assert_int_equal(out.len, 0);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		buf_reset(&out);
		assert_true(base64_decode(str_from(good[i].text), &out));
		assert_str(buf_str(&out), good[i].bytes);
	}
	buf_reset(&out);
	base64_encode(STR("user:pass?"), &out);
	assert_string_equal(out.ptr, "dXNlcjpwYXNzPw==");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_good), cmocka_unit_test(test_manifest_bad),
		cmocka_unit_test(test_limits),        cmocka_unit_test(test_kind),
		cmocka_unit_test(test_choose),        cmocka_unit_test(test_index_round),
		cmocka_unit_test(test_foreign),       cmocka_unit_test(test_layer_types),
		cmocka_unit_test(test_base64),        cmocka_unit_test(test_annotations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
