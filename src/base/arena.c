/* arena.c - pages of memory that are freed together. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

enum { PAGE_BYTES = 32 * 1024 };

struct ArenaPage {
	ArenaPage *older;
	char bytes[];
};

void arena_done(Arena *a)
{
	for (ArenaPage *p = a->pages; p;) {
		ArenaPage *older = p->older;
		free(p);
		p = older;
	}
	*a = (Arena)ARENA_INIT;
}

static char *align_up(char *p, size_t align)
{
	return p + (-(uintptr_t)p & (align - 1));
}

void *arena_alloc(Arena *a, size_t size, size_t align)
{
	char *p = a->next ? align_up(a->next, align) : NULL;

	if (!p || p > a->end || (size_t)(a->end - p) < size) {
		size_t room = size + align;
		if (room < size)
			die_oom(size);
		if (room < PAGE_BYTES)
			room = PAGE_BYTES;
		ArenaPage *page = xmalloc(sizeof *page + room);
		page->older = a->pages;
		a->pages = page;
		a->end = page->bytes + room;
		p = align_up(page->bytes, align);
	}
	a->next = p + size;
	return memset(p, 0, size);
}

Str arena_str(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	if (s.len)
		memcpy(copy, s.ptr, s.len);
	return (Str){ copy, s.len };
}

Str arena_strf(Arena *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return STR("");

	char *s = arena_alloc(a, (size_t)n + 1, 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return (Str){ s, (size_t)n };
}
