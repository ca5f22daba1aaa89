/*
 * rune.h - one UTF-8 character at a time, classed as Go's package unicode does.
 *
 * WHAT     Dockerfiles and ignore files are cut at "white space" and names are made of "letters" in
 *          the Unicode sense, since the reference reader is written in Go.  Bytes that are no UTF-8
 *          come back one by one as RUNE_BAD and are neither space nor letter nor printable.
 * LIMIT    rune_is_letter() knows blocks, not every code point: from U+00AA on, all is a letter
 * that does not lie in a block of punctuation, symbols, marks, emoji or private use.
 *
 * Depends on: base.h, str.h.  Cannot fail.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

#define RUNE_BAD 0xfffdu /* U+FFFD, as Go decodes a bad byte */

/* The character at S.ptr[AT] (AT < S.len); *ret_len: its bytes, 1 if it is RUNE_BAD by bad bytes.
 */
uint32_t rune_at(Str s, size_t at, size_t *ret_len);
/* Bytes of RUNE put at the end of B, in UTF-8. */
void rune_add(Buf *b, uint32_t rune);

bool rune_is_space(uint32_t rune);
bool rune_is_letter(uint32_t rune);
bool rune_is_print(uint32_t rune); /* U+0020 is; other spaces are not */

/* S as Go's strconv.Quote writes it: "in double quotes", what cannot be printed escaped. */
void rune_add_quoted(Buf *out, Str s);

/* White space in the Unicode sense cut from the start / from both ends. */
Str rune_trim_left(Str s);
Str rune_trim(Str s);
