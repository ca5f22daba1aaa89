/*
 * gc.c - what no name and no record needs goes away.
 *
 * Roots are the refs, the cache records, the containers and the repositories.  Marking is by text:
 * every "sha256:<hex>" in a root, and in every small blob that is reached, is kept.  That keeps a
 * little too much now and then and never too little, and needs no knowledge of what the texts mean.
 * Builds and pulls hold the gc lock shared; a gc holds it alone.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "fs/path.h"
#include "store/account.h"
#include "store/freed.h"
#include "store/parts.h"
#include "store/repos.h"
#include "store/store-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct Marks {
	Store *store;
	Arena arena;
	Map hex; /* 64 hex digits → marked; walked in order of insertion as the work list */
} Marks;

static void mark_hex(Marks *m, Str hex)
{
	if (!map_find(&m->hex, hex))
		(void)map_put(&m->hex, arena_str(&m->arena, hex), m);
}

static void mark_text(Marks *m, Str text)
{
	static const char prefix[] = "sha256:";
	const size_t need = sizeof prefix - 1 + DIGEST_HEX_LEN;
	while (text.len >= need) {
		const char *at = memmem(text.ptr, text.len, prefix, sizeof prefix - 1);
		if (!at || text.len - (size_t)(at - text.ptr) < need)
			return;
		Digest d;
		Err *e = digest_parse((Str){ at, need }, &d);
		if (!e)
			mark_hex(m, (Str){ at + sizeof prefix - 1, DIGEST_HEX_LEN });
		err_free(e); /* no digest after all */
		text = str_from_at(text, (size_t)(at - text.ptr) + sizeof prefix - 1);
	}
}

typedef Err *NameFn(void *context, int dir_fd, const char *name);

static Err *each_name(Store *s, const char *path, NameFn *fn, void *context)
{
	int fd = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(errno, "cannot read '%s/%s'", s->path, path);
	Err *e = NULL;
	for (struct dirent *d; !e && (d = readdir(dir));)
		if (d->d_name[0] != '.')
			e = fn(context, fd, d->d_name);
	(void)closedir(dir);
	return e;
}

static Err *mark_file(void *context, int dir_fd, const char *name)
{
	Marks *m = context;
	AUTO_BUF Buf text = BUF_INIT;
	struct stat st;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	TRY(path_read_file(dir_fd, name, LIST_BYTES_MAX, &text));
	mark_text(m, buf_str(&text));
	return NULL;
}

static Err *mark_container(void *context, int dir_fd, const char *name)
{
	Marks *m = context;
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	AUTO_ERR Err *e = path_read_file(fd, "container.json", JSON_BYTES_MAX, &text);
	if (!e) /* a container without its file is not there yet, or going */
		mark_text(m, buf_str(&text));
	return NULL;
}

static void mark_link(void *context, Str text)
{
	mark_text(context, text);
}

static void mark_small(Marks *m, const char *prefix, const Digest *d)
{
	AUTO_BUF Buf text = BUF_INIT;
	int errnum;
	if (store_read_small(m->store, store_path_of(prefix, d, "").text, &text, &errnum))
		mark_text(m, buf_str(&text));
}

/* Configs and manifests name others; layers of any size are data and are not read. */
static Err *mark_reached(Marks *m)
{
	for (size_t i = 0; i < m->hex.len; i++) {
		Digest d;
		TRY(digest_parse_hex(m->hex.slots[i].key, &d));
		mark_small(m, "map", &d);
		mark_small(m, "attest", &d);
		if (store_blob_is_json(m->store, &d))
			mark_small(m, "blobs/sha256", &d);
	}
	return NULL;
}

typedef struct Sweep {
	Marks *marks;
	StoreFreed freed;
} Sweep;

static bool is_marked(const Marks *m, const char *name)
{
	return map_find(&m->hex, str_head(str_from(name), DIGEST_HEX_LEN)) != NULL;
}

static Err *sweep_one(void *context, int dir_fd, const char *name)
{
	Sweep *w = context;
	if (is_marked(w->marks, name))
		return NULL;
	TRY(store_freed_add(&w->freed, dir_fd, name));
	return path_remove_tree(dir_fd, name);
}

/* A layer is there as long as its .meta is, so that goes first; the rest follows when its turn
 * comes. */
static Err *sweep_meta(void *context, int dir_fd, const char *name)
{
	return str_ends(str_from(name), STR(".meta")) ? sweep_one(context, dir_fd, name) : NULL;
}

static void sweep_done(Sweep *w)
{
	store_freed_done(&w->freed);
}

static Err *sweep(Marks *m, uint64_t *freed)
{
	CLEANUP(sweep_done) Sweep w = { .marks = m };
	TRY(each_name(m->store, "layers", sweep_meta, &w));
	TRY(each_name(m->store, "layers", sweep_one, &w));
	TRY(each_name(m->store, "blobs/sha256", sweep_one, &w));
	TRY(each_name(m->store, "map", sweep_one, &w));
	AUTO_CLOSE int attest = -1; /* stores of older versions have none */
	TRY(store_subdir(m->store, "attest", &attest));
	TRY(each_name(m->store, "attest", sweep_one, &w));
	*freed = w.freed.bytes;
	return NULL;
}

Err *store_gc(Store *s, const Cancel *cancel, uint64_t *ret_freed_bytes)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock_gc(s, true, cancel, &lock));
	return store_gc_locked(s, ret_freed_bytes);
}

Err *store_gc_if_free(Store *s, uint64_t *ret_freed_bytes)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	bool got;
	*ret_freed_bytes = 0;
	TRY(store_try_lock_gc(s, true, &lock, &got));
	return got ? store_gc_locked(s, ret_freed_bytes) : NULL;
}

Err *store_gc_locked(Store *s, uint64_t *ret_freed_bytes)
{
	TRY(store_reap(s));
	Marks m = { .store = s };
	Err *e = each_name(s, "refs", mark_file, &m);
	if (!e)
		e = each_name(s, "cache", mark_file, &m);
	if (!e)
		e = each_name(s, "containers", mark_container, &m);
	if (!e && faccessat(s->dir_fd, "index.json", F_OK, 0) == 0)
		e = mark_file(&m, s->dir_fd, "index.json"); /* indexes are named there alone */
	if (!e)
		e = store_repo_mark(s, mark_link, &m);
	if (!e)
		e = mark_reached(&m);
	if (!e)
		e = sweep(&m, ret_freed_bytes);
	if (!e)
		store_account_add(s, -(int64_t)*ret_freed_bytes);
	map_done(&m.hex);
	arena_done(&m.arena);
	return e;
}
