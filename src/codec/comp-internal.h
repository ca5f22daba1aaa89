/*
 * comp-internal.h - what the compressors share: their constructors, the writer that cuts its input
 * into blocks which are compressed side by side, and the pool that does it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/compress.h"

#include <pthread.h>

Reader *comp_none_reader(Reader *below);
Writer *comp_none_writer(Writer *below, const CompressionSpec *spec);
Reader *comp_gzip_reader(Reader *below);
Writer *comp_gzip_writer(Writer *below, const CompressionSpec *spec);
Reader *comp_zstd_reader(Reader *below);
Writer *comp_zstd_writer(Writer *below, const CompressionSpec *spec);

/* One block → one complete member or frame.  What it gives may depend on input and level alone. */
typedef struct BlockOps {
	size_t block_bytes;       /* input of one block; part of the format: never change it */
	void *(*open)(int level); /* once for each thread */
	void (*close)(void *codec);
	size_t (*bound)(size_t len); /* the most that LEN bytes may become */
	/* 0: failed, which a buffer of bound() bytes rules out */
	size_t (*compress)(void *codec, const void *in, size_t len, void *out, size_t cap);
} BlockOps;

Writer *comp_blocks_writer(Writer *below, const BlockOps *ops, const CompressionSpec *spec);

/* --- comp_pool.c ----------------------------------------------------------------------------- */

typedef enum BlockState { BLOCK_FREE, BLOCK_WAITING, BLOCK_BUSY, BLOCK_DONE } BlockState;

typedef struct Block {
	struct Block *next; /* in the queue, or among the spare ones */
	BlockState state;   /* the pool's lock guards it */
	char *in, *out;
	size_t in_len, out_len;
	pthread_cond_t *done; /* who waits for it */
} Block;

enum { COMP_THREADS_MAX = 16 };

struct CompressPool {
	unsigned threads; /* that compress, at most */
	const BlockOps *ops;
	int level;            /* both set by the first writer */
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;
	Block *first, *last; /* the queue */
	Block *spare;
	struct CodecFree *codecs; /* of writers that compress themselves now and then */
	bool stop;
	unsigned helper_count;
	pthread_t helpers[COMP_THREADS_MAX];
};

/* False: the pool compresses otherwise. */
bool comp_pool_join(CompressPool *p, const BlockOps *ops, int level);
/* A block with room for ops->block_bytes; give it back by one of give and drop. */
Block *comp_pool_take(CompressPool *p);
void comp_pool_give(CompressPool *p, Block *b);
/* B (its done is set) is compressed from now on.  MORE: another one follows, a thread is worth it.
 */
void comp_pool_put(CompressPool *p, Block *b, bool more);
/* Until B is DONE; compresses meanwhile. */
void comp_pool_wait(CompressPool *p, const Block *b);
/* Give back B, which was put and may be anything by now. */
void comp_pool_drop(CompressPool *p, Block *b);
