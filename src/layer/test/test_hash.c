/* test_hash.c - a file's hash is the same whoever computes it, and after files that were given up.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "codec/digest.h"
#include "layer/hash.h"

static char byte_at(uint64_t at)
{
	return (char)(at * 131 ^ at >> 13);
}

/* SIZE bytes in pieces of at most PIECE through H; only the first STOP of them if it is less. */
static Digest hash_file(LayerHash *h, uint64_t size, size_t piece, uint64_t stop)
{
	uint64_t at = 0;
	layer_hash_begin(h, size);
	while (at < size && at < stop) {
		char *block = layer_hash_buffer(h);
		size_t n = size - at < piece ? (size_t)(size - at) : piece;
		for (size_t i = 0; i < n; i++)
			block[i] = byte_at(at + i);
		layer_hash_add(h, n);
		at += n;
	}
	return stop < size ? (Digest){ 0 } : layer_hash_end(h);
}

static Digest plain(uint64_t size)
{
	Sha256 hash;
	sha256_init(&hash);
	for (uint64_t at = 0; at < size; at++) {
		char c = byte_at(at);
		sha256_add(&hash, &c, 1);
	}
	return sha256_end(&hash);
}

static void test_sizes(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {
		0, 1, 4095, 256 << 10, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 5000001, 9 << 20
	};
	LayerHash h;
	layer_hash_init(&h);
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			Digest wanted = plain(sizes[i]);
			Digest whole = hash_file(&h, sizes[i], LAYER_BLOCK_BYTES, UINT64_MAX);
			Digest small = hash_file(&h, sizes[i], 77777, UINT64_MAX);
			assert_true(digest_eq(&whole, &wanted));
			assert_true(digest_eq(&small, &wanted));
		}
	layer_hash_done(&h);
}

static void test_given_up(void **state)
{
	(void)state;
	LayerHash h;
	layer_hash_init(&h);
	for (uint64_t stop = 0; stop < 3 << 20; stop += 300000) {
		(void)hash_file(&h, 8 << 20, LAYER_BLOCK_BYTES, stop);
		Digest is = hash_file(&h, 5 << 20, LAYER_BLOCK_BYTES, UINT64_MAX),
		       wanted = plain(5 << 20);
		assert_true(digest_eq(&is, &wanted));
	}
	(void)hash_file(&h, 8 << 20, LAYER_BLOCK_BYTES, 1 << 20);
	layer_hash_done(&h); /* in the middle of a file */
	layer_hash_init(&h);
	layer_hash_done(&h); /* without any */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_given_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
