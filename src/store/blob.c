/* blob.c - content-addressed files: blobs/sha256/<hex>. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "store/account.h"
#include "store/store-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

#define BLOBS "blobs/sha256"

bool store_blob_is_file(Store *s, const Digest *d, uint64_t *ret_size)
{
	struct stat st;
	StorePath path = store_path_of(BLOBS, d, "");
	if (fstatat(s->dir_fd, path.text, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return true;
}

bool store_blob_exists(Store *s, const Digest *d, uint64_t *ret_size)
{
	return store_blob_is_file(s, d, ret_size) && !store_is_damaged(s, STORE_DAMAGED_BLOB, d);
}

bool store_blob_is_json(Store *s, const Digest *d)
{
	StorePath path = store_path_of(BLOBS, d, "");
	struct stat st;
	char first;
	AUTO_CLOSE int fd =
		openat(s->dir_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size <= (off_t)IMAGE_CONFIG_BYTES_MAX && pread(fd, &first, 1, 0) == 1 &&
	       first == '{';
}

/* Is the blob here with these bytes?  They are few: it is read. */
static bool has_bytes(Store *s, const Digest *d, Str bytes)
{
	AUTO_BUF Buf is = BUF_INIT;
	int errnum;
	return store_blob_exists(s, d, NULL) &&
	       store_read_small(s, store_path_of(BLOBS, d, "").text, &is, &errnum) &&
	       str_eq(buf_str(&is), bytes);
}

Err *store_blob_put(Store *s, Str bytes, bool sync, Digest *ret)
{
	Digest d = sha256_of(bytes);
	StorePath path = store_path_of(BLOBS, &d, "");
	*ret = d;
	if (has_bytes(s, &d, bytes))
		return NULL;
	TRY(store_write_small(s, path.text, bytes, sync));
	TRY(store_damage_clear(s, STORE_DAMAGED_BLOB, &d));
	store_account_add(s, store_blocks_of(bytes.len));
	return sync ? store_sync_dir(s, BLOBS) : NULL;
}

Err *store_blob_open_marked(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size)
{
	char text[DIGEST_TEXT_LEN + 1];
	StorePath path = store_path_of(BLOBS, d, "");
	AUTO_CLOSE int fd =
		openat(s->dir_fd, path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return err_new(ERR_NOT_FOUND, "no blob '%s' in the store",
		               digest_text(d, text).ptr);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(errno, "cannot open the blob '%s'", digest_text(d, text).ptr);
	if (!S_ISREG(st.st_mode))
		return err_new(ERR_CORRUPT, "'%s/%s' is no file", s->path, path.text);
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

Err *store_blob_open(Store *s, const Digest *d, int *ret_fd, uint64_t *ret_size)
{
	TRY(store_damage_refuse(s, STORE_DAMAGED_BLOB, d));
	return store_blob_open_marked(s, d, ret_fd, ret_size);
}

/* --- as a stream ------------------------------------------------------------------------------ */

typedef struct BlobFile {
	Reader reader;
	Reader *file;
	int fd;
	const Cancel *cancel;
} BlobFile;

static Err *blob_file_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	BlobFile *b = (BlobFile *)r;
	if (b->cancel)
		TRY(cancel_check(b->cancel));
	return reader_read(b->file, buf, cap, ret_len);
}

static void blob_file_close(Reader *r)
{
	BlobFile *b = (BlobFile *)r;
	reader_close(b->file);
	close(b->fd);
	free(b);
}

Err *store_blob_reader(Store *s, const Digest *d, uint64_t size, const Cancel *cancel, Reader **ret)
{
	static const ReaderOps ops = { blob_file_read, blob_file_close };
	AUTO_CLOSE int fd = -1;
	uint64_t is;
	TRY(store_blob_open(s, d, &fd, &is));
	if (is != size)
		return err_note(err_new(ERR_CORRUPT,
		                        "a blob in the store has %llu bytes instead of %llu",
		                        (unsigned long long)is, (unsigned long long)size),
		                "pull or build the image again");
	BlobFile *b = xcalloc(1, sizeof *b);
	b->reader.ops = &ops;
	b->cancel = cancel;
	b->fd = TAKE_FD(fd);
	b->file = reader_from_fd(b->fd, "a blob of the store");
	*ret = &b->reader;
	return NULL;
}

Err *store_blob_read(Store *s, const Digest *d, size_t limit, Buf *out)
{
	char text[DIGEST_TEXT_LEN + 1];
	uint64_t size;
	AUTO_CLOSE int fd = -1;
	TRY(store_blob_open(s, d, &fd, &size));
	size_t from = out->len;
	TRY(path_read_fd(fd, limit, digest_text(d, text).ptr, out));
	Digest is = sha256_of(str_from_at(buf_str(out), from));
	if (!digest_eq(&is, d))
		return err_note(
			err_new(ERR_CORRUPT, "the blob '%s' is damaged", digest_text(d, text).ptr),
			"it lies at '%s/" BLOBS "/%s'; pull or build its image again", s->path,
			text + 7);
	return NULL;
}

Err *store_blob_publish(Store *s, const char *tmp_name, const Digest *d)
{
	int tmp;
	StorePath path = store_path_of(BLOBS, d, "");
	TRY(store_tmp_fd(s, &tmp));
	if (s->durable) {
		AUTO_CLOSE int fd = openat(tmp, tmp_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fsync(fd) < 0)
			return err_sys(errno, "cannot sync the blob '%s'", path.text);
	}
	struct stat st;
	if (fstatat(tmp, tmp_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		store_account_add(s, store_blocks_of((uint64_t)st.st_size));
	TRY(store_move_in(s, tmp_name, path.text));
	TRY(store_damage_clear(s, STORE_DAMAGED_BLOB, d));
	return s->durable ? store_sync_dir(s, BLOBS) : NULL;
}

Err *store_blob_remove(Store *s, const Digest *d)
{
	StorePath path = store_path_of(BLOBS, d, "");
	if (unlinkat(s->dir_fd, path.text, 0) < 0 && errno != ENOENT)
		return err_sys(errno, "cannot remove the blob '%s'", path.text);
	return store_damage_clear(s, STORE_DAMAGED_BLOB, d);
}
