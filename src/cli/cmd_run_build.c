/* cmd_run_build.c - one build of a project, from its turn to its end: what a driver starts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "runner/runner.h"

#include <fcntl.h>

typedef struct RunBuildValues {
	const char *dir, *archive, *ready;
} RunBuildValues;

static const Option run_build_options[] = {
	{ .name = "input-dir",
	  .kind = OPTION_TEXT,
	  .choices = "DIRECTORY",
	  .help = "Directory that is built",
	  .offset = offsetof(RunBuildValues, dir) },
	{ .name = "input-archive",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Archive that is built",
	  .offset = offsetof(RunBuildValues, archive) },
	{ .name = "ready-fd",
	  .kind = OPTION_TEXT,
	  .help = "Descriptor that gets a byte once the build is held",
	  .offset = offsetof(RunBuildValues, ready) },
};

/* *ret -1: none was given. */
static Err *ready_fd(Cli *cli, const char *text, int *ret)
{
	uint64_t fd;
	*ret = -1;
	if (!text)
		return NULL;
	if (!str_to_u64(str_from(text), &fd) || fd > INT32_MAX ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return cli_usage(cli, "invalid value '%s' for --ready-fd", text);
	*ret = (int)fd;
	return NULL;
}

static Err *run_run_build(Cli *cli, const void *values, const Arguments *args)
{
	const RunBuildValues *v = values;
	const DriverInput input = { .dir = str_from(v->dir ? v->dir : ""),
		                    .archive = str_from(v->archive ? v->archive : "") };
	Store *s = NULL;
	Cancel *cancel = NULL;
	Project p;
	int ready;
	TRY(ready_fd(cli, v->ready, &ready));
	TRY(cli_cancel(cli, &cancel));
	TRY(cli_store(cli, &s));
	TRY(project_open(s, str_from(args->at[0]), cli->arena, &p));
	return runner_run(&p, str_from(args->at[1]), &input, ready, cancel);
}

const Command command_run_build = {
	.name = "run-build",
	.group = GROUP_HIDDEN,
	.synopsis = "[OPTIONS] PROJECT BUILD",
	.help = "Run a build that is written in its project",
	.options = run_build_options,
	.option_count = ARRAY_LEN(run_build_options),
	.values_size = sizeof(RunBuildValues),
	.arguments_min = 2,
	.arguments_max = 2,
	.run = run_run_build,
};
