/* path_text.c - paths as text: Go's path.Clean and what follows from it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"

/*
 * Go's path.Clean ("Lexical File Names in Plan 9", Rob Pike): drop empty and "." components, let
 * each inner ".." take the component before it, drop ".." at the start of a rooted path.  OUT has
 * room for PATH and one byte; gives the number of bytes used.
 */
static size_t clean(Str path, char *out)
{
	bool rooted = path.len > 0 && path.ptr[0] == '/';
	size_t len = 0;
	size_t dotdot = 0; /* out[0..dotdot) is never given back to a ".." */

	if (rooted)
		out[len++] = '/';
	dotdot = len;
	for (Str rest = path, part; rest.len > 0;) {
		rest = str_cut(rest, '/', &part);
		if (part.len == 0 || str_eqc(part, "."))
			continue;
		if (str_eqc(part, "..") && len > dotdot) {
			len--;
			while (len > dotdot && out[len] != '/')
				len--;
			continue;
		}
		if (str_eqc(part, "..") && rooted)
			continue;
		if (len > (rooted ? 1u : 0u))
			out[len++] = '/';
		memcpy(out + len, part.ptr, part.len);
		len += part.len;
		if (str_eqc(part, ".."))
			dotdot = len;
	}
	if (len == 0)
		out[len++] = '.';
	return len;
}

Str path_clean(Arena *a, Str path)
{
	char *out = arena_alloc(a, path.len + 2, 1); /* zeroed: ends in NUL */
	size_t len = clean(path, out);
	out[len] = '\0';
	return (Str){ out, len };
}

Str path_clean_in_root(Arena *a, Str path)
{
	Str rooted = path_clean(a, arena_strf(a, "/%.*s", STR_ARG(path)));
	return str_from_at(rooted, 1);
}

Str path_join(Arena *a, Str base, Str path)
{
	if (path.len > 0 && path.ptr[0] == '/')
		return path_clean(a, path);
	return path_clean(a, arena_strf(a, "%.*s/%.*s", STR_ARG(base), STR_ARG(path)));
}
