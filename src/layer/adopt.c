/*
 * adopt.c - directories that a layer's archive only implied get their metadata from the layers
 * below.
 *
 * Archives of many tools (ko, jib, kaniko, Bazel) name "tmp/x" without "tmp/".  Unpacked by itself
 * such a layer has a made-up 0755 root-owned tmp, and overlay shows the topmost directory's
 * metadata: /tmp would lose its 1777.  The content list does not name the made-up directory, so it
 * is told from a real one, and the directory form is mended once the layers below are known.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/copy.h"
#include "fs/path.h"
#include "layer/layer.h"
#include "layer/view.h"

#include <fcntl.h>

typedef struct Adopt {
	const View *below;
	const List *list;
	int root_fd; /* of the layer; O_PATH */
	Arena arena;
} Adopt;

static Err *adopt_one(Adopt *x, Str path)
{
	Entry e;
	AUTO_CLOSE int dir = -1;
	char name[256];
	if (!view_find(x->below, path, &x->arena, &e, NULL) || e.type != ENTRY_DIR)
		return NULL;
	TRY(path_open_parent(x->root_fd, path, &dir, name));
	return copy_set_metadata(dir, name, &e, NULL);
}

/* PATH and what is above it, as far as the list does not name it; innermost first. */
static Err *adopt_up(Adopt *x, Str path)
{
	Entry e;
	for (; path.len && !list_find(x->list, path, &x->arena, &e); path = entry_parent(path))
		TRY(adopt_one(x, path));
	return NULL;
}

static Err *adopt_layer(Adopt *x)
{
	ListCursor c = list_cursor(x->list, STR(""));
	AUTO_BUF Buf last = BUF_INIT; /* most entries share their parent with the one before */
	Entry e;
	while (list_next(&c, &x->arena, &e)) {
		Str parent = entry_parent(e.path);
		if (!str_eq(parent, buf_str(&last))) {
			buf_reset(&last);
			buf_add_str(&last, parent);
			TRY(adopt_up(x, buf_str(&last)));
		}
		arena_done(&x->arena);
	}
	return NULL;
}

Err *layer_adopt_top(Store *s, const Digest *diff_ids, size_t count)
{
	StoreLayer layer;
	AUTO_LIST List *list = NULL;
	AUTO_VIEW View *below = NULL;
	AUTO_CLOSE int root = -1;
	if (count < 2)
		return NULL;
	const Digest *top = &diff_ids[count - 1];
	TRY(store_layer_get(s, top, &layer));
	if (!layer.has_dir)
		return NULL;
	TRY(store_layer_list(s, top, &list));
	TRY(store_layer_open_dir(s, top, &root));
	TRY(view_open(s, diff_ids, count - 1, &below));
	Adopt x = { .below = below, .list = list, .root_fd = root };
	Err *e = adopt_layer(&x);
	arena_done(&x.arena);
	return e;
}

Err *layer_adopt_parents(Store *s, const Digest *diff_ids, size_t count)
{
	for (size_t i = 2; i <= count; i++)
		TRY(layer_adopt_top(s, diff_ids, i));
	return NULL;
}
