/*
 * sha256.c - SHA-256 by OpenSSL's block functions.
 *
 * The low-level SHA256_* calls are marked deprecated since OpenSSL 3.0 in favour of EVP, but EVP
 * fetches providers, reads a configuration file and allocates: about 1 ms at the first call, more
 * than all the hashing of a cached build.  The low-level ones pick SHA-NI or AVX2 just the same,
 * keep their state in memory of ours, and that state may be copied to branch a hash.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/sha256.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(((Sha256 *)0)->state), "a Sha256 holds the context");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(Sha256), "a Sha256 is aligned for the context");

static SHA256_CTX *context(Sha256 *h)
{
	return (SHA256_CTX *)h->state;
}

void sha256_init(Sha256 *h)
{
	(void)SHA256_Init(context(h)); /* these three cannot fail: they always give 1 */
}

void sha256_add(Sha256 *h, const void *bytes, size_t len)
{
	(void)SHA256_Update(context(h), bytes, len);
}

void sha256_add_str(Sha256 *h, Str s)
{
	sha256_add(h, s.ptr, s.len);
}

void sha256_add_field(Sha256 *h, Str s)
{
	uint8_t len[8];
	for (size_t i = 0; i < sizeof len; i++)
		len[i] = (uint8_t)((uint64_t)s.len >> (8 * i));
	sha256_add(h, len, sizeof len);
	sha256_add_str(h, s);
}

Digest sha256_end(Sha256 *h)
{
	Digest d;
	(void)SHA256_Final(d.bytes, context(h));
	return d;
}

Digest sha256_of(Str bytes)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add_str(&h, bytes);
	return sha256_end(&h);
}
