/*
 * extract.c - a tar stream becomes a list and, if wanted, a tree.
 *
 * Hard links need care, since an archive may name them in any order and replace their target later,
 * while a content list has ONE file of each group, the first by path, and the others point at it.
 * So links are collected (path, target) while reading and put in order at the end.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "layer/extract.h"
#include "layer/follow.h"
#include "layer/place.h"

enum { BLOCK_BYTES = 128 << 10 };

typedef struct State {
	const Extract *how;
	TarReader *tar;
	ListBuilder *list;
	Arena arena; /* paths of hard links */
	VEC(Str) links;
	bool has_symlinks;
	Place place;
	void *block;
} State;

static bool on_disk(const State *s)
{
	return s->how->root_fd >= 0;
}

/* PATH is about to be replaced: a link to it takes over its content (the inode lives on). */
static void pass_on_content(State *s, Str path)
{
	Entry *old = list_builder_find(s->list, path);
	if (!old || old->type != ENTRY_FILE)
		return;
	Entry file = entry_copy(&s->arena, old);
	Str heir = { 0 };
	for (size_t i = 0; i < s->links.len; i++) {
		Entry *link = list_builder_find(s->list, s->links.at[i]);
		if (!link || link->type != ENTRY_HARDLINK || !str_eq(link->link, path))
			continue;
		Entry changed = file;
		if (heir.len) {
			changed = entry_copy(&s->arena, link);
			changed.link = heir;
		}
		changed.path = s->links.at[i];
		if (!heir.len)
			heir = changed.path;
		list_builder_add(s->list, &changed);
	}
}

static Err *drop(State *s, Str path)
{
	if (!list_builder_find(s->list, path))
		return NULL;
	if (s->links.len)
		pass_on_content(s, path);
	list_builder_remove(s->list, path);
	return on_disk(s) ? place_remove(&s->place, path) : NULL;
}

/* The content of the current file: hashed, and written to FD if that is not -1. */
static Err *take_content(State *s, Entry *e, int fd)
{
	Sha256 hash;
	sha256_init(&hash);
	for (;;) {
		size_t n;
		TRY(cancel_check(s->how->cancel));
		TRY(tar_reader_data(s->tar, s->block, BLOCK_BYTES, &n));
		if (n == 0)
			break;
		sha256_add(&hash, s->block, n);
		for (size_t at = 0; fd >= 0 && at < n;) {
			ssize_t w = write(fd, (char *)s->block + at, n - at);
			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return err_sys(errno, "cannot write '%.*s'", STR_ARG(e->path));
			at += (size_t)w;
		}
	}
	e->sha256 = sha256_end(&hash);
	return NULL;
}

/* A link to a link means the file behind both. */
static Err *resolve_link(State *s, Entry *e)
{
	Entry *target = list_builder_find(s->list, e->link);
	if (!target || target->type == ENTRY_WHITEOUT)
		return err_new(ERR_CORRUPT, "'%.*s' is a hard link to '%.*s', which is not there",
		               STR_ARG(e->path), STR_ARG(e->link));
	if (target->type == ENTRY_DIR)
		return err_new(ERR_CORRUPT, "'%.*s' is a hard link to the directory '%.*s'",
		               STR_ARG(e->path), STR_ARG(e->link));
	if (target->type == ENTRY_HARDLINK) {
		e->link = arena_str(&s->arena, target->link);
		return NULL;
	}
	if (target->type == ENTRY_FILE)
		return NULL;
	/* A second name of a symlink, fifo or device: lists know hard links of files alone. */
	Str path = e->path;
	*e = entry_copy(&s->arena, target);
	e->path = path;
	return NULL;
}

static Err *add_entry(State *s, Entry *e)
{
	if (str_eq(e->path, STR("")))
		return NULL; /* the root's own metadata: overlay takes the upper's, docker ignores
		                it too */
	if (e->uid == UINT32_MAX || e->gid == UINT32_MAX)
		return err_new(ERR_CORRUPT, "'%.*s' has the owner -1, which means nobody",
		               STR_ARG(e->path));
	e->untimed = s->how->untimed;
	Entry *old = list_builder_find(s->list, e->path);
	if (e->type == ENTRY_HARDLINK && str_eq(e->link, e->path))
		return old ? NULL
		           : err_new(ERR_CORRUPT, "'%.*s' is a hard link to itself",
		                     STR_ARG(e->path));
	if (e->type == ENTRY_HARDLINK)
		TRY(resolve_link(s, e));
	if (old) {
		bool was_gone = old->type == ENTRY_WHITEOUT;
		bool both_dirs = old->type == ENTRY_DIR && e->type == ENTRY_DIR;
		e->opaque = e->type == ENTRY_DIR && (was_gone || old->opaque);
		if (!both_dirs)
			TRY(drop(s, e->path));
	} else if (e->type == ENTRY_SYMLINK && !s->how->layer) {
		list_builder_remove(s->list, e->path); /* of a directory that was only implied */
	}
	int fd = -1;
	if (on_disk(s))
		TRY(place_begin(&s->place, e, &fd));
	AUTO_CLOSE int bound = fd;
	if (e->type == ENTRY_FILE)
		TRY(take_content(s, e, fd));
	if (on_disk(s))
		TRY(place_finish(&s->place, e, TAKE_FD(bound)));
	if (e->type == ENTRY_HARDLINK)
		VEC_PUSH(&s->links, arena_str(&s->arena, e->path));
	s->has_symlinks |= e->type == ENTRY_SYMLINK;
	list_builder_add(s->list, e);
	return NULL;
}

static Err *add_opaque(State *s, Str dir)
{
	Entry *e = list_builder_find(s->list, dir);
	if (dir.len == 0)
		return NULL; /* the root of a layer that hides everything: only a first layer has it
		              */
	if (!e) {
		Entry made = { .path = dir, .type = ENTRY_DIR, .mode = 0755 };
		TRY(add_entry(s, &made));
		e = list_builder_find(s->list, dir);
	}
	if (e->type != ENTRY_DIR)
		return err_new(ERR_CORRUPT, "an opaque mark in '%.*s', which is no directory",
		               STR_ARG(dir));
	e->opaque = true;
	return on_disk(s) ? place_opaque(&s->place, dir) : NULL;
}

static Err *add_whiteout(State *s, const Entry *e, Str gone)
{
	Str dir = entry_parent(e->path);
	if (gone.len == 0 || str_eq(gone, STR(".")) || str_eq(gone, STR("..")))
		return err_new(ERR_CORRUPT, "the whiteout '%.*s' names nothing", STR_ARG(e->path));
	Str path = dir.len ? arena_strf(&s->arena, "%.*s/%.*s", STR_ARG(dir), STR_ARG(gone))
	                   : arena_str(&s->arena, gone);
	Entry *old = list_builder_find(s->list, path);
	if (old &&
	    old->type == ENTRY_DIR) /* it hides what is below, not what this layer has put there */
		return add_opaque(s, path);
	if (old)
		return NULL;
	Entry w = { .path = path, .type = ENTRY_WHITEOUT };
	return add_entry(s, &w);
}

/* What a layer has no form for must not vanish, nor delete files of the image. */
static Err *check_holdable(const Entry *e)
{
	for (Str left = e->path, name; left.len;) {
		left = str_cut(left, '/', &name);
		if (str_starts(name, STR(".wh.")))
			return err_note(err_new(ERR_CORRUPT,
			                        "'%.*s' would be a whiteout in the image",
			                        STR_ARG(e->path)),
			                "no layer can hold a file whose name begins with '.wh.': "
			                "rename it or leave it out");
	}
	if (e->type == ENTRY_CHAR && e->rdev_major == 0 && e->rdev_minor == 0)
		return err_note(err_new(ERR_CORRUPT,
		                        "'%.*s' is the character device 0:0, which would be a "
		                        "whiteout in the image",
		                        STR_ARG(e->path)),
		                "no layer can hold it: leave it out");
	return NULL;
}

/* An entry of an archive that is no layer: through links of its own, as docker does it. */
static Err *take_file(State *s, Entry *e)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (s->has_symlinks) {
		TRY(extract_follow(s->list, e->path, &a, &e->path));
		if (e->type == ENTRY_HARDLINK)
			TRY(extract_follow(s->list, e->link, &a, &e->link));
	}
	TRY(check_holdable(e));
	return add_entry(s, e);
}

static Err *take_entry(State *s, Entry *e)
{
	Str name = entry_name(e->path);
	if (!s->how->layer)
		return take_file(s, e);
	if (!str_starts(name, STR(".wh.")))
		return add_entry(s, e);
	if (str_eq(name, STR(".wh..wh..opq")))
		return add_opaque(s, entry_parent(e->path));
	if (str_starts(name, STR(".wh..wh.")))
		return NULL; /* aufs's own bookkeeping (.wh..wh.plnk ...): docker skips it too */
	return add_whiteout(s, e, str_from_at(name, 4));
}

/* The link comes first: it becomes the file, and what was the file a link to it. */
static bool swap_link(State *s, Str old, Str first)
{
	Entry *target = list_builder_find(s->list, old);
	if (!target)
		return false;
	Entry file = entry_copy(&s->arena, target);
	file.path = first;
	/* With the file's own mode and owner: docker sets a link's on the file. */
	Entry behind = file;
	behind.path = old;
	behind.type = ENTRY_HARDLINK;
	behind.link = first;
	behind.size = 0;
	behind.sha256 = (Digest){ 0 };
	behind.xattr_count = 0;
	list_builder_add(s->list, &file);
	list_builder_add(s->list, &behind);
	return true;
}

/*
 * One file a group, the first by path; the others point at it.  A group is looked at once, however
 * many links it has: an archive can name a file 200,000 times, each time before the last.
 */
static void order_links(State *s)
{
	AUTO_MAP Map groups = MAP_INIT; /* the file's path -> Str: its first link */
	for (size_t i = 0; i < s->links.len; i++) {
		Entry *link = list_builder_find(s->list, s->links.at[i]);
		if (!link || link->type != ENTRY_HARDLINK)
			continue;
		MapSlot *group = map_find(&groups, link->link);
		if (!group)
			map_put(&groups, arena_str(&s->arena, link->link), &s->links.at[i]);
		else if (entry_path_cmp(s->links.at[i], *(Str *)group->value) < 0)
			group->value = &s->links.at[i];
	}
	for (size_t i = 0; i < groups.len; i++) {
		MapSlot *group = &groups.slots[i];
		Str first = *(Str *)group->value;
		if (entry_path_cmp(first, group->key) > 0 || !swap_link(s, group->key, first))
			group->value = NULL; /* stays as it is */
	}
	for (size_t i = 0; i < s->links.len; i++) {
		Entry *link = list_builder_find(s->list, s->links.at[i]);
		Str *first =
			link && link->type == ENTRY_HARDLINK ? map_get(&groups, link->link) : NULL;
		if (!first)
			continue;
		Entry moved = entry_copy(&s->arena, link);
		moved.link = *first;
		list_builder_add(s->list, &moved);
	}
}

static Err *take_all(State *s)
{
	for (;;) {
		Entry e;
		bool end;
		TRY(cancel_check(s->how->cancel));
		TRY(tar_reader_next(s->tar, &e, &end));
		if (end)
			break;
		TRY(take_entry(s, &e));
	}
	order_links(s);
	return NULL;
}

Err *extract_tar(const Extract *how, Reader *tar, List **ret_list)
{
	State s = { .how = how, .list = list_builder_new(), .tar = tar_reader_new(tar) };
	place_init(&s.place, how->root_fd, how->overlay_prefix);
	s.place.content_only = how->content_only;
	s.block = xmalloc(BLOCK_BYTES);
	Err *e = take_all(&s);
	List *list = NULL;
	if (!e) {
		list = list_builder_finish(TAKE_PTR(s.list));
		if (on_disk(&s) && !how->content_only)
			e = place_dir_times(&s.place, list);
	}
	if (e)
		list_close(list);
	else
		*ret_list = list;
	list_builder_free(s.list);
	tar_reader_free(s.tar);
	place_done(&s.place);
	arena_done(&s.arena);
	VEC_DONE(&s.links);
	free(s.block);
	return e;
}
