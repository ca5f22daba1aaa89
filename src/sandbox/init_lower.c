/* init_lower.c - the directory that holds the mount points, below all layers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "fs/walk.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct {
	const char *path;
	mode_t mode;
} init_entries[] = {
	{ "proc", S_IFDIR | 0755 },
	{ "sys", S_IFDIR | 0755 },
	{ "dev", S_IFDIR | 0755 },
	{ "etc", S_IFDIR | 0755 },
	{ "etc/hosts", S_IFREG | 0644 },
	{ "etc/hostname", S_IFREG | 0644 },
	{ "etc/resolv.conf", S_IFREG | 0644 },
};

static Err *fill(int dir_fd)
{
	const struct timespec zero[2] = { { 0 }, { 0 } };
	for (size_t i = 0; i < ARRAY_LEN(init_entries); i++) {
		const char *path = init_entries[i].path;
		mode_t mode = init_entries[i].mode;
		int failed = S_ISDIR(mode) ? mkdirat(dir_fd, path, mode & 07777)
		                           : mknodat(dir_fd, path, mode, 0);
		if (failed && errno != EEXIST)
			return err_sys(errno, "cannot make '%s'", path);
		if (fchmodat(dir_fd, path, mode & 07777, 0) < 0) /* whatever the umask was */
			return err_sys(errno, "cannot set the mode of '%s'", path);
	}
	if (fchmodat(dir_fd, ".", 0755, 0) < 0)
		return err_sys(errno, "cannot set the mode of the mount point directory");
	/* Directories last: making something in them sets their times. */
	for (size_t i = ARRAY_LEN(init_entries); i-- > 0;)
		if (utimensat(dir_fd, init_entries[i].path, zero, 0) < 0)
			return err_sys(errno, "cannot set the times of '%s'", init_entries[i].path);
	if (utimensat(dir_fd, ".", zero, 0) < 0)
		return err_sys(errno, "cannot set the times of the mount point directory");
	return NULL;
}

Err *sandbox_init_lower(int dir_fd, const char *name, int *ret_fd)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	AUTO_CLOSE int fd = openat(dir_fd, name, flags);
	if (fd < 0 && errno != ENOENT)
		return err_sys(errno, "cannot open '%s'", name);
	if (fd < 0) {
		/* Made aside and renamed: another process may be at it, and a half-made one must
		 * never be used.  Who comes second throws his own away. */
		AUTO_BUF Buf aside = BUF_INIT;
		buf_addf(&aside, ".%s.%d", name, (int)getpid());
		if (mkdirat(dir_fd, aside.ptr, 0755) < 0 && errno != EEXIST)
			return err_sys(errno, "cannot make '%s'", aside.ptr);
		AUTO_CLOSE int aside_fd = openat(dir_fd, aside.ptr, flags);
		if (aside_fd < 0)
			return err_sys(errno, "cannot open '%s'", aside.ptr);
		TRY(fill(aside_fd));
		if (renameat(dir_fd, aside.ptr, dir_fd, name) < 0) {
			if (errno != EEXIST && errno != ENOTEMPTY)
				return err_sys(errno, "cannot rename '%s'", aside.ptr);
			TRY(path_remove_tree(dir_fd, aside.ptr));
		}
		fd = openat(dir_fd, name, flags);
		if (fd < 0)
			return err_sys(errno, "cannot open '%s'", name);
	}
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

typedef struct Count {
	size_t right;
	uid_t owner;
} Count;

/* One that is not there, or is of another kind or owner, is counted as wrong: where the image has
 * none of that name, it is what a RUN sees. */
static Err *count_right(void *context, const WalkFile *f, bool *skip)
{
	Count *count = context;
	(void)skip;
	for (size_t i = 0; i < ARRAY_LEN(init_entries); i++)
		if (str_eqc(f->path, init_entries[i].path) &&
		    f->st.st_mode == init_entries[i].mode && f->st.st_uid == count->owner &&
		    (S_ISDIR(f->st.st_mode) || f->st.st_size == 0)) {
			count->right++;
			return NULL;
		}
	return err_new(ERR_CORRUPT, "'%.*s' is none of ours", STR_ARG(f->path));
}

bool sandbox_init_is_whole(int dir_fd, const char *name)
{
	struct stat st;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(dir_fd, &st) < 0)
		return false;
	Count count = { .owner = st.st_uid };
	Err *e = walk_tree(fd, NULL, count_right, &count);
	bool whole = !e && count.right == ARRAY_LEN(init_entries);
	err_free(e); /* told by the result */
	return whole;
}
