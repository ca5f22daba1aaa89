/* path.c - opening below a directory: openat2, or a walk with the same rules. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

/*
 * The kernel's openat2() does what is wanted in one call and without a race.  It is missing before
 * Linux 5.6 and behind seccomp filters that do not know it (ENOSYS, or EPERM from old container
 * engines).  Then the walk below does the same: it holds one O_PATH fd of a directory that is
 * certainly inside the root, opens one component at a time with O_NOFOLLOW, and reads a symlink
 * through the very fd that was found to be one, so that nothing can be swapped in between.  ".." is
 * never handed to the kernel: the directory may have been moved out of the root since it was
 * opened, and its ".." would lead outside.  Instead the walk keeps the components it came by and
 * goes down again from the root.
 */

enum {
	SYMLINKS_MAX = 40, /* MAXSYMLINKS of the kernel */
	STEPS_MAX =
		65536,  /* a bound on the walk's work: links full of ".." cost a new descent each */
	AGAIN_MAX = 64, /* openat2 gives EAGAIN when a rename ran beside ".." */
};

typedef enum Confine { CONFINE_IN_ROOT, CONFINE_BENEATH } Confine;

static bool walk_forced; /* set by tests only, before they start threads */

void path_force_walk(bool on)
{
	__atomic_store_n(&walk_forced, on, __ATOMIC_RELAXED);
}

typedef struct Walk {
	int root_fd;
	int dir_fd; /* owned unless it is root_fd */
	Confine confine;
	Buf done; /* components from the root to dir_fd, each with a '/' after it */
	Buf rest; /* what is still to be resolved, REST_AT bytes of it gone */
	size_t rest_at;
	unsigned links, steps;
} Walk;

static void walk_done(Walk *w)
{
	if (w->dir_fd != w->root_fd)
		closep(&w->dir_fd);
	buf_done(&w->done);
	buf_done(&w->rest);
}

static void walk_move(Walk *w, int dir_fd)
{
	if (w->dir_fd != w->root_fd)
		close(w->dir_fd);
	w->dir_fd = dir_fd;
}

static void walk_to_root(Walk *w)
{
	walk_move(w, w->root_fd);
	buf_reset(&w->done);
}

/* The next component of the rest into NAME; *ret_last: nothing follows; *ret_slash: a '/' does. */
static int walk_component(Walk *w, char name[static 256], bool *ret_last, bool *ret_slash)
{
	const char *p = w->rest.ptr + w->rest_at;
	const char *end = w->rest.ptr + w->rest.len;
	const char *start = p;

	while (p < end && *p != '/')
		p++;
	size_t len = (size_t)(p - start);
	if (len > NAME_BYTES_MAX)
		return -ENAMETOOLONG;
	memcpy(name, start, len);
	name[len] = '\0';
	*ret_slash = p < end;
	while (p < end && *p == '/')
		p++;
	*ret_last = p == end;
	w->rest_at = (size_t)(p - w->rest.ptr);
	return 0;
}

static int walk_enter(Walk *w, const char *name)
{
	int fd = openat(w->dir_fd, name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	walk_move(w, fd);
	return 0;
}

/* ".." : go down again from the root by all components but the last. */
static int walk_up(Walk *w)
{
	if (w->confine == CONFINE_BENEATH)
		return -EXDEV;
	if (w->done.len == 0)
		return 0; /* the root is its own parent */
	size_t keep = w->done.len - 1;
	while (keep > 0 && w->done.ptr[keep - 1] != '/')
		keep--;
	w->done.len = keep;

	walk_move(w, w->root_fd);
	for (size_t at = 0; at < keep;) {
		char name[256];
		const char *slash = memchr(w->done.ptr + at, '/', keep - at);
		size_t len = (size_t)(slash - (w->done.ptr + at));
		memcpy(name, w->done.ptr + at, len);
		name[len] = '\0';
		at += len + 1;
		if (++w->steps > STEPS_MAX)
			return -ELOOP;
		int r = walk_enter(w, name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Put the target of the symlink LINK_FD in front of what is left. */
static int walk_splice(Walk *w, int link_fd, bool slash_after)
{
	if (w->confine == CONFINE_BENEATH || ++w->links > SYMLINKS_MAX)
		return -ELOOP;
	char target[PATH_BYTES_MAX];
	ssize_t n = readlinkat(link_fd, "", target, sizeof target);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n >= sizeof target)
		return -ENAMETOOLONG;

	Buf rest = BUF_INIT;
	size_t skip = 0;
	while (skip < (size_t)n && target[skip] == '/')
		skip++;
	if (skip > 0)
		walk_to_root(w);
	buf_add(&rest, target + skip, (size_t)n - skip);
	if (slash_after)
		buf_add_char(&rest, '/');
	buf_add(&rest, w->rest.ptr + w->rest_at, w->rest.len - w->rest_at);
	buf_done(&w->rest);
	w->rest = rest;
	w->rest_at = 0;
	return 0;
}

static int walk_open_here(Walk *w, const char *name, int flags, mode_t mode)
{
	int fd = openat(w->dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	return fd < 0 ? -errno : fd;
}

/* Go by one component.  1: go on, else the fd or -errno. */
static int walk_step(Walk *w, int flags, mode_t mode, int *ret_fd)
{
	char name[256];
	bool last, slash;
	int r = walk_component(w, name, &last, &slash);
	if (r < 0)
		return r;
	if (++w->steps > STEPS_MAX)
		return -ELOOP;
	bool dots = name[0] == '\0' || strcmp(name, ".") == 0;
	if (dots || strcmp(name, "..") == 0) {
		if (!dots && (r = walk_up(w)) < 0)
			return r;
		if (!last)
			return 1;
		if (flags & O_CREAT)
			return -EISDIR;
		*ret_fd = walk_open_here(w, ".", flags, 0);
		return 0;
	}

	AUTO_CLOSE int fd = openat(w->dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = { 0 };
	if (fd < 0 && !(errno == ENOENT && last && (flags & O_CREAT)))
		return -errno;
	if (fd >= 0 && fstat(fd, &st) != 0)
		return -errno;

	bool exclusive = (flags & O_CREAT) && (flags & O_EXCL);
	bool end_here = last && !slash && ((flags & O_NOFOLLOW) || exclusive);
	if (S_ISLNK(st.st_mode) && !end_here) {
		r = walk_splice(w, fd, slash);
		return r < 0 ? r : 1;
	}
	if (!last) {
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		buf_add(&w->done, name, strlen(name));
		buf_add_char(&w->done, '/');
		walk_move(w, TAKE_FD(fd));
		return 1;
	}
	if (slash && (flags & O_CREAT))
		return -EISDIR;
	*ret_fd = walk_open_here(w, name, slash ? flags | O_DIRECTORY : flags, mode);
	return 0;
}

static int walk_open(int root_fd, const char *path, int flags, mode_t mode, Confine confine)
{
	CLEANUP(walk_done) Walk w = { .root_fd = root_fd, .dir_fd = root_fd, .confine = confine };
	buf_add(&w.rest, path, strlen(path));
	int fd = -ELOOP, r;
	do
		r = walk_step(&w, flags, mode, &fd);
	while (r > 0);
	return r < 0 ? r : fd;
}

static int openat2_open(int root_fd, const char *path, int flags, mode_t mode, Confine confine)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		/* the kernel refuses a mode that would have no use */
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode & 07777 : 0,
		.resolve = confine == CONFINE_IN_ROOT
		                   ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
		                   : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	for (int i = 0; i < AGAIN_MAX; i++) {
		int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
		if (fd >= 0)
			return fd;
		if (errno != EAGAIN)
			return -errno;
	}
	return -EAGAIN;
}

/* PATH for the kernel: NUL-terminated, relative, "." for the root. */
static int prepare(Str path, Confine confine, char text[static PATH_BYTES_MAX])
{
	while (path.len > 0 && path.ptr[0] == '/')
		path = str_from_at(path, 1);
	if (path.len >= PATH_BYTES_MAX)
		return -ENAMETOOLONG;
	if (path.len > 0 && memchr(path.ptr, '\0', path.len))
		return -EINVAL;
	if (path.len == 0)
		path = STR(".");
	if (confine == CONFINE_BENEATH) {
		/* RESOLVE_BENEATH would allow "a/../b"; nothing that names a layer's file needs it
		 */
		for (Str rest = path, part; rest.len > 0;) {
			rest = str_cut(rest, '/', &part);
			if (str_eqc(part, ".."))
				return -EXDEV;
		}
	}
	memcpy(text, path.ptr, path.len);
	text[path.len] = '\0';
	return 0;
}

static int try_open(int root_fd, Str path, int flags, mode_t mode, Confine confine)
{
	char text[PATH_BYTES_MAX];
	int r = prepare(path, confine, text);
	if (r < 0)
		return r;
	if (!__atomic_load_n(&walk_forced, __ATOMIC_RELAXED)) {
		int fd = openat2_open(root_fd, text, flags, mode, confine);
		/* EPERM: some filters say so for calls they do not know.  EAGAIN: somebody renames
		 * without end.  The walk confines as strictly, so trying it again is never wrong.
		 */
		if (fd != -ENOSYS && fd != -EPERM && fd != -EAGAIN)
			return fd;
	}
	return walk_open(root_fd, text, flags, mode, confine);
}

int path_try_in_root(int root_fd, Str path, int flags, mode_t mode)
{
	return try_open(root_fd, path, flags, mode, CONFINE_IN_ROOT);
}

int path_try_beneath(int root_fd, Str path, int flags, mode_t mode)
{
	return try_open(root_fd, path, flags, mode, CONFINE_BENEATH);
}

static Err *cannot_open(int r, Str path)
{
	return err_sys(-r, "cannot open '%.*s'", STR_ARG(path));
}

Err *path_open_in_root(int root_fd, Str path, int flags, mode_t mode, int *ret_fd)
{
	int fd = path_try_in_root(root_fd, path, flags, mode);
	if (fd < 0)
		return cannot_open(fd, path);
	*ret_fd = fd;
	return NULL;
}

Err *path_open_beneath(int root_fd, Str path, int flags, mode_t mode, int *ret_fd)
{
	int fd = path_try_beneath(root_fd, path, flags, mode);
	if (fd < 0)
		return cannot_open(fd, path);
	*ret_fd = fd;
	return NULL;
}

Err *path_open_parent(int root_fd, Str path, int *ret_parent_fd, char name[static 256])
{
	Str dir = path;
	while (dir.len > 0 && dir.ptr[dir.len - 1] == '/')
		dir.len--;
	ptrdiff_t slash = str_rfind(dir, '/');
	Str last = str_from_at(dir, (size_t)(slash + 1));
	dir.len = (size_t)(slash + 1);
	if (last.len > NAME_BYTES_MAX)
		return cannot_open(-ENAMETOOLONG, path);
	if (str_eqc(last, ".."))
		return cannot_open(-EXDEV, path);
	if (last.len > 0 && memchr(last.ptr, '\0', last.len))
		return cannot_open(-EINVAL, path);
	if (last.len == 0)
		last = STR(".");

	int fd = path_try_beneath(root_fd, dir, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return cannot_open(fd, path);
	memcpy(name, last.ptr, last.len);
	name[last.len] = '\0';
	*ret_parent_fd = fd;
	return NULL;
}

/* Make NAME in DIR_FD if it is not there, and open it.  An fd or -errno. */
static int make_dir(int dir_fd, const char *name, mode_t mode)
{
	bool made = mkdirat(dir_fd, name, 0700) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	if (made) {
		/* by the fd, so that neither the umask nor a setgid parent has a say */
		AUTO_CLOSE int fd =
			openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fchmod(fd, mode & 07777) != 0)
			return -errno;
	}
	int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

Err *path_make_dirs(int root_fd, Str path, mode_t mode, int *ret_fd)
{
	int fd = path_try_beneath(root_fd, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0) {
		*ret_fd = fd;
		return NULL;
	}
	if (fd != -ENOENT)
		return err_sys(-fd, "cannot make the directory '%.*s'", STR_ARG(path));

	AUTO_CLOSE int at = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_sys(errno, "cannot open the directory of '%.*s'", STR_ARG(path));
	for (Str rest = path, part; rest.len > 0;) {
		rest = str_cut(rest, '/', &part);
		if (part.len == 0 || str_eqc(part, "."))
			continue;
		char name[256];
		int next = -ENAMETOOLONG;
		if (part.len <= NAME_BYTES_MAX) {
			memcpy(name, part.ptr, part.len);
			name[part.len] = '\0';
			next = make_dir(at, name, mode);
		}
		if (next < 0)
			return err_sys(-next, "cannot make the directory '%.*s'", STR_ARG(path));
		close(at);
		at = next;
	}
	*ret_fd = TAKE_FD(at);
	return NULL;
}
