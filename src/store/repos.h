/*
 * repos.h - repositories: what a registry of our own has, by name, over the blobs of the store.
 *
 * WHAT     A repository is "project/name".  It has blobs, manifests, tags and lists of referrers; each is
 *          a small sealed file that leads to a blob of the store.  A blob that is in no repository of
 *          a client's is none for him, whatever the store has.
 *              repos/<name, "+" for "/">/blobs/<digest>
 *                                        manifests/<digest>
 *                                        tags/<tag>
 *                                        referrers/<digest of the subject>/<digest>
 *              uploads/<id>, <id>.state  a blob that is being sent (uploads.c)
 * DIGESTS  A text, "sha256:..." or "sha512:...": what the client calls it.  The bytes lie in blobs/sha256/
 *          under their SHA-256 in either case; the file says so.
 * LOCKS    Writers of links hold the gc lock shared (store_lock_gc): what they found stays until it is linked.
 *          Who changes a repository holds store_repo_lock().  Readers take no lock.
 * GC       Manifests and their blobs stay.  A blob that no manifest of its repository names goes a day after
 *          it was last pushed or asked for; so does an upload.
 * ERRORS   ERR_NOT_FOUND, ERR_CORRUPT (a damaged file, named), ERR_SYSTEM
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

/* OCI distribution-spec 1.1, "Pulling manifests". */
bool store_repo_name_ok(Str name);
bool store_repo_tag_ok(Str tag);
/* "sha256:<64>" or "sha512:<128>" lower-case hex digits. */
bool store_repo_digest_ok(Str digest);

NODISCARD Err *store_repo_lock(Store *s, Str repo, StoreLock *ret);
/* All names, sorted. */
NODISCARD Err *store_repo_list(Store *s, Arena *a, Str **ret, size_t *ret_count);
/* Has it anything in it? */
bool store_repo_exists(Store *s, Str repo);

/* --- blobs ------------------------------------------------------------------------------------ */
NODISCARD Err *store_repo_link_blob(Store *s, Str repo, Str digest, const Digest *blob);
/* The blob that DIGEST is in REPO.  *ret_size: its bytes, or UINT64_MAX if the store has it not any
 * more. RENEW: somebody counts on it; it stays another day. */
NODISCARD Err *store_repo_find_blob(Store *s, Str repo, Str digest, bool renew, Digest *ret,
                                    uint64_t *ret_size);
NODISCARD Err *store_repo_unlink_blob(Store *s, Str repo, Str digest);

/* --- manifests -------------------------------------------------------------------------------- */
typedef struct StoreRepoManifest {
	Str digest;     /* as it was pushed */
	Digest blob;    /* where its bytes are */
	Str media_type; /* as the client said */
	Str subject;    /* "" none */
} StoreRepoManifest;
/* Its blob is in the store.  Puts it into its subject's list too. */
NODISCARD Err *store_repo_link_manifest(Store *s, Str repo, const StoreRepoManifest *m);
NODISCARD Err *store_repo_find_manifest(Store *s, Str repo, Str digest, Arena *a,
                                        StoreRepoManifest *ret);
/* With the tags that lead to it. */
NODISCARD Err *store_repo_unlink_manifest(Store *s, Str repo, Str digest);
NODISCARD Err *store_repo_manifests(Store *s, Str repo, Arena *a, Str **ret, size_t *ret_count);
/* Digests of the manifests whose subject is SUBJECT, sorted. */
NODISCARD Err *store_repo_referrers(Store *s, Str repo, Str subject, Arena *a, Str **ret,
                                    size_t *ret_count);

/* --- tags ------------------------------------------------------------------------------------- */
typedef struct StoreRepoTag {
	Str manifest; /* the digest of one in the same repository */
	Digest image; /* that a name of the store had when the tag was set; zero: none */
} StoreRepoTag;
NODISCARD Err *store_repo_set_tag(Store *s, Str repo, Str tag, const StoreRepoTag *t);
NODISCARD Err *store_repo_find_tag(Store *s, Str repo, Str tag, Arena *a, StoreRepoTag *ret);
NODISCARD Err *store_repo_unlink_tag(Store *s, Str repo, Str tag);
/* Sorted by bytes. */
NODISCARD Err *store_repo_tags(Store *s, Str repo, Arena *a, Str **ret, size_t *ret_count);

/* Bytes of all blobs of the repositories of PROJECT ("a" of "a/b"), each once. */
NODISCARD Err *store_repo_usage(Store *s, Str project, uint64_t *ret_bytes);
Str store_repo_project(Str repo);

/* --- uploads ---------------------------------------------------------------------------------- */
enum { STORE_UPLOAD_ID_LEN = 32 };
/*
 * A blob that comes in pieces, from one or many requests; what was written survives the process.
 * ERR_NOT_FOUND: no such upload in this repository.  ERR_MISS: another request writes it just now.
 */
typedef struct StoreUpload StoreUpload;
NODISCARD Err *store_upload_begin(Store *s, Str repo, StoreUpload **ret);
NODISCARD Err *store_upload_open(Store *s, Str repo, Str id, StoreUpload **ret);
const char *store_upload_id(const StoreUpload *u);
uint64_t store_upload_size(const StoreUpload *u);
NODISCARD Err *store_upload_add(StoreUpload *u, const void *bytes, size_t len);
/* Only what came before SIZE counts: the rest of a request that failed. */
NODISCARD Err *store_upload_cut(StoreUpload *u, uint64_t size);
/* Write down how far it is, so that the hash need not be computed again. */
NODISCARD Err *store_upload_save(StoreUpload *u);
/* It is the blob DIGEST: verified, synced, linked into the repository, and gone as upload.
 * ERR_INPUT: it has another digest (and is gone). */
NODISCARD Err *store_upload_finish(StoreUpload *u, Str digest);
NODISCARD Err *store_upload_remove(StoreUpload *u);
void store_upload_close(StoreUpload *u); /* NULL is fine; what was not finished stays */
/* Remove uploads that nobody has touched since BEFORE_NS (real time). */
NODISCARD Err *store_upload_expire(Store *s, int64_t before_ns);

static inline void store_upload_closep(StoreUpload **u)
{
	store_upload_close(*u);
}
#define AUTO_UPLOAD CLEANUP(store_upload_closep)

/* --- for who looks at all of them --------------------------------------------------------------
 */
typedef enum StoreRepoKind {
	STORE_REPO_BLOB,
	STORE_REPO_MANIFEST,
	STORE_REPO_TAG,
	STORE_REPO_REFERRER,
} StoreRepoKind;
/* PATH of the link in the store; TEXT without its seal; ERR (borrowed, may be NULL) of reading it.
 */
typedef Err *StoreRepoLinkFn(void *context, StoreRepoKind kind, const char *path, Str text,
                             const Err *err);
/* Every link in repos/CODED. */
NODISCARD Err *store_repo_each_link(Store *s, const char *coded, StoreRepoLinkFn *fn,
                                    void *context);
/* Does the text of a link lead to something that is here?  REPO: the coded name. */
bool store_repo_link_leads(Store *s, const char *coded, StoreRepoKind kind, Str text);

/* --- gc.c ------------------------------------------------------------------------------------- */
typedef void StoreRepoMarkFn(void *context, Str text);
/* Unlink what nothing needs any more, and give the text of every link that stays.  The caller holds
 * the gc lock alone. */
NODISCARD Err *store_repo_mark(Store *s, StoreRepoMarkFn *fn, void *context);
