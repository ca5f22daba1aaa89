/* cmd_stop.c - end running containers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/container.h"

#include <limits.h>
#include <stdio.h>

enum { TIMEOUT_S_DEFAULT = 10 };

typedef struct StopValues {
	unsigned timeout_s;
} StopValues;

static const Option stop_options[] = {
	{ .name = "time",
	  .letter = 't',
	  .kind = OPTION_NUMBER,
	  .value = "seconds",
	  .help = "Wait so long before killing it (default 10)",
	  .offset = offsetof(StopValues, timeout_s) },
	{ .name = "timeout",
	  .kind = OPTION_NUMBER,
	  .hidden = true,
	  .help = "As --time",
	  .offset = offsetof(StopValues, timeout_s) },
};

static void stop_defaults(void *values)
{
	((StopValues *)values)->timeout_s = TIMEOUT_S_DEFAULT;
}

static Err *stop_one(Cli *cli, Store *s, const char *name, unsigned timeout_s)
{
	Container c = { 0 };
	TRY(container_find(s, str_from(name), cli->arena, &c));
	return c.running ? container_stop(s, &c, timeout_s) : NULL;
}

static Err *run_stop(Cli *cli, const void *values, const Arguments *args)
{
	const StopValues *v = values;
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	for (size_t i = 0; i < args->count; i++) {
		Err *e = stop_one(cli, s, args->at[i], v->timeout_s);
		if (e)
			cli_report(cli, e);
		else
			printf("%s\n", args->at[i]);
	}
	return NULL;
}

const Command command_stop = {
	.name = "stop",
	.aliases = "container stop",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
	.help = "Stop running containers",
	.options = stop_options,
	.option_count = ARRAY_LEN(stop_options),
	.values_size = sizeof(StopValues),
	.defaults = stop_defaults,
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.run = run_stop,
};
