/* compressors.c - the table of compressions, and how one is named and recognised. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/comp-internal.h"

#include <assert.h>

const Compressor compressor_table[COMPRESSION_COUNT] = {
	[COMPRESSION_NONE] = { "none", "", 0, 0, 0, comp_none_reader, comp_none_writer },
	[COMPRESSION_GZIP] = { "gzip", "+gzip", 4, 1, 12, comp_gzip_reader, comp_gzip_writer },
	[COMPRESSION_ZSTD] = { "zstd", "+zstd", 3, 1, 22, comp_zstd_reader, comp_zstd_writer },
};

/* First bytes by which a compression is known. */
typedef struct Magic {
	Str bytes;
	CompressionId id;
} Magic;

static const Magic magic_table[] = {
	{ { "\x1f\x8b\x08", 3 }, COMPRESSION_GZIP },
	{ { "\x28\xb5\x2f\xfd", 4 }, COMPRESSION_ZSTD },
};

static bool find_name(Str name, CompressionId *ret)
{
	if (str_eq(name, STR("uncompressed"))) {
		*ret = COMPRESSION_NONE;
		return true;
	}
	for (unsigned id = 0; id < COMPRESSION_COUNT; id++) {
		if (str_eqc(name, compressor_table[id].name)) {
			*ret = (CompressionId)id;
			return true;
		}
	}
	return false;
}

Err *compressor_parse(Str text, CompressionSpec *ret)
{
	Str name, level_text = str_cut(text, ':', &name);
	bool has_level = name.len < text.len;
	CompressionSpec spec = { 0 };
	if (!find_name(name, &spec.id)) {
		AUTO_BUF Buf names = BUF_INIT;
		for (unsigned id = 0; id < COMPRESSION_COUNT; id++)
			buf_addf(&names, "%s%s", id ? ", " : "", compressor_table[id].name);
		return err_note(err_new(ERR_INPUT, "unknown compression '%.*s'", STR_ARG(name)),
		                "known: %s", names.ptr);
	}
	const Compressor *c = &compressor_table[spec.id];
	if (has_level) {
		uint64_t level;
		if (c->level_max == 0)
			return err_new(ERR_INPUT, "compression '%s' has no levels", c->name);
		if (!str_to_u64(level_text, &level) || level < (uint64_t)c->level_min ||
		    level > (uint64_t)c->level_max)
			return err_new(ERR_INPUT,
			               "compression level '%.*s' of '%s' is not within %d to %d",
			               STR_ARG(level_text), c->name, c->level_min, c->level_max);
		spec.level = (int)level;
	}
	*ret = spec;
	return NULL;
}

CompressionId compressor_sniff(Str head)
{
	for (size_t i = 0; i < ARRAY_LEN(magic_table); i++)
		if (str_starts(head, magic_table[i].bytes))
			return magic_table[i].id;
	/* A zstd stream may begin with a skippable frame: 0x184D2A50 to 0x184D2A5F, low byte first.
	 */
	if (head.len >= 4 && ((unsigned char)head.ptr[0] & 0xf0) == 0x50 &&
	    memcmp(head.ptr + 1, "\x2a\x4d\x18", 3) == 0)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

const char *compressor_foreign(Str head)
{
	if (str_starts(head, (Str){ "\xfd"
	                            "7zXZ\0",
	                            6 }))
		return "xz";
	/* "BZh", the size of its blocks, and the first block's mark (or that of the end). */
	if (str_starts(head, STR("BZh")) && head.len >= 6 && head.ptr[3] >= '1' &&
	    head.ptr[3] <= '9' &&
	    (memcmp(head.ptr + 4, "1A", 2) == 0 || memcmp(head.ptr + 4, "\x17\x72", 2) == 0))
		return "bzip2";
	return NULL;
}

Reader *compressor_reader(CompressionId id, Reader *below)
{
	return compressor_table[id].reader(below);
}

Writer *compressor_writer(const CompressionSpec *spec, Writer *below)
{
	const Compressor *c = &compressor_table[spec->id];
	CompressionSpec full = *spec;
	if (full.level == 0)
		full.level = c->level_default;
	assert(full.level >= c->level_min && full.level <= c->level_max);
	return c->writer(below, &full);
}
