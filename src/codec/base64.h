/*
 * base64.h - RFC 4648 base64, as auth files and descriptors carry it.
 *
 * Reading takes the standard and the URL alphabet, with or without padding; anything else (blanks
 * included) is refused.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

/* Append the bytes that TEXT stands for; false (OUT unchanged) if it is no base64. */
NODISCARD bool base64_decode(Str text, Buf *out);
/* Append the standard form, padded. */
void base64_encode(Str bytes, Buf *out);
