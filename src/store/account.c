/* account.c - locks/usage: about how many bytes the store takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "store/account.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <sys/file.h>

#define ACCOUNT           "locks/usage"
#define ACCOUNT_BYTES_MAX 4096

void store_account_add(Store *s, int64_t bytes)
{
	__atomic_add_fetch(&s->added_bytes, bytes, __ATOMIC_RELAXED);
}

int64_t store_account_added(const Store *s)
{
	return __atomic_load_n(&s->added_bytes, __ATOMIC_RELAXED);
}

static void get(Str text, const char *name, uint64_t *ret)
{
	Str value;
	if (!store_text_get(text, name, &value) || !str_to_u64(value, ret))
		*ret = 0;
}

/* A file that cannot be understood, or is empty, is an account that was never made. */
static void parse(Str text, StoreAccount *ret)
{
	uint64_t counted;
	*ret = (StoreAccount){ 0 };
	if (!store_text_open(&text))
		return;
	get(text, "bytes", &ret->bytes);
	get(text, "counted", &counted);
	get(text, "short", &ret->short_bytes);
	get(text, "short-max", &ret->short_max);
	ret->counted_ns = (int64_t)counted;
	ret->known = true;
}

/* In place, under the lock: a file that a crash cut short is counted anew. */
static Err *write_account(int fd, const StoreAccount *a)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, "decant-usage 1\nbytes %llu\ncounted %lld\nshort %llu\nshort-max %llu\n",
	         (unsigned long long)a->bytes, (long long)a->counted_ns,
	         (unsigned long long)a->short_bytes, (unsigned long long)a->short_max);
	store_text_seal(&text);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(errno, "cannot write '" ACCOUNT "' in the store");
	return path_write_what(fd, text.ptr, text.len, "the account of the store");
}

static Err *open_account(Store *s, int *ret_fd)
{
	AUTO_CLOSE int fd = -1;
	TRY(store_open_lock(s->dir_fd, ACCOUNT, O_RDWR | O_CREAT, &fd));
	while (flock(fd, LOCK_EX) < 0) /* held for one read and one write */
		if (errno != EINTR)
			return err_sys(errno, "cannot lock '" ACCOUNT "' in the store");
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *store_account_flush(Store *s, StoreAccount *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = -1;
	StoreAccount a;
	TRY(open_account(s, &fd));
	TRY(path_read_fd(fd, ACCOUNT_BYTES_MAX, ACCOUNT, &text));
	parse(buf_str(&text), &a);
	int64_t added = __atomic_exchange_n(&s->added_bytes, 0, __ATOMIC_RELAXED);
	*ret = a;
	if (!a.known)
		return NULL; /* what it would be added to is not known */
	bool below = added < 0 && a.bytes < (uint64_t)-added;
	a.bytes = below ? 0 : a.bytes + (uint64_t)added;
	*ret = a;
	return write_account(fd, &a);
}

Err *store_account_set(Store *s, const StoreAccount *account)
{
	AUTO_CLOSE int fd = -1;
	TRY(open_account(s, &fd));
	return write_account(fd, account);
}
