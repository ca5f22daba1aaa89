/*
 * platforms.c - the trees of several platforms in one output: apart, each in its folder, or as one.
 *
 * As one only if no path is in two of them, directories aside: a file of one platform in place of
 * another's is what nobody notices until it does not run.  Looked at before anything is written.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "export/export-internal.h"
#include "layer/view.h"

static bool is_split(const ExportJob *job)
{
	if (job->out->platform_split != EXPORT_USUAL)
		return job->out->platform_split == EXPORT_YES;
	return job->images[0].image_count > 1;
}

Str export_platform_dir(const ExportJob *job, const Image *image, Arena *a)
{
	if (!is_split(job))
		return STR("");
	Platform platform = image->config.platform;
	platform_normalise(&platform);
	char *text = (char *)arena_str(a, platform_text(a, &platform)).ptr;
	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = '_';
	return str_from(text);
}

typedef struct Merge {
	const ExportJob *job;
	Arena arena;
	Map seen; /* path → the Image that it is of; of directories NULL */
	const Image *image;
} Merge;

static Err *add_path(void *context, const Entry *e, size_t layer)
{
	Merge *m = context;
	(void)layer;
	const MapSlot *slot = map_find(&m->seen, e->path);
	bool dir = e->type == ENTRY_DIR;
	if (!slot) {
		map_put(&m->seen, arena_str(&m->arena, e->path), dir ? NULL : (void *)m->image);
		return cancel_check(m->job->cancel);
	}
	const Image *before = slot->value;
	if (dir && !before)
		return NULL;
	if (!before)
		before = &m->job->images[0].images[0];
	Str was = platform_text(&m->arena, &before->config.platform),
	    is = platform_text(&m->arena, &m->image->config.platform);
	return err_note(err_new(ERR_INPUT, "'%.*s' is in the image of %.*s and in that of %.*s",
	                        STR_ARG(e->path), STR_ARG(was), STR_ARG(is)),
	                "platform-split=false needs images without a common file");
}

static Err *add_image(Merge *m)
{
	AUTO_VIEW View *view = NULL;
	const ImageConfig *c = &m->image->config;
	TRY(view_open(m->job->store, c->diff_ids, c->diff_id_count, &view));
	return view_each(view, STR(""), add_path, m);
}

Err *export_platforms_check(const ExportJob *job)
{
	const ExportImage *image = &job->images[0];
	if (image->image_count < 2 || is_split(job))
		return NULL;
	Merge m = { .job = job };
	Err *err = NULL;
	for (size_t i = 0; i < image->image_count && !err; i++) {
		m.image = &image->images[i];
		err = add_image(&m);
	}
	map_done(&m.seen);
	arena_done(&m.arena);
	return err;
}
