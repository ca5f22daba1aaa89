/*
 * fuzz_ignore.c - any bytes as an ignore file and a path: the first line is the path.
 *
 * What is excluded stays excluded when asked as a child of an excluded directory, unless the list
 * says that something below may come back.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/match.h"
#include "fs/path.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str path, text = str_cut((Str){ (const char *)data, size }, '\n', &path);
	Source source = { ".dockerignore", text };
	Ignore ig;
	AUTO_ERR Err *err = ignore_parse(&a, &source, &ig);
	if (err || !path.len)
		return 0;
	path = path_clean(&a, path);
	const IgnorePattern *by;
	bool excluded = ignore_excludes(&ig, path, &by);
	assert(!excluded || by);
	ptrdiff_t slash = str_rfind(path, '/');
	if (slash > 0) {
		Str parent = str_head(path, (size_t)slash);
		if (ignore_excludes(&ig, parent, NULL) && !ignore_may_reinclude_below(&ig, parent))
			assert(excluded);
	}
	bool match;
	err_free(match_glob(text, path, &match)); /* either answer is fine */
	return 0;
}
