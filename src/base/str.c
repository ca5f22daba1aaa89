/* str.c - slices and buffers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

Str str_cut(Str s, char sep, Str *ret_head)
{
	const char *at = s.len ? memchr(s.ptr, sep, s.len) : NULL;
	if (!at) {
		*ret_head = s;
		return (Str){ s.ptr + s.len, 0 };
	}
	*ret_head = (Str){ s.ptr, (size_t)(at - s.ptr) };
	return (Str){ at + 1, s.len - ret_head->len - 1 };
}

int str_cmp(Str a, Str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

Str str_trim(Str s)
{
	while (s.len && is_blank(s.ptr[0]))
		s = (Str){ s.ptr + 1, s.len - 1 };
	while (s.len && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

ptrdiff_t str_find(Str s, char c)
{
	const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return at ? at - s.ptr : -1;
}

ptrdiff_t str_rfind(Str s, char c)
{
	const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
	return at ? at - s.ptr : -1;
}

static bool to_number(Str s, unsigned base, uint64_t *ret)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
		if (digit >= base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, digit, &n))
			return false;
	}
	if (s.len)
		*ret = n;
	return s.len > 0;
}

bool str_to_u64(Str s, uint64_t *ret)
{
	return to_number(s, 10, ret);
}

bool str_to_octal(Str s, uint64_t *ret)
{
	return to_number(s, 8, ret);
}

Str str_clip(Str s, size_t bytes)
{
	if (s.len <= bytes)
		return s;
	size_t len = bytes;
	while (len + 4 > bytes && len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
		len--;
	return str_head(s, len);
}

void buf_done(Buf *b)
{
	free(b->ptr);
	*b = (Buf)BUF_INIT;
}

void buf_reserve(Buf *b, size_t more)
{
	size_t need = b->len + more + 1;
	if (need < more)
		die_oom(more);
	if (need <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap += cap / 2;
	b->ptr = xrealloc(b->ptr, cap);
	b->cap = cap;
}

void buf_add(Buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->ptr + b->len, bytes, len);
	b->len += len;
	b->ptr[b->len] = '\0';
}

void buf_add_char(Buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_reset(Buf *b)
{
	b->len = 0;
	if (b->ptr)
		b->ptr[0] = '\0';
}

void buf_add_str(Buf *b, Str s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_addf(Buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;

	buf_reserve(b, (size_t)n);
	va_start(ap, fmt);
	vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

char *buf_take(Buf *b)
{
	buf_reserve(b, 0);
	b->ptr[b->len] = '\0';
	char *s = TAKE_PTR(b->ptr);
	*b = (Buf)BUF_INIT;
	return s;
}
