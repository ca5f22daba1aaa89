/* disk_budget.c - when the store is to give something back, and the process that does it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "exec/disk_budget.h"
#include "registry/settings.h"
#include "store/account.h"
#include "store/parts.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum {
	SHARE_DEFAULT = 20, /* per cent of the file system */
	SHARE_LEFT = 90, /* per cent of the limit: down to that, so that not every build evicts */
	SHARE_GROWN = 1, /* per cent of the limit: if room could not be made, tried again then */
	LOCK_FD = 3,
};
#define RECOUNT_NS (24ll * 3600 * 1000000000)

/* --- the limits ------------------------------------------------------------------------------- */

static bool read_share(Str text, uint64_t all, uint64_t *ret)
{
	uint64_t share;
	if (!str_ends(text, STR("%")))
		return str_to_bytes(text, ret);
	if (!str_to_u64(str_head(text, text.len - 1), &share) || share > 100)
		return false;
	*ret = all / 100 * share;
	return true;
}

static Err *bad_value(const char *where, const char *key, Str value)
{
	return err_note(err_new(ERR_INPUT, "%s: %s: '%.*s' is no size", where, key, STR_ARG(value)),
	                "give bytes as 50GB, a share of the file system as 20%%, or 'none'");
}

Err *disk_budget_read(Store *s, Arena *a, DiskBudget *ret)
{
	struct statvfs fs;
	Settings settings;
	const char *own = getenv("DECANT_STORE_MAX");
	DiskBudget b = { .max = UINT64_MAX };
	if (fstatvfs(store_dir_fd(s), &fs) < 0)
		return err_sys(errno, "cannot tell the size of the file system of '%s'",
		               store_path(s));
	uint64_t all = (uint64_t)fs.f_blocks * fs.f_frsize;
	TRY(settings_read(a, &settings));
	bool by_env = own && *own;
	Str max = by_env ? str_from(own) : settings.store_max;
	if (!max.len)
		b.max = all ? all / 100 * SHARE_DEFAULT : UINT64_MAX;
	else if (!str_eqc(max, "none") && !read_share(max, all, &b.max))
		return bad_value(by_env ? "environment" : settings.files.ptr,
		                 by_env ? "DECANT_STORE_MAX" : "store.max", max);
	if (settings.store_min_free.len && !str_eqc(settings.store_min_free, "none") &&
	    !read_share(settings.store_min_free, all, &b.min_free))
		return bad_value(settings.files.ptr, "store.min-free", settings.store_min_free);
	*ret = b;
	return NULL;
}

/* What must go for B, if the store takes BYTES. */
static uint64_t need_of(Store *s, const DiskBudget *b, uint64_t bytes)
{
	struct statvfs fs;
	uint64_t need = bytes > b->max ? bytes - b->max / 100 * SHARE_LEFT : 0;
	if (!b->min_free || fstatvfs(store_dir_fd(s), &fs) < 0)
		return need;
	uint64_t free_now = (uint64_t)fs.f_bavail * fs.f_frsize;
	uint64_t lacks = free_now < b->min_free ? b->min_free - free_now : 0;
	return lacks > need ? lacks : need;
}

/* --- the child -------------------------------------------------------------------------------- */

static Err *make_room(Store *s, const DiskBudget *b, int64_t since_ns, Arena *a)
{
	CLEANUP(disk_done) Disk d = { 0 };
	DiskRemoved removed = { 0 };
	const DiskFilter any = { .before_ns = INT64_MAX };
	TRY(disk_open(s, NULL, a, &d));
	StoreAccount account = { .known = true,
		                 .bytes = store_survey_total(&d.survey),
		                 .counted_ns = clock_real_ns() };
	uint64_t need = need_of(s, b, account.bytes);
	if (need) {
		bool enough = disk_choose_least(&d, need, since_ns, &any);
		TRY(disk_remove(&d, NULL, &removed));
		account.bytes -= removed.bytes < account.bytes ? removed.bytes : account.bytes;
		if (!enough) {
			account.short_bytes = account.bytes;
			account.short_max = b->max;
		}
	}
	return store_account_set(s, &account);
}

/* The terminal, pipes and locks of the command are not kept by what comes after it. */
static void leave(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd < LOCK_FD; fd++)
		(void)dup2(null, fd);
	(void)close_range(LOCK_FD + 1, ~0u, 0);
	(void)setsid();
	(void)setpriority(PRIO_PROCESS, 0, 10);
}

NORETURN static void run_child(const char *path, const DiskBudget *b, int64_t since_ns, int lock_fd)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Store *s = NULL;
	AUTO_FREE char *root = xstrdup(path);
	if (dup2(lock_fd, LOCK_FD) < 0)
		_exit(1);
	leave();
	Err *e = sandbox_enter();
	if (!e)
		e = store_open_existing(root, &s);
	if (!e && s)
		e = make_room(s, b, since_ns, &a);
	store_close(s);
	_exit(e != NULL);
}

static Err *start(Store *s, const DiskBudget *b, int64_t since_ns)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool held;
	TRY(store_try_lock_gc(s, true, &lock, &held));
	if (!held) /* somebody works: whoever ends last sees to it */
		return NULL;
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(errno, "cannot start a process that makes room in the store");
	if (pid == 0)
		run_child(store_path(s), b, since_ns, lock.fd);
	close(lock.fd); /* not unlocked: the child holds it on */
	lock = STORE_LOCK_NONE;
	return NULL;
}

/* --- when ------------------------------------------------------------------------------------- */

static bool is_due(Store *s, const DiskBudget *b, const StoreAccount *account)
{
	int64_t age = clock_real_ns() - account->counted_ns;
	if (!account->known)
		return true;
	bool over = need_of(s, b, account->bytes) > 0;
	/* Without a limit for the store itself (min-free alone): a hundredth of what it takes. */
	uint64_t of = b->max < account->short_bytes ? b->max : account->short_bytes;
	bool grown = account->bytes > account->short_bytes + of / 100 * SHARE_GROWN;
	if (over && account->short_bytes && account->short_max == b->max)
		return grown;
	return over || age > RECOUNT_NS || age < -RECOUNT_NS;
}

Err *disk_budget_after(Store *s, int64_t since_ns, bool failed)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreAccount account;
	DiskBudget b;
	int64_t added = store_account_added(s);
	/* A build that was in the cache: not even a look.  One that failed may have done so for
	 * want of room, and what it had begun is gone again: the next try is to find room. */
	if (!added && !failed)
		return NULL;
	if (added)
		TRY(store_account_flush(s, &account));
	if (added < 0)
		return NULL;
	TRY(disk_budget_read(s, &a, &b));
	if (!added && need_of(s, &b, 0) == 0)
		return NULL;
	if (!added)
		TRY(store_account_flush(s, &account));
	return is_due(s, &b, &account) ? start(s, &b, since_ns) : NULL;
}
