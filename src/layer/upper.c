/*
 * upper.c - what a RUN left in its overlay upper directory → a layer.
 *
 * Only the upper is walked: it holds just what changed.  What overlay writes there for itself:
 *   c 0:0                 the name is gone.  A whiteout in the layer, if a layer below has the name
 *                         (a file made and removed in the same step may leave one too).
 *   *.overlay.opaque = y  the directory was removed and made again.  The kernel may mark brand-new
 *                         directories as well (containers/storage#141): opaque only if a layer
 * below has a directory of that name.
 *   *.overlay.{origin,impure,uuid ...}   noise, left out.
 *
 * Overlay copies a file up at the first chown, chmod or rename, whether that changes it or not.
 * What is equal in all that the list says to what the layers below show there is no change: it is
 * neither in the layer nor in its directory.  A directory stays if anything in it does.  Files of
 * several names stay, and all below an opaque directory, where nothing of the layers below shows.
 *
 * The content is hashed and the diff ID computed in the same pass; then the directory itself
 * becomes the layer, by rename.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "fs/copy.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/hash.h"
#include "layer/layer-internal.h"
#include "layer/place.h"
#include "layer/view.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

typedef struct Dropped {
	Str path;
	int flags; /* of unlinkat */
} Dropped;

typedef struct Diff {
	Store *store;
	const LayerUpper *upper;
	TarWriter *tar;
	ListBuilder *list;
	View *below; /* opened at the first question */
	Map inodes;  /* "dev:ino" of files with several names → Str of the first */
	Arena arena;
	uint64_t size_bytes;
	LayerHash hash;
	VEC(Entry) held; /* equal directories around the current path: given if one in them is */
	VEC(Dropped) dropped; /* what is equal, what is in a directory before it */
	size_t *dir_layers;   /* of the directory DIR: view_dir_layers() */
	size_t dir_layer_count;
	Buf dir;
	bool dir_known;
	TimesBelow times_below;
	Str fresh; /* nothing of the layers below shows in this directory; "" none */
} Diff;

static Err *need_view(Diff *d)
{
	if (!d->below)
		TRY(view_open(d->store, d->upper->lowers, d->upper->lower_count, &d->below));
	return NULL;
}

/* May there be anything but a directory below at PATH?  Quick, as most of what a step makes is new.
 */
static Err *may_be_below(Diff *d, Str path, bool *ret)
{
	Str dir = entry_parent(path);
	TRY(need_view(d));
	if (!d->dir_known || !str_eq(dir, buf_str(&d->dir))) {
		buf_reset(&d->dir);
		buf_add_str(&d->dir, dir);
		d->dir_known = true;
		if (!d->dir_layers)
			d->dir_layers = xcalloc(d->upper->lower_count, sizeof *d->dir_layers);
		d->dir_layer_count = view_dir_layers(d->below, dir, d->dir_layers);
	}
	*ret = view_has_entry(d->below, d->dir_layers, d->dir_layer_count, path);
	return NULL;
}

/* What the layers below show at PATH; of a hard link the file, as a copied-up name is one. */
static Err *find_below(Diff *d, Str path, Arena *a, Entry *ret, bool *ret_found)
{
	size_t layer;
	Entry file;
	TRY(need_view(d));
	*ret_found = view_find(d->below, path, a, ret, &layer);
	if (*ret_found && ret->type == ENTRY_HARDLINK &&
	    view_find_linked(d->below, layer, ret->link, a, &file))
		*ret = file;
	return NULL;
}

static bool is_opaque(const Diff *d, const Xattr *x)
{
	Str name = x->name, prefix = str_from(d->upper->overlay_prefix);
	return str_starts(name, prefix) && str_eq(str_from_at(name, prefix.len), STR("opaque")) &&
	       str_eq(x->value, STR("y"));
}

/* The xattrs that belong to the layer; *ret_opaque: overlay's mark was among them. */
static Err *read_xattrs(Diff *d, const WalkFile *f, Arena *a, Entry *e, bool *ret_opaque)
{
	*ret_opaque = false;
	if (S_ISLNK(f->st.st_mode))
		return NULL;
	AUTO_CLOSE int fd = openat(f->dir_fd, f->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(f->path));
	const Xattr *all;
	size_t count;
	TRY(copy_read_xattrs(a, fd, f->name, &all, &count));
	Xattr *kept = arena_alloc(a, (count + 1) * sizeof *kept, _Alignof(Xattr));
	for (size_t i = 0; i < count; i++) {
		if (is_opaque(d, &all[i]))
			*ret_opaque = true;
		/* SELinux labels are the machine's, not the image's */
		else if (!str_starts(all[i].name, str_from(d->upper->overlay_prefix)) &&
		         !str_eq(all[i].name, STR("security.selinux")))
			kept[e->xattr_count++] = all[i];
	}
	e->xattrs = kept;
	return NULL;
}

static int64_t mtime_of(Diff *d, const WalkFile *f)
{
	int64_t ns = (int64_t)f->st.st_mtim.tv_sec * 1000000000 + f->st.st_mtim.tv_nsec;
	if (ns <= d->upper->clamp_mtime_ns)
		return ns;
	/* The directory form says the same as the list: later steps may look at it. */
	int64_t to = d->upper->clamp_mtime_ns;
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { to / 1000000000, to % 1000000000 } };
	if (!S_ISDIR(
		    f->st.st_mode)) /* directories change once more while their files are touched */
		(void)utimensat(f->dir_fd, f->name, t, AT_SYMLINK_NOFOLLOW);
	return to;
}

static Err *read_link(const WalkFile *f, Arena *a, Entry *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(f->dir_fd, f->name, target, sizeof target);
	if (n < 0)
		return err_sys(errno, "cannot read the link '%.*s'", STR_ARG(f->path));
	e->link = arena_str(a, (Str){ target, (size_t)n });
	return NULL;
}

/* The first name of a file is the file, all others are hard links to it. */
static bool is_second_name(Diff *d, const WalkFile *f, Entry *e)
{
	if (f->st.st_nlink < 2)
		return false;
	Str key = arena_strf(&d->arena, "%llx:%llx", (unsigned long long)f->st.st_dev,
	                     (unsigned long long)f->st.st_ino);
	Str *first = map_get(&d->inodes, key);
	if (first) {
		e->type = ENTRY_HARDLINK;
		e->link = *first;
		return true;
	}
	first = arena_new(&d->arena, Str);
	*first = arena_str(&d->arena, f->path);
	(void)map_put(&d->inodes, key, first);
	return false;
}

/* Hash the content; TAR gets it too unless it is NULL. */
static Err *read_content(Diff *d, const WalkFile *f, Entry *e, TarWriter *tar)
{
	AUTO_CLOSE int fd =
		openat(f->dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(f->path));
	layer_hash_begin(&d->hash, e->size);
	for (uint64_t left = e->size; left;) {
		TRY(cancel_check(d->upper->cancel));
		char *block = layer_hash_buffer(&d->hash);
		size_t want = left < LAYER_BLOCK_BYTES ? (size_t)left : LAYER_BLOCK_BYTES;
		ssize_t n = read(fd, block, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(n < 0 ? errno : EIO, "cannot read '%.*s'", STR_ARG(f->path));
		layer_hash_add(&d->hash, (size_t)n);
		if (tar)
			TRY(tar_writer_data(tar, block, (size_t)n));
		left -= (uint64_t)n;
	}
	e->sha256 = layer_hash_end(&d->hash);
	return NULL;
}

/* --- what is no change ------------------------------------------------------------------------ */

static bool same_xattrs(const Entry *a, const Entry *b)
{
	if (a->xattr_count != b->xattr_count)
		return false;
	for (size_t i = 0; i < a->xattr_count; i++)
		if (!str_eq(a->xattrs[i].name, b->xattrs[i].name) ||
		    !str_eq(a->xattrs[i].value, b->xattrs[i].value))
			return false;
	return true;
}

/* All but the content of files, which is not known yet. */
static bool looks_same(const Entry *a, const Entry *b)
{
	return a->type == b->type && a->mtime_ns == b->mtime_ns && a->size == b->size &&
	       a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->rdev_major == b->rdev_major && a->rdev_minor == b->rdev_minor &&
	       str_eq(a->link, b->link) && same_xattrs(a, b);
}

static void drop(Diff *d, Str path, int flags)
{
	VEC_PUSH(&d->dropped, ((Dropped){ arena_str(&d->arena, path), flags }));
}

/* The walk comes to PATH ("": its end): held directories that it is not in are no change. */
static void leave_dirs(Diff *d, Str path)
{
	while (d->held.len) {
		Str dir = d->held.at[d->held.len - 1].path;
		if (path.len && entry_path_below(path, dir))
			break;
		drop(d, dir, AT_REMOVEDIR);
		d->held.len--;
	}
	if (d->fresh.len && !entry_path_below(path, d->fresh))
		d->fresh = STR("");
}

/* Something in the directories around it stays. */
static Err *give_held(Diff *d)
{
	for (size_t i = 0; i < d->held.len; i++) {
		TRY(tar_writer_entry(d->tar, &d->held.at[i]));
		list_builder_add(d->list, &d->held.at[i]);
	}
	d->held.len = 0;
	return NULL;
}

/* Is E as it WAS?  Then it is held (a directory) or left out. */
static Err *leave_out(Diff *d, const WalkFile *f, Entry *e, const Entry *was, bool *ret)
{
	*ret = looks_same(e, was);
	if (!*ret)
		return NULL;
	if (e->type == ENTRY_DIR) {
		VEC_PUSH(&d->held, entry_copy(&d->arena, e));
		return NULL;
	}
	if (e->type == ENTRY_FILE) {
		TRY(read_content(d, f, e, NULL));
		*ret = digest_eq(&e->sha256, &was->sha256);
	}
	if (*ret)
		drop(d, e->path, 0);
	return NULL;
}

/* The directory form has no more than the list. */
static Err *remove_dropped(const Diff *d, int root)
{
	for (size_t i = 0; i < d->dropped.len; i++) {
		const Dropped *one = &d->dropped.at[i];
		AUTO_CLOSE int dir = -1;
		char name[256];
		TRY(path_open_parent(root, one->path, &dir, name));
		if (unlinkat(dir, name, one->flags) < 0)
			return err_sys(errno, "cannot remove '%.*s'", STR_ARG(one->path));
	}
	return NULL;
}

/* --- the walk --------------------------------------------------------------------------------- */

static Err *take_whiteout(Diff *d, const WalkFile *f)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry was;
	bool found;
	TRY(give_held(d)); /* the directory holds it, in the list or not */
	TRY(find_below(d, f->path, &a, &was, &found));
	if (!found)
		return NULL;
	Entry e = { .path = f->path, .type = ENTRY_WHITEOUT };
	list_builder_add(d->list, &e);
	return tar_writer_entry(d->tar, &e);
}

static Err *read_entry(Diff *d, const WalkFile *f, Arena *a, Entry *e, bool *ret_opaque)
{
	*e = (Entry){ .path = f->path,
		      .mode = f->st.st_mode & 07777,
		      .uid = f->st.st_uid,
		      .gid = f->st.st_gid };
	e->mtime_ns = mtime_of(d, f);
	TRY(read_xattrs(d, f, a, e, ret_opaque));
	if (S_ISDIR(f->st.st_mode)) {
		e->type = ENTRY_DIR;
	} else if (is_second_name(d, f, e)) {
		e->xattr_count = 0;
	} else if (S_ISLNK(f->st.st_mode)) {
		e->type = ENTRY_SYMLINK;
		e->mode = 0777;
		TRY(read_link(f, a, e));
	} else if (S_ISFIFO(f->st.st_mode)) {
		e->type = ENTRY_FIFO;
	} else if (S_ISREG(f->st.st_mode)) {
		e->type = ENTRY_FILE;
		e->size = (uint64_t)f->st.st_size;
	} else {
		e->type = S_ISCHR(f->st.st_mode) ? ENTRY_CHAR : ENTRY_BLOCK;
		e->rdev_major = major(f->st.st_rdev);
		e->rdev_minor = minor(f->st.st_rdev);
	}
	return NULL;
}

/* Is E's mtime no part of what the step gives?  WAS is what showed there before; NULL: nothing. */
static Err *is_untimed(Diff *d, const Entry *e, const Entry *was, bool *ret)
{
	*ret = was && was->mtime_ns == e->mtime_ns && was->type == e->type
	               ? was->untimed
	               : times_is_now(d->upper, e->mtime_ns);
	if (*ret || (was && was->mtime_ns == e->mtime_ns))
		return NULL;
	TRY(need_view(d));
	*ret = times_is_from_below(&d->times_below, d->upper, d->below, e->mtime_ns);
	return NULL;
}

static Err *take_file(void *context, const WalkFile *f, bool *skip)
{
	Diff *d = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e, was;
	bool opaque, found = false, same = false, look;
	(void)skip;
	leave_dirs(d, f->path);
	if (S_ISCHR(f->st.st_mode) && f->st.st_rdev == 0)
		return take_whiteout(d, f);
	if (S_ISSOCK(f->st.st_mode))
		return give_held(d); /* tar has no form for it; docker leaves it out as well */

	TRY(read_entry(d, f, &a, &e, &opaque));
	look = !d->fresh.len || opaque;
	if (look && e.type != ENTRY_DIR)
		TRY(may_be_below(d, f->path, &look));
	if (look)
		TRY(find_below(d, f->path, &a, &was, &found));
	TRY(is_untimed(d, &e, found ? &was : NULL, &e.untimed));
	if (!d->fresh.len && found && !opaque && (e.type == ENTRY_DIR || f->st.st_nlink == 1))
		TRY(leave_out(d, f, &e, &was, &same));
	if (same)
		return NULL;
	if (e.type == ENTRY_DIR) {
		bool dir_below = found && was.type == ENTRY_DIR;
		e.opaque = opaque && dir_below;
		if (!d->fresh.len && (opaque || !dir_below))
			d->fresh = arena_str(&d->arena, f->path);
	}
	TRY(give_held(d));
	TRY(tar_writer_entry(d->tar, &e));
	if (e.type == ENTRY_FILE) {
		TRY(read_content(d, f, &e, d->tar));
		d->size_bytes += e.size;
	}
	list_builder_add(d->list, &e);
	return NULL;
}

/* SOURCE_DATE_EPOCH clamps the times of directories, and removing files changes them: set last. */
static Err *mend_dirs(int root, const Diff *d, const List *list)
{
	if (d->upper->clamp_mtime_ns == INT64_MAX && d->dropped.len == 0)
		return NULL;
	AUTO_PLACE Place place = { .dir_fd = -1 };
	place_init(&place, root, d->upper->overlay_prefix);
	return place_dir_times(&place, list);
}

static Err *diff_upper(Diff *d, int root, StoreLayer *layer, List **ret_list)
{
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	AUTO_WRITER Writer *hash = writer_hash(nowhere);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(hash);
	AUTO_LIST_BUILDER ListBuilder *builder = list_builder_new();
	d->tar = tar;
	d->list = builder;
	TRY(walk_tree(root, d->upper->cancel, take_file, d));
	leave_dirs(d, STR(""));
	TRY(tar_writer_finish(tar));
	TRY(writer_finish(hash));
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(builder));
	TRY(remove_dropped(d, root));
	TRY(mend_dirs(root, d, list));
	layer->diff_id = writer_hash_digest(hash);
	layer->tar_bytes = writer_hash_count(hash);
	layer->size_bytes = d->size_bytes;
	layer->identity = list_identity(list);
	*ret_list = TAKE_PTR(list);
	return NULL;
}

Err *layer_from_upper(Store *s, const LayerUpper *upper, StoreLayer *ret)
{
	int tmp;
	TRY(store_tmp_fd(s, &tmp));
	AUTO_CLOSE int root =
		openat(tmp, upper->dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (root < 0)
		return err_sys(errno, "cannot open what the step wrote");
	Diff d = { .store = s, .upper = upper };
	layer_hash_init(&d.hash);
	AUTO_LIST List *list = NULL;
	StoreLayer layer = { 0 };
	Err *e = diff_upper(&d, root, &layer, &list);
	if (d.below)
		view_close(d.below);
	VEC_DONE(&d.held);
	VEC_DONE(&d.dropped);
	VEC_DONE(&d.times_below.times);
	buf_done(&d.dir);
	free(d.dir_layers);
	map_done(&d.inodes);
	arena_done(&d.arena);
	layer_hash_done(&d.hash);
	if (!e)
		e = store_layer_publish(s, &layer, list, upper->dir_name);
	if (e)
		return err_while(e, "keeping what the step wrote");
	layer.has_dir = true;
	*ret = layer;
	return NULL;
}
