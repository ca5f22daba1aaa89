/* kept.c - what prune has to leave alone: the images in the histories of streams. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project.h"

static void keep(Arena *a, Map *names, Str name)
{
	if (name.len && !map_find(names, name))
		(void)map_put(names, arena_str(a, name), names);
}

static void keep_stream(Arena *a, Map *names, const ImageStream *is)
{
	for (size_t i = 0; i < is->tag_count; i++) {
		const StreamTag *t = &is->tags[i];
		keep(a, names,
		     arena_strf(a, "%.*s:%.*s", STR_ARG(is->repository), STR_ARG(t->name)));
		for (size_t k = 0; k < t->item_count; k++)
			keep(a, names, t->items[k].reference);
	}
}

static Err *keep_project(const Project *p, Map *names)
{
	Str *streams;
	size_t count;
	TRY(project_list(p, PROJECT_STREAM, &streams, &count));
	for (size_t i = 0; i < count; i++) {
		ImageStream is;
		Err *e = project_get_stream(p, streams[i], &is);
		if (e && err_kind(e) == ERR_NOT_FOUND) { /* it went just now */
			err_free(e);
			continue;
		}
		TRY(e);
		keep_stream(p->arena, names, &is);
	}
	return NULL;
}

Err *project_kept_names(Store *s, Arena *a, Map *names)
{
	Str *projects;
	size_t count;
	TRY(project_names(s, a, &projects, &count));
	for (size_t i = 0; i < count; i++) {
		Project p = { .store = s, .name = projects[i], .arena = a };
		TRY(keep_project(&p, names));
	}
	return NULL;
}
