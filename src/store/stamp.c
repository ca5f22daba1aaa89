/* stamp.c - what tells a directory or a file from another, and from itself after a change. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/stamp-internal.h"

#include <fcntl.h>

/* File systems with whole seconds are the coarsest. */
#define SETTLED_NS 2000000000ll

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

StoreStamp store_stamp_of(const struct stat *st)
{
	return (StoreStamp){ .device = st->st_dev,
		             .inode = st->st_ino,
		             .size = (uint64_t)st->st_size,
		             .modified_ns = nanoseconds(st->st_mtim),
		             .changed_ns = nanoseconds(st->st_ctim) };
}

bool store_stamp_same(const StoreStamp *a, const StoreStamp *b)
{
	return a->inode && a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

StoreStamp store_stamp_settled(StoreStamp s, int64_t now_ns)
{
	return s.changed_ns + SETTLED_NS < now_ns ? s : (StoreStamp){ 0 };
}

StoreStamp store_stamp_at(const Store *s, const char *path)
{
	struct stat st;
	return fstatat(s->dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? (StoreStamp){ 0 }
	                                                              : store_stamp_of(&st);
}

void store_stamp_put(Buf *out, const StoreStamp *s)
{
	store_packed_put_number(out, s->device);
	store_packed_put_number(out, s->inode);
	store_packed_put_number(out, s->size);
	store_packed_put_number(out, (uint64_t)s->modified_ns);
	store_packed_put_number(out, (uint64_t)s->changed_ns);
}

StoreStamp store_stamp_take(StorePacked *p)
{
	StoreStamp s = { .device = store_packed_number(p) };
	s.inode = store_packed_number(p);
	s.size = store_packed_number(p);
	s.modified_ns = (int64_t)store_packed_number(p);
	s.changed_ns = (int64_t)store_packed_number(p);
	return s;
}
