/* copy_write.c - files of a context or a stage → a directory outside of any layer, for mounts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/copy.h"
#include "layer/place.h"

#include <sys/stat.h>

static Err *changed(const CopyFile *f)
{
	return err_note(
		err_new(ERR_INPUT, "'%.*s' changed while it was copied", STR_ARG(f->source)),
		"build again when nothing writes to it");
}

static Err *write_content(Build *b, const CopySet *set, const CopyFile *f, int to_fd)
{
	AUTO_CLOSE int from = -1;
	Sha256 hash;
	if (!f->entry.size)
		return NULL;
	TRY(copy_open(b, set, f, &from));
	sha256_init(&hash);
	AUTO_ERR Err *e =
		copy_bytes(from, to_fd, f->entry.size, &hash, "a file of a mount", b->cancel);
	if (e && err_kind(e) != ERR_INPUT)
		return TAKE_PTR(e);
	Digest is = sha256_end(&hash);
	return !e && digest_eq(&is, &f->entry.sha256) ? NULL : changed(f);
}

static Err *write_file(Build *b, const CopySet *set, const CopyFile *f, const Entry *e,
                       Place *place)
{
	AUTO_CLOSE int to = -1;
	TRY(place_begin(place, e, &to));
	if (e->type == ENTRY_FILE)
		TRY(write_content(b, set, f, to));
	return place_finish(place, e, TAKE_FD(to));
}

static Err *write_top(int dir_fd, const Entry *e)
{
	if (fchown(dir_fd, e->uid, e->gid) < 0 || fchmod(dir_fd, e->mode & 07777) < 0)
		return err_sys(errno, "cannot set owner and mode of a directory");
	return NULL;
}

Err *copy_write(Build *b, const CopySet *set, int dir_fd)
{
	const CopyMatch *m = &set->matches[0];
	AUTO_PLACE Place place = { .dir_fd = -1 };
	AUTO_LIST_BUILDER ListBuilder *dirs = list_builder_new();
	place_init(&place, dir_fd, NULL);
	for (size_t i = 0; i < m->count; i++) {
		Entry e = m->files[i].entry;
		TRY(cancel_check(b->cancel));
		e.opaque = false;
		if (!e.path.len && m->is_dir) {
			TRY(write_top(dir_fd, &e));
			continue;
		}
		if (!e.path.len)
			e.path = STR(COPY_FILE_NAME);
		TRY(write_file(b, set, &m->files[i], &e, &place));
		if (e.type == ENTRY_DIR)
			list_builder_add(dirs, &e);
	}
	AUTO_LIST List *list = list_builder_finish(TAKE_PTR(dirs));
	return place_dir_times(&place, list);
}
