/* look.c - what a build would be, without building: for --check and --call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"

/* What an SSD reads in a second: more is for a build to read, whose look at the cache then knows
 * it. */
#define LOOK_BYTES_MAX ((uint64_t)512 << 20)
/* Steps of which a check asks what the cache holds: a file with more is no one's. */
#define LOOK_STEPS_MAX 20000u

/* What is here of the steps without asking anybody or running anything, and what rules say of it.
 */
static Err *judge(Build *b)
{
	TRY(build_prepare(b));
	for (size_t i = 0; i <= b->request->directory_count; i++)
		if (b->contexts[i])
			context_limit_reading(b->contexts[i], LOOK_BYTES_MAX);
	for (size_t i = 0; b->store && i < b->plan.step_count && i < LOOK_STEPS_MAX; i++) {
		const Step *step = &b->plan.steps[i];
		AUTO_ERR Err *e = step->kind == STEP_FETCH ? NULL : build_look_up(b, step);
		if (e && err_kind(e) == ERR_CANCELLED)
			return TAKE_PTR(e); /* others are for a build to tell */
	}
	return judge_steps(b, true);
}

Err *build_look(Arena *a, const BuildRequest *request, const BuildLookRequest *how, BuildLook *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	CLEANUP(build_done) Build b;
	*ret = (BuildLook){ 0 };
	TRY(build_init(&b, a, request));
	if (request->store)
		TRY(store_lock_gc(b.store, false, b.cancel, &lock));
	BuildLookRequest look = *how;
	look.any_rights = true;
	ret->error = make_plan(&b, &look);
	if (!ret->error && how->remarks)
		ret->error = judge(&b);
	if (ret->error && err_kind(ret->error) == ERR_CANCELLED)
		return TAKE_PTR(ret->error);
	ret->file = b.file;
	ret->file.source = b.source;
	ret->plan = b.plan;
	ret->lint = b.lint;
	if (b.facts_count) {
		ret->facts = b.facts[0];
		b.facts[0] = (PlanFacts){ 0 };
	}
	return NULL;
}

void build_look_done(BuildLook *look)
{
	plan_facts_done(&look->facts);
	err_free(look->error);
	look->error = NULL;
}
