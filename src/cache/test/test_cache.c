/* test_cache.c - records as JSON and back, what is refused of them; the texts of options. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/arena.h"
#include "cache/cache.h"
#include "codec/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char hex_a[] = "1111111111111111111111111111111111111111111111111111111111111111";

static void records_come_back(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf once = BUF_INIT, twice = BUF_INIT;
	CacheLayer layers[] = {
		{ .diff_id = sha256_of(STR("one")) },
		{ .diff_id = sha256_of(STR("two")), .marked = true, .marks = STR("\x05\x01") },
		{ .diff_id = sha256_of(STR("one")) }
	}; /* an image may have it twice */
	CacheRecord records[] = {
		{ .key = sha256_of(STR("k1")),
		  .content = sha256_of(STR("c1")),
		  .diff_id = layers[1].diff_id,
		  .identity = sha256_of(STR("i1")),
		  .size_bytes = 7,
		  .created_ns = 1700000000123456789,
		  .cost_ns = 5 },
		{ .key = sha256_of(STR("k2")), .diff_id = layers[0].diff_id, .empty = true },
		{ .key = sha256_of(STR("k3")), /* of a layer that is not here */
		  .diff_id = sha256_of(STR("three")),
		  .identity = sha256_of(STR("i3")),
		  .cost_ns = 6 }
	};
	CacheImage images[] = { { sha256_of(STR("image")), 9 } };
	CacheRecords out = { records, 3, images, 1, layers, 3 }, in;
	cache_records_format(&out, true, &once);
	assert_null(cache_records_parse(&a, buf_str(&once), "x", &in));
	assert_int_equal(in.record_count, 3);
	assert_true(digest_eq(&in.records[2].key, &records[2].key));
	assert_true(digest_eq(&in.records[2].diff_id, &records[2].diff_id));
	assert_true(digest_eq(&in.records[2].identity, &records[2].identity));
	assert_int_equal(in.records[2].cost_ns, 6);
	Digest third = sha256_of(STR("three"));
	char text[DIGEST_TEXT_LEN + 1];
	assert_null(strstr(once.ptr, digest_text(&third, text).ptr)); /* gc would look for it */
	assert_int_equal(in.layer_count, 3);
	assert_true(digest_eq(&in.records[0].key, &records[0].key));
	assert_true(digest_eq(&in.records[0].content, &records[0].content));
	assert_true(digest_eq(&in.records[0].diff_id, &records[0].diff_id));
	assert_true(digest_eq(&in.records[0].identity, &records[0].identity));
	assert_int_equal(in.records[0].created_ns, records[0].created_ns);
	assert_int_equal(in.records[0].size_bytes, 7);
	assert_true(in.records[1].empty && digest_is_zero(&in.records[1].content));
	assert_true(digest_eq(&in.records[1].diff_id, &layers[0].diff_id));
	assert_true(in.layers[1].marked && str_eq(in.layers[1].marks, STR("\x05\x01")));
	assert_false(in.layers[0].marked);
	assert_int_equal(in.images[0].created_ns, 9);
	cache_records_format(&in, true, &twice);
	assert_string_equal(once.ptr, twice.ptr);
	buf_reset(&twice);
	cache_records_format(&in, false, &twice);
	assert_null(strstr(twice.ptr, "cost"));
}

/* JSON of records with one that says RECORD after its key and identity. */
static Str with_record(Arena *a, const char *record)
{
	return arena_strf(
		a,
		"{\"version\":1,\"layers\":[{\"id\":\"sha256:%s\"}],\"records\":[{\"key\":"
		"\"%s\",\"identity\":\"%s\",%s}]}",
		hex_a, hex_a, hex_a, record);
}

static void check_refused(Str json, ErrKind kind, const char *cause)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CacheRecords r;
	AUTO_ERR Err *e = cache_records_parse(&a, json, "c", &r);
	assert_non_null(e);
	assert_int_equal(err_kind(e), kind);
	Str is = err_cause(e);
	if (is.len < strlen(cause) || !memmem(is.ptr, is.len, cause, strlen(cause)))
		fail_msg("'%.*s' lacks '%s'", STR_ARG(is), cause);
}

static void wrong_records_are_refused(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	CacheRecords r;
	assert_null(cache_records_parse(&a, with_record(&a, "\"layer\":0"), "c", &r));
	check_refused(STR(""), ERR_CORRUPT, "");
	check_refused(STR("[]"), ERR_CORRUPT, "expected an object");
	check_refused(STR("{}"), ERR_CORRUPT, "c.version: expected 1");
	check_refused(STR("{\"version\":2}"), ERR_INPUT, "was written by a newer decant");
	check_refused(STR("{\"version\":1}"), ERR_CORRUPT, "c.layers: expected an array");
	check_refused(STR("{\"version\":1,\"layers\":[]}"), ERR_CORRUPT,
	              "c.records: expected an array");
	check_refused(STR("{\"version\":1,\"layers\":[{\"id\":\"md5:1\"}],\"records\":[]}"),
	              ERR_CORRUPT, "");
	check_refused(with_record(&a, "\"layer\":1"), ERR_CORRUPT, "there is no such layer");
	check_refused(with_record(&a, "\"layer\":-1"), ERR_CORRUPT, "there is no such layer");
	check_refused(with_record(&a, "\"size\":1"), ERR_CORRUPT, "there is no such layer");
	check_refused(with_record(&a, "\"layer\":0,\"size\":-1"), ERR_CORRUPT, "is negative");
	check_refused(with_record(&a, "\"layer\":0,\"created\":1.5"), ERR_CORRUPT, "created");
	check_refused(with_record(&a, "\"layer\":0,\"content\":\"../x\""), ERR_CORRUPT,
	              "content: expected a SHA-256 in hex");
	check_refused(with_record(&a, "\"layer\":0,\"empty\":1"), ERR_CORRUPT, "empty");
	check_refused(STR("{\"version\":1,\"layers\":[],\"records\":[],\"steps\":{}}"), ERR_CORRUPT,
	              "c.steps: expected an array");
	check_refused(arena_strf(&a,
	                         "{\"version\":1,\"layers\":[],\"records\":[],\"steps\":[{"
	                         "\"key\":\"%s\",\"identity\":\"%s\",\"id\":\"x\"}]}",
	                         hex_a, hex_a),
	              ERR_CORRUPT, "c.steps[0].id: expected a SHA-256 in hex");
	AUTO_BUF Buf many = BUF_INIT;
	buf_addf(&many, "{\"version\":1,\"layers\":[],\"records\":[0");
	for (int i = 0; i < 40000; i++)
		buf_addf(&many, ",0");
	buf_addf(&many, "]}");
	check_refused(buf_str(&many), ERR_CORRUPT, "40001 entries, at most 32768 are read");
}

static void texts_of_options(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	CacheSpec s;
	assert_null(cache_parse_from(&a, STR("localhost:5000/x"), &s));
	assert_int_equal(s.type, CACHE_REGISTRY);
	assert_string_equal(s.shown.ptr, "registry localhost:5000/x:latest");
	assert_null(cache_parse_to(&a, STR("Type=registry,\"ref=h:5/x:c\",MODE=max"), &s));
	assert_true(s.max && !s.ignore_error && !s.insecure);
	assert_int_equal(s.compression.id, COMPRESSION_ZSTD);
	assert_null(cache_parse_to(&a,
	                           STR("type=local,dest=/c,tag=t,compression=gzip,"
	                               "compression-level=9,force-compression=true,reset=true"),
	                           &s));
	assert_string_equal(s.dir.ptr, "/c");
	assert_string_equal(s.shown.ptr, "local /c:t");
	assert_true(s.force_compression && !s.max);
	assert_int_equal(s.compression.id, COMPRESSION_GZIP);
	assert_int_equal(s.compression.level, 9);
	assert_null(cache_parse_from(&a, STR("type=registry,ref=x,registry.insecure=true"), &s));
	assert_true(s.insecure);
	static const char *const wrong[] = { "",
		                             "type=registry",
		                             "type=local,dest=x,src=y",
		                             "type=registry,ref=x,ref",
		                             "type=registry,ref=x,mode=max,",
		                             "type=registry,ref=x,\"a",
		                             "type=local,dest=x,registry.insecure=true",
		                             "type=registry,ref=x@sha256:11",
		                             "type=local,dest=x,reset=false",
		                             "type=registry,ref=x,force-compression=true",
		                             "type=gha" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_ERR Err *e = cache_parse_to(&a, str_from(wrong[i]), &s);
		assert_non_null(e);
		assert_int_equal(err_kind(e), ERR_INPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(wrong_records_are_refused),
		cmocka_unit_test(texts_of_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
