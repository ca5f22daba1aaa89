/*
 * journal.c - a build as a record of the journal (store/builds.h).
 *
 * Made once, at the end, of what is known anyway; a build that runs something is there from then
 * on, so that its logs can be found while it runs and after it was killed.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "exec/fetch.h"
#include "exec/journal.h"
#include "git/git.h"

/* A longer Dockerfile is known by its digest alone: a hundred records are kept. */
enum { DOCKERFILE_KEPT_BYTES = 256 << 10 };

void journal_key(Build *b, const Step *step, const StepKey *key)
{
	StepTrace *t = &b->states[step->number].trace;
	t->definition = key->definition;
	t->key = key->full;
}

/* --- steps ----------------------------------------------------------------------------------- */

/* Lines of spans that come in order, in one pass over the text. */
typedef struct LineWalk {
	const Source *source;
	uint32_t at;
	unsigned line;
} LineWalk;

static unsigned line_at(LineWalk *w, uint32_t offset)
{
	if (offset < w->at) {
		w->at = 0;
		w->line = 1;
	}
	while (w->at < offset && w->at < w->source->text.len)
		w->line += w->source->text.ptr[w->at++] == '\n';
	return w->line;
}

static void put_lines(LineWalk *w, Span span, StoreStep *ret)
{
	if (!span.src || span.src != w->source)
		return;
	ret->line = line_at(w, span.start);
	ret->last_line = line_at(w, span.end > span.start ? span.end - 1 : span.end);
}

static StoreStepStatus status_of(Build *b, const Step *step, bool ended_well)
{
	const StepState *s = &b->states[step->number];
	if (s->trace.refused)
		return STORE_STEP_REFUSED;
	if (s->trace.failed || s->trace.cancelled)
		return s->trace.failed ? STORE_STEP_FAILED : STORE_STEP_CANCELLED;
	if (step->kind == STEP_BASE && s->trace.pulled)
		return s->here ? STORE_STEP_RUN : STORE_STEP_CANCELLED;
	if (step->kind == STEP_BASE && !s->here && resolve_missing(b, step))
		return ended_well ? STORE_STEP_UNNEEDED : STORE_STEP_WAITING;
	if (s->status == STEP_KNOWN || (step->kind == STEP_BASE && s->layers))
		return s->cached || step->kind == STEP_BASE ? STORE_STEP_HIT : STORE_STEP_RUN;
	return ended_well ? STORE_STEP_UNNEEDED : STORE_STEP_WAITING;
}

static StoreBuildLayer layer_of(const LayerRef *l)
{
	return (StoreBuildLayer){ l->diff_id, l->identity, l->size_bytes };
}

static void put_base(Arena *a, const Step *step, const StepState *s, StoreStep *ret)
{
	ret->base =
		arena_alloc(a, (s->layer_count + 1) * sizeof *ret->base, _Alignof(StoreBuildLayer));
	ret->base_count = s->layer_count;
	for (size_t i = 0; i < s->layer_count; i++)
		ret->base[i] = layer_of(&s->layers[i]);
	if (step->base.scratch)
		return;
	ret->source = reference_full(a, &step->base.image.ref);
	ret->digest = step->base.image.config_digest;
}

static void put_fetch(const Step *step, const StepState *s, StoreStep *ret)
{
	const FetchArgs *f = &step->fetch;
	ret->source = f->remote.shown;
	if (f->has_checksum)
		ret->digest = f->checksum;
	if (s->commit)
		ret->revision = s->commit->commit;
}

static void put_step(Build *b, Arena *a, const Step *step, bool ended_well, LineWalk *lines,
                     StoreStep *ret)
{
	static const StoreStepKind kinds[] = {
		[STEP_BASE] = STORE_STEP_BASE,   [STEP_RUN] = STORE_STEP_RUNS,
		[STEP_COPY] = STORE_STEP_COPY,   [STEP_WORKDIR] = STORE_STEP_WORKDIR,
		[STEP_FETCH] = STORE_STEP_FETCH,
	};
	const StepState *s = &b->states[step->number];
	const StepTrace *t = &s->trace;
	*ret = (StoreStep){
		.kind = kinds[step->kind],
		.status = status_of(b, step, ended_well),
		.stage = b->plan.stages[step->stage].shown,
		.platform = platform_text(a, &b->plan.stages[step->stage].platform),
		.title = step->title,
		.text = step->node ? step->node->text : STR(""),
		.parent = step->parent,
		.needs = step->needs,
		.need_count = step->need_count,
		.started_ns = t->begun_ns,
		.cost_ns = t->cost_ns,
		.definition = t->definition,
		.key = t->key,
		.content = t->content,
		.root = s->identity,
		.same = t->same,
		.causes = t->causes,
		.cause_count = t->cause_count,
		.log_bytes = t->log_bytes,
		.inputs = t->inputs,
	};
	put_lines(lines, step->span, ret);
	if (step->kind == STEP_BASE)
		put_base(a, step, s, ret);
	else if (s->status == STEP_KNOWN && s->layer_count) {
		ret->layer = layer_of(&s->layers[s->layer_count - 1]);
		ret->has_layer = true;
	}
	if (step->kind == STEP_FETCH)
		put_fetch(step, s, ret);
}

static void put_steps(Build *b, Arena *a, bool ended_well, StoreBuild *ret)
{
	LineWalk lines = { .source = b->source, .line = 1 };
	if (!b->states)
		return;
	ret->steps =
		arena_alloc(a, (b->plan.step_count + 1) * sizeof *ret->steps, _Alignof(StoreStep));
	ret->step_count = b->plan.step_count;
	for (size_t i = 0; i < b->plan.step_count; i++)
		put_step(b, a, &b->plan.steps[i], ended_well, &lines, &ret->steps[i]);
}

/* --- the build ------------------------------------------------------------------------------- */

static Str context_of(const BuildRequest *r)
{
	if (r->remote)
		return r->remote->shown;
	if (r->archive)
		return STR("-");
	return r->context_fd < 0 ? STR("") : r->context_path;
}

/* Once there is a plan, the names of all targets. */
static void put_tags(const Build *b, Arena *a, StoreBuild *ret)
{
	const BuildTarget given = { .tags = b->request->tags, .tag_count = b->request->tag_count };
	const BuildTarget *targets = b->target_count ? b->targets : &given;
	size_t target_count = b->target_count ? b->target_count : 1, count = 0;
	for (size_t i = 0; i < target_count; i++)
		count += targets[i].tag_count;
	ret->tags = arena_alloc(a, (count + 1) * sizeof(Str), _Alignof(Str));
	for (size_t i = 0; i < target_count; i++)
		for (size_t k = 0; k < targets[i].tag_count; k++)
			ret->tags[ret->tag_count++] = reference_full(a, &targets[i].tags[k]);
}

static void put_images(const BuildResult *result, Arena *a, StoreBuild *ret)
{
	ret->image_count = result->image_count;
	ret->images = arena_alloc(a, (result->image_count + 1) * sizeof *ret->images,
	                          _Alignof(StoreBuildImage));
	for (size_t i = 0; i < result->image_count; i++) {
		const BuildImage *from = &result->images[i];
		ret->images[i] = (StoreBuildImage){ .target = from->target,
			                            .platform = platform_text(a, &from->platform),
			                            .image_id = from->image_id };
	}
}

static void put_request(const Build *b, Arena *a, StoreBuild *ret)
{
	const BuildRequest *r = b->request;
	ret->id = str_from(b->journal.id);
	ret->started_ns = b->now_ns;
	ret->command = arena_alloc(a, (r->command_count + 1) * sizeof(Str), _Alignof(Str));
	for (size_t i = 0; i < r->command_count; i++)
		ret->command[i] = journal_word(a, r->command[i]);
	ret->command_count = r->command_count;
	if (b->source) {
		ret->dockerfile = remote_redact(a, str_from(b->source->name));
		ret->dockerfile_digest = sha256_of(b->source->text);
		if (b->source->text.len <= DOCKERFILE_KEPT_BYTES)
			ret->dockerfile_text = b->source->text;
	}
	ret->context = context_of(r);
	AUTO_BUF Buf targets = BUF_INIT, platforms = BUF_INIT;
	for (size_t i = 0; i < r->target_count; i++)
		buf_addf(&targets, "%s%.*s", i ? "," : "", STR_ARG(r->targets[i]));
	for (size_t i = 0; i < r->platform_count; i++)
		buf_addf(&platforms, "%s%s", i ? "," : "", platform_text(a, &r->platforms[i]).ptr);
	ret->target = arena_str(a, buf_str(&targets));
	ret->platform = arena_str(a, buf_str(&platforms));
	put_tags(b, a, ret);
}

/* Users and passwords in URLs, wherever they are quoted. */
static void hide_logins(Arena *a, StoreBuild *ret)
{
	ret->dockerfile_text = remote_redact(a, ret->dockerfile_text);
	ret->error = remote_redact(a, ret->error);
	for (size_t k = 0; k < ret->step_count; k++) {
		StoreStep *s = &ret->steps[k];
		s->title = remote_redact(a, s->title);
		s->text = remote_redact(a, s->text);
		s->inputs = remote_redact(a, s->inputs);
		for (size_t c = 0; c < s->cause_count; c++) {
			StoreCause *cause = &s->causes[c];
			cause->words = remote_redact(a, cause->words);
			cause->before = remote_redact(a, cause->before);
			cause->after = remote_redact(a, cause->after);
		}
	}
}

/* Titles and errors have words expanded, and causes quote them. */
static void hide_secrets(const BuildRequest *r, Arena *a, StoreBuild *ret)
{
	hide_logins(a, ret);
	for (size_t i = 0; i < r->arg_count; i++) {
		Str value = r->args[i].value;
		if (!lint_is_secret_variable(r->args[i].name))
			continue;
		ret->error = journal_hide(a, ret->error, value);
		for (size_t k = 0; k < ret->step_count; k++) {
			StoreStep *s = &ret->steps[k];
			s->title = journal_hide(a, s->title, value);
			s->inputs = journal_hide(a, s->inputs, value);
			for (size_t c = 0; c < s->cause_count; c++) {
				StoreCause *cause = &s->causes[c];
				cause->words = journal_hide(a, cause->words, value);
				cause->before = journal_hide(a, cause->before, value);
				cause->after = journal_hide(a, cause->after, value);
			}
		}
	}
}

static void warn(Progress *p, Err *e)
{
	if (e)
		progress_warning(p, 0, "this build is not in the journal: %.*s",
		                 STR_ARG(err_cause(e)));
	err_free(e);
}

static void put_site(Build *b, const StoreBuild *record)
{
	b->journal.site = store_build_site(record->dockerfile, record->context);
}

void journal_run(Build *b)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBuild record = { .state = STORE_BUILD_RUNNING };
	put_request(b, &a, &record);
	put_steps(b, &a, false, &record);
	hide_secrets(b->request, &a, &record);
	put_site(b, &record);
	warn(b->progress, store_journal_run(b->store, &b->journal, &record));
}

static StoreBuildState state_of(const Err *e)
{
	return err_kind(e) == ERR_CANCELLED ? STORE_BUILD_CANCELLED : STORE_BUILD_FAILED;
}

void journal_end(Build *b, const Err *e, const BuildResult *result)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBuild record = { .state = STORE_BUILD_DONE };
	if (!b->store)
		return;
	if (e)
		record.state = state_of(e);
	put_request(b, &a, &record);
	put_steps(b, &a, !e, &record);
	put_site(b, &record);
	record.duration_ns = clock_real_ns() - b->now_ns;
	if (!e)
		put_images(result, &a, &record);
	else
		record.error = err_cause(e);
	hide_secrets(b->request, &a, &record);
	warn(b->progress, store_journal_end(b->store, &b->journal, &record));
}

void build_amend(const BuildRequest *request, const BuildResult *result, const Err *e)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBuild record = { .error = err_cause(e) };
	if (!request->store || !result->build_id.len)
		return;
	hide_secrets(request, &a, &record);
	warn(request->progress, store_journal_amend(request->store, result->build_id, state_of(e),
	                                            clock_real_ns(), record.error));
}
