/*
 * exp_local.c - type=local: the root file system of the image as files of the caller.
 *
 * Names come from images of strangers and the destination may hold anything: each file is made
 * under a name of ours in its directory, which is opened without following a link, and then renamed
 * over what was there.  Owners are the caller's, as in buildx; so setuid and setgid go where the
 * image's owner was somebody else.
 *
 * A file that is there with the same metadata and the same content is left alone: what watches the
 * folder, or make, sees no change.  Its content is read, not believed: under SOURCE_DATE_EPOCH all
 * files have one time.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "export/attest-internal.h"
#include "export/flat.h"
#include "fs/copy.h"
#include "fs/path.h"
#include "fs/walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { COPY_BYTES = 256 << 10 };

typedef VEC(Entry) EntryVec;

typedef struct LocalExport {
	const ExportJob *job;
	int root_fd;
	Str prefix; /* folder of the platform, "" none: before each path */
	char *buf;
	Buf parent;    /* path of the directory that PARENT_FD is */
	int parent_fd; /* -1: none yet */
	char tmp[48];
	Arena arena;
	EntryVec dirs; /* they get mode and time at the end */
	Map made;      /* mode=delete: all paths that are in the result */
	unsigned devices_skipped, xattrs_skipped;
} LocalExport;

/* mkdir -p of a path that the user typed: links in it are his. */
static Err *make_dest(Str dest, int *ret_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	for (size_t i = 1; i <= dest.len; i++) {
		if (i < dest.len && dest.ptr[i] != '/')
			continue;
		if (mkdirat(AT_FDCWD, arena_str(&a, str_head(dest, i)).ptr, 0777) < 0 &&
		    errno != EEXIST)
			return err_sys(errno, "cannot create the directory '%.*s'",
			               STR_ARG(str_head(dest, i)));
	}
	*ret_fd = openat(AT_FDCWD, arena_str(&a, dest).ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open the directory '%.*s'", STR_ARG(dest))
	                   : NULL;
}

/* The directory of PATH; files of one directory mostly follow each other. */
static Err *need_parent(LocalExport *x, Str path)
{
	Str parent = entry_parent(path);
	if (x->parent_fd >= 0 && str_eq(parent, buf_str(&x->parent)))
		return NULL;
	closep(&x->parent_fd);
	x->parent_fd = -1;
	buf_reset(&x->parent);
	buf_add_str(&x->parent, parent);
	if (parent.len > 0)
		return path_open_beneath(x->root_fd, parent, O_PATH | O_DIRECTORY, 0,
		                         &x->parent_fd);
	x->parent_fd = fcntl(x->root_fd, F_DUPFD_CLOEXEC, 3);
	return x->parent_fd < 0 ? err_sys(errno, "cannot duplicate a descriptor") : NULL;
}

/* E as the caller can have it; its xattrs go into A. */
static Entry own_entry(const Entry *e, Arena *a)
{
	Entry own = *e;
	own.uid = geteuid();
	own.gid = getegid();
	if (own.uid != e->uid)
		own.mode &= ~(uint32_t)S_ISUID;
	if (own.gid != e->gid)
		own.mode &= ~(uint32_t)S_ISGID;
	Xattr *kept = arena_alloc(a, (e->xattr_count + 1) * sizeof *kept, _Alignof(Xattr));
	own.xattr_count = 0;
	for (size_t i = 0; i < e->xattr_count; i++) {
		Str name = e->xattrs[i].name;
		bool overlay = str_starts(name, STR("user.overlay."));
		if ((str_starts(name, STR("user.")) && !overlay) ||
		    str_eq(name, STR("security.capability")))
			kept[own.xattr_count++] = e->xattrs[i];
	}
	own.xattrs = kept;
	return own;
}

/* E with the paths, in A, and the time that it has here. */
static Entry placed(const LocalExport *x, const Entry *e, Arena *a)
{
	Entry own = *e;
	if (x->job->epoch_ns >= 0)
		own.mtime_ns = x->job->epoch_ns;
	if (!x->prefix.len)
		return own;
	own.path = arena_strf(a, "%.*s/%.*s", STR_ARG(x->prefix), STR_ARG(e->path));
	if (e->type == ENTRY_HARDLINK)
		own.link = arena_strf(a, "%.*s/%.*s", STR_ARG(x->prefix), STR_ARG(e->link));
	return own;
}

static void note_made(LocalExport *x, Str path)
{
	if (x->job->out->remove_others)
		map_put(&x->made, arena_str(&x->arena, path), NULL);
}

/* --- what is there already ------------------------------------------------------------------- */

static int64_t mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static Err *same_content(LocalExport *x, const char *name, const Entry *e, bool *ret)
{
	Sha256 hash;
	*ret = false;
	AUTO_CLOSE int fd = openat(x->parent_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL; /* written anew */
	AUTO_READER Reader *in = reader_from_fd(fd, "a file of the output");
	sha256_init(&hash);
	for (;;) {
		size_t n;
		TRY(cancel_check(x->job->cancel));
		TRY(reader_read(in, x->buf, COPY_BYTES, &n));
		if (n == 0)
			break;
		sha256_add(&hash, x->buf, n);
	}
	Digest is = sha256_end(&hash);
	*ret = digest_eq(&is, &e->sha256);
	return NULL;
}

/* --- each kind of file ----------------------------------------------------------------------- */

static Err *name_of(const Entry *e, char name[static 256])
{
	Str last = entry_name(e->path);
	if (last.len >= 256)
		return err_new(ERR_CORRUPT, "the name of '%.*s' is too long", STR_ARG(e->path));
	memcpy(name, last.ptr, last.len);
	name[last.len] = '\0';
	return NULL;
}

static Err *have(void *context, const Entry *e, bool *ret)
{
	LocalExport *x = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	char name[256];
	struct stat st;
	Entry at = placed(x, e, &a), own = own_entry(&at, &a);
	*ret = false;
	TRY(name_of(&at, name));
	TRY(need_parent(x, at.path));
	if (fstatat(x->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != own.size || mtime_of(&st) != own.mtime_ns ||
	    (st.st_mode & 07777) != own.mode || st.st_uid != own.uid || st.st_gid != own.gid ||
	    own.xattr_count)
		return NULL;
	TRY(same_content(x, name, e, ret));
	if (*ret)
		note_made(x, at.path);
	return NULL;
}

static Err *in_the_way(const Entry *e, const char *what)
{
	return err_note(
		err_new(ERR_INPUT, "'%.*s' is in the way: it is %s", STR_ARG(e->path), what),
		"remove it, or let mode=delete do it");
}

static Err *make_dir(LocalExport *x, const Entry *e, const char *name)
{
	struct stat st;
	VEC_PUSH(&x->dirs, entry_copy(&x->arena, e));
	/* Writable until everything is in it. */
	if (mkdirat(x->parent_fd, name, 0700) == 0)
		return NULL;
	if (errno != EEXIST)
		return err_sys(errno, "cannot create the directory '%.*s'", STR_ARG(e->path));
	if (fstatat(x->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "cannot look at '%.*s'", STR_ARG(e->path));
	if (!S_ISDIR(st.st_mode)) {
		if (!x->job->out->remove_others)
			return in_the_way(e, "no directory");
		if (unlinkat(x->parent_fd, name, 0) < 0 || mkdirat(x->parent_fd, name, 0700) < 0)
			return err_sys(errno, "cannot put the directory '%.*s' in place",
			               STR_ARG(e->path));
		return NULL;
	}
	/* An export before this one may have closed it. */
	if (st.st_uid == geteuid() && (st.st_mode & 0700) != 0700 &&
	    fchmodat(x->parent_fd, name, (st.st_mode & 07777) | 0700, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(errno, "cannot open the directory '%.*s'", STR_ARG(e->path));
	return NULL;
}

static Err *write_file(LocalExport *x, Reader *data)
{
	AUTO_CLOSE int fd =
		openat(x->parent_fd, x->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a file");
	for (;;) {
		size_t n;
		TRY(reader_read(data, x->buf, COPY_BYTES, &n));
		if (n == 0)
			return NULL;
		TRY(err_set_elsewhere(path_write_all(fd, x->buf, n, "a file")));
	}
}

static Err *make_link(LocalExport *x, const Entry *e)
{
	char name[256];
	AUTO_CLOSE int dir = -1;
	TRY(path_open_parent(x->root_fd, e->link, &dir, name));
	if (linkat(dir, name, x->parent_fd, x->tmp, 0) < 0)
		return err_sys(errno, "cannot link '%.*s'", STR_ARG(e->link));
	return NULL;
}

/* *ret_skip: an ordinary user may not make devices. */
static Err *make_node(LocalExport *x, const Entry *e, bool *ret_skip)
{
	mode_t type = e->type == ENTRY_CHAR ? S_IFCHR : e->type == ENTRY_BLOCK ? S_IFBLK : S_IFIFO;
	dev_t device = makedev(e->rdev_major, e->rdev_minor);
	if (mknodat(x->parent_fd, x->tmp, type | 0600, type == S_IFIFO ? 0 : device) == 0)
		return NULL;
	if (errno != EPERM)
		return err_sys(errno, "cannot make a device or pipe");
	*ret_skip = true;
	x->devices_skipped++;
	return NULL;
}

/* The thing itself, under the temporary name. */
static Err *make_tmp(LocalExport *x, const Entry *e, Reader *data, bool *ret_skip)
{
	if (e->type == ENTRY_FILE)
		return write_file(x, data);
	if (e->type == ENTRY_HARDLINK)
		return make_link(x, e);
	if (e->type != ENTRY_SYMLINK)
		return make_node(x, e, ret_skip);
	AUTO_ARENA Arena a = ARENA_INIT;
	if (symlinkat(arena_str(&a, e->link).ptr, x->parent_fd, x->tmp) < 0)
		return err_sys(errno, "cannot make a link");
	return NULL;
}

static Err *rename_over(LocalExport *x, const Entry *e, const char *name)
{
	if (renameat(x->parent_fd, x->tmp, x->parent_fd, name) == 0)
		return NULL;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(errno, "cannot put it in place");
	if (!x->job->out->remove_others)
		return in_the_way(e, "a directory");
	TRY(path_remove_tree(x->parent_fd, name));
	return renameat(x->parent_fd, x->tmp, x->parent_fd, name) == 0
	               ? NULL
	               : err_sys(errno, "cannot put it in place");
}

static Err *put_in_place(LocalExport *x, const Entry *e, const char *name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (e->type != ENTRY_HARDLINK) { /* that one has what its file has */
		Entry own = own_entry(e, &a);
		TRY(copy_set_metadata(x->parent_fd, x->tmp, &own, &x->xattrs_skipped));
	}
	TRY(rename_over(x, e, name));
	/* Renaming over another link of the same file does nothing: both names are still there. */
	if (e->type == ENTRY_HARDLINK)
		(void)unlinkat(x->parent_fd, x->tmp, 0); /* mostly absent */
	return NULL;
}

/* A link to the same, of the same time and owner, is left alone too. */
static bool is_same_link(const LocalExport *x, const Entry *e, const char *name)
{
	char target[PATH_BYTES_MAX];
	struct stat st;
	if (e->type != ENTRY_SYMLINK || e->xattr_count || e->link.len >= sizeof target ||
	    fstatat(x->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode) ||
	    mtime_of(&st) != e->mtime_ns || st.st_uid != geteuid() || st.st_gid != getegid())
		return false;
	ssize_t n = readlinkat(x->parent_fd, name, target, sizeof target);
	return n >= 0 && str_eq((Str){ target, (size_t)n }, e->link);
}

static Err *write_entry(void *context, const Entry *given, Reader *data)
{
	LocalExport *x = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	char name[256];
	Entry at = placed(x, given, &a);
	const Entry *e = &at;
	bool skip = false;
	TRY(name_of(e, name));
	TRY(need_parent(x, e->path));
	note_made(x, e->path);
	if (e->type == ENTRY_DIR)
		return make_dir(x, e, name);
	if (is_same_link(x, e, name))
		return NULL;
	Err *err = make_tmp(x, e, data, &skip);
	if (!err && !skip)
		err = put_in_place(x, e, name);
	if (err)
		(void)unlinkat(x->parent_fd, x->tmp,
		               0); /* the first error is the one that is told */
	return err_while(err, "writing '%.*s'", STR_ARG(e->path));
}

/* From the deepest up: a mode may close a directory, and a file in it changes its time. */
static Err *finish_dirs(LocalExport *x)
{
	for (size_t i = x->dirs.len; i > 0; i--) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry own = own_entry(&x->dirs.at[i - 1], &a);
		TRY(need_parent(x, own.path));
		TRY_WHILE(copy_set_metadata(x->parent_fd, arena_str(&a, entry_name(own.path)).ptr,
		                            &own, &x->xattrs_skipped),
		          "writing '%.*s'", STR_ARG(own.path));
	}
	return NULL;
}

/* mode=delete: what is below the destination and not of the result.  Never through a link. */
static Err *remove_other(void *context, const WalkFile *file, bool *skip)
{
	const LocalExport *x = context;
	if (map_find(&x->made, file->path))
		return NULL;
	if (S_ISDIR(file->st.st_mode))
		*skip = true;
	return path_remove_tree(file->dir_fd, file->name);
}

static void tell_skipped(const LocalExport *x)
{
	if (x->devices_skipped)
		progress_note(x->job->progress, x->job->line,
		              "%u devices were left out: only root may make them",
		              x->devices_skipped);
	if (x->xattrs_skipped)
		progress_note(x->job->progress, x->job->line,
		              "%u extended attributes were left out: they may not be set here",
		              x->xattrs_skipped);
}

/* The folder of a platform: made as any other directory. */
static Err *make_platform_dir(LocalExport *x, Str prefix)
{
	Entry dir = { .path = prefix,
		      .type = ENTRY_DIR,
		      .mode = 0755,
		      .mtime_ns = clock_real_ns(),
		      .uid = geteuid(),
		      .gid = getegid() };
	x->prefix = STR("");
	return prefix.len ? write_entry(x, &dir, NULL) : NULL;
}

static Err *write_attestation(void *context, Str name, Str json)
{
	LocalExport *x = context;
	Entry file = { .path = name,
		       .type = ENTRY_FILE,
		       .mode = 0600,
		       .size = json.len,
		       .mtime_ns = clock_real_ns(),
		       .uid = geteuid(),
		       .gid = getegid() };
	AUTO_READER Reader *data = reader_from_memory(json);
	return write_entry(x, &file, data);
}

static Err *write_images(LocalExport *x)
{
	const ExportImage *image = &x->job->images[0];
	for (size_t i = 0; i < image->image_count; i++) {
		Str prefix = export_platform_dir(x->job, &image->images[i], &x->arena);
		TRY(make_platform_dir(x, prefix));
		x->prefix = prefix;
		TRY(export_flat_each(x->job, &image->images[i], have, write_entry, x));
		TRY(export_attest_files(x->job, &image->images[i], write_attestation, x));
	}
	/* Before the directories get their times, which this would change. */
	if (x->job->out->remove_others)
		TRY(walk_tree(x->root_fd, x->job->cancel, remove_other, x));
	return finish_dirs(x);
}

Err *export_local(ExportJob *job)
{
	AUTO_CLOSE int root = -1;
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	if (job->count != 1)
		return err_new(ERR_INPUT, "type=local takes one image");
	TRY(export_platforms_check(job));
	TRY(make_dest(job->out->dest, &root));
	LocalExport x = {
		.job = job, .root_fd = root, .prefix = STR(""), .buf = buf, .parent_fd = -1
	};
	(void)snprintf(x.tmp, sizeof x.tmp, ".decant-%d-%u", (int)getpid(), job->number);
	Err *err = write_images(&x);
	if (!err)
		tell_skipped(&x);
	closep(&x.parent_fd);
	buf_done(&x.parent);
	VEC_DONE(&x.dirs);
	map_done(&x.made);
	arena_done(&x.arena);
	return err;
}
