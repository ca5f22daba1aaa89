/* cmd_inspect.c - an image in full, in docker's JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "cli/command.h"
#include "codec/template.h"
#include "exec/image.h"

#include <limits.h>
#include <stdio.h>

enum { INDENT = 4 };

typedef struct InspectValues {
	const char *format, *type;
	bool size;
} InspectValues;

static const Option inspect_options[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "'json' or a Go template, e.g. '{{.Id}}' or '{{json .Config}}'",
	  .offset = offsetof(InspectValues, format) },
	{ .name = "type",
	  .kind = OPTION_TEXT,
	  .choices = "image",
	  .help = "Only objects of this type: image",
	  .offset = offsetof(InspectValues, type) },
	{ .name = "size",
	  .letter = 's',
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Accepted, no effect",
	  .offset = offsetof(InspectValues, size) },
};

static void member(JsonWriter *w, const char *key, Str value)
{
	json_write_key(w, key);
	json_write_str(w, value);
}

/* RepoTags and RepoDigests. */
static Err *write_names(Store *s, Arena *a, const Image *image, JsonWriter *w)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(s, a, &refs, &count));
	for (int digests = 0; digests < 2; digests++) {
		json_write_key(w, digests ? "RepoDigests" : "RepoTags");
		json_write_array(w);
		for (size_t i = 0; i < count; i++) {
			Reference ref;
			if (!digest_eq(&refs[i].config, &image->id) ||
			    str_starts(refs[i].name, STR("sha256:")))
				continue;
			TRY(reference_parse(a, refs[i].name, &ref));
			const Digest *d = digest_is_zero(&refs[i].pulled) ? &refs[i].manifest
			                                                  : &refs[i].pulled;
			if (!digests && ref.tag.len)
				json_write_str(w, reference_familiar(a, &ref));
			else if (digests && !digest_is_zero(d))
				json_write_str(w, arena_strf(a, "%s@%s",
				                             reference_familiar_name(a, &ref).ptr,
				                             digest_arena_text(a, d).ptr));
		}
		json_write_array_end(w);
	}
	return NULL;
}

static Err *write_image(Store *s, Arena *a, const Image *image, JsonWriter *w)
{
	const ImageConfig *c = &image->config;
	char time[CLOCK_TEXT_BYTES];
	AUTO_BUF Buf run = BUF_INIT;
	json_write_object(w);
	member(w, "Id", digest_arena_text(a, &image->id));
	TRY(write_names(s, a, image, w));
	member(w, "Comment", c->history_count ? c->history[c->history_count - 1].comment : STR(""));
	member(w, "Created", c->created_ns ? clock_format(c->created_ns, time) : STR(""));
	member(w, "Author", c->author);
	image_config_format_run(c, &run);
	json_write_key(w, "Config");
	json_write_raw(w, buf_str(&run));
	member(w, "Architecture", c->platform.arch);
	member(w, "Variant", c->platform.variant);
	member(w, "Os", c->platform.os);
	member(w, "OsVersion", c->os_version);
	json_write_key(w, "Size");
	json_write_int(w, (int64_t)image->size_bytes);
	json_write_key(w, "RootFS");
	json_write_object(w);
	member(w, "Type", STR("layers"));
	json_write_key(w, "Layers");
	json_write_array(w);
	for (size_t i = 0; i < c->diff_id_count; i++)
		json_write_str(w, digest_arena_text(a, &c->diff_ids[i]));
	json_write_array_end(w);
	json_write_object_end(w);
	json_write_object_end(w);
	return NULL;
}

static Err *inspect_one(Cli *cli, Store *s, const char *name, Str *ret_json)
{
	Image image;
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	TRY(image_find(s, str_from(name), cli->arena, &image));
	TRY(write_image(s, cli->arena, &image, &w));
	*ret_json = arena_str(cli->arena, buf_str(&json));
	return NULL;
}

static Err *print_with(const Template *t, Str json)
{
	JsonValue *v;
	AUTO_BUF Buf out = BUF_INIT;
	TRY(json_parse(json, IMAGE_CONFIG_BYTES_MAX * 2, "image", &v));
	Err *e = template_run(t, v, &out);
	json_free(v);
	TRY(e);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
	return NULL;
}

static Err *print_array(const Str *objects, size_t count)
{
	AUTO_BUF Buf array = BUF_INIT, out = BUF_INIT;
	buf_add_char(&array, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_add_char(&array, ',');
		buf_add_str(&array, objects[i]);
	}
	buf_add_char(&array, ']');
	JsonValue *v;
	TRY(json_parse(buf_str(&array), SIZE_MAX, "images", &v));
	json_dump_indent(v, INDENT, &out);
	json_free(v);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
	return NULL;
}

static Err *run_inspect(Cli *cli, const void *values, const Arguments *args)
{
	const InspectValues *v = values;
	Store *s;
	if (v->type && *v->type && strcmp(v->type, "image") != 0)
		return cli_usage(cli, "\"%s\" is not a valid value for --type", v->type);
	const Template *t = NULL;
	bool lines = v->format && strcmp(v->format, "json") == 0;
	if (v->format && !lines && *v->format) {
		Source *source = arena_new(cli->arena, Source);
		*source = (Source){ "--format", str_from(v->format) };
		TRY(template_parse(cli->arena, source, &t));
	}
	TRY(cli_store(cli, &s));
	Str *objects = arena_alloc(cli->arena, (args->count + 1) * sizeof *objects, _Alignof(Str));
	size_t count = 0;
	for (size_t i = 0; i < args->count; i++) {
		Str json;
		Err *e = inspect_one(cli, s, args->at[i], &json);
		if (e)
			cli_report(cli,
			           e); /* docker goes on with the others and fails at the end */
		else if (t)
			TRY(print_with(t, json));
		else
			objects[count++] = json;
	}
	for (size_t i = 0; lines && i < count; i++)
		printf("%.*s\n", STR_ARG(objects[i]));
	return t || lines ? NULL : print_array(objects, count);
}

const Command command_inspect = {
	.name = "inspect",
	.aliases = "image inspect",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE [IMAGE...]",
	.help = "Show an image in full as JSON",
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
