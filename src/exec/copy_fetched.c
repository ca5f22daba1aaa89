/* copy_fetched.c - what an ADD takes of a download or a checkout: all of it, but for --exclude. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/copy.h"

Err *copy_select_fetched(Build *b, const CopyArgs *c, CopySet *set, const CopySource *source,
                         CopyMatches *out)
{
	const Step *step = &b->plan.steps[source->fetch_step];
	CopySource all = *source;
	CopyWant want;
	View *view;
	/* A repository is its root, a download the one file in it. */
	all.path = step->fetch.remote.name;
	TRY(copy_want(c, &all, &set->arena, &want));
	TRY(state_view(b, source->fetch_step, &view));
	VEC_PUSH(&set->fetched, view);
	size_t before = out->len;
	TRY(copy_origin_take(view, source, &want, all.path, &set->arena, out));
	for (size_t i = before; i < out->len; i++)
		out->at[i].fetched = true;
	return NULL;
}
