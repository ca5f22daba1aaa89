/* test_sbom_binary.c - Go programs, jars, databases of rpm: made here, byte for byte. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/test/test_readers.h"

static void put(Buf *b, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_add_char(b, (char)(value >> (8 * i)));
}

static void put_big(Buf *b, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_char(b, (char)(value >> shift));
}

static void pad_to(Buf *b, size_t len)
{
	while (b->len < len)
		buf_add_char(b, 0);
}

/* --- Go --------------------------------------------------------------------------------------- */

#define MARK "0123456789abcdef"
static const char modules[] =
	MARK "path\tx/cmd\nmod\texample.com/Me\t(devel)\t\n"
	     "dep\tgithub.com/Old/a\tv1.0.0\n=>\tgithub.com/new/a\tv1.2.0\th1:x=\n"
	     "dep\tgolang.org/x/sys\tv0.1.0\th1:y=\nbuild\tGOOS=linux\n" MARK;
static const char go_packages[] = "pkg:golang/stdlib@1.21.5\n"
				  "pkg:golang/example.com/me\n"
				  "pkg:golang/github.com/new/a@v1.2.0\n"
				  "pkg:golang/golang.org/x/sys@v0.1.0\n";

enum { DATA_AT = 0x100, DATA_ADDRESS = 0x400000 };

/* A program of one writable segment, at DATA_AT, which holds DATA. */
static void make_elf(Str data, bool sections, Buf *b)
{
	static const char names[] = "\0.go.buildinfo\0.shstrtab";
	size_t names_at = DATA_AT + data.len, table_at = names_at + sizeof names;
	buf_add_str(b, STR("\x7f"
	                   "ELF\2\1\1"));
	pad_to(b, 32);
	put(b, 64, 8);                      /* program headers */
	put(b, sections ? table_at : 0, 8); /* sections */
	pad_to(b, 54);
	put(b, 56, 2);
	put(b, 1, 2);
	put(b, 64, 2);
	put(b, sections ? 3 : 0, 2);
	put(b, 2, 2);
	put(b, 1, 4); /* PT_LOAD, writable */
	put(b, 6, 4);
	put(b, DATA_AT, 8);
	put(b, DATA_ADDRESS, 8);
	put(b, DATA_ADDRESS, 8);
	put(b, data.len, 8);
	put(b, data.len, 8);
	pad_to(b, DATA_AT);
	buf_add_str(b, data);
	if (!sections)
		return;
	buf_add(b, names, sizeof names);
	pad_to(b, b->len + 64); /* section 0 */
	put(b, 1, 4);
	pad_to(b, b->len + 20);
	put(b, DATA_AT + 16, 8);
	pad_to(b, table_at + 2 * 64);
	put(b, 15, 4);
	pad_to(b, b->len + 20);
	put(b, names_at, 8);
	pad_to(b, table_at + 3 * 64);
}

static void put_varint(Buf *b, size_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_add_char(b, (char)(value | 0x80));
	buf_add_char(b, (char)value);
}

/* As Go 1.18 and later write it: the texts follow. */
static void make_inline(Buf *data)
{
	pad_to(data, 16);
	buf_add_str(data, STR("\xff Go buildinf:\x08\x02"));
	pad_to(data, 48);
	put_varint(data, sizeof "go1.21.5" - 1);
	buf_add_str(data, STR("go1.21.5"));
	put_varint(data, sizeof modules - 1);
	buf_add(data, modules, sizeof modules - 1);
}

/* As Go before 1.18 did: pointers to strings. */
static void make_pointers(Buf *data)
{
	pad_to(data, 16);
	buf_add_str(data, STR("\xff Go buildinf:"));
	put(data, 8, 1);
	put(data, 0, 1);
	put(data, DATA_ADDRESS + 64, 8);
	put(data, DATA_ADDRESS + 80, 8);
	pad_to(data, 64);
	put(data, DATA_ADDRESS + 96, 8);
	put(data, sizeof "go1.21.5" - 1, 8);
	put(data, DATA_ADDRESS + 112, 8);
	put(data, sizeof modules - 1, 8);
	buf_add_str(data, STR("go1.21.5"));
	pad_to(data, 112);
	buf_add(data, modules, sizeof modules - 1);
}

static void test_go(void **state)
{
	(void)state;
	for (int way = 0; way < 4; way++) {
		AUTO_BUF Buf data = BUF_INIT, elf = BUF_INIT;
		if (way & 1)
			make_pointers(&data);
		else
			make_inline(&data);
		make_elf(buf_str(&data), way & 2, &elf);
		check_reader("usr/bin/server", 0755, buf_str(&elf), go_packages);
		/* Cut anywhere, it is read or not, and nothing worse. */
		for (size_t len = 0; len < elf.len; len += 7) {
			AUTO_ARENA Arena a = ARENA_INIT;
			AUTO_SBOM Sbom s = { 0 };
			SbomFile f = { .path = STR("x"), .size = len, .fd = -1, .bytes = elf.ptr };
			sbom_init(&s, &a);
			err_free(sbom_read_go_binary(&s, &f));
		}
	}
	check_reader("bin/sh", 0755,
	             STR("#!/bin/sh\necho a script that is longer than a header\n"
	                 "exit 0\n"),
	             "");
}

/* --- jars ------------------------------------------------------------------------------------- */

typedef struct Zip {
	Buf out, directory;
	unsigned count;
} Zip;

static void zip_add(Zip *z, const char *name, Str bytes)
{
	size_t at = z->out.len, len = strlen(name);
	buf_add_str(&z->out, STR("PK\3\4"));
	pad_to(&z->out, at + 18);
	put(&z->out, bytes.len, 4);
	put(&z->out, bytes.len, 4);
	put(&z->out, len, 2);
	put(&z->out, 0, 2);
	buf_add(&z->out, name, len);
	buf_add_str(&z->out, bytes);
	size_t entry = z->directory.len;
	buf_add_str(&z->directory, STR("PK\1\2"));
	pad_to(&z->directory, entry + 20);
	put(&z->directory, bytes.len, 4);
	put(&z->directory, bytes.len, 4);
	put(&z->directory, len, 2);
	pad_to(&z->directory, entry + 42);
	put(&z->directory, at, 4);
	buf_add(&z->directory, name, len);
	z->count++;
}

static void zip_end(Zip *z)
{
	size_t at = z->out.len;
	buf_add_str(&z->out, buf_str(&z->directory));
	size_t end = z->out.len;
	buf_add_str(&z->out, STR("PK\5\6"));
	pad_to(&z->out, end + 10);
	put(&z->out, z->count, 2);
	put(&z->out, z->directory.len, 4);
	put(&z->out, at, 4);
	put(&z->out, 0, 2);
	buf_done(&z->directory);
}

#define PROPERTIES(g, a, v) STR("#made\ngroupId=" g "\nartifactId = " a "\r\nversion=" v "\n")

static void test_jar(void **state)
{
	(void)state;
	Zip inner = { 0 }, outer = { 0 }, plain = { 0 };
	zip_add(&inner, "META-INF/maven/o.g/in/pom.properties", PROPERTIES("o.g", "in", "1.0"));
	zip_end(&inner);
	zip_add(&plain, "X.class", STR("x"));
	zip_end(&plain);
	zip_add(&outer, "META-INF/maven/o.g/out/pom.properties", PROPERTIES("o.g", "out", "2.0"));
	zip_add(&outer, "BOOT-INF/lib/in.jar", buf_str(&inner.out));
	zip_add(&outer, "BOOT-INF/lib/guava-31.1-jre.jar", buf_str(&plain.out));
	zip_end(&outer);
	static const char want[] = "pkg:maven/o.g/out@2.0\npkg:maven/o.g/in@1.0\n"
				   "pkg:maven/guava@31.1-jre\n";
	check_reader("app/app.jar", 0644, buf_str(&outer.out), want);
	AUTO_BUF Buf script = BUF_INIT; /* a shell script in front of it */
	buf_add_str(&script, STR("#!/bin/sh\n"));
	buf_add_str(&script, buf_str(&outer.out));
	check_reader("app/app.jar", 0755, buf_str(&script), want);
	check_reader("app/app.jar", 0755, STR("not a zip"), "error: it is no zip archive\n");
	for (size_t len = 0; len < outer.out.len; len += 5)
		for (int flip = 0; flip < 2; flip++) {
			AUTO_ARENA Arena a = ARENA_INIT;
			AUTO_SBOM Sbom s = { 0 };
			AUTO_BUF Buf bad = BUF_INIT;
			buf_add_str(&bad, buf_str(&outer.out));
			bad.ptr[len] ^= (char)(flip ? 0xff : 1);
			SbomFile f = {
				.path = STR("a.jar"), .size = bad.len, .fd = -1, .bytes = bad.ptr
			};
			sbom_init(&s, &a);
			err_free(sbom_read_jar(&s, &f));
		}
	buf_done(&inner.out);
	buf_done(&outer.out);
	buf_done(&plain.out);
}

/* --- rpm -------------------------------------------------------------------------------------- */

static void put_tag(Buf *index, Buf *store, uint32_t tag, const char *text)
{
	put_big(index, tag);
	put_big(index, 6);
	put_big(index, (uint32_t)store->len);
	put_big(index, 1);
	buf_add(store, text, strlen(text) + 1);
}

static void make_header(const char *name, bool epoch, Buf *out)
{
	AUTO_BUF Buf index = BUF_INIT, store = BUF_INIT;
	put_tag(&index, &store, 1000, name);
	put_tag(&index, &store, 1001, "5.2");
	put_tag(&index, &store, 1002, "1.fc39");
	put_tag(&index, &store, 1011, "Acme");
	put_tag(&index, &store, 1014, "GPLv3+");
	put_tag(&index, &store, 1022, "x86_64");
	put_tag(&index, &store, 1044, "bash-5.2-1.fc39.src.rpm");
	if (epoch) {
		put_big(&index, 1003);
		put_big(&index, 4);
		put_big(&index, (uint32_t)store.len);
		put_big(&index, 1);
		put_big(&store, 2);
	}
	put_big(out, (uint32_t)(index.len / 16));
	put_big(out, (uint32_t)store.len);
	buf_add_str(out, buf_str(&index));
	buf_add_str(out, buf_str(&store));
}

static void ndb_slot(Buf *db, uint32_t number, uint32_t block)
{
	buf_add_str(db, STR("Slot"));
	put(db, number, 4);
	put(db, block, 4);
	put(db, 1, 4);
}

static void test_ndb(void **state)
{
	(void)state;
	AUTO_BUF Buf db = BUF_INIT, first = BUF_INIT, key = BUF_INIT;
	make_header("bash", true, &first);
	make_header("gpg-pubkey", false, &key);
	buf_add_str(&db, STR("RpmP"));
	put(&db, 0, 8);
	put(&db, 1, 4); /* one page of slots */
	pad_to(&db, 32);
	ndb_slot(&db, 1, 4096 / 16);
	ndb_slot(&db, 0, 0);
	ndb_slot(&db, 2, 8192 / 16);
	ndb_slot(&db, 3, 12288 / 16); /* beyond the end */
	const Buf *blobs[] = { &first, &key };
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		pad_to(&db, 4096 * (i + 1));
		buf_add_str(&db, STR("BlbS"));
		put(&db, i + 1, 4);
		put(&db, 0, 4);
		put(&db, blobs[i]->len, 4);
		buf_add_str(&db, buf_str(blobs[i]));
	}
	check_reader("usr/lib/sysimage/rpm/Packages.db", 0644, buf_str(&db),
	             "pkg:rpm/acme/bash@5.2-1.fc39?arch=x86_64&distro=acme-7&epoch=2&upstream="
	             "bash-5.2-1.fc39.src.rpm license=GPLv3+ supplier=Acme\n"
	             "warning: '/usr/lib/sysimage/rpm/Packages.db': a package in it is damaged\n");
	check_reader(
		"var/lib/rpm/Packages", 0644,
		STR("\0\0\0\0\0\0\0\0\0\0\0\0\x61\x15\x06\0\x09\0\0\0\0\x10\0\0\0\x08\0\0\0\0\0\0"),
		"error: it is an rpm database of an old kind (Berkeley DB)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_jar),
		cmocka_unit_test(test_ndb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
