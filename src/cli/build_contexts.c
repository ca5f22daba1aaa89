/* build_contexts.c - --build-context: what each is, and its directory opened. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_contexts.h"
#include "cli/build_input.h"

static Err *open_directory(Cli *cli, PlanContext *c, BuildContexts *contexts)
{
	BuildInput *in = arena_new(cli->arena, BuildInput); /* what was read outlives this */
	TRY(build_input_open_directory(cli->arena, arena_str(cli->arena, c->value).ptr, in));
	contexts->directories[contexts->directory_count] =
		(BuildDirectory){ in->context_fd, in->context_path,
		                  in->has_ignore ? &in->ignore : NULL };
	c->index = (uint32_t)++contexts->directory_count;
	return NULL;
}

static Err *open_all(Cli *cli, const OptionList *values, BuildContexts *c)
{
	for (size_t i = 0; i < values->count; i++) {
		if (!*values->at[i])
			continue; /* as buildx: a variable of a script that is empty */
		PlanContext *one = &c->at[c->count++];
		Err *e = plan_context_parse(cli->arena, str_from(values->at[i]), one);
		if (e) {
			cli->usage_error = true;
			return e;
		}
		if (one->kind == PLAN_CONTEXT_DIR)
			TRY_WHILE(open_directory(cli, one, c), "opening the build context '%.*s'",
			          STR_ARG(one->name));
	}
	return NULL;
}

Err *build_contexts_open(Cli *cli, const OptionList *values, BuildContexts *ret)
{
	Arena *a = cli->arena;
	size_t room = values->count + 1;
	BuildContexts c = { .at = arena_alloc(a, room * sizeof *c.at, _Alignof(PlanContext)),
		            .directories = arena_alloc(a, room * sizeof *c.directories,
		                                       _Alignof(BuildDirectory)) };
	Err *e = open_all(cli, values, &c);
	if (e)
		build_contexts_close(&c);
	else
		*ret = c;
	return e;
}

void build_contexts_close(BuildContexts *c)
{
	for (size_t i = 0; i < c->directory_count; i++)
		closep(&c->directories[i].fd);
	c->directory_count = 0;
}
