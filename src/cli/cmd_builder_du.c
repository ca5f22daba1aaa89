/* cmd_builder_du.c - the entries of the build cache, as `buildx du` has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/disk.h"
#include "cli/listing.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct DuValues {
	bool verbose;
	OptionList filters;
	const char *format;
} DuValues;

static const Option du_options[] = {
	{ .name = "builder",
	  .kind = OPTION_IGNORED,
	  .value = "string",
	  .hidden = true,
	  .help = "Accepted, no effect" },
	{ .name = "filter",
	  .kind = OPTION_LIST,
	  .value = "filter",
	  .choices = "until=,id=,type=,shared=,inuse=",
	  .help = "Only those with: until=24h (not used for so long), id=ID, type=TYPE, "
	          "shared=BOOL, "
	          "inuse=BOOL",
	  .offset = offsetof(DuValues, filters) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(DuValues, format) },
	{ .name = "verbose",
	  .kind = OPTION_FLAG,
	  .help = "A paragraph an entry",
	  .offset = offsetof(DuValues, verbose) },
};

static void print_sums(Arena *a, const DiskEntry *entries, size_t count)
{
	uint64_t shared = 0, private = 0, reclaimable = 0;
	for (size_t i = 0; i < count; i++) {
		const DiskEntry *e = &entries[i];
		*(e->shared ? &shared : &private) += e->bytes;
		reclaimable += e->shared || e->in_use ? 0 : e->bytes;
	}
	if (shared)
		printf("Shared:\t\t%s\nPrivate:\t%s\n", cli_size(a, shared).ptr,
		       cli_size(a, private).ptr);
	printf("Reclaimable:\t%s\nTotal:\t\t%s\n", cli_size(a, reclaimable).ptr,
	       cli_size(a, shared + private).ptr);
}

static Err *run_du(Cli *cli, const void *values, const Arguments *args)
{
	const DuValues *v = values;
	CLEANUP(disk_done) Disk d = { 0 };
	DiskFilter filter;
	Cancel *cancel;
	Store *s = NULL;
	DiskEntry *entries = NULL;
	size_t count = 0, kept = 0;
	(void)args;
	TRY(disk_read_filter(cli, &v->filters, true, &filter));
	TRY(sandbox_enter());
	TRY(cli_store_existing(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	if (s) {
		TRY(disk_open(s, cancel, cli->arena, &d));
		disk_entries(&d, &entries, &count);
	}
	for (size_t i = 0; i < count; i++)
		if (disk_entry_matches(&entries[i], &filter))
			entries[kept++] = entries[i];
	TRY(disk_print_entries(cli->arena, v->format, v->verbose && !v->format, entries, kept));
	if (!v->format)
		print_sums(cli->arena, entries, kept);
	return NULL;
}

const Command command_builder_du = {
	.name = "builder-du",
	.aliases = "builder du,buildx du",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS]",
	.help = "List the entries of the build cache",
	.about = "The one used last first. What an image has too is shared, and not reclaimable. "
		 "Placeholders of\n"
		 "--format: .ID, .Type, .Description, .Size, .Bytes, .Reclaimable, .Shared, "
		 ".InUse, .Cost,\n"
		 ".LastUsedAt, .CreatedAt, .UsageCount.",
	.options = du_options,
	.option_count = ARRAY_LEN(du_options),
	.values_size = sizeof(DuValues),
	.run = run_du,
};
