/* file.c - reading the user's settings and credentials. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/user.h"
#include "codec/stream.h"
#include "registry/file-internal.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

const char *file_home(void)
{
	const char *home = getenv("HOME");
	if (home && *home)
		return home;
	const struct passwd *me = getpwuid(user_real_at_start());
	return me && me->pw_dir && *me->pw_dir ? me->pw_dir : "/";
}

Str file_place_text(Arena *a, const FilePlace *p)
{
	return p->rest[0] ? arena_strf(a, "%s/%s", p->dir, p->rest)
	                  : arena_str(a, str_from(p->dir));
}

static bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR;
}

/* O_NONBLOCK: a FIFO in the file's place must not hang us; reading refuses what is no file. */
static int open_place(const FilePlace *p)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	if (!p->rest[0])
		return open(p->dir, flags); /* whole path: the user named it */
	const int dir_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	AUTO_CLOSE int dir = open(p->dir, dir_flags); /* whole path: a root */
	return dir < 0 ? -1 : openat(dir, p->rest, flags);
}

Err *file_read(const FilePlace *p, Buf *out, bool *ret_found)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char *name = file_place_text(&a, p).ptr;
	AUTO_CLOSE int fd = open_place(p);
	*ret_found = fd >= 0;
	if (fd < 0)
		return is_absent(errno) ? NULL : err_sys(errno, "cannot open '%s'", name);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is not a file", name);
	AUTO_READER Reader *reader = reader_from_fd(fd, name);
	return reader_read_all(reader, JSON_BYTES_MAX, name, out);
}
