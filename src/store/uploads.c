/*
 * uploads.c - blobs that clients are sending: what was written outlives the process.
 *
 * uploads/<id> has the bytes, uploads/<id>.state the repository, and how far the hash was when a
 * request ended.  What lies behind that is hashed again; so is everything after a restart of the
 * machine, which may have lost what was not synced.  Who writes holds a flock on the bytes.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/sha512.h"
#include "fs/path.h"
#include "store/account.h"
#include "store/repos-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

enum {
	PIECE_BYTES = 1 << 20, /* read at once to hash again */
	WRITEBACK_BYTES =
		8 << 20, /* then the disk may begin, so that the sync at the end is short */
};

struct StoreUpload {
	Store *store;
	char id[STORE_UPLOAD_ID_LEN + 1];
	char *repo;
	int fd; /* -1: it is gone */
	uint64_t size, hashed, started_writing;
	Sha256 hash;  /* of the first .hashed bytes */
	bool resumed; /* .hash came from a file */
};

const char *store_upload_id(const StoreUpload *u)
{
	return u->id;
}

uint64_t store_upload_size(const StoreUpload *u)
{
	return u->size;
}

/* --- the state ---------------------------------------------------------------------------------
 */

static void state_path(const char *id, char path[static 64])
{
	(void)snprintf(path, 64, "uploads/%s.state", id);
}

Err *store_upload_save(StoreUpload *u)
{
	char path[64];
	AUTO_BUF Buf text = BUF_INIT;
	state_path(u->id, path);
	buf_addf(&text, "decant-upload 1\nrepo %s\nboot %s\nsize %llu\nsha256 ", u->repo,
	         u->store->boot_id, (unsigned long long)u->hashed);
	for (size_t i = 0; i < sizeof u->hash.state; i++)
		buf_addf(&text, "%02x", u->hash.state[i]);
	buf_add_char(&text, '\n');
	store_text_seal(&text);
	return store_write_small(u->store, path, buf_str(&text), false);
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(Str hex, Sha256 *ret)
{
	if (hex.len != 2 * sizeof ret->state)
		return false;
	for (size_t i = 0; i < sizeof ret->state; i++) {
		int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		ret->state[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static void hash_anew(StoreUpload *u)
{
	sha256_init(&u->hash);
	u->hashed = 0;
	u->resumed = false;
}

/* *ret_here false: it is no upload of U's repository. */
static Err *read_state(StoreUpload *u, bool *ret_here)
{
	char path[64];
	AUTO_BUF Buf text = BUF_INIT;
	Str repo, boot, size, hash;
	uint64_t hashed;
	state_path(u->id, path);
	*ret_here = false;
	AUTO_ERR Err *e = store_sealed_read(u->store, path, &text);
	if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
		return TAKE_PTR(e);
	if (e || !store_text_get(buf_str(&text), "repo", &repo) || !str_eqc(repo, u->repo))
		return NULL;
	*ret_here = true;
	hash_anew(u);
	if (store_text_get(buf_str(&text), "boot", &boot) && str_eqc(boot, u->store->boot_id) &&
	    store_text_get(buf_str(&text), "size", &size) && str_to_u64(size, &hashed) &&
	    hashed <= u->size && store_text_get(buf_str(&text), "sha256", &hash) &&
	    read_hash(hash, &u->hash)) {
		u->hashed = hashed;
		u->resumed = true;
	} else {
		hash_anew(u);
	}
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------
 */

static StoreUpload *new_upload(Store *s, Str repo)
{
	StoreUpload *u = xcalloc(1, sizeof *u);
	AUTO_BUF Buf name = BUF_INIT;
	buf_add_str(&name, repo);
	u->store = s;
	u->fd = -1;
	u->repo = buf_take(&name);
	hash_anew(u);
	return u;
}

void store_upload_close(StoreUpload *u)
{
	if (!u)
		return;
	if (u->fd >= 0) {
		(void)flock(u->fd, LOCK_UN); /* a child may have it open as well */
		close(u->fd);
	}
	free(u->repo);
	free(u);
}

static Err *draw_id(char id[static STORE_UPLOAD_ID_LEN + 1])
{
	unsigned char bytes[STORE_UPLOAD_ID_LEN / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return err_sys(errno, "cannot draw a random number");
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return NULL;
}

Err *store_upload_begin(Store *s, Str repo, StoreUpload **ret)
{
	AUTO_CLOSE int dir = -1;
	TRY(store_subdir(s, "uploads", &dir));
	AUTO_UPLOAD StoreUpload *u = new_upload(s, repo);
	TRY(draw_id(u->id));
	TRY(store_upload_save(u)); /* first: bytes without a state are nobody's */
	u->fd = openat(dir, u->id, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->fd < 0 || flock(u->fd, LOCK_EX | LOCK_NB) < 0)
		return err_sys(errno, "cannot create an upload in '%s/uploads'", s->path);
	*ret = TAKE_PTR(u);
	return NULL;
}

static bool id_ok(Str id)
{
	for (size_t i = 0; i < id.len; i++)
		if (hex_value(id.ptr[i]) < 0)
			return false;
	return id.len == STORE_UPLOAD_ID_LEN;
}

static Err *no_upload(Str id, Str repo)
{
	return err_new(ERR_NOT_FOUND, "no upload '%.*s' in '%.*s'", STR_ARG(str_head(id, 64)),
	               STR_ARG(repo));
}

Err *store_upload_open(Store *s, Str repo, Str id, StoreUpload **ret)
{
	struct stat st;
	bool here;
	AUTO_CLOSE int dir = -1;
	if (!id_ok(id))
		return no_upload(id, repo);
	TRY(store_subdir(s, "uploads", &dir));
	AUTO_UPLOAD StoreUpload *u = new_upload(s, repo);
	memcpy(u->id, id.ptr, STORE_UPLOAD_ID_LEN);
	u->fd = openat(dir, u->id, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (u->fd < 0 && errno == ENOENT)
		return no_upload(id, repo);
	if (u->fd < 0)
		return err_sys(errno, "cannot open the upload '%s/uploads/%s'", s->path, u->id);
	if (flock(u->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
		               ? err_new(ERR_MISS, "another request writes the upload '%s'", u->id)
		               : err_sys(errno, "cannot lock the upload '%s'", u->id);
	if (fstat(u->fd, &st) < 0 || st.st_nlink == 0)
		return no_upload(id, repo); /* finished while we waited */
	u->size = u->started_writing = (uint64_t)st.st_size;
	TRY(read_state(u, &here));
	if (!here)
		return no_upload(id, repo);
	*ret = TAKE_PTR(u);
	return NULL;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

typedef void HashFn(void *hash, const void *bytes, size_t len);

static Err *hash_file(StoreUpload *u, uint64_t from, HashFn *fn, void *hash)
{
	AUTO_FREE char *piece = xmalloc(PIECE_BYTES);
	while (from < u->size) {
		uint64_t left = u->size - from;
		ssize_t n =
			pread(u->fd, piece, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(n ? errno : EIO, "cannot read the upload '%s'", u->id);
		fn(hash, piece, (size_t)n);
		from += (uint64_t)n;
	}
	return NULL;
}

static void add_256(void *hash, const void *bytes, size_t len)
{
	sha256_add(hash, bytes, len);
}

static void add_512(void *hash, const void *bytes, size_t len)
{
	sha512_add(hash, bytes, len);
}

static Err *catch_up(StoreUpload *u)
{
	if (u->hashed == u->size)
		return NULL;
	TRY(hash_file(u, u->hashed, add_256, &u->hash));
	u->hashed = u->size;
	return NULL;
}

Err *store_upload_add(StoreUpload *u, const void *bytes, size_t len)
{
	TRY(catch_up(u));
	for (const char *p = bytes, *end = p + len; p < end;) {
		ssize_t n = pwrite(u->fd, p, (size_t)(end - p), (off_t)u->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(n ? errno : EIO, "cannot write the upload '%s'", u->id);
		sha256_add(&u->hash, p, (size_t)n);
		u->size += (uint64_t)n;
		u->hashed = u->size;
		p += n;
	}
	if (u->size - u->started_writing >= WRITEBACK_BYTES) {
		/* a hint: what it cannot do now, the sync does */
		(void)sync_file_range(u->fd, (off_t)u->started_writing,
		                      (off_t)(u->size - u->started_writing), SYNC_FILE_RANGE_WRITE);
		u->started_writing = u->size;
	}
	return NULL;
}

Err *store_upload_cut(StoreUpload *u, uint64_t size)
{
	if (ftruncate(u->fd, (off_t)size) < 0)
		return err_sys(errno, "cannot cut the upload '%s'", u->id);
	u->size = size;
	if (u->hashed > size)
		hash_anew(u);
	if (u->started_writing > size)
		u->started_writing = size;
	return NULL;
}

/* --- the end -----------------------------------------------------------------------------------
 */

Err *store_upload_remove(StoreUpload *u)
{
	char path[64];
	state_path(u->id, path);
	AUTO_CLOSE int dir = -1;
	TRY(store_subdir(u->store, "uploads", &dir));
	if (unlinkat(dir, u->id, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove the upload '%s'", u->id);
	(void)unlinkat(u->store->dir_fd, path, 0); /* a state without bytes goes with the next gc */
	return NULL;
}

static Err *is_digest(StoreUpload *u, Str digest, Digest *ret, bool *ret_is)
{
	char text[SHA512_TEXT_LEN + 1];
	TRY(catch_up(u));
	Sha256 hash = u->hash;
	*ret = sha256_end(&hash);
	if (str_starts(digest, STR("sha256:"))) {
		*ret_is = str_eq(digest_text(ret, text), digest);
		return NULL;
	}
	Sha512 other;
	sha512_init(&other);
	TRY(hash_file(u, 0, add_512, &other));
	*ret_is = str_eq(sha512_end_text(&other, text), digest);
	return NULL;
}

static Err *verify(StoreUpload *u, Str digest, Digest *ret)
{
	bool is;
	TRY(is_digest(u, digest, ret, &is));
	if (!is && u->resumed) { /* was it the state that is wrong? */
		hash_anew(u);
		TRY(is_digest(u, digest, ret, &is));
	}
	if (is)
		return NULL;
	char text[DIGEST_TEXT_LEN + 1];
	TRY(store_upload_remove(u));
	return err_new(ERR_INPUT, "the bytes are %s, not %.*s", digest_text(ret, text).ptr,
	               STR_ARG(digest));
}

/* Its file becomes the blob, unless the store has it. */
static Err *publish(StoreUpload *u, const Digest *d)
{
	uint64_t size;
	StorePath path = store_path_of("blobs/sha256", d, "");
	AUTO_CLOSE int dir = -1;
	TRY(store_subdir(u->store, "uploads", &dir));
	if (store_blob_exists(u->store, d, &size) && size == u->size)
		return NULL;
	if (fdatasync(u->fd) < 0)
		return err_sys(errno, "cannot sync the upload '%s'", u->id);
	if (renameat(dir, u->id, u->store->dir_fd, path.text) < 0)
		return err_sys(errno, "cannot publish the blob '%s'", path.text);
	store_account_add(u->store, store_blocks_of(u->size));
	return store_sync_dir(u->store, "blobs/sha256");
}

Err *store_upload_finish(StoreUpload *u, Str digest)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	Digest blob;
	TRY(verify(u, digest, &blob));
	TRY(store_lock_gc(u->store, false, NULL, &gc));
	TRY(publish(u, &blob));
	TRY(store_repo_link_blob(u->store, str_from(u->repo), digest, &blob));
	return store_upload_remove(u);
}

/* --- what nobody finishes ----------------------------------------------------------------------
 */

static void expire_one(Store *s, int dir, const char *name, int64_t before_ns)
{
	struct stat st;
	AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0 ||
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec >= before_ns)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return; /* somebody writes it */
	char path[64];
	(void)unlinkat(dir, name, 0); /* what stays is tried again by the next */
	if (strlen(name) == STORE_UPLOAD_ID_LEN) {
		state_path(name, path);
		(void)unlinkat(s->dir_fd, path, 0);
	}
}

/* The state of bytes that are here goes with them. */
static bool is_state_of_some(int dir, Str name)
{
	char id[STORE_UPLOAD_ID_LEN + 1] = "";
	if (name.len <= STORE_UPLOAD_ID_LEN)
		return false;
	memcpy(id, name.ptr, STORE_UPLOAD_ID_LEN);
	return faccessat(dir, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Err *store_upload_expire(Store *s, int64_t before_ns)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *names;
	size_t count;
	TRY(store_repo_names(s, "uploads", &a, &names, &count));
	if (!count)
		return NULL;
	AUTO_CLOSE int dir = -1;
	TRY(store_subdir(s, "uploads", &dir));
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF Buf name = BUF_INIT;
		buf_add_str(&name, names[i]);
		if (!is_state_of_some(dir, names[i]))
			expire_one(s, dir, name.ptr, before_ns);
	}
	return NULL;
}
