/* cmd_cancel_build.c - the end of builds that run or wait. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "cli/resource.h"
#include "runner/runner.h"

#include <limits.h>
#include <stdio.h>

typedef struct CancelBuildValues {
	const char *project;
	bool dump_logs, restart;
} CancelBuildValues;

static const Option cancel_build_options[] = {
	{ .name = "dump-logs",
	  .kind = OPTION_FLAG,
	  .help = "Show the build's log, too",
	  .offset = offsetof(CancelBuildValues, dump_logs) },
	RESOURCE_NAMESPACE(CancelBuildValues, project),
	{ .name = "restart",
	  .kind = OPTION_FLAG,
	  .help = "Start a build of the same configuration afterwards",
	  .offset = offsetof(CancelBuildValues, restart) },
};

typedef VEC(Str) Names;

/* bc/NAME: all of its builds that are not over. */
static Err *add_config(const Project *p, Str config, Names *names)
{
	BuildConfig bc;
	Build *all;
	size_t count;
	TRY(project_get_config(p, config, &bc));
	TRY(project_builds(p, config, &all, &count));
	TRY(resource_settle(p, all, count));
	for (size_t i = 0; i < count; i++)
		if (!build_is_over(all[i].phase))
			VEC_PUSH(names, all[i].meta.name);
	return NULL;
}

static Err *cancel_one(Cli *cli, const Project *p, const CancelBuildValues *v, Str name)
{
	Build b;
	Cancel *cancel;
	bool over;
	TRY(cli_cancel(cli, &cancel));
	TRY(runner_cancel(p, name, cancel, &over));
	TRY(project_get_build(p, name, &b));
	if (over) {
		fprintf(stderr, "error: build %.*s/%.*s is already %s\n", STR_ARG(p->name),
		        STR_ARG(name), build_phases[b.phase]);
		cli->exit_status = 1;
		return NULL;
	}
	printf("%s/%.*s marked for cancellation, waiting to be cancelled\n",
	       project_kind_one[PROJECT_BUILD], STR_ARG(name));
	(void)fflush(stdout);
	TRY(build_wait_over(p, name, cancel, &b));
	if (v->dump_logs)
		TRY(build_log_print(p, name, false, cancel));
	if (b.phase != BUILD_CANCELLED) {
		fprintf(stderr, "error: build %.*s/%.*s ended before: %s\n", STR_ARG(p->name),
		        STR_ARG(name), build_phases[b.phase]);
		cli->exit_status = 1;
		return NULL;
	}
	printf("%s/%.*s cancelled\n", project_kind_one[PROJECT_BUILD], STR_ARG(name));
	if (!v->restart)
		return NULL;
	const RunnerStart how = { .cause = STR("Manually triggered"),
		                  .commit = STR(""),
		                  .as_file = STR(""),
		                  .text = STR(""),
		                  .input = { STR(""), STR("") } };
	TRY(runner_start(p, b.config, &how, cancel, &b));
	printf("%s/%.*s restarted build %.*s\n", project_kind_one[PROJECT_BUILD], STR_ARG(name),
	       STR_ARG(b.meta.name));
	return NULL;
}

static Err *run_cancel_build(Cli *cli, const void *values, const Arguments *args)
{
	const CancelBuildValues *v = values;
	AUTO_VEC Names names = { 0 };
	Project p;
	TRY(cli_project(cli, v->project, &p));
	for (size_t i = 0; i < args->count; i++) {
		Str type, name = str_cut(str_from(args->at[i]), '/', &type);
		ResourceKind kind = RESOURCE_BUILD;
		if (!name.len)
			name = str_from(args->at[i]);
		else if (!resource_kind(type, &kind) || kind > RESOURCE_BUILD)
			return cli_usage(cli, "'%s' is no build and no build configuration",
			                 args->at[i]);
		if (kind == RESOURCE_BUILD_CONFIG)
			TRY(add_config(&p, name, &names));
		else
			VEC_PUSH(&names, name);
	}
	for (size_t i = 0; i < names.len; i++)
		TRY(cancel_one(cli, &p, v, names.at[i]));
	return NULL;
}

const Command command_cancel_build = {
	.name = "cancel-build",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] BUILD | bc/NAME [...]",
	.help = "End builds that run or wait",
	.options = cancel_build_options,
	.option_count = ARRAY_LEN(cancel_build_options),
	.values_size = sizeof(CancelBuildValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_cancel_build,
};
