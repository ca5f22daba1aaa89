/*
 * pack.c - the least that compressing layers for a push can cost: libdeflate or zstd over pieces of
 * the same size as decant's, on all cores, and SHA-256 of what comes out.
 *
 * usage: pack gzip|zstd LEVEL THREADS FILE...      (cc -O2 pack.c -lcrypto -ldeflate -lzstd)
 *
 * Nothing is written or sent.  Prints bytes in, bytes out, ms.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <libdeflate.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <zstd.h>

static int level, use_zstd;
static size_t piece, count, next_piece;
static struct {
	const char *at;
	size_t len;
} pieces[1 << 16];
static unsigned long long in_bytes, out_bytes;

static void *work(void *unused)
{
	struct libdeflate_compressor *gzip = use_zstd ? NULL : libdeflate_alloc_compressor(level);
	ZSTD_CCtx *zstd = use_zstd ? ZSTD_createCCtx() : NULL;
	size_t cap = piece + (piece >> 3) + 1024;
	unsigned char *out = malloc(cap), digest[32];
	SHA256_CTX sha;
	SHA256_Init(&sha);
	for (;;) {
		size_t i = __atomic_fetch_add(&next_piece, 1, __ATOMIC_RELAXED);
		if (i >= count)
			break;
		size_t n = use_zstd ? ZSTD_compressCCtx(zstd, out, cap, pieces[i].at, pieces[i].len,
		                                        level)
		                    : libdeflate_gzip_compress(gzip, pieces[i].at, pieces[i].len,
		                                               out, cap);
		SHA256_Update(&sha, out, n);
		__atomic_add_fetch(&out_bytes, n, __ATOMIC_RELAXED);
	}
	SHA256_Final(digest, &sha);
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec a, b;
	pthread_t id[64];
	use_zstd = strcmp(argv[1], "zstd") == 0;
	level = atoi(argv[2]);
	piece = use_zstd ? 4 << 20 : 1 << 20;
	int threads = atoi(argv[3]);
	for (int i = 4; i < argc; i++) {
		struct stat st;
		int fd = open(argv[i], O_RDONLY);
		if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
			return 1;
		const char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		for (size_t at = 0; at < (size_t)st.st_size && count < 1 << 16;
		     at += piece, count++) {
			size_t left = (size_t)st.st_size - at;
			pieces[count].at = map + at;
			pieces[count].len = left < piece ? left : piece;
			in_bytes += pieces[count].len;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_create(&id[i], NULL, work, NULL);
	for (int i = 0; i < threads && i < 64; i++)
		pthread_join(id[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%llu %llu %.0f\n", in_bytes, out_bytes,
	       (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6);
	return 0;
}
