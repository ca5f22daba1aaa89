/*
 * repo_links.c - what is in a repository: links to blobs, manifests, tags, lists of referrers.
 *
 * Each link is a sealed file "decant-repo 1", lines of "NAME value".  They are synced: who was told
 * that a push is done finds it after a power cut.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "store/repos-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#define FIRST_LINE "decant-repo 1\n"

/* --- writing ---------------------------------------------------------------------------------- */

static Err *make_dirs(Store *s, Buf *path)
{
	for (char *p = path->ptr; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdirat(s->dir_fd, path->ptr, 0700) < 0 && errno != EEXIST)
			return err_sys(errno, "cannot create '%s' in the store '%s'", path->ptr,
			               s->path);
	}
	return NULL;
}

/* TEXT without its seal. */
static Err *write_link(Store *s, Str repo, const char *kind, Str leaf, Buf *text)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, kind, leaf, &path);
	store_text_seal(text);
	Err *e = store_write_small(s, path.ptr, buf_str(text), true);
	if (e && err_errno(e) == ENOENT) { /* the first of its kind */
		err_free(e);
		TRY(make_dirs(s, &path));
		e = store_write_small(s, path.ptr, buf_str(text), true);
	}
	TRY(e);
	path.ptr[str_rfind(buf_str(&path), '/')] = '\0';
	return store_sync_dir(s, path.ptr);
}

static Err *remove_link(Store *s, Str repo, const char *kind, Str leaf, const char *what)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, kind, leaf, &path);
	if (unlinkat(s->dir_fd, path.ptr, 0) == 0)
		return NULL;
	if (errno == ENOENT || errno == ENOTDIR)
		return err_new(ERR_NOT_FOUND, "%s '%.*s' is not in '%.*s'", what, STR_ARG(leaf),
		               STR_ARG(repo));
	return err_sys(errno, "cannot remove '%s/%s'", s->path, path.ptr);
}

static void add_blob_line(Buf *text, const Digest *blob)
{
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(text, "blob %s\n", digest_text(blob, hex).ptr);
}

/* --- blobs ------------------------------------------------------------------------------------ */

Err *store_repo_link_blob(Store *s, Str repo, Str digest, const Digest *blob)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_addf(&text, FIRST_LINE);
	add_blob_line(&text, blob);
	return write_link(s, repo, "blobs", digest, &text);
}

static Err *blob_of(Str text, Digest *ret)
{
	TRY(store_text_get_digest(text, "blob", ret));
	return digest_is_zero(ret) ? err_new(ERR_CORRUPT, "a link of a repository names no blob")
	                           : NULL;
}

Err *store_repo_find_blob(Store *s, Str repo, Str digest, bool renew, Digest *ret,
                          uint64_t *ret_size)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(store_repo_read(s, repo, "blobs", digest, &text));
	TRY(blob_of(buf_str(&text), ret));
	if (!store_blob_exists(s, ret, ret_size))
		*ret_size = UINT64_MAX;
	if (renew) {
		AUTO_BUF Buf path = BUF_INIT;
		store_repo_path(repo, "blobs", digest, &path);
		/* what fails here makes it no older than it is */
		(void)utimensat(s->dir_fd, path.ptr, NULL, AT_SYMLINK_NOFOLLOW);
	}
	return NULL;
}

Err *store_repo_unlink_blob(Store *s, Str repo, Str digest)
{
	return remove_link(s, repo, "blobs", digest, "the blob");
}

/* --- manifests -------------------------------------------------------------------------------- */

static void referrers_kind(Str subject, Buf *out)
{
	buf_addf(out, "referrers/%.*s", STR_ARG(subject));
}

Err *store_repo_link_manifest(Store *s, Str repo, const StoreRepoManifest *m)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (m->subject.len) {
		AUTO_BUF Buf kind = BUF_INIT;
		AUTO_BUF Buf entry = BUF_INIT;
		referrers_kind(m->subject, &kind);
		buf_addf(&entry, FIRST_LINE);
		TRY(write_link(s, repo, kind.ptr, m->digest, &entry));
	}
	buf_addf(&text, FIRST_LINE);
	add_blob_line(&text, &m->blob);
	buf_addf(&text, "type %.*s\n", STR_ARG(m->media_type));
	if (m->subject.len)
		buf_addf(&text, "subject %.*s\n", STR_ARG(m->subject));
	return write_link(s, repo, "manifests", m->digest, &text);
}

Err *store_repo_find_manifest(Store *s, Str repo, Str digest, Arena *a, StoreRepoManifest *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str value;
	TRY(store_repo_read(s, repo, "manifests", digest, &text));
	*ret = (StoreRepoManifest){ .digest = arena_str(a, digest), .subject = STR("") };
	TRY(blob_of(buf_str(&text), &ret->blob));
	ret->media_type =
		store_text_get(buf_str(&text), "type", &value) ? arena_str(a, value) : STR("");
	if (store_text_get(buf_str(&text), "subject", &value))
		ret->subject = arena_str(a, value);
	return NULL;
}

static Err *unlink_tags_of(Store *s, Str repo, Str digest, Arena *a)
{
	Str *tags;
	size_t count;
	TRY(store_repo_tags(s, repo, a, &tags, &count));
	for (size_t i = 0; i < count; i++) {
		StoreRepoTag tag;
		Err *e = store_repo_find_tag(s, repo, tags[i], a, &tag);
		bool leads = !e && str_eq(tag.manifest, digest);
		err_free(e); /* a damaged tag leads nowhere */
		if (leads)
			TRY(store_repo_unlink_tag(s, repo, tags[i]));
	}
	return NULL;
}

Err *store_repo_unlink_manifest(Store *s, Str repo, Str digest)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreRepoManifest m;
	TRY(store_repo_find_manifest(s, repo, digest, &a, &m));
	TRY(unlink_tags_of(s, repo, digest, &a));
	TRY(remove_link(s, repo, "manifests", digest, "the manifest"));
	if (!m.subject.len)
		return NULL;
	AUTO_BUF Buf kind = BUF_INIT;
	AUTO_BUF Buf path = BUF_INIT;
	referrers_kind(m.subject, &kind);
	AUTO_ERR Err *e = remove_link(s, repo, kind.ptr, digest, "the referrer");
	if (e && err_kind(e) != ERR_NOT_FOUND)
		return TAKE_PTR(e);
	store_repo_path(repo, kind.ptr, STR(""), &path);
	(void)unlinkat(s->dir_fd, path.ptr, AT_REMOVEDIR); /* if it was the last */
	return NULL;
}

Err *store_repo_manifests(Store *s, Str repo, Arena *a, Str **ret, size_t *ret_count)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, "manifests", STR(""), &path);
	return store_repo_names(s, path.ptr, a, ret, ret_count);
}

Err *store_repo_referrers(Store *s, Str repo, Str subject, Arena *a, Str **ret, size_t *ret_count)
{
	AUTO_BUF Buf kind = BUF_INIT;
	AUTO_BUF Buf path = BUF_INIT;
	referrers_kind(subject, &kind);
	store_repo_path(repo, kind.ptr, STR(""), &path);
	return store_repo_names(s, path.ptr, a, ret, ret_count);
}

/* --- tags ------------------------------------------------------------------------------------- */

Err *store_repo_set_tag(Store *s, Str repo, Str tag, const StoreRepoTag *t)
{
	AUTO_BUF Buf text = BUF_INIT;
	char hex[DIGEST_TEXT_LEN + 1];
	buf_addf(&text, FIRST_LINE "manifest %.*s\n", STR_ARG(t->manifest));
	if (!digest_is_zero(&t->image))
		buf_addf(&text, "image %s\n", digest_text(&t->image, hex).ptr);
	return write_link(s, repo, "tags", tag, &text);
}

Err *store_repo_find_tag(Store *s, Str repo, Str tag, Arena *a, StoreRepoTag *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str value;
	TRY(store_repo_read(s, repo, "tags", tag, &text));
	if (!store_text_get(buf_str(&text), "manifest", &value) || !store_repo_digest_ok(value))
		return err_new(ERR_CORRUPT, "the tag '%.*s' of '%.*s' is damaged", STR_ARG(tag),
		               STR_ARG(repo));
	*ret = (StoreRepoTag){ .manifest = arena_str(a, value) };
	return store_text_get_digest(buf_str(&text), "image", &ret->image);
}

Err *store_repo_unlink_tag(Store *s, Str repo, Str tag)
{
	return remove_link(s, repo, "tags", tag, "the tag");
}

Err *store_repo_tags(Store *s, Str repo, Arena *a, Str **ret, size_t *ret_count)
{
	AUTO_BUF Buf path = BUF_INIT;
	store_repo_path(repo, "tags", STR(""), &path);
	return store_repo_names(s, path.ptr, a, ret, ret_count);
}

/* --- all of them -------------------------------------------------------------------------------
 */

static Err *each_in(Store *s, const char *dir, StoreRepoKind kind, StoreRepoLinkFn *fn,
                    void *context)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *names;
	size_t count;
	TRY(store_repo_names(s, dir, &a, &names, &count));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf path = BUF_INIT;
		AUTO_BUF Buf text = BUF_INIT;
		buf_addf(&path, "%s/%.*s", dir, STR_ARG(names[i]));
		AUTO_ERR Err *e = store_sealed_read(s, path.ptr, &text);
		if (!e || err_kind(e) != ERR_NOT_FOUND) /* gone meanwhile */
			TRY(fn(context, kind, path.ptr, buf_str(&text), e));
	}
	return NULL;
}

Err *store_repo_each_link(Store *s, const char *coded, StoreRepoLinkFn *fn, void *context)
{
	static const char *const kinds[] = { "blobs", "manifests", "tags" };
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf path = BUF_INIT;
	Str *subjects;
	size_t count;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		buf_reset(&path);
		buf_addf(&path, "repos/%s/%s", coded, kinds[i]);
		TRY(each_in(s, path.ptr, (StoreRepoKind)i, fn, context));
	}
	buf_reset(&path);
	buf_addf(&path, "repos/%s/referrers", coded);
	TRY(store_repo_names(s, path.ptr, &a, &subjects, &count));
	for (size_t i = 0; i < count; i++) {
		buf_reset(&path);
		buf_addf(&path, "repos/%s/referrers/%.*s", coded, STR_ARG(subjects[i]));
		TRY(each_in(s, path.ptr, STORE_REPO_REFERRER, fn, context));
	}
	return NULL;
}

bool store_repo_link_leads(Store *s, const char *coded, StoreRepoKind kind, Str text)
{
	Digest blob;
	Str manifest;
	if (kind == STORE_REPO_REFERRER) /* a manifest that is gone is left out of the list */
		return true;
	if (kind == STORE_REPO_TAG) {
		AUTO_BUF Buf path = BUF_INIT;
		if (!store_text_get(text, "manifest", &manifest))
			return false;
		buf_addf(&path, "repos/%s/manifests/%.*s", coded, STR_ARG(manifest));
		return faccessat(s->dir_fd, path.ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	AUTO_ERR Err *e = blob_of(text, &blob);
	return !e && store_blob_exists(s, &blob, NULL);
}
