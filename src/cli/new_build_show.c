/* new_build_show.c - what new-build says, in oc's words, and its objects as text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/names.h"
#include "cli/new_build.h"
#include "codec/json_yaml.h"

#include <stdio.h>

static void describe_base(NewBuild *n, const NewBase *b)
{
	Arena *a = n->cli->arena;
	if (!b->found) {
		printf("--> WARNING: no image was found for \"%.*s\"; the build will look for it\n",
		       STR_ARG(b->image));
		return;
	}
	Str age = STR("of unknown age");
	if (b->created_ns != IMAGE_TIME_NONE)
		age = arena_strf(a, "%s old", cli_age(a, clock_real_ns() - b->created_ns).ptr);
	printf("--> Found container image %.*s (%.*s) from %.*s for \"%.*s\"\n",
	       STR_ARG(str_head(str_from_at(b->id, 7), 7)), STR_ARG(age), STR_ARG(b->where),
	       STR_ARG(b->image));
}

static void describe_source(const NewBuild *n)
{
	const BuildSpec *spec = &n->config.spec;
	if (spec->source == BUILD_FROM_GIT)
		printf("    * A Docker build using source code from %.*s will be created\n",
		       STR_ARG(n->address));
	else if (spec->source == BUILD_FROM_BINARY)
		printf("    * A Docker build using binary input will be created\n");
	else
		printf("    * A Docker build using a predefined Dockerfile will be created\n");
	if (n->to_image.len)
		printf("      * The resulting image will be pushed with Docker to \"%.*s\"\n",
		       STR_ARG(n->to_image));
	else if (n->to_name.len)
		printf("      * The resulting image will be pushed to image stream tag \"%.*s\"\n",
		       STR_ARG(spec->to));
	else
		printf("      * The resulting image will not be pushed\n");
	if (spec->source == BUILD_FROM_BINARY)
		printf("      * A binary build was created, use '%s start-build --from-dir' to "
		       "trigger a new build\n",
		       n->cli->program->name);
	for (size_t i = 0; i < n->base_count; i++)
		printf("      * Every time \"%.*s:%.*s\" changes a new build will be triggered\n",
		       STR_ARG(n->bases[i].stream), STR_ARG(n->bases[i].tag));
}

void new_build_describe(NewBuild *n)
{
	for (size_t i = 0; i < n->base_count; i++)
		describe_base(n, &n->bases[i]);
	if (!n->base_count)
		printf("--> A build without a base image to follow\n");
	printf("\n");
	for (size_t i = 0; i < n->base_count; i++)
		if (n->bases[i].new_tag)
			printf("    * An image stream tag will be created as \"%.*s:%.*s\" that "
			       "will track the source image\n",
			       STR_ARG(n->bases[i].stream), STR_ARG(n->bases[i].tag));
	describe_source(n);
	printf("\n");
}

/* --- -o --------------------------------------------------------------------------------------- */

Err *object_print(Cli *cli, Str json, const char *format)
{
	JsonValue *v = NULL;
	AUTO_BUF Buf out = BUF_INIT;
	enum { INDENT = 4, BYTES_MAX = 64 << 20 };
	TRY(json_parse(json, BYTES_MAX, "the objects", &v));
	Err *e = NULL;
	if (strcmp(format, "yaml") == 0) {
		e = json_to_yaml(v, &out);
	} else if (strcmp(format, "json") == 0) {
		json_dump_indent(v, INDENT, &out);
		buf_add_char(&out, '\n');
	} else {
		e = cli_usage(cli,
		              "unable to match a printer suitable for the output format "
		              "\"%s\", allowed formats are: json,name,yaml",
		              format);
	}
	json_free(v);
	if (!e)
		(void)fwrite(out.ptr, 1, out.len, stdout);
	return e;
}

/* The text that webhooks prove themselves by: a Secret beside the BuildConfig that names it. */
static void add_secret(const NewBuild *n, JsonWriter *w)
{
	char text[21];
	project_secret_text(text);
	json_write_object(w);
	json_write_member(w, "kind", STR("Secret"));
	json_write_member(w, "apiVersion", STR("v1"));
	json_write_key(w, "metadata");
	json_write_object(w);
	json_write_member(w, "name", n->config.triggers[0].secret);
	json_write_key(w, "creationTimestamp");
	json_write_null(w);
	json_write_object_end(w);
	json_write_key(w, "stringData");
	json_write_object(w);
	json_write_member(w, "WebHookSecretKey", str_from(text));
	json_write_object_end(w);
	json_write_object_end(w);
}

static void print_names(const NewBuild *n)
{
	for (size_t i = 0; i < n->stream_count; i++)
		printf("%s/%.*s\n", project_kind_one[PROJECT_STREAM],
		       STR_ARG(n->streams[i].meta.name));
	printf("%s/%.*s\n", project_kind_one[PROJECT_BUILD_CONFIG], STR_ARG(n->name));
}

Err *new_build_print(NewBuild *n, const char *format)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	if (strcmp(format, "name") == 0) {
		print_names(n);
		return NULL;
	}
	json_write_object(&w);
	json_write_member(&w, "kind", STR("List"));
	json_write_member(&w, "apiVersion", STR("v1"));
	json_write_key(&w, "metadata");
	json_write_object(&w);
	json_write_object_end(&w);
	json_write_key(&w, "items");
	json_write_array(&w);
	for (size_t i = 0; i < n->stream_count; i++) {
		AUTO_BUF Buf one = BUF_INIT;
		stream_write(&n->streams[i], true, &one);
		json_write_raw(&w, buf_str(&one));
	}
	add_secret(n, &w);
	AUTO_BUF Buf one = BUF_INIT;
	build_config_write(&n->config, true, &one);
	json_write_raw(&w, buf_str(&one));
	json_write_array_end(&w);
	json_write_object_end(&w);
	return object_print(n->cli, buf_str(&json), format);
}
