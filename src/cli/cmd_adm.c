/* cmd_adm.c - adm prune: old builds, and old images of streams. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/resource.h"
#include "runner/runner.h"

#include <limits.h>
#include <stdio.h>

typedef struct AdmValues {
	const char *project, *younger;
	unsigned complete, failed, revisions;
	bool confirm, orphans;
} AdmValues;

#define SHARED_OPTIONS                                                                             \
	{ .name = "confirm",                                                                       \
	  .kind = OPTION_FLAG,                                                                     \
	  .help = "Do it; without, only say what would go",                                        \
	  .offset = offsetof(AdmValues, confirm) },                                                \
		{ .name = "keep-younger-than",                                                     \
		  .kind = OPTION_TEXT,                                                             \
		  .value = "time",                                                                 \
		  .help = "Keep what is younger than this (default 60m)",                          \
		  .offset = offsetof(AdmValues, younger) },                                        \
	{                                                                                          \
		.name = "namespace", .letter = 'n', .kind = OPTION_TEXT, .value = "project",       \
		.help = "This project alone (default all)", .offset = offsetof(AdmValues, project) \
	}

static const Option builds_options[] = {
	SHARED_OPTIONS,
	{ .name = "keep-complete",
	  .kind = OPTION_NUMBER,
	  .help = "Complete builds of a build configuration that stay (default 5)",
	  .offset = offsetof(AdmValues, complete) },
	{ .name = "keep-failed",
	  .kind = OPTION_NUMBER,
	  .help = "Failed, cancelled and broken ones that stay (default 1)",
	  .offset = offsetof(AdmValues, failed) },
	{ .name = "orphans",
	  .kind = OPTION_FLAG,
	  .help = "Also those whose build configuration is gone",
	  .offset = offsetof(AdmValues, orphans) },
};

static const Option images_options[] = {
	SHARED_OPTIONS,
	{ .name = "keep-tag-revisions",
	  .kind = OPTION_NUMBER,
	  .help = "Images of each tag's history that stay (default 3)",
	  .offset = offsetof(AdmValues, revisions) },
};

static void set_defaults(void *values)
{
	AdmValues *v = values;
	v->complete = 5;
	v->failed = 1;
	v->revisions = 3;
	v->younger = "60m";
}

/* Older than this goes. */
static Err *read_since(Cli *cli, const AdmValues *v, int64_t *ret)
{
	int64_t age_ns;
	if (!clock_parse_duration(str_from(v->younger), &age_ns))
		return cli_usage(cli,
		                 "invalid value '%s' for --keep-younger-than: expected a time "
		                 "as 60m",
		                 v->younger);
	*ret = clock_real_ns() - age_ns;
	return NULL;
}

/* All projects, or the one of -n. */
static Err *find_projects(Cli *cli, const AdmValues *v, Project **ret, size_t *ret_count)
{
	Project one;
	Str *names;
	TRY(cli_project(cli, v->project, &one));
	if (v->project) {
		*ret = arena_new(cli->arena, Project);
		**ret = one;
		*ret_count = 1;
		return NULL;
	}
	TRY(project_names(one.store, cli->arena, &names, ret_count));
	*ret = arena_alloc(cli->arena, (*ret_count + 1) * sizeof **ret, _Alignof(Project));
	for (size_t i = 0; i < *ret_count; i++)
		(*ret)[i] = (Project){ one.store, names[i], cli->arena };
	return NULL;
}

static void say_dry(const AdmValues *v, const char *what)
{
	if (!v->confirm)
		fprintf(stderr,
		        "Dry run enabled - no modifications will be made. Add --confirm to "
		        "remove %s\n",
		        what);
}

/* --- builds ----------------------------------------------------------------------------------- */

typedef VEC(Str) Lines;

static Err *prune_builds_of(const AdmValues *v, const Project *p, int64_t since_ns, Lines *lines)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Build *all;
	size_t count;
	unsigned good = 0, bad = 0;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_builds(p, STR(""), &all, &count));
	for (size_t i = count; i-- > 0;) { /* the newest of each configuration first */
		const Build *b = &all[i];
		if (i + 1 < count && !str_eq(b->config, all[i + 1].config))
			good = bad = 0;
		TRY(project_build_settle(p, &all[i]));
		if (!build_is_over(b->phase))
			continue;
		bool is_good = b->phase == BUILD_COMPLETE;
		unsigned rank = is_good ? ++good : ++bad;
		bool orphan = !project_has(p, PROJECT_BUILD_CONFIG, b->config);
		bool goes = orphan ? v->orphans : rank > (is_good ? v->complete : v->failed);
		if (!goes || b->meta.created_ns >= since_ns)
			continue;
		VEC_PUSH(lines, arena_strf(p->arena, "%.*s\t%.*s", STR_ARG(p->name),
		                           STR_ARG(b->meta.name)));
		if (v->confirm)
			TRY(project_build_drop(p, b->meta.name));
	}
	return NULL;
}

static Err *run_adm_prune_builds(Cli *cli, const void *values, const Arguments *args)
{
	const AdmValues *v = values;
	AUTO_VEC Lines lines = { 0 };
	Project *projects;
	size_t count;
	int64_t since_ns;
	(void)args;
	TRY(read_since(cli, v, &since_ns));
	TRY(find_projects(cli, v, &projects, &count));
	say_dry(v, "builds");
	VEC_PUSH(&lines, STR("NAMESPACE\tNAME"));
	for (size_t i = 0; i < count; i++)
		TRY(prune_builds_of(v, &projects[i], since_ns, &lines));
	if (lines.len > 1)
		resource_print_table(lines.at, lines.len);
	return NULL;
}

/* --- images ----------------------------------------------------------------------------------- */

static Err *prune_stream(const AdmValues *v, const Project *p, Str name, int64_t since_ns,
                         Lines *lines)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	size_t gone;
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_stream(p, name, &is));
	TRY(runner_stream_trim(p, &is, v->revisions, since_ns, !v->confirm, &gone));
	if (gone)
		VEC_PUSH(lines, arena_strf(p->arena, "%.*s\t%.*s\t%zu", STR_ARG(p->name),
		                           STR_ARG(name), gone));
	return NULL;
}

static Err *run_adm_prune_images(Cli *cli, const void *values, const Arguments *args)
{
	const AdmValues *v = values;
	AUTO_VEC Lines lines = { 0 };
	Project *projects;
	Str *names;
	size_t count, streams;
	int64_t since_ns;
	(void)args;
	if (!v->revisions)
		return cli_usage(cli, "--keep-tag-revisions must be at least 1");
	TRY(read_since(cli, v, &since_ns));
	TRY(find_projects(cli, v, &projects, &count));
	say_dry(v, "images");
	VEC_PUSH(&lines, STR("NAMESPACE\tSTREAM\tIMAGES"));
	for (size_t i = 0; i < count; i++) {
		TRY(project_list(&projects[i], PROJECT_STREAM, &names, &streams));
		for (size_t k = 0; k < streams; k++)
			TRY(prune_stream(v, &projects[i], names[k], since_ns, &lines));
	}
	if (lines.len > 1)
		resource_print_table(lines.at, lines.len);
	return NULL;
}

const Command command_adm_prune_builds = {
	.name = "adm-prune-builds",
	.aliases = "adm prune builds",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS]",
	.help = "Remove old builds with their logs",
	.options = builds_options,
	.option_count = ARRAY_LEN(builds_options),
	.values_size = sizeof(AdmValues),
	.defaults = set_defaults,
	.run = run_adm_prune_builds,
};

const Command command_adm_prune_images = {
	.name = "adm-prune-images",
	.aliases = "adm prune images",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS]",
	.help = "Shorten the histories of image streams",
	.about = "What goes loses its name in the store; 'decant system prune' frees what nothing\n"
		 "else needs.",
	.options = images_options,
	.option_count = ARRAY_LEN(images_options),
	.values_size = sizeof(AdmValues),
	.defaults = set_defaults,
	.run = run_adm_prune_images,
};
