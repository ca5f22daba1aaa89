/*
 * file.c - the file that an exporter writes: under another name until it is whole.
 *
 * Pipes, terminals (no) and devices have no name to move: they are written as they are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "export/export-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { LINKS_MAX = 40 }; /* as the kernel has it */

static Err *open_stdout(ExportFile *f)
{
	if (isatty(STDOUT_FILENO))
		return err_new(ERR_INPUT,
		               "cowardly refusing to save to a terminal. Use the -o flag "
		               "or redirect");
	f->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return f->fd < 0 ? err_sys(errno, "cannot write to standard output") : NULL;
}

/* The directory of DEST, a path from AT, as an fd; its last component in f->name. */
static Err *open_parent(Arena *a, int at, Str dest, ExportFile *f)
{
	ptrdiff_t slash = str_rfind(dest, '/');
	Str name = str_from_at(dest, (size_t)(slash + 1));
	Str dir = slash < 0 ? STR(".") : str_head(dest, slash == 0 ? 1 : (size_t)slash);
	if (name.len == 0 || name.len >= sizeof f->name)
		return err_new(ERR_INPUT, "'%.*s' is no name of a file", STR_ARG(dest));
	int fd = openat(at, arena_str(a, dir).ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open the directory of '%.*s'", STR_ARG(dest));
	memcpy(f->name, name.ptr, name.len);
	f->name[name.len] = '\0';
	closep(&f->dir_fd);
	f->dir_fd = fd;
	return NULL;
}

/* Of a symlink, its target is the file, there or not yet. */
static Err *follow_links(Arena *a, Str dest, ExportFile *f)
{
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(f->dir_fd, f->name, target, sizeof target);
		if (n < 0 && (errno == EINVAL || errno == ENOENT))
			return NULL;
		if (n < 0)
			return err_sys(errno, "cannot read the link '%.*s'", STR_ARG(dest));
		if ((size_t)n == sizeof target)
			return err_sys(ENAMETOOLONG, "cannot follow '%.*s'", STR_ARG(dest));
		TRY_WHILE(open_parent(a, f->dir_fd, (Str){ target, (size_t)n }, f),
		          "following the link '%.*s'", STR_ARG(dest));
	}
	return err_sys(ELOOP, "cannot follow '%.*s'", STR_ARG(dest));
}

static Err *open_tmp(Str dest, ExportFile *f)
{
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(f->tmp, sizeof f->tmp, ".decant-%d-%u", (int)getpid(), i);
		f->fd = openat(f->dir_fd, f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (f->fd >= 0 || errno != EEXIST)
			break;
	}
	if (f->fd >= 0)
		return NULL;
	f->tmp[0] = '\0';
	return err_set_elsewhere(err_sys(errno, "cannot create '%.*s'", STR_ARG(dest)));
}

static Err *open_file(Arena *a, Str dest, ExportFile *f)
{
	struct stat st;
	TRY(open_parent(a, AT_FDCWD, dest, f));
	/* with its links: the kernel refuses those that another put into a directory of all */
	bool there = fstatat(f->dir_fd, f->name, &st, 0) == 0;
	if (!there && errno != ENOENT)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(dest));
	if (there && S_ISDIR(st.st_mode))
		return err_new(ERR_INPUT, "'%.*s' is a directory", STR_ARG(dest));
	if (!there || S_ISREG(st.st_mode)) {
		TRY(follow_links(a, dest, f));
		return open_tmp(dest, f);
	}
	f->fd = openat(f->dir_fd, f->name, O_WRONLY | O_CLOEXEC);
	if (f->fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(dest));
	return NULL;
}

Err *export_file_dup(int fd, ExportFile *ret)
{
	*ret = EXPORT_FILE_NONE;
	ret->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return ret->fd < 0 ? err_sys(errno, "cannot write to a pipe") : NULL;
}

Err *export_file_open(Str dest, ExportFile *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_EXPORT_FILE ExportFile f = EXPORT_FILE_NONE;
	if (str_eqc(dest, "-"))
		TRY(open_stdout(&f));
	else
		TRY(open_file(&a, dest, &f));
	*ret = f;
	f = EXPORT_FILE_NONE;
	return NULL;
}

Err *export_file_commit(ExportFile *f)
{
	/* Write errors of network file systems come at close, and must not come after the rename.
	 */
	int fd = TAKE_FD(f->fd);
	if (close(fd) < 0)
		return err_set_elsewhere(err_sys(errno, "cannot write the output"));
	if (!f->tmp[0])
		return NULL;
	if (renameat(f->dir_fd, f->tmp, f->dir_fd, f->name) < 0)
		return err_sys(errno, "cannot put '%s' in place", f->name);
	f->tmp[0] = '\0';
	return NULL;
}

void export_file_done(ExportFile *f)
{
	closep(&f->fd);
	if (f->tmp[0])
		(void)unlinkat(f->dir_fd, f->tmp, 0); /* the error before is the one that is told */
	closep(&f->dir_fd);
	*f = EXPORT_FILE_NONE;
}

Err *export_tar_dir(TarWriter *tar, Str path)
{
	Entry e = { .path = path, .type = ENTRY_DIR, .mode = 0755 };
	return tar_writer_entry(tar, &e);
}

Err *export_tar_bytes(TarWriter *tar, Str path, Str bytes)
{
	Entry e = { .path = path, .type = ENTRY_FILE, .mode = 0644, .size = bytes.len };
	TRY(tar_writer_entry(tar, &e));
	return bytes.len ? tar_writer_data(tar, bytes.ptr, bytes.len) : NULL;
}

Err *export_copy_blob(const ExportJob *job, const Descriptor *d, Writer *to)
{
	enum { COPY_BYTES = 256 << 10 };
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_CLOSE int fd = -1;
	AUTO_FREE char *buf = xmalloc(COPY_BYTES);
	uint64_t size;
	TRY(store_blob_open(job->store, &d->digest, &fd, &size));
	AUTO_READER Reader *file = reader_from_fd(fd, "a blob");
	AUTO_READER Reader *hash = reader_hash(file);
	for (;;) {
		size_t n;
		TRY(cancel_check(job->cancel));
		TRY(reader_read(hash, buf, COPY_BYTES, &n));
		if (n == 0)
			break;
		TRY(writer_write(to, buf, n));
	}
	Digest is = reader_hash_digest(hash);
	if (digest_eq(&is, &d->digest))
		return NULL;
	return err_note(
		err_new(ERR_CORRUPT, "the blob '%s' is damaged", digest_text(&d->digest, text).ptr),
		"pull, load or build its image again");
}
