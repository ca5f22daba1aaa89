/* mounts.c - directories of RUN --mount=type=cache: taken, listed, removed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "store/mounts.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
	SLOTS_MAX = 1024, /* as many steps at once: none does */
	NAP_MS = 20,
};

typedef struct SlotName {
	char dir[8], lock[16];
} SlotName;

static SlotName slot_name(unsigned number)
{
	SlotName n;
	(void)snprintf(n.dir, sizeof n.dir, "%u", number % SLOTS_MAX);
	(void)snprintf(n.lock, sizeof n.lock, "%s.lock", n.dir);
	return n;
}

static Err *nap(const Cancel *cancel)
{
	struct pollfd p = { .fd = cancel_fd(cancel), .events = POLLIN };
	(void)poll(&p, p.fd >= 0, NAP_MS);
	return cancel_check(cancel);
}

static Err *open_lock(int dir_fd, const char *name, int *ret_fd)
{
	Err *e = store_open_lock(dir_fd, name, O_RDWR | O_CREAT, ret_fd);
	return e ? err_while(e, "locking a cache mount") : NULL;
}

/* False: somebody else has it. */
static Err *try_flock(int fd, int how, bool *ret)
{
	while (flock(fd, how | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK) {
			*ret = false;
			return NULL;
		}
		if (errno != EINTR)
			return err_sys(errno, "cannot lock a cache mount");
	}
	*ret = true;
	return NULL;
}

/* --- the directory of a key ------------------------------------------------------------------ */

/* Of one key, its lock held. */
typedef struct Place {
	int dir_fd, lock_fd;
} Place;

static void place_close(Place *p)
{
	closep(&p->dir_fd);
	closep(&p->lock_fd);
	*p = (Place){ -1, -1 };
}

/* Was it removed between its opening and its locking? */
static bool is_gone(int dir_fd)
{
	struct stat st;
	return fstat(dir_fd, &st) < 0 || st.st_nlink == 0;
}

static Err *place_open(int all_fd, const char *name, bool make, const Cancel *cancel, Place *ret)
{
	for (;;) {
		bool locked = false;
		if (make && mkdirat(all_fd, name, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "cannot create a cache mount in the store");
		CLEANUP(place_close) Place p = { -1, -1 };
		p.dir_fd = openat(all_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (p.dir_fd < 0 && errno == ENOENT && make)
			continue;
		if (p.dir_fd < 0)
			return err_sys(errno, "cannot open a cache mount of the store");
		Err *e = open_lock(p.dir_fd, "lock", &p.lock_fd);
		if (e && is_gone(p.dir_fd) && make) {
			err_free(e); /* begun anew */
			continue;
		}
		TRY(e);
		TRY(try_flock(p.lock_fd, LOCK_EX, &locked));
		if (locked && !(make && is_gone(p.dir_fd))) {
			*ret = (Place){ TAKE_FD(p.dir_fd), TAKE_FD(p.lock_fd) };
			return NULL;
		}
		if (!locked)
			TRY(nap(cancel));
	}
}

/* --- taking ---------------------------------------------------------------------------------- */

/* Made aside, filled, renamed: nobody sees half of it. */
static Err *make_slot(Store *s, const StoreMountWish *wish, int dir_fd, const char *name)
{
	int tmp;
	char aside[32];
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "mount", aside);
	if (mkdirat(tmp, aside, 0755) < 0 || fchmodat(tmp, aside, 0755, 0) < 0)
		return err_sys(errno, "cannot create a cache mount");
	AUTO_CLOSE int fd = openat(tmp, aside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_ERR Err *e = fd < 0 ? err_sys(errno, "cannot open a cache mount") : NULL;
	if (!e && wish->fill)
		e = wish->fill(wish->context, fd);
	if (!e && renameat(tmp, aside, dir_fd, name) < 0)
		e = err_sys(errno, "cannot put a cache mount into the store");
	if (e)
		err_free(path_remove_tree(tmp, aside)); /* else it goes with the scratch space */
	return TAKE_PTR(e);
}

/* The slot NUMBER if it can be had; *ret_there: it exists already. */
static Err *try_slot(Store *s, const StoreMountWish *wish, int dir_fd, unsigned number,
                     bool *ret_there, StoreMountHold *ret)
{
	SlotName name = slot_name(number);
	struct stat st;
	bool locked = false;
	*ret_there = fstatat(dir_fd, name.dir, &st, AT_SYMLINK_NOFOLLOW) == 0;
	AUTO_CLOSE int lock = -1;
	TRY(open_lock(dir_fd, name.lock, &lock));
	TRY(try_flock(lock, wish->sharing == STORE_SHARED ? LOCK_SH : LOCK_EX, &locked));
	if (!locked)
		return NULL;
	if (!*ret_there)
		TRY(make_slot(s, wish, dir_fd, name.dir));
	/* O_RDONLY: it is cloned for the command, which may write. */
	int fd = openat(dir_fd, name.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(errno, "cannot open a cache mount of the store");
	(void)futimens(lock, NULL); /* the last use: for listings, no more */
	*ret = (StoreMountHold){ fd, TAKE_FD(lock) };
	return NULL;
}

static Err *keep_info(int dir_fd, Str info)
{
	struct stat st;
	if (fstatat(dir_fd, "info", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return NULL;
	return path_write_file(dir_fd, "info", info, 0600, false);
}

static Err *try_take(Store *s, const StoreMountWish *wish, int all_fd, const char *name,
                     const Cancel *cancel, StoreMountHold *ret)
{
	CLEANUP(place_close) Place p = { -1, -1 };
	bool there = true;
	TRY(place_open(all_fd, name, true, cancel, &p));
	TRY(keep_info(p.dir_fd, wish->info));
	for (unsigned i = 0; ret->dir_fd < 0 && there; i++) {
		struct stat st;
		if (i == SLOTS_MAX)
			return err_new(ERR_SYSTEM, "too many steps use one cache mount");
		/* Who waits for the others makes no second one. */
		if (wish->sharing == STORE_LOCKED && i > 0 &&
		    fstatat(p.dir_fd, slot_name(i).dir, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return NULL;
		TRY(try_slot(s, wish, p.dir_fd, i, &there, ret));
	}
	return NULL;
}

Err *store_mount_take(Store *s, const StoreMountWish *wish, const Cancel *cancel,
                      StoreMountHold *ret)
{
	char name[DIGEST_HEX_LEN + 1];
	AUTO_CLOSE int all = -1;
	TRY(store_subdir(s, "mounts", &all));
	(void)digest_hex(&wish->key, name);
	*ret = STORE_MOUNT_HOLD_NONE;
	for (bool told = false;; told = true) {
		TRY(try_take(s, wish, all, name, cancel, ret));
		if (ret->dir_fd >= 0)
			return NULL;
		if (!told && wish->waits)
			wish->waits(wish->context);
		TRY(nap(cancel));
	}
}

void store_mount_release(StoreMountHold *hold)
{
	if (hold->dir_fd >= 0)
		close(hold->dir_fd);
	if (hold->lock_fd >= 0)
		close(hold->lock_fd);
	*hold = STORE_MOUNT_HOLD_NONE;
}

/* --- listing --------------------------------------------------------------------------------- */

static Err *add_size(void *context, const WalkFile *file, bool *skip)
{
	(void)skip;
	if (S_ISREG(file->st.st_mode)) /* each name of a file has its share */
		*(uint64_t *)context += (uint64_t)file->st.st_size / file->st.st_nlink;
	return NULL;
}

static Err *look_at_slot(int dir_fd, unsigned number, const Cancel *cancel, StoreMount *m,
                         bool *ret_there)
{
	SlotName name = slot_name(number);
	struct stat st;
	bool free_now = true;
	AUTO_CLOSE int fd =
		openat(dir_fd, name.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	*ret_there = fd >= 0;
	if (fd < 0)
		return NULL;
	m->count++;
	AUTO_CLOSE int lock = -1;
	err_free(store_open_lock(dir_fd, name.lock, O_RDONLY, &lock)); /* without: nobody has it */
	if (lock >= 0 && fstat(lock, &st) == 0) {
		int64_t used = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		m->used_ns = used > m->used_ns ? used : m->used_ns;
		TRY(try_flock(lock, LOCK_EX, &free_now));
	}
	m->in_use = m->in_use || !free_now;
	return walk_tree(fd, cancel, add_size, &m->size_bytes);
}

static Err *look_at(int all_fd, const char *name, const Cancel *cancel, Arena *a, StoreMount *ret)
{
	AUTO_BUF Buf info = BUF_INIT;
	StoreMount m = { .info = STR("") };
	bool there = true;
	TRY(digest_parse_hex(str_from(name), &m.key));
	AUTO_CLOSE int fd = openat(all_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(errno, "cannot open a cache mount of the store");
	err_free(path_read_file(fd, "info", MOUNT_INFO_BYTES_MAX, &info)); /* without: no text */
	m.info = arena_str(a, buf_str(&info));
	for (unsigned i = 0; i < SLOTS_MAX && there; i++)
		TRY(look_at_slot(fd, i, cancel, &m, &there));
	*ret = m;
	return NULL;
}

typedef VEC(StoreMount) StoreMountVec;

static int by_use(const void *a, const void *b)
{
	const StoreMount *x = a, *y = b;
	return x->used_ns < y->used_ns ? 1 : x->used_ns > y->used_ns ? -1 : 0;
}

Err *store_mount_list(Store *s, const Cancel *cancel, Arena *a, StoreMount **ret, size_t *ret_count)
{
	AUTO_VEC StoreMountVec list = { 0 };
	AUTO_CLOSE int all = -1;
	TRY(store_subdir(s, "mounts", &all));
	int again = openat(all, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (!dir)
		return err_sys(errno, "cannot read the cache mounts of the store");
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));) {
		StoreMount m;
		if (strlen(d->d_name) != DIGEST_HEX_LEN)
			continue; /* "." and ".." */
		e = look_at(all, d->d_name, cancel, a, &m);
		if (!e)
			VEC_PUSH(&list, m);
	}
	(void)closedir(dir);
	TRY(e);
	*ret = arena_alloc(a, (list.len + 1) * sizeof **ret, _Alignof(StoreMount));
	*ret_count = list.len;
	if (list.len) {
		memcpy(*ret, list.at, list.len * sizeof **ret);
		qsort(*ret, list.len, sizeof **ret, by_use);
	}
	return NULL;
}

/* --- removing -------------------------------------------------------------------------------- */

/* The lock of the key is held, so what is free now stays free. */
static Err *check_slot(int dir_fd, unsigned number, bool *ret_there, bool *ret_used)
{
	SlotName name = slot_name(number);
	struct stat st;
	bool locked = false;
	*ret_there = fstatat(dir_fd, name.dir, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*ret_there)
		return NULL;
	AUTO_CLOSE int lock = -1;
	TRY(open_lock(dir_fd, name.lock, &lock));
	TRY(try_flock(lock, LOCK_EX, &locked));
	*ret_used = *ret_used || !locked;
	return NULL;
}

Err *store_mount_remove(Store *s, const Digest *key, const Cancel *cancel, bool *ret_kept)
{
	char name[DIGEST_HEX_LEN + 1];
	AUTO_CLOSE int all = -1;
	CLEANUP(place_close) Place p = { -1, -1 };
	bool there = true;
	*ret_kept = false;
	TRY(store_subdir(s, "mounts", &all));
	(void)digest_hex(key, name);
	AUTO_ERR Err *e = place_open(all, name, false, cancel, &p);
	if (e && err_errno(e) == ENOENT)
		return NULL;
	if (e)
		return TAKE_PTR(e);
	for (unsigned i = 0; i < SLOTS_MAX && there; i++)
		TRY(check_slot(p.dir_fd, i, &there, ret_kept));
	/* Who waits for the lock of the key sees that the directory is gone, and begins anew. */
	return *ret_kept ? NULL : path_remove_tree(all, name);
}

/* --- putting --------------------------------------------------------------------------------- */

/* The lock of the key is held.  All slots go aside, to be removed with the scratch space. */
static Err *move_slots_aside(Store *s, int dir_fd)
{
	int tmp;
	struct stat st;
	TRY(store_tmp_fd(s, &tmp));
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		char aside[32];
		SlotName name = slot_name(i);
		if (fstatat(dir_fd, name.dir, &st, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		store_tmp_name(s, "mount", aside);
		if (renameat(dir_fd, name.dir, tmp, aside) < 0)
			return err_sys(errno, "cannot remove a cache mount");
		TRY(path_remove_tree(tmp, aside));
	}
	return NULL;
}

Err *store_mount_put(Store *s, const Digest *key, Str info, const char *tmp_name, bool replace,
                     const Cancel *cancel, bool *ret_there)
{
	char name[DIGEST_HEX_LEN + 1];
	AUTO_CLOSE int all = -1;
	CLEANUP(place_close) Place p = { -1, -1 };
	bool there = true, used = false, any = false;
	int tmp;
	*ret_there = false;
	TRY(store_tmp_fd(s, &tmp));
	TRY(store_subdir(s, "mounts", &all));
	TRY(place_open(all, digest_hex(key, name).ptr, true, cancel, &p));
	for (unsigned i = 0; i < SLOTS_MAX && there; i++) {
		TRY(check_slot(p.dir_fd, i, &there, &used));
		any = any || there;
	}
	*ret_there = used || (any && !replace);
	if (*ret_there)
		return NULL;
	TRY(keep_info(p.dir_fd, info));
	TRY(move_slots_aside(s, p.dir_fd));
	SlotName first = slot_name(0);
	AUTO_CLOSE int lock = -1;
	TRY(open_lock(p.dir_fd, first.lock, &lock)); /* its time is the last use */
	if (renameat(tmp, tmp_name, p.dir_fd, first.dir) < 0)
		return err_sys(errno, "cannot put a cache mount into the store");
	(void)futimens(lock, NULL);
	return NULL;
}
