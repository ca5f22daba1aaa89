/*
 * sha512.h - SHA-512 of a stream, for those registries' clients that name things by it.
 *
 * SOURCE   FIPS 180-4; OCI image-spec descriptor.md, "Registered algorithms"
 * OWNS     nothing: a Sha512 is plain memory
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

typedef struct Sha512 {
	_Alignas(8) unsigned char state[256]; /* OpenSSL's SHA512_CTX (216 bytes) */
} Sha512;

enum { SHA512_HEX_LEN = 128, SHA512_TEXT_LEN = 135 };

void sha512_init(Sha512 *h);
void sha512_add(Sha512 *h, const void *bytes, size_t len);
/* "sha512:<128 lower-case hex digits>"; H may not be used again before sha512_init. */
Str sha512_end_text(Sha512 *h, char text[static SHA512_TEXT_LEN + 1]);
