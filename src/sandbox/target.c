/* target.c - finding mount points in the root, making and removing those that are missing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

/*
 * Most mount points exist: in the image, or in the init lower below it.  One is missing when a
 * layer hides the init lower (an opaque /etc) or when RUN --mount names a new path.  It is then
 * made in the overlay, that is, in the upper directory, which later becomes the layer.  Nothing of
 * it may stay there:
 *   - the stub itself,
 *   - parents that overlay copied up just because something was made in them,
 *   - changed modification times of parents.
 * So for each directory above a stub it is noted whether the upper directory had it before, and its
 * change time once all stubs are made.  If that is the same after the run, the command has not
 * touched the directory, and if it is empty without the stub, it goes too.
 */

enum { SYMLINKS_MAX = 40 }; /* MAXSYMLINKS of the kernel */

static int open_dir_beneath(int root_fd, const char *path)
{
	return path_try_beneath(root_fd, str_from(*path ? path : "."),
	                        O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

static void note_parent(const SandboxSpec *spec, const char *path, Stubs *stubs)
{
	for (size_t i = 0; i < stubs->parents.len; i++)
		if (strcmp(stubs->parents.at[i].path, path) == 0)
			return;
	AUTO_CLOSE int fd = open_dir_beneath(spec->upper_fd, path);
	StubParent parent = { .path = xstrdup(path), .existed = fd >= 0 };
	VEC_PUSH(&stubs->parents, parent);
}

/* Every directory from the root down to PATH. */
static void note_parents(const SandboxSpec *spec, const char *path, Stubs *stubs)
{
	note_parent(spec, "", stubs);
	for (size_t i = 1; path[0] != '\0'; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		AUTO_FREE char *part = strndup(path, i);
		if (!part)
			die_oom(i);
		note_parent(spec, part, stubs);
		if (path[i] == '\0')
			break;
	}
}

/* In another mount, say in a cache, in which one more is to be mounted: it stays there, and does no
 * harm to a layer. */
static Err *make_elsewhere(int parent_fd, const char *parent, const char *name, bool directory)
{
	int failed = directory ? mkdirat(parent_fd, name, 0755)
	                       : mknodat(parent_fd, name, S_IFREG | 0644, 0);
	/* A run beside this one may be at the same: the kernel tells a wrong type when it mounts.
	 */
	if (failed && errno != EEXIST)
		return err_sys(errno, "cannot make the mount point '/%s/%s'", parent, name);
	return NULL;
}

static Err *make_stub(const SandboxSpec *spec, int root_fd, int parent_fd, const char *parent,
                      const char *name, bool directory, Stubs *stubs)
{
	struct stat root, st;
	if (fstat(root_fd, &root) < 0 || fstat(parent_fd, &st) < 0)
		return err_sys(errno, "cannot stat '/%s'", parent);
	if (st.st_dev != root.st_dev)
		return make_elsewhere(parent_fd, parent, name, directory);
	if (spec->upper_fd < 0)
		return err_new(ERR_INPUT,
		               "the mount point '/%s%s%s' is missing in a read-only root", parent,
		               *parent ? "/" : "", name);
	note_parents(spec, parent, stubs);
	int failed = directory ? mkdirat(parent_fd, name, 0755)
	                       : mknodat(parent_fd, name, S_IFREG | 0644, 0);
	if (failed)
		return err_sys(errno, "cannot make the mount point '/%s%s%s'", parent,
		               *parent ? "/" : "", name);
	struct timespec times[2] = { st.st_atim, st.st_mtim };
	if (utimensat(parent_fd, ".", times, 0) < 0)
		return err_sys(errno, "cannot set the times of '/%s'", parent);
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "%s%s%s", parent, *parent ? "/" : "", name);
	VEC_PUSH(&stubs->made, (Stub){ buf_take(&path), directory });
	return NULL;
}

/* The way to a mount point that is not all there. */
typedef struct Walk {
	Buf done;  /* canonical, no symlink in it */
	Buf rest;  /* still to go */
	size_t at; /* in rest */
	unsigned links;
} Walk;

static void walk_done(Walk *w)
{
	buf_done(&w->done);
	buf_done(&w->rest);
}

static Str walk_next(Walk *w)
{
	while (w->at < w->rest.len && w->rest.ptr[w->at] == '/')
		w->at++;
	size_t start = w->at;
	while (w->at < w->rest.len && w->rest.ptr[w->at] != '/')
		w->at++;
	return (Str){ w->rest.ptr + start, w->at - start };
}

static bool walk_at_end(const Walk *w)
{
	for (size_t i = w->at; i < w->rest.len; i++)
		if (w->rest.ptr[i] != '/')
			return false;
	return true;
}

static void walk_up(Walk *w)
{
	ptrdiff_t slash = str_rfind(buf_str(&w->done), '/');
	w->done.len = slash < 0 ? 0 : (size_t)slash;
	if (w->done.ptr)
		w->done.ptr[w->done.len] = '\0';
}

static Err *walk_into_link(Walk *w, int parent_fd, const char *name)
{
	char link[PATH_BYTES_MAX];
	if (++w->links > SYMLINKS_MAX)
		return err_sys(ELOOP, "cannot follow '%s'", name);
	ssize_t n = readlinkat(parent_fd, name, link, sizeof link);
	if (n < 0)
		return err_sys(errno, "cannot read the symbolic link '%s'", name);
	AUTO_BUF Buf rest = BUF_INIT;
	buf_add(&rest, link, (size_t)n);
	buf_add_char(&rest, '/');
	buf_add(&rest, w->rest.ptr + w->at, w->rest.len - w->at);
	if (rest.len >= 2 * PATH_BYTES_MAX)
		return err_sys(ENAMETOOLONG, "cannot follow '%s'", name);
	if (link[0] == '/')
		buf_reset(&w->done);
	buf_done(&w->rest);
	w->rest = rest;
	rest = (Buf)BUF_INIT;
	w->at = 0;
	return NULL;
}

static Err *walk_step(Walk *w, const SandboxSpec *spec, int root_fd, Str part, bool directory,
                      Stubs *stubs)
{
	char name[NAME_BYTES_MAX + 1];
	if (part.len > NAME_BYTES_MAX)
		return err_sys(ENAMETOOLONG, "cannot use the mount point");
	memcpy(name, part.ptr, part.len);
	name[part.len] = '\0';
	const char *parent = w->done.len > 0 ? w->done.ptr : "";
	int fd = open_dir_beneath(root_fd, parent);
	if (fd < 0)
		return err_sys(-fd, "cannot open '/%s' in the root", parent);
	AUTO_CLOSE int parent_fd = fd;
	struct stat st;
	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISLNK(st.st_mode))
			return walk_into_link(w, parent_fd, name);
	} else if (errno != ENOENT) {
		return err_sys(errno, "cannot stat '%s' in the root", name);
	} else {
		TRY(make_stub(spec, root_fd, parent_fd, parent, name, directory || !walk_at_end(w),
		              stubs));
	}
	if (w->done.len > 0)
		buf_add_char(&w->done, '/');
	buf_add_str(&w->done, str_from(name));
	return NULL;
}

static Err *make_missing(const SandboxSpec *spec, int root_fd, const char *path, bool directory,
                         Stubs *stubs, int *ret_fd)
{
	CLEANUP(walk_done) Walk w = { 0 };
	buf_add_str(&w.rest, str_from(path));
	for (;;) {
		Str part = walk_next(&w);
		if (part.len == 0)
			break;
		if (str_eqc(part, "."))
			continue;
		if (str_eqc(part, ".."))
			walk_up(&w);
		else
			TRY(walk_step(&w, spec, root_fd, part, directory, stubs));
	}
	int fd = path_try_beneath(root_fd, w.done.len > 0 ? buf_str(&w.done) : STR("."),
	                          O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(-fd, "cannot open the mount point");
	*ret_fd = fd;
	return NULL;
}

Err *target_open(const SandboxSpec *spec, int root_fd, const char *path, bool directory,
                 Stubs *stubs, int *ret_fd)
{
	int fd = path_try_in_root(root_fd, str_from(path), O_PATH | O_CLOEXEC, 0);
	if (fd == -ENOENT)
		TRY_WHILE(make_missing(spec, root_fd, path, directory, stubs, &fd),
		          "making the mount point '%s'", path);
	if (fd < 0)
		return err_sys(-fd, "cannot open the mount point '%s' in the root", path);
	AUTO_CLOSE int target = fd;
	struct stat st;
	if (fstat(target, &st) < 0)
		return err_sys(errno, "cannot stat the mount point '%s'", path);
	if (S_ISDIR(st.st_mode) != directory)
		return err_new(ERR_INPUT, "cannot mount a %s on '%s', which is a %s",
		               directory ? "directory" : "file", path,
		               directory ? "file" : "directory");
	*ret_fd = TAKE_FD(target);
	return NULL;
}

/* --- removing -------------------------------------------------------------------------------- */

static int64_t change_time_ns(const struct stat *st)
{
	return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

void target_seal_stubs(int upper_fd, Stubs *stubs)
{
	for (size_t i = 0; i < stubs->parents.len; i++) {
		StubParent *p = &stubs->parents.at[i];
		AUTO_CLOSE int fd = open_dir_beneath(upper_fd, p->path);
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0)
			p->ctime_ns = change_time_ns(&st);
	}
}

/* Open the directory that holds PATH; *ret_name points into PATH. */
static int open_holder(int upper_fd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	Str holder = slash ? (Str){ path, (size_t)(slash - path) } : STR(".");
	return path_try_beneath(upper_fd, holder, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

static void remove_stub(int upper_fd, const Stub *stub)
{
	const char *name;
	AUTO_CLOSE int holder = open_holder(upper_fd, stub->path, &name);
	struct stat st;
	if (holder < 0 || fstatat(holder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* the command has moved the directory: what is there now is the command's
		         */
	if (stub->directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode) || st.st_size > 0)
		return;
	/* A directory that is not empty any more is refused by the kernel, and stays. */
	(void)unlinkat(holder, name, stub->directory ? AT_REMOVEDIR : 0);
}

void target_remove_stubs(int upper_fd, const Stubs *stubs)
{
	size_t count = stubs->parents.len;
	AUTO_FREE struct stat *before = xcalloc(count + 1, sizeof *before);
	for (size_t i = 0; i < count; i++) {
		AUTO_CLOSE int fd = open_dir_beneath(upper_fd, stubs->parents.at[i].path);
		if (fd < 0 || fstat(fd, &before[i]) < 0)
			before[i].st_mode = 0;
	}
	for (size_t i = stubs->made.len; i-- > 0;)
		remove_stub(upper_fd, &stubs->made.at[i]);
	for (size_t i = count; i-- > 0;) {
		const StubParent *p = &stubs->parents.at[i];
		if (before[i].st_mode == 0)
			continue;
		bool untouched = change_time_ns(&before[i]) == p->ctime_ns;
		const char *name;
		AUTO_CLOSE int holder = open_holder(upper_fd, p->path, &name);
		if (holder >= 0 && untouched && !p->existed &&
		    unlinkat(holder, name, AT_REMOVEDIR) == 0)
			continue;
		AUTO_CLOSE int fd = open_dir_beneath(upper_fd, p->path);
		struct timespec times[2] = { before[i].st_atim, before[i].st_mtim };
		if (fd >= 0)
			(void)utimensat(fd, ".", times, 0); /* best effort: a time, no more */
	}
}

void target_free_stubs(Stubs *stubs)
{
	for (size_t i = 0; i < stubs->made.len; i++)
		free(stubs->made.at[i].path);
	for (size_t i = 0; i < stubs->parents.len; i++)
		free(stubs->parents.at[i].path);
	VEC_DONE(&stubs->made);
	VEC_DONE(&stubs->parents);
}

void target_encode_stubs(const Stubs *stubs, Buf *b)
{
	wire_put_u32(b, (uint32_t)stubs->made.len);
	for (size_t i = 0; i < stubs->made.len; i++) {
		wire_put_cstr(b, stubs->made.at[i].path);
		wire_put_u32(b, stubs->made.at[i].directory);
	}
	wire_put_u32(b, (uint32_t)stubs->parents.len);
	for (size_t i = 0; i < stubs->parents.len; i++) {
		wire_put_cstr(b, stubs->parents.at[i].path);
		wire_put_u32(b, stubs->parents.at[i].existed);
		wire_put_u64(b, (uint64_t)stubs->parents.at[i].ctime_ns);
	}
}

void target_decode_stubs(WireReader *r, Stubs *stubs)
{
	uint32_t made = wire_get_u32(r);
	for (uint32_t i = 0; i < made && !r->bad; i++) {
		Stub stub = { .path = wire_get_cstr(r) };
		stub.directory = wire_get_u32(r) != 0;
		if (stub.path)
			VEC_PUSH(&stubs->made, stub);
	}
	uint32_t parents = wire_get_u32(r);
	for (uint32_t i = 0; i < parents && !r->bad; i++) {
		StubParent parent = { .path = wire_get_cstr(r) };
		parent.existed = wire_get_u32(r) != 0;
		parent.ctime_ns = (int64_t)wire_get_u64(r);
		if (parent.path)
			VEC_PUSH(&stubs->parents, parent);
	}
}
