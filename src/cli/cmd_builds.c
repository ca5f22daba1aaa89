/* cmd_builds.c - the builds that the store remembers, newest first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "store/builds.h"

#include <stdio.h>

enum { NAME_COLUMNS = 32 };

typedef struct BuildsValues {
	bool quiet, no_trunc;
	const char *format;
} BuildsValues;

static const Option builds_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(BuildsValues, format) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show everything in full",
	  .offset = offsetof(BuildsValues, no_trunc) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only IDs",
	  .offset = offsetof(BuildsValues, quiet) },
};

static Str last_part(Str path)
{
	while (path.len > 1 && path.ptr[path.len - 1] == '/')
		path.len--;
	ptrdiff_t slash = str_rfind(path, '/');
	return slash >= 0 && (size_t)slash + 1 < path.len ? str_from_at(path, (size_t)slash + 1)
	                                                  : path;
}

/* Its first name, else what it was made of: "folder (builder)". */
static Str name_of(Arena *a, const StoreBuild *b)
{
	Reference ref;
	if (b->tag_count) {
		AUTO_ERR Err *e = reference_parse(a, b->tags[0], &ref);
		return e ? b->tags[0] : reference_familiar(a, &ref);
	}
	Str context = b->context.len ? last_part(b->context) : last_part(b->dockerfile);
	return b->target.len ? arena_strf(a, "%.*s (%.*s)", STR_ARG(context), STR_ARG(b->target))
	                     : context;
}

static Str duration_of(Arena *a, const StoreBuild *b)
{
	int64_t ms = b->duration_ns / 1000000;
	if (b->state == STORE_BUILD_RUNNING || b->state == STORE_BUILD_LOST)
		return STR("");
	if (ms < 60000)
		return arena_strf(a, "%lld.%llds", (long long)ms / 1000,
		                  (long long)ms % 1000 / 100);
	return arena_strf(a, "%lldm %llds", (long long)ms / 60000, (long long)ms % 60000 / 1000);
}

/* "5 of 8": what was in the cache. */
static Str cached_of(Arena *a, const StoreBuild *b)
{
	unsigned hits = 0, all = 0;
	for (size_t i = 0; i < b->step_count; i++) {
		const StoreStep *s = &b->steps[i];
		if (s->kind == STORE_STEP_BASE || s->status == STORE_STEP_UNNEEDED)
			continue;
		hits += s->status == STORE_STEP_HIT;
		all++;
	}
	return arena_strf(a, "%u of %u", hits, all);
}

static Str command_of(Arena *a, const StoreBuild *b)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < b->command_count; i++)
		buf_addf(&out, "%s%.*s", i ? " " : "", STR_ARG(b->command[i]));
	return arena_str(a, buf_str(&out));
}

static Str row_json(Arena *a, const StoreBuild *b, bool full)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	Str name = name_of(a, b), image = STR("");
	if (b->image_count)
		image = digest_arena_hex(a, &b->images[0].image_id);
	json_write_object(&w);
	json_write_member(&w, "Cached", cached_of(a, b));
	json_write_member(&w, "Command", command_of(a, b));
	json_write_member(&w, "Context", b->context);
	json_write_member(&w, "CreatedAt", cli_time(a, b->started_ns));
	json_write_member(&w, "CreatedSince",
	                  arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - b->started_ns).ptr));
	json_write_member(&w, "Dockerfile", b->dockerfile);
	json_write_member(&w, "Duration", duration_of(a, b));
	json_write_member(&w, "Error", b->error);
	json_write_member(&w, "ID", b->id);
	json_write_member(&w, "Image", full ? image : str_head(image, STORE_BUILD_ID_LEN));
	json_write_member(&w, "Name",
	                  full || name.len <= NAME_COLUMNS
	                          ? name
	                          : arena_strf(a, "%.*s\xe2\x80\xa6",
	                                       STR_ARG(str_clip(name, NAME_COLUMNS - 1))));
	json_write_member(&w, "Status", str_from(store_build_state_names[b->state]));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "ID", "BUILD ID" },          { "Name", "NAME" },         { "Status", "STATUS" },
	{ "CreatedSince", "CREATED" }, { "Duration", "DURATION" }, { "Cached", "CACHED" },
};
static const ListingColumn titles[] = {
	{ "ID", "BUILD ID" },           { "Name", "NAME" },         { "Status", "STATUS" },
	{ "CreatedSince", "CREATED" },  { "Duration", "DURATION" }, { "Cached", "CACHED" },
	{ "CreatedAt", "CREATED AT" },  { "Image", "IMAGE ID" },    { "Context", "CONTEXT" },
	{ "Dockerfile", "DOCKERFILE" }, { "Command", "COMMAND" },   { "Error", "ERROR" },
};

static Err *run_builds(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const BuildsValues *v = values;
	Arena *a = cli->arena;
	Store *s = NULL;
	StoreBuildName *names = NULL;
	size_t count = 0, shown = 0;
	TRY(cli_store_existing(cli, &s));
	if (s)
		TRY(store_build_list(s, a, &names, &count));
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < count; i++) {
		StoreBuild b;
		if (v->quiet) {
			printf("%s\n", names[i].id);
			continue;
		}
		AUTO_ERR Err *e = store_build_open(s, &names[i], a, &b);
		if (e && err_kind(e) != ERR_NOT_FOUND)
			return TAKE_PTR(e);
		if (!e) /* else it was pruned meanwhile, or is damaged */
			rows[shown++] = row_json(a, &b, v->no_trunc);
	}
	if (v->quiet)
		return NULL;
	return listing_print(a, v->format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, shown);
}

const Command command_builds = {
	.name = "builds",
	.aliases = "history ls,buildx history ls",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS]",
	.help = "List builds",
	.about = "The last 200 builds are kept, those that failed too, with what their commands "
		 "have "
		 "written: see\n"
		 "'decant logs' and 'decant why'. CACHED tells how many of their steps were in the "
		 "cache.",
	.options = builds_options,
	.option_count = ARRAY_LEN(builds_options),
	.values_size = sizeof(BuildsValues),
	.run = run_builds,
};
