/*
 * comp_gzip.c - gzip: read by ISA-L (twice as fast as zlib), written by libdeflate.
 *
 * READ   All members count (docker's and our own layers may have many).  ISA-L checks each member's
 *        CRC and length.  Anything but another member after a member is refused: tools disagree on
 *        such bytes, and they would be part of the blob's digest but not of the diff ID.
 * WRITE  One member for each MEMBER_BYTES of input, level 4: 2% larger than gzip -6 and 3.8 times as
 *        fast (200 MB of Debian's /usr: 2.0 s of CPU, zlib 7.6).  libdeflate's output depends on input
 *        and level alone, not on the CPU.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/comp-internal.h"

#include <isa-l/igzip_lib.h>
#include <libdeflate.h>

enum {
	INPUT_BYTES = 64 << 10,
	MEMBER_BYTES = 1 << 20, /* part of the format: never change it */
};

/* --- reading --------------------------------------------------------------------------------- */

typedef struct GzipReader {
	Reader reader;
	Reader *below;
	bool ended, failed;
	bool in_header;
	uint64_t members; /* that were begun */
	struct isal_gzip_header header;
	struct inflate_state state;
	unsigned char input[INPUT_BYTES];
} GzipReader;

static const char *inflate_problem(int code)
{
	switch (code) {
	case ISAL_INVALID_WRAPPER:
	case ISAL_UNSUPPORTED_METHOD:
		return "not a gzip stream";
	case ISAL_INCORRECT_CHECKSUM:
		return "wrong checksum or length";
	default:
		return "damaged data";
	}
}

/* False at the end of what is below. */
static Err *refill(GzipReader *g, bool *ret_more)
{
	size_t n;
	TRY(reader_read(g->below, g->input, sizeof g->input, &n));
	g->state.next_in = g->input;
	g->state.avail_in = (uint32_t)n;
	*ret_more = n > 0;
	return NULL;
}

static Err *trailing_garbage(void)
{
	return err_new(ERR_CORRUPT, "gzip: garbage after the end of the stream");
}

static Err *problem(const GzipReader *g, int code)
{
	if (code == ISAL_INVALID_WRAPPER && g->members > 1)
		return trailing_garbage();
	return err_new(ERR_CORRUPT, "gzip: %s", inflate_problem(code));
}

static Err *cut_short(void)
{
	return err_new(ERR_CORRUPT, "gzip: the stream is cut short");
}

static void begin_member(GzipReader *g)
{
	isal_inflate_reset(&g->state);
	isal_gzip_header_init(&g->header);
	g->in_header = true;
	g->members++;
}

/*
 * What a header holds (a name, say) may come in pieces.  isal_inflate() itself forgets between two
 * of them which of its parts are still to come.
 */
static Err *read_header(GzipReader *g)
{
	while (g->in_header) {
		bool more = true;
		int code = isal_read_gzip_header(&g->state, &g->header);
		if (code < 0)
			return problem(g, code);
		g->in_header = code == ISAL_END_INPUT;
		if (g->in_header)
			TRY(refill(g, &more));
		if (!more)
			return cut_short();
	}
	return NULL;
}

static Err *inflate_some(GzipReader *g, void *buf, uint32_t cap, size_t *ret_len)
{
	struct inflate_state *s = &g->state;
	s->next_out = buf;
	s->avail_out = cap;
	for (;;) {
		bool more = true;
		if (s->block_state == ISAL_BLOCK_FINISH) {
			if (s->avail_in == 0)
				TRY(refill(g, &more));
			if (!more) {
				g->ended = true;
				*ret_len = 0;
				return NULL;
			}
			if (s->next_in[0] != 0x1f)
				return trailing_garbage();
			begin_member(g);
		}
		TRY(read_header(g));
		/* Called with no input, too: output may be held back inside. */
		int code = isal_inflate(s);
		if (code < 0)
			return problem(g, code);
		*ret_len = cap - s->avail_out;
		if (*ret_len > 0)
			return NULL;
		if (s->block_state == ISAL_BLOCK_FINISH)
			continue;
		if (s->avail_in == 0)
			TRY(refill(g, &more));
		if (!more)
			return cut_short();
	}
}

static Err *gzip_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	GzipReader *g = (GzipReader *)r;
	*ret_len = 0;
	if (g->failed)
		return err_new(ERR_CORRUPT, "gzip: the stream could not be read");
	if (g->ended)
		return NULL;
	Err *err = inflate_some(g, buf, cap < (1u << 30) ? (uint32_t)cap : 1u << 30, ret_len);
	g->failed = err != NULL;
	return err;
}

static void gzip_close(Reader *r)
{
	free(r);
}

Reader *comp_gzip_reader(Reader *below)
{
	static const ReaderOps ops = { gzip_read, gzip_close };
	GzipReader *g = xmalloc(sizeof *g); /* 150 KB: ISA-L sets up what it needs */
	g->reader.ops = &ops;
	g->below = below;
	g->ended = g->failed = false;
	g->members = 0;
	isal_inflate_init(&g->state);
	begin_member(g);
	g->state.crc_flag = ISAL_GZIP_NO_HDR_VER;
	g->state.next_in = g->input;
	g->state.avail_in = 0;
	return &g->reader;
}

/* --- writing --------------------------------------------------------------------------------- */

static void *deflate_open(int level)
{
	void *codec = libdeflate_alloc_compressor(level);
	if (!codec)
		die_oom(0);
	return codec;
}

static void deflate_close(void *codec)
{
	libdeflate_free_compressor(codec);
}

static size_t deflate_bound(size_t len)
{
	return libdeflate_gzip_compress_bound(NULL, len);
}

static size_t deflate_compress(void *codec, const void *in, size_t len, void *out, size_t cap)
{
	return libdeflate_gzip_compress(codec, in, len, out, cap);
}

Writer *comp_gzip_writer(Writer *below, const CompressionSpec *spec)
{
	static const BlockOps ops = { MEMBER_BYTES, deflate_open, deflate_close, deflate_bound,
		                      deflate_compress };
	return comp_blocks_writer(below, &ops, spec);
}
