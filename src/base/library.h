/*
 * library.h - a library of others that is loaded when it is first needed, so that nobody else waits
 * for it.
 *
 * ERRORS   ERR_SYSTEM: it is not here, with the Debian package that has it; it lacks a function
 * SOURCE   dlopen(3): RTLD_NOW, RTLD_LOCAL
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

#include <stddef.h>

typedef struct LibrarySymbol {
	const char *name;
	void **to; /* a pointer to a function */
} LibrarySymbol;

typedef struct LibrarySource {
	const char *names[2]; /* sonames, the first that is here is taken */
	const char *shown;    /* "libcurl" */
	const char *user;     /* what needs it: "registries need" */
	const char *package;  /* of Debian: "libcurl4" */
} LibrarySource;

/* All SYMBOLS are set, or an error.  *ret is dlclose()d by the caller, or stays. */
NODISCARD Err *library_open(const LibrarySource *source, const LibrarySymbol *symbols, size_t count,
                            void **ret);
