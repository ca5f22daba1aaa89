/* list_build.c - a content list made from entries: in order (writer), or in any order (builder). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "fs/list-internal.h"

#include <assert.h>

struct ListWriter {
	Buf text;
	Buf last; /* path of the entry before, for the check of the order */
	size_t count;
};

ListWriter *list_writer_new(size_t expected_bytes)
{
	ListWriter *w = xcalloc(1, sizeof *w);
	buf_reserve(&w->text, expected_bytes);
	buf_add_str(&w->text, STR(LIST_HEADER));
	return w;
}

void list_writer_add(ListWriter *w, const Entry *e)
{
	assert(entry_path_is_clean(e->path));
	assert(w->count == 0 || entry_path_cmp(buf_str(&w->last), e->path) < 0);
	buf_reset(&w->last);
	buf_add_str(&w->last, e->path);
	list_line_add(&w->text, e);
	w->count++;
}

List *list_writer_finish(ListWriter *w)
{
	List *l = xcalloc(1, sizeof *l);
	size_t body_end = w->text.len;
	list_end_add(&w->text, w->count, &l->hash);
	l->count = w->count;
	l->text.len = w->text.len;
	l->heap = buf_take(&w->text);
	l->text.ptr = l->heap;
	l->body = (Str){ l->heap + strlen(LIST_HEADER), body_end - strlen(LIST_HEADER) };
	list_writer_free(w);
	return l;
}

void list_writer_free(ListWriter *w)
{
	if (!w)
		return;
	buf_done(&w->text);
	buf_done(&w->last);
	free(w);
}

/*
 * The builder keeps each path's last entry in a map and sorts once, at the end.
 *
 * Removing a directory with all below it must not cost a walk over everything (a layer may hold
 * 100,000 whiteouts): each removal counts an epoch up and is noted under its path.  An entry lives
 * if none of its ancestors (and not itself) was removed in a later epoch than the one it was added
 * in.
 */

typedef struct Node {
	Entry entry;
	uint32_t epoch; /* in which it was added */
} Node;

struct ListBuilder {
	Arena arena;
	Map nodes;    /* path → Node */
	Map removals; /* path → uint32_t, the epoch that its last removal began */
	uint32_t epoch;
};

ListBuilder *list_builder_new(void)
{
	return xcalloc(1, sizeof(ListBuilder));
}

static uint32_t removal_epoch(const ListBuilder *b, Str path)
{
	const uint32_t *epoch = map_get(&b->removals, path);
	return epoch ? *epoch : 0;
}

static bool lives(const ListBuilder *b, const Node *n)
{
	if (b->epoch == n->epoch)
		return true; /* nothing was removed since */
	for (Str path = n->entry.path;; path = entry_parent(path)) {
		if (removal_epoch(b, path) > n->epoch)
			return false;
		if (path.len == 0)
			return true;
	}
}

void list_builder_add(ListBuilder *b, const Entry *e)
{
	assert(entry_path_is_clean(e->path));
	Node *n = map_get(&b->nodes, e->path);
	if (n) {
		n->entry = entry_copy(&b->arena, e);
	} else {
		n = arena_new(&b->arena, Node);
		n->entry = entry_copy(&b->arena, e);
		map_put(&b->nodes, n->entry.path, n);
	}
	n->epoch = b->epoch;
}

Entry *list_builder_find(ListBuilder *b, Str path)
{
	Node *n = map_get(&b->nodes, path);
	return n && lives(b, n) ? &n->entry : NULL;
}

void list_builder_remove(ListBuilder *b, Str path)
{
	uint32_t *epoch = map_get(&b->removals, path);
	if (!epoch) {
		epoch = arena_new(&b->arena, uint32_t);
		map_put(&b->removals, arena_str(&b->arena, path), epoch);
	}
	*epoch = ++b->epoch;
}

size_t list_builder_count(const ListBuilder *b)
{
	if (b->epoch == 0)
		return b->nodes.len;
	size_t count = 0;
	for (size_t i = 0; i < b->nodes.len; i++)
		count += lives(b, b->nodes.slots[i].value);
	return count;
}

static int compare_nodes(const void *a, const void *b)
{
	const Node *const *x = a, *const *y = b;
	return entry_path_cmp((*x)->entry.path, (*y)->entry.path);
}

List *list_builder_finish(ListBuilder *b)
{
	enum { LINE_BYTES = 128 }; /* a file's line without its path, a little more */
	AUTO_FREE Node **sorted = xreallocarray(NULL, b->nodes.len + 1, sizeof *sorted);
	size_t count = 0, text_bytes = 0;
	bool in_order = true; /* most come from a walk, and need no sorting */

	for (size_t i = 0; i < b->nodes.len; i++) {
		Node *n = b->nodes.slots[i].value;
		if (!lives(b, n))
			continue;
		sorted[count++] = n;
		text_bytes += LINE_BYTES + n->entry.path.len + n->entry.link.len;
		if (count > 1 && compare_nodes(&sorted[count - 2], &sorted[count - 1]) >= 0)
			in_order = false;
	}
	if (!in_order)
		qsort(sorted, count, sizeof(Node *), compare_nodes);
	map_done(&b->nodes); /* keeps the peak low while the text grows */

	ListWriter *w = list_writer_new(text_bytes);
	for (size_t i = 0; i < count; i++)
		list_writer_add(w, &sorted[i]->entry);
	list_builder_free(b);
	return list_writer_finish(w);
}

void list_builder_free(ListBuilder *b)
{
	if (!b)
		return;
	map_done(&b->nodes);
	map_done(&b->removals);
	arena_done(&b->arena);
	free(b);
}
