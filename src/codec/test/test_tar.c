/* test_tar.c - archives round trip, frozen bytes, and what is refused of hostile ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/tar-internal.h"
#include "codec/tar.h"
#include "codec/test/tests.h"

#include <stdio.h>

/* --- making archives ------------------------------------------------------------------------- */

static Err *write_entries(const Entry *entries, size_t count, Str data, Buf *out)
{
	AUTO_WRITER Writer *w = writer_to_buf(out);
	AUTO_TAR_WRITER TarWriter *t = tar_writer_new(w);
	for (size_t i = 0; i < count; i++) {
		TRY(tar_writer_entry(t, &entries[i]));
		if (entries[i].type == ENTRY_FILE)
			TRY(tar_writer_data(t, data.ptr, data.len));
	}
	return tar_writer_finish(t);
}

/* One header block with a good checksum; fields are given as text. */
typedef struct Raw {
	const char *name;
	char type;
	const char *size, *mode, *uid, *mtime, *link, *prefix;
	const char *bad_checksum;
} Raw;

static void add_raw(Buf *out, const Raw *raw)
{
	TarHeader h = { .type = raw->type ? raw->type : '0' };
	memcpy(h.name, raw->name, strnlen(raw->name, sizeof h.name));
	const char *size = raw->size ? raw->size : "00000000000";
	memcpy(h.size, size, strnlen(size, sizeof h.size));
	memcpy(h.mode, raw->mode ? raw->mode : "0000644", 7);
	memcpy(h.uid, raw->uid ? raw->uid : "0000000", 7);
	memcpy(h.gid, "0000000", 8);
	memcpy(h.mtime, raw->mtime ? raw->mtime : "00000000000", 11);
	memcpy(h.magic, "ustar", 6);
	memcpy(h.version, "00", 2);
	if (raw->link)
		memcpy(h.link, raw->link, strnlen(raw->link, sizeof h.link));
	if (raw->prefix)
		memcpy(h.prefix, raw->prefix, strnlen(raw->prefix, sizeof h.prefix));
	int32_t with_sign;
	uint32_t sum = tar_checksum(&h, &with_sign);
	char text[16];
	(void)snprintf(text, sizeof text, "%06o", raw->bad_checksum ? 1 : sum);
	memcpy(h.checksum, text, 7);
	buf_add(out, &h, sizeof h);
}

static void add_padded(Buf *out, Str data)
{
	static const char zero[TAR_BLOCK];
	buf_add_str(out, data);
	buf_add(out, zero, tar_padding(data.len));
}

static void add_meta(Buf *out, char type, Str data)
{
	char size[16];
	(void)snprintf(size, sizeof size, "%011zo", data.len);
	add_raw(out, &(Raw){ .name = "meta", .type = type, .size = size });
	add_padded(out, data);
}

static void add_end(Buf *out)
{
	static const char zero[2 * TAR_BLOCK];
	buf_add(out, zero, sizeof zero);
}

/* --- reading them ---------------------------------------------------------------------------- */

/* "path|type|mode|uid|mtime|size|link|data|xattrs\n" for each entry. */
static Err *list_archive(Str archive, Buf *out)
{
	AUTO_READER Reader *r = reader_from_memory(archive);
	AUTO_TAR_READER TarReader *t = tar_reader_new(r);
	for (;;) {
		Entry e;
		bool end;
		TRY(tar_reader_next(t, &e, &end));
		if (end)
			return NULL;
		buf_addf(out, "%.*s|%c|%o|%u|%lld|%llu|%.*s|", STR_ARG(e.path), e.type, e.mode,
		         e.uid, (long long)e.mtime_ns, (unsigned long long)e.size, STR_ARG(e.link));
		for (size_t i = 0; i < e.xattr_count; i++)
			buf_addf(out, "%.*s=%.*s,", STR_ARG(e.xattrs[i].name),
			         STR_ARG(e.xattrs[i].value));
		buf_add_char(out, '|');
		for (;;) {
			char piece[7];
			size_t n;
			TRY(tar_reader_data(t, piece, sizeof piece, &n));
			if (n == 0)
				break;
			for (size_t i = 0; i < n; i++)
				buf_add_char(out, piece[i] ? piece[i] : '.');
		}
		buf_add_char(out, '\n');
	}
}

static void check_list(const char *name, Str archive, const char *want)
{
	AUTO_BUF Buf got = BUF_INIT;
	Err *err = list_archive(archive, &got);
	if (err) {
		/* a good archive with something in it that no image takes */
		bool good = strstr(err_cause(err).ptr, "old GNU sparse") ||
		            (strstr(err_cause(err).ptr, "wrong type") &&
		             !strstr(err_cause(err).ptr, "type '0'") &&
		             !strstr(err_cause(err).ptr, "type 'S'"));
		assert_int_equal(err_kind(err), good ? ERR_INPUT : ERR_CORRUPT);
		buf_addf(&got, "error: %.*s", STR_ARG(err_cause(err)));
		err_free(err);
	}
	buf_add(&got, "", 0);
	if (!str_eq(buf_str(&got), str_from(want)))
		fail_msg("%s:\ngot:\n%s\nwant:\n%s", name, got.ptr, want);
}

/* --- round trip ------------------------------------------------------------------------------ */

static Str repeat(char c, size_t count, Buf *out)
{
	for (size_t i = 0; i < count; i++)
		buf_add_char(out, c);
	return buf_str(out);
}

static void test_tar_round_trip(void **state)
{
	(void)state;
	AUTO_BUF Buf n100 = BUF_INIT, n101 = BUF_INIT, split = BUF_INIT, archive = BUF_INIT,
		     want = BUF_INIT;
	repeat('a', 100, &n100);
	repeat('b', 101, &n101);
	repeat('c', 120, &split);
	buf_add_char(&split, '/');
	repeat('d', 100, &split);
	static const Xattr xattrs[] = { { { "user.a", 6 }, { "", 0 } },
		                        { { "user.b", 6 }, { "x=\n", 3 } } };
	const Entry entries[] = {
		{ .path = STR(""), .type = ENTRY_DIR, .mode = 0755 },
		{ .path = STR("a"), .type = ENTRY_DIR, .mode = 01777, .opaque = true },
		{ .path = STR("a/b"),
		  .type = ENTRY_FILE,
		  .mode = 06755,
		  .size = 3,
		  .uid = 4294967294,
		  .mtime_ns = 1 },
		{ .path = STR("a/caf\xe9\n"),
		  .type = ENTRY_FILE,
		  .size = 3,
		  .mtime_ns = -1500000000 },
		{ .path = STR("a/g"), .type = ENTRY_WHITEOUT },
		{ .path = STR("h"), .type = ENTRY_HARDLINK, .link = buf_str(&split) },
		{ .path = STR("l"),
		  .type = ENTRY_SYMLINK,
		  .mode = 0777,
		  .link = STR("../../x//y") },
		{ .path = STR("p"), .type = ENTRY_FIFO },
		{ .path = STR("x"),
		  .type = ENTRY_FILE,
		  .size = 3,
		  .xattrs = xattrs,
		  .xattr_count = 2 },
		{ .path = buf_str(&n100), .type = ENTRY_FILE, .size = 3 },
		{ .path = buf_str(&n100), .type = ENTRY_DIR },
		{ .path = buf_str(&n101), .type = ENTRY_FILE, .size = 3, .mtime_ns = INT64_MAX },
		{ .path = buf_str(&split), .type = ENTRY_FILE, .size = 3 },
	};
	assert_null(write_entries(entries, ARRAY_LEN(entries), STR("abc"), &archive));
	buf_addf(&want,
	         "|d|755|0|0|0|||\n"
	         "a|d|1777|0|0|0|||\n"
	         "a/.wh..wh..opq|f|0|0|0|0|||\n"
	         "a/b|f|6755|4294967294|1|3|||abc\n"
	         "a/caf\xe9\n|f|0|0|-1500000000|3|||abc\n"
	         "a/.wh.g|f|0|0|0|0|||\n"
	         "h|h|0|0|0|0|%s||\n"
	         "l|l|777|0|0|0|../../x//y||\n"
	         "p|p|0|0|0|0|||\n"
	         "x|f|0|0|0|3||user.a=,user.b=x=\n,|abc\n"
	         "%s|f|0|0|0|3|||abc\n"
	         "%s|d|0|0|0|0|||\n"
	         "%s|f|0|0|9223372036854775807|3|||abc\n"
	         "%s|f|0|0|0|3|||abc\n",
	         split.ptr, n100.ptr, n100.ptr, n101.ptr, split.ptr);
	check_list("round trip", buf_str(&archive), want.ptr);
	uint64_t bytes = 2 * TAR_BLOCK;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		bytes += tar_entry_bytes(&entries[i]);
	assert_int_equal(bytes, archive.len);
	/* Frozen: another digest here makes every layer that was ever built a new one. */
	Digest d = sha256_of(buf_str(&archive));
	char hex[DIGEST_HEX_LEN + 1];
	assert_string_equal(digest_hex(&d, hex).ptr,
	                    "e3ff2c00eebd3b10ee87361347812104c379d1e5926b80f439062e57f50b675d");
}

static void test_tar_large_size_goes_to_pax(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT;
	AUTO_WRITER Writer *w = writer_to_buf(&out);
	AUTO_TAR_WRITER TarWriter *t = tar_writer_new(w);
	Entry e = { .path = STR("big"), .type = ENTRY_FILE, .size = 8ull << 30 };
	assert_null(tar_writer_entry(t, &e));
	AUTO_ERR Err *err = tar_writer_finish(t);
	assert_non_null(err);
	assert_true(str_eq(err_cause(err), STR("'big' is 8589934592 bytes shorter than it was")));
	assert_int_equal(tar_entry_bytes(&e), (8ull << 30) + 3 * TAR_BLOCK);
	e.size--;
	assert_int_equal(tar_entry_bytes(&e), (8ull << 30) + TAR_BLOCK);
}

static void test_tar_writer_refuses(void **state)
{
	(void)state;
	static const Xattr bad_name = { { "user.a=b", 8 }, { "", 0 } };
	static const Xattr unsorted[] = { { { "user.b", 6 }, { "", 0 } },
		                          { { "user.a", 6 }, { "", 0 } } };
	static const Entry cases[] = {
		{ .path = { "../x", 4 }, .type = ENTRY_FILE },
		{ .path = { "/x", 2 }, .type = ENTRY_FILE },
		{ .path = { "", 0 }, .type = ENTRY_FILE },
		{ .path = { "a/.wh.b", 7 }, .type = ENTRY_FILE },
		{ .path = { ".wh.a/b", 7 }, .type = ENTRY_FILE },
		{ .path = { "a", 1 }, .type = ENTRY_SYMLINK },
		{ .path = { "a", 1 }, .type = ENTRY_SYMLINK, .link = { "x\0y", 3 } },
		{ .path = { "a", 1 }, .type = ENTRY_HARDLINK, .link = { "../b", 4 } },
		{ .path = { "a", 1 }, .type = ENTRY_FILE, .uid = UINT32_MAX },
		{ .path = { "a", 1 }, .type = ENTRY_FILE, .size = 2 * ENTRY_BYTES_MAX },
		{ .path = { "a", 1 }, .type = ENTRY_CHAR, .rdev_major = 1u << 21 },
		{ .path = { "a", 1 }, .type = ENTRY_FILE, .xattrs = &bad_name, .xattr_count = 1 },
		{ .path = { "a", 1 }, .type = ENTRY_FILE, .xattrs = unsorted, .xattr_count = 2 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf out = BUF_INIT;
		AUTO_ERR Err *err = write_entries(&cases[i], 1, STR(""), &out);
		if (!err)
			fail_msg("case %zu was written", i);
		assert_int_equal(err_kind(err), ERR_INPUT);
	}
	AUTO_BUF Buf out = BUF_INIT;
	Entry e = { .path = STR("grown"), .type = ENTRY_FILE, .size = 2 };
	AUTO_ERR Err *err = write_entries(&e, 1, STR("abc"), &out);
	assert_true(err && str_eq(err_cause(err), STR("'grown' is longer than it was")));
}

/* --- archives of others ---------------------------------------------------------------------- */

static void test_tar_one_header(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		Raw raw;
		const char *want;
	} cases[] = {
		{ "plain", { "f" }, "f|f|644|0|0|0|||\n" },
		{ "absolute and dots", { "/./a//b/./c/", '5' }, "a/b/c|d|644|0|0|0|||\n" },
		{ "prefix", { "b", '0', .prefix = "a" }, "a/b|f|644|0|0|0|||\n" },
		{ "root", { "./", '5' }, "|d|644|0|0|0|||\n" },
		{ "dot dot", { "a/../b" }, "error: entry 'a/../b' has a '..' in it" },
		{ "climbs", { "../b" }, "error: entry '../b' has a '..' in it" },
		{ "root as a file", { "." }, "error: entry '.' replaces the root" },
		{ "root as a link",
		  { "/", '2', .link = "x" },
		  "error: entry '/' replaces the root" },
		{ "file with a slash", { "a/" }, "error: entry 'a/' has the wrong type '0'" },
		{ "empty whiteout", { "x/.wh." }, "error: entry 'x/.wh.': a whiteout of nothing" },
		{ "whiteout of .", { "x/.wh.." }, "error: entry 'x/.wh..': a whiteout of nothing" },
		{ "whiteout of ..",
		  { "x/.wh..." },
		  "error: entry 'x/.wh...': a whiteout of nothing" },
		{ "whiteout", { "x/.wh.y" }, "x/.wh.y|f|644|0|0|0|||\n" },
		{ "hard link", { "h", '1', .link = "/a/./b" }, "h|h|644|0|0|0|a/b||\n" },
		{ "hard link that climbs",
		  { "h", '1', .link = "../b" },
		  "error: link target '../b' has a '..' in it" },
		{ "hard link to the root",
		  { "h", '1', .link = "/" },
		  "error: entry 'h': a hard link to the root" },
		{ "symlink to nothing", { "s", '2' }, "error: entry 's': a link to nothing" },
		{ "size of a link is not data",
		  { "s", '2', .size = "00000001000", .link = "x" },
		  "s|l|644|0|0|0|x||\n" },
		{ "unknown type", { "f", 'Z' }, "error: entry 'f' has the wrong type 'Z'" },
		{ "old sparse, but not of GNU tar",
		  { "f", 'S' },
		  "error: entry 'f' has the wrong type 'S'" },
		{ "an unknown type with a bad size",
		  { "f", 'Z', .size = "0000000000x" },
		  "error: entry 'f': bad size" },
		{ "negative size",
		  { "f", '0', .size = "-0000000001" },
		  "error: entry 'f': bad size" },
		{ "size with a letter",
		  { "f", '0', .size = "0000000000x" },
		  "error: entry 'f': bad size" },
		{ "size 9", { "f", '0', .size = "00000000009" }, "error: entry 'f': bad size" },
		{ "base-256 negative size",
		  { "f", '0', .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" },
		  "error: entry 'f': bad size" },
		{ "base-256 beyond 64 bits",
		  { "f", '0', .size = "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" },
		  "error: entry 'f': bad size" },
		{ "base-256 huge size",
		  { "f", '0', .size = "\x80\xff\xff\xff\x40\xff\xff\xff\xff\xff\xff\xff" },
		  "error: entry 'f': bad size" },
		{ "fields with blanks",
		  { "f", '0', .size = "         0 ", .mode = "   755 " },
		  "f|f|755|0|0|0|||\n" },
		{ "mode with type bits", { "f", '0', .mode = "0106755" }, "f|f|6755|0|0|0|||\n" },
		{ "base-256 uid -1",
		  { "f", '0', .uid = "\xff\xff\xff\xff\xff\xff\xff" },
		  "error: entry 'f': bad owner" },
		{ "bad checksum",
		  { "f", '0', .bad_checksum = "" },
		  "error: not a tar archive: bad header checksum" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf archive = BUF_INIT;
		add_raw(&archive, &cases[i].raw);
		add_end(&archive);
		check_list(cases[i].name, buf_str(&archive), cases[i].want);
	}
}

/* Pax records in front of a header "f" of the 4 bytes "data". */
typedef struct PaxCase {
	const char *name;
	Str records;
	const char *want;
} PaxCase;

static void check_pax(const PaxCase *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf archive = BUF_INIT;
		add_meta(&archive, 'x', cases[i].records);
		add_raw(&archive, &(Raw){ .name = "f", .size = "00000000004" });
		add_padded(&archive, STR("data"));
		add_end(&archive);
		check_list(cases[i].name, buf_str(&archive), cases[i].want);
	}
}

static const PaxCase pax_cases[] = {
	{ "path", { "10 path=n\n", 10 }, "n|f|644|0|0|4|||data\n" },
	{ "last one wins", { "10 path=n\n10 path=m\n", 20 }, "m|f|644|0|0|4|||data\n" },
	{ "empty value", { "8 path=\n", 8 }, "f|f|644|0|0|4|||data\n" },
	{ "empty path",
	  { "9 path=\n", 9 },
	  "error: a pax record does not end where its length says" },
	{ "mtime", { "18 mtime=-1.5e\n", 15 }, "error: bad length of a pax record" },
	{ "mtime fraction", { "20 mtime=1.12345678\n", 20 }, "f|f|644|0|1123456780|4|||data\n" },
	{ "mtime below ns",
	  { "25 mtime=1.1234567899999\n", 25 },
	  "f|f|644|0|1123456789|4|||data\n" },
	{ "mtime too large",
	  { "25 mtime=99999999999999.\n", 25 },
	  "error: bad pax record 'mtime'" },
	{ "mtime as words", { "13 mtime=now\n", 13 }, "error: bad pax record 'mtime'" },
	{ "uid", { "18 uid=3000000000\n", 18 }, "f|f|644|3000000000|0|4|||data\n" },
	{ "uid -1", { "10 uid=-1\n", 10 }, "error: bad pax record 'uid'" },
	{ "uid 2^32-1", { "18 uid=4294967295\n", 18 }, "error: entry 'f': owner out of range" },
	{ "smaller size", { "10 size=2\n", 10 }, "f|f|644|0|0|2|||da\n" },
	{ "size with sign", { "11 size=+2\n", 11 }, "error: bad pax record 'size'" },
	{ "size 2^63",
	  { "28 size=9223372036854775808\n", 28 },
	  "error: entry 'f': larger than any file in a layer may be" },
	{ "NUL in path", { "12 path=a\0b\n", 12 }, "error: entry 'a': NUL in a name" },
	{ "NUL in a key", { "8 a\0b=c\n", 8 }, "error: NUL in the key of a pax record" },
	{ "no key", { "5 =x\n", 5 }, "error: a pax record without a key" },
	{ "length too large", { "99 path=n\n", 10 }, "error: bad length of a pax record" },
	{ "length overflows",
	  { "99999999999999999999 path=a\n", 28 },
	  "error: bad length of a pax record" },
	{ "length without end",
	  { "999999999999999999999999999999999 path=a\n", 41 },
	  "error: bad length of a pax record" },
	{ "length 0", { "0 path=n\n", 9 }, "error: bad length of a pax record" },
	{ "length with a sign", { "+10 path=n\n", 11 }, "error: bad length of a pax record" },
	{ "blank first", { " 11 path=n\n", 11 }, "error: bad length of a pax record" },
	{ "no line end",
	  { "10 path=nn", 10 },
	  "error: a pax record does not end where its length says" },
	{ "unknown keys", { "13 comment=x\n", 13 }, "f|f|644|0|0|4|||data\n" },
};

static const PaxCase pax_sparse_cases[] = {
	{ "sparse in a form that is not known",
	  { "22 GNU.sparse.major=1\n", 22 },
	  "f|f|644|0|0|4|||data\n" },
	{ "sparse 0.1",
	  { "22 GNU.sparse.size=10\n26 GNU.sparse.numblocks=2\n26 GNU.sparse.map=1,2,7,2\n"
	    "21 GNU.sparse.name=n\n",
	    95 },
	  "n|f|644|0|0|10|||.da....ta.\n" },
	{ "sparse 0.0",
	  { "21 GNU.sparse.size=6\n23 GNU.sparse.offset=2\n25 GNU.sparse.numbytes=4\n", 69 },
	  "f|f|644|0|0|6|||..data\n" },
	{ "sparse 0.0 out of turn",
	  { "25 GNU.sparse.numbytes=4\n", 25 },
	  "error: bad map of a sparse file" },
	{ "sparse pieces that overlap",
	  { "22 GNU.sparse.size=10\n26 GNU.sparse.numblocks=2\n26 GNU.sparse.map=1,2,2,2\n", 74 },
	  "error: bad map of a sparse file" },
	{ "sparse pieces beyond the end",
	  { "21 GNU.sparse.size=4\n26 GNU.sparse.numblocks=1\n22 GNU.sparse.map=1,4\n", 69 },
	  "error: bad map of a sparse file" },
	{ "sparse pieces with more than there is",
	  { "21 GNU.sparse.size=9\n26 GNU.sparse.numblocks=1\n22 GNU.sparse.map=0,5\n", 69 },
	  "error: bad map of a sparse file" },
	{ "sparse pieces that overflow",
	  { "21 GNU.sparse.size=9\n26 GNU.sparse.numblocks=1\n"
	    "41 GNU.sparse.map=9,18446744073709551615\n",
	    88 },
	  "error: bad map of a sparse file" },
	{ "a wrong number of sparse pieces",
	  { "21 GNU.sparse.size=4\n26 GNU.sparse.numblocks=2\n22 GNU.sparse.map=0,4\n", 69 },
	  "error: bad map of a sparse file" },
	{ "a sparse bomb",
	  { "32 GNU.sparse.size=999999999999\n26 GNU.sparse.numblocks=1\n"
	    "22 GNU.sparse.map=0,4\n",
	    80 },
	  "error: a sparse file of 999999999999 bytes (at most 68719476736)" },
};

static const PaxCase pax_xattr_cases[] = {
	{ "xattrs in order",
	  { "25 SCHILY.xattr.user.b=2\n25 SCHILY.xattr.user.a=1\n", 50 },
	  "f|f|644|0|0|4||user.a=1,user.b=2,|data\n" },
	{ "libarchive xattr",
	  { "34 LIBARCHIVE.xattr.user.%3d=aGk=\n", 34 },
	  "f|f|644|0|0|4||user.==hi,|data\n" },
	{ "libarchive bad base64",
	  { "30 LIBARCHIVE.xattr.user.a=a*b\n", 31 },
	  "error: a pax record does not end where its length says" },
	{ "libarchive bad letters",
	  { "31 LIBARCHIVE.xattr.user.a=a*b\n", 31 },
	  "error: bad encoding of extended attribute 'user.a'" },
	{ "xattr without name",
	  { "17 SCHILY.xattr.=\n", 18 },
	  "error: a pax record does not end where its length says" },
};

static void test_tar_pax(void **state)
{
	(void)state;
	check_pax(pax_cases, ARRAY_LEN(pax_cases));
	check_pax(pax_sparse_cases, ARRAY_LEN(pax_sparse_cases));
	check_pax(pax_xattr_cases, ARRAY_LEN(pax_xattr_cases));
}

static void test_tar_gnu_names(void **state)
{
	(void)state;
	AUTO_BUF Buf name = BUF_INIT, archive = BUF_INIT, want = BUF_INIT, link = BUF_INIT;
	repeat('n', 200, &name);
	buf_add(&name, "", 1); /* its NUL counts */
	repeat('k', 300, &link);
	add_meta(&archive, 'K', buf_str(&link));
	add_meta(&archive, 'L', buf_str(&name));
	add_raw(&archive, &(Raw){ .name = "cut", .type = '2', .link = "cut" });
	add_raw(&archive, &(Raw){ .name = "after" });
	add_end(&archive);
	buf_addf(&want, "%s|l|644|0|0|0|%s||\nafter|f|644|0|0|0|||\n", name.ptr, link.ptr);
	check_list("long name and link", buf_str(&archive), want.ptr);
	static const char *const huge = "40000000000"; /* 4 GiB: refused before anything is read */
	buf_reset(&archive);
	add_raw(&archive, &(Raw){ .name = "././@LongLink", .type = 'L', .size = huge });
	check_list("huge name", buf_str(&archive),
	           "error: GNU long name of 4294967296 bytes (at most 4097)");
	buf_reset(&archive);
	add_raw(&archive, &(Raw){ .name = "x", .type = 'x', .size = huge });
	check_list("huge pax", buf_str(&archive),
	           "error: pax header of 4294967296 bytes (at most 8388608)");
	/* As Go has it: GNU's name before pax's, whichever comes first; of two the last one. */
	for (int order = 0; order < 2; order++) {
		buf_reset(&archive);
		if (order == 0)
			add_meta(&archive, 'L', STR("a"));
		add_meta(&archive, 'x', STR("10 path=n\n"));
		if (order == 1)
			add_meta(&archive, 'L', STR("a"));
		add_raw(&archive, &(Raw){ .name = "f" });
		add_end(&archive);
		check_list("two names", buf_str(&archive), "a|f|644|0|0|0|||\n");
	}
	buf_reset(&archive);
	add_meta(&archive, 'L', STR("a"));
	add_meta(&archive, 'L', STR("b"));
	add_meta(&archive, 'K', STR("c"));
	add_meta(&archive, 'K', STR("d"));
	add_raw(&archive, &(Raw){ .name = "f", .type = '2', .link = "l" });
	add_meta(&archive, 'x', STR("9 path=n\n31 SCHILY.xattr.user.a=1234567\n"));
	add_meta(&archive, 'x', STR("14 linkpath=m\n"));
	add_raw(&archive, &(Raw){ .name = "f", .type = '2', .link = "l" });
	add_end(&archive);
	check_list("headers that take the place of others", buf_str(&archive),
	           "b|l|644|0|0|0|d||\nf|l|644|0|0|0|m||\n");
	buf_reset(&archive);
	add_meta(&archive, 'L', STR("a"));
	add_end(&archive);
	check_list("name of nothing", buf_str(&archive), "error: the archive ends within an entry");
}

static void test_tar_global_pax(void **state)
{
	(void)state;
	AUTO_BUF Buf archive = BUF_INIT;
	add_meta(&archive, 'g', STR("13 comment=x\n15 mtime=12345\n"));
	add_raw(&archive, &(Raw){ .name = "f" });
	add_end(&archive);
	check_list("comment", buf_str(&archive), "f|f|644|0|0|0|||\n");
	buf_reset(&archive);
	add_meta(&archive, 'g', STR("9 path=n\n9 size=9\n22 GNU.sparse.map=0,4\n"));
	add_raw(&archive, &(Raw){ .name = "f" });
	add_end(&archive);
	check_list("it changes nothing", buf_str(&archive), "f|f|644|0|0|0|||\n");
	buf_reset(&archive);
	add_meta(&archive, 'g', STR("99 path=n\n"));
	check_list("but must be one", buf_str(&archive), "error: bad length of a pax record");
}

/* D39: the form 1.0, whose map lies in front of the data. */
static void test_tar_sparse(void **state)
{
	(void)state;
	static const Str records = {
		"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.realsize=8\n", 69
	};
	static const struct {
		const char *name, *map;
		const char *want; /* of "data" behind the map */
	} cases[] = {
		{ "a hole in front and behind", "1\n3\n4\n", "f|f|644|0|0|8|||...data.\n" },
		{ "two pieces", "2\n0\n1\n5\n3\n", "f|f|644|0|0|8|||d....ata\n" },
		{ "an empty piece", "2\n0\n4\n8\n0\n", "f|f|644|0|0|8|||data....\n" },
		{ "no number", "x\n", "error: bad map of a sparse file" },
		{ "a number too long", "000000000000000000000001\n",
		  "error: bad map of a sparse file" },
		{ "more pieces than lines", "9\n0\n4\n", "error: bad map of a sparse file" },
		{ "a map without end", "18446744073709551615\n0\n4\n",
		  "error: bad map of a sparse file" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf archive = BUF_INIT, data = BUF_INIT;
		char size[16];
		buf_add_str(&data, str_from(cases[i].map));
		while (data.len < TAR_BLOCK)
			buf_add_char(&data, '\0');
		buf_add_str(&data, STR("data"));
		(void)snprintf(size, sizeof size, "%011zo", data.len);
		add_meta(&archive, 'x', records);
		add_raw(&archive, &(Raw){ .name = "f", .size = size });
		add_padded(&archive, buf_str(&data));
		add_raw(&archive, &(Raw){ .name = "after" });
		add_end(&archive);
		AUTO_BUF Buf want = BUF_INIT;
		buf_addf(&want, "%s%s", cases[i].want,
		         cases[i].want[0] == 'f' ? "after|f|644|0|0|0|||\n" : "");
		check_list(cases[i].name, buf_str(&archive), want.ptr);
	}
}

/* --- ends ------------------------------------------------------------------------------------ */

static void test_tar_ends(void **state)
{
	(void)state;
	AUTO_BUF Buf one = BUF_INIT, archive = BUF_INIT;
	static const char zero[TAR_BLOCK];
	add_raw(&one, &(Raw){ .name = "f", .size = "00000000004" });
	add_padded(&one, STR("data"));
	const char *listed = "f|f|644|0|0|4|||data\n";
	check_list("empty", STR(""), "");
	check_list("no end blocks", buf_str(&one), listed);
	check_list("inside the header", str_head(buf_str(&one), 300),
	           "error: the archive is cut short");
	check_list("inside the data", str_head(buf_str(&one), 514),
	           "f|f|644|0|0|4|||daerror: the archive is cut short at 'f'");
	check_list("inside the padding", str_head(buf_str(&one), 600),
	           "f|f|644|0|0|4|||data\nerror: the archive is cut short at 'f'");
	add_raw(&archive, &(Raw){ .name = "f", .size = "777777777777" });
	check_list("64 GiB that do not come", buf_str(&archive),
	           "f|f|644|0|0|68719476735|||error: the archive is cut short at 'f'");
	buf_reset(&archive);
	buf_add_str(&archive, buf_str(&one));
	buf_add(&archive, zero, sizeof zero);
	check_list("half an end", buf_str(&archive), listed);
	buf_add_str(&archive, buf_str(&one));
	check_list("entry after half an end", buf_str(&archive),
	           "f|f|644|0|0|4|||data\nerror: data after half an end of the archive");
	buf_reset(&archive);
	buf_add_str(&archive, buf_str(&one));
	add_end(&archive);
	buf_add_str(&archive, buf_str(&one));
	buf_add_str(&archive, STR("junk"));
	check_list("what follows the end is no entry", buf_str(&archive), listed);
	AUTO_READER Reader *memory = reader_from_memory(buf_str(&archive));
	AUTO_READER Reader *hash = reader_hash(memory);
	AUTO_TAR_READER TarReader *t = tar_reader_new(hash);
	Entry e;
	bool end = false;
	while (!end)
		assert_null(tar_reader_next(t, &e, &end));
	assert_int_equal(reader_hash_count(hash), archive.len);
	assert_null(tar_reader_next(t, &e, &end));
	assert_true(end);
	check_list("garbage", (Str){ memset(archive.ptr, 'g', 600), 600 },
	           "error: not a tar archive: bad header checksum");
}

/* Cut and flip everywhere: no crash, and never more than one entry too few. */
static void test_tar_damage(void **state)
{
	(void)state;
	static const Xattr xattr = { { "user.a", 6 }, { "v", 1 } };
	const Entry entries[] = {
		{ .path = STR("a"), .type = ENTRY_DIR },
		{ .path = STR("b"),
		  .type = ENTRY_FILE,
		  .size = 3,
		  .mtime_ns = 5,
		  .xattrs = &xattr,
		  .xattr_count = 1 },
		{ .path = STR("c"), .type = ENTRY_SYMLINK, .link = STR("b") },
	};
	AUTO_BUF Buf archive = BUF_INIT;
	assert_null(write_entries(entries, ARRAY_LEN(entries), STR("abc"), &archive));
	for (size_t cut = 0; cut < archive.len; cut++) {
		AUTO_BUF Buf got = BUF_INIT;
		AUTO_ERR Err *err = list_archive(str_head(buf_str(&archive), cut), &got);
		assert_true(!err || err_kind(err) == ERR_CORRUPT);
		assert_true(err || cut % TAR_BLOCK == 0);
	}
	for (size_t bit = 0; bit < archive.len * 8; bit += 3) {
		AUTO_BUF Buf got = BUF_INIT;
		archive.ptr[bit / 8] ^= (char)(1 << bit % 8);
		AUTO_ERR Err *err = list_archive(buf_str(&archive), &got);
		assert_true(!err || err_kind(err) == ERR_CORRUPT);
		archive.ptr[bit / 8] ^= (char)(1 << bit % 8);
	}
}

int test_tar_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tar_round_trip),
		cmocka_unit_test(test_tar_large_size_goes_to_pax),
		cmocka_unit_test(test_tar_writer_refuses),
		cmocka_unit_test(test_tar_one_header),
		cmocka_unit_test(test_tar_pax),
		cmocka_unit_test(test_tar_gnu_names),
		cmocka_unit_test(test_tar_global_pax),
		cmocka_unit_test(test_tar_sparse),
		cmocka_unit_test(test_tar_ends),
		cmocka_unit_test(test_tar_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
