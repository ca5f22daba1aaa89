/*
 * arena.h - memory that is freed all at once.
 *
 * One Arena holds everything with the same lifetime: the parsed Dockerfile,
 * the plan, one HTTP reply.  There is no free of a single object.  Strings
 * put here are NUL-terminated too, so they can go to system calls.
 *
 * Depends on: base.h, str.h.  Cannot fail.  Not thread-safe: one per thread,
 * or filled before the threads start and read-only after.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

typedef struct ArenaPage ArenaPage;

typedef struct Arena {
	ArenaPage *pages;
	char *next, *end; /* free part of the newest page */
} Arena;

#define ARENA_INIT \
	{          \
		0  \
	}

void arena_done(Arena *a);
NODISCARD void *arena_alloc(Arena *a, size_t size, size_t align); /* zeroed */
Str arena_str(Arena *a, Str s);
Str arena_strf(Arena *a, const char *fmt, ...) PRINTF(2, 3);

#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T), _Alignof(T)))
#define AUTO_ARENA      CLEANUP(arena_done)
