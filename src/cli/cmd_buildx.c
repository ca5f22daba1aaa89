/* cmd_buildx.c - buildx's builders and docker's contexts: there is one of each, and it stays. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/formatted.h"
#include "cli/names.h"
#include "oci/platform.h"

#include <limits.h>
#include <stdio.h>

/*
 * CI scripts make a builder, use it and remove it; all of it succeeds, and builds are done by
 * decant. Nothing is kept: `create` answers with the name that it was given.
 */

typedef struct BuildxValues {
	const char *name, *driver, *format;
	OptionList ignored;
	bool quiet;
} BuildxValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(BuildxValues, member)
#define IGNORED(flag, what)                                              \
	{                                                                \
		.name = (flag), .kind = OPTION_IGNORED, .value = (what), \
		.help = "Accepted, no effect", STORED(ignored)           \
	}

static const Option create_options[] = {
	{ .name = "name", .kind = OPTION_TEXT, STORED(name), .help = "What to answer with" },
	{ .name = "driver", .kind = OPTION_TEXT, STORED(driver), .help = "Accepted, no effect" },
	IGNORED("append", NULL),
	IGNORED("bootstrap", NULL),
	IGNORED("buildkitd-config", "string"),
	IGNORED("buildkitd-flags", "string"),
	IGNORED("config", "string"),
	IGNORED("driver-opt", "list"),
	IGNORED("leave", NULL),
	IGNORED("node", "string"),
	IGNORED("platform", "list"),
	IGNORED("use", NULL),
};

static const Option plain_options[] = {
	IGNORED("all-inactive", NULL), IGNORED("bootstrap", NULL),  IGNORED("builder", "string"),
	IGNORED("default", NULL),      IGNORED("force", NULL),      IGNORED("global", NULL),
	IGNORED("keep-daemon", NULL),  IGNORED("keep-state", NULL),
};

static const Option format_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  STORED(format),
	  .help = "'table', 'json' or a Go template" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  STORED(quiet),
	  .help = "Only names" },
	IGNORED("no-trunc", NULL),
};

static Err *run_create(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)args;
	const BuildxValues *v = values;
	printf("%s\n", v->name ? v->name : "default");
	return NULL;
}

static Err *run_nothing(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)values, (void)args;
	return NULL;
}

static Err *run_rm(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)values;
	for (size_t i = 0; i < args->count; i++)
		printf("%s removed\n", args->at[i]);
	return NULL;
}

static const char *host_text(Cli *cli)
{
	Platform host = platform_host();
	return platform_text(cli->arena, &host).ptr;
}

static Err *run_inspect(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	const char *name = args->count ? args->at[0] : "default";
	printf("Name:   %s\nDriver: decant\n\nNodes:\n"
	       "Name:             %s\nEndpoint:         default\nStatus:           running\n"
	       "BuildKit version: v0.0.0+decant\nPlatforms:        %s\n",
	       name, name, host_text(cli));
	return NULL;
}

static Err *run_ls(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const BuildxValues *v = values;
	if (v->format && *v->format && strcmp(v->format, "table") != 0)
		return formatted_print(
			cli->arena, v->format,
			arena_strf(cli->arena,
		                   "{\"Name\":\"default\",\"Driver\":\"decant\",\"Current\":true,"
		                   "\"Dynamic\":false,\"Nodes\":[{\"Name\":\"default\","
		                   "\"Endpoint\":\"default\",\"Status\":\"running\","
		                   "\"Platforms\":[\"%s\"]}]}",
		                   host_text(cli)));
	printf("NAME/NODE     DRIVER/ENDPOINT   STATUS    BUILDKIT         PLATFORMS\n"
	       "default*      decant                                       \n"
	       " \\_ default    \\_ default       running   v0.0.0+decant    %s\n",
	       host_text(cli));
	return NULL;
}

static Err *run_version(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)values, (void)args;
	printf("decant %s, in place of github.com/docker/buildx\n", DECANT_VERSION);
	return NULL;
}

#define BUILDX(variable, words, does, table, what, most) \
	const Command variable = {                       \
		.name = (words),                         \
		.group = GROUP_HIDDEN,                   \
		.synopsis = "[OPTIONS] [NAME...]",       \
		.help = (what),                          \
		.options = (table),                      \
		.option_count = ARRAY_LEN(table),        \
		.values_size = sizeof(BuildxValues),     \
		.arguments_max = (most),                 \
		.run = (does),                           \
	}

BUILDX(command_buildx_create, "buildx create", run_create, create_options,
       "Answer with a name: there is one builder, decant", UINT_MAX);
BUILDX(command_buildx_use, "buildx use", run_nothing, plain_options,
       "Do nothing: there is one builder, decant", 1);
BUILDX(command_buildx_stop, "buildx stop", run_nothing, plain_options,
       "Do nothing: there is no daemon", 1);
BUILDX(command_buildx_rm, "buildx rm", run_rm, plain_options,
       "Do nothing: there is one builder, decant", UINT_MAX);
BUILDX(command_buildx_inspect, "buildx inspect", run_inspect, plain_options,
       "Show the builder, decant", 1);
BUILDX(command_buildx_ls, "buildx ls", run_ls, format_options, "Show the builder, decant", 0);
BUILDX(command_buildx_version, "buildx version", run_version, plain_options, "Print the version",
       0);

/* --- contexts -------------------------------------------------------------------------------- */

static Err *run_context_ls(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const BuildxValues *v = values;
	if (v->quiet) {
		printf("default\n");
		return NULL;
	}
	if (v->format && *v->format && strcmp(v->format, "table") != 0)
		return formatted_print(
			cli->arena, v->format,
			STR("{\"Current\":true,\"Description\":\"No daemon: decant itself\","
		            "\"DockerEndpoint\":\"\",\"Error\":\"\",\"Name\":\"default\"}"));
	printf("NAME        DESCRIPTION                DOCKER ENDPOINT   ERROR\n"
	       "default *   No daemon: decant itself                     \n");
	return NULL;
}

static Err *run_context_show(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)values, (void)args;
	printf("default\n");
	return NULL;
}

static Err *run_context_use(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	if (strcmp(args->at[0], "default") != 0)
		return err_note(
			err_new(ERR_NOT_FOUND, "context \"%s\": context not found", args->at[0]),
			"there is no daemon to choose: 'default' is decant itself");
	printf("default\nCurrent context is now \"default\"\n");
	(void)cli;
	return NULL;
}

BUILDX(command_context_ls, "context ls", run_context_ls, format_options,
       "Show the one context: no daemon", 0);
BUILDX(command_context_show, "context show", run_context_show, plain_options,
       "Show the one context's name", 0);
const Command command_context_use = {
	.name = "context use",
	.group = GROUP_HIDDEN,
	.synopsis = "CONTEXT",
	.help = "Use the one context that there is",
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_context_use,
};
