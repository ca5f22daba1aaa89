/* path_file.c - whole small files: read with a limit, written so that they are whole or absent. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

enum { READ_BYTES = 64 * 1024, TRIES_MAX = 100 };

Err *path_read_fd(int fd, size_t limit, const char *name, Buf *out)
{
	struct stat st;
	size_t start = out->len;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		/* a hint only: files of /proc say 0, and a file may grow while it is read */
		if ((uint64_t)st.st_size > limit)
			return err_new(ERR_INPUT, "'%s' is too large: more than %zu bytes", name,
			               limit);
		buf_reserve(out, (size_t)st.st_size + 1);
	}
	for (;;) {
		if (out->cap - out->len <= 1)
			buf_reserve(out, READ_BYTES);
		ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%s'", name);
		out->len += (size_t)n;
		out->ptr[out->len] = '\0';
		if (out->len - start > limit)
			return err_new(ERR_INPUT, "'%s' is too large: more than %zu bytes", name,
			               limit);
		if (n == 0)
			return NULL;
	}
}

Err *path_read_file(int dir_fd, const char *name, size_t limit, Buf *out)
{
	/* O_NONBLOCK: a FIFO of that name must not hang us before it is refused */
	AUTO_CLOSE int fd =
		path_try_beneath(dir_fd, str_from(name), O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return err_sys(-fd, "cannot open '%s'", name);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_sys(errno, "cannot look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is not a regular file", name);
	return path_read_fd(fd, limit, name, out);
}

/* 0 or an errno. */
static int write_all(int fd, const void *bytes, size_t len)
{
	for (const char *p = bytes; len > 0;) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

Err *path_write_all(int fd, const void *bytes, size_t len, const char *name)
{
	int errnum = write_all(fd, bytes, len);
	return errnum ? err_sys(errnum, "cannot write '%s'", name) : NULL;
}

Err *path_write_what(int fd, const void *bytes, size_t len, const char *what)
{
	int errnum = write_all(fd, bytes, len);
	return errnum ? err_sys(errnum, "cannot write %s", what) : NULL;
}

/* A new file with a name that nobody else has.  An fd or -errno. */
static int create_temporary(int dir_fd, char name[static 40])
{
	for (int i = 0; i < TRIES_MAX; i++) {
		uint64_t random;
		if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
			return -errno;
		(void)snprintf(name, 40, ".tmp.%016" PRIx64, random);
		int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		                0600);
		if (fd >= 0 || errno != EEXIST)
			return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

static Err *sync_directory(int dir_fd, const char *name)
{
	/* opened anew: DIR_FD may be O_PATH, which fsync refuses */
	AUTO_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return err_sys(errno, "cannot write '%s' to the disk", name);
	return NULL;
}

static Err *fill(int fd, const char *name, Str bytes, mode_t mode, bool sync)
{
	TRY(path_write_all(fd, bytes.ptr, bytes.len, name));
	if (fchmod(fd, mode & 07777) != 0)
		return err_sys(errno, "cannot set the mode of '%s'", name);
	if (sync && fsync(fd) != 0)
		return err_sys(errno, "cannot write '%s' to the disk", name);
	return NULL;
}

Err *path_write_file(int dir_fd, const char *name, Str bytes, mode_t mode, bool sync)
{
	char temporary[40];
	if (strchr(name, '/'))
		return err_sys(EINVAL, "cannot write '%s'", name);
	AUTO_CLOSE int fd = create_temporary(dir_fd, temporary);
	if (fd < 0)
		return err_sys(-fd, "cannot write '%s'", name);

	Err *e = fill(fd, name, bytes, mode, sync);
	if (!e && renameat(dir_fd, temporary, dir_fd, name) != 0)
		e = err_sys(errno, "cannot write '%s'", name);
	if (e) {
		(void)unlinkat(dir_fd, temporary, 0); /* best effort: the error is what counts */
		return e;
	}
	return sync ? sync_directory(dir_fd, name) : NULL;
}
