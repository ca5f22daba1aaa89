/* hmac.c - HMAC-SHA256 over codec/sha256.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/hmac.h"
#include "codec/sha256.h"

enum { BLOCK = 64, INNER = 0x36, OUTER = 0x5c };

static void begin(Sha256 *h, const unsigned char key[static BLOCK], unsigned char pad)
{
	unsigned char block[BLOCK];
	for (size_t i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	sha256_init(h);
	sha256_add(h, block, sizeof block);
}

Digest hmac_sha256(Str key, Str bytes)
{
	unsigned char block[BLOCK] = { 0 };
	Sha256 h;
	if (key.len > BLOCK) {
		Digest short_key = sha256_of(key);
		memcpy(block, short_key.bytes, sizeof short_key.bytes);
	} else if (key.len) {
		memcpy(block, key.ptr, key.len);
	}
	begin(&h, block, INNER);
	sha256_add_str(&h, bytes);
	Digest inner = sha256_end(&h);
	begin(&h, block, OUTER);
	sha256_add(&h, inner.bytes, sizeof inner.bytes);
	return sha256_end(&h);
}

bool hmac_equal(const Digest *a, const Digest *b)
{
	volatile unsigned char other = 0;
	for (size_t i = 0; i < sizeof a->bytes; i++)
		other |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
	return other == 0;
}

bool hmac_equal_texts(Str a, Str b)
{
	Digest x = sha256_of(a), y = sha256_of(b);
	return hmac_equal(&x, &y);
}
