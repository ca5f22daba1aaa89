/* statcache.c - a sorted array of (stat, sha256), mapped from disk, rewritten when something was
 * added. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "codec/sha256.h"
#include "fs/path.h"
#include "fs/statcache.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

/*
 * The file system's clock moves in ticks (10 ms at most): a file whose ctime is not older than this
 * when it is hashed may be written once more within the same tick.
 */
#define RACY_NS 20000000ll
#define MAGIC   "decant-stat 1\n\0"

enum { HEADER_BYTES = 16 + 32, RECORDS_MAX = 50 << 20 };

typedef struct Record {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
	Digest sha256;
} Record;

struct StatCache {
	int dir_fd;
	char *name;
	const Record *old; /* sorted; inside the mapping */
	size_t old_count;
	void *map;
	size_t map_bytes;
	pthread_mutex_t mutex;
	VEC(Record) fresh; /* of this run: found again, or new */
	size_t added;      /* new ones among them */
};

static int64_t to_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static Record record_of(const struct stat *st)
{
	return (Record){ .dev = st->st_dev,
		         .ino = st->st_ino,
		         .size = (uint64_t)st->st_size,
		         .mtime_ns = to_ns(st->st_mtim),
		         .ctime_ns = to_ns(st->st_ctim) };
}

static int by_inode(const void *a, const void *b)
{
	const Record *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* The header is the magic and the sha256 of all records. */
static bool is_whole(const char *bytes, size_t len)
{
	if (len < HEADER_BYTES || memcmp(bytes, MAGIC, 16) != 0 ||
	    (len - HEADER_BYTES) % sizeof(Record))
		return false;
	Digest is = sha256_of((Str){ bytes + HEADER_BYTES, len - HEADER_BYTES });
	return memcmp(bytes + 16, is.bytes, sizeof is.bytes) == 0;
}

static void map_old(StatCache *c)
{
	struct stat st;
	AUTO_CLOSE int fd =
		openat(c->dir_fd, c->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < HEADER_BYTES ||
	    (uint64_t)st.st_size > (uint64_t)RECORDS_MAX * sizeof(Record))
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return;
	c->map = map;
	c->map_bytes = (size_t)st.st_size;
	if (!is_whole(map, c->map_bytes))
		return;
	c->old = (const Record *)(const void *)((const char *)map + HEADER_BYTES);
	c->old_count = (c->map_bytes - HEADER_BYTES) / sizeof(Record);
}

StatCache *statcache_open(int dir_fd, const char *name)
{
	StatCache *c = xcalloc(1, sizeof *c);
	c->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	c->name = xstrdup(name ? name : "");
	(void)pthread_mutex_init(&c->mutex, NULL);
	if (c->dir_fd >= 0)
		map_old(c);
	return c;
}

bool statcache_find(StatCache *c, const struct stat *st, Digest *ret)
{
	Record want = record_of(st);
	const Record *r =
		c->old_count ? bsearch(&want, c->old, c->old_count, sizeof want, by_inode) : NULL;
	if (!r || r->size != want.size || r->mtime_ns != want.mtime_ns ||
	    r->ctime_ns != want.ctime_ns)
		return false;
	*ret = r->sha256;
	return true;
}

void statcache_add(StatCache *c, const struct stat *st, const Digest *d)
{
	Record r = record_of(st);
	if (r.ctime_ns > clock_real_ns() - RACY_NS || r.mtime_ns > clock_real_ns() - RACY_NS)
		return;
	r.sha256 = *d;
	(void)pthread_mutex_lock(&c->mutex);
	VEC_PUSH(&c->fresh, r);
	c->added++;
	(void)pthread_mutex_unlock(&c->mutex);
}

/* Old records stay until their inode is seen with another stat: other builds use other files of it.
 */
static void write_back(StatCache *c)
{
	AUTO_BUF Buf out = BUF_INIT;
	size_t i = 0;
	qsort(c->fresh.at, c->fresh.len, sizeof *c->fresh.at, by_inode);
	buf_add(&out, MAGIC, 16);
	Digest none = { 0 };
	buf_add(&out, none.bytes, sizeof none.bytes);
	for (size_t k = 0; k < c->fresh.len; k++) {
		const Record *r = &c->fresh.at[k];
		while (i < c->old_count && by_inode(&c->old[i], r) < 0)
			buf_add(&out, &c->old[i++], sizeof(Record));
		if (i < c->old_count && by_inode(&c->old[i], r) == 0)
			i++;
		if (k + 1 < c->fresh.len && by_inode(r, &c->fresh.at[k + 1]) == 0)
			continue; /* the same file twice: one is enough */
		buf_add(&out, r, sizeof *r);
	}
	while (i < c->old_count)
		buf_add(&out, &c->old[i++], sizeof(Record));
	Digest d = sha256_of(str_from_at(buf_str(&out), HEADER_BYTES));
	memcpy(out.ptr + 16, d.bytes, sizeof d.bytes);
	err_free(path_write_file(c->dir_fd, c->name, buf_str(&out), 0600, false)); /* best effort */
}

void statcache_close(StatCache *c)
{
	if (!c)
		return;
	if (c->dir_fd >= 0 && c->added)
		write_back(c);
	if (c->map)
		(void)munmap(c->map, c->map_bytes);
	if (c->dir_fd >= 0)
		close(c->dir_fd);
	VEC_DONE(&c->fresh);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c->name);
	free(c);
}
