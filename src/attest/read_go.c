/*
 * read_go.c - the build information that the Go linker leaves in every program; go.mod.
 *
 * A program tells its own module, the compiler and each module that was linked in, with versions.
 * It is found by its section, or else at the start of the data segment.  Since Go 1.18 the texts
 * stand right behind the header; before, the header points to them by virtual address.
 * SOURCE   Go's debug/buildinfo and cmd/link/internal/ld/data.go; ELF gABI; go.mod reference
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

enum {
	MAGIC_BYTES = 14,
	HEADER_BYTES = 32,
	SEGMENTS_MAX = 128,
	SECTIONS_MAX = 4096,
	SEARCHED_BYTES = 1 << 20, /* of a data segment; the linker puts it first */
	MARK_BYTES = 16,          /* around the list of modules */
};

typedef struct Segment {
	uint64_t address, offset, size; /* size in the file */
	bool writable;
} Segment;

typedef struct Elf {
	const SbomFile *f;
	bool wide, big; /* 64 bits; big endian */
	Segment segments[SEGMENTS_MAX];
	size_t segment_count;
} Elf;

static uint64_t number(const Elf *e, const unsigned char *at, size_t len)
{
	uint64_t value = 0;
	for (size_t i = 0; i < len; i++)
		value |= (uint64_t)at[e->big ? len - 1 - i : i] << (8 * i);
	return value;
}

static uint64_t word(const Elf *e, const unsigned char *at)
{
	return number(e, at, e->wide ? 8 : 4);
}

/* LEN bytes at AT of the file; *ret false: they are not there. */
static Err *get(const Elf *e, uint64_t at, void *buf, size_t len, bool *ret)
{
	size_t n;
	TRY(sbom_file_read_at(e->f, at, buf, len, &n));
	*ret = n == len;
	return NULL;
}

static Err *read_segments(Elf *e, const unsigned char *head)
{
	uint64_t at = word(e, head + (e->wide ? 32 : 28));
	size_t size = number(e, head + (e->wide ? 54 : 42), 2);
	size_t count = number(e, head + (e->wide ? 56 : 44), 2), need = e->wide ? 56 : 32;
	for (size_t i = 0; i < count && i < SEGMENTS_MAX && size >= need; i++) {
		unsigned char p[56] = { 0 };
		bool there;
		TRY(get(e, at + i * size, p, need, &there));
		if (!there)
			return NULL;
		if (number(e, p, 4) != 1) /* PT_LOAD */
			continue;
		e->segments[e->segment_count++] = (Segment){
			.offset = word(e, p + (e->wide ? 8 : 4)),
			.address = word(e, p + (e->wide ? 16 : 8)),
			.size = word(e, p + (e->wide ? 32 : 16)),
			.writable = number(e, p + (e->wide ? 4 : 24), 4) & 2,
		};
	}
	return NULL;
}

/* *ret: where the section ".go.buildinfo" is in the file; 0: there is none. */
static Err *find_section(const Elf *e, const unsigned char *head, uint64_t *ret)
{
	static const char wanted[] = ".go.buildinfo";
	uint64_t at = word(e, head + (e->wide ? 40 : 32));
	size_t size = number(e, head + (e->wide ? 58 : 46), 2);
	size_t count = number(e, head + (e->wide ? 60 : 48), 2);
	size_t names = number(e, head + (e->wide ? 62 : 50), 2), need = e->wide ? 64 : 40;
	unsigned char h[64] = { 0 };
	bool there;
	*ret = 0;
	if (!at || size < need || count > SECTIONS_MAX || names >= count)
		return NULL;
	TRY(get(e, at + names * size, h, need, &there));
	uint64_t texts = word(e, h + (e->wide ? 24 : 16));
	for (size_t i = 0; there && i < count; i++) {
		char name[sizeof wanted];
		TRY(get(e, at + i * size, h, need, &there));
		if (!there)
			break;
		TRY(get(e, texts + number(e, h, 4), name, sizeof name, &there));
		if (there && memcmp(name, wanted, sizeof name) == 0) {
			*ret = word(e, h + (e->wide ? 24 : 16));
			return NULL;
		}
		there = true; /* a name at the very end is shorter */
	}
	return NULL;
}

static bool is_magic(const unsigned char *at)
{
	return memcmp(at, "\xff Go buildinf:", MAGIC_BYTES) == 0;
}

/* The header in the data segment, for programs without a table of sections. */
static Err *find_in_data(const Elf *e, uint64_t *ret)
{
	AUTO_FREE unsigned char *data = NULL;
	*ret = 0;
	for (size_t i = 0; i < e->segment_count; i++) {
		if (!e->segments[i].writable)
			continue;
		size_t n, len = e->segments[i].size < SEARCHED_BYTES ? (size_t)e->segments[i].size
		                                                     : SEARCHED_BYTES;
		data = data ? data : xmalloc(SEARCHED_BYTES);
		TRY(sbom_file_read_at(e->f, e->segments[i].offset, data, len, &n));
		for (size_t at = 0; at + HEADER_BYTES <= n; at += MARK_BYTES) {
			if (!is_magic(data + at))
				continue;
			*ret = e->segments[i].offset + at;
			return NULL;
		}
	}
	return NULL;
}

static bool to_offset(const Elf *e, uint64_t address, uint64_t *ret)
{
	for (size_t i = 0; i < e->segment_count; i++) {
		const Segment *s = &e->segments[i];
		if (address < s->address || address - s->address >= s->size)
			continue;
		*ret = s->offset + (address - s->address);
		return true;
	}
	return false;
}

static Err *add_text(const Elf *e, uint64_t at, uint64_t len, Buf *out)
{
	size_t n;
	if (len > SBOM_GO_BYTES_MAX)
		return err_new(ERR_INPUT, "its list of Go modules is longer than %u MiB",
		               SBOM_GO_BYTES_MAX >> 20);
	buf_reserve(out, (size_t)len + 1);
	TRY(sbom_file_read_at(e->f, at, out->ptr + out->len, (size_t)len, &n));
	out->len += n;
	return NULL;
}

/* A length (varint) and a text at *AT, which moves behind them. */
static Err *inline_text(const Elf *e, uint64_t *at, Buf *out)
{
	enum { VARINT_MAX = 10 };
	uint64_t len = 0;
	for (unsigned i = 0; i < VARINT_MAX; i++) {
		unsigned char c;
		bool there;
		TRY(get(e, *at, &c, 1, &there));
		if (!there)
			return NULL;
		*at += 1;
		if (i < VARINT_MAX - 1)
			len |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80))
			break;
	}
	TRY(add_text(e, *at, len, out));
	*at += len;
	return NULL;
}

/* The Go string whose header lies at ADDRESS. */
static Err *pointed_text(const Elf *e, size_t pointer_bytes, uint64_t address, Buf *out)
{
	unsigned char header[16];
	uint64_t at;
	bool there;
	if (!to_offset(e, address, &at))
		return NULL;
	TRY(get(e, at, header, 2 * pointer_bytes, &there));
	if (!there || !to_offset(e, number(e, header, pointer_bytes), &at))
		return NULL;
	return add_text(e, at, number(e, header + pointer_bytes, pointer_bytes), out);
}

/* What the header at AT leads to; both empty: there is none. */
static Err *read_texts(Elf *e, uint64_t at, Buf *version, Buf *modules)
{
	unsigned char head[HEADER_BYTES];
	bool there;
	TRY(get(e, at, head, sizeof head, &there));
	if (!there || !is_magic(head))
		return NULL;
	unsigned char flags = head[MAGIC_BYTES + 1];
	size_t pointer_bytes = head[MAGIC_BYTES];
	if (flags & 2) {
		at += HEADER_BYTES;
		TRY(inline_text(e, &at, version));
		return inline_text(e, &at, modules);
	}
	if (pointer_bytes != 4 && pointer_bytes != 8)
		return NULL;
	e->big = flags & 1;
	TRY(pointed_text(e, pointer_bytes, number(e, head + MARK_BYTES, pointer_bytes), version));
	return pointed_text(e, pointer_bytes,
	                    number(e, head + MARK_BYTES + pointer_bytes, pointer_bytes), modules);
}

/* --- modules ---------------------------------------------------------------------------------- */

static void add_module(Sbom *s, const SbomFile *f, Str path, Str version)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ptrdiff_t slash = str_rfind(path, '/');
	Str space = slash < 0 ? STR("") : str_head(path, (size_t)slash);
	Str known = str_eqc(version, "(devel)") ? STR("") : version;
	if (!path.len)
		return;
	sbom_add(s, f,
	         &(SbomPackage){ .type = "golang",
	                         .name = path,
	                         .version = version,
	                         .purl = purl_make(&a, "golang", space,
	                                           str_from_at(path, (size_t)(slash + 1)), known,
	                                           NULL, 0) });
}

static void add_modules(Sbom *s, const SbomFile *f, Str text)
{
	Str path = STR(""), version = STR("");
	/* A replacement stands in the line after what it replaces. */
	while (text.len) {
		Str kind, rest = sbom_cut_line(&text);
		rest = str_cut(rest, '\t', &kind);
		bool is_module = str_eqc(kind, "mod") || str_eqc(kind, "dep");
		if (!is_module && !str_eqc(kind, "=>"))
			continue;
		if (is_module)
			add_module(s, f, path, version);
		rest = str_cut(rest, '\t', &path);
		(void)str_cut(rest, '\t', &version);
	}
	add_module(s, f, path, version);
}

static bool is_elf(const unsigned char *head)
{
	return memcmp(head,
	              "\x7f"
	              "ELF",
	              4) == 0 &&
	       (head[4] == 1 || head[4] == 2) && (head[5] == 1 || head[5] == 2);
}

Err *sbom_read_go_binary(Sbom *s, const SbomFile *f)
{
	unsigned char head[64];
	size_t n;
	TRY(sbom_file_read_at(f, 0, head, sizeof head, &n));
	if (n < sizeof head || !is_elf(head))
		return NULL;
	AUTO_FREE Elf *e = xcalloc(1, sizeof *e);
	AUTO_BUF Buf version = BUF_INIT, modules = BUF_INIT;
	uint64_t at;
	*e = (Elf){ .f = f, .wide = head[4] == 2, .big = head[5] == 2 };
	TRY(read_segments(e, head));
	TRY(find_section(e, head, &at));
	if (!at)
		TRY(find_in_data(e, &at));
	if (!at)
		return NULL;
	TRY(read_texts(e, at, &version, &modules));
	Str go = buf_str(&version), text = buf_str(&modules), first;
	(void)str_cut(go, ' ', &first); /* "go1.22.1 X:experiment" */
	if (str_starts(first, STR("go")))
		add_module(s, f, STR("stdlib"), str_from_at(first, 2));
	if (text.len > 2 * MARK_BYTES && text.ptr[text.len - MARK_BYTES - 1] == '\n')
		add_modules(s, f, (Str){ text.ptr + MARK_BYTES, text.len - 2 * MARK_BYTES });
	return NULL;
}

/* --- go.mod ----------------------------------------------------------------------------------- */

static void add_requirement(Sbom *s, const SbomFile *f, Str line)
{
	Str path, version;
	(void)str_cut(str_trim(str_cut(str_trim(line), ' ', &path)), ' ', &version);
	if (str_starts(version, STR("v")))
		add_module(s, f, sbom_unquote(path), version);
}

Err *sbom_read_go_mod(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	bool inside = false;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str line = str_trim(sbom_cut_line(&rest));
		if (inside && str_eqc(line, ")"))
			inside = false;
		else if (inside)
			add_requirement(s, f, line);
		else if (str_starts(line, STR("require (")))
			inside = true;
		else if (str_starts(line, STR("require ")))
			add_requirement(s, f, str_from_at(line, sizeof "require " - 1));
	}
	return NULL;
}
