/*
 * cmd_networks.c - volume ls and network ls, for scripts that look: nothing of one's own can be
 * made.
 *
 * There are no volumes, and three networks that need no making: those that --network takes.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"

#include <stdio.h>

typedef struct ListValues {
	OptionList filters;
	const char *format;
	bool quiet, no_trunc;
} ListValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(ListValues, member)
#define LIST_OPTIONS                                                                            \
	{ .name = "filter",                                                                     \
	  .letter = 'f',                                                                        \
	  .kind = OPTION_LIST,                                                                  \
	  .value = "filter",                                                                    \
	  STORED(filters),                                                                      \
	  .help = "Only those for which this holds: name=, driver=" },                          \
	{                                                                                       \
		.name = "format", .kind = OPTION_TEXT, .choices = "table,json", STORED(format), \
		.help = "'table', 'table TEMPLATE', 'json' or a Go template"                    \
	}

static const Option volume_options[] = {
	LIST_OPTIONS,
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  STORED(quiet),
	  .help = "Only names" },
};

static const Option network_options[] = {
	LIST_OPTIONS,
	{ .name = "no-trunc", .kind = OPTION_FLAG, STORED(no_trunc), .help = "Show IDs in full" },
	{ .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, STORED(quiet), .help = "Only IDs" },
};

/* docker's order, and its drivers */
static const struct {
	const char *name, *driver;
} networks[] = { { "bridge", "bridge" }, { "host", "host" }, { "none", "null" } };

static const char *const volume_filters[] = { "dangling", "driver", "label", "name" };
static const char *const network_filters[] = { "dangling", "driver", "id",  "label",
	                                       "name",     "scope",  "type" };

static Err *check_filters(Cli *cli, const OptionList *filters, const char *const *keys,
                          size_t count)
{
	for (size_t i = 0; i < filters->count; i++) {
		Str key;
		bool known = false;
		(void)str_cut(str_from(filters->at[i]), '=', &key);
		for (size_t k = 0; k < count; k++)
			known = known || (str_eqc(key, keys[k]) && strchr(filters->at[i], '='));
		if (!known)
			return cli_usage(cli, "invalid filter '%s'", filters->at[i]);
	}
	return NULL;
}

/* --- volumes ---------------------------------------------------------------------------------- */

static Err *run_volumes(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const ListValues *v = values;
	static const ListingColumn columns[] = { { "Driver", "DRIVER" },
		                                 { "Name", "VOLUME NAME" } };
	static const ListingColumn titles[] = {
		{ "Driver", "DRIVER" }, { "Name", "VOLUME NAME" },
		{ "Scope", "SCOPE" },   { "Mountpoint", "MOUNTPOINT" },
		{ "Labels", "LABELS" }, { "Links", "LINKS" },
		{ "Size", "SIZE" },     { "Availability", "AVAILABILITY" },
		{ "Status", "STATUS" }, { "Group", "GROUP" },
	};
	TRY(check_filters(cli, &v->filters, volume_filters, ARRAY_LEN(volume_filters)));
	bool usual = !v->format || !*v->format || strcmp(v->format, "table") == 0;
	if (usual && v->quiet)
		return NULL;
	return listing_print(cli->arena, usual ? NULL : v->format, columns, ARRAY_LEN(columns),
	                     titles, ARRAY_LEN(titles), NULL, 0);
}

const Command command_volume_ls = {
	.name = "volume ls",
	.aliases = "volume list",
	.group = GROUP_HIDDEN,
	.synopsis = "[OPTIONS]",
	.help = "List volumes: there are none",
	.options = volume_options,
	.option_count = ARRAY_LEN(volume_options),
	.values_size = sizeof(ListValues),
	.run = run_volumes,
};

/* --- networks --------------------------------------------------------------------------------- */

/* The same on every machine: the networks are. */
static Str network_id(Arena *a, const char *name)
{
	Digest d = sha256_of(arena_strf(a, "decant network %s", name));
	return digest_arena_hex(a, &d);
}

static bool holds(const char *filter, const char *name, const char *driver, Str id)
{
	Str key, value = str_cut(str_from(filter), '=', &key);
	bool is = false;
	if (str_eqc(key, "name"))
		is = strstr(name, value.ptr) != NULL;
	else if (str_eqc(key, "driver"))
		is = str_eqc(value, driver);
	else if (str_eqc(key, "id"))
		is = str_starts(id, value);
	else if (str_eqc(key, "scope"))
		is = str_eqc(value, "local");
	else if (str_eqc(key, "type"))
		is = str_eqc(value, "builtin");
	else if (str_eqc(key, "dangling"))
		is = !str_eqc(value, "true") && !str_eqc(value, "1");
	return is; /* no labels */
}

/* As docker: several of one key are alternatives, several keys are all needed. */
static bool is_listed(const ListValues *v, const char *name, const char *driver, Str id)
{
	for (size_t i = 0; i < v->filters.count; i++) {
		Str key, other;
		bool any = false;
		(void)str_cut(str_from(v->filters.at[i]), '=', &key);
		for (size_t k = 0; k < v->filters.count; k++) {
			(void)str_cut(str_from(v->filters.at[k]), '=', &other);
			any = any ||
			      (str_eq(key, other) && holds(v->filters.at[k], name, driver, id));
		}
		if (!any)
			return false;
	}
	return true;
}

static Str network_json(Arena *a, const char *name, const char *driver, Str id)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "CreatedAt", STR("0001-01-01 00:00:00 +0000 UTC"));
	json_write_member(&w, "Driver", str_from(driver));
	json_write_member(&w, "ID", id);
	json_write_member(&w, "IPv4", STR("true"));
	json_write_member(&w, "IPv6", STR("false"));
	json_write_member(&w, "Internal", STR("false"));
	json_write_member(&w, "Labels", STR(""));
	json_write_member(&w, "Name", str_from(name));
	json_write_member(&w, "Scope", STR("local"));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Err *run_networks(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const ListValues *v = values;
	Arena *a = cli->arena;
	static const ListingColumn columns[] = { { "ID", "NETWORK ID" },
		                                 { "Name", "NAME" },
		                                 { "Driver", "DRIVER" },
		                                 { "Scope", "SCOPE" } };
	static const ListingColumn titles[] = {
		{ "ID", "NETWORK ID" },     { "Name", "NAME" },     { "Driver", "DRIVER" },
		{ "Scope", "SCOPE" },       { "IPv4", "IPV4" },     { "IPv6", "IPV6" },
		{ "Internal", "INTERNAL" }, { "Labels", "LABELS" }, { "CreatedAt", "CREATED AT" },
	};
	Str rows[ARRAY_LEN(networks)];
	size_t count = 0;
	bool usual = !v->format || !*v->format || strcmp(v->format, "table") == 0;
	TRY(check_filters(cli, &v->filters, network_filters, ARRAY_LEN(network_filters)));
	for (size_t i = 0; i < ARRAY_LEN(networks); i++) {
		Str id = network_id(a, networks[i].name);
		if (!is_listed(v, networks[i].name, networks[i].driver, id))
			continue;
		Str shown = v->no_trunc ? id : arena_str(a, str_head(id, 12));
		if (usual && v->quiet)
			printf("%s\n", shown.ptr);
		rows[count++] = network_json(a, networks[i].name, networks[i].driver, shown);
	}
	if (usual && v->quiet)
		return NULL;
	return listing_print(a, usual ? NULL : v->format, columns, ARRAY_LEN(columns), titles,
	                     ARRAY_LEN(titles), rows, count);
}

const Command command_network_ls = {
	.name = "network ls",
	.aliases = "network list",
	.group = GROUP_HIDDEN,
	.synopsis = "[OPTIONS]",
	.help = "List networks: those that --network takes",
	.options = network_options,
	.option_count = ARRAY_LEN(network_options),
	.values_size = sizeof(ListValues),
	.run = run_networks,
};
