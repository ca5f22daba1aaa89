/*
 * ahead.c - a ring of bytes between a reading thread and whoever wants them.
 *
 * Only the thread touches the free part of the ring, only the reader the used part: bytes move
 * without the lock, which guards the two counts alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/ahead.h"

#include <pthread.h>

/* One read of the stage below: long enough to be cheap, short enough that the other side never
 * starves. */
enum { CHUNK_BYTES = 128 << 10 };

typedef struct Ahead {
	Reader reader;
	Reader *below;
	pthread_t thread;
	bool threaded;
	char *ring;
	size_t at; /* first used byte; the reader's own */

	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t more, room;
	size_t held; /* used bytes */
	bool ended, closed;
	Err *err;
} Ahead;

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Wait for room; the number of free bytes, 0 if nobody wants them any more. */
static size_t wait_for_room(Ahead *x)
{
	(void)pthread_mutex_lock(&x->lock);
	while (x->held == AHEAD_BYTES && !x->closed)
		(void)pthread_cond_wait(&x->room, &x->lock);
	size_t room = x->closed ? 0 : AHEAD_BYTES - x->held;
	(void)pthread_mutex_unlock(&x->lock);
	return room;
}

static void *work_ahead(void *context)
{
	Ahead *x = context;
	Err *err = NULL;
	size_t end = 0, n = 1; /* where the next bytes go */
	while (!err && n) {
		size_t room = wait_for_room(x);
		if (!room)
			break;
		size_t want = least(least(room, AHEAD_BYTES - end), CHUNK_BYTES);
		err = reader_read(x->below, x->ring + end, want, &n);
		if (err)
			break;
		end = (end + n) % AHEAD_BYTES;
		(void)pthread_mutex_lock(&x->lock);
		x->held += n;
		(void)pthread_cond_signal(&x->more);
		(void)pthread_mutex_unlock(&x->lock);
	}
	(void)pthread_mutex_lock(&x->lock);
	x->err = err;
	x->ended = true;
	(void)pthread_cond_signal(&x->more);
	(void)pthread_mutex_unlock(&x->lock);
	return NULL;
}

static Err *ahead_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Ahead *x = (Ahead *)r;
	Err *err = NULL;
	if (!x->threaded)
		return reader_read(x->below, buf, cap, ret_len);
	(void)pthread_mutex_lock(&x->lock);
	while (x->held == 0 && !x->ended)
		(void)pthread_cond_wait(&x->more, &x->lock);
	size_t held = x->held;
	if (held == 0)
		err = TAKE_PTR(x->err);
	(void)pthread_mutex_unlock(&x->lock);

	size_t n = least(least(held, cap), AHEAD_BYTES - x->at);
	*ret_len = n;
	if (n == 0)
		return err;
	memcpy(buf, x->ring + x->at, n);
	x->at = (x->at + n) % AHEAD_BYTES;
	(void)pthread_mutex_lock(&x->lock);
	x->held -= n;
	(void)pthread_cond_signal(&x->room);
	(void)pthread_mutex_unlock(&x->lock);
	return NULL;
}

static void ahead_close(Reader *r)
{
	Ahead *x = (Ahead *)r;
	if (x->threaded) {
		(void)pthread_mutex_lock(&x->lock);
		x->closed = true;
		(void)pthread_cond_signal(&x->room);
		(void)pthread_mutex_unlock(&x->lock);
		(void)pthread_join(x->thread, NULL);
	}
	err_free(x->err); /* one that nobody came to read */
	(void)pthread_mutex_destroy(&x->lock);
	(void)pthread_cond_destroy(&x->more);
	(void)pthread_cond_destroy(&x->room);
	free(x->ring);
	free(x);
}

static const ReaderOps ahead_ops = { ahead_read, ahead_close };

Reader *reader_ahead(Reader *below)
{
	Ahead *x = xcalloc(1, sizeof *x);
	x->reader.ops = &ahead_ops;
	x->below = below;
	x->ring = xmalloc(AHEAD_BYTES);
	(void)pthread_mutex_init(&x->lock, NULL);
	(void)pthread_cond_init(&x->more, NULL);
	(void)pthread_cond_init(&x->room, NULL);
	x->threaded = pthread_create(&x->thread, NULL, work_ahead, x) == 0;
	return &x->reader;
}
