/* cmd_stop.c - end running containers: stop, restart, kill. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>

static const unsigned timeout_unset = UINT_MAX;

typedef struct StopValues {
	unsigned timeout_s;
	const char *signal;
	int number; /* of it */
} StopValues;

static const Option stop_options[] = {
	{ .name = "signal",
	  .letter = 's',
	  .kind = OPTION_TEXT,
	  .help = "Send this instead of the image's STOPSIGNAL",
	  .offset = offsetof(StopValues, signal) },
	{ .name = "time",
	  .letter = 't',
	  .kind = OPTION_NUMBER,
	  .value = "seconds",
	  .help = "Wait so long before killing it (default 10, or its --stop-timeout)",
	  .offset = offsetof(StopValues, timeout_s) },
	{ .name = "timeout",
	  .kind = OPTION_NUMBER,
	  .hidden = true,
	  .help = "As --time",
	  .offset = offsetof(StopValues, timeout_s) },
};

static const Option kill_options[] = {
	{ .name = "signal",
	  .letter = 's',
	  .kind = OPTION_TEXT,
	  .help = "Signal to send (default KILL)",
	  .offset = offsetof(StopValues, signal) },
};

static void stop_defaults(void *values)
{
	((StopValues *)values)->timeout_s = timeout_unset;
}

static Err *stop_one(Cli *cli, Store *s, const Container *c, const void *values)
{
	const StopValues *v = values;
	ContainerRequest r;
	unsigned timeout_s = v->timeout_s;
	if (!c->running)
		return NULL;
	TRY(container_request_read(c, cli->arena, &r));
	if (timeout_s == timeout_unset)
		timeout_s =
			r.stop_timeout_s ? (unsigned)r.stop_timeout_s : CONTAINER_STOP_TIMEOUT_S;
	return container_stop(s, c, v->number, timeout_s);
}

static Err *restart_one(Cli *cli, Store *s, const Container *c, const void *values)
{
	int status;
	TRY(stop_one(cli, s, c, values));
	ContainerStart how = { .warn = cli_warn_of_container };
	return container_start(s, c, &how, NULL, cli->arena, &status);
}

static Err *kill_one(Cli *cli, Store *s, const Container *c, const void *values)
{
	(void)cli;
	const StopValues *v = values;
	return container_kill(s, c, v->number ? v->number : SIGKILL);
}

static Err *run_each(Cli *cli, const StopValues *values, const Arguments *args, EachContainer *fn)
{
	StopValues v = *values;
	TRY(cli_signal(cli, v.signal, &v.number));
	return cli_each_container(cli, args, false, fn, &v);
}

static Err *run_stop(Cli *cli, const void *values, const Arguments *args)
{
	return run_each(cli, values, args, stop_one);
}

static Err *run_restart(Cli *cli, const void *values, const Arguments *args)
{
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter());
	return run_each(cli, values, args, restart_one);
}

static Err *run_kill(Cli *cli, const void *values, const Arguments *args)
{
	return run_each(cli, values, args, kill_one);
}

#define STOPS(variable, word, spelled, table, does, said)         \
	const Command variable = {                                \
		.name = (word),                                   \
		.aliases = (spelled),                             \
		.group = GROUP_CONTAINERS,                        \
		.synopsis = "[OPTIONS] CONTAINER [CONTAINER...]", \
		.help = (said),                                   \
		.options = (table),                               \
		.option_count = ARRAY_LEN(table),                 \
		.values_size = sizeof(StopValues),                \
		.defaults = stop_defaults,                        \
		.arguments_min = 1,                               \
		.arguments_max = UINT_MAX,                        \
		.choices = "CONTAINER",                           \
		.run = (does),                                    \
	}

STOPS(command_stop, "stop", "container stop", stop_options, run_stop, "Stop running containers");
STOPS(command_restart, "restart", "container restart", stop_options, run_restart,
      "Stop containers and run them again");
STOPS(command_kill, "kill", "container kill", kill_options, run_kill,
      "Send a signal to running containers");
