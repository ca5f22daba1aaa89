/*
 * str.h - text and bytes: a borrowed slice (Str) and a growing buffer (Buf).
 *
 * Str   pointer + length in BYTES, not NUL-terminated, never owns its memory.
 *       Valid as long as what it points into: a Buf, an Arena, a mapped file.
 * Buf   owns its memory.  buf.ptr is always a valid C string once it is
 *       non-NULL (a NUL sits after the last byte, not counted in buf.len).
 *
 * Depends on: base.h.  Cannot fail (out of memory ends the process).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/base.h"

typedef struct Str {
	const char *ptr;
	size_t len; /* bytes */
} Str;

#define STR(lit) ((Str){ "" lit, sizeof(lit) - 1 })
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).len, (s).ptr

static inline Str str_from(const char *cstr)
{
	return (Str){ cstr, strlen(cstr) };
}

static inline bool str_eq(Str a, Str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_eqc(Str a, const char *cstr)
{
	return str_eq(a, str_from(cstr));
}

static inline bool str_starts(Str s, Str prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(Str s, Str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* The part of S from byte FROM on (empty if S is shorter). */
static inline Str str_from_at(Str s, size_t from)
{
	return from <= s.len ? (Str){ s.ptr + from, s.len - from } : (Str){ s.ptr + s.len, 0 };
}

static inline Str str_head(Str s, size_t len)
{
	return (Str){ s.ptr, len < s.len ? len : s.len };
}

/* Bytes compared as unsigned, shorter first: <0, 0, >0. */
int str_cmp(Str a, Str b);
/* Blanks, tabs and line ends cut from both ends. */
Str str_trim(Str s);
/* Index of the first / last C in S, or -1. */
ptrdiff_t str_find(Str s, char c);
ptrdiff_t str_rfind(Str s, char c);
/* Decimal digits alone, no sign, no overflow; false otherwise. */
bool str_to_u64(Str s, uint64_t *ret);
bool str_to_octal(Str s, uint64_t *ret);
/* What Go's strconv.ParseBool reads: "1", "t", "true", "True", "TRUE", and their opposites. */
bool str_to_bool(Str s, bool *ret);
/* A size as docker reads it: "64m", "1.5g", "128MiB", "10 kb", "4096"; k is 1024. */
bool str_to_bytes(Str s, uint64_t *ret);

/* The first BYTES of S or a few less, so that no character is cut: for messages. */
Str str_clip(Str s, size_t bytes);

/* The nearest of NAMES within two edits, or NULL: for "did you mean". */
const char *str_nearest(Str word, const char *const *names, size_t count);
/* Letters to change, add or drop to make B of A, case kept; SIZE_MAX if either is too long to ask.
 */
size_t str_edits(Str a, Str b);

/* Cut S at the first SEP: *ret_head gets the part before, the result is the part after. */
Str str_cut(Str s, char sep, Str *ret_head);

typedef struct Buf {
	char *ptr;
	size_t len; /* bytes in use, without the closing NUL */
	size_t cap; /* bytes allocated */
} Buf;

#define BUF_INIT  \
	{         \
		0 \
	}

void buf_done(Buf *b);
void buf_add(Buf *b, const void *bytes, size_t len);
void buf_add_str(Buf *b, Str s);
void buf_add_char(Buf *b, char c);
void buf_reset(Buf *b); /* empty, memory kept */
/* Room for MORE bytes at b->ptr + b->len; the caller adds what it used to b->len. */
void buf_reserve(Buf *b, size_t more);
void buf_addf(Buf *b, const char *fmt, ...) PRINTF(2, 3);

/* The caller now owns the string (free it with free()); B is empty again. */
NODISCARD char *buf_take(Buf *b);

static inline Str buf_str(const Buf *b)
{
	return (Str){ b->ptr ? b->ptr : "", b->len };
}

#define AUTO_BUF CLEANUP(buf_done)
