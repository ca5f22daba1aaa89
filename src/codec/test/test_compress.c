/* test_compress.c - compressors: round trips, sameness, and damaged streams. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "codec/compress.h"
#include "codec/test/tests.h"

/* Text that compresses, but not to nothing; the same everywhere. */
static void add_sample(Buf *out, size_t len)
{
	uint32_t x = 1;
	buf_reserve(out, len);
	while (len > 0) {
		x = x * 1664525 + 1013904223;
		char piece[8];
		memset(piece, 'a' + (x >> 28), sizeof piece);
		piece[0] = (char)(x >> 16);
		size_t n = len < sizeof piece ? len : sizeof piece;
		buf_add(out, piece, n);
		len -= n;
	}
}

static void pack(const CompressionSpec *spec, Str plain, size_t piece, Buf *out)
{
	AUTO_WRITER Writer *buf = writer_to_buf(out);
	AUTO_WRITER Writer *w = compressor_writer(spec, buf);
	for (size_t at = 0; at < plain.len; at += piece) {
		Str part = str_head(str_from_at(plain, at), piece);
		assert_null(writer_write(w, part.ptr, part.len));
	}
	assert_null(writer_finish(w));
}

/* Through a reader that is asked for PIECE bytes at a time. */
static Err *unpack(CompressionId id, Str packed, size_t piece, Buf *out)
{
	AUTO_READER Reader *memory = reader_from_memory(packed);
	AUTO_READER Reader *r = compressor_reader(id, memory);
	for (;;) {
		size_t n;
		buf_reserve(out, piece);
		TRY(reader_read(r, out->ptr + out->len, piece, &n));
		if (n == 0)
			return NULL;
		out->len += n;
	}
}

static void check_unpack(CompressionId id, Str packed, size_t piece, Str want)
{
	AUTO_BUF Buf got = BUF_INIT;
	AUTO_ERR Err *err = unpack(id, packed, piece, &got);
	if (err)
		fail_msg("%s: %s", compressor_table[id].name, err_cause(err).ptr);
	assert_true(str_eq(buf_str(&got), want));
}

static void test_compress_round_trip(void **state)
{
	(void)state;
	static const size_t sizes[] = {
		0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (4 << 20) + 5
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO_BUF Buf plain = BUF_INIT;
		add_sample(&plain, sizes[i]);
		for (unsigned id = 0; id < COMPRESSION_COUNT; id++) {
			AUTO_BUF Buf packed = BUF_INIT;
			pack(&(CompressionSpec){ .id = (CompressionId)id }, buf_str(&plain), 100000,
			     &packed);
			check_unpack((CompressionId)id, buf_str(&packed), 65536, buf_str(&plain));
			check_unpack((CompressionId)id, buf_str(&packed), 333, buf_str(&plain));
			if (id != COMPRESSION_NONE)
				assert_int_equal(compressor_sniff(str_head(buf_str(&packed), 6)),
				                 id);
		}
	}
}

static void test_compress_same_bytes_for_any_threads(void **state)
{
	(void)state;
	AUTO_BUF Buf plain = BUF_INIT;
	add_sample(&plain, (9 << 20) + 17);
	/* Frozen: blobs that were made before must come out the same, or pushes send them again. */
	static const struct {
		CompressionSpec spec;
		const char *digest;
	} cases[] = {
		{ { .id = COMPRESSION_GZIP },
		  "0928a90b18c607bcfe00a1b7c1535afb2c9858fe0cee151916a308a909211922" },
		{ { .id = COMPRESSION_GZIP, .level = 9 },
		  "4ce14cbec028f798dd7ff7d2cc81c4562af15bccc20555993d14568207264835" },
		{ { .id = COMPRESSION_ZSTD },
		  "39fac9b6c802f9609827e4b01949dc534f67af1b36c2c783eef482de92de4ec0" },
	};
	static const unsigned threads[] = { 1, 2, 3, 8, 99 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
			CompressionSpec spec = cases[i].spec;
			spec.threads = threads[t];
			AUTO_BUF Buf packed = BUF_INIT;
			pack(&spec, buf_str(&plain), 70000 + 12345 * t, &packed);
			Digest d = sha256_of(buf_str(&packed));
			char hex[DIGEST_HEX_LEN + 1];
			assert_string_equal(digest_hex(&d, hex).ptr, cases[i].digest);
		}
	}
}

static void check_damaged(CompressionId id, const char *name, Str packed, const char *want)
{
	AUTO_BUF Buf got = BUF_INIT;
	AUTO_ERR Err *err = unpack(id, packed, 4096, &got);
	if (!err || err_kind(err) != ERR_CORRUPT ||
	    (want && !str_eq(err_cause(err), str_from(want))))
		fail_msg("%s: %s: %s", compressor_table[id].name, name,
		         err ? err_cause(err).ptr : "read");
}

/* Some bits mean nothing (a time, unused ones): what is read must be right or refused. */
static void check_flipped(CompressionId id, Str packed, Str plain)
{
	AUTO_BUF Buf got = BUF_INIT;
	AUTO_ERR Err *err = unpack(id, packed, 4096, &got);
	if (err)
		assert_int_equal(err_kind(err), ERR_CORRUPT);
	else
		assert_true(str_eq(buf_str(&got), plain));
}

static void test_compress_damage(void **state)
{
	(void)state;
	AUTO_BUF Buf plain = BUF_INIT;
	add_sample(&plain, 200000);
	static const char *const cut[] = { NULL, "gzip: the stream is cut short",
		                           "zstd: the stream is cut short" };
	for (CompressionId id = COMPRESSION_GZIP; id < COMPRESSION_COUNT; id++) {
		AUTO_BUF Buf packed = BUF_INIT;
		pack(&(CompressionSpec){ .id = id }, buf_str(&plain), 200000, &packed);
		for (size_t len = 0; len < packed.len;
		     len += len < 64 || len + 64 > packed.len ? 1 : 997)
			check_damaged(id, "cut", str_head(buf_str(&packed), len), cut[id]);
		for (size_t bit = 0; bit < packed.len * 8; bit += bit < 256 ? 1 : 4001) {
			packed.ptr[bit / 8] ^= (char)(1 << bit % 8);
			check_flipped(id, buf_str(&packed), buf_str(&plain));
			packed.ptr[bit / 8] ^= (char)(1 << bit % 8);
		}
		size_t whole = packed.len;
		buf_add_str(&packed, STR("JUNK"));
		check_damaged(id, "junk", buf_str(&packed),
		              id == COMPRESSION_GZIP ? "gzip: garbage after the end of the stream"
		                                     : NULL);
		packed.len = whole;
		buf_add(&packed, "\0\0\0\0", 4);
		check_damaged(id, "zeros", buf_str(&packed), NULL);
		packed.len = whole;
		/* Two streams in a row are one. */
		AUTO_BUF Buf twice = BUF_INIT, twice_plain = BUF_INIT;
		buf_add_str(&twice, buf_str(&packed));
		buf_add_str(&twice, buf_str(&packed));
		buf_add_str(&twice_plain, buf_str(&plain));
		buf_add_str(&twice_plain, buf_str(&plain));
		check_unpack(id, buf_str(&twice), 5000, buf_str(&twice_plain));
	}
	check_damaged(COMPRESSION_GZIP, "plain", STR("this is no gzip stream at all"),
	              "gzip: not a gzip stream");
}

static void test_compress_stays_failed(void **state)
{
	(void)state;
	for (CompressionId id = COMPRESSION_GZIP; id < COMPRESSION_COUNT; id++) {
		AUTO_READER Reader *memory =
			reader_from_memory(STR("garbage, and more of it, and more"));
		AUTO_READER Reader *r = compressor_reader(id, memory);
		for (int i = 0; i < 3; i++) {
			char byte;
			size_t n;
			AUTO_ERR Err *err = reader_read(r, &byte, 1, &n);
			assert_true(err && err_kind(err) == ERR_CORRUPT);
		}
	}
}

static Err *full_write(Writer *w, const void *bytes, size_t len)
{
	(void)w, (void)bytes, (void)len;
	return err_sys(ENOSPC, "cannot write");
}

static void test_compress_error_below(void **state)
{
	(void)state;
	static const WriterOps ops = { .write = full_write };
	Writer full = { &ops };
	AUTO_BUF Buf plain = BUF_INIT;
	add_sample(&plain, 64 << 20);
	for (CompressionId id = COMPRESSION_GZIP; id < COMPRESSION_COUNT; id++) {
		AUTO_WRITER Writer *w =
			compressor_writer(&(CompressionSpec){ .id = id, .threads = 3 }, &full);
		AUTO_ERR Err *err = writer_write(w, plain.ptr, plain.len);
		assert_true(err && err_errno(err) == ENOSPC);
		AUTO_ERR Err *again = writer_finish(w);
		assert_non_null(again);
	}
}

typedef struct Shared {
	CompressPool *pool;
	Str plain;
	Buf packed[6];
} Shared;

/* Writer I of a pool that others use at the same time: every third one cannot write, the last ones
 * want another level than the pool's. */
static Err *write_shared(void *context, size_t i)
{
	static const WriterOps full_ops = { .write = full_write };
	Shared *s = context;
	CompressionSpec spec = { .id = COMPRESSION_ZSTD, .level = i < 4 ? 3 : 1, .pool = s->pool };
	if (i % 3 != 1) {
		pack(&spec, s->plain, 70000, &s->packed[i]);
		return NULL;
	}
	Writer full = { &full_ops };
	AUTO_WRITER Writer *w = compressor_writer(&spec, &full);
	AUTO_ERR Err *err = writer_write(w, s->plain.ptr, s->plain.len);
	if (!err)
		err = writer_finish(w);
	assert_true(err && err_errno(err) == ENOSPC);
	return NULL;
}

static void test_compress_shared_pool(void **state)
{
	(void)state;
	static const unsigned threads[] = { 1, 2, 8 };
	AUTO_BUF Buf plain = BUF_INIT, want3 = BUF_INIT, want1 = BUF_INIT;
	add_sample(&plain, (17 << 20) + 17);
	pack(&(CompressionSpec){ .id = COMPRESSION_ZSTD, .level = 3 }, buf_str(&plain), 70000,
	     &want3);
	pack(&(CompressionSpec){ .id = COMPRESSION_ZSTD, .level = 1 }, buf_str(&plain), 70000,
	     &want1);
	assert_false(str_eq(buf_str(&want3), buf_str(&want1)));
	for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
		AUTO_COMPRESS_POOL CompressPool *pool = compressor_pool_new(threads[t]);
		Shared s = { .pool = pool, .plain = buf_str(&plain) };
		AUTO_BUF Buf first = BUF_INIT; /* says what the pool's level is */
		pack(&(CompressionSpec){ .id = COMPRESSION_ZSTD, .level = 3, .pool = pool },
		     buf_str(&plain), 1 << 20, &first);
		assert_null(parallel_each(ARRAY_LEN(s.packed), 4, write_shared, &s));
		for (size_t i = 0; i < ARRAY_LEN(s.packed); i++) {
			if (i % 3 != 1)
				assert_true(str_eq(buf_str(&s.packed[i]),
				                   buf_str(i < 4 ? &want3 : &want1)));
			buf_done(&s.packed[i]);
		}
	}
}

static void test_compress_parse(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int id, level; /* id -1: refused */
	} cases[] = {
		{ "gzip", COMPRESSION_GZIP, 0 },
		{ "gzip:6", COMPRESSION_GZIP, 6 },
		{ "zstd:19", COMPRESSION_ZSTD, 19 },
		{ "none", COMPRESSION_NONE, 0 },
		{ "uncompressed", COMPRESSION_NONE, 0 },
		{ "gzip:", -1, 0 },
		{ "gzip:0", -1, 0 },
		{ "gzip:13", -1, 0 },
		{ "zstd:23", -1, 0 },
		{ "none:1", -1, 0 },
		{ "", -1, 0 },
		{ "GZIP", -1, 0 },
		{ "estargz", -1, 0 },
		{ "gzip:-1", -1, 0 },
		{ "gzip:6x", -1, 0 },
		{ "gzip:18446744073709551617", -1, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CompressionSpec spec;
		AUTO_ERR Err *err = compressor_parse(str_from(cases[i].text), &spec);
		if (!err != (cases[i].id >= 0))
			fail_msg("'%s'", cases[i].text);
		if (!err)
			assert_true((int)spec.id == cases[i].id && spec.level == cases[i].level);
	}
}

static void test_compress_sniff(void **state)
{
	(void)state;
	assert_int_equal(compressor_sniff(STR("\x1f\x8b\x08\0\0\0")), COMPRESSION_GZIP);
	assert_int_equal(compressor_sniff(STR("\x28\xb5\x2f\xfd")), COMPRESSION_ZSTD);
	assert_int_equal(compressor_sniff(STR("\x5f\x2a\x4d\x18")), COMPRESSION_ZSTD);
	assert_int_equal(compressor_sniff(STR("\x1f\x8b")), COMPRESSION_NONE);
	assert_int_equal(compressor_sniff(STR("")), COMPRESSION_NONE);
	assert_string_equal(compressor_foreign(STR("BZh91AY")), "bzip2");
	assert_string_equal(compressor_foreign((Str){ "\xfd"
	                                              "7zXZ\0",
	                                              6 }),
	                    "xz");
	assert_null(compressor_foreign(STR("BZhang.txt")));
	assert_null(compressor_foreign(STR("")));
}

/* PIECE bytes at first, then all that is left. */
typedef struct Drip {
	Reader reader;
	Str left;
	size_t piece;
} Drip;

static Err *drip_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Drip *d = (Drip *)r;
	size_t n = d->piece ? d->piece : d->left.len;
	*ret_len = n < cap ? n : cap;
	if (*ret_len)
		memcpy(buf, d->left.ptr, *ret_len);
	d->left = str_from_at(d->left, *ret_len);
	d->piece = 0;
	return NULL;
}

static void drip_close(Reader *r)
{
	(void)r;
}

/* Extra field, name and comment in the header, twice, cut at each byte. */
static void test_gzip_header_in_pieces(void **state)
{
	(void)state;
	static const ReaderOps ops = { drip_read, drip_close };
	static const unsigned char member[] = {
		0x1f, 0x8b, 0x08, 0x1c, 0x01, 0xf1, 0x53, 0x65, 0x00, 0x03, 0x05, 0x00, 0x41, 0x42,
		0x01, 0x00, 0x7a, 0x72, 0x6f, 0x6f, 0x74, 0x2e, 0x74, 0x61, 0x72, 0x00, 0x61, 0x20,
		0x63, 0x6f, 0x6d, 0x6d, 0x65, 0x6e, 0x74, 0x00, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
		0x51, 0x28, 0x2e, 0xc8, 0xc9, 0x2c, 0x51, 0xc8, 0x48, 0x4d, 0x4c, 0x49, 0x2d, 0xe2,
		0xca, 0x20, 0x52, 0x0c, 0x00, 0x28, 0x0d, 0xb0, 0x59, 0x3c, 0x00, 0x00, 0x00
	};
	AUTO_BUF Buf two = BUF_INIT, want = BUF_INIT;
	for (int i = 0; i < 2; i++)
		buf_add(&two, member, sizeof member);
	for (int i = 0; i < 6; i++)
		buf_addf(&want, "hello, split header\n");
	for (size_t piece = 1; piece <= two.len; piece++) {
		AUTO_BUF Buf got = BUF_INIT;
		Drip drip = { .reader = { &ops }, .left = buf_str(&two), .piece = piece };
		AUTO_READER Reader *r = compressor_reader(COMPRESSION_GZIP, &drip.reader);
		assert_null(reader_read_all(r, 1000, "it", &got));
		assert_true(str_eq(buf_str(&got), buf_str(&want)));
	}
}

int test_compress_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compress_round_trip),
		cmocka_unit_test(test_compress_same_bytes_for_any_threads),
		cmocka_unit_test(test_compress_damage),
		cmocka_unit_test(test_compress_stays_failed),
		cmocka_unit_test(test_compress_error_below),
		cmocka_unit_test(test_compress_shared_pool),
		cmocka_unit_test(test_compress_parse),
		cmocka_unit_test(test_compress_sniff),
		cmocka_unit_test(test_gzip_header_in_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
