/*
 * hmac.h - HMAC-SHA256: does somebody who sent these bytes know the key?
 *
 * SOURCE   RFC 2104; vectors: RFC 4231
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/digest.h"

Digest hmac_sha256(Str key, Str bytes);
/* Takes as long whatever is in them. */
bool hmac_equal(const Digest *a, const Digest *b);
/* The same of texts: their lengths and bytes are not told by the time it takes. */
bool hmac_equal_texts(Str a, Str b);
