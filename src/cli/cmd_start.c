/* cmd_start.c - run containers that are there: start, wait, attach. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>

typedef struct StartValues {
	bool attach, interactive;
	OptionList ignored;
} StartValues;

static const Option start_options[] = {
	{ .name = "attach",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Show what it writes, pass signals on, end with its status",
	  .offset = offsetof(StartValues, attach) },
	{ .name = "interactive",
	  .letter = 'i',
	  .kind = OPTION_FLAG,
	  .help = "Connect standard input, and --attach",
	  .offset = offsetof(StartValues, interactive) },
	{ .name = "detach-keys",
	  .kind = OPTION_IGNORED,
	  .hidden = true,
	  .value = "string",
	  .help = "Accepted, no effect",
	  .offset = offsetof(StartValues, ignored) },
};

static Err *start_one(Cli *cli, Store *s, const Container *c, const void *values)
{
	(void)values;
	int status;
	if (c->running)
		return NULL; /* as docker */
	ContainerStart how = { .warn = cli_warn_of_container };
	return container_start(s, c, &how, NULL, cli->arena, &status);
}

static Err *run_start(Cli *cli, const void *values, const Arguments *args)
{
	const StartValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Container c = { 0 };
	bool attach = v->attach || v->interactive;
	if (attach && args->count > 1)
		return cli_usage(cli, "you cannot start and attach multiple containers at once");
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter());
	if (!attach)
		return cli_each_container(cli, args, false, start_one, v);
	TRY(cli_container(cli, args->at[0], &s, &c));
	if (c.running)
		return err_note(err_new(ERR_INPUT, "the container runs already"),
		                "'decant attach %s' shows what it writes", args->at[0]);
	TRY(cli_cancel(cli, &cancel));
	ContainerStart how = { true, v->interactive, cli_warn_of_container };
	return container_start(s, &c, &how, cancel, cli->arena, &cli->exit_status);
}

const Command command_start = {
	.name = "start",
	.aliases = "container start",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER [CONTAINER...]",
	.help = "Run containers that have ended, or were made by 'create'",
	.options = start_options,
	.option_count = ARRAY_LEN(start_options),
	.values_size = sizeof(StartValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.run = run_start,
};

/* --- wait ------------------------------------------------------------------------------------ */

static Err *wait_one(Cli *cli, Store *s, const Container *c, const void *values)
{
	(void)values;
	Cancel *cancel = NULL;
	int status = 0;
	TRY(cli_cancel(cli, &cancel));
	TRY(container_wait(s, c, cancel, &status));
	printf("%d\n", status);
	return NULL;
}

static Err *run_wait(Cli *cli, const void *values, const Arguments *args)
{
	return cli_each_container(cli, args, true, wait_one, values);
}

const Command command_wait = {
	.name = "wait",
	.aliases = "container wait",
	.group = GROUP_CONTAINERS,
	.synopsis = "CONTAINER [CONTAINER...]",
	.help = "Wait until containers end, and print their statuses",
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.run = run_wait,
};

/* --- attach ---------------------------------------------------------------------------------- */

typedef struct AttachValues {
	bool no_stdin;
	OptionList ignored;
} AttachValues;

static const Option attach_options[] = {
	{ .name = "no-stdin",
	  .kind = OPTION_FLAG,
	  .help = "Always so",
	  .offset = offsetof(AttachValues, no_stdin) },
	{ .name = "sig-proxy",
	  .kind = OPTION_IGNORED,
	  .hidden = true,
	  .help = "Accepted, no effect",
	  .offset = offsetof(AttachValues, ignored) },
	{ .name = "detach-keys",
	  .kind = OPTION_IGNORED,
	  .hidden = true,
	  .value = "string",
	  .help = "Accepted, no effect",
	  .offset = offsetof(AttachValues, ignored) },
};

static Err *run_attach(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Container c = { 0 };
	TRY(cli_container(cli, args->at[0], &s, &c));
	if (!c.running)
		return err_new(ERR_INPUT, "cannot attach to a stopped container, start it first");
	TRY(cli_cancel(cli, &cancel));
	ContainerLog log = {
		.follow = true, .tail = 0, .since_ns = INT64_MIN, .until_ns = INT64_MAX
	};
	TRY(container_log(s, &c, &log, cancel));
	return container_wait(s, &c, cancel, &cli->exit_status);
}

const Command command_attach = {
	.name = "attach",
	.aliases = "container attach",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER",
	.help = "Show what a running container writes from now on, and end with its status",
	.about = "Its standard input stays as it is. ^C ends the showing alone.",
	.options = attach_options,
	.option_count = ARRAY_LEN(attach_options),
	.values_size = sizeof(AttachValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "CONTAINER",
	.run = run_attach,
};
