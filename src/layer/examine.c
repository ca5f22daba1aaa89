/*
 * examine.c - the directory form of a layer against its content list, both in the same order.
 *
 * What may differ: devices and hostile overlay names that are in the list alone, whiteouts and
 * sockets that a RUN left and no list has, directories that an archive only implied, attributes
 * that the file system or the namespace does not take.  Times are not looked at.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/copy.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/layer-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

enum { BLOCK_BYTES = 256 << 10 };

typedef struct Examine {
	const LayerExamine *how;
	const List *list;
	int root_fd;
	ListCursor cursor;
	Arena arenas[2]; /* of the entry now, and of the one before it */
	Entry entry;     /* the next one that was not met yet */
	bool live;
	char *block;
} Examine;

static Err *tell(Examine *x, Str path, const char *problem)
{
	return x->how->fn(x->how->context, path, problem);
}

static void next_entry(Examine *x)
{
	Arena before = x->arenas[1];
	x->arenas[1] = x->arenas[0];
	x->arenas[0] = before;
	arena_done(&x->arenas[0]);
	x->live = list_next(&x->cursor, &x->arenas[0], &x->entry);
}

/* --- one file --------------------------------------------------------------------------------- */

static Err *hash_content(Examine *x, const WalkFile *f, Digest *ret, bool *ret_read)
{
	Sha256 hash;
	sha256_init(&hash);
	*ret_read = false;
	AUTO_CLOSE int fd =
		openat(f->dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	for (;;) {
		TRY(cancel_check(x->how->cancel));
		ssize_t n = read(fd, x->block, BLOCK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		sha256_add(&hash, x->block, (size_t)n);
	}
	*ret = sha256_end(&hash);
	*ret_read = true;
	return NULL;
}

static Err *examine_content(Examine *x, const WalkFile *f, const Entry *e, Str path)
{
	bool could_read;
	Digest is;
	if ((uint64_t)f->st.st_size != e->size)
		return tell(x, path, "has another size");
	if (x->how->quick || !e->size)
		return NULL;
	TRY(hash_content(x, f, &is, &could_read));
	if (!could_read)
		return tell(x, path, "cannot be read");
	return digest_eq(&is, &e->sha256)
	               ? NULL
	               : tell(x, path, "has other content than it was made with");
}

/* A second name: the same inode as the first as a rule, the same content at least. */
static Err *examine_hardlink(Examine *x, const WalkFile *f)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry first;
	struct stat st;
	if (!list_find(x->list, x->entry.link, &a, &first) || first.type != ENTRY_FILE)
		return tell(x, f->path, "is a link to what is not in the layer");
	AUTO_CLOSE int fd = path_try_beneath(x->root_fd, first.path, O_PATH | O_NOFOLLOW, 0);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == f->st.st_ino &&
	    st.st_dev == f->st.st_dev)
		return NULL;
	return examine_content(x, f, &first, f->path);
}

static Err *examine_link(Examine *x, const WalkFile *f)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(f->dir_fd, f->name, target, sizeof target);
	if (n < 0)
		return tell(x, f->path, "cannot be read");
	return str_eq((Str){ target, (size_t)n }, x->entry.link)
	               ? NULL
	               : tell(x, f->path, "leads elsewhere");
}

static bool is_overlay_name(Str name)
{
	return str_starts(name, STR("trusted.overlay.")) || str_starts(name, STR("user.overlay."));
}

static const Xattr *find_xattr(const Xattr *at, size_t count, Str name)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(at[i].name, name))
			return &at[i];
	return NULL;
}

/* The file system has attributes of this kind, and we may see them. */
static bool takes_xattr(int fd, Str name)
{
	char self[40], one[256];
	if (!str_starts(name, STR("user.")) || name.len >= sizeof one)
		return false;
	(void)snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	(void)snprintf(one, sizeof one, "%.*s", STR_ARG(name));
	return getxattr(self, one, NULL, 0) >= 0 || errno == ENODATA;
}

static Err *compare_attributes(Examine *x, int fd, Str path, const Xattr *is, size_t count)
{
	const Entry *e = &x->entry;
	bool opaque = find_xattr(is, count, STR("trusted.overlay.opaque")) ||
	              find_xattr(is, count, STR("user.overlay.opaque"));
	if (e->opaque && !opaque)
		return tell(x, path, "shows what the layers below have in it");
	for (size_t i = 0; i < e->xattr_count; i++) {
		const Xattr *want = &e->xattrs[i], *have = find_xattr(is, count, want->name);
		if (is_overlay_name(want->name))
			continue;
		if (have ? !str_eq(have->value, want->value) : takes_xattr(fd, want->name))
			return tell(x, path, "has other extended attributes");
	}
	for (size_t i = 0; i < count; i++)
		if (!is_overlay_name(is[i].name) && !str_eq(is[i].name, STR("security.selinux")) &&
		    !find_xattr(e->xattrs, e->xattr_count, is[i].name))
			return tell(x, path, "has other extended attributes");
	return NULL;
}

/* FD is O_PATH. */
static Err *examine_xattrs(Examine *x, int fd, Str path)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const Xattr *is = NULL;
	size_t count = 0;
	Err *e = copy_read_xattrs(&a, fd, "a file of a layer", &is, &count);
	if (e) {
		err_free(e); /* told as damage */
		return tell(x, path, "has attributes that cannot be read");
	}
	return compare_attributes(x, fd, path, is, count);
}

static bool right_kind(const Entry *e, const struct stat *st)
{
	switch (e->type) {
	case ENTRY_FILE:
	case ENTRY_HARDLINK:
		return S_ISREG(st->st_mode);
	case ENTRY_DIR:
		return S_ISDIR(st->st_mode);
	case ENTRY_SYMLINK:
		return S_ISLNK(st->st_mode);
	case ENTRY_FIFO:
		return S_ISFIFO(st->st_mode);
	case ENTRY_WHITEOUT:
		return S_ISCHR(st->st_mode) && st->st_rdev == 0;
	case ENTRY_CHAR:
	case ENTRY_BLOCK:
		break;
	}
	return (e->type == ENTRY_CHAR ? S_ISCHR(st->st_mode) : S_ISBLK(st->st_mode)) &&
	       major(st->st_rdev) == e->rdev_major && minor(st->st_rdev) == e->rdev_minor;
}

/* Owner and mode of what the list names by itself. */
static Err *examine_rights(Examine *x, const struct stat *st, Str path)
{
	const Entry *e = &x->entry;
	if (st->st_uid != e->uid || st->st_gid != e->gid)
		TRY(tell(x, path, "has another owner"));
	if (e->type != ENTRY_SYMLINK && (st->st_mode & 07777) != e->mode)
		TRY(tell(x, path, "has another mode"));
	return NULL;
}

static Err *examine_file(Examine *x, const WalkFile *f)
{
	const Entry *e = &x->entry;
	if (!right_kind(e, &f->st))
		return tell(x, f->path, "is of another kind");
	if (e->type == ENTRY_WHITEOUT)
		return NULL;
	if (e->type == ENTRY_HARDLINK)
		return examine_hardlink(x, f);
	TRY(examine_rights(x, &f->st, f->path));
	if (e->type == ENTRY_SYMLINK)
		return examine_link(x, f);
	AUTO_CLOSE int fd = openat(f->dir_fd, f->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return tell(x, f->path, "cannot be read");
	TRY(examine_xattrs(x, fd, f->path));
	return e->type == ENTRY_FILE ? examine_content(x, f, e, f->path) : NULL;
}

/* --- both in step ------------------------------------------------------------------------------
 */

/* May the list have it and the directory not? */
static bool is_in_list_alone(const Entry *e)
{
	return e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK;
}

/* May the directory have it and the list not? */
static bool is_in_dir_alone(const Examine *x, const WalkFile *f)
{
	if (S_ISSOCK(f->st.st_mode) || (S_ISCHR(f->st.st_mode) && f->st.st_rdev == 0))
		return true;
	return S_ISDIR(f->st.st_mode) && x->live && entry_path_below(x->entry.path, f->path);
}

/* Entries before PATH ("": all that are left) have no file. */
static Err *pass_missing(Examine *x, Str path, bool all)
{
	while (x->live && (all || entry_path_cmp(x->entry.path, path) < 0)) {
		if (!is_in_list_alone(&x->entry))
			TRY(tell(x, x->entry.path, "is gone"));
		next_entry(x);
	}
	return NULL;
}

static Err *examine_next(void *context, const WalkFile *f, bool *skip)
{
	Examine *x = context;
	TRY(pass_missing(x, f->path, false));
	if (x->live && str_eq(x->entry.path, f->path)) {
		bool dir_for_other = S_ISDIR(f->st.st_mode) && x->entry.type != ENTRY_DIR;
		TRY(examine_file(x, f));
		*skip = dir_for_other;
		next_entry(x);
		return NULL;
	}
	if (is_in_dir_alone(x, f))
		return NULL;
	*skip = S_ISDIR(f->st.st_mode);
	return tell(x, f->path, "is not of the layer");
}

static Err *examine_root(Examine *x)
{
	struct stat st;
	if (!x->live || x->entry.path.len)
		return NULL;
	if (fstat(x->root_fd, &st) < 0)
		return tell(x, STR("/"), "cannot be read");
	TRY(examine_rights(x, &st, STR("/")));
	TRY(examine_xattrs(x, x->root_fd, STR("/")));
	next_entry(x);
	return NULL;
}

static Err *examine_all(Examine *x)
{
	next_entry(x);
	TRY(examine_root(x));
	TRY(walk_tree(x->root_fd, x->how->cancel, examine_next, x));
	return pass_missing(x, STR(""), true);
}

Err *layer_examine_dir(Store *s, const Digest *diff_id, const List *list, const LayerExamine *how)
{
	AUTO_CLOSE int root = -1;
	AUTO_FREE char *block = how->quick ? NULL : xmalloc(BLOCK_BYTES);
	TRY(store_layer_open_dir(s, diff_id, &root));
	Examine x = { .how = how,
		      .list = list,
		      .root_fd = root,
		      .cursor = list_cursor(list, STR("")),
		      .block = block };
	Err *e = examine_all(&x);
	arena_done(&x.arenas[0]);
	arena_done(&x.arenas[1]);
	return e;
}
