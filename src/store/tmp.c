/*
 * tmp.c - scratch space that nobody has to clean up.
 *
 * Each process has tmp/<pid>.<time>/ and holds a flock on it for as long as it lives; the lock, not
 * the pid, says that it is alive (pids are reused, and another pid namespace may share the store).
 * Between making the directory and locking it nobody may reap: makers hold tmp/ itself shared,
 * the reaper holds it exclusively while it locks those of the dead (and gives up at once if it
 * cannot).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "fs/path.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static Err *open_tmp(Store *s)
{
	AUTO_CLOSE int all = -1;
	TRY(store_subdir(s, "tmp", &all));
	int fd = openat(all, s->tmp_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open the scratch directory '%s/tmp/%s'", s->path,
		               s->tmp_name);
	if (s->tmp_fd >= 0)
		close(s->tmp_fd);
	s->tmp_fd = fd;
	return NULL;
}

static Err *make_tmp(Store *s)
{
	AUTO_CLOSE int all = -1;
	TRY(store_subdir(s, "tmp", &all));
	while (flock(all, LOCK_SH) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot lock '%s/tmp'", s->path);
	AUTO_FREE char *name = NULL;
	if (asprintf(&name, "%d.%lld", (int)getpid(), (long long)clock_real_ns()) < 0)
		die_oom(0);
	if (mkdirat(all, name, 0700) < 0)
		return err_sys(errno, "cannot create a scratch directory in '%s/tmp'", s->path);
	AUTO_CLOSE int fd = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(errno, "cannot lock the scratch directory '%s/tmp/%s'", s->path,
		               name);
	s->tmp_lock_fd = TAKE_FD(fd);
	s->tmp_name = TAKE_PTR(name);
	return open_tmp(s);
}

Err *store_tmp_fd(Store *s, int *ret_fd)
{
	Err *e = NULL;
	(void)pthread_mutex_lock(&s->mutex);
	if (s->tmp_fd < 0)
		e = make_tmp(s);
	*ret_fd = s->tmp_fd;
	(void)pthread_mutex_unlock(&s->mutex);
	return e;
}

void store_tmp_name(Store *s, const char *prefix, char name[static 32])
{
	unsigned n = __atomic_add_fetch(&s->tmp_counter, 1, __ATOMIC_RELAXED);
	(void)snprintf(name, 32, "%s-%u", prefix, n);
}

typedef struct Dead {
	char *name;
	int fd; /* locked by us now; -1: no directory */
} Dead;
typedef VEC(Dead) DeadVec;

/* One whose process is dead is ours from here on. */
static void claim_one(Store *s, int all, const char *name, DeadVec *dead)
{
	if (name[0] == '.' || (s->tmp_name && strcmp(name, s->tmp_name) == 0))
		return;
	AUTO_CLOSE int fd = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno != ENOTDIR)
		return;
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return; /* its process lives */
	VEC_PUSH(dead, ((Dead){ xstrdup(name), TAKE_FD(fd) }));
}

/* While it has the lock on tmp/ nobody makes a scratch directory: that must not take long. */
static Err *claim_dead(Store *s, int all, DeadVec *dead)
{
	AUTO_CLOSE int lock = openat(all, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return err_sys(errno, "cannot open '%s/tmp'", s->path);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return NULL; /* somebody makes one just now: the next one reaps */
	int again = openat(all, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (!dir)
		return err_sys(errno, "cannot read '%s/tmp'", s->path);
	for (struct dirent *d; (d = readdir(dir));)
		claim_one(s, all, d->d_name, dead);
	(void)closedir(dir);
	return NULL;
}

Err *store_reap(Store *s)
{
	AUTO_CLOSE int all = -1;
	DeadVec dead = { 0 };
	TRY(store_subdir(s, "tmp", &all));
	Err *e = claim_dead(s, all, &dead);
	for (size_t i = 0; i < dead.len; i++) {
		if (!e)
			e = path_remove_tree(all, dead.at[i].name);
		if (dead.at[i].fd >= 0)
			close(dead.at[i].fd);
		free(dead.at[i].name);
	}
	VEC_DONE(&dead);
	return e;
}

Err *store_reopen(Store *s)
{
	int fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* whole path: the root */
	if (fd < 0)
		return err_sys(errno, "cannot open the store '%s' again", s->path);
	close(s->dir_fd);
	s->dir_fd = fd;
	return s->tmp_name ? open_tmp(s) : NULL;
}
