/* cmd_project.c - which project commands work on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"
#include "cli/new_build.h"

#include <stdio.h>

Err *cli_project(Cli *cli, const char *name, Project *ret)
{
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	Err *e = project_open(s, str_from(name ? name : ""), cli->arena, ret);
	if (e) {
		cli->usage_error = err_kind(e) == ERR_INPUT;
		return e;
	}
	if (name && !project_exists(ret))
		return err_note(err_new(ERR_NOT_FOUND, "namespaces \"%s\" not found", name),
		                "'%s new-project %s' makes it", cli->program->name, name);
	return NULL;
}

static Err *list_projects(Cli *cli, const Project *current)
{
	Str *names;
	size_t count;
	TRY(project_names(current->store, cli->arena, &names, &count));
	for (size_t i = 0; i < count; i++)
		printf("  %s %.*s\n", str_eq(names[i], current->name) ? "*" : " ",
		       STR_ARG(names[i]));
	return NULL;
}

static Err *choose(Cli *cli, const char *name)
{
	Project now, wanted;
	Store *s = NULL;
	TRY(cli_store(cli, &s));
	TRY(cli_project(cli, NULL, &now));
	Err *e = project_open(s, str_from(name), cli->arena, &wanted);
	cli->usage_error = e != NULL;
	TRY(e);
	if (!project_exists(&wanted)) {
		(void)fflush(stdout);
		fprintf(stderr,
		        "error: A project named \"%s\" does not exist in the store \"%s\".\n"
		        "Your projects are:\n",
		        name, store_path(s));
		(void)fflush(stderr);
		cli->exit_status = 1;
		return list_projects(cli, &now);
	}
	if (str_eq(now.name, wanted.name)) {
		printf("Already on project \"%s\" in the store \"%s\".\n", name, store_path(s));
		return NULL;
	}
	TRY(project_choose(&wanted));
	printf("Now using project \"%s\" in the store \"%s\".\n", name, store_path(s));
	return NULL;
}

static Err *run_project(Cli *cli, const void *values, const Arguments *args)
{
	Project now;
	(void)values;
	if (args->count)
		return choose(cli, args->at[0]);
	TRY(cli_project(cli, NULL, &now));
	printf("Using project \"%s\" in the store \"%s\".\n", now.name.ptr, store_path(now.store));
	return NULL;
}

static Err *run_projects(Cli *cli, const void *values, const Arguments *args)
{
	Project now;
	(void)values;
	(void)args;
	TRY(cli_project(cli, NULL, &now));
	printf("You have access to the following projects and can switch between them with '%s "
	       "project <projectname>':\n\n",
	       cli->program->name);
	TRY(list_projects(cli, &now));
	printf("\nUsing project \"%s\" in the store \"%s\".\n", now.name.ptr,
	       store_path(now.store));
	return NULL;
}

static Err *run_new_project(Cli *cli, const void *values, const Arguments *args)
{
	Project p;
	Store *s = NULL;
	(void)values;
	TRY(cli_store(cli, &s));
	Err *e = project_open(s, str_from(args->at[0]), cli->arena, &p);
	cli->usage_error = e != NULL;
	TRY(e);
	if (project_exists(&p))
		return err_new(ERR_INPUT, "project.project.openshift.io \"%s\" already exists",
		               args->at[0]);
	TRY(project_make(&p));
	TRY(project_choose(&p));
	printf("Now using project \"%s\" in the store \"%s\".\n", args->at[0], store_path(s));
	return NULL;
}

const Command command_project = {
	.name = "project",
	.group = GROUP_CLUSTER,
	.synopsis = "[NAME]",
	.help = "Choose the project that build configurations and image streams are in",
	.about = "Without a name: which one it is. $DECANT_PROJECT and -n go before it.",
	.arguments_max = 1,
	.run = run_project,
};

const Command command_projects = {
	.name = "projects",
	.group = GROUP_CLUSTER,
	.synopsis = "",
	.help = "List projects",
	.run = run_projects,
};

const Command command_new_project = {
	.name = "new-project",
	.group = GROUP_CLUSTER,
	.synopsis = "NAME",
	.help = "Make a project, and choose it",
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_new_project,
};
