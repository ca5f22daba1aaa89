/*
 * verify.c - is a layer what its list says?
 *
 * After a power cut a layer of an earlier boot may have lost bytes that were never synced.  Before
 * it is used its list is read as a whole (closing hash), then every file is looked at: kind, size,
 * and content against its sha256.  What is whole is marked and not looked at again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/layer-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 256 << 10 };

static Err *damaged(const Entry *e, const char *how)
{
	return err_new(ERR_CORRUPT, "'%.*s' %s", STR_ARG(e->path), how);
}

static Err *verify_content(int root, const Entry *e, char *block)
{
	Sha256 hash;
	sha256_init(&hash);
	AUTO_CLOSE int fd = path_try_beneath(root, e->path, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0)
		return damaged(e, "cannot be read");
	for (;;) {
		ssize_t n = read(fd, block, BLOCK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return damaged(e, "cannot be read");
		if (n == 0)
			break;
		sha256_add(&hash, block, (size_t)n);
	}
	Digest is = sha256_end(&hash);
	return digest_eq(&is, &e->sha256) ? NULL
	                                  : damaged(e, "has other content than it was made with");
}

static bool right_kind(const Entry *e, mode_t mode)
{
	switch (e->type) {
	case ENTRY_FILE:
	case ENTRY_HARDLINK:
		return S_ISREG(mode);
	case ENTRY_DIR:
		return S_ISDIR(mode);
	case ENTRY_SYMLINK:
		return S_ISLNK(mode);
	case ENTRY_FIFO:
		return S_ISFIFO(mode);
	case ENTRY_CHAR:
	case ENTRY_BLOCK:
	case ENTRY_WHITEOUT:
		break; /* may exist in the list alone */
	}
	return true;
}

static Err *verify_entry(int root, const Entry *e, char *block)
{
	struct stat st;
	AUTO_CLOSE int fd = path_try_beneath(root, e->path, O_PATH | O_NOFOLLOW, 0);
	if (e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK || e->type == ENTRY_WHITEOUT)
		return NULL;
	if (fd < 0 || fstat(fd, &st) < 0)
		return damaged(e, "is gone");
	if (!right_kind(e, st.st_mode))
		return damaged(e, "is of another kind");
	if (e->type != ENTRY_FILE)
		return NULL;
	if ((uint64_t)st.st_size != e->size)
		return damaged(e, "has another size");
	return e->size ? verify_content(root, e, block) : NULL;
}

static Err *verify_dir(Store *s, const Digest *diff_id, const List *list, const Cancel *cancel)
{
	AUTO_CLOSE int root = -1;
	AUTO_FREE char *block = xmalloc(BLOCK_BYTES);
	TRY(store_layer_open_dir(s, diff_id, &root));
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		TRY(cancel_check(cancel));
		if (!list_next(&c, &a, &e))
			return NULL;
		TRY(verify_entry(root, &e, block));
	}
}

static Err *verify_tar(Store *s, const Digest *diff_id)
{
	uint64_t size;
	AUTO_CLOSE int fd = -1;
	TRY(store_blob_open(s, diff_id, &fd, &size));
	AUTO_READER Reader *file = reader_from_fd(fd, "a layer blob");
	AUTO_READER Reader *hash = reader_hash(file);
	TRY(reader_drain(hash));
	Digest is = reader_hash_digest(hash);
	return digest_eq(&is, diff_id) ? NULL : err_new(ERR_CORRUPT, "its tar blob is damaged");
}

Err *layer_verify(Store *s, const Digest *diff_id, const Cancel *cancel)
{
	char text[DIGEST_TEXT_LEN + 1];
	StoreLayer layer;
	AUTO_LIST List *list = NULL;
	TRY(store_layer_get(s, diff_id, &layer));
	Err *e = store_layer_list(s, diff_id, &list);
	if (!e)
		e = list_verify(list, "its content list");
	if (!e && layer.has_dir)
		e = verify_dir(s, diff_id, list, cancel);
	if (!e && layer.has_tar)
		e = verify_tar(s, diff_id);
	return err_while(e, "checking the layer '%s'", digest_text(diff_id, text).ptr);
}

Err *layer_check(Store *s, const Digest *diff_id, const Cancel *cancel)
{
	StoreLayer layer;
	TRY(store_layer_get(s, diff_id, &layer));
	if (!layer.suspect)
		return NULL;
	Err *e = layer_verify(s, diff_id, cancel);
	if (!e)
		return store_layer_mark_synced(s, diff_id);
	if (err_kind(e) != ERR_CORRUPT)
		return e;
	TRY(store_layer_drop(s, diff_id));
	return err_note(e, "it was written shortly before the machine stopped; it was removed, "
	                   "build or pull again");
}
