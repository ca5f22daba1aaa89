/*
 * view.c - a stack of layers as one tree.
 *
 * One path: from the top layer down, the first that has the name decides; an upper layer hides what
 * is below a whiteout, a file, or an opaque directory.  Directories that a layer only implies (an
 * archive may leave out parents) take their metadata from the layer below that has them. All paths:
 * the lists are merged in their common order.  A stack of the directories on the way to the current
 * path remembers from which layer on their content shows, so each entry is decided without a
 * look-up.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "fs/path.h"
#include "layer/layer.h"
#include "layer/view.h"

#include <fcntl.h>
#include <pthread.h>

enum { SYMLINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */

struct View {
	Store *store;
	size_t count;
	Digest *diff_ids;
	List **lists; /* bottom first */
	pthread_mutex_t mutex;
	int *dir_fds; /* opened when first needed; guarded by mutex */
};

Err *view_open(Store *s, const Digest *diff_ids, size_t count, View **ret)
{
	View *v = xcalloc(1, sizeof *v);
	v->store = s;
	v->diff_ids = xcalloc(count, sizeof *v->diff_ids);
	v->lists = xcalloc(count, sizeof *v->lists);
	v->dir_fds = xcalloc(count, sizeof *v->dir_fds);
	(void)pthread_mutex_init(&v->mutex, NULL);
	for (size_t i = 0; i < count; i++)
		v->dir_fds[i] = -1;
	v->count = count;
	for (size_t i = 0; i < count; i++) {
		v->diff_ids[i] = diff_ids[i];
		Err *e = store_layer_list(s, &diff_ids[i], &v->lists[i]);
		if (e) {
			view_close(v);
			return e;
		}
	}
	*ret = v;
	return NULL;
}

void view_close(View *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->count; i++) {
		list_close(v->lists[i]);
		if (v->dir_fds[i] >= 0)
			close(v->dir_fds[i]);
	}
	(void)pthread_mutex_destroy(&v->mutex);
	free(v->diff_ids);
	free(v->lists);
	free(v->dir_fds);
	free(v);
}

size_t view_count(const View *v)
{
	return v->count;
}

const Digest *view_diff_id(const View *v, size_t layer)
{
	return &v->diff_ids[layer];
}

const List *view_list(const View *v, size_t layer)
{
	return v->lists[layer];
}

/* Does layer LIST hide what lower layers have at PATH (which it does not hold itself)? */
static bool hides_below(const List *list, Str path, Arena *a)
{
	for (Str dir = path; dir.len;) {
		Entry e;
		dir = entry_parent(dir);
		if (dir.len && list_find(list, dir, a, &e) && (e.type != ENTRY_DIR || e.opaque))
			return true;
	}
	return false;
}

static bool implies(const List *list, Str path, Arena *a)
{
	Entry e;
	ListCursor c = list_cursor(list, path);
	return list_next(&c, a, &e) && e.type != ENTRY_WHITEOUT;
}

static Entry made_up_dir(Str path, Arena *a)
{
	return (Entry){ .path = arena_str(a, path), .type = ENTRY_DIR, .mode = 0755 };
}

bool view_find(const View *v, Str path, Arena *a, Entry *ret, size_t *ret_layer)
{
	bool implied = false;
	size_t implied_layer = 0;
	if (path.len == 0) {
		*ret = made_up_dir(path, a);
		if (ret_layer)
			*ret_layer = 0;
		return true;
	}
	for (size_t i = v->count; i-- > 0;) {
		if (list_find(v->lists[i], path, a, ret)) {
			if (ret->type == ENTRY_WHITEOUT || (implied && ret->type != ENTRY_DIR))
				break;
			if (ret_layer)
				*ret_layer = i;
			return true;
		}
		if (!implied && implies(v->lists[i], path, a)) {
			implied = true;
			implied_layer = i;
		}
		if (hides_below(v->lists[i], path, a))
			break;
	}
	if (!implied)
		return false;
	*ret = made_up_dir(path, a);
	if (ret_layer)
		*ret_layer = implied_layer;
	return true;
}

size_t view_dir_layers(const View *v, Str dir, size_t *ret)
{
	size_t count = 0;
	for (size_t i = v->count; i-- > 0;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e, below;
		ListCursor c = list_cursor(v->lists[i], dir);
		bool listed = list_find(v->lists[i], dir, &a, &e);
		if (listed && e.type != ENTRY_DIR)
			break;
		if (listed || list_next(&c, &a, &below))
			ret[count++] = i;
		if ((listed && e.opaque) || hides_below(v->lists[i], dir, &a))
			break;
	}
	return count;
}

bool view_has_entry(const View *v, const size_t *layers, size_t count, Str path)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e;
	for (size_t i = 0; i < count; i++)
		if (list_find(v->lists[layers[i]], path, &a, &e))
			return true;
	return false;
}

/* --- symlinks -------------------------------------------------------------------------------- */

typedef struct Walk {
	const View *view;   /* NULL: nothing */
	ListBuilder *above; /* NULL: nothing */
	Arena *arena;
	Str done; /* resolved so far, no symlink in it */
	Str left; /* still to go */
	unsigned links;
} Walk;

static Err *follow(Walk *w, const Entry *link)
{
	if (++w->links > SYMLINKS_MAX)
		return err_new(ERR_INPUT, "too many symbolic links at '/%.*s'",
		               STR_ARG(link->path));
	Str target = link->link;
	if (target.len && target.ptr[0] == '/')
		w->done = STR("");
	w->left = w->left.len ? arena_strf(w->arena, "%.*s/%.*s", STR_ARG(target), STR_ARG(w->left))
	                      : target;
	return NULL;
}

static bool walk_find(const Walk *w, Str path, Entry *ret)
{
	const Entry *given = w->above ? list_builder_find(w->above, path) : NULL;
	if (given)
		*ret = *given;
	return given || (w->view && view_find(w->view, path, w->arena, ret, NULL));
}

Err *view_resolve(const View *v, Str path, bool follow_last, Arena *a, Str *ret_path,
                  bool *ret_exists)
{
	return view_resolve_below(v, NULL, path, follow_last, a, ret_path, ret_exists);
}

Err *view_resolve_below(const View *v, ListBuilder *above, Str path, bool follow_last, Arena *a,
                        Str *ret_path, bool *ret_exists)
{
	Walk w = { .view = v, .above = above, .arena = a, .left = path };
	bool exists = true;
	while (w.left.len) {
		Str name;
		Entry e;
		w.left = str_cut(w.left, '/', &name);
		if (name.len == 0 || str_eq(name, STR(".")))
			continue;
		if (str_eq(name, STR(".."))) {
			w.done = entry_parent(w.done);
			continue;
		}
		Str next = w.done.len ? arena_strf(a, "%.*s/%.*s", STR_ARG(w.done), STR_ARG(name))
		                      : arena_str(a, name);
		bool found = exists && walk_find(&w, next, &e);
		exists = found;
		bool last = str_trim(w.left).len == 0;
		if (found && e.type == ENTRY_SYMLINK && (!last || follow_last)) {
			TRY(follow(&w, &e));
			continue;
		}
		w.done = next;
	}
	*ret_path = w.done;
	*ret_exists = exists;
	return NULL;
}

/* --- the whole tree -------------------------------------------------------------------------- */

typedef struct Head {
	ListCursor cursor;
	Entry entry;
	bool live;
	Arena arena[2]; /* of the entry now and the one before: texts live until the next step */
	unsigned turn;
} Head;

typedef struct Open {
	Str dir;     /* borrowed from the merge's arena */
	size_t from; /* layers below this one do not show in it */
} Open;

typedef struct Merge {
	const View *view;
	Head *heads;
	VEC(Open) open;
	Map alone;   /* "layer path" of a target that does not show → Str *, its first link */
	Arena arena; /* paths of open directories, and of these */
} Merge;

static void advance(Head *h)
{
	h->turn ^= 1;
	arena_done(&h->arena[h->turn]);
	h->live = list_next(&h->cursor, &h->arena[h->turn], &h->entry);
}

static bool smallest(const Merge *m, Str *ret)
{
	bool any = false;
	for (size_t i = 0; i < m->view->count; i++)
		if (m->heads[i].live &&
		    (!any || entry_path_cmp(m->heads[i].entry.path, *ret) < 0)) {
			*ret = m->heads[i].entry.path;
			any = true;
		}
	return any;
}

static size_t shown_from(Merge *m, Str path)
{
	while (m->open.len && !entry_path_below(path, m->open.at[m->open.len - 1].dir))
		m->open.len--;
	return m->open.len ? m->open.at[m->open.len - 1].from : 0;
}

bool view_find_linked(const View *v, size_t layer, Str path, Arena *a, Entry *ret)
{
	return list_find(v->lists[layer], path, a, ret) &&
	       (ret->type != ENTRY_HARDLINK || list_find(v->lists[layer], ret->link, a, ret));
}

/* A link whose file is hidden, or was replaced above, or is not below PREFIX, stands for the
 * content itself; those after it are links to it. */
static Err *plain_if_alone(Merge *m, Entry *e, size_t layer, Str prefix, Arena *a)
{
	Entry target, shown;
	size_t shown_layer;
	if (entry_path_below(e->link, prefix) &&
	    view_find(m->view, e->link, a, &shown, &shown_layer) && shown_layer == layer &&
	    shown.type == ENTRY_FILE)
		return NULL;
	Str key = arena_strf(&m->arena, "%zu %.*s", layer, STR_ARG(e->link));
	const Str *first = map_get(&m->alone, key);
	if (first) {
		e->link = *first;
		return NULL;
	}
	if (!list_find(m->view->lists[layer], e->link, a, &target))
		return err_new(ERR_CORRUPT,
		               "'%.*s' is a hard link to '%.*s', which is not in its layer",
		               STR_ARG(e->path), STR_ARG(e->link));
	Str *path = arena_new(&m->arena, Str);
	*path = arena_str(&m->arena, e->path);
	(void)map_put(&m->alone, key, path);
	target.path = e->path;
	*e = target;
	return NULL;
}

static Err *give(Merge *m, Str path, Str prefix, ViewFn *fn, void *context)
{
	size_t from = shown_from(m, path), winner = SIZE_MAX, below = from;
	for (size_t i = m->view->count; i-- > from;) {
		const Head *h = &m->heads[i];
		if (!h->live || !str_eq(h->entry.path, path))
			continue;
		if (winner == SIZE_MAX)
			winner = i;
		if (h->entry.type != ENTRY_DIR || h->entry.opaque) {
			below = i;
			break;
		}
	}
	if (winner == SIZE_MAX)
		return NULL;
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e = m->heads[winner].entry;
	VEC_PUSH(&m->open, (Open){ arena_str(&m->arena, path), below });
	if (e.type == ENTRY_WHITEOUT)
		return NULL;
	if (e.type == ENTRY_HARDLINK)
		TRY(plain_if_alone(m, &e, winner, prefix, &a));
	e.opaque = false;
	return fn(context, &e, winner);
}

static Err *merge_all(Merge *m, Str prefix, ViewFn *fn, void *context)
{
	Str path;
	while (smallest(m, &path)) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str at = arena_str(&a, path);
		TRY(give(m, at, prefix, fn, context));
		for (size_t i = 0; i < m->view->count; i++)
			if (m->heads[i].live && str_eq(m->heads[i].entry.path, at))
				advance(&m->heads[i]);
	}
	return NULL;
}

Err *view_each(const View *v, Str prefix, ViewFn *fn, void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Merge m = { .view = v, .heads = xcalloc(v->count, sizeof *m.heads) };
	/* What is above the prefix may hide lower layers already. */
	size_t from = 0;
	for (size_t i = v->count; i-- > 0 && prefix.len && !from;)
		if (hides_below(v->lists[i], prefix, &a))
			from = i;
	if (from)
		VEC_PUSH(&m.open, (Open){ STR(""), from });
	for (size_t i = 0; i < v->count; i++) {
		m.heads[i].cursor = list_cursor(v->lists[i], prefix);
		advance(&m.heads[i]);
	}
	Err *e = merge_all(&m, prefix, fn, context);
	for (size_t i = 0; i < v->count; i++) {
		arena_done(&m.heads[i].arena[0]);
		arena_done(&m.heads[i].arena[1]);
	}
	free(m.heads);
	VEC_DONE(&m.open);
	map_done(&m.alone);
	arena_done(&m.arena);
	return e;
}

typedef struct Names {
	Str dir;
	Arena *arena;
	VEC(Str) names;
} Names;

static Err *take_name(void *context, const Entry *e, size_t layer)
{
	Names *n = context;
	(void)layer;
	Str rest = e->path.len > n->dir.len ? str_from_at(e->path, n->dir.len ? n->dir.len + 1 : 0)
	                                    : STR("");
	Str name;
	(void)str_cut(rest, '/', &name);
	if (name.len && (n->names.len == 0 || !str_eq(n->names.at[n->names.len - 1], name)))
		VEC_PUSH(&n->names, arena_str(n->arena, name));
	return NULL;
}

Err *view_names(const View *v, Str path, Arena *a, Str **ret, size_t *ret_count)
{
	Names n = { .dir = path, .arena = a };
	Err *e = view_each(v, path, take_name, &n);
	if (!e) {
		*ret = arena_alloc(a, (n.names.len + 1) * sizeof **ret, _Alignof(Str));
		if (n.names.len)
			memcpy(*ret, n.names.at, n.names.len * sizeof **ret);
		*ret_count = n.names.len;
	}
	VEC_DONE(&n.names);
	return e;
}

/* --- content --------------------------------------------------------------------------------- */

static Err *layer_dir(const View *v, size_t layer, const char *overlay_prefix, int *ret_fd)
{
	Err *e = NULL;
	View *w = (View *)v; /* only the cache of open directories changes, under its lock */
	(void)pthread_mutex_lock(&w->mutex);
	if (w->dir_fds[layer] < 0) {
		e = layer_need_dir(v->store, &v->diff_ids[layer], overlay_prefix, NULL);
		if (!e)
			e = store_layer_open_dir(v->store, &v->diff_ids[layer], &w->dir_fds[layer]);
	}
	*ret_fd = w->dir_fds[layer];
	(void)pthread_mutex_unlock(&w->mutex);
	return e;
}

Err *view_open_file(const View *v, const Entry *e, size_t layer, const char *overlay_prefix,
                    int *ret_fd)
{
	int dir;
	TRY(layer_dir(v, layer, overlay_prefix, &dir));
	return path_open_beneath(dir, e->path, O_RDONLY | O_NONBLOCK, 0, ret_fd);
}
