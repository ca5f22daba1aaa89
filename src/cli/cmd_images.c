/* cmd_images.c - the images of the store, as docker's classic table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/images.h"
#include "cli/listing.h"
#include "cli/names.h"
#include "codec/json.h"

#include <stdio.h>

typedef struct ImagesValues {
	bool all, digests, no_trunc, no_heading, quiet, tree;
	const char *format;
	OptionList filters;
} ImagesValues;

static const Option images_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Show images without a name too",
	  .offset = offsetof(ImagesValues, all) },
	{ .name = "digests",
	  .kind = OPTION_FLAG,
	  .help = "Show digests of manifests",
	  .offset = offsetof(ImagesValues, digests) },
	{ .name = "filter",
	  .letter = 'f',
	  .kind = OPTION_LIST,
	  .value = "filter",
	  .help = "Show only: dangling=true, reference=PATTERN, label=KEY[=VALUE], before=IMAGE, "
	          "since=IMAGE, until=TIME",
	  .offset = offsetof(ImagesValues, filters) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(ImagesValues, format) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show IDs in full",
	  .offset = offsetof(ImagesValues, no_trunc) },
	{ .name = "noheading", /* podman, buildah */
	  .letter = 'n',
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Leave the line with the titles away",
	  .offset = offsetof(ImagesValues, no_heading) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only IDs",
	  .offset = offsetof(ImagesValues, quiet) },
	{ .name = "tree",
	  .kind = OPTION_FLAG,
	  .help = "Show the platforms of each name, and what containers use",
	  .offset = offsetof(ImagesValues, tree) },
};

static Str shown_id(Arena *a, const Digest *id, bool full)
{
	return full ? digest_arena_text(a, id) : str_head(digest_arena_hex(a, id), 12);
}

/* What takes more than the catalog, for those who ask for it. */
typedef struct Extra {
	bool containers;
	const uint64_t *shared; /* one a row; NULL: not asked for */
} Extra;

static Str created_since(Arena *a, const ImageRow *row)
{
	if (row->image.created_ns == IMAGE_TIME_NONE)
		return STR("N/A");
	return arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - row->image.created_ns).ptr);
}

static Str shown_digest(Arena *a, const ImageRow *row)
{
	return digest_is_zero(&row->manifest) ? STR("<none>")
	                                      : digest_arena_text(a, &row->manifest);
}

static Str row_json(Arena *a, const ImageRow *row, bool full_id, const Extra *extra, size_t number)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	uint64_t all = row->image.size_bytes, shared = extra->shared ? extra->shared[number] : 0;
	Str size = cli_size(a, all);
	bool timed = row->image.created_ns != IMAGE_TIME_NONE;
	json_write_object(&w);
	json_write_member(&w, "Containers",
	                  extra->containers ? arena_strf(a, "%zu", row->containers) : STR("N/A"));
	json_write_member(&w, "CreatedAt", timed ? cli_time(a, row->image.created_ns) : STR("N/A"));
	json_write_member(&w, "CreatedSince", created_since(a, row));
	json_write_member(&w, "Digest", shown_digest(a, row));
	json_write_member(&w, "ID", shown_id(a, &row->image.id, full_id));
	json_write_member(&w, "Repository", row->repository);
	json_write_member(&w, "SharedSize", extra->shared ? cli_size(a, shared) : STR("N/A"));
	json_write_member(&w, "Size", size);
	json_write_member(&w, "Tag", row->tag);
	json_write_member(&w, "UniqueSize", extra->shared ? cli_size(a, all - shared) : STR("N/A"));
	json_write_member(&w, "VirtualSize", size);
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn titles[] = {
	{ "Containers", "CONTAINERS" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedSince", "CREATED" },
	{ "Digest", "DIGEST" },
	{ "ID", "IMAGE ID" },
	{ "Repository", "REPOSITORY" },
	{ "SharedSize", "SHARED SIZE" },
	{ "Size", "SIZE" },
	{ "Tag", "TAG" },
	{ "UniqueSize", "UNIQUE SIZE" },
	{ "VirtualSize", "SIZE" },
};
/* Placeholders that take more than the catalog. */
static Err *read_extra(Cli *cli, Store *s, StoreCatalog *catalog, const char *format,
                       ImageRowVec *rows, Extra *ret)
{
	uint64_t *shared = NULL;
	bool json = strstr(format, "json") != NULL; /* all members, or who knows which */
	*ret = (Extra){ .containers = json || strstr(format, ".Containers") };
	if (ret->containers)
		TRY(images_count_users(cli, s, rows));
	if (strstr(format, ".SharedSize") || strstr(format, ".UniqueSize"))
		TRY(images_shared_sizes(cli, s, catalog, rows, &shared));
	ret->shared = shared;
	return NULL;
}

/* The usual table: a list of ten thousand names takes no templates. */
static void print_table(Arena *a, const ImagesValues *v, const ImageRowVec *rows)
{
	Str *lines = arena_alloc(a, (rows->len + 1) * sizeof *lines, _Alignof(Str));
	lines[0] = v->digests ? STR("REPOSITORY\tTAG\tDIGEST\tIMAGE ID\tCREATED\tSIZE")
	                      : STR("REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE");
	for (size_t i = 0; i < rows->len; i++) {
		const ImageRow *row = &rows->at[i];
		AUTO_BUF Buf line = BUF_INIT;
		buf_addf(&line, "%.*s\t%.*s", STR_ARG(row->repository), STR_ARG(row->tag));
		if (v->digests)
			buf_addf(&line, "\t%s", shown_digest(a, row).ptr);
		buf_addf(&line, "\t%.*s\t%s\t%s", STR_ARG(shown_id(a, &row->image.id, v->no_trunc)),
		         created_since(a, row).ptr, cli_size(a, row->image.size_bytes).ptr);
		lines[i + 1] = arena_str(a, buf_str(&line));
	}
	size_t head = v->no_heading ? 1 : 0;
	listing_print_lines(lines + head, rows->len + 1 - head, LISTING_COLUMN_MIN);
}

static Err *print_rows(Cli *cli, Store *s, StoreCatalog *catalog, const ImagesValues *v,
                       const char *format, ImageRowVec *rows)
{
	Arena *a = cli->arena;
	Extra extra;
	if (strcmp(format, "table") == 0 && v->quiet) {
		for (size_t i = 0; i < rows->len; i++) {
			Str id = shown_id(a, &rows->at[i].image.id, v->no_trunc);
			printf("%.*s\n", STR_ARG(id));
		}
		return NULL;
	}
	if (strcmp(format, "table") == 0) {
		print_table(a, v, rows);
		return NULL;
	}
	if (v->digests && strncmp(format, "table ", 6) == 0 && !strstr(format, "{{.Digest}}"))
		format = arena_strf(a, "%s\t{{.Digest}}", format).ptr; /* docker does */
	TRY(read_extra(cli, s, catalog, format, rows, &extra));
	Str *json = arena_alloc(a, (rows->len + 1) * sizeof *json, _Alignof(Str));
	for (size_t i = 0; i < rows->len; i++)
		json[i] = row_json(a, &rows->at[i], v->no_trunc, &extra, i);
	return listing_print(a, format, NULL, 0, titles, ARRAY_LEN(titles), json, rows->len);
}

/* "docker images ls" lists an image named ls: who types that means another thing. */
static void print_hint(const char *program, const char *argument)
{
	static const char *const words[] = { "build", "import", "inspect", "list", "load", "ls",
		                             "prune", "pull",   "push",    "rm",   "save", "tag" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(argument, words[i]) == 0)
			(void)fprintf(stderr,
			              "\nNo images found matching \"%s\": did you mean \"%s image "
			              "%s\"?\n",
			              argument, program, argument);
}

static Err *check_tree(Cli *cli, const ImagesValues *v)
{
	const struct {
		bool given;
		const char *name;
	} others[] = { { v->quiet, "quiet" },
		       { v->no_trunc, "no-trunc" },
		       { v->digests, "digests" },
		       { v->format, "format" } };
	for (size_t i = 0; v->tree && i < ARRAY_LEN(others); i++)
		if (others[i].given)
			return cli_usage(cli, "--tree and --%s do not go together", others[i].name);
	return NULL;
}

static Err *run_images(Cli *cli, const void *values, const Arguments *args)
{
	const ImagesValues *v = values;
	const char *argument = args->count ? args->at[0] : NULL, *format = v->format;
	Store *s = NULL;
	AUTO_CATALOG StoreCatalog *catalog = NULL;
	AUTO_VEC ImageRowVec rows = { 0 };
	ImageFilters filters;
	TRY(check_tree(cli, v));
	TRY(cli_store_existing(cli, &s));
	if (s)
		TRY(store_hold(s, NULL)); /* what is listed is there to be read */
	TRY(images_read_filters(cli, s, &v->filters, argument, &filters));
	if (s)
		TRY(store_catalog_open(s, &catalog));
	TRY(images_collect(cli, s, catalog, &filters, v->all, &rows));
	if (v->tree)
		return images_print_tree(cli, s, catalog, &rows);
	if (!(format && *format) && !v->quiet)
		format = cli_docker_setting(cli, "imagesFormat");
	TRY(print_rows(cli, s, catalog, v, format && *format ? format : "table", &rows));
	if (!rows.len && argument)
		print_hint(cli->program->name, argument);
	return NULL;
}

const Command command_images = {
	.name = "images",
	.aliases = "image ls,image list",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [REPOSITORY[:TAG]]",
	.help = "List images",
	.about =
		"SIZE is the sum of the files in all layers. Placeholders of --format: "
		".Repository, .Tag, .ID,\n"
		".Digest, .CreatedSince, .CreatedAt, .Size, .SharedSize, .UniqueSize, .Containers. "
		"Without --format,\n"
		"'imagesFormat' of docker's config.json says how it looks.",
	.options = images_options,
	.option_count = ARRAY_LEN(images_options),
	.values_size = sizeof(ImagesValues),
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_images,
};
