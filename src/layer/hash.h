/*
 * hash.h - the hash of a file's content while the same bytes go into a tar.
 *
 * WHAT     A layer needs each byte hashed twice: in its file's SHA-256 and in the diff ID.  Of large files
 *          the first is computed by a thread of its own, beside whoever reads and writes the tar.
 * USE      layer_hash_init; for each file begin, then for each piece: read into buffer, add; end.
 *          layer_hash_done also after an error.
 * THREADS  one user; the thread that helps is begun by the first large file and ended by done
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/sha256.h"

#include <pthread.h>

enum { LAYER_BLOCK_BYTES = 256 << 10 };

typedef struct LayerHash {
	Sha256 hash;
	char *blocks[2];
	bool beside;  /* this file is the thread's */
	bool started; /* there is one */
	pthread_t thread;
	pthread_mutex_t mutex; /* over what follows, and over hash while pieces are to be hashed */
	pthread_cond_t changed;
	size_t lengths[2];
	uint64_t filled, hashed; /* pieces; number N is in blocks[N % 2] */
	bool over;
} LayerHash;

void layer_hash_init(LayerHash *h);
void layer_hash_done(LayerHash *h);
/* A file of SIZE bytes. */
void layer_hash_begin(LayerHash *h, uint64_t size);
/* Where the next piece is to be read to: LAYER_BLOCK_BYTES. */
char *layer_hash_buffer(LayerHash *h);
/* The first LEN bytes of that buffer are content.  They stay there until the next buffer but one.
 */
void layer_hash_add(LayerHash *h, size_t len);
Digest layer_hash_end(LayerHash *h);
