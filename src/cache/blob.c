/* blob.c - a blob of the store as a stream that owns its descriptor, for sending. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cache/cache-internal.h"

typedef struct BlobFile {
	Reader reader;
	Reader *file;
	int fd;
	const Cancel *cancel;
} BlobFile;

static Err *blob_file_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	BlobFile *b = (BlobFile *)r;
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

static const ReaderOps blob_file_ops = { blob_file_read, blob_file_close };

Err *cache_stored_open(Store *s, const Descriptor *d, const Cancel *cancel, Reader **ret)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	TRY(store_blob_open(s, &d->digest, &fd, &size));
	if (size != d->size)
		return err_new(ERR_CORRUPT, "a blob in the store has %llu bytes instead of %llu",
		               (unsigned long long)size, (unsigned long long)d->size);
	BlobFile *b = xcalloc(1, sizeof *b);
	b->reader.ops = &blob_file_ops;
	b->cancel = cancel;
	b->fd = TAKE_FD(fd);
	b->file = reader_from_fd(b->fd, "a blob of the store");
	*ret = &b->reader;
	return NULL;
}
