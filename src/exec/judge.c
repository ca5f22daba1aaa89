/* judge.c - what rules may know of files: those that a COPY takes, those that a layer holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"
#include "fs/path.h"

#include <fcntl.h>

/* Rules ask about one step after the other: the view of the last one is kept. */
typedef struct Judge {
	Build *build;
	uint32_t step; /* of which the view is open; STEP_NONE: none */
	View *view;
} Judge;

static bool taken(void *context, const Step *step, bool (*filter)(Str path), Arena *a,
                  LintTaken *ret)
{
	const Judge *j = context;
	CopySet *set;
	bool from_step = step->copy.origin == ORIGIN_STEP || step->need_count;
	if (step->kind != STEP_COPY || (from_step && !schedule_is_ready(j->build, step)))
		return false;
	AUTO_ERR Err *e = copy_select(j->build, step, &set);
	if (e) /* a file that is not there: the build tells it */
		return false;
	VEC(LintFile) files = { 0 };
	for (size_t i = 0; i < set->count; i++)
		for (size_t k = 0; k < set->matches[i].count; k++) {
			const CopyFile *f = &set->matches[i].files[k];
			if (f->origin == step->copy.origin && !f->unpacked &&
			    (!filter || filter(f->source)))
				VEC_PUSH(&files, (LintFile){ .path = f->source,
				                             .entry = &f->entry,
				                             .context = set->context,
				                             .below = f->entry.path.len > 0 });
		}
	*ret = (LintTaken){ .match_count = set->count, .count = files.len };
	ret->files = arena_alloc(a, (files.len + 1) * sizeof(LintFile), _Alignof(LintFile));
	if (files.len)
		memcpy(ret->files, files.at, files.len * sizeof(LintFile));
	VEC_DONE(&files);
	return true;
}

static bool read_taken(void *context, const LintFile *file, size_t limit, Buf *out)
{
	(void)context;
	if (!file->context)
		return false;
	AUTO_CLOSE int fd = path_try_beneath(context_root_fd(file->context), file->path,
	                                     O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return false;
	buf_reserve(out, limit);
	ssize_t n = pread(fd, out->ptr + out->len, limit, 0);
	if (n <= 0)
		return false;
	out->len += (size_t)n;
	return true;
}

static bool made(void *context, const Step *step, List **ret)
{
	const Judge *j = context;
	const StepState *s = &j->build->states[step->number];
	if (s->status != STEP_KNOWN || !s->layer_count || step->parent == STEP_NONE)
		return false;
	AUTO_ERR Err *e =
		store_layer_list(j->build->store, &s->layers[s->layer_count - 1].diff_id, ret);
	return e == NULL; /* damaged or gone: the next build makes it again */
}

/* The view of what is below STEP. */
static bool open_below(Judge *j, const Step *step)
{
	View *view;
	if (step->number == j->step)
		return true;
	AUTO_ERR Err *e = state_view(j->build, step->parent, &view);
	if (e) /* the base image is not here */
		return false;
	if (j->view)
		view_close(j->view);
	j->view = view;
	j->step = step->number;
	return true;
}

static bool below(void *context, const Step *step, Str path, Arena *a, Entry *ret)
{
	Judge *j = context;
	return open_below(j, step) && view_find(j->view, path, a, ret, NULL);
}

typedef struct Scale {
	size_t base_layers;
	uint64_t bytes;
} Scale;

static Err *add_weight(void *context, const Entry *e, size_t layer)
{
	Scale *s = context;
	if (layer >= s->base_layers && e->type == ENTRY_FILE)
		s->bytes += e->size;
	return NULL;
}

/* Layers of the base image come first; a view has none that are empty. */
static bool weigh(void *context, const Step *step, Str path, uint64_t *ret)
{
	Judge *j = context;
	const Build *b = j->build;
	uint32_t base = step->number;
	Scale scale = { 0 };
	while (b->plan.steps[base].parent != STEP_NONE)
		base = b->plan.steps[base].parent;
	for (size_t i = 0; i < b->states[base].layer_count; i++)
		scale.base_layers += !b->states[base].layers[i].empty;
	if (!open_below(j, step))
		return false;
	AUTO_ERR Err *e = view_each(j->view, path, add_weight, &scale);
	*ret = scale.bytes;
	return e == NULL; /* damaged: a build tells it */
}

LintInput judge_input(const Build *b, size_t number, bool remarks)
{
	return (LintInput){ .file = &b->file,
		            .facts = number < b->facts_count ? &b->facts[number] : NULL,
		            .ignore = b->request->ignore,
		            .args = b->request->args,
		            .arg_count = b->request->arg_count,
		            .remarks = remarks,
		            .is_planned = b->plan.stage_count > 0 };
}

void judge_tell(Build *b, size_t from)
{
	for (size_t i = from; i < b->lint.count; i++) {
		const LintFinding *f = &b->lint.findings[i];
		if (f->is_remark)
			continue;
		ProgressEvent event = { .kind = PROGRESS_WARNING,
			                .line = b->plan_line,
			                .text = lint_short(b->arena, f),
			                .name = str_from(lint_rule_table[f->rule].name) };
		progress_send(b->progress, &event);
	}
}

Err *judge_text(Build *b, const Err *broken, bool remarks)
{
	LintInput in = judge_input(b, 0, remarks);
	in.broken = broken;
	TRY(lint_run(b->arena, &in, &b->lint));
	for (size_t i = 1; i < b->facts_count; i++) {
		LintResult more;
		in = judge_input(b, i, remarks);
		in.broken = broken;
		TRY(lint_run(b->arena, &in, &more));
		lint_merge(b->arena, &more, &b->lint);
	}
	judge_tell(b, 0);
	return NULL;
}

Err *judge_steps(Build *b, bool remarks)
{
	Judge j = { .build = b, .step = STEP_NONE };
	LintFiles files = { .context = &j,
		            .taken = taken,
		            .read = read_taken,
		            .made = made,
		            .below = below,
		            .weigh = weigh };
	LintInput in = judge_input(b, 0, remarks);
	size_t before = b->lint.count, warnings = b->lint.warning_count;
	Err *e = lint_run_steps(b->arena, &in, &b->plan, &files, &b->lint);
	if (j.view)
		view_close(j.view);
	TRY(e);
	judge_tell(b, before);
	return b->lint.warning_count > warnings ? lint_error(&b->lint) : NULL;
}
