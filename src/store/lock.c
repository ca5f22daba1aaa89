/*
 * lock.c - one maker at a time for one thing.
 *
 * A lock is a flock on locks/<kind>/<hex>.  The empty files stay until a gc, which holds the gc
 * lock exclusively and so knows that nobody uses them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/store-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Wait for the flock in short naps, so that a cancel is heard. */
static Err *wait_flock(int fd, int how, const Cancel *cancel)
{
	for (int nap_ms = 1; flock(fd, how | LOCK_NB) < 0;) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(errno, "cannot lock a file of the store");
		struct pollfd p = { .fd = cancel_fd(cancel), .events = POLLIN };
		(void)poll(&p, p.fd >= 0, nap_ms);
		TRY(cancel_check(cancel));
		nap_ms = nap_ms < 20 ? nap_ms * 2 : 20;
	}
	return NULL;
}

Err *store_open_lock(int dir_fd, const char *name, int how, int *ret_fd)
{
	struct stat st;
	AUTO_CLOSE int fd = openat(dir_fd, name, how | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	bool is_other = fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO);
	if (fd < 0 && !is_other)
		return err_sys(errno, "cannot open the lock '%s'", name);
	if (fd >= 0 && fstat(fd, &st) < 0)
		return err_sys(errno, "cannot look at the lock '%s'", name);
	if (is_other || !S_ISREG(st.st_mode))
		return err_new(ERR_SYSTEM, "the lock '%s' is no file", name);
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* The directory of the locks is made again if it is gone: its files are empty. */
static Err *open_lock(Store *s, const char *path, int *ret_fd)
{
	AUTO_CLOSE int locks = -1;
	Err *e = store_open_lock(s->dir_fd, path, O_RDWR | O_CREAT, ret_fd);
	if (!e)
		return NULL;
	if (err_errno(e) == ENOENT) {
		err_free(e); /* tried again */
		TRY(store_subdir(s, "locks", &locks));
		e = store_open_lock(s->dir_fd, path, O_RDWR | O_CREAT, ret_fd);
	}
	if (e && (err_errno(e) == ENOTDIR || !err_errno(e)))
		e = err_note(e, "'decant fsck --repair' moves away what is in its place");
	return e ? err_while(e, "locking the store '%s'", s->path) : NULL;
}

static Err *lock_path(Store *s, const char *path, int how, const Cancel *cancel, StoreLock *ret)
{
	AUTO_CLOSE int fd = -1;
	TRY(open_lock(s, path, &fd));
	TRY(wait_flock(fd, how, cancel));
	ret->fd = TAKE_FD(fd);
	return NULL;
}

Err *store_lock(Store *s, const char *kind, const Digest *key, const Cancel *cancel, StoreLock *ret)
{
	char prefix[64];
	(void)snprintf(prefix, sizeof prefix, "locks/%s", kind);
	AUTO_CLOSE int locks = -1;
	if (mkdirat(s->dir_fd, prefix, 0700) < 0 && errno == ENOENT)
		TRY(store_subdir(s, "locks", &locks));
	if (mkdirat(s->dir_fd, prefix, 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create '%s' in the store '%s'", prefix, s->path);
	StorePath path = store_path_of(prefix, key, "");
	return lock_path(s, path.text, LOCK_EX, cancel, ret);
}

void store_make_lock_dirs(Store *s)
{
	static const char *const kinds[] = { "locks/layout", "locks/refs" };
	for (size_t i = 0; store_is_own(s) && i < ARRAY_LEN(kinds); i++)
		(void)mkdirat(s->dir_fd, kinds[i], 0700); /* who locks makes it else, or tells */
}

Err *store_lock_gc(Store *s, bool exclusive, const Cancel *cancel, StoreLock *ret)
{
	if (exclusive) /* nobody waits for himself */
		store_release(s);
	return lock_path(s, "locks/gc", exclusive ? LOCK_EX : LOCK_SH, cancel, ret);
}

Err *store_try_lock_gc(Store *s, bool exclusive, StoreLock *ret, bool *ret_got)
{
	if (exclusive)
		store_release(s);
	AUTO_CLOSE int fd = -1;
	TRY(open_lock(s, "locks/gc", &fd));
	int how = (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
	while (flock(fd, how) < 0) {
		if (errno == EWOULDBLOCK) {
			*ret_got = false;
			return NULL;
		}
		if (errno != EINTR)
			return err_sys(errno, "cannot lock a file of the store");
	}
	ret->fd = TAKE_FD(fd);
	*ret_got = true;
	return NULL;
}

Err *store_lock_refs(Store *s, StoreLock *ret)
{
	Digest one = { 0 };
	return store_lock(s, "refs", &one, NULL, ret);
}

void store_unlock(StoreLock *l)
{
	if (l->fd < 0)
		return;
	/* A child that was forked meanwhile may have the file open as well: closing alone is not
	 * enough. */
	(void)flock(l->fd, LOCK_UN);
	close(l->fd);
	l->fd = -1;
}

/* --- what was found stays --------------------------------------------------------------------- */

Err *store_hold(Store *s, const Cancel *cancel)
{
	Err *e = NULL;
	(void)pthread_mutex_lock(&s->mutex);
	if (s->hold.fd < 0)
		e = store_lock_gc(s, false, cancel, &s->hold);
	(void)pthread_mutex_unlock(&s->mutex);
	if (e && (err_errno(e) == EROFS || err_errno(e) == EACCES)) {
		err_free(e); /* who may only read cannot lock, and may read all the same */
		return NULL;
	}
	return e;
}

void store_release(Store *s)
{
	(void)pthread_mutex_lock(&s->mutex);
	store_unlock(&s->hold);
	(void)pthread_mutex_unlock(&s->mutex);
}
