/*
 * scan.c - which files of an image there are to read, and their bytes.
 *
 * A layer lies as a directory or as a tar (store.h).  A tar is not unpacked for this: one pass over
 * its headers says where each wanted file begins in it, and there it is read.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "fs/path.h"
#include "fs/walk.h"
#include "layer/layer.h"

#include <fcntl.h>

/* A file that a reader wants. */
typedef struct Candidate {
	Entry e;
	size_t layer;
	SbomReadFn *read;
} Candidate;

typedef struct Scan {
	Sbom *sbom;
	Store *store;
	const View *view;
	const Digest *diff_ids;
	const char *overlay_prefix;
	const Cancel *cancel;
	bool source_only;
	Arena arena;
	VEC(Candidate) candidates;
} Scan;

static Err *gather(void *context, const Entry *e, size_t layer)
{
	Scan *s = context;
	if (e->type != ENTRY_FILE || !e->size)
		return NULL;
	const SbomReader *reader = sbom_reader_find(e->path, e->mode, s->source_only);
	if (reader)
		VEC_PUSH(&s->candidates,
		         (Candidate){ entry_copy(&s->arena, e), layer, reader->read });
	return cancel_check(s->cancel);
}

/* What a reader says of a file is a warning; a cancelled build is none. */
static Err *read_file(Sbom *sbom, SbomReadFn *read, const SbomFile *f)
{
	Err *e = read(sbom, f);
	if (!e || err_kind(e) == ERR_CANCELLED)
		return e;
	sbom_warn(sbom, "'/%.*s' could not be read: %.*s", STR_ARG(f->path), STR_ARG(err_cause(e)));
	err_free(e);
	return NULL;
}

/* --- a layer that is a directory -------------------------------------------------------------- */

static Err *read_in_dir(Scan *s, const Candidate *c)
{
	AUTO_CLOSE int fd = -1;
	Err *e = view_open_file(s->view, &c->e, c->layer, s->overlay_prefix, &fd);
	if (e) {
		sbom_warn(s->sbom, "'/%.*s' could not be opened: %.*s", STR_ARG(c->e.path),
		          STR_ARG(err_cause(e)));
		err_free(e);
		return NULL;
	}
	SbomFile f = { .path = c->e.path, .layer = c->layer, .size = c->e.size, .fd = fd };
	return read_file(s->sbom, c->read, &f);
}

/* --- a layer that is a tar -------------------------------------------------------------------- */

/* Where the bytes of a path are in a tar; the last entry of a path counts. */
typedef struct Place {
	uint64_t at, size;
	bool whole;
} Place;

static Err *find_places(const Scan *s, int fd, Arena *a, Map *places)
{
	AUTO_READER Reader *in = reader_from_fd(fd, "a layer");
	AUTO_TAR_READER TarReader *tar = tar_reader_new(in);
	for (;;) {
		Entry e;
		bool end;
		TRY(cancel_check(s->cancel));
		TRY(tar_reader_next(tar, &e, &end));
		if (end)
			return NULL;
		Place *place = NULL;
		if (e.type == ENTRY_FILE) {
			place = arena_new(a, Place);
			place->whole = tar_reader_data_at(tar, &place->at);
			place->size = e.size;
		} else if (e.type == ENTRY_HARDLINK) {
			place = map_get(places, e.link);
		}
		if (place)
			(void)map_put(places, arena_str(a, e.path), place);
	}
}

static Err *read_in_tar(Scan *s, size_t layer)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map places = MAP_INIT;
	AUTO_CLOSE int fd = -1;
	uint64_t size;
	TRY(store_blob_open(s->store, &s->diff_ids[layer], &fd, &size));
	TRY(find_places(s, fd, &a, &places));
	for (size_t i = 0; i < s->candidates.len; i++) {
		const Candidate *c = &s->candidates.at[i];
		if (c->layer != layer)
			continue;
		const Place *place = map_get(&places, c->e.path);
		if (!place || !place->whole || place->at > size || place->size > size - place->at) {
			sbom_warn(s->sbom, "'/%.*s' could not be read: it has holes",
			          STR_ARG(c->e.path));
			continue;
		}
		SbomFile f = { .path = c->e.path,
			       .layer = layer,
			       .size = place->size,
			       .fd = fd,
			       .offset = place->at };
		TRY(read_file(s->sbom, c->read, &f));
	}
	return NULL;
}

/* --- all layers ------------------------------------------------------------------------------- */

static Err *read_layer(Scan *s, size_t layer)
{
	StoreLayer known;
	bool wanted = false;
	for (size_t i = 0; i < s->candidates.len && !wanted; i++)
		wanted = s->candidates.at[i].layer == layer;
	if (!wanted)
		return NULL;
	TRY(store_layer_get(s->store, &s->diff_ids[layer], &known));
	if (known.has_tar && !known.has_dir)
		return read_in_tar(s, layer);
	for (size_t i = 0; i < s->candidates.len; i++) {
		TRY(cancel_check(s->cancel));
		if (s->candidates.at[i].layer == layer)
			TRY(read_in_dir(s, &s->candidates.at[i]));
	}
	return NULL;
}

static Err *read_layers(Scan *s, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(read_layer(s, i));
	return NULL;
}

/* Package URLs name the distribution: before all else. */
static Err *read_os_release(Scan *s, size_t count)
{
	static const char *const names[] = { "etc/os-release", "usr/lib/os-release" };
	for (size_t i = 0; i < ARRAY_LEN(names) && !s->candidates.len; i++) {
		Candidate c = { .read = sbom_read_os_release };
		Str path;
		bool there;
		Err *e = view_resolve(s->view, str_from(names[i]), true, &s->arena, &path, &there);
		if (!e && there && view_find(s->view, path, &s->arena, &c.e, &c.layer) &&
		    c.e.type == ENTRY_FILE)
			VEC_PUSH(&s->candidates, c);
		err_free(e); /* links in a circle: there is none */
	}
	TRY(read_layers(s, count));
	s->candidates.len = 0;
	return NULL;
}

static Err *scan(Scan *s, size_t count)
{
	AUTO_VIEW View *view = NULL;
	TRY(view_open(s->store, s->diff_ids, count, &view));
	s->view = view;
	TRY(read_os_release(s, count));
	TRY(view_each(view, STR(""), gather, s));
	return read_layers(s, count);
}

Err *sbom_scan(Sbom *sbom, Store *store, const Digest *diff_ids, size_t count,
               const char *overlay_prefix, const Cancel *cancel)
{
	Scan s = { .sbom = sbom,
		   .store = store,
		   .diff_ids = diff_ids,
		   .overlay_prefix = overlay_prefix,
		   .cancel = cancel };
	Err *e = scan(&s, count);
	VEC_DONE(&s.candidates);
	arena_done(&s.arena);
	sbom_sort(sbom);
	return e;
}

/* --- a directory ------------------------------------------------------------------------------ */

typedef struct DirScan {
	Sbom *sbom;
	SbomIgnoredFn *ignored;
	void *context;
} DirScan;

static Err *take_file(void *context, const WalkFile *file, bool *skip)
{
	DirScan *d = context;
	bool is_dir = S_ISDIR(file->st.st_mode);
	if (d->ignored && d->ignored(d->context, file->path, is_dir)) {
		*skip = is_dir;
		return NULL;
	}
	if (!S_ISREG(file->st.st_mode))
		return NULL;
	const SbomReader *reader = sbom_reader_find(file->path, file->st.st_mode, true);
	AUTO_CLOSE int fd = !reader ? -1
	                            : openat(file->dir_fd, file->name,
	                                     O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	SbomFile f = { .path = file->path, .size = (uint64_t)file->st.st_size, .fd = fd };
	return read_file(d->sbom, reader->read, &f);
}

Err *sbom_scan_dir(Sbom *s, int dir_fd, SbomIgnoredFn *ignored, void *context, const Cancel *cancel)
{
	DirScan d = { s, ignored, context };
	Err *e = walk_tree(dir_fd, cancel, take_file, &d);
	sbom_sort(s);
	return e;
}
