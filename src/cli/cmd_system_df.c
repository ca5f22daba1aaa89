/* cmd_system_df.c - what the store takes on the disk, to the block. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/disk.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "exec/disk_images.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct DfValues {
	bool verbose;
	const char *format;
} DfValues;

static const Option df_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(DfValues, format) },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .help = "Show each image, container and entry of the build cache",
	  .offset = offsetof(DfValues, verbose) },
};

static Str number(Arena *a, uint64_t n)
{
	return arena_strf(a, "%llu", (unsigned long long)n);
}

static Str since(Arena *a, int64_t ns)
{
	return ns > 0 ? arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - ns).ptr) : STR("");
}

/* --- the rows --------------------------------------------------------------------------------- */

static const char *const row_names[DISK_ROW_COUNT] = { "Images", "Containers", "Local Volumes",
	                                               "Build Cache", "Other" };

/* As docker: the share only where there are things to remove. */
static Str reclaimable(Arena *a, DiskRow row, const DiskSum *sum)
{
	Str size = cli_size(a, sum->reclaimable);
	if (!sum->bytes || row == DISK_CACHE || row == DISK_OTHER)
		return size;
	return arena_strf(a, "%.*s (%llu%%)", STR_ARG(size),
	                  (unsigned long long)(sum->reclaimable * 100 / sum->bytes));
}

static Str row_json(Arena *a, DiskRow row, const DiskSum *sum)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "Type", str_from(row_names[row]));
	json_write_member(&w, "TotalCount", number(a, sum->total));
	json_write_member(&w, "Active", number(a, sum->active));
	json_write_member(&w, "Size", cli_size(a, sum->bytes));
	json_write_member(&w, "Reclaimable", reclaimable(a, row, sum));
	json_write_member(&w, "Bytes", number(a, sum->bytes));
	json_write_member(&w, "ReclaimableBytes", number(a, sum->reclaimable));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "Type", "TYPE" }, { "TotalCount", "TOTAL" },        { "Active", "ACTIVE" },
	{ "Size", "SIZE" }, { "Reclaimable", "RECLAIMABLE" },
};
static const ListingColumn titles[] = {
	{ "Type", "TYPE" },
	{ "TotalCount", "TOTAL" },
	{ "Active", "ACTIVE" },
	{ "Size", "SIZE" },
	{ "Reclaimable", "RECLAIMABLE" },
	{ "Bytes", "BYTES" },
	{ "ReclaimableBytes", "RECLAIMABLE BYTES" },
};

static Err *print_rows(Arena *a, const char *format, const DiskSum *sums)
{
	Str rows[DISK_ROW_COUNT];
	for (int i = 0; i < DISK_ROW_COUNT; i++)
		rows[i] = row_json(a, (DiskRow)i, &sums[i]);
	return listing_print(a, format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, DISK_ROW_COUNT);
}

/* --- --verbose -------------------------------------------------------------------------------- */

static Str image_json(Arena *a, const DiskImage *i)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "Repository", i->repository);
	json_write_member(&w, "Tag", i->tag);
	json_write_member(&w, "ID", str_head(digest_arena_hex(a, &i->id), 12));
	json_write_member(&w, "CreatedSince",
	                  i->created_ns > 0 ? since(a, i->created_ns) : STR("N/A"));
	json_write_member(&w, "Size", cli_size(a, i->shared + i->unique));
	json_write_member(&w, "SharedSize", cli_size(a, i->shared));
	json_write_member(&w, "UniqueSize", cli_size(a, i->unique));
	json_write_member(&w, "Containers", number(a, i->containers));
	json_write_member(&w, "UniqueBytes", number(a, i->unique));
	json_write_member(&w, "SharedBytes", number(a, i->shared));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Str container_json(Arena *a, const Disk *d, const Container *c)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	uint64_t bytes = 0;
	for (size_t i = 0; i < d->survey.things.len; i++)
		if (d->survey.things.at[i].kind == STORE_THING_CONTAINER &&
		    str_eq(d->survey.things.at[i].name, c->id))
			bytes = d->bytes[i];
	json_write_object(&w);
	json_write_member(&w, "ID", str_head(c->id, 12));
	json_write_member(&w, "Image", c->image_name);
	json_write_member(&w, "Command",
	                  arena_strf(a, "\"%.*s\"", STR_ARG(str_clip(c->command, 20))));
	json_write_member(&w, "LocalVolumes", STR("0"));
	json_write_member(&w, "Size", cli_size(a, bytes));
	json_write_member(&w, "RunningFor", since(a, c->created_ns));
	json_write_member(&w, "Status",
	                  c->running      ? STR("Up")
	                  : c->started_ns ? arena_strf(a, "Exited (%d)", c->exit_status)
	                                  : STR("Created"));
	json_write_member(&w, "Names", c->name);
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Str entry_json(Arena *a, const DiskEntry *e)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "ID", e->id);
	json_write_member(&w, "CacheType", str_from(e->type));
	json_write_member(&w, "Size", cli_size(a, e->bytes));
	json_write_member(&w, "CreatedSince", since(a, e->created_ns));
	json_write_member(&w, "LastUsedSince", since(a, e->used_ns));
	json_write_member(&w, "UsageCount", number(a, e->record_count));
	json_write_member(&w, "Shared", e->shared ? STR("true") : STR("false"));
	json_write_member(&w, "InUse", e->in_use ? STR("true") : STR("false"));
	json_write_member(&w, "Description", e->description);
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn image_columns[] = {
	{ "Repository", "REPOSITORY" },
	{ "Tag", "TAG" },
	{ "ID", "IMAGE ID" },
	{ "CreatedSince", "CREATED" },
	{ "Size", "SIZE" },
	{ "SharedSize", "SHARED SIZE" },
	{ "UniqueSize", "UNIQUE SIZE" },
	{ "Containers", "CONTAINERS" },
};
static const ListingColumn container_columns[] = {
	{ "ID", "CONTAINER ID" }, { "Image", "IMAGE" },
	{ "Command", "COMMAND" }, { "LocalVolumes", "LOCAL VOLUMES" },
	{ "Size", "SIZE" },       { "RunningFor", "CREATED" },
	{ "Status", "STATUS" },   { "Names", "NAMES" },
};
static const ListingColumn entry_columns[] = {
	{ "ID", "CACHE ID" },          { "CacheType", "CACHE TYPE" },    { "Size", "SIZE" },
	{ "CreatedSince", "CREATED" }, { "LastUsedSince", "LAST USED" }, { "UsageCount", "USAGE" },
	{ "Shared", "SHARED" },
};

static void add_array(Buf *out, const char *key, const Str *rows, size_t count)
{
	buf_addf(out, "%s\"%s\":[", out->len ? "," : "{", key);
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s%.*s", i ? "," : "", STR_ARG(rows[i]));
	buf_add_char(out, ']');
}

#define PRINT(a, columns, rows, count)                                                         \
	listing_print(a, NULL, columns, ARRAY_LEN(columns), columns, ARRAY_LEN(columns), rows, \
	              count)

static Err *print_tables(Arena *a, const Str *images, size_t image_count, const Str *containers,
                         size_t container_count, const Str *entries, size_t entry_count,
                         const DiskSum *sums)
{
	printf("Images space usage:\n\n");
	TRY(PRINT(a, image_columns, images, image_count));
	printf("\nContainers space usage:\n\n");
	TRY(PRINT(a, container_columns, containers, container_count));
	printf("\nLocal Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\n");
	printf("\nBuild cache usage: %s\n\n", cli_size(a, sums[DISK_CACHE].bytes).ptr);
	TRY(PRINT(a, entry_columns, entries, entry_count));
	printf("\nOther (journal, logs, contexts, locks, directories): %s\n",
	       cli_size(a, sums[DISK_OTHER].bytes).ptr);
	return NULL;
}

static Err *print_verbose(Arena *a, const char *format, Disk *d, const DiskSum *sums)
{
	DiskImage *images = NULL;
	DiskEntry *entries = NULL;
	size_t image_count = 0, entry_count = 0;
	disk_images(d, &images, &image_count);
	disk_entries(d, &entries, &entry_count);
	Str *i_rows = arena_alloc(a, (image_count + 1) * sizeof(Str), _Alignof(Str));
	Str *c_rows = arena_alloc(a, (d->container_count + 1) * sizeof(Str), _Alignof(Str));
	Str *e_rows = arena_alloc(a, (entry_count + 1) * sizeof(Str), _Alignof(Str));
	for (size_t i = 0; i < image_count; i++)
		i_rows[i] = image_json(a, &images[i]);
	for (size_t i = 0; i < d->container_count; i++)
		c_rows[i] = container_json(a, d, &d->containers[i]);
	for (size_t i = 0; i < entry_count; i++)
		e_rows[i] = entry_json(a, &entries[i]);
	if (!format || strcmp(format, "table") == 0)
		return print_tables(a, i_rows, image_count, c_rows, d->container_count, e_rows,
		                    entry_count, sums);
	AUTO_BUF Buf all = BUF_INIT;
	add_array(&all, "Images", i_rows, image_count);
	add_array(&all, "Containers", c_rows, d->container_count);
	add_array(&all, "Volumes", NULL, 0);
	add_array(&all, "BuildCache", e_rows, entry_count);
	buf_add_char(&all, '}');
	Str row = buf_str(&all);
	return listing_print(a, format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     &row, 1);
}

static Err *run_df(Cli *cli, const void *values, const Arguments *args)
{
	const DfValues *v = values;
	CLEANUP(disk_done) Disk d = { .arena = cli->arena };
	DiskSum sums[DISK_ROW_COUNT] = { 0 };
	Cancel *cancel;
	Store *s = NULL;
	(void)args;
	TRY(sandbox_enter());
	TRY(cli_store_existing(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	if (s) {
		TRY(disk_open(s, cancel, cli->arena, &d));
		disk_sum(&d, sums);
	}
	return v->verbose ? print_verbose(cli->arena, v->format, &d, sums)
	                  : print_rows(cli->arena, v->format, sums);
}

const Command command_system_df = {
	.name = "system-df",
	.aliases = "system df",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Show what the store takes on the disk",
	.about = "Blocks in use, as du counts them; the sum of the rows is all that lies in the "
		 "store. What images\n"
		 "share with the build cache counts as Images. RECLAIMABLE is what 'decant system "
		 "prune --all'\n"
		 "frees. Placeholders of --format: .Type, .TotalCount, .Active, .Size, "
		 ".Reclaimable, .Bytes,\n"
		 ".ReclaimableBytes.",
	.options = df_options,
	.option_count = ARRAY_LEN(df_options),
	.values_size = sizeof(DfValues),
	.run = run_df,
};
