/*
 * base.h - the few compiler helpers every file may use.
 *
 * Depends on: nothing.  Included by: every .c file, first.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DECANT_VERSION
#define DECANT_VERSION "unversioned" /* meson.build knows; a plain cc does not */
#endif

#define NODISCARD    __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a), nonnull(f)))
#define VPRINTF(f)   __attribute__((format(printf, f, 0), nonnull(f)))
#define NORETURN     __attribute__((noreturn))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Scope-bound cleanup.  CLEANUP(fn) runs fn(&var) when var leaves scope.
 * Declare and initialise in ONE statement; never jump (goto) over one.
 */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0) {
		int saved = errno; /* cleanup must not disturb the error being returned */
		close(*fd);
		errno = saved;
	}
}

#define AUTO_FREE  CLEANUP(freep)
#define AUTO_CLOSE CLEANUP(closep)

/* Hand ownership on: the variable is emptied, so its cleanup does nothing. */
#define TAKE_PTR(p)                      \
	({                               \
		__auto_type take_ = (p); \
		(p) = NULL;              \
		take_;                   \
	})
#define TAKE_FD(fd)               \
	({                        \
		int take_ = (fd); \
		(fd) = -1;        \
		take_;            \
	})

/* Out of memory ends the process: see "Memory" in HACKING.md for why. */
NORETURN void die_oom(size_t size);
#define XALLOC __attribute__((returns_nonnull)) NODISCARD
XALLOC void *xmalloc(size_t size);
XALLOC void *xcalloc(size_t n, size_t size);
XALLOC void *xrealloc(void *p, size_t size);
XALLOC void *xreallocarray(void *p, size_t n, size_t size);
XALLOC char *xstrdup(const char *s);

/* Banned functions (strcpy, sprintf, system, path calls without a directory fd ...) are listed in
 * tools/check-banned.sh, which `make lint` runs. */
