/* make_plan.c - the Dockerfile read, planned and judged: what every build begins with, and --check
 * is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/fetch.h"

#include <strings.h>

/* --build-arg BUILDKIT_SYNTAX */
static Str frontend(const BuildRequest *r)
{
	for (size_t i = r->arg_count; i-- > 0;)
		if (str_eqc(r->args[i].name, "BUILDKIT_SYNTAX"))
			return r->args[i].value;
	return STR("");
}

static Err *read_file(Build *b)
{
	const Source *source = b->source;
	b->plan_line = progress_begin(b->progress, STR(""),
	                              "[internal] load build definition from %s", source->name);
	Err *e = dockerfile_parse_as(b->arena, source, frontend(b->request), &b->file);
	progress_end(b->progress, b->plan_line, e ? PROGRESS_ERROR : PROGRESS_DONE,
	             e ? err_cause(e) : STR(""));
	return e;
}

static bool is_called(const PlanStage *stage, Str name)
{
	return name.len == stage->shown.len &&
	       strncasecmp(name.ptr, stage->shown.ptr, name.len) == 0;
}

static void tell_no_stage(Build *b, Str name)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	const char **names =
		arena_alloc(&a, (b->plan.stage_count + 1) * sizeof *names, _Alignof(char *));
	for (size_t i = 0; i < b->plan.stage_count; i++)
		names[i] = arena_str(&a, b->plan.stages[i].shown).ptr;
	const char *nearest = str_nearest(name, names, b->plan.stage_count);
	progress_warning(b->progress, b->plan_line,
	                 "--no-cache-filter: no stage is called '%.*s'%s%s%s", STR_ARG(name),
	                 nearest ? "; did you mean '" : "", nearest ? nearest : "",
	                 nearest ? "'?" : "");
}

/* --no-cache-filter */
static void mark_uncached(Build *b)
{
	const BuildRequest *r = b->request;
	if (!r->uncached_stage_count)
		return;
	b->uncached = arena_alloc(b->arena, b->plan.stage_count * sizeof(bool), 1);
	for (size_t i = 0; i < r->uncached_stage_count; i++) {
		bool found = false;
		for (size_t k = 0; k < b->plan.stage_count; k++) {
			if (!is_called(&b->plan.stages[k], r->uncached_stages[i]))
				continue;
			b->uncached[k] = found = true;
		}
		if (!found)
			tell_no_stage(b, r->uncached_stages[i]);
	}
}

bool build_is_uncached(const Build *b, const Step *step)
{
	return b->request->no_cache || (b->uncached && b->uncached[step->stage]);
}

/* One target for one platform. */
static Err *plan_one(Build *b, const BuildLookRequest *how, Str target, const Platform *platform,
                     Plan *ret)
{
	const BuildRequest *r = b->request;
	const PlanAllow all = { .network_host = true, .security_insecure = true };
	PlanRequest request = {
		.dockerfile = &b->file,
		.target = target,
		.args = r->args,
		.arg_count = r->arg_count,
		.labels = r->labels,
		.label_count = r->label_count,
		.platform = *platform,
		.platform_given = r->platform_given,
		.build_platform = platform_host(),
		.network = r->network.len ? r->network : STR("default"),
		.allow = how->any_rights ? all : r->run.allow,
		.contexts = r->contexts,
		.context_count = r->context_count,
		.context_fetched = b->context_layer != NULL,
		.lookup = { resolve_image, resolve_layout, epoch_of, b, resolve_expect },
		.all_stages = how->all_stages,
		.multi_platform = r->platform_count > 1,
		.facts = &b->facts[b->facts_count++],
	};
	return plan_make(b->arena, &request, ret);
}

/* PATTERN with NAME in each place for it. */
static Str fill_in(Arena *a, Str pattern, Str name)
{
	AUTO_BUF Buf out = BUF_INIT;
	const char *at;
	size_t len = strlen(BUILD_TAG_TARGET);
	while ((at = memmem(pattern.ptr, pattern.len, BUILD_TAG_TARGET, len))) {
		size_t before = (size_t)(at - pattern.ptr);
		buf_add_str(&out, str_head(pattern, before));
		buf_add_str(&out, name);
		pattern = str_from_at(pattern, before + len);
	}
	buf_add_str(&out, pattern);
	return arena_str(a, buf_str(&out));
}

/* The names of a target that is called NAME. */
static Err *name_target(Build *b, Str name)
{
	const BuildRequest *r = b->request;
	BuildTarget *target = &b->targets[b->target_count++];
	size_t count = r->tag_count + r->tag_pattern_count;
	Reference *tags = arena_alloc(b->arena, (count + 1) * sizeof *tags, _Alignof(Reference));
	if (r->tag_count)
		memcpy(tags, r->tags, r->tag_count * sizeof *tags);
	for (size_t i = 0; i < r->tag_pattern_count; i++) {
		Str text = fill_in(b->arena, r->tag_patterns[i], name);
		TRY_WHILE(reference_parse(b->arena, text, &tags[r->tag_count + i]),
		          "reading --tag '%.*s'", STR_ARG(r->tag_patterns[i]));
	}
	*target = (BuildTarget){ .name = name, .tags = tags, .tag_count = count };
	return NULL;
}

static bool is_planned(const Build *b, const Plan *first_plans, size_t stride, uint32_t target)
{
	for (size_t i = 0; i < b->target_count; i++)
		if (first_plans[i * stride].target == target)
			return true;
	return false;
}

/* Every target for every platform; a stage that two words name is one target. */
static Err *plan_all(Build *b, const BuildLookRequest *how)
{
	const BuildRequest *r = b->request;
	size_t targets = r->target_count ? r->target_count : 1, platforms = r->platform_count;
	size_t most = targets * platforms, count = 0;
	Arena *a = b->arena;
	Plan *plans = arena_alloc(a, most * sizeof *plans, _Alignof(Plan));
	b->facts = arena_alloc(a, most * sizeof *b->facts, _Alignof(PlanFacts));
	b->targets = arena_alloc(a, targets * sizeof *b->targets, _Alignof(BuildTarget));
	/* Before a plan asks for images: the last target may be the one with the slip. */
	for (size_t i = 0; i < r->target_count; i++)
		TRY(plan_check_target(a, &b->file, r->targets[i]));
	for (size_t i = 0; i < targets; i++) {
		Str target = r->target_count ? r->targets[i] : STR("");
		for (size_t k = 0; k < platforms; k++) {
			Plan *plan = &plans[count];
			TRY(plan_one(b, how, target, &r->platforms[k], plan));
			if (k == 0 && is_planned(b, plans, platforms, plan->target))
				break;
			if (k == 0)
				TRY(name_target(b, plan->stages[plan->target].shown));
			count++;
		}
	}
	plan_join(a, plans, count, &b->plan);
	return NULL;
}

static Err *plan(Build *b, const BuildLookRequest *how)
{
	TRY(plan_all(b, how));
	mark_uncached(b);
	b->epoch_ns = b->plan.source_date_epoch < 0 ? -1 : b->plan.source_date_epoch * 1000000000;
	return NULL;
}

Err *make_plan(Build *b, const BuildLookRequest *how)
{
	TRY(fetch_main_context(b));
	Err *broken = read_file(b);
	if (!b->file.node_count || how->reads_only) /* no tree: there is nothing to judge */
		return broken;
	Err *e = broken ? broken : plan(b, how);
	Err *wrong = judge_text(b, broken, how->remarks);
	if (wrong) { /* the options: what comes of them is worth nothing */
		err_free(e);
		return wrong;
	}
	return e ? e : lint_error(&b->lint);
}
