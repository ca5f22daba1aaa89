/* copy.c - bytes, owners, modes, times and xattrs from one file to another. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/copy.h"
#include "fs/path.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6; the same number on every architecture */
#endif

enum {
	/* Below it a read and a write are as fast as the kernel's own copying, and a reflink of a
	 * few blocks costs more metadata than it saves. */
	KERNEL_COPY_MIN = 64 * 1024,
	CHUNK_BYTES = 64 * 1024,
	KERNEL_CHUNK_BYTES = 1 << 30,
	SELF_FD_BYTES = 40,
};

static Err *changed(const char *name)
{
	return err_new(ERR_INPUT, "'%s' changed while it was copied", name);
}

/* Share the blocks of the whole file, if it is copied whole into an empty one. */
static Err *reflink(int from_fd, int to_fd, uint64_t size, const char *name, bool *ret_done)
{
	struct stat from, to;
	*ret_done = false;
	if (lseek(from_fd, 0, SEEK_CUR) != 0 || lseek(to_fd, 0, SEEK_CUR) != 0 ||
	    fstat(from_fd, &from) != 0 || fstat(to_fd, &to) != 0 ||
	    (uint64_t)from.st_size != size || to.st_size != 0 ||
	    ioctl(to_fd, FICLONE, from_fd) != 0)
		return NULL;
	/* it may have grown or shrunk between fstat and clone */
	if (fstat(to_fd, &to) != 0 || (uint64_t)to.st_size != size)
		return changed(name);
	if (lseek(from_fd, (off_t)size, SEEK_SET) < 0 || lseek(to_fd, (off_t)size, SEEK_SET) < 0)
		return err_sys(errno, "cannot copy '%s'", name);
	*ret_done = true;
	return NULL;
}

/* As much as copy_file_range will do; *size is what is left. */
static Err *kernel_copy(int from_fd, int to_fd, uint64_t *size, const char *name)
{
	while (*size > 0) {
		size_t want = *size < KERNEL_CHUNK_BYTES ? (size_t)*size : KERNEL_CHUNK_BYTES;
		ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, want, 0);
		if (n > 0)
			*size -= (uint64_t)n;
		else if (n < 0 &&
		         (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
			return err_sys(errno, "cannot write '%s'", name);
		else if (n == 0 || errno != EINTR)
			/* the end, or it cannot be done so (/proc gives 0; EXDEV, EINVAL, ENOSYS
			 * ...): reading and writing will tell */
			return NULL;
	}
	return NULL;
}

Err *copy_bytes(int from_fd, int to_fd, uint64_t size, Sha256 *hash, const char *name,
                const Cancel *cancel)
{
	if (!hash && size >= KERNEL_COPY_MIN) {
		bool done;
		TRY(reflink(from_fd, to_fd, size, name, &done));
		if (done)
			return NULL;
		TRY(kernel_copy(from_fd, to_fd, &size, name));
	}
	char chunk[CHUNK_BYTES];
	while (size > 0) {
		TRY(cancel_check(cancel));
		ssize_t n = read(from_fd, chunk, size < sizeof chunk ? (size_t)size : sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%s'", name);
		if (n == 0)
			return changed(name);
		if (hash)
			sha256_add(hash, chunk, (size_t)n);
		TRY(path_write_all(to_fd, chunk, (size_t)n, name));
		size -= (uint64_t)n;
	}
	return NULL;
}

/*
 * The path by which calls that know no AT_EMPTY_PATH reach the file of an O_PATH fd, be it a
 * symlink: the kernel jumps to the very file and follows nothing more.
 */
static const char *self_fd(int fd, char text[static SELF_FD_BYTES])
{
	(void)snprintf(text, SELF_FD_BYTES, "/proc/self/fd/%d", fd);
	return text;
}

/* flistxattr and fgetxattr refuse O_PATH fds with EBADF. */
static ssize_t list_names(int fd, const char *self, char *names, size_t size)
{
	ssize_t n = flistxattr(fd, names, size);
	return n < 0 && errno == EBADF ? listxattr(self, names, size) : n;
}

static ssize_t get_value(int fd, const char *self, const char *name, char *value, size_t size)
{
	ssize_t n = fgetxattr(fd, name, value, size);
	return n < 0 && errno == EBADF ? getxattr(self, name, value, size) : n;
}

static int compare_xattrs(const void *a, const void *b)
{
	return str_cmp(((const Xattr *)a)->name, ((const Xattr *)b)->name);
}

static size_t count_names(Str names)
{
	size_t count = 0;
	for (size_t i = 0; i < names.len; i++)
		count += names.ptr[i] == '\0';
	return count;
}

/* Read the values of NAMES (NUL after each). */
static Err *read_values(Arena *a, int fd, const char *self, Str names, const char *name,
                        const Xattr **ret, size_t *ret_count)
{
	AUTO_FREE char *value = xmalloc(XATTR_VALUE_BYTES_MAX);
	size_t max = count_names(names), count = 0;
	if (max > XATTRS_PER_FILE_MAX)
		return err_new(ERR_INPUT, "'%s' has too many extended attributes", name);
	Xattr *x = arena_alloc(a, max * sizeof *x, _Alignof(Xattr));
	for (const char *p = names.ptr; p < names.ptr + names.len; p += strlen(p) + 1) {
		ssize_t n = get_value(fd, self, p, value, XATTR_VALUE_BYTES_MAX);
		if (n < 0 && errno == ENODATA)
			continue; /* taken away since it was listed */
		if (n < 0)
			return err_sys(errno, "cannot read the extended attribute %s of '%s'", p,
			               name);
		x[count].name = arena_str(a, str_from(p));
		x[count++].value = arena_str(a, (Str){ value, (size_t)n });
	}
	qsort(x, count, sizeof *x, compare_xattrs);
	*ret = x;
	*ret_count = count;
	return NULL;
}

Err *copy_read_xattrs(Arena *a, int fd, const char *name, const Xattr **ret, size_t *ret_count)
{
	char self[SELF_FD_BYTES], small[512];
	AUTO_FREE char *large = NULL;
	char *names = small;
	(void)self_fd(fd, self);
	ssize_t n = list_names(fd, self, small, sizeof small);
	if (n < 0 && errno == ERANGE) {
		names = large = xmalloc(XATTR_LIST_MAX);
		n = list_names(fd, self, large, XATTR_LIST_MAX);
	}
	if (n < 0 && errno != ENOTSUP)
		return err_sys(errno, "cannot list the extended attributes of '%s'", name);
	if (n > 0)
		return read_values(a, fd, self, (Str){ names, (size_t)n }, name, ret, ret_count);
	*ret = NULL;
	*ret_count = 0;
	return NULL;
}

/* chmod that follows no link.  0 or -errno. */
static int set_mode(int dir_fd, const char *name, uint32_t mode)
{
	if (syscall(SYS_fchmodat2, dir_fd, name, mode & 07777, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM) /* EPERM: or a filter that does not know the call */
		return -errno;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char self[SELF_FD_BYTES];
	if (fd < 0 || fchmodat(AT_FDCWD, self_fd(fd, self), mode & 07777, 0) != 0)
		return -errno;
	return 0;
}

static Err *set_xattrs(int dir_fd, const char *name, const Entry *e, unsigned *skipped)
{
	AUTO_CLOSE int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", name);
	char self[SELF_FD_BYTES];
	(void)self_fd(fd, self);
	for (size_t i = 0; i < e->xattr_count; i++) {
		char xattr[XATTR_NAME_MAX + 1];
		if (e->xattrs[i].name.len > XATTR_NAME_MAX)
			return err_sys(ERANGE, "cannot set an extended attribute of '%s'", name);
		(void)snprintf(xattr, sizeof xattr, "%.*s", STR_ARG(e->xattrs[i].name));
		Str value = e->xattrs[i].value;
		if (setxattr(self, xattr, value.ptr, value.len, 0) == 0)
			continue;
		if (errno != EPERM && errno != ENOTSUP)
			return err_sys(errno, "cannot set the extended attribute %s of '%s'", xattr,
			               name);
		(*skipped)++;
	}
	return NULL;
}

static struct timespec to_timespec(int64_t ns)
{
	enum { SECOND = 1000000000 };
	int64_t below = ns % SECOND < 0; /* before 1970: round down */
	return (struct timespec){ .tv_sec = ns / SECOND - below,
		                  .tv_nsec = ns % SECOND + below * SECOND };
}

Err *copy_set_metadata(int dir_fd, const char *name, const Entry *e, unsigned *ret_skipped)
{
	unsigned skipped = 0;
	/* The order matters: chown clears setuid bits and security.capability; times come last,
	 * since everything before changes none but what follows might. */
	if (fchownat(dir_fd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(errno, "cannot set the owner of '%s' to %u:%u", name, e->uid,
		               e->gid);
	if (e->type != ENTRY_SYMLINK) {
		int r = set_mode(dir_fd, name, e->mode);
		if (r < 0)
			return err_sys(-r, "cannot set the mode of '%s'", name);
	}
	if (e->xattr_count > 0)
		TRY(set_xattrs(dir_fd, name, e, &skipped));
	struct timespec mtime = to_timespec(e->mtime_ns);
	if (utimensat(dir_fd, name, (struct timespec[]){ mtime, mtime }, AT_SYMLINK_NOFOLLOW) != 0)
		return err_sys(errno, "cannot set the time of '%s'", name);
	if (ret_skipped)
		*ret_skipped += skipped;
	return NULL;
}
