/* cmd_buildx.c - buildx's builders and docker's contexts: whatever their names are, they are
 * decant. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/builders.h"
#include "cli/formatted.h"
#include "cli/listing.h"
#include "cli/names.h"
#include "oci/platform.h"

#include <limits.h>
#include <stdio.h>

/*
 * CI scripts make a builder, use it and remove it; all of it succeeds, and builds are done by
 * decant. Of a builder the name is kept, and which one is used.
 */

typedef struct BuildxValues {
	const char *name, *driver, *format;
	OptionList ignored;
	bool quiet, append, use, all_inactive;
} BuildxValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(BuildxValues, member)
#define IGNORED(flag, what)                                              \
	{                                                                \
		.name = (flag), .kind = OPTION_IGNORED, .value = (what), \
		.help = "Accepted, no effect", STORED(ignored)           \
	}

static const Option create_options[] = {
	{ .name = "name", .kind = OPTION_TEXT, STORED(name), .help = "Its name" },
	{ .name = "driver", .kind = OPTION_TEXT, STORED(driver), .help = "Accepted, no effect" },
	{ .name = "append",
	  .kind = OPTION_FLAG,
	  STORED(append),
	  .help = "It may be there already" },
	{ .name = "use", .kind = OPTION_FLAG, STORED(use), .help = "Make it the current one" },
	IGNORED("bootstrap", NULL),
	IGNORED("buildkitd-config", "string"),
	IGNORED("buildkitd-flags", "string"),
	IGNORED("config", "string"),
	IGNORED("driver-opt", "list"),
	IGNORED("leave", NULL),
	IGNORED("node", "string"),
	IGNORED("platform", "list"),
};

static const Option plain_options[] = {
	{ .name = "all-inactive",
	  .kind = OPTION_FLAG,
	  STORED(all_inactive),
	  .help = "Of rm: all that are not the current one" },
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_IGNORED,
	  .help = "Accepted, no effect",
	  STORED(ignored) },
	IGNORED("bootstrap", NULL),
	IGNORED("builder", "string"),
	IGNORED("global", NULL),
	IGNORED("default", NULL),
	IGNORED("keep-daemon", NULL),
	IGNORED("keep-state", NULL),
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
	(void)args; /* an endpoint: there is no other machine */
	const BuildxValues *v = values;
	Store *s = NULL;
	Str name;
	TRY(cli_store(cli, &s));
	TRY(builders_add(s, v->name, v->append, cli->arena, &name));
	if (v->use)
		TRY(builders_choose(s, name));
	printf("%.*s\n", STR_ARG(name));
	return NULL;
}

/* The builder that is named, or the current one. */
static Err *find(Cli *cli, const Arguments *args, Store **ret_store, Builder *ret)
{
	TRY(cli_store_existing(cli, ret_store));
	return builders_find(*ret_store, args->count ? args->at[0] : NULL, cli->arena, ret);
}

static Err *run_use(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Builder b;
	TRY(find(cli, args, &s, &b));
	return s ? builders_choose(s, b.name) : NULL; /* without a store: the default one */
}

static Err *run_stop(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Builder b;
	return find(cli, args, &s, &b);
}

static Err *remove_one(Cli *cli, Store *s, const char *name)
{
	Builder b;
	TRY(builders_find(s, name, cli->arena, &b));
	TRY(builders_remove(s, &b));
	printf("%.*s removed\n", STR_ARG(b.name));
	return NULL;
}

static Err *remove_inactive(Cli *cli, Store *s)
{
	Builder *all;
	size_t count;
	TRY(builders_list(s, cli->arena, &all, &count));
	for (size_t i = 0; i + 1 < count; i++) /* the last is the default one */
		if (!all[i].current)
			TRY(remove_one(cli, s, all[i].name.ptr));
	return NULL;
}

static Err *run_rm(Cli *cli, const void *values, const Arguments *args)
{
	const BuildxValues *v = values;
	Store *s = NULL;
	TRY(cli_store_existing(cli, &s));
	if (v->all_inactive)
		return remove_inactive(cli, s);
	if (!args->count)
		return remove_one(cli, s, NULL);
	for (size_t i = 0; i < args->count; i++) {
		Err *e = remove_one(cli, s, args->at[i]);
		if (e)
			cli_report(cli, e); /* and the others go */
	}
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
	Store *s = NULL;
	Builder b;
	TRY(find(cli, args, &s, &b));
	printf("Name:   %.*s\nDriver: decant\n\nNodes:\n"
	       "Name:             %.*s\nEndpoint:         default\nStatus:           running\n"
	       "BuildKit version: v0.0.0+decant\nPlatforms:        %s\n",
	       STR_ARG(b.name), STR_ARG(b.name), host_text(cli));
	return NULL;
}

static Str row_json(Cli *cli, const Builder *b)
{
	return arena_strf(cli->arena,
	                  "{\"Name\":\"%.*s\",\"Driver\":\"decant\",\"Current\":%s,"
	                  "\"Dynamic\":false,\"Nodes\":[{\"Name\":\"%.*s\","
	                  "\"Endpoint\":\"default\",\"Status\":\"running\","
	                  "\"Platforms\":[\"%s\"]}]}",
	                  STR_ARG(b->name), b->current ? "true" : "false", STR_ARG(b->name),
	                  host_text(cli));
}

static void print_table(Cli *cli, const Builder *all, size_t count)
{
	Str *lines = arena_alloc(cli->arena, (2 * count + 1) * sizeof *lines, _Alignof(Str));
	size_t n = 0;
	lines[n++] = STR("NAME/NODE\tDRIVER/ENDPOINT\tSTATUS\tBUILDKIT\tPLATFORMS");
	for (size_t i = 0; i < count; i++) {
		Str name = all[i].name;
		lines[n++] = arena_strf(cli->arena, "%.*s%s\tdecant\t\t\t", STR_ARG(name),
		                        all[i].current ? "*" : "");
		lines[n++] = arena_strf(cli->arena,
		                        " \\_ %.*s\t \\_ default\trunning\tv0.0.0+decant\t%s",
		                        STR_ARG(name), host_text(cli));
	}
	listing_print_lines(lines, n, LISTING_COLUMN_MIN);
}

static const char *const builder_optional[] = { "DriverEndpoint", "Err",       "Error",
	                                        "LastActivity",   "Platforms", NULL };
static const TemplateShape builder_shape = { .type = "builder", .optional = builder_optional };

static Err *run_ls(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const BuildxValues *v = values;
	Store *s = NULL;
	Builder *all;
	size_t count;
	TRY(cli_store_existing(cli, &s));
	TRY(builders_list(s, cli->arena, &all, &count));
	if (!v->format || !*v->format || strcmp(v->format, "table") == 0) {
		print_table(cli, all, count);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		TRY(formatted_print(cli->arena, v->format, &builder_shape, row_json(cli, &all[i])));
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
       "Keep a builder's name: each is decant", UINT_MAX);
BUILDX(command_buildx_use, "buildx use", run_use, plain_options, "Make a builder the current one",
       1);
BUILDX(command_buildx_stop, "buildx stop", run_stop, plain_options,
       "Do nothing: there is no daemon", 1);
BUILDX(command_buildx_rm, "buildx rm", run_rm, plain_options, "Forget a builder's name", UINT_MAX);
BUILDX(command_buildx_inspect, "buildx inspect", run_inspect, plain_options, "Show a builder", 1);
BUILDX(command_buildx_ls, "buildx ls", run_ls, format_options, "List the builders", 0);
BUILDX(command_buildx_version, "buildx version", run_version, plain_options, "Print the version",
       0);

/* --- contexts -------------------------------------------------------------------------------- */

static const TemplateShape context_shape = { .type = "context" };

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
			cli->arena, v->format, &context_shape,
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
