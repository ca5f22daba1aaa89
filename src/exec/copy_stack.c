/*
 * copy_stack.c - a COPY --from that needs no copy: the layer that it would make is there already.
 *
 * `COPY --from=build /src /src` of a directory that one layer alone has brought, a layer that holds
 * nothing else: the content list of the copy would be that layer's, entry for entry.  Same list,
 * same tar, same diff ID: so that layer is stacked, and no file is looked at.  The directories on
 * the way are made up as the copy would make them, and compared; whatever is not certain is copied.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/path.h"

typedef struct Stacking {
	Build *build;
	const Step *step;
	const View *parent; /* NULL: --link */
	const View *origin;
	Arena arena;
	Str path; /* source and destination */
} Stacking;

/* One directory, whole and as it is. */
static bool may_stack(const Build *b, const Step *step)
{
	const CopyArgs *c = &step->copy;
	return step->kind == STEP_COPY && !c->is_add && c->origin == ORIGIN_STEP &&
	       c->source_count == 1 && !c->sources[0].is_inline &&
	       c->sources[0].fetch_step == STEP_NONE && !c->chown.len && !c->chmod.len &&
	       !c->parents && !c->exclude_count && b->epoch_ns < 0 &&
	       !match_has_magic(c->sources[0].path);
}

/* Does LIST say anything of what is below DIR? */
static bool has_below(const List *list, Str dir)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;
	ListCursor c = list_cursor(list, dir);
	while (list_next(&c, &a, &e))
		if (!str_eq(e.path, dir))
			return true;
	return false;
}

static bool is_empty_in(const View *v, Str dir)
{
	for (size_t i = 0; v && i < view_count(v); i++)
		if (has_below(view_list(v, i), dir))
			return false;
	return true;
}

/* The layer of the origin that alone has what is in S->path. */
static bool find_layer(Stacking *s, size_t *ret)
{
	Entry top;
	if (!view_find(s->origin, s->path, &s->arena, &top, ret) || top.type != ENTRY_DIR)
		return false;
	for (size_t i = 0; i < view_count(s->origin); i++)
		if (i != *ret && has_below(view_list(s->origin, i), s->path))
			return false;
	return true;
}

/* The directories down to the destination, as a copy would list them. */
static Err *expected_dirs(Stacking *s, const Entry *source, List **ret)
{
	AUTO_LIST_BUILDER ListBuilder *dirs = list_builder_new();
	const TreeOwner made = { .mode = 0755 };
	TRY(tree_need_dir(s->parent, dirs, s->path, &made, &s->arena));
	Entry top = *list_builder_find(dirs, s->path);
	top.mtime_ns = source->mtime_ns;
	top.untimed = source->untimed;
	list_builder_add(dirs, &top);
	*ret = list_builder_finish(TAKE_PTR(dirs));
	return NULL;
}

/* Is LIST, a layer's, what the copy's list would be? */
static bool is_same(Stacking *s, const List *list)
{
	AUTO_LIST List *dirs = NULL;
	Entry top, last;
	if (!list_find(list, s->path, &s->arena, &top) || top.type != ENTRY_DIR ||
	    !list_last(list, &s->arena, &last) || !entry_path_below(last.path, s->path) ||
	    list_hides(list))
		return false;
	AUTO_ERR Err *e = expected_dirs(s, &top, &dirs);
	return !e && list_starts(list, dirs); /* an error is told by the copy */
}

static Err *find(Stacking *s, Digest *ret, bool *ret_found)
{
	const CopyArgs *c = &s->step->copy;
	Str source, dest = path_clean_in_root(&s->arena, c->dest);
	bool exists;
	size_t layer;
	TRY(view_resolve(s->origin, path_clean_in_root(&s->arena, c->sources[0].path), true,
	                 &s->arena, &source, &exists));
	if (!exists || !source.len)
		return NULL;
	if (s->parent)
		TRY(view_resolve(s->parent, dest, true, &s->arena, &dest, &exists));
	if (!str_eq(source, dest))
		return NULL;
	s->path = source;
	if (!is_empty_in(s->parent, source) || !find_layer(s, &layer) ||
	    !is_same(s, view_list(s->origin, layer)))
		return NULL;
	*ret = *view_diff_id(s->origin, layer);
	*ret_found = true;
	return NULL;
}

Err *copy_stack(Build *b, const Step *step, StoreLayer *ret, bool *ret_found)
{
	AUTO_VIEW View *parent = NULL, *origin = NULL;
	Digest diff_id;
	*ret_found = false;
	if (!may_stack(b, step))
		return NULL;
	TRY(state_need_base(b, step->copy.origin_step));
	TRY(state_view(b, step->copy.origin_step, &origin));
	if (!step->copy.link) {
		TRY(state_need_base(b, step->parent));
		TRY(state_view(b, step->parent, &parent));
	}
	Stacking s = { .build = b, .step = step, .parent = parent, .origin = origin };
	AUTO_ERR Err *e = find(&s, &diff_id, ret_found);
	arena_done(&s.arena);
	if (e) { /* links in a circle: the copy says where */
		*ret_found = false;
		return NULL;
	}
	return *ret_found ? state_check_layer(b, &diff_id, ret) : NULL;
}
