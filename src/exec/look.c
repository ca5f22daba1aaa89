/* look.c - what a build would be, without building: for --check and --call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/build-internal.h"

Err *build_look(Arena *a, const BuildRequest *request, const BuildLookRequest *how, BuildLook *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	CLEANUP(build_done) Build b;
	*ret = (BuildLook){ 0 };
	TRY(build_init(&b, a, request));
	if (!how->reads_only)
		TRY(store_lock_gc(b.store, false, b.cancel, &lock));
	ret->error = make_plan(&b, how);
	if (ret->error && err_kind(ret->error) == ERR_CANCELLED)
		return TAKE_PTR(ret->error);
	ret->file = b.file;
	ret->file.source = request->dockerfile;
	ret->plan = b.plan;
	ret->lint = b.lint;
	ret->facts = b.facts;
	b.facts = (PlanFacts){ 0 };
	return NULL;
}

void build_look_done(BuildLook *look)
{
	plan_facts_done(&look->facts);
	err_free(look->error);
	look->error = NULL;
}
