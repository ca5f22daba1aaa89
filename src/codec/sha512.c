/* sha512.c - SHA-512 by OpenSSL's block functions, as sha256.c and for its reasons. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/sha512.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

_Static_assert(sizeof(SHA512_CTX) <= sizeof(((Sha512 *)0)->state), "a Sha512 holds the context");
_Static_assert(_Alignof(SHA512_CTX) <= _Alignof(Sha512), "a Sha512 is aligned for the context");

static SHA512_CTX *context(Sha512 *h)
{
	return (SHA512_CTX *)h->state;
}

void sha512_init(Sha512 *h)
{
	(void)SHA512_Init(context(h)); /* these three cannot fail: they always give 1 */
}

void sha512_add(Sha512 *h, const void *bytes, size_t len)
{
	(void)SHA512_Update(context(h), bytes, len);
}

Str sha512_end_text(Sha512 *h, char text[static SHA512_TEXT_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[SHA512_DIGEST_LENGTH];
	(void)SHA512_Final(bytes, context(h));
	memcpy(text, "sha512:", 7);
	for (size_t i = 0; i < sizeof bytes; i++) {
		text[7 + 2 * i] = digits[bytes[i] >> 4];
		text[7 + 2 * i + 1] = digits[bytes[i] & 15];
	}
	text[SHA512_TEXT_LEN] = '\0';
	return (Str){ text, SHA512_TEXT_LEN };
}
