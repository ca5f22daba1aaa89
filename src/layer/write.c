/*
 * write.c - a layer's tar stream, from whichever form is there; and the directory form from it.
 *
 * Cheapest first: the tar blob as it lies; the directory by its list; a compressed blob (for layers
 * that others made, whose tar cannot be made again: their blob is kept for that).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/extract.h"
#include "layer/layer-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { BLOCK_BYTES = 256 << 10 };

static Err *write_from_dir(Store *s, const Digest *diff_id, Writer *out, const Cancel *cancel);

static Err *open_blob(Store *s, const Digest *diff_id, int *ret_fd, CompressionId *ret)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	uint64_t size;
	if (store_blob_exists(s, diff_id, NULL)) {
		*ret = COMPRESSION_NONE;
		return store_blob_open(s, diff_id, ret_fd, &size);
	}
	TRY(store_map_list(s, diff_id, &a, &blobs, &count));
	if (count == 0)
		return err_new(ERR_NOT_FOUND, "no blob of the layer '%s' is in the store",
		               digest_text(diff_id, text).ptr);
	*ret = blobs[0].compression;
	return store_blob_open(s, &blobs[0].digest, ret_fd, &size);
}

/* The uncompressed stream of the layer's blob goes through FN; its digest must be the diff ID. */
typedef Err *TarFn(void *context, Reader *tar);

static Err *read_blob(Store *s, const Digest *diff_id, TarFn *fn, void *context, bool *ret_own)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_CLOSE int fd = -1;
	CompressionId id = COMPRESSION_NONE;
	TRY(open_blob(s, diff_id, &fd, &id));
	*ret_own = id == COMPRESSION_NONE;
	AUTO_READER Reader *file = reader_from_fd(fd, "a layer blob");
	AUTO_READER Reader *plain = compressor_reader(id, file);
	AUTO_READER Reader *hash = reader_hash(plain);
	TRY(fn(context, hash));
	TRY(reader_drain(hash));
	Digest is = reader_hash_digest(hash);
	if (!digest_eq(&is, diff_id))
		return err_note(err_new(ERR_CORRUPT, "the blob of the layer '%s' is damaged",
		                        digest_text(diff_id, text).ptr),
		                "build again, or pull or load its image again");
	return NULL;
}

/* What is damaged goes, so that the next who asks makes it from the other form, or again. */
static Err *with_blob(Store *s, const Digest *diff_id, TarFn *fn, void *context)
{
	StoreLayer layer;
	bool own = false;
	Err *e = read_blob(s, diff_id, fn, context, &own);
	if (!e || err_kind(e) != ERR_CORRUPT || !own)
		return e;
	Err *gone = store_layer_get(s, diff_id, &layer);
	if (!gone)
		gone = layer.has_dir ? store_blob_remove(s, diff_id) : store_layer_drop(s, diff_id);
	err_free(gone); /* the damage is what is told */
	return e;
}

typedef struct CopyOut {
	Writer *to;
	const Cancel *cancel;
} CopyOut;

static Err *copy_out(void *context, Reader *tar)
{
	const CopyOut *o = context;
	return stream_copy(tar, o->to, o->cancel);
}

/* Its files gave another tar, as E tells.  Are they damaged, or are they whole and only packed as
 * we do not, by whoever made them?  What is damaged is dropped; what is whole can be used, and
 * stays. */
static Err *other_tar(Store *s, const Digest *diff_id, Err *e, const Cancel *cancel)
{
	char text[DIGEST_TEXT_LEN + 1];
	Err *damage = layer_verify(s, diff_id, cancel);
	if (damage) {
		if (err_kind(damage) == ERR_CORRUPT)
			err_free(store_layer_drop(s, diff_id));
		err_free(damage); /* the first error is the one that is told */
		return e;
	}
	err_free(e);
	return err_note(err_new(ERR_CORRUPT,
	                        "the blob of the layer '%s' is gone, and cannot be made again: "
	                        "it was not decant that packed it",
	                        digest_text(diff_id, text).ptr),
	                "its files are whole: the image runs; pull or load it again for the blob");
}

Err *layer_write_tar(Store *s, const Digest *diff_id, Writer *out, const Cancel *cancel)
{
	StoreLayer layer;
	TRY(store_layer_get(s, diff_id, &layer));
	if (!layer.has_tar && layer.has_dir) {
		AUTO_ARENA Arena a = ARENA_INIT;
		StoreBlobOf *blobs;
		size_t count;
		TRY(store_map_list(s, diff_id, &a, &blobs, &count));
		if (count == 0) {
			Err *e = write_from_dir(s, diff_id, out, cancel);
			return e && err_kind(e) == ERR_CORRUPT ? other_tar(s, diff_id, e, cancel)
			                                       : e;
		}
	}
	return with_blob(s, diff_id, copy_out, &(CopyOut){ out, cancel });
}

/* --- from the directory ---------------------------------------------------------------------- */

static Err *write_file(TarWriter *tar, int root, const Entry *e, char *block, const Cancel *cancel)
{
	AUTO_CLOSE int fd = -1;
	TRY(path_open_beneath(root, e->path, O_RDONLY, 0, &fd));
	for (uint64_t left = e->size; left;) {
		TRY(cancel_check(cancel));
		ssize_t n = read(fd, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_new(ERR_CORRUPT, "'%.*s' in the store is shorter than it was",
			               STR_ARG(e->path));
		TRY(tar_writer_data(tar, block, (size_t)n));
		left -= (uint64_t)n;
	}
	return NULL;
}

static Err *write_entries(TarWriter *tar, const List *list, int root, char *block,
                          const Cancel *cancel)
{
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		if (!list_next(&c, &a, &e))
			return tar_writer_finish(tar);
		TRY(tar_writer_entry(tar, &e));
		if (e.type == ENTRY_FILE && e.size)
			TRY(write_file(tar, root, &e, block, cancel));
	}
}

static Err *write_from_dir(Store *s, const Digest *diff_id, Writer *out, const Cancel *cancel)
{
	char text[DIGEST_TEXT_LEN + 1];
	AUTO_LIST List *list = NULL;
	AUTO_CLOSE int root = -1;
	AUTO_FREE char *block = xmalloc(BLOCK_BYTES);
	TRY(store_layer_list(s, diff_id, &list));
	TRY(store_layer_open_dir(s, diff_id, &root));
	AUTO_WRITER Writer *hash = writer_hash(out);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(hash);
	TRY(write_entries(tar, list, root, block, cancel));
	TRY(writer_finish(hash));
	Digest is = writer_hash_digest(hash);
	if (!digest_eq(&is, diff_id))
		return err_note(err_new(ERR_CORRUPT, "the layer '%s' in the store is damaged",
		                        digest_text(diff_id, text).ptr),
		                "build or pull its image again");
	return NULL;
}

/* --- the directory from the tar -------------------------------------------------------------- */

static Err *extract_dir(void *context, Reader *tar)
{
	AUTO_LIST List *list = NULL;
	return extract_tar(context, tar, &list);
}

Err *layer_need_dir(Store *s, const Digest *diff_id, const char *overlay_prefix,
                    const Cancel *cancel)
{
	StoreLayer layer;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	int tmp;
	char name[32];
	TRY(store_layer_get(s, diff_id, &layer));
	if (layer.has_dir)
		return NULL;
	TRY(store_lock(s, "dir", diff_id, cancel, &lock)); /* made once by many */
	TRY(store_layer_get(s, diff_id, &layer));
	if (layer.has_dir)
		return NULL;
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "dir", name);
	if (mkdirat(tmp, name, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int root = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(errno, "cannot open a scratch directory");
	Extract x = {
		.root_fd = root, .layer = true, .overlay_prefix = overlay_prefix, .cancel = cancel
	};
	Err *e = with_blob(s, diff_id, extract_dir, &x);
	if (!e)
		return store_layer_add_dir(s, diff_id, name);
	err_free(path_remove_tree(tmp, name)); /* the first error is the one that is told */
	return err_while(e, "unpacking a layer");
}
