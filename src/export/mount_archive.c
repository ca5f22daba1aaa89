/* mount_archive.c - cache mounts as a tar archive: written from their directories, read into new
 * ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/vec.h"
#include "codec/tar.h"
#include "exec/load.h"
#include "export/export-internal.h"
#include "export/mount_archive.h"
#include "fs/copy.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/extract.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

enum { COPY_BYTES = 256 << 10 };

/* --- writing ---------------------------------------------------------------------------------- */

typedef struct Writing {
	TarWriter *tar;
	Arena arena; /* of one cache */
	Str prefix;  /* "<key>/files" */
	Map links;   /* "dev:ino" → Str *, the first path of it */
	char *block;
} Writing;

static EntryType type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return ENTRY_DIR;
	case S_IFLNK:
		return ENTRY_SYMLINK;
	case S_IFCHR:
		return ENTRY_CHAR;
	case S_IFBLK:
		return ENTRY_BLOCK;
	case S_IFIFO:
		return ENTRY_FIFO;
	default:
		return ENTRY_FILE;
	}
}

static Entry entry_of(Str path, const struct stat *st)
{
	return (Entry){
		.path = path,
		.type = type_of(st->st_mode),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev_major = major(st->st_rdev),
		.rdev_minor = minor(st->st_rdev),
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	};
}

/* A second name of a file that was written: *ret_is, and E is a link to the first. */
static bool is_second_name(Writing *w, const struct stat *st, Entry *e)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink < 2)
		return false;
	Str id = arena_strf(&w->arena, "%llx:%llx", (unsigned long long)st->st_dev,
	                    (unsigned long long)st->st_ino);
	const Str *first = map_get(&w->links, id);
	if (first) {
		e->type = ENTRY_HARDLINK;
		e->link = *first;
		e->size = 0;
		return true;
	}
	Str *path = arena_new(&w->arena, Str);
	*path = arena_str(&w->arena, e->path);
	(void)map_put(&w->links, id, path);
	return false;
}

/* Exactly e->size bytes: the cache is held, so nobody should change it meanwhile. */
static Err *write_content(Writing *w, int fd, const Entry *e)
{
	for (uint64_t left = e->size; left;) {
		ssize_t n = read(fd, w->block, left < COPY_BYTES ? (size_t)left : COPY_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%.*s'", STR_ARG(e->path));
		if (n == 0)
			return err_new(ERR_SYSTEM, "'%.*s' changed while it was read",
			               STR_ARG(e->path));
		TRY(tar_writer_data(w->tar, w->block, (size_t)n));
		left -= (uint64_t)n;
	}
	return NULL;
}

static Err *write_file(void *context, const WalkFile *f, bool *skip)
{
	Writing *w = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	(void)skip;
	if (S_ISSOCK(f->st.st_mode))
		return NULL; /* of a program that is gone */
	Entry e =
		entry_of(arena_strf(&a, "%.*s/%.*s", STR_ARG(w->prefix), STR_ARG(f->path)), &f->st);
	if (is_second_name(w, &f->st, &e))
		return tar_writer_entry(w->tar, &e);
	if (e.type == ENTRY_SYMLINK) {
		AUTO_BUF Buf target = BUF_INIT;
		buf_reserve(&target, PATH_BYTES_MAX);
		ssize_t n = readlinkat(f->dir_fd, f->name, target.ptr, PATH_BYTES_MAX);
		if (n < 0)
			return err_sys(errno, "cannot read the link '%.*s'", STR_ARG(e.path));
		e.link = arena_str(&a, (Str){ target.ptr, (size_t)n });
		return tar_writer_entry(w->tar, &e);
	}
	bool regular = e.type == ENTRY_FILE;
	AUTO_CLOSE int fd =
		openat(f->dir_fd, f->name, (regular ? O_RDONLY : O_PATH) | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(e.path));
	TRY(copy_read_xattrs(&a, fd, f->name, &e.xattrs, &e.xattr_count));
	TRY(tar_writer_entry(w->tar, &e));
	return regular ? write_content(w, fd, &e) : NULL;
}

static Err *write_info(TarWriter *tar, Arena *a, const char *key, Str info)
{
	Entry dir = { .path = str_from(key), .type = ENTRY_DIR, .mode = 0755 };
	Entry e = { .path = arena_strf(a, "%s/info", key),
		    .type = ENTRY_FILE,
		    .mode = 0644,
		    .size = info.len };
	TRY(tar_writer_entry(tar, &dir));
	TRY(tar_writer_entry(tar, &e));
	return info.len ? tar_writer_data(tar, info.ptr, info.len) : NULL;
}

static Err *write_mount(Store *s, const StoreMount *m, Writing *w, const Cancel *cancel)
{
	char key[DIGEST_HEX_LEN + 1];
	struct stat st;
	StoreMountHold hold = STORE_MOUNT_HOLD_NONE;
	StoreMountWish wish = { .key = m->key, .info = m->info, .sharing = STORE_LOCKED };
	(void)digest_hex(&m->key, key);
	TRY(store_mount_take(s, &wish, cancel, &hold));
	w->prefix = arena_strf(&w->arena, "%s/files", key);
	Err *e = write_info(w->tar, &w->arena, key, m->info);
	if (!e && fstat(hold.dir_fd, &st) < 0)
		e = err_sys(errno, "cannot look at a cache mount");
	if (!e) {
		Entry root = entry_of(w->prefix, &st);
		e = tar_writer_entry(w->tar, &root);
	}
	if (!e)
		e = walk_tree(hold.dir_fd, cancel, write_file, w);
	store_mount_release(&hold);
	return e;
}

Err *mount_archive_write_to(Store *s, const StoreMount *mounts, size_t count, Writer *out,
                            const Cancel *cancel)
{
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(out);
	AUTO_FREE char *block = xmalloc(COPY_BYTES);
	Err *e = NULL;
	for (size_t i = 0; i < count && !e; i++) {
		Writing w = { .tar = tar, .block = block };
		e = write_mount(s, &mounts[i], &w, cancel);
		map_done(&w.links);
		arena_done(&w.arena);
	}
	return e ? e : tar_writer_finish(tar);
}

Err *mount_archive_write(Store *s, const StoreMount *mounts, size_t count, Str dest,
                         const CompressionSpec *compression, const Cancel *cancel)
{
	AUTO_EXPORT_FILE ExportFile file = EXPORT_FILE_NONE;
	TRY(export_file_open(dest, &file));
	AUTO_WRITER Writer *out = writer_to_fd(file.fd, dest.ptr);
	AUTO_WRITER Writer *packed = compressor_writer(compression, out);
	TRY(mount_archive_write_to(s, mounts, count, packed, cancel));
	TRY(writer_finish(packed));
	TRY(writer_finish(out));
	return export_file_commit(&file);
}

/* --- reading ---------------------------------------------------------------------------------- */

typedef VEC(MountArchived) ArchivedVec;

typedef struct Reading {
	Store *store;
	bool replace;
	const Cancel *cancel;
	Arena *arena;
	int dir_fd; /* what was extracted */
	int tmp_fd;
	ArchivedVec found;
} Reading;

/* Move one cache out of what was extracted. */
static Err *take_one(Reading *r, const char *name)
{
	MountArchived *m;
	AUTO_BUF Buf info = BUF_INIT;
	char aside[32];
	struct stat st;
	Digest key;
	AUTO_CLOSE int fd =
		openat(r->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ERR Err *bad = digest_parse_hex(str_from(name), &key);
	if (fd < 0 || bad)
		return err_new(ERR_INPUT, "'%s' in the archive is no cache", name);
	TRY(path_read_file(fd, "info", MOUNT_INFO_BYTES_MAX, &info));
	Digest is = sha256_of(buf_str(&info));
	if (!digest_eq(&is, &key))
		return err_new(ERR_CORRUPT, "'%s/info' in the archive is that of another cache",
		               name);
	if (fstatat(fd, "files", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return err_new(ERR_CORRUPT, "'%s/files' in the archive is no directory", name);
	VEC_PUSH(&r->found, (MountArchived){ .key = key });
	m = &r->found.at[r->found.len - 1];
	m->info = arena_str(r->arena, buf_str(&info));
	store_tmp_name(r->store, "mount", aside);
	if (renameat(fd, "files", r->tmp_fd, aside) < 0)
		return err_sys(errno, "cannot move a cache mount");
	TRY(store_mount_put(r->store, &key, m->info, aside, r->replace, r->cancel, &m->kept));
	return m->kept ? path_remove_tree(r->tmp_fd, aside) : NULL;
}

static Err *take_all(Reading *r)
{
	int again = openat(r->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (!dir)
		return err_sys(errno, "cannot read what was extracted");
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			e = take_one(r, d->d_name);
	(void)closedir(dir);
	return e;
}

static Err *extract(Reading *r, Reader *in, const char *overlay_prefix)
{
	Extract how = { .root_fd = r->dir_fd,
		        .overlay_prefix = overlay_prefix,
		        .cancel = r->cancel };
	AUTO_LIST List *list = NULL;
	AUTO_READER Reader *peek = NULL;
	AUTO_READER Reader *tar = NULL;
	bool empty;
	TRY(load_unwrap(in, &peek, &tar, &empty));
	if (empty)
		return err_new(ERR_INPUT, "the archive is empty");
	return extract_tar(&how, tar, &list);
}

Err *mount_archive_read(Store *s, Reader *in, const char *name, bool replace,
                        const char *overlay_prefix, const Cancel *cancel, Arena *a,
                        MountArchived **ret, size_t *ret_count)
{
	Reading r = { .store = s, .replace = replace, .cancel = cancel, .arena = a, .dir_fd = -1 };
	char scratch[32];
	TRY(store_tmp_fd(s, &r.tmp_fd));
	store_tmp_name(s, "import", scratch);
	if (mkdirat(r.tmp_fd, scratch, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	Err *e = NULL;
	r.dir_fd = openat(r.tmp_fd, scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.dir_fd < 0)
		e = err_sys(errno, "cannot open a scratch directory");
	if (!e)
		e = extract(&r, in, overlay_prefix);
	if (!e)
		e = take_all(&r);
	closep(&r.dir_fd);
	Err *removed = path_remove_tree(r.tmp_fd, scratch);
	if (e)
		err_free(removed); /* the first error is told; what is left goes with the scratch
		                      space */
	else
		e = removed;
	if (!e) {
		*ret = arena_alloc(a, (r.found.len + 1) * sizeof **ret, _Alignof(MountArchived));
		*ret_count = r.found.len;
		if (r.found.len)
			memcpy(*ret, r.found.at, r.found.len * sizeof **ret);
	}
	VEC_DONE(&r.found);
	return e ? err_while(e, "reading the archive '%s'", name) : NULL;
}
