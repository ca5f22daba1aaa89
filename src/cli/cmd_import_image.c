/* cmd_import_image.c - what tags of streams follow is asked for again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/streams.h"

#include <stdio.h>

typedef struct ImportImageValues {
	const char *project, *from;
	bool confirm, all, scheduled;
} ImportImageValues;

static const Option import_image_options[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .help = "All tags of the stream that follow an image",
	  .offset = offsetof(ImportImageValues, all) },
	{ .name = "confirm",
	  .kind = OPTION_FLAG,
	  .help = "Make the stream or the tag, or let the tag follow another image",
	  .offset = offsetof(ImportImageValues, confirm) },
	{ .name = "from",
	  .kind = OPTION_TEXT,
	  .value = "image",
	  .help = "The image that the tag is to follow",
	  .offset = offsetof(ImportImageValues, from) },
	RESOURCE_NAMESPACE(ImportImageValues, project),
	{ .name = "scheduled",
	  .kind = OPTION_FLAG,
	  .help = "Without a name: all tags of the project that are marked so; with one: mark it",
	  .offset = offsetof(ImportImageValues, scheduled) },
};

static Err *import_tags(Cli *cli, const Project *p, ImageStream *is, size_t *ret_new)
{
	bool is_new;
	for (size_t i = 0; i < is->tag_count; i++) {
		if (!str_eqc(is->tags[i].from_kind, "DockerImage"))
			continue;
		TRY(stream_import(cli, p, is, is->tags[i].name, &is_new));
		*ret_new += is_new;
	}
	return NULL;
}

static void print_imported(const Project *p, Str stream)
{
	(void)p;
	printf("%s/%.*s imported\n", project_kind_one[PROJECT_STREAM], STR_ARG(stream));
}

/* What the tag is to follow from now on. */
static Err *set_source(Cli *cli, const ImportImageValues *v, const Project *p, ImageStream *is,
                       Str tag)
{
	bool there = project_has(p, PROJECT_STREAM, is->meta.name);
	StreamTag *t = stream_tag(is, tag);
	bool same = t && t->from.len && (!v->from || str_eqc(t->from, v->from));
	if (!same && !v->confirm && !there)
		return err_note(err_new(ERR_NOT_FOUND, "no image stream named \"%.*s\" exists",
		                        STR_ARG(is->meta.name)),
		                "pass --confirm to create it and import");
	if (!same && !v->confirm && v->from)
		return err_note(err_new(ERR_INPUT, "the tag \"%.*s\" does not follow \"%s\"",
		                        STR_ARG(tag), v->from),
		                "pass --confirm to let it");
	if (same) {
		t->scheduled |= v->scheduled;
		return NULL;
	}
	if (!v->from)
		return NULL; /* stream_import() says that it follows nothing */
	Reference ref;
	TRY(cli_reference(cli, v->from, &ref));
	t = stream_tag_add(is, cli->arena, tag);
	t->from_kind = STR("DockerImage");
	t->from = str_from(v->from);
	t->scheduled = v->scheduled;
	return NULL;
}

static Err *import_one(Cli *cli, const ImportImageValues *v, const Project *p, const char *word)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	Str name, tag;
	bool is_new;
	size_t news = 0;
	Err *e = project_split_tag(cli->arena, str_from(word), &name, &tag);
	cli->usage_error |= e != NULL;
	TRY(e);
	TRY(project_lock(p, NULL, &lock));
	TRY(runner_stream(p, name, &is));
	if (v->all) {
		TRY(import_tags(cli, p, &is, &news));
	} else {
		TRY(set_source(cli, v, p, &is, tag));
		TRY(stream_import(cli, p, &is, tag, &is_new));
	}
	TRY(project_put_stream(p, &is));
	printf("%s/%.*s imported\n\n", project_kind_one[PROJECT_STREAM], STR_ARG(name));
	stream_describe(cli, &is);
	return NULL;
}

static Err *run_import_image(Cli *cli, const void *values, const Arguments *args)
{
	const ImportImageValues *v = values;
	Project p;
	TRY(cli_project(cli, v->project, &p));
	if (args->count)
		TRY(import_one(cli, v, &p, args->at[0]));
	else if (!v->scheduled || v->from || v->all)
		return cli_usage(cli, "you must specify the name of an image stream, or "
		                      "--scheduled alone");
	else
		TRY(stream_import_scheduled(cli, &p, print_imported));
	stream_start_builds(cli, &p);
	return NULL;
}

const Command command_import_image = {
	.name = "import-image",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] NAME[:TAG] | --scheduled",
	.help = "Ask registries which images the tags of a stream follow now",
	.about = "A digest that is new becomes the newest of the tag's history. What cannot be\n"
		 "reached counts as the store has it.",
	.options = import_image_options,
	.option_count = ARRAY_LEN(import_image_options),
	.values_size = sizeof(ImportImageValues),
	.arguments_max = 1,
	.run = run_import_image,
};
