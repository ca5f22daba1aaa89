/*
 * verify.c - is a layer what its list says?
 *
 * After a power cut a layer of an earlier boot may have lost bytes that were never synced.  Before
 * it is used its list is read as a whole (closing hash), then every file is looked at: kind, size,
 * and content against its sha256.  What is whole is marked and not looked at again.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "layer/layer-internal.h"

/* The first difference is an error; a layer that differs in one is not used. */
static Err *refuse(void *context, Str path, const char *problem)
{
	(void)context;
	return err_new(ERR_CORRUPT, "'%.*s' %s", STR_ARG(path), problem);
}

static Err *verify_dir(Store *s, const Digest *diff_id, const List *list, const Cancel *cancel)
{
	LayerExamine how = { .cancel = cancel, .fn = refuse };
	return layer_examine_dir(s, diff_id, list, &how);
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

/* A layer whose bytes are nowhere is not there. */
static Err *check_form(Store *s, const StoreLayer *layer)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBlobOf *blobs;
	size_t count;
	char text[DIGEST_TEXT_LEN + 1];
	if (layer->has_dir || layer->has_tar)
		return NULL;
	TRY(store_map_list(s, &layer->diff_id, &a, &blobs, &count));
	return count ? NULL
	             : err_new(ERR_NOT_FOUND, "the layer '%s' has lost its bytes",
	                       digest_text(&layer->diff_id, text).ptr);
}

Err *layer_check(Store *s, const Digest *diff_id, const Cancel *cancel)
{
	StoreLayer layer;
	TRY(store_layer_get(s, diff_id, &layer));
	TRY(check_form(s, &layer));
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
