/* cmd_rm.c - remove containers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/container.h"

#include <limits.h>
#include <stdio.h>

typedef struct RmValues {
	bool force, volumes;
} RmValues;

static const Option rm_options[] = {
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Kill a running one first; a missing one is no error",
	  .offset = offsetof(RmValues, force) },
	{ .name = "volumes",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Accepted, no effect",
	  .offset = offsetof(RmValues, volumes) },
};

static Err *remove_one(Cli *cli, Store *s, const char *name, bool force)
{
	Container c = { 0 };
	TRY(container_find(s, str_from(name), cli->arena, &c));
	return container_remove(s, &c, force ? CONTAINER_REMOVE_FORCE : CONTAINER_REMOVE_ENDED);
}

static Err *run_rm(Cli *cli, const void *values, const Arguments *args)
{
	const RmValues *v = values;
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter()); /* a container's files have owners that only the namespace may touch
	                       */
	for (size_t i = 0; i < args->count; i++) {
		Err *e = remove_one(cli, s, args->at[i], v->force);
		int status = cli->exit_status;
		bool missing = e && err_kind(e) == ERR_NOT_FOUND;
		if (e)
			cli_report(cli, e);
		else
			printf("%s\n", args->at[i]);
		if (missing && v->force)
			cli->exit_status = status;
	}
	return NULL;
}

const Command command_rm = {
	.name = "rm",
	.aliases = "container rm,container remove",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
	.help = "Remove containers",
	.options = rm_options,
	.option_count = ARRAY_LEN(rm_options),
	.values_size = sizeof(RmValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.run = run_rm,
};
