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
			progress_warning(b->progress, b->plan_line,
			                 "--no-cache-filter: no stage is called '%.*s'",
			                 STR_ARG(r->uncached_stages[i]));
	}
}

bool build_is_uncached(const Build *b, const Step *step)
{
	return b->request->no_cache || (b->uncached && b->uncached[step->stage]);
}

static Err *plan(Build *b, const BuildLookRequest *how)
{
	const BuildRequest *r = b->request;
	const PlanAllow all = { .network_host = true, .security_insecure = true };
	PlanRequest request = {
		.dockerfile = &b->file,
		.target = r->target,
		.args = r->args,
		.arg_count = r->arg_count,
		.labels = r->labels,
		.label_count = r->label_count,
		.platform = r->platform,
		.platform_given = r->platform_given,
		.build_platform = platform_host(),
		.network = r->network.len ? r->network : STR("default"),
		.allow = how->any_rights ? all : r->run.allow,
		.contexts = r->contexts,
		.context_count = r->context_count,
		.context_fetched = b->context_layer != NULL,
		.lookup = { resolve_image, resolve_layout, epoch_of, b },
		.all_stages = how->all_stages,
		.facts = &b->facts,
	};
	TRY(plan_make(b->arena, &request, &b->plan));
	mark_uncached(b);
	b->epoch_ns = b->plan.source_date_epoch < 0 ? -1 : b->plan.source_date_epoch * 1000000000;
	return NULL;
}

static Err *judge_text(Build *b, const Err *broken, bool remarks)
{
	LintInput in = judge_input(b, remarks);
	in.broken = broken;
	TRY(lint_run(b->arena, &in, &b->lint));
	judge_tell(b, 0);
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
