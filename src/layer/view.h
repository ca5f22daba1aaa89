/*
 * view.h - several layers looked at as one tree, through their content lists alone.
 *
 * WHAT     A View answers "what is at this path" for a stack of layers, whiteouts and opaque
 *          directories applied, symlinks followed inside the root.  No mount, no directory read:
 *          binary searches in mapped lists.
 * ERRORS   ERR_NOT_FOUND   no such path      ERR_INPUT  too many symlinks (40, as the kernel)
 * OWNS     entries live in the arena given; the View keeps the lists open
 * THREADS  read-only once opened
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

typedef struct View View;

/* DIFF_IDS bottom first. */
NODISCARD Err *view_open(Store *s, const Digest *diff_ids, size_t count, View **ret);
void view_close(View *v);
size_t view_count(const View *v); /* layers */
const Digest *view_diff_id(const View *v, size_t layer);
/* The content list of layer LAYER, 0 the lowest; borrowed. */
const List *view_list(const View *v, size_t layer);

/* What is at PATH (clean, relative), no symlink followed at all.  False: nothing.
 * *ret_layer: index of the layer that it comes from (may be NULL). The root "" is always there. */
bool view_find(const View *v, Str path, Arena *a, Entry *ret, size_t *ret_layer);
/*
 * For many questions about one directory: the layers that may have entries right in DIR, into RET
 * (room for all of the view); gives their number.  Most layers do not know most directories.
 */
size_t view_dir_layers(const View *v, Str dir, size_t *ret);
/* Has one of these LAYERS an entry for PATH?  If not, view_find() finds nothing there, or a
 * directory that is only implied. */
bool view_has_entry(const View *v, const size_t *layers, size_t count, Str path);
/*
 * Resolve PATH with symlinks followed inside the root (the last one only if FOLLOW_LAST).
 * *ret_path: the clean path without symlinks; *ret_exists says whether it is there; components
 * after the first missing one are appended as they are.
 */
NODISCARD Err *view_resolve(const View *v, Str path, bool follow_last, Arena *a, Str *ret_path,
                            bool *ret_exists);
/* The same in the root as it will be with the entries of ABOVE over V; either may be NULL. */
NODISCARD Err *view_resolve_below(const View *v, ListBuilder *above, Str path, bool follow_last,
                                  Arena *a, Str *ret_path, bool *ret_exists);

/* All entries at and below PREFIX, merged, in order.  A hard link whose target shows below PREFIX
 * comes out as ENTRY_HARDLINK; of others that have one target the first is the file, the rest are
 * links to it.  Stops at the first error of FN. */
typedef Err *ViewFn(void *context, const Entry *e, size_t layer);
NODISCARD Err *view_each(const View *v, Str prefix, ViewFn *fn, void *context);
/* The file that a hard link to PATH stands for in its own layer LAYER, shown or not. */
bool view_find_linked(const View *v, size_t layer, Str path, Arena *a, Entry *ret);
/* The names directly below directory PATH, sorted, in A: for wildcards. */
NODISCARD Err *view_names(const View *v, Str path, Arena *a, Str **ret, size_t *ret_count);

/* Open the content of the file PATH (of view_find) of layer LAYER for reading; makes the directory
 * form of that layer if needed. */
NODISCARD Err *view_open_file(const View *v, const Entry *e, size_t layer,
                              const char *overlay_prefix, int *ret_fd);

/* uid and gid of "user", "user:group", "1000", "1000:50" by /etc/passwd and /etc/group of the view
 * (FEATURES A.5 USER): supplementary groups in A.  "" is 0:0 with root's groups.  *ret_home from
 * passwd. */
typedef struct ViewUser {
	uint32_t uid, gid;
	uint32_t *groups;
	size_t group_count;
	Str home; /* "/" if unknown */
} ViewUser;
NODISCARD Err *view_user(const View *v, Str user, const char *overlay_prefix, Arena *a,
                         ViewUser *ret);

static inline void view_closep(View **v)
{
	if (*v)
		view_close(*v);
}
#define AUTO_VIEW CLEANUP(view_closep)
