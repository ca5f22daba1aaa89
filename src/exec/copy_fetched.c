/* copy_fetched.c - what an ADD takes of a download or a checkout: all of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"

typedef struct Fetched {
	Arena *arena;
	View *view;
	VEC(CopyFile) files;
} Fetched;

static Err *take(void *context, const Entry *e, size_t layer)
{
	Fetched *f = context;
	Entry entry = entry_copy(f->arena, e);
	VEC_PUSH(&f->files, (CopyFile){ .entry = entry,
	                                .origin = ORIGIN_STEP,
	                                .view = f->view,
	                                .source = entry.path,
	                                .from = entry,
	                                .layer = layer });
	return NULL;
}

static CopyFile *in_arena(Fetched *f)
{
	CopyFile *files =
		arena_alloc(f->arena, (f->files.len + 1) * sizeof *files, _Alignof(CopyFile));
	if (f->files.len)
		memcpy(files, f->files.at, f->files.len * sizeof *files);
	return files;
}

Err *copy_select_fetched(Build *b, CopySet *set, const CopySource *source, CopyMatch *ret)
{
	const Step *step = &b->plan.steps[source->fetch_step];
	bool git = step->fetch.remote.kind == REMOTE_GIT;
	Fetched f = { .arena = &set->arena };
	TRY(state_view(b, source->fetch_step, &f.view));
	VEC_PUSH(&set->fetched, f.view);
	CopyMatch match = { .name = git ? STR("") : step->fetch.remote.name,
		            .source = source->path,
		            .span = source->span,
		            .is_dir = git };
	if (git)
		VEC_PUSH(&f.files, (CopyFile){ .origin = ORIGIN_STEP,
		                               .view = f.view,
		                               .entry = { .type = ENTRY_DIR, .mode = 0755 } });
	Err *e = view_each(f.view, STR(""), take, &f);
	match.files = in_arena(&f);
	match.count = f.files.len;
	VEC_DONE(&f.files);
	for (size_t i = 0; i < match.count && !git; i++)
		match.files[i].entry.path = STR(""); /* the file itself */
	if (!e && !match.count)
		e = err_new(ERR_CORRUPT, "what was fetched is empty");
	if (!e)
		*ret = match;
	return e;
}
