/* op_workdir.c - WORKDIR: the directory is made, with its parents, for the current user. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"
#include "fs/path.h"

static Err *no_source(void *context, const Entry *e, int *ret_fd)
{
	(void)context;
	(void)ret_fd;
	return err_new(ERR_INPUT, "'%.*s' is no directory", STR_ARG(e->path));
}

/* TEXT as view_user() reads it; unknown names are told, and leave *ret as it is. */
static Err *find_user(Build *b, const Step *step, const View *parent, Str text, Arena *a,
                      const char *instead, ViewUser *ret)
{
	ViewUser user = { 0 };
	Err *e = view_user(parent, text, sandbox_overlay_prefix(), a, &user);
	if (e && err_kind(e) != ERR_INPUT)
		return e;
	if (e)
		progress_warning(b->progress, b->states[step->number].line,
		                 "%.*s: the directory belongs to %s", STR_ARG(err_cause(e)),
		                 instead);
	else
		*ret = user;
	err_free(e); /* told as a warning */
	return NULL;
}

/*
 * The owner of what is made: read as BuildKit reads a --chown, so that a number without a group is
 * its own group.  A user that the image does not know is root here: the RUN that needs it will say
 * so.
 */
static Err *find_owner(Build *b, const Step *step, const View *parent, Arena *a, TreeOwner *ret)
{
	Str name, group = str_cut(step->workdir.user, ':', &name);
	ViewUser user = { 0 }, named = { 0 };
	uint64_t number;
	if (name.len)
		TRY(find_user(b, step, parent, name, a, "root", &user));
	if (str_to_u64(name, &number))
		user.gid = user.uid;
	named.gid = user.gid;
	if (group.len)
		TRY(find_user(b, step, parent, arena_strf(a, "0:%.*s", STR_ARG(group)), a,
		              "its user's group", &named));
	*ret = (TreeOwner){ .uid = user.uid,
		            .gid = named.gid,
		            .mode = 0755,
		            .mtime_ns = b->epoch_ns >= 0 ? b->epoch_ns : 0 };
	return NULL;
}

/* The entries of the layer: none if the directory is there. */
static Err *workdir_list(Build *b, const Step *step, const View *parent, Arena *a, List **ret)
{
	AUTO_LIST_BUILDER ListBuilder *list = list_builder_new();
	TreeOwner owner;
	Str path;
	bool exists;
	Entry e;
	TRY(view_resolve(parent, path_clean_in_root(a, step->workdir.path), true, a, &path,
	                 &exists));
	if (path.len == 0)
		exists = true; /* the root itself: an empty layer */
	else if (!exists || !view_find(parent, path, a, &e, NULL)) {
		TRY(find_owner(b, step, parent, a, &owner));
		TRY(tree_need_dir(parent, list, path, &owner, a));
	} else if (e.type != ENTRY_DIR) {
		return err_at(step->span, "cannot make the directory '%.*s': a file is there",
		              STR_ARG(step->workdir.path));
	}
	*ret = list_builder_finish(TAKE_PTR(list));
	return NULL;
}

Err *op_workdir(Build *b, const Step *step, StoreLayer *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_VIEW View *parent = NULL;
	AUTO_LIST List *list = NULL;
	TRY(state_need_base(b, step->parent));
	TRY(state_view(b, step->parent, &parent));
	TRY(err_place(workdir_list(b, step, parent, &a, &list), step->span));
	LayerSource source = { no_source, NULL };
	LayerForm form = step->looked_into ? LAYER_FORM_DIR : LAYER_FORM_TAR;
	return layer_make(b->store, list, &source, form, sandbox_overlay_prefix(), b->cancel, ret);
}
