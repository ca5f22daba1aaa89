/* hash.c - two buffers in turn: one is read and written, the other one hashed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "layer/hash.h"

/* A few pieces at least: a thread's turn costs some ten microseconds, a piece takes a hundred. */
enum { BESIDE_BYTES_MIN = 16 * LAYER_BLOCK_BYTES };

void layer_hash_init(LayerHash *h)
{
	*h = (LayerHash){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(h->blocks); i++)
		h->blocks[i] = xmalloc(LAYER_BLOCK_BYTES); /* no memory until it is used */
	(void)pthread_mutex_init(&h->mutex, NULL);
	(void)pthread_cond_init(&h->changed, NULL);
}

static void *help(void *arg)
{
	LayerHash *h = arg;
	(void)pthread_mutex_lock(&h->mutex);
	for (;;) {
		while (h->hashed == h->filled && !h->over)
			(void)pthread_cond_wait(&h->changed, &h->mutex);
		if (h->hashed == h->filled)
			break;
		size_t which = h->hashed % 2, len = h->lengths[which];
		(void)pthread_mutex_unlock(&h->mutex);
		sha256_add(&h->hash, h->blocks[which], len);
		(void)pthread_mutex_lock(&h->mutex);
		h->hashed++;
		(void)pthread_cond_signal(&h->changed);
	}
	(void)pthread_mutex_unlock(&h->mutex);
	return NULL;
}

/* Until at most LEFT pieces are to be hashed. */
static void wait_for(LayerHash *h, uint64_t left)
{
	(void)pthread_mutex_lock(&h->mutex);
	while (h->filled - h->hashed > left)
		(void)pthread_cond_wait(&h->changed, &h->mutex);
	(void)pthread_mutex_unlock(&h->mutex);
}

void layer_hash_done(LayerHash *h)
{
	if (h->started) {
		(void)pthread_mutex_lock(&h->mutex);
		h->over = true;
		(void)pthread_cond_signal(&h->changed);
		(void)pthread_mutex_unlock(&h->mutex);
		(void)pthread_join(h->thread, NULL);
	}
	(void)pthread_cond_destroy(&h->changed);
	(void)pthread_mutex_destroy(&h->mutex);
	for (size_t i = 0; i < ARRAY_LEN(h->blocks); i++)
		free(h->blocks[i]);
}

void layer_hash_begin(LayerHash *h, uint64_t size)
{
	if (h->started)
		wait_for(h, 0); /* of a file that was given up */
	sha256_init(&h->hash);
	if (size >= BESIDE_BYTES_MIN && !h->started)
		h->started = pthread_create(&h->thread, NULL, help, h) == 0;
	h->beside = size >= BESIDE_BYTES_MIN && h->started;
}

char *layer_hash_buffer(LayerHash *h)
{
	if (!h->beside)
		return h->blocks[0];
	wait_for(h, 1);
	return h->blocks[h->filled % 2];
}

void layer_hash_add(LayerHash *h, size_t len)
{
	if (!h->beside) {
		sha256_add(&h->hash, h->blocks[0], len);
		return;
	}
	(void)pthread_mutex_lock(&h->mutex);
	h->lengths[h->filled % 2] = len;
	h->filled++;
	(void)pthread_cond_signal(&h->changed);
	(void)pthread_mutex_unlock(&h->mutex);
}

Digest layer_hash_end(LayerHash *h)
{
	if (h->beside)
		wait_for(h, 0);
	return sha256_end(&h->hash);
}
