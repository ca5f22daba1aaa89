/*
 * sha256.h - SHA-256 of a stream, with the CPU's own instructions where it has them.
 *
 * SOURCE   FIPS 180-4; computed by OpenSSL's libcrypto (SHA-NI: about 1.3 GB/s a core).
 * OWNS     nothing: a Sha256 is plain memory and may be copied to branch a hash.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

typedef struct Sha256 {
	_Alignas(8) unsigned char state[128]; /* OpenSSL's SHA256_CTX (112 bytes) */
} Sha256;

void sha256_init(Sha256 *h);
void sha256_add(Sha256 *h, const void *bytes, size_t len);
void sha256_add_str(Sha256 *h, Str s);
/* A length-prefixed field, so that two fields never run into each other in a key. */
void sha256_add_field(Sha256 *h, Str s);
Digest sha256_end(Sha256 *h); /* H may not be used again before sha256_init */
Digest sha256_of(Str bytes);
