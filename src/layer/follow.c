/* follow.c - where an entry of an archive goes that is named through a link of the same archive. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "layer/follow.h"

enum { SYMLINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */

typedef struct Follow {
	ListBuilder *list;
	Arena *arena;
	Str entry; /* as the archive names it, for messages */
	Str done;  /* resolved so far, no link in it */
	Str left;  /* still to go */
	unsigned links;
} Follow;

static Err *refuse(const Follow *f, const char *why)
{
	return err_new(ERR_CORRUPT, "'%.*s' is named through links of the archive %s",
	               STR_ARG(f->entry), why);
}

static Err *take_link(Follow *f, Str target)
{
	if (++f->links > SYMLINKS_MAX)
		return refuse(f, "that go round in a circle, or are too many");
	if (target.len + f->left.len + 1 >= PATH_BYTES_MAX)
		return refuse(f, "that make its path too long");
	if (str_starts(target, STR("/")))
		f->done = STR("");
	f->left = arena_strf(f->arena, "%.*s/%.*s", STR_ARG(target), STR_ARG(f->left));
	return NULL;
}

static Err *step(Follow *f, Str name)
{
	if (name.len == 0 || str_eq(name, STR(".")))
		return NULL;
	if (str_eq(name, STR(".."))) {
		if (f->done.len == 0)
			return refuse(f, "that lead out of it");
		f->done = entry_parent(f->done);
		return NULL;
	}
	if (f->done.len + name.len + 1 >= PATH_BYTES_MAX)
		return refuse(f, "that make its path too long");
	Str next = f->done.len ? arena_strf(f->arena, "%.*s/%.*s", STR_ARG(f->done), STR_ARG(name))
	                       : arena_str(f->arena, name);
	const Entry *e = list_builder_find(f->list, next);
	if (e && e->type == ENTRY_SYMLINK)
		return take_link(f, e->link);
	f->done = next;
	return NULL;
}

Err *extract_follow(ListBuilder *list, Str path, Arena *a, Str *ret)
{
	Follow f = { .list = list, .arena = a, .entry = path, .left = entry_parent(path) };
	*ret = path;
	while (f.left.len) {
		Str name;
		f.left = str_cut(f.left, '/', &name);
		TRY(step(&f, name));
	}
	if (!f.links)
		return NULL;
	if (f.done.len + entry_name(path).len + 1 >= PATH_BYTES_MAX)
		return refuse(&f, "that make its path too long");
	*ret = f.done.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(f.done), STR_ARG(entry_name(path)))
	                  : arena_str(a, entry_name(path));
	return NULL;
}
