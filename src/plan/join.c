/*
 * join.c - the plans of several targets and platforms → one.
 *
 * Each is planned by itself, since TARGETSTAGE and TARGETPLATFORM may be in every word.  What came
 * out the same is one step: a stage for the build's own platform, or one that two targets are FROM,
 * is shown and run once.  The same are steps of one instruction that say the same, on the same
 * step, for the same platform.  Steps of one plan stay as many as they are.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/map.h"
#include "base/vec.h"
#include "codec/sha256.h"
#include "plan/plan-internal.h"

typedef struct Joint {
	Arena *arena;
	Plan *plan;           /* the joined one */
	VEC(Step) steps;      /* of it */
	Map known;            /* what a step says, hashed → its number: uint32_t * */
	const uint32_t *into; /* steps of the plan that is taken in → numbers in STEPS */
	uint32_t stages;      /* how many there were before it */
} Joint;

/* --- what a step says ------------------------------------------------------------------------- */

static void add(Sha256 *h, Str text)
{
	sha256_add_field(h, text);
}

static void add_number(Sha256 *h, uint64_t n)
{
	sha256_add(h, &n, sizeof n);
}

static void add_list(Sha256 *h, const Strs *list)
{
	add_number(h, list->count);
	for (size_t i = 0; i < list->count; i++)
		add(h, list->at[i]);
}

static void add_span(Sha256 *h, Span span)
{
	add(h, span.src ? str_from(span.src->name) : STR(""));
	add_number(h, span.start);
	add_number(h, span.end);
}

static void add_mount(Sha256 *h, const RunMount *m)
{
	const uint64_t numbers[] = { m->type,      m->origin,    m->origin_step, m->context,
		                     m->own_id,    m->sharing,   m->read_only,   m->required,
		                     m->uid,       m->has_owner, m->gid,         m->mode,
		                     m->size_bytes };
	sha256_add(h, numbers, sizeof numbers);
	add(h, m->source);
	add(h, m->target);
	add(h, m->id);
	add(h, m->env);
}

static void add_run(Sha256 *h, const RunArgs *r)
{
	const Str texts[] = { r->cwd, r->user, r->network, r->hostname, r->script, r->script_name };
	add_list(h, &r->argv);
	add_list(h, &r->env);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		add(h, texts[i]);
	add_number(h, r->insecure);
	for (size_t i = 0; i < r->mount_count; i++)
		add_mount(h, &r->mounts[i]);
	for (size_t i = 0; i < r->device_count; i++) {
		add(h, r->devices[i].name);
		add_number(h, r->devices[i].required);
	}
}

static void add_copy(Sha256 *h, const CopyArgs *c)
{
	const uint64_t numbers[] = { c->origin,        c->origin_step,    c->context, c->is_add,
		                     c->keep_archives, c->unpack_fetched, c->link,    c->parents };
	sha256_add(h, numbers, sizeof numbers);
	add(h, c->dest);
	add(h, c->chown);
	add(h, c->chmod);
	for (size_t i = 0; i < c->source_count; i++) {
		const CopySource *source = &c->sources[i];
		add(h, source->path);
		add_number(h, source->fetch_step);
		add(h, source->is_inline ? source->inline_body : STR(""));
	}
	for (size_t i = 0; i < c->exclude_count; i++)
		add(h, c->excludes[i].text);
}

static void add_fetch(Sha256 *h, const FetchArgs *f)
{
	const RemoteGit *g = &f->remote.git;
	const uint64_t numbers[] = { f->remote.kind,  f->has_checksum,   f->keep_git_dir,
		                     f->is_context,   f->is_main,        g->submodules,
		                     g->mtime_commit, g->fetch_by_commit };
	const Str texts[] = { f->remote.url, f->remote.user_info, g->ref, g->checksum, g->subdir };
	sha256_add(h, numbers, sizeof numbers);
	sha256_add(h, &f->checksum, sizeof f->checksum);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		add(h, texts[i]);
}

/* STEP's numbers are those of the joined plan already. */
static Str in_words(Joint *j, const Step *step, const PlanStage *stage)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Sha256 h;
	sha256_init(&h);
	add_number(&h, step->kind);
	add_number(&h, step->parent);
	add_span(&h, step->span);
	add(&h, step->title);
	if (step->kind != STEP_FETCH) /* what is fetched is the same for every machine */
		add(&h, platform_text(&a, &stage->platform));
	switch (step->kind) {
	case STEP_BASE:
		add_number(&h, step->base.scratch);
		if (!step->base.scratch)
			sha256_add(&h, &step->base.image.config_digest, sizeof(Digest));
		break;
	case STEP_RUN:
		add_run(&h, &step->run);
		break;
	case STEP_COPY:
		add_copy(&h, &step->copy);
		break;
	case STEP_WORKDIR:
		add(&h, step->workdir.path);
		add(&h, step->workdir.user);
		break;
	case STEP_FETCH:
		add_fetch(&h, &step->fetch);
		break;
	}
	Digest d = sha256_end(&h);
	return digest_arena_hex(j->arena, &d);
}

/* --- numbers of one plan → those of the joined one -------------------------------------------- */

static uint32_t step_into(const Joint *j, uint32_t step)
{
	return step == STEP_NONE ? STEP_NONE : j->into[step];
}

static void renumber_mounts(Joint *j, RunArgs *r)
{
	RunMount *mounts =
		arena_alloc(j->arena, (r->mount_count + 1) * sizeof *mounts, _Alignof(RunMount));
	for (size_t i = 0; i < r->mount_count; i++) {
		mounts[i] = r->mounts[i];
		if (mounts[i].origin == ORIGIN_STEP)
			mounts[i].origin_step = step_into(j, mounts[i].origin_step);
	}
	r->mounts = mounts;
}

static void renumber_sources(Joint *j, CopyArgs *c)
{
	CopySource *sources = arena_alloc(j->arena, (c->source_count + 1) * sizeof *sources,
	                                  _Alignof(CopySource));
	for (size_t i = 0; i < c->source_count; i++) {
		sources[i] = c->sources[i];
		sources[i].fetch_step = step_into(j, sources[i].fetch_step);
	}
	c->sources = sources;
	if (c->origin == ORIGIN_STEP)
		c->origin_step = step_into(j, c->origin_step);
}

static Step renumbered(Joint *j, const Step *from)
{
	Step step = *from;
	step.stage += j->stages;
	step.parent = step_into(j, step.parent);
	step.needs = arena_alloc(j->arena, (step.need_count + 1) * sizeof *step.needs,
	                         _Alignof(uint32_t));
	for (size_t i = 0; i < step.need_count; i++)
		step.needs[i] = step_into(j, from->needs[i]);
	if (step.kind == STEP_RUN)
		renumber_mounts(j, &step.run);
	else if (step.kind == STEP_COPY)
		renumber_sources(j, &step.copy);
	return step;
}

/* --- joining ---------------------------------------------------------------------------------- */

/* Step FROM of PLAN, whose first step stands at FIRST if none was known: its number. */
static uint32_t take_step(Joint *j, const Plan *plan, const Step *from, size_t first)
{
	Step step = renumbered(j, from);
	Str words = in_words(j, &step, &plan->stages[from->stage]);
	uint32_t *known = map_get(&j->known, words);
	if (known && *known < first) {
		j->steps.at[*known].looked_into |= step.looked_into;
		return *known;
	}
	step.number = (uint32_t)j->steps.len;
	VEC_PUSH(&j->steps, step);
	if (!known) {
		known = arena_new(j->arena, uint32_t);
		*known = step.number;
		(void)map_put(&j->known, words, known);
	}
	return step.number;
}

static void take_stages(Joint *j, const Plan *plan)
{
	for (size_t i = 0; i < plan->stage_count; i++) {
		PlanStage *stage = &j->plan->stages[j->stages + i];
		*stage = plan->stages[i];
		stage->last_step = step_into(j, stage->last_step);
		stage->history =
			arena_alloc(j->arena, (stage->history_count + 1) * sizeof *stage->history,
		                    _Alignof(PlanHistory));
		for (size_t k = 0; k < stage->history_count; k++) {
			stage->history[k] = plan->stages[i].history[k];
			stage->history[k].step = step_into(j, stage->history[k].step);
		}
	}
	for (size_t i = 0; i < plan->result_count; i++) {
		PlanResult *result = &j->plan->results[j->plan->result_count++];
		*result = plan->results[i];
		result->stage += j->stages;
	}
}

static void take_warnings(Plan *to, const Plan *from)
{
	for (size_t i = 0; i < from->warning_count; i++) {
		bool told = false;
		for (size_t k = 0; k < to->warning_count && !told; k++)
			told = str_eq(to->warnings[k], from->warnings[i]);
		if (!told)
			to->warnings[to->warning_count++] = from->warnings[i];
	}
}

static void take(Joint *j, const Plan *plan)
{
	AUTO_FREE uint32_t *into = xcalloc(plan->step_count + 1, sizeof *into);
	size_t first = j->steps.len;
	j->into = into;
	for (size_t i = 0; i < plan->step_count; i++)
		into[i] = take_step(j, plan, &plan->steps[i], first);
	take_stages(j, plan);
	take_warnings(j->plan, plan);
	if (plan->use_count)
		memcpy(j->plan->uses + j->plan->use_count, plan->uses,
		       plan->use_count * sizeof *plan->uses);
	j->plan->use_count += plan->use_count;
	j->stages += (uint32_t)plan->stage_count;
}

static void make_room(Arena *a, const Plan *plans, size_t count, Plan *ret)
{
	size_t stages = 0, results = 0, uses = 0, warnings = 0;
	for (size_t i = 0; i < count; i++) {
		stages += plans[i].stage_count;
		results += plans[i].result_count;
		uses += plans[i].use_count;
		warnings += plans[i].warning_count;
	}
	*ret = (Plan){ .stage_count = stages, .source_date_epoch = plans[0].source_date_epoch };
	ret->stages = arena_alloc(a, stages * sizeof *ret->stages, _Alignof(PlanStage));
	ret->results = arena_alloc(a, results * sizeof *ret->results, _Alignof(PlanResult));
	ret->uses = arena_alloc(a, (uses + 1) * sizeof *ret->uses, _Alignof(PlanUse));
	ret->warnings = arena_alloc(a, (warnings + 1) * sizeof *ret->warnings, _Alignof(Str));
}

void plan_join(Arena *a, const Plan *plans, size_t count, Plan *ret)
{
	Joint j = { .arena = a, .plan = ret };
	if (count == 1) {
		*ret = plans[0];
		return;
	}
	make_room(a, plans, count, ret);
	for (size_t i = 0; i < count; i++)
		take(&j, &plans[i]);
	ret->target = ret->results[0].stage;
	ret->step_count = j.steps.len;
	ret->steps = arena_alloc(a, (j.steps.len + 1) * sizeof *ret->steps, _Alignof(Step));
	if (j.steps.len)
		memcpy(ret->steps, j.steps.at, j.steps.len * sizeof *ret->steps);
	map_done(&j.known);
	VEC_DONE(&j.steps);
}
