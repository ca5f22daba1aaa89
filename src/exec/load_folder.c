/*
 * load_folder.c - the files of a folder as members: an OCI layout, an unpacked archive, skopeo's
 * dir:.
 *
 * Only what a document names is read: the folder may be a store of many images.  Names are resolved
 * below the folder, links too.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/load-internal.h"
#include "fs/path.h"

#include <fcntl.h>
#include <sys/stat.h>

static Err *read_file(void *context, void *buf, size_t cap, size_t *ret_len)
{
	ssize_t n;
	do
		n = read(*(const int *)context, buf, cap);
	while (n < 0 && errno == EINTR);
	*ret_len = n < 0 ? 0 : (size_t)n;
	return n < 0 ? err_sys(errno, "cannot read it") : NULL;
}

Err *load_folder_take(const Spool *spool, Str name)
{
	struct stat st;
	AUTO_CLOSE int fd =
		path_try_in_root(spool->dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return NULL;
	if (fd < 0)
		return err_sys(errno, "cannot open it");
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CORRUPT, "it is no file");
	Member *m = arena_new(spool->arena, Member);
	m->name = arena_str(spool->arena, name);
	m->link = STR("");
	/* Known before it is whole: so it is removed whatever happens. */
	map_put(spool->members, m->name, m);
	return load_spool_write(spool, read_file, &fd, m);
}
