/*
 * exp_local.c - type=local: the root file system of the image as files of the caller.
 *
 * Names come from images of strangers and the destination may hold anything: each file is made
 * under a name of ours in its directory, which is opened without following a link, and then renamed
 * over what was there.  Owners are the caller's, as in buildx; so setuid and setgid go where the
 * image's owner was somebody else.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "export/flat.h"
#include "fs/copy.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { COPY_BYTES = 256 << 10 };

typedef VEC(Entry) EntryVec;

typedef struct LocalExport {
	const ExportJob *job;
	int root_fd;
	char *buf;
	Buf parent;    /* path of the directory that PARENT_FD is */
	int parent_fd; /* -1: none yet */
	char tmp[40];
	Arena arena;
	EntryVec dirs; /* they get mode and time at the end */
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

/* --- each kind of file ----------------------------------------------------------------------- */

static Err *make_dir(LocalExport *x, const Entry *e, const char *name)
{
	struct stat st;
	VEC_PUSH(&x->dirs, entry_copy(&x->arena, e));
	/* Writable until everything is in it. */
	if (mkdirat(x->parent_fd, name, 0700) == 0)
		return NULL;
	if (errno != EEXIST)
		return err_sys(errno, "cannot create the directory '%.*s'", STR_ARG(e->path));
	if (fstatat(x->parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return NULL;
	return err_new(ERR_INPUT, "'%.*s' is in the way: it is no directory", STR_ARG(e->path));
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
		TRY(path_write_all(fd, x->buf, n, "a file"));
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

static Err *put_in_place(LocalExport *x, const Entry *e, const char *name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (e->type != ENTRY_HARDLINK) { /* that one has what its file has */
		Entry own = own_entry(e, &a);
		TRY(copy_set_metadata(x->parent_fd, x->tmp, &own, &x->xattrs_skipped));
	}
	if (renameat(x->parent_fd, x->tmp, x->parent_fd, name) < 0)
		return err_sys(errno, "cannot put it in place");
	/* Renaming over another link of the same file does nothing: both names are still there. */
	if (e->type == ENTRY_HARDLINK)
		(void)unlinkat(x->parent_fd, x->tmp, 0); /* mostly absent */
	return NULL;
}

static Err *write_entry(void *context, const Entry *e, Reader *data)
{
	LocalExport *x = context;
	char name[256];
	Str last = entry_name(e->path);
	bool skip = false;
	if (last.len >= sizeof name)
		return err_new(ERR_CORRUPT, "the name of '%.*s' is too long", STR_ARG(e->path));
	memcpy(name, last.ptr, last.len);
	name[last.len] = '\0';
	TRY(need_parent(x, e->path));
	if (e->type == ENTRY_DIR)
		return make_dir(x, e, name);
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

Err *export_local(const ExportJob *job)
{
	AUTO_CLOSE int root = -1;
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	if (job->count != 1)
		return err_new(ERR_INPUT, "type=local takes one image");
	TRY(make_dest(job->out->dest, &root));
	LocalExport x = { .job = job, .root_fd = root, .buf = buf, .parent_fd = -1 };
	(void)snprintf(x.tmp, sizeof x.tmp, ".decant-%d", (int)getpid());
	Err *err = export_flat_each(job, &job->images[0].images[0], write_entry, &x);
	if (!err)
		err = finish_dirs(&x);
	if (!err)
		tell_skipped(&x);
	closep(&x.parent_fd);
	buf_done(&x.parent);
	VEC_DONE(&x.dirs);
	arena_done(&x.arena);
	return err;
}
