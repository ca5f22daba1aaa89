/* cmd_get.c - objects of a project as tables, names, JSON or YAML. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/listing.h"
#include "cli/resource.h"

#include <limits.h>
#include <stdio.h>

typedef struct GetValues {
	const char *project, *output;
	bool no_headers;
} GetValues;

static const Option get_options[] = {
	RESOURCE_NAMESPACE(GetValues, project),
	{ .name = "no-headers",
	  .kind = OPTION_FLAG,
	  .help = "Leave out the heads of the columns",
	  .offset = offsetof(GetValues, no_headers) },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "json,yaml,name",
	  .help = "json, yaml or name",
	  .offset = offsetof(GetValues, output) },
};

static const char *const heads[] = {
	[RESOURCE_BUILD_CONFIG] = "NAME\tTYPE\tFROM\tLATEST",
	[RESOURCE_BUILD] = "NAME\tTYPE\tFROM\tSTATUS\tSTARTED\tDURATION",
	[RESOURCE_STREAM] = "NAME\tIMAGE REPOSITORY\tTAGS\tUPDATED",
	[RESOURCE_STREAM_TAG] = "NAME\tIMAGE REFERENCE\tUPDATED",
};

/* One object: its line in the table, its name, its JSON. */
typedef struct Row {
	ResourceKind kind;
	Str name, line, json;
} Row;

typedef struct Get {
	Cli *cli;
	Project project;
	VEC(Row) rows;
} Get;

static Str ago(Arena *a, int64_t ns)
{
	if (ns == PROJECT_TIME_NONE)
		return STR("");
	return arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - ns).ptr);
}

/* --- rows ------------------------------------------------------------------------------------- */

static Str source_of(Arena *a, const BuildSpec *spec, Str version)
{
	static const char *const names[] = { "Git", "Binary", "Dockerfile" };
	return arena_strf(a, "%s%s%.*s", names[spec->source], version.len ? "@" : "",
	                  STR_ARG(version));
}

static void add(Get *g, ResourceKind kind, Str name, Str line, Str json)
{
	VEC_PUSH(&g->rows, (Row){ kind, name, line, json });
}

static Err *add_config(Get *g, Str name)
{
	Arena *a = g->cli->arena;
	BuildConfig bc;
	Str json;
	TRY(project_get(&g->project, PROJECT_BUILD_CONFIG, name, &json));
	TRY(project_get_config(&g->project, name, &bc));
	add(g, RESOURCE_BUILD_CONFIG, name,
	    arena_strf(a, "%.*s\tDocker\t%s\t%lld", STR_ARG(name),
	               source_of(a, &bc.spec, bc.spec.ref).ptr, (long long)bc.last_version),
	    json);
	return NULL;
}

static void add_build(Get *g, const Build *b)
{
	Arena *a = g->cli->arena;
	AUTO_BUF Buf json = BUF_INIT;
	bool reason = b->reason.len && b->phase != BUILD_CANCELLED;
	Str duration = STR("");
	if (b->start_ns != PROJECT_TIME_NONE)
		duration = resource_duration(
			a, (b->end_ns == PROJECT_TIME_NONE ? clock_real_ns() : b->end_ns) -
				   b->start_ns);
	build_write(b, &json);
	add(g, RESOURCE_BUILD, b->meta.name,
	    arena_strf(a, "%.*s\tDocker\t%s\t%s%s%.*s%s\t%.*s\t%.*s", STR_ARG(b->meta.name),
	               source_of(a, &b->spec, str_head(b->commit, 7)).ptr, build_phases[b->phase],
	               reason ? " (" : "", reason ? (int)b->reason.len : 0, b->reason.ptr,
	               reason ? ")" : "", STR_ARG(ago(a, b->start_ns)), STR_ARG(duration)),
	    arena_str(a, buf_str(&json)));
}

static Err *add_stream(Get *g, Str name)
{
	Arena *a = g->cli->arena;
	AUTO_BUF Buf tags = BUF_INIT;
	ImageStream is;
	Str json;
	int64_t newest = PROJECT_TIME_NONE;
	TRY(project_get(&g->project, PROJECT_STREAM, name, &json));
	TRY(project_get_stream(&g->project, name, &is));
	for (size_t i = 0; i < is.tag_count; i++) {
		const StreamTag *t = &is.tags[i];
		buf_addf(&tags, "%s%.*s", i ? "," : "", STR_ARG(t->name));
		if (t->item_count && t->items[0].created_ns > newest)
			newest = t->items[0].created_ns;
	}
	add(g, RESOURCE_STREAM, name,
	    arena_strf(a, "%.*s\t%.*s\t%.*s\t%.*s", STR_ARG(name), STR_ARG(is.repository),
	               STR_ARG(buf_str(&tags)), STR_ARG(ago(a, newest))),
	    json);
	return NULL;
}

static Str tag_json(Get *g, const ImageStream *is, const StreamTag *t, Str name)
{
	AUTO_BUF Buf out = BUF_INIT;
	JsonWriter w = { .out = &out };
	char time[CLOCK_TEXT_BYTES];
	const StreamItem *item = &t->items[0];
	json_write_object(&w);
	json_write_member(&w, "kind", STR("ImageStreamTag"));
	json_write_member(&w, "apiVersion", STR("image.openshift.io/v1"));
	json_write_key(&w, "metadata");
	json_write_object(&w);
	json_write_member(&w, "name", name);
	json_write_member(&w, "namespace", is->meta.project);
	json_write_member(&w, "creationTimestamp", clock_format(item->created_ns, time));
	json_write_object_end(&w);
	json_write_key(&w, "tag");
	json_write_null(&w);
	json_write_key(&w, "generation");
	json_write_int(&w, item->generation);
	json_write_key(&w, "lookupPolicy");
	json_write_object(&w);
	json_write_key(&w, "local");
	json_write_bool(&w, is->lookup_local);
	json_write_object_end(&w);
	json_write_key(&w, "image");
	json_write_object(&w);
	json_write_key(&w, "metadata");
	json_write_object(&w);
	json_write_member(&w, "name", item->image);
	json_write_object_end(&w);
	json_write_member(&w, "dockerImageReference", item->reference);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return arena_str(g->cli->arena, buf_str(&out));
}

/* The tags of one stream, or TAG alone. */
static Err *add_tags(Get *g, Str stream, Str tag)
{
	Arena *a = g->cli->arena;
	ImageStream is;
	bool found = !tag.len;
	Err *e = project_get_stream(&g->project, stream, &is);
	if (e && err_kind(e) == ERR_NOT_FOUND && tag.len) {
		err_free(e); /* the tag is what was asked for */
		is.tag_count = 0;
		e = NULL;
	}
	TRY(e);
	for (size_t i = 0; i < is.tag_count; i++) {
		const StreamTag *t = &is.tags[i];
		if (!t->item_count || (tag.len && !str_eq(tag, t->name)))
			continue;
		Str name = arena_strf(a, "%.*s:%.*s", STR_ARG(stream), STR_ARG(t->name));
		found = true;
		add(g, RESOURCE_STREAM_TAG, name,
		    arena_strf(a, "%s\t%.*s\t%.*s", name.ptr, STR_ARG(t->items[0].reference),
		               STR_ARG(ago(a, t->items[0].created_ns))),
		    tag_json(g, &is, t, name));
	}
	return found ? NULL
	             : err_new(ERR_NOT_FOUND,
	                       "imagestreamtags.image.openshift.io \"%.*s:%.*s\" not found",
	                       STR_ARG(stream), STR_ARG(tag));
}

/* --- what is asked for ------------------------------------------------------------------------ */

static Err *get_builds(Get *g, Str name)
{
	Build *all, one;
	size_t count = 1;
	if (name.len) {
		TRY(project_get_build(&g->project, name, &one));
		all = &one;
	} else {
		TRY(project_builds(&g->project, STR(""), &all, &count));
	}
	TRY(resource_settle(&g->project, all, count));
	for (size_t i = 0; i < count; i++)
		add_build(g, &all[i]);
	return NULL;
}

static Err *get_tags(Get *g, Str name)
{
	Str *names, stream, tag;
	size_t count;
	if (name.len) {
		TRY(project_split_tag(g->cli->arena, name, &stream, &tag));
		return add_tags(g, stream, tag);
	}
	TRY(project_list(&g->project, PROJECT_STREAM, &names, &count));
	for (size_t i = 0; i < count; i++)
		TRY(add_tags(g, names[i], STR("")));
	return NULL;
}

static Err *get_named(Get *g, ProjectKind kind, Str name)
{
	Str *names;
	size_t count;
	if (name.len)
		return kind == PROJECT_STREAM ? add_stream(g, name) : add_config(g, name);
	TRY(project_list(&g->project, kind, &names, &count));
	for (size_t i = 0; i < count; i++)
		TRY(kind == PROJECT_STREAM ? add_stream(g, names[i]) : add_config(g, names[i]));
	return NULL;
}

static Err *get_one(Get *g, const Resource *r)
{
	switch (r->kind) {
	case RESOURCE_BUILD:
		return get_builds(g, r->name);
	case RESOURCE_STREAM_TAG:
		return get_tags(g, r->name);
	case RESOURCE_BUILD_CONFIG:
	case RESOURCE_STREAM:
		break;
	}
	return get_named(g, (ProjectKind)r->kind, r->name);
}

/* --- printing --------------------------------------------------------------------------------- */

/* A table a kind. */
static void print_tables(Get *g, bool no_headers)
{
	AUTO_VEC VEC(Str) lines = { 0 };
	for (size_t i = 0; i < g->rows.len; i++) {
		const Row *r = &g->rows.at[i];
		bool first = !i || g->rows.at[i - 1].kind != r->kind;
		if (first && i) {
			resource_print_table(lines.at, lines.len);
			printf("\n");
			lines.len = 0;
		}
		if (first && !no_headers)
			VEC_PUSH(&lines, str_from(heads[r->kind]));
		VEC_PUSH(&lines, r->line);
	}
	resource_print_table(lines.at, lines.len);
}

static Err *print_objects(Get *g, const char *format, bool single)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	if (single)
		return object_print(g->cli, g->rows.at[0].json, format);
	json_write_object(&w);
	json_write_member(&w, "apiVersion", STR("v1"));
	json_write_key(&w, "items");
	json_write_array(&w);
	for (size_t i = 0; i < g->rows.len; i++)
		json_write_raw(&w, g->rows.at[i].json);
	json_write_array_end(&w);
	json_write_member(&w, "kind", STR("List"));
	json_write_key(&w, "metadata");
	json_write_object(&w);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return object_print(g->cli, buf_str(&json), format);
}

static Err *print(Get *g, const GetValues *v, bool single)
{
	if (v->output && strcmp(v->output, "name") == 0) {
		for (size_t i = 0; i < g->rows.len; i++)
			printf("%s/%.*s\n", resource_one(g->rows.at[i].kind),
			       STR_ARG(g->rows.at[i].name));
		return NULL;
	}
	if (v->output)
		return print_objects(g, v->output, single);
	if (g->rows.len)
		print_tables(g, v->no_headers);
	else
		fprintf(stderr, "No resources found in %.*s namespace.\n",
		        STR_ARG(g->project.name));
	return NULL;
}

static Err *run_get(Cli *cli, const void *values, const Arguments *args)
{
	const GetValues *v = values;
	Get g = { .cli = cli };
	Resource *all;
	size_t count;
	Err *e = NULL;
	TRY(resource_read(cli, args, &all, &count));
	TRY(cli_project(cli, v->project, &g.project));
	for (size_t i = 0; i < count && !e; i++)
		e = get_one(&g, &all[i]);
	if (!e)
		e = print(&g, v, count == 1 && all[0].name.len);
	VEC_DONE(&g.rows);
	return e;
}

const Command command_get = {
	.name = "get",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] TYPE [NAME...] | TYPE/NAME...",
	.help = "List build configurations, builds, image streams or their tags",
	.about = "TYPE is bc (buildconfigs), builds, is (imagestreams) or istag (imagestreamtags), "
		 "or several\nwith commas between.",
	.options = get_options,
	.option_count = ARRAY_LEN(get_options),
	.values_size = sizeof(GetValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "bc,builds,is,istag",
	.run = run_get,
};
