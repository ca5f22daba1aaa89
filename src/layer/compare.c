/* compare.c - two lists side by side, as one walks two sorted files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "layer/compare.h"

static bool same_xattr(const Xattr *a, const Xattr *b)
{
	return str_eq(a->name, b->name) && str_eq(a->value, b->value);
}

Str compare_xattr_name(const Entry *a, const Entry *b)
{
	size_t i = 0;
	while (i < a->xattr_count && i < b->xattr_count && same_xattr(&a->xattrs[i], &b->xattrs[i]))
		i++;
	if (i == a->xattr_count && i == b->xattr_count)
		return STR("");
	if (i == a->xattr_count)
		return b->xattrs[i].name;
	if (i == b->xattr_count)
		return a->xattrs[i].name;
	/* Sorted by name: the smaller one is what the other side has not. */
	return str_cmp(a->xattrs[i].name, b->xattrs[i].name) <= 0 ? a->xattrs[i].name
	                                                          : b->xattrs[i].name;
}

static bool has_content(const Entry *e)
{
	return e->type == ENTRY_FILE || e->type == ENTRY_HARDLINK;
}

unsigned compare_entries(const Entry *a, const Entry *b)
{
	unsigned bits = 0;
	if (a->type != b->type && (!has_content(a) || !has_content(b)))
		return COMPARE_TYPE;
	if (a->type == ENTRY_WHITEOUT)
		return 0;
	if (a->type != b->type)
		bits |= COMPARE_TYPE;
	else if (!str_eq(a->link, b->link))
		bits |= COMPARE_LINK;
	if (has_content(a) && (a->size != b->size || !digest_eq(&a->sha256, &b->sha256)))
		bits |= COMPARE_CONTENT;
	if (a->mode != b->mode && a->type != ENTRY_SYMLINK) /* a link's says nothing */
		bits |= COMPARE_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		bits |= COMPARE_OWNER;
	if (a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor)
		bits |= COMPARE_DEVICE;
	if (compare_xattr_name(a, b).len)
		bits |= COMPARE_XATTR;
	if (a->mtime_ns != b->mtime_ns)
		bits |= COMPARE_TIME;
	if (a->opaque != b->opaque)
		bits |= COMPARE_OPAQUE;
	return bits;
}

/* One of the two lists, at its next entry. */
typedef struct Side {
	const List *list;
	ListCursor cursor;
	Entry entry;
	bool live;
	Arena arena;
} Side;

static void step(Side *s)
{
	arena_done(&s->arena);
	s->live = list_next(&s->cursor, &s->arena, &s->entry);
	if (!s->live || s->entry.type != ENTRY_HARDLINK)
		return;
	Entry file; /* a link is its file under another name */
	if (!list_find(s->list, s->entry.link, &s->arena, &file) || file.type != ENTRY_FILE)
		return;
	file.path = s->entry.path;
	file.link = s->entry.link;
	file.type = ENTRY_HARDLINK;
	s->entry = file;
}

static Err *give(Side *a, Side *b, CompareFn *fn, void *context)
{
	int order = !a->live ? 1 : !b->live ? -1 : entry_path_cmp(a->entry.path, b->entry.path);
	Change c = { .before = order <= 0 ? &a->entry : NULL,
		     .after = order >= 0 ? &b->entry : NULL };
	if (order == 0)
		c.bits = compare_entries(&a->entry, &b->entry);
	if (order != 0 || c.bits)
		TRY(fn(context, &c));
	if (order <= 0)
		step(a);
	if (order >= 0)
		step(b);
	return NULL;
}

Err *compare_lists(const List *a, const List *b, CompareFn *fn, void *context)
{
	Side left = { .list = a, .cursor = list_cursor(a, STR("")) };
	Side right = { .list = b, .cursor = list_cursor(b, STR("")) };
	Err *e = NULL;
	step(&left);
	step(&right);
	while (!e && (left.live || right.live))
		e = give(&left, &right, fn, context);
	if (!e && left.cursor.damaged)
		e = list_verify(a, "the first content list");
	if (!e && right.cursor.damaged)
		e = list_verify(b, "the second content list");
	arena_done(&left.arena);
	arena_done(&right.arena);
	return e;
}

static Err *add(void *context, const Entry *e, size_t layer)
{
	(void)layer;
	list_writer_add(context, e);
	return NULL;
}

Err *compare_flatten(const View *v, List **ret)
{
	AUTO_LIST_WRITER ListWriter *w = list_writer_new(0);
	TRY(view_each(v, STR(""), add, w));
	*ret = list_writer_finish(TAKE_PTR(w));
	return NULL;
}
