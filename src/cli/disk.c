/* disk.c - filters and tables of the commands that speak of disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/disk.h"
#include "cli/listing.h"
#include "cli/moment.h"
#include "codec/json.h"

#include <stdio.h>

/* --- filters ---------------------------------------------------------------------------------- */

static void push(Arena *a, const char *const **list, size_t *count, const char *text)
{
	const char **more = arena_alloc(a, (*count + 1) * sizeof *more, _Alignof(char *));
	if (*count)
		memcpy(more, *list, *count * sizeof *more);
	more[(*count)++] = text;
	*list = more;
}

static bool read_bool(Str value, int *ret)
{
	bool yes = str_eqc(value, "true") || str_eqc(value, "1");
	*ret = yes ? 1 : -1;
	return yes || str_eqc(value, "false") || str_eqc(value, "0");
}

static bool read_one(Cli *cli, const char *text, bool of_cache, DiskFilter *f)
{
	Str key;
	(void)str_cut(str_from(text), '=', &key);
	if (!text[key.len])
		return false;
	const char *value = text + key.len + 1;
	if (str_eqc(key, "until"))
		return cli_moment(str_from(value), &f->before_ns);
	if (of_cache && str_eqc(key, "id"))
		f->id = value;
	else if (of_cache && str_eqc(key, "type"))
		f->type = value;
	else if (of_cache && str_eqc(key, "shared"))
		return read_bool(str_from(value), &f->shared);
	else if (of_cache && str_eqc(key, "private")) {
		bool good = read_bool(str_from(value), &f->shared);
		f->shared = -f->shared;
		return good;
	} else if (of_cache && str_eqc(key, "inuse"))
		return read_bool(str_from(value), &f->in_use);
	else if (!of_cache && str_eqc(key, "label"))
		push(cli->arena, &f->labels, &f->label_count, value);
	else if (!of_cache && str_eqc(key, "label!"))
		push(cli->arena, &f->not_labels, &f->not_label_count, value);
	else
		return false;
	return true;
}

Err *disk_read_filter(Cli *cli, const OptionList *filters, bool of_cache, DiskFilter *ret)
{
	*ret = (DiskFilter){ .before_ns = INT64_MAX };
	for (size_t i = 0; i < filters->count; i++)
		if (!read_one(cli, filters->at[i], of_cache, ret))
			return err_note(cli_usage(cli, "invalid filter '%s'", filters->at[i]),
			                of_cache ? "until=24h, id=ID, type=TYPE, shared=true, "
			                           "private=true or inuse=true"
			                         : "until=24h, label=KEY[=VALUE] or "
			                           "label!=KEY[=VALUE]");
	return NULL;
}

/* --- entries of the cache --------------------------------------------------------------------- */

static Str since(Arena *a, int64_t ns)
{
	return ns ? arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - ns).ptr) : STR("");
}

static Str row_json(Arena *a, const DiskEntry *e)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "ID", e->id);
	json_write_member(&w, "Reclaimable", e->in_use || e->shared ? STR("false") : STR("true"));
	json_write_member(&w, "Size", cli_size(a, e->bytes));
	json_write_member(&w, "Bytes", arena_strf(a, "%llu", (unsigned long long)e->bytes));
	json_write_member(&w, "LastUsedAt", since(a, e->used_ns));
	json_write_member(&w, "CreatedAt", e->created_ns ? cli_time(a, e->created_ns) : STR(""));
	json_write_member(&w, "CreatedSince", since(a, e->created_ns));
	json_write_member(&w, "Description", e->description);
	json_write_member(&w, "Type", str_from(e->type));
	json_write_member(&w, "Shared", e->shared ? STR("true") : STR("false"));
	json_write_member(&w, "InUse", e->in_use ? STR("true") : STR("false"));
	json_write_member(&w, "Mutable",
	                  strcmp(e->type, "exec.cachemount") == 0 ? STR("true") : STR("false"));
	json_write_member(&w, "UsageCount", arena_strf(a, "%zu", e->record_count));
	json_write_member(&w, "Cost",
	                  e->cost_ns < 0 ? STR("")
	                                 : arena_strf(a, "%.3fs", (double)e->cost_ns / 1e9));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "ID", "ID" },
	{ "Reclaimable", "RECLAIMABLE" },
	{ "Size", "SIZE" },
	{ "LastUsedAt", "LAST ACCESSED" },
};
static const ListingColumn titles[] = {
	{ "ID", "ID" },
	{ "Reclaimable", "RECLAIMABLE" },
	{ "Size", "SIZE" },
	{ "Bytes", "BYTES" },
	{ "LastUsedAt", "LAST ACCESSED" },
	{ "CreatedAt", "CREATED AT" },
	{ "CreatedSince", "CREATED" },
	{ "Description", "DESCRIPTION" },
	{ "Type", "TYPE" },
	{ "Shared", "SHARED" },
	{ "InUse", "IN USE" },
	{ "Mutable", "MUTABLE" },
	{ "UsageCount", "USAGE" },
	{ "Cost", "COST" },
};

static void print_paragraph(Arena *a, const DiskEntry *e)
{
	printf("ID:\t\t%.*s\n", STR_ARG(e->id));
	if (e->created_ns)
		printf("Created at:\t%s\n", cli_time(a, e->created_ns).ptr);
	printf("Mutable:\t%s\n", strcmp(e->type, "exec.cachemount") == 0 ? "true" : "false");
	printf("Reclaimable:\t%s\n", e->in_use || e->shared ? "false" : "true");
	printf("Shared:\t\t%s\n", e->shared ? "true" : "false");
	printf("Size:\t\t%s\n", cli_size(a, e->bytes).ptr);
	if (e->description.len)
		printf("Description:\t%.*s\n", STR_ARG(e->description));
	if (e->cost_ns >= 0)
		printf("Cost:\t\t%.3fs\n", (double)e->cost_ns / 1e9);
	printf("Usage count:\t%zu\n", e->record_count);
	if (e->used_ns)
		printf("Last used:\t%s\n", since(a, e->used_ns).ptr);
	printf("Type:\t\t%s\n\n", e->type);
}

Err *disk_print_entries(Arena *a, const char *format, bool verbose, const DiskEntry *entries,
                        size_t count)
{
	for (size_t i = 0; verbose && i < count; i++)
		print_paragraph(a, &entries[i]);
	if (verbose)
		return NULL;
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < count; i++)
		rows[i] = row_json(a, &entries[i]);
	return listing_print(a, format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, count);
}
