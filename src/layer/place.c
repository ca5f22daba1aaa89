/* place.c - the files of a layer, created beneath its directory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/copy.h"
#include "fs/path.h"
#include "layer/place.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

void place_init(Place *p, int root_fd, const char *overlay_prefix)
{
	*p = (Place){ .root_fd = root_fd, .overlay_prefix = overlay_prefix, .dir_fd = -1 };
}

static void forget_dir(Place *p)
{
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	p->dir_fd = -1;
	buf_reset(&p->dir);
}

void place_done(Place *p)
{
	forget_dir(p);
	buf_done(&p->dir);
}

static Err *while_placing(Err *e, Str path)
{
	return err_while(e, "writing '%.*s'", STR_ARG(path));
}

/* The directory that holds PATH, kept open for the next entry; parents that no entry made are 0755.
 */
static Err *go_to_parent(Place *p, Str path)
{
	Str dir = entry_parent(path);
	if (p->dir_fd >= 0 && str_eq(dir, buf_str(&p->dir)))
		return NULL;
	forget_dir(p);
	int fd = path_try_beneath(p->root_fd, dir.len ? dir : STR("."), O_PATH | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		TRY_WHILE(path_make_dirs(p->root_fd, dir, 0755, &fd), "writing '%.*s'",
		          STR_ARG(path));
	if (fd < 0)
		return err_note(while_placing(err_sys(-fd, "cannot open the directory '%.*s'",
		                                      STR_ARG(dir)),
		                              path),
		                "a layer may not write through a link or a file");
	p->dir_fd = fd;
	buf_add_str(&p->dir, dir);
	return NULL;
}

static Err *name_of(Str path, char name[static 256])
{
	Str last = entry_name(path);
	if (last.len == 0 || last.len > 255)
		return err_new(ERR_CORRUPT, "a name of %zu bytes in '%.*s...'", last.len,
		               (int)(path.len < 64 ? path.len : 64), path.ptr);
	memcpy(name, last.ptr, last.len);
	name[last.len] = '\0';
	return NULL;
}

static Err *clear_way(Place *p, const char *name, bool keep_dir, bool *ret_kept)
{
	struct stat st;
	*ret_kept = false;
	if (fstatat(p->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot stat '%s'", name);
	if (S_ISDIR(st.st_mode) && keep_dir) {
		*ret_kept = true;
		return NULL;
	}
	int dir = openat(p->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open the directory of '%s'", name);
	AUTO_CLOSE int bound = dir;
	return path_remove_tree(bound, name);
}

static bool is_overlay_mark(const Entry *e)
{
	return e->type == ENTRY_CHAR && e->rdev_major == 0 && e->rdev_minor == 0;
}

static int make_node(Place *p, const char *name, const Entry *e)
{
	if (is_overlay_mark(e)) /* a smuggled whiteout: kept in the list alone */
		return 0;
	mode_t type = e->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
	if (mknodat(p->dir_fd, name, type | 0600, makedev(e->rdev_major, e->rdev_minor)) == 0 ||
	    errno == EPERM)
		return 0;
	return -1;
}

static Err *make_hardlink(Place *p, const char *name, const Entry *e)
{
	AUTO_CLOSE int dir = -1;
	char target[256];
	struct stat st;
	TRY(path_open_parent(p->root_fd, e->link, &dir, target));
	if (fstatat(dir, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_new(ERR_CORRUPT, "a hard link to '%.*s', which is not there",
		               STR_ARG(e->link));
	if (S_ISDIR(st.st_mode))
		return err_new(ERR_CORRUPT, "a hard link to the directory '%.*s'",
		               STR_ARG(e->link));
	if (linkat(dir, target, p->dir_fd, name, 0) < 0)
		return err_sys(errno, "cannot link it to '%.*s'", STR_ARG(e->link));
	return NULL;
}

static Err *make_symlink(Place *p, const char *name, const Entry *e)
{
	char target[PATH_MAX];
	if (e->link.len == 0 || e->link.len >= sizeof target)
		return err_new(ERR_CORRUPT, "a symlink target of %zu bytes", e->link.len);
	memcpy(target, e->link.ptr, e->link.len);
	target[e->link.len] = '\0';
	return symlinkat(target, p->dir_fd, name) < 0 ? err_sys(errno, "cannot make the symlink")
	                                              : NULL;
}

static Err *make_whiteout(Place *p, const char *name)
{
	if (!p->overlay_prefix)
		return err_new(ERR_CORRUPT, "a whiteout in an archive that is no layer");
	if (mknodat(p->dir_fd, name, S_IFCHR, makedev(0, 0)) < 0)
		return err_sys(errno, "cannot make a whiteout");
	return NULL;
}

static Err *make(Place *p, const char *name, const Entry *e, int *ret_fd)
{
	int r = 0;
	switch (e->type) {
	case ENTRY_FILE:
		r = *ret_fd = openat(p->dir_fd, name,
		                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		break;
	case ENTRY_DIR:
		r = mkdirat(p->dir_fd, name, 0700);
		break;
	case ENTRY_SYMLINK:
		return make_symlink(p, name, e);
	case ENTRY_HARDLINK:
		return make_hardlink(p, name, e);
	case ENTRY_CHAR:
	case ENTRY_BLOCK:
		r = make_node(p, name, e);
		break;
	case ENTRY_FIFO:
		r = mkfifoat(p->dir_fd, name, 0600);
		break;
	case ENTRY_WHITEOUT:
		return make_whiteout(p, name);
	}
	return r < 0 ? err_sys(errno, "cannot create it") : NULL;
}

/* Most entries find nothing in their way: create first, look only if that fails. */
static Err *make_over(Place *p, const char *name, const Entry *e, int *ret_fd)
{
	bool kept;
	Err *err = make(p, name, e, ret_fd);
	if (!err || err_errno(err) != EEXIST)
		return err;
	err_free(err); /* something is in the way: cleared now */
	TRY(clear_way(p, name, e->type == ENTRY_DIR, &kept));
	return kept ? NULL : make(p, name, e, ret_fd);
}

Err *place_begin(Place *p, const Entry *e, int *ret_fd)
{
	char name[256];
	*ret_fd = -1;
	TRY(name_of(e->path, name));
	TRY(go_to_parent(p, e->path));
	return while_placing(make_over(p, name, e, ret_fd), e->path);
}

/* Overlay's own xattrs from outside would change what the mount shows. */
static Entry without_overlay_xattrs(const Entry *e, Arena *a)
{
	Entry plain = *e;
	Xattr *kept = arena_alloc(a, (e->xattr_count + 1) * sizeof *kept, _Alignof(Xattr));
	plain.xattr_count = 0;
	for (size_t i = 0; i < e->xattr_count; i++)
		if (!str_starts(e->xattrs[i].name, STR("trusted.overlay.")) &&
		    !str_starts(e->xattrs[i].name, STR("user.overlay.")))
			kept[plain.xattr_count++] = e->xattrs[i];
	plain.xattrs = kept;
	return plain;
}

static bool has_metadata(const Place *p, const char *name, const Entry *e)
{
	if (p->content_only || e->type == ENTRY_HARDLINK || e->type == ENTRY_WHITEOUT)
		return false;
	if (e->type != ENTRY_CHAR && e->type != ENTRY_BLOCK)
		return true;
	return faccessat(p->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) ==
	       0; /* a node we may not make */
}

Err *place_finish(Place *p, const Entry *e, int fd)
{
	char name[256];
	AUTO_CLOSE int bound = fd;
	(void)bound;
	TRY(name_of(e->path, name));
	if (has_metadata(p, name, e)) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry plain = e->xattr_count ? without_overlay_xattrs(e, &a) : *e;
		Err *err = copy_set_metadata(p->dir_fd, name, &plain, &p->xattrs_skipped);
		if (err && err_errno(err) == EINVAL)
			err = err_note(err,
			               "the owner %u:%u has no place in this user namespace: more "
			               "subordinate ids are needed (/etc/subuid, /etc/subgid)",
			               e->uid, e->gid);
		if (err)
			return while_placing(err, e->path);
	}
	return e->opaque ? place_opaque(p, e->path) : NULL;
}

Err *place_remove(Place *p, Str path)
{
	char name[256];
	bool kept;
	TRY(name_of(path, name));
	TRY(go_to_parent(p, path));
	return while_placing(clear_way(p, name, false, &kept), path);
}

Err *place_opaque(Place *p, Str path)
{
	char attribute[64];
	if (!p->overlay_prefix)
		return err_new(ERR_CORRUPT, "an opaque mark in an archive that is no layer");
	AUTO_CLOSE int fd = -1;
	TRY(path_open_beneath(p->root_fd, path.len ? path : STR("."), O_RDONLY | O_DIRECTORY, 0,
	                      &fd));
	(void)snprintf(attribute, sizeof attribute, "%sopaque", p->overlay_prefix);
	if (fsetxattr(fd, attribute, "y", 1, 0) < 0)
		return while_placing(err_sys(errno, "cannot set '%s'", attribute), path);
	return NULL;
}

Err *place_dir_times(Place *p, const List *list)
{
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		char name[256];
		if (!list_next(&c, &a, &e))
			return NULL;
		if (e.type != ENTRY_DIR || e.path.len == 0)
			continue;
		TRY(name_of(e.path, name));
		TRY(go_to_parent(p, e.path));
		struct timespec t[2] = { { .tv_nsec = UTIME_OMIT } };
		t[1].tv_sec = e.mtime_ns / 1000000000;
		t[1].tv_nsec = e.mtime_ns % 1000000000;
		if (t[1].tv_nsec < 0)
			t[1].tv_nsec += 1000000000, t[1].tv_sec--;
		if (utimensat(p->dir_fd, name, t, AT_SYMLINK_NOFOLLOW) < 0)
			return while_placing(err_sys(errno, "cannot set its time"), e.path);
	}
}
