/* cmd_logs.c - what a container has written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/container.h"

typedef struct LogsValues {
	bool follow;
} LogsValues;

static const Option logs_options[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Go on until the container ends",
	  .offset = offsetof(LogsValues, follow) },
	{ .name = "since", .kind = OPTION_REFUSED, .help = "" },
	{ .name = "tail", .letter = 'n', .kind = OPTION_REFUSED, .help = "" },
	{ .name = "timestamps", .letter = 't', .kind = OPTION_REFUSED, .help = "" },
	{ .name = "until", .kind = OPTION_REFUSED, .help = "" },
};

static Err *run_logs(Cli *cli, const void *values, const Arguments *args)
{
	const LogsValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Container c = { 0 };
	TRY(cli_store_existing(cli, &s));
	if (!s)
		return err_new(ERR_NOT_FOUND, "No such container: %s", args->at[0]);
	TRY(cli_cancel(cli, &cancel));
	TRY(container_find(s, str_from(args->at[0]), cli->arena, &c));
	return container_log(s, &c, STDOUT_FILENO, v->follow, cancel);
}

const Command command_logs = {
	.name = "logs",
	.aliases = "container logs",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER",
	.help = "Show what a container has written",
	.options = logs_options,
	.option_count = ARRAY_LEN(logs_options),
	.values_size = sizeof(LogsValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "CONTAINER",
	.run = run_logs,
};
