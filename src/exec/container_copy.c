/* container_copy.c - files from one root to another, and as tar archives: docker cp's rules. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "exec/container_tree.h"
#include "fs/copy.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/extract.h"
#include "layer/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>

typedef VEC(Entry) Entries;

/* One source on its way: the entries of it, in order, go to ENTRY. */
typedef struct Outgoing {
	const TreeCopy *how;
	TreeCopy *counts;
	bool to_host;
	Str prefix; /* before each path; "" none */
	Arena *arena;
	Map linked; /* "dev:ino" → where it was first */
	Err *(*entry)(struct Outgoing *s, const Entry *e, int fd);
	TarWriter *tar;
	Place *place;
	Entries dirs; /* they get their metadata last */
} Outgoing;

/* --- what is typed --------------------------------------------------------------------------- */

typedef struct Named {
	int fd; /* O_PATH, -1: it is not there */
	struct stat st;
	bool ends_in_slash, ends_in_dot;
} Named;

static void named_done(Named *n)
{
	closep(&n->fd);
}

static Err *find_named(const TreePlace *p, bool follow, Named *ret)
{
	Str path = p->path;
	*ret = (Named){ .fd = -1,
		        .ends_in_slash = str_ends(path, STR("/")),
		        .ends_in_dot = str_ends(path, STR("/.")) || str_eqc(path, ".") };
	bool as_directory = ret->ends_in_slash || ret->ends_in_dot;
	int flags = O_PATH | O_CLOEXEC | (follow || as_directory ? 0 : O_NOFOLLOW);
	int fd = path_try_in_root(p->root_fd, path, flags, 0);
	if (fd == -ENOENT)
		return NULL;
	if (fd < 0)
		return err_sys(-fd, "cannot open '%.*s'", STR_ARG(path));
	ret->fd = fd;
	if (fstat(fd, &ret->st) < 0)
		return err_sys(errno, "cannot look at '%.*s'", STR_ARG(path));
	if (as_directory && !S_ISDIR(ret->st.st_mode))
		return err_new(ERR_INPUT, "'%.*s' is not a directory", STR_ARG(path));
	return NULL;
}

static Err *find_source(const TreePlace *from, bool follow, Named *ret)
{
	TRY(find_named(from, follow, ret));
	if (ret->fd >= 0)
		return NULL;
	return from->host ? err_new(ERR_NOT_FOUND, "no such file: '%.*s'", STR_ARG(from->path))
	                  : err_new(ERR_NOT_FOUND, "Could not find the file %.*s in %.*s",
	                            STR_ARG(from->path), STR_ARG(from->owner));
}

/* The last component of a typed path, "" for a root. */
static Str last_name(Arena *a, Str path)
{
	return entry_name(path_clean_in_root(a, path));
}

/* --- entries --------------------------------------------------------------------------------- */

static bool type_of(mode_t mode, EntryType *ret)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		*ret = ENTRY_FILE;
		return true;
	case S_IFDIR:
		*ret = ENTRY_DIR;
		return true;
	case S_IFLNK:
		*ret = ENTRY_SYMLINK;
		return true;
	case S_IFCHR:
		*ret = ENTRY_CHAR;
		return true;
	case S_IFBLK:
		*ret = ENTRY_BLOCK;
		return true;
	case S_IFIFO:
		*ret = ENTRY_FIFO;
		return true;
	default:
		return false; /* sockets are of no use elsewhere */
	}
}

static void set_owner(const Outgoing *s, Entry *e)
{
	if (s->how->archive || s->tar)
		return;
	/* Rights of an owner that is not the new one are nobody's. */
	if (e->uid != 0)
		e->mode &= ~(uint32_t)S_ISUID;
	if (e->gid != 0)
		e->mode &= ~(uint32_t)S_ISGID;
	e->uid = e->gid = 0;
	if (s->to_host)
		e->xattr_count = 0; /* capabilities of a stranger's files */
}

/* A file with several names: the later ones are links to the first. */
static void link_to_first(Outgoing *s, const struct stat *st, Entry *e)
{
	if (e->type != ENTRY_FILE || st->st_nlink < 2)
		return;
	Str key = arena_strf(s->arena, "%llx:%llx", (unsigned long long)st->st_dev,
	                     (unsigned long long)st->st_ino);
	MapSlot *slot = map_find(&s->linked, key);
	if (!slot) {
		Str *path = arena_new(s->arena, Str);
		*path = arena_str(s->arena, e->path);
		(void)map_put(&s->linked, key, path);
		return;
	}
	e->type = ENTRY_HARDLINK;
	e->link = *(Str *)slot->value;
	e->size = 0;
}

static Err *read_target(Arena *a, int dir_fd, const char *name, Str *ret)
{
	char *target = arena_alloc(a, PATH_BYTES_MAX, 1);
	ssize_t n = readlinkat(dir_fd, name, target, PATH_BYTES_MAX);
	if (n < 0 || n == PATH_BYTES_MAX)
		return err_sys(n < 0 ? errno : ENAMETOOLONG, "cannot read the link '%s'", name);
	*ret = (Str){ target, (size_t)n };
	return NULL;
}

/* NAME of DIR_FD, which is at PATH of what is copied. */
static Err *send_file(Outgoing *s, Str path, int dir_fd, const char *name, const struct stat *st)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Entry e = { .path = !s->prefix.len ? path
		            : path.len
		                    ? arena_strf(&a, "%.*s/%.*s", STR_ARG(s->prefix), STR_ARG(path))
		                    : s->prefix,
		    .mode = st->st_mode & 07777,
		    .uid = st->st_uid,
		    .gid = st->st_gid,
		    .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec };
	if (!type_of(st->st_mode, &e.type))
		return NULL;
	if ((e.type == ENTRY_CHAR || e.type == ENTRY_BLOCK) && s->to_host) {
		s->counts->skipped++; /* a device made by a stranger's image is no file to have */
		return NULL;
	}
	e.rdev_major = major(st->st_rdev);
	e.rdev_minor = minor(st->st_rdev);
	if (e.type == ENTRY_SYMLINK)
		TRY(read_target(&a, dir_fd, name, &e.link));
	e.size = e.type == ENTRY_FILE ? (uint64_t)st->st_size : 0;
	bool opened = e.type == ENTRY_FILE || e.type == ENTRY_DIR;
	AUTO_CLOSE int fd =
		opened ? openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	if (opened && fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(e.path));
	if (opened)
		TRY(copy_read_xattrs(&a, fd, name, &e.xattrs, &e.xattr_count));
	link_to_first(s, st, &e);
	set_owner(s, &e);
	return s->entry(s, &e, e.type == ENTRY_FILE ? fd : -1);
}

static Err *send_walked(void *context, const WalkFile *f, bool *skip)
{
	(void)skip;
	return send_file(context, f->path, f->dir_fd, f->name, &f->st);
}

/* All of what FROM names; TOP: its own entry too. */
static Err *send_all(Outgoing *s, const Named *named, const TreePlace *from, bool top)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (!S_ISDIR(named->st.st_mode)) {
		char self[40];
		/* A link itself, or what was opened: by its parent and name. */
		int parent;
		char name[256];
		if (S_ISLNK(named->st.st_mode)) {
			Str clean = path_clean_in_root(&a, from->path);
			TRY(path_open_in_root(from->root_fd, entry_parent(clean),
			                      O_PATH | O_DIRECTORY | O_CLOEXEC, 0, &parent));
			AUTO_CLOSE int dir = parent;
			(void)snprintf(name, sizeof name, "%.*s", STR_ARG(entry_name(clean)));
			return send_file(s, STR(""), dir, name, &named->st);
		}
		(void)snprintf(self, sizeof self, "/proc/self/fd/%d", named->fd);
		AUTO_CLOSE int fd =
			open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* whole path: below /proc */
		if (fd < 0)
			return err_sys(errno, "cannot open '%.*s'", STR_ARG(from->path));
		Entry e = { .path = s->prefix,
			    .mode = named->st.st_mode & 07777,
			    .uid = named->st.st_uid,
			    .gid = named->st.st_gid,
			    .mtime_ns = (int64_t)named->st.st_mtim.tv_sec * 1000000000 +
			                named->st.st_mtim.tv_nsec,
			    .size = (uint64_t)named->st.st_size,
			    .type = ENTRY_FILE };
		if (!S_ISREG(named->st.st_mode))
			return err_new(ERR_INPUT, "'%.*s' is no file, directory or link",
			               STR_ARG(from->path));
		set_owner(s, &e);
		return s->entry(s, &e, fd);
	}
	AUTO_CLOSE int dir = openat(named->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(from->path));
	if (top)
		TRY(send_file(s, STR(""), dir, ".", &named->st));
	return walk_tree(dir, s->how->cancel, send_walked, s);
}

static void outgoing_done(Outgoing *s)
{
	map_done(&s->linked);
	VEC_DONE(&s->dirs);
}

/* --- to a tar archive ------------------------------------------------------------------------ */

static Err *entry_to_tar(Outgoing *s, const Entry *e, int fd)
{
	char block[65536];
	TRY(tar_writer_entry(s->tar, e));
	for (uint64_t left = fd < 0 ? 0 : e->size; left;) {
		ssize_t n = read(fd, block, left < sizeof block ? (size_t)left : sizeof block);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_sys(errno, "cannot read '%.*s'", STR_ARG(e->path))
			             : err_new(ERR_INPUT, "'%.*s' changed while it was copied",
			                       STR_ARG(e->path));
		TRY(tar_writer_data(s->tar, block, (size_t)n));
		left -= (uint64_t)n;
	}
	return NULL;
}

Err *tree_write_tar(const TreePlace *from, const TreeCopy *how, Writer *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	CLEANUP(named_done) Named named;
	TRY(find_source(from, how->follow_link, &named));
	TreeCopy counts = *how;
	CLEANUP(outgoing_done)
	Outgoing s = { .how = how,
		       .counts = &counts,
		       .arena = &a,
		       .entry = entry_to_tar,
		       .tar = tar,
		       .prefix = last_name(&a, from->path) };
	TRY(send_all(&s, &named, from, s.prefix.len > 0));
	return tar_writer_finish(tar);
}

/* --- to another root ------------------------------------------------------------------------- */

static Err *entry_to_place(Outgoing *s, const Entry *e, int fd)
{
	int to = -1;
	if (!e->path.len)
		return NULL; /* the directory that is there */
	TRY(place_begin(s->place, e, &to));
	if (to >= 0 && fd >= 0) {
		Err *bad = copy_bytes(fd, to, e->size, NULL, arena_str(s->arena, e->path).ptr,
		                      s->how->cancel);
		if (bad) {
			close(to);
			return bad;
		}
	}
	if (e->type == ENTRY_DIR)
		VEC_PUSH(&s->dirs, entry_copy(s->arena, e));
	return place_finish(s->place, e, to);
}

/* Deepest first: making files in a directory has changed its times. */
static Err *finish_dirs(const Outgoing *s, int root_fd)
{
	for (size_t i = s->dirs.len; i-- > 0;) {
		int parent;
		char name[256];
		TRY(path_open_parent(root_fd, s->dirs.at[i].path, &parent, name));
		AUTO_CLOSE int dir = parent;
		TRY(copy_set_metadata(dir, name, &s->dirs.at[i], NULL));
	}
	return NULL;
}

/* The directory that NAME (of *ret_name) comes into. */
static Err *find_target(const TreePlace *to, const Named *source, Arena *a, Str source_name,
                        int *ret_fd, Str *ret_name)
{
	CLEANUP(named_done) Named target;
	bool source_is_dir = S_ISDIR(source->st.st_mode);
	TRY(find_named(to, true, &target));
	if (target.fd >= 0 && S_ISDIR(target.st.st_mode)) {
		*ret_name = source_is_dir && (source->ends_in_dot || !source_name.len)
		                    ? STR("")
		                    : source_name;
		*ret_fd = TAKE_FD(target.fd);
		return NULL;
	}
	if (target.fd >= 0 && source_is_dir)
		return err_new(ERR_INPUT, "cannot copy a directory over the file '%.*s'",
		               STR_ARG(to->path));
	if (target.fd < 0 && target.ends_in_slash && !source_is_dir)
		return err_new(ERR_NOT_FOUND, "the destination directory '%.*s' must exist",
		               STR_ARG(to->path));
	/* Through links, to where the name itself is. */
	Str clean = path_clean_in_root(a, to->path);
	*ret_name = entry_name(clean);
	int fd = path_try_in_root(to->root_fd, entry_parent(clean),
	                          O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_new(ERR_NOT_FOUND, "the directory of '%.*s' does not exist: %s",
		               STR_ARG(to->path), strerror(-fd));
	*ret_fd = fd;
	return NULL;
}

Err *tree_copy(const TreePlace *from, const TreePlace *to, TreeCopy *how)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	CLEANUP(named_done) Named source;
	AUTO_PLACE Place place = { .dir_fd = -1 };
	int fd;
	Str name;
	TRY(find_source(from, how->follow_link, &source));
	TRY(find_target(to, &source, &a, last_name(&a, from->path), &fd, &name));
	AUTO_CLOSE int target = fd;
	place_init(&place, target, NULL);
	CLEANUP(outgoing_done)
	Outgoing s = { .how = how,
		       .counts = how,
		       .to_host = to->host,
		       .arena = &a,
		       .entry = entry_to_place,
		       .place = &place,
		       .prefix = name };
	TRY(send_all(&s, &source, from, name.len > 0));
	return finish_dirs(&s, target);
}

Err *tree_read_tar(Reader *tar, const TreePlace *to, const TreeCopy *how)
{
	CLEANUP(named_done) Named target;
	AUTO_LIST List *made = NULL;
	TRY(find_named(to, true, &target));
	if (target.fd < 0 || !S_ISDIR(target.st.st_mode))
		return err_new(ERR_NOT_FOUND, "the destination '%.*s' must be a directory",
		               STR_ARG(to->path));
	AUTO_CLOSE int dir = openat(target.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(to->path));
	Extract extract = { .root_fd = dir,
		            .overlay_prefix = sandbox_overlay_prefix(),
		            .cancel = how->cancel };
	TRY(extract_tar(&extract, tar, &made));
	return NULL;
}
