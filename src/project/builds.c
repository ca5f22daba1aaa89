/*
 * builds.c - logs, locks and secrets of builds.
 *
 * Who runs a build holds a record lock on its lock file.  The kernel tells whose lock it is, and
 * takes it away with the process: no number of a process is kept, and none can be another's.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "project/project-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>

enum { SECRET_BYTES_MAX = 4096, WAIT_MS_MAX = 200 };

static Err *open_file(const Project *p, const char *sub, Str name, const char *suffix, int flags,
                      int *ret_fd)
{
	AUTO_CLOSE int dir = -1;
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	TRY(project_dir(p, sub, flags & O_CREAT, &dir));
	Str file = arena_strf(p->arena, "%.*s%s", STR_ARG(name), suffix);
	int fd = dir < 0 ? -1 : openat(dir, file.ptr, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (dir < 0 || (fd < 0 && errno == ENOENT))
		return err_new(ERR_NOT_FOUND, "there is no '%.*s'", STR_ARG(file));
	if (fd < 0)
		return err_sys(errno, "cannot open 'proj/%.*s/%s/%.*s' in the store '%s'",
		               STR_ARG(p->name), sub, STR_ARG(file), store_path(p->store));
	*ret_fd = fd;
	return NULL;
}

static Err *remove_file(const Project *p, const char *sub, Str name, const char *suffix)
{
	AUTO_CLOSE int dir = -1;
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	TRY(project_dir(p, sub, false, &dir));
	Str file = arena_strf(p->arena, "%.*s%s", STR_ARG(name), suffix);
	if (dir >= 0 && unlinkat(dir, file.ptr, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove '%s'", file.ptr);
	return NULL;
}

Err *project_log_open(const Project *p, Str build, int flags, int *ret_fd)
{
	return open_file(p, "logs", build, ".log", flags, ret_fd);
}

/* --- who runs it ------------------------------------------------------------------------------ */

Err *project_build_hold(const Project *p, Str build, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	TRY(open_file(p, "builds", build, ".lock", O_RDWR | O_CREAT, &fd));
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return errno == EAGAIN || errno == EACCES
		               ? err_new(ERR_INPUT, "another process runs the build '%.*s'",
		                         STR_ARG(build))
		               : err_sys(errno, "cannot lock the build '%.*s'", STR_ARG(build));
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *project_build_holder(const Project *p, Str build, pid_t *ret)
{
	AUTO_CLOSE int fd = -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	*ret = 0;
	Err *e = open_file(p, "builds", build, ".lock", O_RDWR, &fd);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it has not been started */
		return NULL;
	}
	TRY(e);
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return err_sys(errno, "cannot ask who runs the build '%.*s'", STR_ARG(build));
	if (lock.l_type != F_UNLCK)
		*ret = lock.l_pid;
	return NULL;
}

/* In short naps, so that a cancel is heard. */
Err *project_build_wait(const Project *p, Str build, const Cancel *cancel)
{
	for (int nap_ms = 2;; nap_ms = nap_ms < WAIT_MS_MAX ? nap_ms * 2 : WAIT_MS_MAX) {
		pid_t holder;
		TRY(project_build_holder(p, build, &holder));
		if (!holder)
			return NULL;
		struct pollfd fd = { .fd = cancel_fd(cancel), .events = POLLIN };
		(void)poll(&fd, fd.fd >= 0, nap_ms);
		TRY(cancel_check(cancel));
	}
}

Str project_build_result(const Project *p, Str build)
{
	return arena_strf(p->arena, "localhost/decant-build/%.*s/%.*s:latest", STR_ARG(p->name),
	                  STR_ARG(build));
}

Err *project_build_drop(const Project *p, Str build)
{
	TRY(remove_file(p, "logs", build, ".log"));
	TRY(project_drop(p, PROJECT_BUILD, build));
	return remove_file(p, "builds", build, ".lock");
}

Err *project_build_settle(const Project *p, Build *b)
{
	pid_t holder;
	if (build_is_over(b->phase))
		return NULL;
	TRY(project_build_holder(p, b->meta.name, &holder));
	if (holder)
		return NULL;
	TRY(project_get_build(p, b->meta.name, b)); /* it may just have ended */
	if (build_is_over(b->phase) || (b->queued && !b->cancelled))
		return NULL;
	b->queued = false;
	b->phase = b->cancelled ? BUILD_CANCELLED : BUILD_ERROR;
	b->reason = b->cancelled ? STR("CancelledBuild") : STR("GenericBuildFailed");
	b->said = b->cancelled ? STR("The build was cancelled by the user.")
	                       : STR("The process that ran the build is gone.");
	b->end_ns = clock_real_ns();
	const Str result = project_build_result(p, b->meta.name);
	TRY(store_ref_remove_all(p->store, &result, 1));
	TRY(store_layout_write(p->store));
	return project_put_build(p, b);
}

/* --- secrets ---------------------------------------------------------------------------------- */

void project_secret_text(char text[static 21])
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[20];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		abort(); /* 20 bytes always come, once the machine is up */
	for (size_t i = 0; i < sizeof bytes; i++)
		text[i] = letters[bytes[i] % 64];
	text[20] = '\0';
}

Err *project_secret_get(const Project *p, Str name, Buf *out)
{
	AUTO_CLOSE int fd = -1;
	TRY(open_file(p, "secrets", name, "", O_RDONLY, &fd));
	return path_read_fd(fd, SECRET_BYTES_MAX, name.ptr, out);
}

Err *project_secret_make(const Project *p, Str name)
{
	AUTO_CLOSE int dir = -1;
	char text[21];
	TRY(project_check_name(name, PROJECT_NAME_MAX));
	TRY(project_dir(p, "secrets", true, &dir));
	if (faccessat(dir, arena_str(p->arena, name).ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return NULL;
	project_secret_text(text);
	return path_write_file(dir, arena_str(p->arena, name).ptr, str_from(text), 0600, true);
}

Err *project_secret_drop(const Project *p, Str name)
{
	return remove_file(p, "secrets", name, "");
}
