/*
 * make.c - a content list and where its files come from → a layer.
 *
 * One pass over the bytes, whichever form is made: read, hash for the list's own check, hash for
 * the diff ID through the tar writer, write to the blob or to the file.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "layer/hash.h"
#include "layer/layer-internal.h"
#include "layer/place.h"

#include <fcntl.h>
#include <sys/stat.h>

typedef struct Making {
	const LayerSource *source;
	const Cancel *cancel;
	TarWriter *tar;
	Place *place; /* NULL: only the tar is made */
	LayerHash hash;
} Making;

static Err *changed(const Entry *e)
{
	return err_note(err_new(ERR_INPUT, "'%.*s' changed while it was copied", STR_ARG(e->path)),
	                "build again when nothing writes to it");
}

/* SIZE bytes of FROM into the tar and, if TO is not -1, into it. */
static Err *take_bytes(Making *m, const Entry *e, int from, int to)
{
	layer_hash_begin(&m->hash, e->size);
	for (uint64_t left = e->size; left;) {
		TRY(cancel_check(m->cancel));
		char *block = layer_hash_buffer(&m->hash);
		size_t want = left < LAYER_BLOCK_BYTES ? (size_t)left : LAYER_BLOCK_BYTES;
		ssize_t n = read(from, block, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read '%.*s'", STR_ARG(e->path));
		if (n == 0)
			return changed(e);
		layer_hash_add(&m->hash, (size_t)n);
		TRY(tar_writer_data(m->tar, block, (size_t)n));
		if (to >= 0)
			TRY(path_write_what(to, block, (size_t)n, "a layer to the store"));
		left -= (uint64_t)n;
	}
	Digest is = layer_hash_end(&m->hash);
	return digest_eq(&is, &e->sha256) ? NULL : changed(e);
}

static Err *make_entry(Making *m, const Entry *e)
{
	AUTO_CLOSE int to = -1;
	TRY(tar_writer_entry(m->tar, e));
	if (m->place)
		TRY(place_begin(m->place, e, &to));
	if (e->type == ENTRY_FILE && e->size) {
		AUTO_CLOSE int from = -1;
		TRY(m->source->open(m->source->context, e, &from));
		TRY(take_bytes(m, e, from, to));
	}
	return m->place ? place_finish(m->place, e, TAKE_FD(to)) : NULL;
}

static Err *make_entries(Making *m, const List *list)
{
	ListCursor c = list_cursor(list, STR(""));
	for (;;) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Entry e;
		TRY(cancel_check(m->cancel));
		if (!list_next(&c, &a, &e))
			break;
		if (e.path.len)
			TRY(make_entry(m, &e));
	}
	return NULL;
}

static Err *make_all(Making *m, const List *list)
{
	layer_hash_init(&m->hash);
	Err *e = make_entries(m, list);
	layer_hash_done(&m->hash);
	TRY(e);
	TRY(tar_writer_finish(m->tar));
	return m->place ? place_dir_times(m->place, list) : NULL;
}

/* TO: where the tar goes (a blob, or nowhere). */
static Err *make_through(Making *m, const List *list, Writer *to, StoreLayer *layer)
{
	AUTO_WRITER Writer *hash = writer_hash(to);
	AUTO_TAR_WRITER TarWriter *tar = tar_writer_new(hash);
	m->tar = tar;
	TRY(make_all(m, list));
	TRY(writer_finish(hash));
	layer->diff_id = writer_hash_digest(hash);
	layer->tar_bytes = writer_hash_count(hash);
	layer->identity = list_identity(list);
	layer->size_bytes = layer_list_bytes(list);
	return NULL;
}

static Err *make_dir(Store *s, Making *m, const List *list, const char *overlay_prefix, int tmp,
                     const char *name, StoreLayer *layer)
{
	if (mkdirat(tmp, name, 0755) < 0)
		return err_sys(errno, "cannot create a scratch directory");
	AUTO_CLOSE int root = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(errno, "cannot open a scratch directory");
	AUTO_PLACE Place place = { .dir_fd = -1 };
	place_init(&place, root, overlay_prefix);
	m->place = &place;
	AUTO_WRITER Writer *nowhere = writer_to_nowhere();
	TRY(make_through(m, list, nowhere, layer));
	return store_layer_publish(s, layer, list, name);
}

static Err *make_tar(Store *s, Making *m, const List *list, int tmp, const char *name,
                     StoreLayer *layer)
{
	AUTO_CLOSE int fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(errno, "cannot create a scratch file");
	AUTO_WRITER Writer *blob = writer_to_fd_what(fd, "a layer to the store");
	TRY(make_through(m, list, blob, layer));
	TRY(writer_finish(blob));
	TRY(store_blob_publish(s, name, &layer->diff_id));
	return store_layer_publish(s, layer, list, NULL);
}

Err *layer_make(Store *s, const List *list, const LayerSource *source, LayerForm form,
                const char *overlay_prefix, const Cancel *cancel, StoreLayer *ret)
{
	int tmp;
	char name[32];
	StoreLayer layer = { 0 };
	Making m = { .source = source, .cancel = cancel };
	TRY(store_tmp_fd(s, &tmp));
	store_tmp_name(s, "layer", name);
	Err *e = form == LAYER_FORM_DIR ? make_dir(s, &m, list, overlay_prefix, tmp, name, &layer)
	                                : make_tar(s, &m, list, tmp, name, &layer);
	if (e) {
		err_free(path_remove_tree(tmp, name)); /* the first error is the one that is told */
		return e;
	}
	return store_layer_get(s, &layer.diff_id, ret);
}
