/*
 * repo_gc.c - what repositories need, for the gc; what in them nothing needs goes.
 *
 * A blob is pushed before the manifest that names it, so one without a manifest is either waiting
 * for it or left over.  A day tells: each push of it, each question whether it is there, makes it
 * new.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "codec/sha512.h"
#include "store/repos-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#define GRACE_NS (24ll * 3600 * 1000000000)

typedef struct RepoMarks {
	Store *store;
	Str repo;
	Arena *arena;
	Map named; /* digests that manifests of the repository name */
	StoreRepoMarkFn *fn;
	void *context;
} RepoMarks;

static void note_named(RepoMarks *m, Str text)
{
	for (const char *at; (at = memmem(text.ptr, text.len, "sha", 3));) {
		text = str_from_at(text, (size_t)(at - text.ptr));
		size_t len = str_starts(text, STR("sha512:")) ? SHA512_TEXT_LEN : DIGEST_TEXT_LEN;
		Str digest = str_head(text, len);
		if (store_repo_digest_ok(digest) && !map_find(&m->named, digest))
			(void)map_put(&m->named, arena_str(m->arena, digest), m);
		text = str_from_at(text, 3);
	}
}

static Err *mark_manifests(RepoMarks *m)
{
	Str *digests;
	size_t count;
	TRY(store_repo_manifests(m->store, m->repo, m->arena, &digests, &count));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf link = BUF_INIT;
		AUTO_BUF Buf json = BUF_INIT;
		Digest blob;
		AUTO_ERR Err *e =
			store_repo_read(m->store, m->repo, "manifests", digests[i], &link);
		if (e && err_kind(e) == ERR_SYSTEM)
			return TAKE_PTR(e);
		if (e)
			continue; /* damaged: fsck tells */
		m->fn(m->context, buf_str(&link));
		e = store_text_get_digest(buf_str(&link), "blob", &blob);
		if (!e)
			e = store_blob_read(m->store, &blob, MANIFEST_BYTES_MAX, &json);
		if (!e)
			note_named(m, buf_str(&json));
	}
	return NULL;
}

static Err *mark_blobs(RepoMarks *m, int64_t before_ns)
{
	AUTO_BUF Buf dir = BUF_INIT;
	Str *digests;
	size_t count;
	store_repo_path(m->repo, "blobs", STR(""), &dir);
	TRY(store_repo_names(m->store, dir.ptr, m->arena, &digests, &count));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		AUTO_BUF Buf link = BUF_INIT;
		struct stat st;
		store_repo_path(m->repo, "blobs", digests[i], &path);
		if (fstatat(m->store->dir_fd, path.ptr, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		int64_t used_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		if (!map_find(&m->named, digests[i]) && used_ns < before_ns) {
			if (unlinkat(m->store->dir_fd, path.ptr, 0) < 0 && errno != ENOENT)
				return err_sys(errno, "cannot remove '%s' in the store '%s'",
				               path.ptr, m->store->path);
			continue;
		}
		AUTO_ERR Err *e = store_repo_read(m->store, m->repo, "blobs", digests[i], &link);
		if (e && err_kind(e) == ERR_SYSTEM)
			return TAKE_PTR(e);
		if (!e)
			m->fn(m->context, buf_str(&link));
	}
	return NULL;
}

/* A repository in which nothing is left is none. */
static void remove_empty(Store *s, Str repo)
{
	static const char *const kinds[] = { "blobs", "manifests", "tags", "referrers", "" };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO_BUF Buf path = BUF_INIT;
		store_repo_path(repo, kinds[i], STR(""), &path);
		(void)unlinkat(s->dir_fd, path.ptr, AT_REMOVEDIR); /* if it is empty */
	}
}

static Err *mark_repo(RepoMarks *m, int64_t before_ns)
{
	TRY(mark_manifests(m));
	TRY(mark_blobs(m, before_ns));
	remove_empty(m->store, m->repo);
	return NULL;
}

Err *store_repo_mark(Store *s, StoreRepoMarkFn *fn, void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *repos;
	size_t count;
	int64_t before_ns = clock_real_ns() - GRACE_NS;
	TRY(store_upload_expire(s, before_ns));
	TRY(store_repo_list(s, &a, &repos, &count));
	for (size_t i = 0; i < count; i++) {
		AUTO_ARENA Arena own = ARENA_INIT;
		RepoMarks m = { s, repos[i], &own, MAP_INIT, fn, context };
		Err *e = mark_repo(&m, before_ns);
		map_done(&m.named);
		TRY(e);
	}
	return NULL;
}
