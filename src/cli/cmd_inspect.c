/* cmd_inspect.c - an image or a container in full, in docker's JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/command.h"
#include "cli/inspect.h"
#include "cli/listing.h"
#include "codec/template.h"
#include "exec/image.h"

#include <limits.h>
#include <stdio.h>

enum { INDENT = 4 };

typedef struct InspectValues {
	const char *format, *type, *platform;
	bool size;
} InspectValues;

static const Option inspect_options[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "'json' or a Go template, e.g. '{{.Id}}' or '{{json .Config}}'",
	  .offset = offsetof(InspectValues, format) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "The image for this platform: os/arch[/variant] (default this machine's)",
	  .offset = offsetof(InspectValues, platform) },
	{ .name = "type",
	  .kind = OPTION_TEXT,
	  .choices = "image,container",
	  .help = "Only objects of this type: image or container",
	  .offset = offsetof(InspectValues, type) },
	{ .name = "size",
	  .letter = 's',
	  .kind = OPTION_FLAG,
	  .help = "Of containers also how much they take: SizeRw, SizeRootFs",
	  .offset = offsetof(InspectValues, size) },
};

/* Which kinds are meant: --type, or the noun of "image inspect". */
typedef struct Kinds {
	bool images, containers, size;
	const char *platform; /* of images; NULL: the usual one */
} Kinds;

static Err *kinds_of(Cli *cli, const InspectValues *v, Kinds *ret)
{
	Str noun = STR("");
	if (v->type && *v->type)
		noun = str_from(v->type);
	else if (strchr(cli->called, ' '))
		(void)str_cut(str_from(cli->called), ' ', &noun);
	*ret = (Kinds){ .images = !noun.len || str_eqc(noun, "image"),
		        .containers = !v->platform && (!noun.len || str_eqc(noun, "container")),
		        .size = v->size,
		        .platform = v->platform };
	if (!ret->images && !ret->containers)
		return cli_usage(cli, "\"%.*s\" is not a valid value for --type", STR_ARG(noun));
	return NULL;
}

/* Containers first, as docker. */
static Err *inspect_one(Cli *cli, Store *s, Str name, Kinds kinds, Str *ret_json)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	Container c = { 0 };
	Image image = { 0 };
	Err *e = NULL;
	if (!s && !kinds.images)
		return err_new(ERR_NOT_FOUND, "No such container: %.*s", STR_ARG(name));
	if (s && kinds.containers) {
		e = container_find(s, name, cli->arena, &c);
		if (!e) {
			TRY(inspect_container(s, cli->arena, &c, kinds.size, &w));
			*ret_json = arena_str(cli->arena, buf_str(&json));
			return NULL;
		}
		if (err_kind(e) != ERR_NOT_FOUND || !kinds.images)
			return e;
		err_free(e); /* it may be an image */
	}
	e = cli_image_for(cli, s, name.ptr, kinds.platform, &image);
	if (e && kinds.containers && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* said for both kinds */
		return err_new(ERR_NOT_FOUND, "No such object: %.*s", STR_ARG(name));
	}
	TRY(e);
	TRY(inspect_image(s, cli->arena, &image, &w));
	*ret_json = arena_str(cli->arena, buf_str(&json));
	return NULL;
}

static Err *print_with(const Template *t, Str json)
{
	JsonValue *v;
	AUTO_BUF Buf out = BUF_INIT;
	TRY(json_parse(json, IMAGE_CONFIG_BYTES_MAX * 2, "image", &v));
	Err *e = template_run(t, v, &inspect_shape, &out);
	json_free(v);
	TRY(e);
	listing_print_line(buf_str(&out));
	return NULL;
}

static Err *print_array(const Str *objects, size_t count, bool indent)
{
	AUTO_BUF Buf array = BUF_INIT, out = BUF_INIT;
	buf_add_char(&array, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_add_char(&array, ',');
		buf_add_str(&array, objects[i]);
	}
	buf_add_char(&array, ']');
	if (!indent) {
		printf("%.*s\n", STR_ARG(buf_str(&array)));
		return NULL;
	}
	JsonValue *v;
	TRY(json_parse(buf_str(&array), SIZE_MAX, "images", &v));
	json_dump_indent(v, INDENT, &out);
	json_free(v);
	listing_print_line(buf_str(&out));
	return NULL;
}

static Err *run_inspect(Cli *cli, const void *values, const Arguments *args)
{
	const InspectValues *v = values;
	Store *s = NULL;
	Kinds kinds = { 0 };
	TRY(kinds_of(cli, v, &kinds));
	const Template *t = NULL;
	bool indent = !v->format || strcmp(v->format, "json") != 0;
	if (v->format && indent && *v->format) {
		Source *source = arena_new(cli->arena, Source);
		*source = (Source){ "--format", str_from(v->format) };
		TRY(template_parse(cli->arena, source, &t));
	}
	TRY(cli_store_existing(cli, &s));
	if (s && v->size) {
		TRY(sandbox_enter()); /* files may be those of subordinate ids */
		TRY(store_reopen(s));
	}
	Str *objects = arena_alloc(cli->arena, (args->count + 1) * sizeof *objects, _Alignof(Str));
	size_t count = 0;
	for (size_t i = 0; i < args->count; i++) {
		Str json;
		Err *e = inspect_one(cli, s, str_from(args->at[i]), kinds, &json);
		if (e)
			cli_report(cli,
			           e); /* docker goes on with the others and fails at the end */
		else if (t)
			TRY(print_with(t, json));
		else
			objects[count++] = json;
	}
	return t ? NULL : print_array(objects, count, indent);
}

const Command command_inspect = {
	.name = "inspect",
	.aliases = "image inspect,container inspect",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] NAME|ID [NAME|ID...]",
	.help = "Show an image or a container in full as JSON",
	.about = ".Id is the digest of the image's config, .Size the sum of the files in all "
		 "layers. A member that\n"
		 "is not there is <no value> in a template.",
	.options = inspect_options,
	.option_count = ARRAY_LEN(inspect_options),
	.values_size = sizeof(InspectValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_inspect,
};
