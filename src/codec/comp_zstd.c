/*
 * comp_zstd.c - zstd: read as a stream of frames, written as independent frames.
 *
 * Frames of FRAME_BYTES, each with its length and checksum: libzstd's own threads would give other
 * bytes with a threads count of 0 than with 1 or more, and frames can also be read side by side.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/comp-internal.h"

#include <zstd.h>

enum {
	INPUT_BYTES = 128 << 10,
	FRAME_BYTES = 4 << 20, /* part of the format: never change it */
	/* 128 MiB: what zstd itself takes without being told, and what level 22 needs. */
	WINDOW_LOG_MAX = 27,
};

/* --- reading --------------------------------------------------------------------------------- */

typedef struct ZstdReader {
	Reader reader;
	Reader *below;
	ZSTD_DCtx *codec;
	bool ended, failed;
	bool any;       /* at least one frame was begun */
	size_t pending; /* 0: at the border of two frames */
	ZSTD_inBuffer in;
	char input[INPUT_BYTES];
} ZstdReader;

static Err *unzstd_some(ZstdReader *z, void *buf, size_t cap, size_t *ret_len)
{
	ZSTD_outBuffer out = { buf, cap, 0 };
	for (bool more = true;;) {
		/* With no input, too: output may be held back inside. */
		if (z->in.pos < z->in.size || z->pending > 0) {
			size_t before = z->in.pos;
			size_t code = ZSTD_decompressStream(z->codec, &out, &z->in);
			if (ZSTD_isError(code))
				return err_new(ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(code));
			z->any = true;
			z->pending = code;
			*ret_len = out.pos;
			if (out.pos > 0)
				return NULL;
			if (z->in.pos > before)
				continue;
		}
		if (z->in.pos < z->in.size)
			return err_new(ERR_CORRUPT, "zstd: damaged data");
		size_t n;
		TRY(reader_read(z->below, z->input, sizeof z->input, &n));
		z->in = (ZSTD_inBuffer){ z->input, n, 0 };
		more = n > 0;
		if (!more && (z->pending > 0 || !z->any))
			return err_new(ERR_CORRUPT, "zstd: the stream is cut short");
		if (!more) {
			z->ended = true;
			*ret_len = 0;
			return NULL;
		}
	}
}

static Err *zstd_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	ZstdReader *z = (ZstdReader *)r;
	*ret_len = 0;
	if (z->failed)
		return err_new(ERR_CORRUPT, "zstd: the stream could not be read");
	if (z->ended)
		return NULL;
	Err *err = unzstd_some(z, buf, cap, ret_len);
	z->failed = err != NULL;
	return err;
}

static void zstd_close(Reader *r)
{
	ZstdReader *z = (ZstdReader *)r;
	(void)ZSTD_freeDCtx(z->codec); /* always 0 */
	free(z);
}

Reader *comp_zstd_reader(Reader *below)
{
	static const ReaderOps ops = { zstd_read, zstd_close };
	ZstdReader *z = xcalloc(1, sizeof *z);
	z->reader.ops = &ops;
	z->below = below;
	z->codec = ZSTD_createDCtx();
	if (!z->codec)
		die_oom(0);
	(void)ZSTD_DCtx_setParameter(z->codec, ZSTD_d_windowLogMax, WINDOW_LOG_MAX); /* in range */
	return &z->reader;
}

/* --- writing --------------------------------------------------------------------------------- */

static void *frame_open(int level)
{
	ZSTD_CCtx *codec = ZSTD_createCCtx();
	if (!codec)
		die_oom(0);
	/* Both are in range: the level was checked against the table. */
	(void)ZSTD_CCtx_setParameter(codec, ZSTD_c_compressionLevel, level);
	(void)ZSTD_CCtx_setParameter(codec, ZSTD_c_checksumFlag, 1);
	return codec;
}

static void frame_close(void *codec)
{
	(void)ZSTD_freeCCtx(codec); /* always 0 */
}

static size_t frame_compress(void *codec, const void *in, size_t len, void *out, size_t cap)
{
	size_t n = ZSTD_compress2(codec, out, cap, in, len);
	return ZSTD_isError(n) ? 0 : n;
}

Writer *comp_zstd_writer(Writer *below, const CompressionSpec *spec)
{
	static const BlockOps ops = { FRAME_BYTES, frame_open, frame_close, ZSTD_compressBound,
		                      frame_compress };
	return comp_blocks_writer(below, &ops, spec);
}

/* --- single frames --------------------------------------------------------------------------- */

void zstd_frame_add(Str in, int level, Buf *out)
{
	void *codec = frame_open(level);
	size_t bound = ZSTD_compressBound(in.len);
	buf_reserve(out, bound + 1);
	/* never 0: there is room for bound() bytes */
	out->len += frame_compress(codec, in.ptr, in.len, out->ptr + out->len, bound);
	out->ptr[out->len] = '\0';
	frame_close(codec);
}

size_t zstd_frame_length(Str in)
{
	size_t n = ZSTD_findFrameCompressedSize(in.ptr, in.len);
	return ZSTD_isError(n) ? 0 : n;
}

Err *zstd_frame_read(Str frame, size_t limit, Buf *out)
{
	unsigned long long size = ZSTD_getFrameContentSize(frame.ptr, frame.len);
	if (size > limit) /* the two errors are the largest numbers there are */
		return err_new(ERR_CORRUPT, "zstd: a frame of unknown or too large size");
	buf_reserve(out, (size_t)size + 1);
	size_t n = ZSTD_decompress(out->ptr + out->len, (size_t)size, frame.ptr, frame.len);
	if (ZSTD_isError(n))
		return err_new(ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(n));
	out->len += n;
	out->ptr[out->len] = '\0';
	return NULL;
}
