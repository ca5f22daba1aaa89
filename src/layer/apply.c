/* apply.c - a layer's tar stream → a layer of the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/extract.h"
#include "layer/layer-internal.h"
#include "layer/layer.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A reader that keeps what passes through in a file. */
typedef struct Tee {
	Reader reader;
	Reader *below;
	int fd;
} Tee;

static Err *tee_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	Tee *t = (Tee *)r;
	TRY(reader_read(t->below, buf, cap, ret_len));
	return path_write_what(t->fd, buf, *ret_len, "a layer to the store");
}

static void tee_close(Reader *r)
{
	(void)r; /* lives on the stack of its user */
}

static const ReaderOps tee_ops = { tee_read, tee_close };

uint64_t layer_list_bytes(const List *list)
{
	uint64_t sum = 0;
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		if (!list_next(&c, &a, &e))
			return sum;
		if (e.type == ENTRY_FILE)
			sum += e.size;
	}
}

/* Read TAR to its end into the list (and the directory); *ret_hash has seen every byte. */
static Err *read_layer(const LayerApply *how, Reader *tar, int root_fd, StoreLayer *layer,
                       List **ret_list)
{
	char want[DIGEST_TEXT_LEN + 1], is[DIGEST_TEXT_LEN + 1];
	AUTO_READER Reader *hash = reader_hash(tar);
	AUTO_LIST List *list = NULL;
	Extract x = { .root_fd = root_fd,
		      .layer = !how->archive,
		      .untimed = true, /* nobody knows which times were meant: as BuildKit */
		      .overlay_prefix = how->overlay_prefix,
		      .cancel = how->cancel };
	TRY(extract_tar(&x, hash, &list));
	TRY(reader_drain(hash)); /* what follows the end blocks belongs to the diff ID */
	layer->diff_id = reader_hash_digest(hash);
	layer->tar_bytes = reader_hash_count(hash);
	if (how->diff_id && !digest_eq(how->diff_id, &layer->diff_id))
		return err_new(ERR_CORRUPT, "its content is %s, the image config says %s",
		               digest_text(&layer->diff_id, is).ptr,
		               digest_text(how->diff_id, want).ptr);
	if (how->marks) {
		List *marked = NULL;
		TRY(list_mark(list, how->marks, &marked));
		list_close(list);
		list = marked;
	}
	layer->identity = list_identity(list);
	layer->size_bytes = layer_list_bytes(list);
	*ret_list = TAKE_PTR(list);
	return NULL;
}

static Err *apply_dir(Store *s, Reader *tar, const LayerApply *how, int tmp, const char *name,
                      StoreLayer *layer)
{
	if (mkdirat(tmp, name, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int root = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(errno, "cannot open a scratch directory");
	AUTO_LIST List *list = NULL;
	TRY(read_layer(how, tar, root, layer, &list));
	return store_layer_publish(s, layer, list, name);
}

static Err *apply_tar(Store *s, Reader *tar, const LayerApply *how, int tmp, const char *name,
                      StoreLayer *layer)
{
	AUTO_CLOSE int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	Tee tee = { { &tee_ops }, tar, fd };
	AUTO_LIST List *list = NULL;
	TRY(read_layer(how, &tee.reader, -1, layer, &list));
	TRY(store_blob_publish(s, name, &layer->diff_id));
	return store_layer_publish(s, layer, list, NULL);
}

Err *layer_apply(Store *s, Reader *tar, const LayerApply *how, StoreLayer *ret)
{
	int tmp;
	char name[32];
	StoreLayer layer = { 0 };
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "layer", name);
	bool dir = how->form == LAYER_FORM_DIR;
	Err *e = dir ? apply_dir(s, tar, how, tmp, name, &layer)
	             : apply_tar(s, tar, how, tmp, name, &layer);
	if (e) {
		err_free(path_remove_tree(tmp, name)); /* the first error is the one that is told */
		return err_while(e, "unpacking %s", how->name);
	}
	return store_layer_get(s, &layer.diff_id, ret);
}
