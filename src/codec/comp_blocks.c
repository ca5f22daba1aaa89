/*
 * comp_blocks.c - compress blocks of fixed size side by side, write them in order.
 *
 * Where the blocks are cut depends on the input alone, and each is compressed for itself: so the
 * bytes do not depend on how many threads there are, nor on how the caller cut its writes.  The
 * price is the lost window at each cut: 0.3% for gzip (32 KiB of 1 MiB), measured on a Debian
 * layer.
 *
 * The caller's thread fills blocks and writes finished ones; a pool (comp_pool.c) compresses them,
 * the writer's own or one that it shares.  Blocks lie in a ring: [done ... done][busy or waiting
 * ...][the one being filled].  Threads are started once a second block begins, so small layers
 * (most of them) cost none at all.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/comp-internal.h"

typedef struct BlocksWriter {
	Writer writer;
	Writer *below;
	CompressPool *pool, *own; /* own: NULL if it is shared */
	size_t block_bytes;
	bool failed;
	pthread_cond_t done; /* a block of ours is; with the pool's lock */
	Block **ring;
	size_t ring_len;
	uint64_t filled, written; /* blocks handed over, written; both grow */
	Block *filling;           /* NULL: none is begun */
} BlocksWriter;

static Block **slot(BlocksWriter *w, uint64_t number)
{
	return &w->ring[number % w->ring_len];
}

static Err *write_oldest(BlocksWriter *w)
{
	Block **at = slot(w, w->written);
	comp_pool_wait(w->pool, *at);
	TRY(writer_write(w->below, (*at)->out, (*at)->out_len));
	comp_pool_give(w->pool, *at);
	*at = NULL;
	w->written++;
	return NULL;
}

/* The block being filled is ready: hand it over.  MORE: another one follows. */
static void close_block(BlocksWriter *w, bool more)
{
	Block *b = TAKE_PTR(w->filling);
	b->done = &w->done;
	*slot(w, w->filled) = b;
	w->filled++;
	comp_pool_put(w->pool, b, more);
}

static Err *add_bytes(BlocksWriter *w, const char *bytes, size_t len)
{
	while (len > 0) {
		/* A full block is closed by the byte after it: the last one is never empty. */
		if (w->filling && w->filling->in_len == w->block_bytes) {
			close_block(w, true);
			while (w->filled - w->written >= w->ring_len)
				TRY(write_oldest(w));
		}
		if (!w->filling)
			w->filling = comp_pool_take(w->pool);
		Block *b = w->filling;
		size_t room = w->block_bytes - b->in_len;
		size_t n = len < room ? len : room;
		memcpy(b->in + b->in_len, bytes, n);
		b->in_len += n;
		bytes += n;
		len -= n;
	}
	return NULL;
}

static Err *remember(BlocksWriter *w, Err *err)
{
	w->failed = w->failed || err;
	return err;
}

static Err *blocks_write(Writer *writer, const void *bytes, size_t len)
{
	BlocksWriter *w = (BlocksWriter *)writer;
	if (w->failed)
		return err_new(ERR_SYSTEM, "the compressed stream could not be written");
	return remember(w, add_bytes(w, bytes, len));
}

static Err *finish_all(BlocksWriter *w)
{
	/* Nothing at all is one empty member: no bytes would be no gzip file. */
	if (!w->filling && w->filled == 0)
		w->filling = comp_pool_take(w->pool);
	if (w->filling)
		close_block(w, false);
	while (w->written < w->filled)
		TRY(write_oldest(w));
	return NULL;
}

static Err *blocks_finish(Writer *writer)
{
	BlocksWriter *w = (BlocksWriter *)writer;
	if (w->failed)
		return err_new(ERR_SYSTEM, "the compressed stream could not be written");
	return remember(w, finish_all(w));
}

static void blocks_close(Writer *writer)
{
	BlocksWriter *w = (BlocksWriter *)writer;
	for (size_t i = 0; i < w->ring_len; i++)
		if (w->ring[i])
			comp_pool_drop(w->pool, w->ring[i]);
	if (w->filling)
		comp_pool_give(w->pool, w->filling);
	compressor_pool_free(w->own);
	(void)pthread_cond_destroy(&w->done);
	free(w->ring);
	free(w);
}

Writer *comp_blocks_writer(Writer *below, const BlockOps *ops, const CompressionSpec *spec)
{
	static const WriterOps writer_ops = { blocks_write, blocks_finish, blocks_close };
	BlocksWriter *w = xcalloc(1, sizeof *w);
	w->writer.ops = &writer_ops;
	w->below = below;
	w->block_bytes = ops->block_bytes;
	w->pool = spec->pool;
	if (!w->pool || !comp_pool_join(w->pool, ops, spec->level)) {
		w->pool = w->own = compressor_pool_new(spec->threads);
		(void)comp_pool_join(w->own, ops, spec->level); /* the first one: it fits */
	}
	/* One waiting to be written, the rest being compressed. */
	w->ring_len = w->pool->threads == 1 ? 1 : w->pool->threads + 1;
	w->ring = xcalloc(w->ring_len, sizeof *w->ring);
	(void)pthread_cond_init(&w->done, NULL);
	return &w->writer;
}
