/* library.c - libraries that are loaded when they are needed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"

#include <dlfcn.h>

static Err *find_symbols(const LibrarySource *source, void *library, const LibrarySymbol *symbols,
                         size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*symbols[i].to = dlsym(library, symbols[i].name);
		if (!*symbols[i].to)
			return err_new(ERR_SYSTEM, "%s has no '%s': it is too old", source->shown,
			               symbols[i].name);
	}
	return NULL;
}

Err *library_open(const LibrarySource *source, const LibrarySymbol *symbols, size_t count,
                  void **ret)
{
	void *library = NULL;
	for (size_t i = 0; i < ARRAY_LEN(source->names) && source->names[i] && !library; i++)
		library = dlopen(source->names[i], RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		return err_note(err_new(ERR_SYSTEM, "cannot load %s: %s", source->shown,
		                        why ? why : "not found"),
		                "%s it: apt-get install %s", source->user, source->package);
	}
	Err *e = find_symbols(source, library, symbols, count);
	if (e) {
		dlclose(library);
		return e;
	}
	*ret = library;
	return NULL;
}
