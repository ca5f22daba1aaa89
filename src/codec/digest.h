/*
 * digest.h - a SHA-256 digest and its text "sha256:<64 lower-case hex>".
 *
 * SOURCE   OCI image-spec descriptor.md, "Digests".  Only sha256 is taken: upper case, other
 *          lengths and other algorithms are ERR_INPUT (CVE-2024-3727: a digest becomes a path).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct Digest {
	uint8_t bytes[32];
} Digest;

enum { DIGEST_HEX_LEN = 64, DIGEST_TEXT_LEN = 71 };

NODISCARD Err *digest_parse(Str text, Digest *ret);    /* "sha256:..." */
NODISCARD Err *digest_parse_hex(Str hex, Digest *ret); /* 64 lower-case hex digits */
Str digest_hex(const Digest *d, char text[static DIGEST_HEX_LEN + 1]);
Str digest_text(const Digest *d, char text[static DIGEST_TEXT_LEN + 1]);
Str digest_arena_hex(Arena *a, const Digest *d);
Str digest_arena_text(Arena *a, const Digest *d);
bool digest_eq(const Digest *a, const Digest *b);
bool digest_is_zero(const Digest *d);
