/* tree.c - the directories that COPY and WORKDIR make on the way to their destination. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"

static Err *need_one(const View *view, ListBuilder *list, Str path, const TreeOwner *owner,
                     Arena *a)
{
	Entry e;
	const Entry *given = list_builder_find(list, path);
	if (given && given->type == ENTRY_DIR)
		return NULL;
	if (given)
		return err_new(ERR_INPUT, "cannot make the directory '/%.*s': a file is there",
		               STR_ARG(path));
	if (view && view_find(view, path, a, &e, NULL)) {
		if (e.type != ENTRY_DIR)
			return err_new(ERR_INPUT,
			               "cannot make the directory '/%.*s': a file is there",
			               STR_ARG(path));
		/* Overlay shows the topmost directory's metadata: it must be that of the one below.
		 */
		e.opaque = false;
		list_builder_add(list, &e);
		return NULL;
	}
	e = (Entry){ .path = path,
		     .type = ENTRY_DIR,
		     .mode = owner->mode,
		     .uid = owner->uid,
		     .gid = owner->gid,
		     .mtime_ns = owner->mtime_ns };
	list_builder_add(list, &e);
	return NULL;
}

Err *tree_need_dir(const View *view, ListBuilder *list, Str path, const TreeOwner *owner, Arena *a)
{
	for (size_t i = 1; i <= path.len; i++)
		if (i == path.len || path.ptr[i] == '/')
			TRY(need_one(view, list, str_head(path, i), owner, a));
	return NULL;
}
