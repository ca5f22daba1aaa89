/* cmd_delete.c - objects of a project, or a project, go. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/streams.h"

#include <limits.h>
#include <stdio.h>

typedef struct DeleteValues {
	const char *project;
	bool all;
} DeleteValues;

static const Option delete_options[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .help = "All objects of the type",
	  .offset = offsetof(DeleteValues, all) },
	RESOURCE_NAMESPACE(DeleteValues, project),
};

/* One that runs is ended first. */
static Err *delete_build(Cli *cli, const Project *p, Str name)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Cancel *cancel;
	Build b;
	bool over;
	TRY(cli_cancel(cli, &cancel));
	TRY(runner_cancel(p, name, cancel, &over));
	if (!over)
		TRY(build_wait_over(p, name, cancel, &b));
	TRY(project_lock(p, cancel, &lock));
	return project_build_drop(p, name);
}

static Err *drop_config(const Project *p, Str name)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	BuildConfig bc;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_config(p, name, &bc));
	TRY(project_drop(p, PROJECT_BUILD_CONFIG, name));
	TRY(project_delivery_drop(p, name));
	for (size_t i = 0; i < bc.trigger_count; i++)
		if (bc.triggers[i].secret.len)
			TRY(project_secret_drop(p, bc.triggers[i].secret));
	return NULL;
}

/* With its builds. */
static Err *delete_config(Cli *cli, const Project *p, Str name)
{
	Build *all;
	size_t count;
	TRY(drop_config(p, name)); /* first, so that no more are started */
	TRY(project_builds(p, name, &all, &count));
	for (size_t i = 0; i < count; i++)
		TRY(delete_build(cli, p, all[i].meta.name));
	return NULL;
}

static Err *delete_stream(const Project *p, Str name)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(project_lock(p, NULL, &lock));
	return runner_stream_drop(p, name);
}

static Err *delete_tag(Cli *cli, const Project *p, Str text)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	Str name, tag;
	TRY(project_split_tag(cli->arena, text, &name, &tag));
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_stream(p, name, &is));
	return runner_stream_untag(p, &is, tag);
}

static Err *delete_one(Cli *cli, const Project *p, ResourceKind kind, Str name)
{
	switch (kind) {
	case RESOURCE_BUILD_CONFIG:
		TRY(delete_config(cli, p, name));
		break;
	case RESOURCE_BUILD:
		TRY(delete_build(cli, p, name));
		break;
	case RESOURCE_STREAM:
		TRY(delete_stream(p, name));
		break;
	case RESOURCE_STREAM_TAG:
		TRY(delete_tag(cli, p, name));
		break;
	}
	printf("%s \"%.*s\" deleted\n", resource_one(kind), STR_ARG(name));
	return NULL;
}

static Err *delete_all(Cli *cli, const Project *p, ResourceKind kind, size_t *ret_count)
{
	Str *names;
	if (kind == RESOURCE_STREAM_TAG)
		return cli_usage(cli, "--all is of bc, builds and is");
	TRY(project_list(p, (ProjectKind)kind, &names, ret_count));
	for (size_t i = 0; i < *ret_count; i++)
		TRY(delete_one(cli, p, kind, names[i]));
	return NULL;
}

/* --- projects --------------------------------------------------------------------------------- */

static Err *delete_project(Cli *cli, const char *name)
{
	Project p;
	size_t count;
	TRY(cli_project(cli, name, &p));
	TRY(delete_all(cli, &p, RESOURCE_BUILD_CONFIG, &count));
	TRY(delete_all(cli, &p, RESOURCE_BUILD, &count));
	TRY(delete_all(cli, &p, RESOURCE_STREAM, &count));
	TRY(project_remove(&p));
	printf("project.project.openshift.io \"%s\" deleted\n", name);
	return NULL;
}

static bool is_project(const char *word)
{
	return strcmp(word, "project") == 0 || strcmp(word, "projects") == 0;
}

static Err *run_delete(Cli *cli, const void *values, const Arguments *args)
{
	const DeleteValues *v = values;
	Resource *all;
	Project p;
	size_t count, gone;
	if (is_project(args->at[0])) {
		if (args->count < 2)
			return cli_usage(cli, "give the names of projects");
		for (size_t i = 1; i < args->count; i++)
			TRY(delete_project(cli, args->at[i]));
		return NULL;
	}
	TRY(resource_read(cli, args, &all, &count));
	TRY(cli_project(cli, v->project, &p));
	if (v->all != !all[0].name.len)
		return cli_usage(cli, v->all ? "names and --all cannot be used together"
		                             : "give names, or --all");
	if (v->all) {
		TRY(delete_all(cli, &p, all[0].kind, &gone));
		if (!gone)
			printf("No resources found\n");
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		Err *e = delete_one(cli, &p, all[i].kind, all[i].name);
		if (e && err_kind(e) != ERR_NOT_FOUND)
			return e;
		if (e)
			cli_report(cli, e);
	}
	return NULL;
}

const Command command_delete = {
	.name = "delete",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] TYPE NAME... | TYPE/NAME... | TYPE --all",
	.help = "Delete build configurations, builds, image streams, their tags, or projects",
	.about = "TYPE is bc, build, is, istag or project. A build configuration goes with its\n"
		 "builds, which are ended if they run; a stream goes with the names that its\n"
		 "images have in the store, and 'prune' frees what nothing else needs.",
	.options = delete_options,
	.option_count = ARRAY_LEN(delete_options),
	.values_size = sizeof(DeleteValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "bc,build,is,istag,project",
	.run = run_delete,
};
