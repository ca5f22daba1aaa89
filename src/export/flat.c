/*
 * flat.c - the merged view of an image's layers, with the content of its files.
 *
 * The view says which layer each path comes from; then each layer's tar is streamed, and what it
 * still counts for is handed on.  A helper thread writes the tar into a pipe: layers can be written
 * in any form, but the archive has to be read entry by entry.
 *
 * A tar of our own has each path once, and the bytes of linked files under the first of their
 * names. Others need not: a path may come twice (the last one counts), and the bytes may stand
 * under any name.  Such a tar is streamed twice: first to see which of its entries each path comes
 * to.
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
	bool given;
} FlatEntry;

typedef VEC(FlatEntry *) FlatVec;

typedef struct Flat {
	const ExportJob *job;
	const Image *image;
	ExportFlatHave *have; /* NULL: nothing is there */
	ExportFlatFn *fn;
	void *context;
	Arena arena;
	FlatVec entries; /* in the order of the view */
	FlatVec *files;  /* of each layer */
	Map paths;       /* of entries */
} Flat;

static FlatEntry *add_entry(Flat *f, const Entry *e)
{
	FlatEntry *entry = arena_new(&f->arena, FlatEntry);
	entry->e = entry_copy(&f->arena, e);
	VEC_PUSH(&f->entries, entry);
	map_put(&f->paths, entry->e.path, entry);
	return entry;
}

/* An archive may leave out the folders above what it holds; they are as they are in a container. */
static void add_parents(Flat *f, Str path)
{
	for (size_t i = 0; i < path.len; i++) {
		Str parent = str_head(path, i);
		if (i == 0 || path.ptr[i] != '/' || map_find(&f->paths, parent))
			continue;
		(void)add_entry(f, &(Entry){ .path = parent, .type = ENTRY_DIR, .mode = 0755 });
	}
}

static Err *gather(void *context, const Entry *e, size_t layer)
{
	Flat *f = context;
	if (e->path.len == 0)
		return NULL; /* the root is the caller's own directory */
	add_parents(f, e->path);
	FlatEntry *entry = add_entry(f, e);
	if (e->type == ENTRY_FILE)
		VEC_PUSH(&f->files[layer], entry);
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

/* --- the tar of a layer, as a stream to read ------------------------------------------------- */

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

/* FN reads the tar of a layer to its end. */
typedef Err *LayerFn(void *context, TarReader *tar);

static Err *with_layer(const Flat *f, const Digest *diff_id, LayerFn *fn, void *context)
{
	Pump p = { .store = f->job->store, .diff_id = diff_id, .cancel = f->job->cancel };
	int fd;
	TRY(pump_start(&p, &fd));
	Reader *in = reader_from_fd(fd, "a layer");
	TarReader *tar = tar_reader_new(in);
	Err *err = fn(context, tar);
	tar_reader_free(tar);
	reader_close(in);
	(void)close(fd); /* only read; the pump sees it */
	return pump_end(&p, err);
}

/* --- which entry of a tar a path comes to ---------------------------------------------------- */

typedef struct Scan {
	const Cancel *cancel;
	Arena arena;
	Map last; /* path → number (a size_t) of the entry with its bytes; NULL: it has none */
	size_t count; /* entries of the tar */
} Scan;

static Err *scan_layer(void *context, TarReader *tar)
{
	Scan *s = context;
	for (;; s->count++) {
		Entry e;
		bool end;
		TRY(cancel_check(s->cancel));
		TRY(tar_reader_next(tar, &e, &end));
		if (end)
			return NULL;
		size_t *bytes = NULL;
		if (e.type == ENTRY_FILE) {
			bytes = arena_new(&s->arena, size_t);
			*bytes = s->count;
		} else if (e.type == ENTRY_HARDLINK) {
			bytes = map_get(&s->last, e.link);
		}
		MapSlot *slot = map_find(&s->last, e.path);
		if (slot)
			slot->value = bytes;
		else if (bytes)
			map_put(&s->last, arena_str(&s->arena, e.path), bytes);
	}
}

/* Will the tar be made from the list (layer_write_tar)?  Then each path is in it once. */
static Err *comes_from_list(const Flat *f, const Digest *diff_id, bool *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreLayer layer;
	StoreBlobOf *blobs;
	size_t count;
	TRY(store_layer_get(f->job->store, diff_id, &layer));
	TRY(store_map_list(f->job->store, diff_id, &a, &blobs, &count));
	*ret = layer.has_dir && !layer.has_tar && count == 0;
	return NULL;
}

/* What is wanted of a layer: by path in a tar made from the list, else by the number of the entry.
 */
typedef struct Wanted {
	Flat *flat;
	Map by_path;
	FlatEntry **by_number;
	size_t count, next; /* of by_number */
} Wanted;

/* ENTRY's bytes are FIRST's as well: both are links to a name that is gone from the image. */
static void link_to(FlatEntry *entry, const FlatEntry *first)
{
	entry->e.type = ENTRY_HARDLINK;
	entry->e.link = first->e.path;
}

static void want_by_path(Wanted *w, const List *list, FlatEntry *entry)
{
	Entry own;
	Str path = entry->e.path;
	if (list_find(list, path, &w->flat->arena, &own) && own.type == ENTRY_HARDLINK)
		path = own.link;
	const FlatEntry *first = map_get(&w->by_path, path);
	if (first)
		link_to(entry, first);
	else
		map_put(&w->by_path, path, entry);
}

static Err *want_by_number(Wanted *w, const Scan *scan, FlatEntry *entry)
{
	const size_t *number = map_get(&scan->last, entry->e.path);
	if (!number)
		return err_new(ERR_CORRUPT, "the layer lacks the content of '%.*s'",
		               STR_ARG(entry->e.path));
	if (w->by_number[*number])
		link_to(entry, w->by_number[*number]);
	else
		w->by_number[*number] = entry;
	return NULL;
}

static Err *scan_foreign(Wanted *w, const Digest *diff_id, const FlatVec *files)
{
	Scan scan = { .cancel = w->flat->job->cancel };
	Err *err = with_layer(w->flat, diff_id, scan_layer, &scan);
	w->by_number = xcalloc(scan.count + 1, sizeof *w->by_number);
	w->count = scan.count;
	for (size_t i = 0; i < files->len && !err; i++)
		err = want_by_number(w, &scan, files->at[i]);
	map_done(&scan.last);
	arena_done(&scan.arena);
	return err;
}

/* --- files ----------------------------------------------------------------------------------- */

typedef struct DataReader {
	Reader reader;
	TarReader *tar;
	Sha256 hash;
} DataReader;

static Err *data_read(Reader *r, void *buf, size_t cap, size_t *ret_len)
{
	DataReader *d = (DataReader *)r;
	TRY(tar_reader_data(d->tar, buf, cap, ret_len));
	sha256_add(&d->hash, buf, *ret_len);
	return NULL;
}

static Err *give_file(Flat *f, FlatEntry *entry, uint64_t size, TarReader *tar)
{
	static const ReaderOps ops = { .read = data_read };
	DataReader data = { { &ops }, tar, { { 0 } } };
	if (size != entry->e.size || entry->given)
		return err_new(ERR_CORRUPT, "the content of '%.*s' is not what the list says",
		               STR_ARG(entry->e.path));
	sha256_init(&data.hash);
	TRY(f->fn(f->context, &entry->e, &data.reader));
	Digest is = sha256_end(&data.hash);
	if (!digest_eq(&is, &entry->e.sha256))
		return err_new(ERR_CORRUPT, "the content of '%.*s' is not what the list says",
		               STR_ARG(entry->e.path));
	entry->given = true;
	return NULL;
}

static Err *read_layer(void *context, TarReader *tar)
{
	Wanted *w = context;
	for (;; w->next++) {
		Entry e;
		bool end;
		TRY(cancel_check(w->flat->job->cancel));
		TRY(tar_reader_next(tar, &e, &end));
		if (end)
			return NULL;
		FlatEntry *entry = NULL;
		if (w->by_number)
			entry = w->next < w->count ? w->by_number[w->next] : NULL;
		else if (e.type == ENTRY_FILE)
			entry = map_get(&w->by_path, e.path);
		if (entry)
			TRY(give_file(w->flat, entry, e.size, tar));
	}
}

static Err *check_all_given(const FlatVec *files)
{
	for (size_t i = 0; i < files->len; i++)
		if (files->at[i]->e.type == ENTRY_FILE && !files->at[i]->given)
			return err_new(ERR_CORRUPT, "the layer lacks the content of '%.*s'",
			               STR_ARG(files->at[i]->e.path));
	return NULL;
}

static Err *give_wanted(Flat *f, Wanted *w, const Digest *diff_id, const FlatVec *files)
{
	AUTO_LIST List *list = NULL;
	bool from_list;
	TRY(comes_from_list(f, diff_id, &from_list));
	TRY(store_layer_list(f->job->store, diff_id, &list));
	if (from_list)
		for (size_t i = 0; i < files->len; i++)
			want_by_path(w, list, files->at[i]);
	else
		TRY(scan_foreign(w, diff_id, files));
	TRY(with_layer(f, diff_id, read_layer, w));
	return check_all_given(files);
}

/* Takes those that are there already out of FILES. */
static Err *drop_had(Flat *f, FlatVec *files)
{
	size_t kept = 0;
	for (size_t i = 0; f->have && i < files->len; i++) {
		bool had = false;
		TRY(cancel_check(f->job->cancel));
		TRY(f->have(f->context, &files->at[i]->e, &had));
		if (!had)
			files->at[kept++] = files->at[i];
	}
	if (f->have)
		files->len = kept;
	return NULL;
}

static Err *give_files_of(Flat *f, const Digest *diff_id, FlatVec *files)
{
	char text[DIGEST_TEXT_LEN + 1];
	TRY(drop_had(f, files));
	if (files->len == 0)
		return NULL;
	Wanted w = { .flat = f };
	Err *err = give_wanted(f, &w, diff_id, files);
	map_done(&w.by_path);
	free(w.by_number);
	return err_while(err, "reading layer %s", digest_text(diff_id, text).ptr);
}

static Err *give_all(Flat *f)
{
	AUTO_VIEW View *view = NULL;
	const ImageConfig *c = &f->image->config;
	TRY(view_open(f->job->store, c->diff_ids, c->diff_id_count, &view));
	TRY(view_each(view, STR(""), gather, f));
	TRY(give_type(f, is_dir));
	for (size_t i = 0; i < c->diff_id_count; i++)
		TRY(give_files_of(f, &c->diff_ids[i], &f->files[i]));
	TRY(give_type(f, is_special));
	return give_type(f, is_hardlink);
}

Err *export_flat_each(const ExportJob *job, const Image *image, ExportFlatHave *have,
                      ExportFlatFn *fn, void *context)
{
	Flat f = { .job = job, .image = image, .have = have, .fn = fn, .context = context };
	size_t layers = image->config.diff_id_count;
	f.files = xcalloc(layers + 1, sizeof *f.files);
	Err *err = give_all(&f);
	for (size_t i = 0; i < layers; i++)
		VEC_DONE(&f.files[i]);
	free(f.files);
	VEC_DONE(&f.entries);
	map_done(&f.paths);
	arena_done(&f.arena);
	return err;
}
