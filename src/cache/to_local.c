/*
 * to_local.c - a cache into a directory: an OCI image layout, one manifest a tag.
 *
 * Blobs first, each whole or absent; then index.json, by rename; then what no tag needs goes.  One
 * writer at a time (.lock).  A reader takes no lock: if a blob goes while he reads, that step runs.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/parallel.h"
#include "cache/cache-internal.h"
#include "fs/path.h"
#include "registry/layout.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LAYOUT_VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"

enum { WRITE_THREADS = 4 };

static Str tag_of(const CacheSpec *to)
{
	return to->tag.len ? to->tag : STR("latest");
}

/* --- opening -----------------------------------------------------------------------------------
 */

static Err *wait_lock(const Out *out, int fd)
{
	enum { NAP_MS = 20 };
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return err_sys(errno, "cannot lock '%s/.lock'", out->to->dir.ptr);
		struct pollfd p = { .fd = cancel_fd(out->x->cancel), .events = POLLIN };
		(void)poll(&p, p.fd >= 0, NAP_MS);
		TRY(cancel_check(out->x->cancel));
	}
	return NULL;
}

/* What is there and is no cache stays: blobs would be removed in it. */
static Err *check_empty(const Out *out, int fd)
{
	AUTO_CLOSE int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	bool other = false, layout = false;
	if (!dir)
		return err_sys(errno, "cannot read '%s'", out->to->dir.ptr);
	(void)TAKE_FD(again); /* the DIR has it */
	for (struct dirent *d; (d = readdir(dir));) {
		layout = layout || strcmp(d->d_name, "oci-layout") == 0;
		other = other || d->d_name[0] != '.';
	}
	(void)closedir(dir);
	if (layout || !other)
		return NULL;
	return err_note(
		err_new(ERR_INPUT, "'%s' holds something else than a cache", out->to->dir.ptr),
		"give the cache a directory of its own");
}

Err *cache_local_open(const Out *out, LocalDir *ret)
{
	const char *path = out->to->dir.ptr;
	if (mkdirat(AT_FDCWD, path, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create the directory '%s'", path);
	ret->fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0)
		return err_sys(errno, "cannot open the directory '%s'", path);
	TRY(check_empty(out, ret->fd));
	ret->lock_fd = openat(ret->fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (ret->lock_fd < 0)
		return err_sys(errno, "cannot create '%s/.lock'", path);
	return wait_lock(out, ret->lock_fd);
}

void cache_local_close(LocalDir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	*dir = LOCAL_DIR_NONE;
}

/* --- what lies there ---------------------------------------------------------------------------
 */

/* A directory that lost blobs is written anew. */
static bool has_blobs(const LocalDir *dir, const Manifest *m)
{
	for (size_t i = 0; i < m->layer_count; i++) {
		char name[sizeof "blobs/sha256/" + DIGEST_HEX_LEN], hex[DIGEST_HEX_LEN + 1];
		struct stat st;
		(void)snprintf(name, sizeof name, "blobs/sha256/%s",
		               digest_hex(&m->layers[i].digest, hex).ptr);
		if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (uint64_t)st.st_size != m->layers[i].size)
			return false;
	}
	return true;
}

Err *cache_local_look(const LocalDir *dir, Out *out)
{
	Layout layout = { dir->fd, out->to->dir.ptr };
	Platform platform = platform_host();
	Err *e = layout_resolve(&layout, tag_of(out->to), NULL, &platform, out->arena, &out->old);
	out->has_old = !e && has_blobs(dir, &out->old.manifest);
	err_free(e); /* no such tag yet, or it is damaged: written anew */
	return NULL;
}

/* --- blobs -------------------------------------------------------------------------------------
 */

typedef struct Writing {
	const LocalDir *dir;
	Out *out;
	int blobs_fd;
} Writing;

static bool is_there(const Writing *w, const Descriptor *d)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct stat st;
	return fstatat(w->blobs_fd, digest_hex(&d->digest, hex).ptr, &st, AT_SYMLINK_NOFOLLOW) ==
	               0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == d->size;
}

static Err *copy_blob(const Writing *w, Reader *from, const Descriptor *d, int fd)
{
	char is[DIGEST_TEXT_LEN + 1], want[DIGEST_TEXT_LEN + 1];
	AUTO_WRITER Writer *file = writer_to_fd_what(fd, "a blob to the cache");
	AUTO_WRITER Writer *hash = writer_hash(file);
	TRY(stream_copy(from, hash, w->out->x->cancel));
	TRY(writer_finish(hash));
	TRY(writer_finish(file));
	Digest got = writer_hash_digest(hash);
	if (digest_eq(&got, &d->digest))
		return NULL;
	return err_new(ERR_CORRUPT, "the blob %s of the store has become %s",
	               digest_text(&d->digest, want).ptr, digest_text(&got, is).ptr);
}

static Err *write_blob(Writing *w, const OutLayer *layer)
{
	char hex[DIGEST_HEX_LEN + 1], name[DIGEST_HEX_LEN + 8];
	OutBlob blob = { w->out, layer };
	AUTO_READER Reader *from = NULL;
	digest_hex(&layer->blob.digest, hex);
	(void)snprintf(name, sizeof name, ".tmp-%s", hex);
	TRY(cache_out_open(&blob, &from));
	AUTO_CLOSE int fd = openat(w->blobs_fd, name,
	                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_sys(errno, "cannot create a blob in '%s'", w->out->to->dir.ptr);
	Err *e = copy_blob(w, from, &layer->blob, fd);
	if (!e && renameat(w->blobs_fd, name, w->blobs_fd, hex) < 0)
		e = err_sys(errno, "cannot name a blob in '%s'", w->out->to->dir.ptr);
	if (e)
		(void)unlinkat(w->blobs_fd, name, 0); /* the first error is the one that is told */
	return e;
}

static Err *write_layer(void *context, size_t i)
{
	Writing *w = context;
	const OutLayer *layer = &w->out->layers[i];
	TRY(cancel_check(w->out->x->cancel));
	if (is_there(w, &layer->blob))
		return NULL;
	TRY(write_blob(w, layer));
	__atomic_add_fetch(&w->out->sent_bytes, layer->blob.size, __ATOMIC_RELAXED);
	__atomic_add_fetch(&w->out->sent_count, 1, __ATOMIC_RELAXED);
	return NULL;
}

static Err *write_document(const Writing *w, const Digest *digest, Str json)
{
	char hex[DIGEST_HEX_LEN + 1];
	return path_write_file(w->blobs_fd, digest_hex(digest, hex).ptr, json, 0644, false);
}

/* --- the index ---------------------------------------------------------------------------------
 */

static Err *read_index(const Writing *w, Index *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	*ret = (Index){ .media_type = STR(MEDIA_OCI_INDEX) };
	Err *e = path_read_file(w->dir->fd, "index.json", MANIFEST_BYTES_MAX, &text);
	if (!e)
		e = index_parse(w->out->arena, arena_str(w->out->arena, buf_str(&text)),
		                "index.json", ret);
	if (e)
		*ret = (Index){ .media_type = STR(MEDIA_OCI_INDEX) };
	err_free(e); /* none yet, or damaged: begun anew */
	return NULL;
}

/* The index with our manifest under our tag. */
static Err *write_index(const Writing *w, Index *index)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str tag = tag_of(w->out->to);
	Descriptor *all =
		arena_alloc(w->out->arena, (index->count + 1) * sizeof *all, _Alignof(Descriptor));
	size_t count = 0;
	for (size_t i = 0; i < index->count; i++)
		if (!str_eq(index->manifests[i].ref_name, tag))
			all[count++] = index->manifests[i];
	all[count++] = (Descriptor){ .media_type = STR(MEDIA_OCI_MANIFEST),
		                     .digest = w->out->manifest,
		                     .size = w->out->manifest_json.len,
		                     .ref_name = tag };
	index->manifests = all;
	index->count = count;
	index_format(index, &text);
	return path_write_file(w->dir->fd, "index.json", buf_str(&text), 0644, true);
}

/* --- what no tag needs -------------------------------------------------------------------------
 */

static void mark(Arena *a, Map *needed, const Digest *d)
{
	(void)map_put(needed, digest_arena_hex(a, d), NULL);
}

/* Blobs of one manifest.  *ret false: it cannot be read, so nobody knows what it needs. */
static bool mark_manifest(const Writing *w, const Descriptor *d, Map *needed)
{
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_BUF Buf text = BUF_INIT;
	Arena *a = w->out->arena;
	Manifest m = { 0 };
	mark(a, needed, &d->digest);
	AUTO_ERR Err *e = path_read_file(w->blobs_fd, digest_hex(&d->digest, hex).ptr,
	                                 MANIFEST_BYTES_MAX, &text);
	if (!e)
		e = manifest_parse(a, arena_str(a, buf_str(&text)), hex, &m);
	if (e)
		return err_kind(e) == ERR_SYSTEM && err_errno(e) == ENOENT;
	mark(a, needed, &m.config.digest);
	for (size_t i = 0; i < m.layer_count; i++)
		mark(a, needed, &m.layers[i].digest);
	return true;
}

static Err *sweep(const Writing *w, const Map *needed)
{
	AUTO_CLOSE int again = openat(w->blobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (!dir)
		return err_sys(errno, "cannot read the blobs of '%s'", w->out->to->dir.ptr);
	int fd = TAKE_FD(again);
	for (struct dirent *d; (d = readdir(dir));) {
		bool dots = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
		if (!dots && !map_find(needed, str_from(d->d_name)))
			(void)unlinkat(fd, d->d_name, 0); /* what stays goes the next time */
	}
	(void)closedir(dir);
	return NULL;
}

static Err *drop_unneeded(const Writing *w, const Index *index)
{
	AUTO_MAP Map needed = MAP_INIT;
	for (size_t i = 0; i < index->count; i++)
		if (!mark_manifest(w, &index->manifests[i], &needed))
			return NULL; /* something that is not ours lies there: nothing is removed */
	return sweep(w, &needed);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static Err *write_all(Writing *w)
{
	Index index = { 0 };
	TRY(path_write_file(w->dir->fd, "oci-layout", STR(LAYOUT_VERSION), 0644, false));
	TRY(read_index(w, &index));
	TRY(parallel_each(w->out->layer_count, WRITE_THREADS, write_layer, w));
	TRY(write_document(w, &w->out->config.digest, w->out->config_json));
	TRY(write_document(w, &w->out->manifest, w->out->manifest_json));
	TRY(write_index(w, &index));
	return drop_unneeded(w, &index);
}

Err *cache_local_write(const LocalDir *dir, Out *out)
{
	AUTO_CLOSE int place = -1;
	AUTO_CLOSE int blobs = -1;
	TRY(path_make_dirs(dir->fd, STR("blobs/sha256"), 0755, &place));
	blobs = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (blobs < 0)
		return err_sys(errno, "cannot open 'blobs/sha256' in '%s'", out->to->dir.ptr);
	Writing w = { dir, out, blobs };
	return write_all(&w);
}
