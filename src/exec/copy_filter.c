/* copy_filter.c - COPY --parents and --exclude: what of a source is wanted, and where it begins. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/path.h"

/*
 * With --parents a source is a directory and a pattern of paths below it: what stands before the
 * first "/./", else the root, and the rest.  Patterns, those of --exclude as well, are those of
 * ignore files: "**" is any depth, what lies below a match belongs to it.
 */

static Err *read_excludes(const CopyArgs *c, Arena *a, Ignore *ret)
{
	Str *patterns = arena_alloc(a, c->exclude_count * sizeof *patterns, _Alignof(Str));
	for (size_t i = 0; i < c->exclude_count; i++) {
		Ignore one;
		patterns[i] = c->excludes[i].text;
		/* each alone first: for the place of an error */
		TRY(err_place(ignore_from_patterns(a, &patterns[i], 1, &one), c->excludes[i].span));
	}
	return ignore_from_patterns(a, patterns, c->exclude_count, ret);
}

static Err *read_pattern(Str pattern, Arena *a, Ignore *ret)
{
	if (str_starts(pattern, STR("!"))) /* a name; nothing to be taken back from */
		pattern = arena_strf(a, "\\%.*s", STR_ARG(pattern));
	return ignore_from_patterns(a, &pattern, 1, ret);
}

/* PATH at its first "/./". */
static void cut_at_pivot(Arena *a, Str path, Str *ret_root, Str *ret_pattern)
{
	Str root = STR(""), pattern = path;
	const char *pivot = path.len ? memmem(path.ptr, path.len, "/./", 3) : NULL;
	if (pivot) {
		root = str_head(path, (size_t)(pivot - path.ptr));
		pattern = str_from_at(path, root.len + 3);
	}
	*ret_root = path_clean_in_root(a, root);
	*ret_pattern = path_clean_in_root(a, pattern);
}

Err *copy_want(const CopyArgs *c, const CopySource *source, Arena *a, CopyWant *ret)
{
	*ret = (CopyWant){ .path = source->path, .required = STR("") };
	if (c->exclude_count) {
		TRY(read_excludes(c, a, &ret->exclude));
		ret->filter.exclude = &ret->exclude;
		ret->filtered = true;
	}
	if (!c->parents)
		return NULL;
	Str pattern;
	cut_at_pivot(a, source->path, &ret->path, &pattern);
	if (!pattern.len) /* "." or "dir/./": all of it */
		return NULL;
	TRY(err_place(read_pattern(pattern, a, &ret->include), source->span));
	ret->filter.include = &ret->include;
	ret->filtered = true;
	if (!match_has_magic(ret->path) && !match_has_magic(pattern))
		ret->required = pattern;
	return NULL;
}

bool copy_want_is_met(const CopyWant *want, const CopyMatch *matches, size_t count)
{
	if (!want->required.len)
		return true;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < matches[i].count; k++)
			if (str_eq(matches[i].files[k].entry.path, want->required))
				return true;
	return false;
}

Err *copy_want_note(const CopyWant *want, Err *err)
{
	if (want->filter.exclude && ignore_excludes(want->filter.exclude, want->required, NULL))
		return err_note(err, "an --exclude leaves it out");
	return err_note(err, "--parents follows no symbolic link in a path; one before a '/./' is "
	                     "followed");
}
