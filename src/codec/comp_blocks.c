/*
 * comp_blocks.c - compress blocks of fixed size side by side, write them in order.
 *
 * Where the blocks are cut depends on the input alone, and each is compressed for itself: so the
 * bytes do not depend on how many threads there are, nor on how the caller cut its writes.  The
 * price is the lost window at each cut: 0.3% for gzip (32 KiB of 1 MiB), measured on a Debian
 * layer.
 *
 * The caller's thread fills blocks and writes finished ones; helpers only compress.  Blocks lie in
 * a ring: [done ... done][busy or waiting ...][the one being filled].  Helpers are started once a
 * second block begins, so small layers (most of them) cost no thread at all.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "codec/comp-internal.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

enum { THREADS_MAX = 16 };

typedef enum BlockState { BLOCK_FREE, BLOCK_WAITING, BLOCK_BUSY, BLOCK_DONE } BlockState;

typedef struct Block {
	BlockState state;
	char *in, *out;
	size_t in_len, out_len;
} Block;

typedef struct BlocksWriter {
	Writer writer;
	Writer *below;
	const BlockOps *ops;
	int level;
	unsigned threads; /* that compress, at most */
	void *codec;      /* of the caller's thread */
	bool failed;

	pthread_mutex_t lock;
	pthread_cond_t work, done;
	Block *ring;
	size_t ring_len;
	uint64_t filled, taken,
		written; /* blocks handed over, begun by a helper, written; all grow */
	bool stop;
	unsigned helper_count;
	pthread_t helpers[THREADS_MAX];
} BlocksWriter;

static Block *block_at(BlocksWriter *w, uint64_t number)
{
	return &w->ring[number % w->ring_len];
}

static void compress_block(const BlocksWriter *w, void *codec, Block *b)
{
	size_t cap = w->ops->bound(b->in_len);
	if (!b->out)
		b->out = xmalloc(w->ops->bound(w->ops->block_bytes));
	b->out_len = w->ops->compress(codec, b->in, b->in_len, b->out, cap);
	assert(b->out_len > 0);
}

static void *help(void *arg)
{
	BlocksWriter *w = arg;
	void *codec = w->ops->open(w->level);
	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->stop && w->taken == w->filled)
			(void)pthread_cond_wait(&w->work, &w->lock);
		if (w->stop)
			break;
		Block *b = block_at(w, w->taken++);
		b->state = BLOCK_BUSY;
		(void)pthread_mutex_unlock(&w->lock);
		compress_block(w, codec, b);
		(void)pthread_mutex_lock(&w->lock);
		b->state = BLOCK_DONE;
		(void)pthread_cond_signal(&w->done);
	}
	(void)pthread_mutex_unlock(&w->lock);
	w->ops->close(codec);
	return NULL;
}

/* Helpers up to the number that may be; none is fine, the caller compresses too. */
static void start_helper(BlocksWriter *w)
{
	if (w->helper_count + 1 >= w->threads || w->helper_count >= THREADS_MAX)
		return;
	/* Signals are for the threads that wait for them. */
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&w->helpers[w->helper_count], NULL, help, w) == 0)
		w->helper_count++;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Wait for the oldest block (compressing it here if nobody has begun it) and write it. */
static Err *write_oldest(BlocksWriter *w)
{
	Block *b = block_at(w, w->written);
	(void)pthread_mutex_lock(&w->lock);
	bool mine = w->taken == w->written;
	if (mine)
		w->taken++;
	while (!mine && b->state != BLOCK_DONE)
		(void)pthread_cond_wait(&w->done, &w->lock);
	(void)pthread_mutex_unlock(&w->lock);
	if (mine) {
		if (!w->codec)
			w->codec = w->ops->open(w->level);
		compress_block(w, w->codec, b);
	}
	TRY(writer_write(w->below, b->out, b->out_len));
	b->state = BLOCK_FREE;
	b->in_len = 0;
	w->written++;
	return NULL;
}

/* The block being filled is ready: hand it over. */
static Err *close_block(BlocksWriter *w)
{
	(void)pthread_mutex_lock(&w->lock);
	block_at(w, w->filled)->state = BLOCK_WAITING;
	w->filled++;
	(void)pthread_cond_signal(&w->work);
	(void)pthread_mutex_unlock(&w->lock);
	start_helper(w);
	while (w->filled - w->written >= w->ring_len)
		TRY(write_oldest(w));
	return NULL;
}

static Err *add_bytes(BlocksWriter *w, const char *bytes, size_t len)
{
	while (len > 0) {
		Block *b = block_at(w, w->filled);
		/* A full block is closed by the byte after it: the last one is never empty. */
		if (b->in_len == w->ops->block_bytes) {
			TRY(close_block(w));
			continue;
		}
		if (!b->in)
			b->in = xmalloc(w->ops->block_bytes);
		size_t room = w->ops->block_bytes - b->in_len;
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
	Block *last = block_at(w, w->filled);
	/* Nothing at all is one empty member: no bytes would be no gzip file. */
	if (last->in_len > 0 || w->filled == 0) {
		if (!last->in)
			last->in = xmalloc(w->ops->block_bytes);
		(void)pthread_mutex_lock(&w->lock);
		last->state = BLOCK_WAITING;
		w->filled++;
		(void)pthread_cond_signal(&w->work);
		(void)pthread_mutex_unlock(&w->lock);
	}
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
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_broadcast(&w->work);
	(void)pthread_mutex_unlock(&w->lock);
	for (unsigned i = 0; i < w->helper_count; i++)
		(void)pthread_join(w->helpers[i], NULL);
	if (w->codec)
		w->ops->close(w->codec);
	for (size_t i = 0; i < w->ring_len; i++) {
		free(w->ring[i].in);
		free(w->ring[i].out);
	}
	free(w->ring);
	(void)pthread_mutex_destroy(&w->lock);
	(void)pthread_cond_destroy(&w->work);
	(void)pthread_cond_destroy(&w->done);
	free(w);
}

Writer *comp_blocks_writer(Writer *below, const BlockOps *ops, int level, unsigned threads)
{
	static const WriterOps writer_ops = { blocks_write, blocks_finish, blocks_close };
	BlocksWriter *w = xcalloc(1, sizeof *w);
	w->writer.ops = &writer_ops;
	w->below = below;
	w->ops = ops;
	w->level = level;
	w->threads = threads ? threads : parallel_cores();
	if (w->threads > THREADS_MAX)
		w->threads = THREADS_MAX;
	/* One being filled, one waiting to be written, the rest being compressed. */
	w->ring_len = w->threads == 1 ? 1 : w->threads + 2;
	w->ring = xcalloc(w->ring_len, sizeof *w->ring);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->work, NULL);
	(void)pthread_cond_init(&w->done, NULL);
	return &w->writer;
}
