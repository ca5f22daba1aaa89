/*
 * comp-internal.h - what the compressors share: their constructors, and the writer that cuts its
 * input into blocks which are compressed side by side.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/compress.h"

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

Writer *comp_blocks_writer(Writer *below, const BlockOps *ops, int level, unsigned threads);
