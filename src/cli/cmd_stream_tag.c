/* cmd_stream_tag.c - `oc tag`: a tag of a stream gets another image, or goes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/streams.h"
#include "exec/image.h"

#include <limits.h>
#include <stdio.h>

typedef struct StreamTagValues {
	const char *project, *source;
	bool remove, scheduled;
} StreamTagValues;

static const Option stream_tag_options[] = {
	{ .name = "delete",
	  .letter = 'd',
	  .kind = OPTION_FLAG,
	  .help = "Remove the tags that are named, with their histories",
	  .offset = offsetof(StreamTagValues, remove) },
	RESOURCE_NAMESPACE(StreamTagValues, project),
	{ .name = "scheduled",
	  .kind = OPTION_FLAG,
	  .help = "'import-image --scheduled' asks for it again; of an image of a registry",
	  .offset = offsetof(StreamTagValues, scheduled) },
	{ .name = "source",
	  .kind = OPTION_TEXT,
	  .choices = "docker,istag,isimage",
	  .help = "What SOURCE is: docker (an image's name), istag or isimage (default by its "
	          "form)",
	  .offset = offsetof(StreamTagValues, source) },
	{ .name = "alias",
	  .kind = OPTION_REFUSED,
	  .hidden = true,
	  .help = "",
	  .advice = "a tag holds a digest and follows no other tag: tag again when that changes" },
	{ .name = "reference",
	  .kind = OPTION_REFUSED,
	  .hidden = true,
	  .help = "",
	  .advice = "a tag holds a digest: leave it out" },
};

typedef enum SourceKind { SOURCE_DOCKER, SOURCE_TAG, SOURCE_IMAGE } SourceKind;

typedef struct TagSource {
	SourceKind kind;
	Project project;
	Str text;
	Str stream, tag, image; /* of streams */
	const StreamItem *item;
	ImageStream is;
} TagSource;

static Err *kind_of(Cli *cli, const char *given, Str text, SourceKind *ret)
{
	static const struct {
		const char *word;
		SourceKind kind;
	} words[] = {
		{ "docker", SOURCE_DOCKER }, { "dockerimage", SOURCE_DOCKER },
		{ "istag", SOURCE_TAG },     { "imagestreamtag", SOURCE_TAG },
		{ "isimage", SOURCE_IMAGE }, { "imagestreamimage", SOURCE_IMAGE },
	};
	for (size_t i = 0; given && i < ARRAY_LEN(words); i++)
		if (strcmp(given, words[i].word) == 0) {
			*ret = words[i].kind;
			return NULL;
		}
	if (given)
		return cli_usage(cli,
		                 "invalid value '%s' for --source: expected docker, istag or "
		                 "isimage",
		                 given);
	/* as docker tells a registry from a folder */
	Str first, rest = str_cut(text, '/', &first);
	bool registry = rest.len && (str_find(first, '.') >= 0 || str_find(first, ':') >= 0 ||
	                             str_eqc(first, "localhost"));
	*ret = registry ? SOURCE_DOCKER : str_find(text, '@') >= 0 ? SOURCE_IMAGE : SOURCE_TAG;
	return NULL;
}

/* "project/name..." → the project, and the rest. */
static Err *cut_project(Cli *cli, const Project *usual, Str text, Project *ret, Str *ret_rest)
{
	Str name, rest = str_cut(text, '/', &name);
	*ret = *usual;
	*ret_rest = text;
	if (!rest.len)
		return NULL;
	*ret_rest = rest;
	return cli_project(cli, arena_str(cli->arena, name).ptr, ret);
}

static Err *find_source(Cli *cli, const Project *p, const char *given, Str text, TagSource *s)
{
	Str rest;
	s->text = text;
	TRY(kind_of(cli, given, text, &s->kind));
	if (s->kind == SOURCE_DOCKER)
		return NULL;
	TRY(cut_project(cli, p, text, &s->project, &rest));
	if (s->kind == SOURCE_IMAGE) {
		s->image = str_cut(rest, '@', &s->stream);
	} else {
		Err *e = project_split_tag(cli->arena, rest, &s->stream, &s->tag);
		cli->usage_error |= e != NULL;
		TRY(e);
	}
	TRY(project_get_stream(&s->project, s->stream, &s->is));
	const StreamTag *t = s->kind == SOURCE_TAG ? stream_tag(&s->is, s->tag) : NULL;
	s->item = s->kind == SOURCE_IMAGE ? stream_find_image(&s->is, s->image)
	          : t && t->item_count    ? &t->items[0]
	                                  : NULL;
	if (!s->item)
		return err_new(ERR_NOT_FOUND, "%s \"%.*s\" not found",
		               s->kind == SOURCE_IMAGE ? "imagestreamimages.image.openshift.io"
		                                       : "imagestreamtags.image.openshift.io",
		               STR_ARG(rest));
	return NULL;
}

/* The image is in the store: the tag gets it under its own stream's name.  Else the item says where
 * it is. */
static Err *set_to_item(Cli *cli, const Project *p, ImageStream *is, Str tag,
                        const StreamItem *item)
{
	Cancel *cancel;
	Image image = { 0 };
	Err *e = image_find(p->store, item->reference, p->arena, &image);
	if (e && err_kind(e) != ERR_NOT_FOUND)
		return e;
	bool here = !e && !digest_is_zero(&image.store_ref.manifest);
	err_free(e); /* told by HERE */
	Digest wanted;
	TRY(digest_parse(item->image, &wanted));
	if (!here || !digest_eq(&wanted, &image.store_ref.manifest))
		return runner_stream_note(p, is, tag, item->reference, item->image);
	TRY(runner_stream_push(p, is, tag, &image.store_ref));
	if (!runner_is_remote(is))
		return NULL;
	TRY(cli_cancel(cli, &cancel));
	return runner_push(
		p->store,
		arena_strf(cli->arena, "%.*s:%.*s", STR_ARG(is->repository), STR_ARG(tag)), cancel);
}

static Err *tag_one(Cli *cli, const StreamTagValues *v, const Project *usual, const TagSource *s,
                    const char *word, Project *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Project p;
	ImageStream is;
	Str rest, name, tag;
	bool is_new;
	TRY(cut_project(cli, usual, str_from(word), &p, &rest));
	Err *e = project_split_tag(cli->arena, rest, &name, &tag);
	cli->usage_error |= e != NULL;
	TRY(e);
	*ret = p;
	TRY(project_lock(&p, NULL, &lock));
	TRY(store_hold(p.store, NULL));
	TRY(runner_stream(&p, name, &is));
	StreamTag *t = stream_tag_add(&is, cli->arena, tag);
	t->scheduled = v->scheduled;
	if (s->kind == SOURCE_DOCKER) {
		t->from_kind = STR("DockerImage");
		t->from = s->text;
		TRY(stream_import(cli, &p, &is, tag, &is_new));
		TRY(project_put_stream(&p, &is));
	} else {
		t->from_kind = STR("ImageStreamImage");
		t->from = arena_strf(cli->arena, "%.*s@%.*s", STR_ARG(s->stream),
		                     STR_ARG(s->item->image));
		TRY(set_to_item(cli, &p, &is, tag, s->item));
		TRY(project_put_stream(&p, &is));
	}
	printf(v->scheduled ? "Tag %.*s:%.*s set to import %.*s periodically.\n"
	                    : "Tag %.*s:%.*s set to %.*s.\n",
	       STR_ARG(name), STR_ARG(tag), STR_ARG(s->kind == SOURCE_DOCKER ? s->text : t->from));
	return NULL;
}

static Err *remove_one(Cli *cli, const Project *usual, const char *word)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Project p;
	ImageStream is;
	Str rest, name, tag;
	TRY(cut_project(cli, usual, str_from(word), &p, &rest));
	TRY(project_split_tag(cli->arena, rest, &name, &tag));
	TRY(project_lock(&p, NULL, &lock));
	TRY(project_get_stream(&p, name, &is));
	TRY(runner_stream_untag(&p, &is, tag));
	printf("Deleted tag %.*s/%.*s.\n", STR_ARG(p.name), STR_ARG(rest));
	return NULL;
}

static Err *run_stream_tag(Cli *cli, const void *values, const Arguments *args)
{
	const StreamTagValues *v = values;
	Project p;
	TagSource s = { 0 };
	TRY(cli_project(cli, v->project, &p));
	for (size_t i = 0; v->remove && i < args->count; i++)
		TRY(remove_one(cli, &p, args->at[i]));
	if (v->remove)
		return NULL;
	if (args->count < 2)
		return cli_usage(cli, "give a source, and at least one tag that is to become it");
	TRY(find_source(cli, &p, v->source, str_from(args->at[0]), &s));
	if (v->scheduled && s.kind != SOURCE_DOCKER)
		return cli_usage(cli, "--scheduled is of images in registries: only these are "
		                      "asked for again");
	for (size_t i = 1; i < args->count; i++) {
		Project changed;
		TRY(tag_one(cli, v, &p, &s, args->at[i], &changed));
		stream_start_builds(cli, &changed);
	}
	return NULL;
}

const Command command_stream_tag = {
	.name = "stream-tag",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] SOURCE NAME:TAG [NAME:TAG...]",
	.help = "Set a tag of an image stream; under the name oc this is 'tag'",
	.about = "SOURCE is a tag of a stream (app:v1), an image in a stream's history\n"
		 "(app@sha256:...), which is how to go back to an earlier one, or an image of a\n"
		 "registry (quay.io/me/app:1). PROJECT/ may stand before streams.",
	.options = stream_tag_options,
	.option_count = ARRAY_LEN(stream_tag_options),
	.values_size = sizeof(StreamTagValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_stream_tag,
};
