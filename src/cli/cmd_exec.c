/* cmd_exec.c - one more command in a container that runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"
#include "cli/run_given.h"
#include "cli/run_request.h"

#include <limits.h>
#include <unistd.h>

typedef struct ExecValues {
	bool detach, interactive, terminal, privileged;
	const char *user, *workdir;
	OptionList env, env_files, ignored;
} ExecValues;

static const Option exec_options[] = {
	{ .name = "detach",
	  .letter = 'd',
	  .kind = OPTION_FLAG,
	  .help = "Leave it behind; what it writes is lost",
	  .offset = offsetof(ExecValues, detach) },
	{ .name = "interactive",
	  .letter = 'i',
	  .kind = OPTION_FLAG,
	  .help = "Standard input is the command's",
	  .offset = offsetof(ExecValues, interactive) },
	{ .name = "tty",
	  .letter = 't',
	  .kind = OPTION_FLAG,
	  .help = "Give it a terminal",
	  .offset = offsetof(ExecValues, terminal) },
	{ .name = "env",
	  .letter = 'e',
	  .kind = OPTION_LIST,
	  .value = "NAME=VALUE",
	  .help = "Set a variable",
	  .offset = offsetof(ExecValues, env) },
	{ .name = "env-file",
	  .kind = OPTION_LIST,
	  .value = "FILE",
	  .help = "Set those that FILE has, one a line",
	  .offset = offsetof(ExecValues, env_files) },
	{ .name = "user",
	  .letter = 'u',
	  .kind = OPTION_TEXT,
	  .value = "USER[:GROUP]",
	  .help = "As this user (default: the container's)",
	  .offset = offsetof(ExecValues, user) },
	{ .name = "workdir",
	  .letter = 'w',
	  .kind = OPTION_TEXT,
	  .value = "DIR",
	  .help = "In this directory (default: the container's)",
	  .offset = offsetof(ExecValues, workdir) },
	{ .name = "privileged",
	  .kind = OPTION_FLAG,
	  .help = "With all rights of who calls, as 'run --privileged'",
	  .offset = offsetof(ExecValues, privileged) },
	{ .name = "detach-keys",
	  .kind = OPTION_IGNORED,
	  .hidden = true,
	  .value = "string",
	  .help = "Accepted, no effect",
	  .offset = offsetof(ExecValues, ignored) },
};

static Err *read_what(Cli *cli, const ExecValues *v, const Arguments *args, ContainerExec *ret)
{
	RunGivenValues files = { .env_files = v->env_files };
	RunRequestValues given = { .env = v->env };
	ContainerRequest r = { 0 };
	TRY(cli_run_more(cli, &files, &r));
	TRY(cli_run_given(cli, &given, &r)); /* of two the later counts */
	*ret = (ContainerExec){
		.env = r.env,
		.user = str_from(v->user ? v->user : ""),
		.working_dir = str_from(v->workdir ? v->workdir : ""),
		.interactive = v->interactive,
		.terminal = v->terminal,
		.detach = v->detach,
		.privileged = v->privileged,
	};
	for (size_t i = 1; i < args->count; i++)
		strs_push(cli->arena, &ret->command, str_from(args->at[i]));
	if (v->interactive && v->terminal && !v->detach && !isatty(STDIN_FILENO))
		return cli_no_terminal();
	return NULL;
}

static Err *run_exec(Cli *cli, const void *values, const Arguments *args)
{
	Store *s = NULL;
	Cancel *cancel = NULL;
	Container c = { 0 };
	ContainerExec what;
	TRY(read_what(cli, values, args, &what));
	TRY(cli_container(cli, args->at[0], &s, &c));
	TRY(cli_cancel(cli, &cancel));
	return container_join(s, &c, &what, cancel, cli->arena, &cli->exit_status);
}

const Command command_exec = {
	.name = "exec",
	.aliases = "container exec",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER COMMAND [ARG...]",
	.help = "Run one more command in a container that runs",
	.about = "It has the rights of the container's own command, and ends with it. Ends with\n"
		 "the status of the command; 126 if it cannot be executed, 127 if it is not\n"
		 "there. USER is looked up in the image.",
	.options = exec_options,
	.option_count = ARRAY_LEN(exec_options),
	.values_size = sizeof(ExecValues),
	.arguments_min = 2,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.stop_at_argument = true,
	.run = run_exec,
};
