/* statcache.c - a sorted array of (stat, sha256), mapped from disk, rewritten if something was new.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "codec/sha256.h"
#include "fs/path.h"
#include "fs/statcache.h"

#include <fcntl.h>
#include <sys/mman.h>

/*
 * The racy rule.  A write sets ctime to the file system's clock, which stands still within a tick
 * (at most 10 ms on Linux; seconds on file systems without finer times).  Who hashes a file within
 * the tick of its last write may miss a second write that leaves size and times as they were.  So
 * an answer is kept only if ctime was older than a tick when the file was looked at, BEFORE it was
 * read. git compares with the time its index was written; the same, but only where both are on one
 * file system.  mtime does not matter here: users set it at will, and every write sets ctime too.
 *
 * On disk: the header, then the records, sorted by (dev, ino), in the byte order of the machine
 * (the file is of use to this kernel's inode numbers alone; elsewhere the magic does not match).
 */

#define TICK_NS        20000000ll
#define COARSE_TICK_NS 2000000000ll
#define SECOND_NS      1000000000ll

enum {
	MAGIC_BYTES = 16,
	RECORDS_MAX = 10 << 20, /* 840 MB: above every tree that is a build context */
	UNUSED_MAX = 20000, /* records of files not seen in this run that are kept in any case */
	NEAR = 8,           /* how far from the hint a look-up tries before it halves */
};

static const char magic[MAGIC_BYTES] = "decant-stat 3\n";

typedef struct Header {
	char magic[MAGIC_BYTES];
	uint64_t record_bytes, count;
	Digest sha256; /* of all records */
} Header;

/* The answers of one statcache_add(): sorted, never changed after. */
typedef struct Segment Segment;
struct Segment {
	Segment *older;
	size_t count;
	StatRecord records[];
};

struct StatCache {
	int dir_fd;
	char *name;
	bool loaded;
	void *map;
	size_t map_bytes;
	const StatRecord *old; /* inside the mapping */
	size_t old_count;
	uint8_t *old_used; /* one for each of them: found in this run */
	Segment *newest;
};

static int64_t to_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * SECOND_NS + t.tv_nsec;
}

StatKey statcache_key(const struct stat *st)
{
	return (StatKey){ .dev = st->st_dev,
		          .ino = st->st_ino,
		          .size = (uint64_t)st->st_size,
		          .mtime_ns = to_ns(st->st_mtim),
		          .ctime_ns = to_ns(st->st_ctim) };
}

bool statcache_is_racy(const StatKey *key, int64_t now_ns)
{
	int64_t tick = key->ctime_ns % SECOND_NS == 0 ? COARSE_TICK_NS : TICK_NS;
	return key->ctime_ns > now_ns - tick;
}

static int compare_inodes(const StatKey *a, const StatKey *b)
{
	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	return (a->ino > b->ino) - (a->ino < b->ino);
}

static int compare_records(const void *a, const void *b)
{
	return compare_inodes(&((const StatRecord *)a)->key, &((const StatRecord *)b)->key);
}

StatCache *statcache_open(int dir_fd, const char *name)
{
	StatCache *c = xcalloc(1, sizeof *c);
	/* a dup that fails means no cache, as does -1 */
	c->dir_fd = dir_fd < 0 ? -1 : fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	c->name = xstrdup(name ? name : "");
	return c;
}

static bool is_whole(const char *bytes, size_t len, size_t *ret_count)
{
	Header h;
	if (len < sizeof h)
		return false;
	memcpy(&h, bytes, sizeof h);
	if (memcmp(h.magic, magic, sizeof magic) != 0 || h.record_bytes != sizeof(StatRecord) ||
	    h.count > RECORDS_MAX || len != sizeof h + h.count * sizeof(StatRecord))
		return false;
	Digest is = sha256_of((Str){ bytes + sizeof h, len - sizeof h });
	*ret_count = h.count;
	return digest_eq(&is, &h.sha256);
}

/* Of a program of another version: not read, and no damage. */
static bool is_of_other_version(const char *bytes, size_t len)
{
	static const char name[] = "decant-stat ";
	return len >= sizeof magic && memcmp(bytes, name, sizeof name - 1) == 0 &&
	       memcmp(bytes, magic, sizeof magic) != 0;
}

bool statcache_is_whole(int dir_fd, const char *name)
{
	StatCache *c = statcache_open(dir_fd, name);
	struct stat st;
	statcache_load(c);
	/* an empty one is never written: without records it is not read */
	bool whole = c->map && (c->old_count > 0 || is_of_other_version(c->map, c->map_bytes));
	if (!c->map && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		whole = errno == ENOENT; /* gone meanwhile */
	statcache_close(c);
	return whole;
}

void statcache_load(StatCache *c)
{
	struct stat st;
	if (c->loaded || c->dir_fd < 0)
		return;
	c->loaded = true;
	AUTO_CLOSE int fd =
		path_try_beneath(c->dir_fd, str_from(c->name), O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > sizeof(Header) + (uint64_t)RECORDS_MAX * sizeof(StatRecord))
		return;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		return;
	c->map = map;
	c->map_bytes = (size_t)st.st_size;
	if (!is_whole(map, c->map_bytes, &c->old_count))
		c->old_count = 0;
	c->old = (const StatRecord *)(const void *)((const char *)map + sizeof(Header));
	c->old_used = xcalloc(c->old_count + 1, 1);
}

/* The record with KEY's inode among COUNT sorted ones. */
static const StatRecord *search(const StatRecord *at, size_t count, const StatKey *key,
                                size_t *hint)
{
	for (size_t i = *hint; i < count && i < *hint + NEAR; i++) {
		if (at[i].key.ino == key->ino && at[i].key.dev == key->dev) {
			*hint = i + 1;
			return &at[i];
		}
	}
	const StatRecord want = { .key = *key };
	const StatRecord *r =
		count ? bsearch(&want, at, count, sizeof want, compare_records) : NULL;
	if (r)
		*hint = (size_t)(r - at) + 1;
	return r;
}

static bool same_stat(const StatKey *a, const StatKey *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

const StatRecord *statcache_find(StatCache *c, const StatKey *key, size_t *hint)
{
	const StatRecord *r = search(c->old, c->old_count, key, hint);
	if (r && same_stat(&r->key, key)) {
		__atomic_store_n(&c->old_used[r - c->old], 1, __ATOMIC_RELAXED);
		return r;
	}
	for (const Segment *s = c->newest; s; s = s->older) {
		size_t from = 0;
		r = search(s->records, s->count, key, &from);
		if (r && same_stat(&r->key, key))
			return r;
	}
	return NULL;
}

void statcache_add(StatCache *c, const StatRecord *records, size_t count)
{
	if (count == 0)
		return;
	Segment *s = xmalloc(sizeof *s + count * sizeof *records);
	memcpy(s->records, records, count * sizeof *records);
	qsort(s->records, count, sizeof *records, compare_records);
	s->count = count;
	s->older = c->newest;
	c->newest = s;
}

typedef VEC(StatRecord) Records;

/* All that is to be kept, sorted, the newest record of each inode alone. */
static Records merge(const StatCache *c)
{
	Records all = { 0 };
	size_t used = 0;
	for (size_t i = 0; i < c->old_count; i++)
		used += c->old_used[i];
	/* Other builds look at other parts of the context, so what was not asked for stays; but
	 * files go, and their records must go some day. */
	bool keep_unused = c->old_count - used <= used + UNUSED_MAX;

	for (const Segment *s = c->newest; s; s = s->older)
		for (size_t i = 0; i < s->count; i++)
			VEC_PUSH(&all, s->records[i]);
	for (size_t i = 0; i < c->old_count; i++)
		if (c->old_used[i] || keep_unused)
			VEC_PUSH(&all, c->old[i]);

	/* of records with the same inode the one with the latest ctime is what the file is now */
	if (all.len > 0)
		qsort(all.at, all.len, sizeof *all.at, compare_records);
	size_t kept = 0;
	for (size_t i = 0; i < all.len; i++) {
		if (kept > 0 && compare_records(&all.at[kept - 1], &all.at[i]) == 0) {
			if (all.at[i].key.ctime_ns > all.at[kept - 1].key.ctime_ns)
				all.at[kept - 1] = all.at[i];
		} else {
			all.at[kept++] = all.at[i];
		}
	}
	all.len = kept;
	return all;
}

static void write_back(const StatCache *c)
{
	AUTO_VEC Records all = merge(c);
	if (all.len > RECORDS_MAX)
		return;
	Str bytes = { (const char *)all.at, all.len * sizeof *all.at };
	Header h = { .record_bytes = sizeof(StatRecord),
		     .count = all.len,
		     .sha256 = sha256_of(bytes) };
	memcpy(h.magic, magic, sizeof magic);
	AUTO_BUF Buf out = BUF_INIT;
	buf_reserve(&out, sizeof h + bytes.len);
	buf_add(&out, &h, sizeof h);
	buf_add_str(&out, bytes);
	/* without it the next build reads the files again: nothing to bother anybody with */
	err_free(path_write_file(c->dir_fd, c->name, buf_str(&out), 0600, false));
}

void statcache_close(StatCache *c)
{
	if (!c)
		return;
	if (c->dir_fd >= 0 && c->newest)
		write_back(c);
	if (c->map)
		(void)munmap(c->map, c->map_bytes);
	closep(&c->dir_fd);
	for (Segment *s = c->newest; s;) {
		Segment *older = s->older;
		free(s);
		s = older;
	}
	free(c->old_used);
	free(c->name);
	free(c);
}
