/*
 * comp_pool.c - threads, buffers and codecs that compress blocks, for one writer or several.
 *
 * A block's buffers are some megabytes: fresh ones for each layer cost a page fault each 4 KiB, a
 * tenth of what zstd:3 itself takes (measured with 20 layers).  So what a writer has done with goes
 * to the next one, the latest first since it is still in the cache.
 *
 * Blocks wait in one queue.  Helpers take from it, and so does a writer that has to wait for a
 * block of its own: nobody sleeps while there is work, whoever's it is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "codec/comp-internal.h"

#include <assert.h>
#include <signal.h>

typedef struct CodecFree {
	void *codec;
	struct CodecFree *next;
} CodecFree;

CompressPool *compressor_pool_new(unsigned threads)
{
	CompressPool *p = xcalloc(1, sizeof *p);
	p->threads = threads ? threads : parallel_cores();
	if (p->threads > COMP_THREADS_MAX)
		p->threads = COMP_THREADS_MAX;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	return p;
}

bool comp_pool_join(CompressPool *p, const BlockOps *ops, int level)
{
	(void)pthread_mutex_lock(&p->lock);
	if (!p->ops) {
		p->ops = ops;
		p->level = level;
	}
	bool same = p->ops == ops && p->level == level;
	(void)pthread_mutex_unlock(&p->lock);
	return same;
}

/* --- buffers --------------------------------------------------------------------------------- */

Block *comp_pool_take(CompressPool *p)
{
	(void)pthread_mutex_lock(&p->lock);
	Block *b = p->spare;
	if (b)
		p->spare = b->next;
	(void)pthread_mutex_unlock(&p->lock);
	if (!b) {
		b = xcalloc(1, sizeof *b);
		b->in = xmalloc(p->ops->block_bytes);
		b->out = xmalloc(p->ops->bound(p->ops->block_bytes));
	}
	b->state = BLOCK_FREE;
	b->in_len = b->out_len = 0;
	b->next = NULL;
	return b;
}

void comp_pool_give(CompressPool *p, Block *b)
{
	(void)pthread_mutex_lock(&p->lock);
	b->next = p->spare;
	p->spare = b;
	(void)pthread_mutex_unlock(&p->lock);
}

/* --- the queue ------------------------------------------------------------------------------- */

/* The lock is held, and given up meanwhile. */
static void compress_first(CompressPool *p, void *codec)
{
	Block *b = p->first;
	p->first = b->next;
	if (!p->first)
		p->last = NULL;
	b->state = BLOCK_BUSY;
	(void)pthread_mutex_unlock(&p->lock);
	b->out_len = p->ops->compress(codec, b->in, b->in_len, b->out, p->ops->bound(b->in_len));
	assert(b->out_len > 0);
	(void)pthread_mutex_lock(&p->lock);
	b->state = BLOCK_DONE;
	(void)pthread_cond_signal(b->done);
}

static void *help(void *arg)
{
	CompressPool *p = arg;
	void *codec = p->ops->open(p->level);
	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->stop && !p->first)
			(void)pthread_cond_wait(&p->work, &p->lock);
		if (p->stop)
			break;
		compress_first(p, codec);
	}
	(void)pthread_mutex_unlock(&p->lock);
	p->ops->close(codec);
	return NULL;
}

/* One more, up to the number that may be; none is fine, writers compress too.  The lock is held. */
static void start_helper(CompressPool *p)
{
	if (p->helper_count + 1 >= p->threads)
		return;
	/* Signals are for the threads that wait for them. */
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&p->helpers[p->helper_count], NULL, help, p) == 0)
		p->helper_count++;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void comp_pool_put(CompressPool *p, Block *b, bool more)
{
	(void)pthread_mutex_lock(&p->lock);
	b->state = BLOCK_WAITING;
	b->next = NULL;
	if (p->last)
		p->last->next = b;
	else
		p->first = b;
	p->last = b;
	if (more)
		start_helper(p);
	(void)pthread_cond_signal(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
}

static void *codec_take(CompressPool *p)
{
	CodecFree *f = p->codecs;
	if (!f)
		return NULL;
	void *codec = f->codec;
	p->codecs = f->next;
	free(f);
	return codec;
}

static void codec_give(CompressPool *p, void *codec)
{
	CodecFree *f = xcalloc(1, sizeof *f);
	*f = (CodecFree){ codec, p->codecs };
	p->codecs = f;
}

void comp_pool_wait(CompressPool *p, const Block *b)
{
	void *codec = NULL;
	(void)pthread_mutex_lock(&p->lock);
	while (b->state != BLOCK_DONE) {
		if (!p->first) {
			(void)pthread_cond_wait(b->done, &p->lock);
			continue;
		}
		if (!codec)
			codec = codec_take(p);
		if (!codec)
			codec = p->ops->open(p->level);
		compress_first(p, codec);
	}
	if (codec)
		codec_give(p, codec);
	(void)pthread_mutex_unlock(&p->lock);
}

static bool unqueue(CompressPool *p, const Block *b)
{
	Block *before = NULL;
	for (Block *at = p->first; at; before = at, at = at->next) {
		if (at != b)
			continue;
		if (before)
			before->next = at->next;
		else
			p->first = at->next;
		if (p->last == at)
			p->last = before;
		return true;
	}
	return false;
}

void comp_pool_drop(CompressPool *p, Block *b)
{
	(void)pthread_mutex_lock(&p->lock);
	if (!unqueue(p, b))
		while (b->state == BLOCK_BUSY)
			(void)pthread_cond_wait(b->done, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	comp_pool_give(p, b);
}

void compressor_pool_free(CompressPool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->helper_count; i++)
		(void)pthread_join(p->helpers[i], NULL);
	for (void *codec; (codec = codec_take(p));)
		p->ops->close(codec);
	for (Block *b; (b = p->spare);) {
		p->spare = b->next;
		free(b->in);
		free(b->out);
		free(b);
	}
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->work);
	free(p);
}
