/*
 * flat.c - the merged view of an image's layers, with the content of its files.
 *
 * The view says which layer each path comes from; then each layer's tar is streamed once, and what
 * it still counts for is handed on.  A helper thread writes the tar into a pipe: layers can be
 * written in any form, but the archive has to be read entry by entry.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "export/flat.h"
#include "layer/layer.h"
#include "layer/view.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

typedef struct FlatEntry {
	Entry e;
	size_t layer;
	bool given;
} FlatEntry;

typedef VEC(FlatEntry *) FlatVec;

typedef struct Flat {
	const ExportJob *job;
	const Image *image;
	ExportFlatFn *fn;
	void *context;
	Arena arena;
	FlatVec entries; /* in the order of the view */
} Flat;

static Err *gather(void *context, const Entry *e, size_t layer)
{
	Flat *f = context;
	if (e->path.len == 0)
		return NULL; /* the root is the caller's own directory */
	FlatEntry *entry = arena_new(&f->arena, FlatEntry);
	entry->e = entry_copy(&f->arena, e);
	entry->layer = layer;
	VEC_PUSH(&f->entries, entry);
	return cancel_check(f->job->cancel);
}

static Err *give_type(Flat *f, bool (*wanted)(EntryType))
{
	for (size_t i = 0; i < f->entries.len; i++) {
		FlatEntry *entry = f->entries.at[i];
		if (!wanted(entry->e.type))
			continue;
		TRY(cancel_check(f->job->cancel));
		TRY(f->fn(f->context, &entry->e, NULL));
	}
	return NULL;
}

static bool is_dir(EntryType type)
{
	return type == ENTRY_DIR;
}

static bool is_hardlink(EntryType type)
{
	return type == ENTRY_HARDLINK;
}

static bool is_special(EntryType type)
{
	return type == ENTRY_SYMLINK || type == ENTRY_CHAR || type == ENTRY_BLOCK ||
	       type == ENTRY_FIFO;
}

/* --- the tar of a layer, as a stream to read ----------------------------------------------------
 */

typedef struct Pump {
	Store *store;
	const Digest *diff_id;
	const Cancel *cancel;
	int fd; /* the end that is written to */
	Err *err;
	pthread_t thread;
} Pump;

static void *pump(void *arg)
{
	Pump *p = arg;
	AUTO_WRITER Writer *out = writer_to_fd(p->fd, "a pipe");
	p->err = layer_write_tar(p->store, p->diff_id, out, p->cancel);
	closep(&p->fd);
	return NULL;
}

static Err *pump_start(Pump *p, int *ret_fd)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	p->fd = ends[1];
	/* No signal is for this thread; SIGPIPE would end the process if the reader stops early. */
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int errnum = pthread_create(&p->thread, NULL, pump, p);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (errnum != 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return err_sys(errnum, "cannot start a thread");
	}
	*ret_fd = ends[0];
	return NULL;
}

/* ERR is what the reading side met.  A broken pipe is its echo; anything else is the cause. */
static Err *pump_end(Pump *p, Err *err)
{
	(void)pthread_join(p->thread, NULL);
	if (p->err && err_errno(p->err) != EPIPE) {
		err_free(err);
		return p->err;
	}
	err_free(p->err);
	return err;
}

/* --- files --------------------------------------------------------------------------------------
 */

typedef struct DataReader {
	Reader reader;
	TarReader *tar;
} DataReader;

static Err *data_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	return tar_reader_data(((DataReader *)r)->tar, buf, cap, ret_len);
}

static Err *read_layer(Flat *f, Reader *in, const Map *wanted)
{
	static const ReaderOps ops = { .read = data_read };
	AUTO_TAR_READER TarReader *tar = tar_reader_new(in);
	for (;;) {
		Entry e;
		bool end;
		TRY(cancel_check(f->job->cancel));
		TRY(tar_reader_next(tar, &e, &end));
		if (end)
			return NULL;
		FlatEntry *entry = e.type == ENTRY_FILE ? map_get(wanted, e.path) : NULL;
		/* A path that is twice in the tar: the list knows which one counts. */
		if (!entry || entry->given || entry->e.size != e.size)
			continue;
		DataReader data = { { &ops }, tar };
		entry->given = true;
		TRY(f->fn(f->context, &entry->e, &data.reader));
	}
}

/* In the tar a file's bytes may stand under another name: that of the first of its links. */
static Err *want_file(const List *list, FlatEntry *entry, Map *wanted, Arena *a)
{
	Entry own;
	Str path = entry->e.path;
	if (list_find(list, path, a, &own) && own.type == ENTRY_HARDLINK)
		path = own.link;
	FlatEntry *first = map_get(wanted, path);
	if (!first) {
		map_put(wanted, path, entry);
		return NULL;
	}
	/* Both are links to a third name that is gone from the image: still one file. */
	entry->e.type = ENTRY_HARDLINK;
	entry->e.link = first->e.path;
	return NULL;
}

static Err *check_all_given(const Map *wanted)
{
	for (size_t i = 0; i < wanted->len; i++) {
		const FlatEntry *entry = wanted->slots[i].value;
		if (!entry->given)
			return err_new(ERR_CORRUPT, "the layer lacks the content of '%.*s'",
			               STR_ARG(entry->e.path));
	}
	return NULL;
}

static Err *give_files_of(Flat *f, size_t layer)
{
	const Digest *diff_id = &f->image->config.diff_ids[layer];
	AUTO_MAP Map wanted = MAP_INIT;
	AUTO_LIST List *list = NULL;
	TRY(store_layer_list(f->job->store, diff_id, &list));
	for (size_t i = 0; i < f->entries.len; i++)
		if (f->entries.at[i]->layer == layer && f->entries.at[i]->e.type == ENTRY_FILE)
			TRY(want_file(list, f->entries.at[i], &wanted, &f->arena));
	if (wanted.len == 0)
		return NULL;
	Pump p = { .store = f->job->store, .diff_id = diff_id, .cancel = f->job->cancel };
	int fd;
	TRY(pump_start(&p, &fd));
	Reader *in = reader_from_fd(fd, "a layer");
	Err *err = read_layer(f, in, &wanted);
	reader_close(in);
	(void)close(fd); /* only read; the pump sees it */
	TRY(pump_end(&p, err));
	return check_all_given(&wanted);
}

static Err *give_all(Flat *f)
{
	AUTO_VIEW View *view = NULL;
	const ImageConfig *c = &f->image->config;
	TRY(view_open(f->job->store, c->diff_ids, c->diff_id_count, &view));
	TRY(view_each(view, STR(""), gather, f));
	TRY(give_type(f, is_dir));
	for (size_t i = 0; i < c->diff_id_count; i++) {
		char text[DIGEST_TEXT_LEN + 1];
		TRY_WHILE(give_files_of(f, i), "reading layer %s",
		          digest_text(&c->diff_ids[i], text).ptr);
	}
	TRY(give_type(f, is_special));
	return give_type(f, is_hardlink);
}

Err *export_flat_each(const ExportJob *job, const Image *image, ExportFlatFn *fn, void *context)
{
	Flat f = { .job = job, .image = image, .fn = fn, .context = context };
	Err *err = give_all(&f);
	VEC_DONE(&f.entries);
	arena_done(&f.arena);
	return err;
}
