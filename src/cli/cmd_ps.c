/* cmd_ps.c - the containers of the store, as docker's table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/rune.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/ps_filters.h"
#include "codec/json.h"
#include "exec/container.h"

#include <stdio.h>

enum { SHORT_ID = 12, COMMAND_COLUMNS = 20 };

typedef struct PsValues {
	bool all, quiet, no_trunc, latest, size;
	const char *format;
	OptionList filters;
	unsigned last;
} PsValues;

static const Option ps_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Show containers that have ended too",
	  .offset = offsetof(PsValues, all) },
	{ .name = "filter",
	  .letter = 'f',
	  .kind = OPTION_LIST,
	  .value = "KEY=VALUE",
	  .help = "Only those: id, name, label, status, exited, ancestor, before, since, volume, "
	          "network, publish, expose, health; any of one key's",
	  .offset = offsetof(PsValues, filters) },
	{ .name = "last",
	  .letter = 'n',
	  .kind = OPTION_NUMBER,
	  .value = "N",
	  .help = "The last N that were made, in any state",
	  .offset = offsetof(PsValues, last) },
	{ .name = "latest",
	  .letter = 'l',
	  .kind = OPTION_FLAG,
	  .help = "As --last 1",
	  .offset = offsetof(PsValues, latest) },
	{ .name = "size",
	  .letter = 's',
	  .kind = OPTION_FLAG,
	  .help = "Show how much each takes: its own files (virtual: with those of its image)",
	  .offset = offsetof(PsValues, size) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(PsValues, format) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show everything in full",
	  .offset = offsetof(PsValues, no_trunc) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only IDs",
	  .offset = offsetof(PsValues, quiet) },
};

static Str status_of(Arena *a, const Container *c)
{
	int64_t now = clock_real_ns();
	if (c->running)
		return arena_strf(a, "Up %s", cli_age(a, now - c->started_ns).ptr);
	if (!c->started_ns)
		return STR("Created");
	return arena_strf(a, "Exited (%d) %s ago", c->exit_status,
	                  cli_age(a, now - c->finished_ns).ptr);
}

/* In Go's quotes; cut with an ellipsis. */
static Str command_of(Arena *a, Str command, bool full)
{
	AUTO_BUF Buf text = BUF_INIT, quoted = BUF_INIT;
	size_t columns = 0;
	for (size_t i = 0; i < command.len; i++) {
		char c = command.ptr[i];
		columns += ((unsigned char)c & 0xc0) != 0x80;
		if (!full && columns == COMMAND_COLUMNS && i + 1 < command.len) {
			buf_add_str(&text, STR("\xe2\x80\xa6"));
			break;
		}
		buf_add_char(&text, c);
	}
	rune_add_quoted(&quoted, buf_str(&text));
	return arena_str(a, buf_str(&quoted));
}

/* "a=b,c=d" */
static Str labels_of(Arena *a, const ContainerRequest *r)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < r->labels.count; i++)
		buf_addf(&text, "%s%.*s%s", i ? "," : "", STR_ARG(r->labels.at[i]),
		         str_find(r->labels.at[i], '=') < 0 ? "=" : "");
	return arena_str(a, buf_str(&text));
}

static Str mounts_of(Arena *a, const ContainerRequest *r)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < r->bind_count; i++)
		if (r->binds[i].kind == SANDBOX_MOUNT_BIND)
			buf_addf(&text, "%s%.*s", text.len ? "," : "", STR_ARG(r->binds[i].source));
	return arena_str(a, buf_str(&text));
}

/* "5B (virtual 77.8MB)"; "0B" where nobody asks. */
static Err *size_of(Store *s, Arena *a, const Container *c, bool asked, Str *ret)
{
	uint64_t own = 0;
	ContainerRequest r;
	*ret = STR("0B");
	if (!asked)
		return NULL;
	TRY(container_size(s, c, &own));
	TRY(container_request_whole(s, c, a, &r));
	uint64_t all = own + r.image.size_bytes;
	Str text = cli_size(a, own);
	*ret = all ? arena_strf(a, "%s (virtual %s)", text.ptr, cli_size(a, all).ptr) : text;
	return NULL;
}

static Str row_json(Arena *a, const Container *c, const ContainerRequest *r, Str size, bool full)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "Command", command_of(a, c->command, full));
	json_write_member(&w, "CreatedAt", cli_time(a, c->created_ns));
	json_write_member(&w, "ID", full ? c->id : str_head(c->id, SHORT_ID));
	json_write_member(&w, "Image", c->image_name);
	json_write_member(&w, "Labels", labels_of(a, r));
	json_write_member(&w, "LocalVolumes", STR("0"));
	json_write_member(&w, "Mounts", mounts_of(a, r));
	json_write_member(&w, "Names", c->name);
	json_write_member(&w, "Networks",
	                  r->network == SANDBOX_NET_HOST   ? STR("host")
	                  : r->network == SANDBOX_NET_NONE ? STR("none")
	                                                   : STR("bridge"));
	json_write_member(&w, "Ports", c->running ? c->ports : STR(""));
	json_write_member(&w, "RunningFor",
	                  arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - c->created_ns).ptr));
	json_write_member(&w, "Size", size);
	json_write_member(&w, "State", ps_state(c));
	json_write_member(&w, "Status", status_of(a, c));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "ID", "CONTAINER ID" },    { "Image", "IMAGE" },   { "Command", "COMMAND" },
	{ "RunningFor", "CREATED" }, { "Status", "STATUS" }, { "Ports", "PORTS" },
	{ "Names", "NAMES" },        { "Size", "SIZE" }, /* only if it is asked for */
};
static const ListingColumn titles[] = {
	{ "ID", "CONTAINER ID" },   { "Image", "IMAGE" },
	{ "Command", "COMMAND" },   { "RunningFor", "CREATED" },
	{ "Status", "STATUS" },     { "Ports", "PORTS" },
	{ "Names", "NAMES" },       { "Size", "SIZE" },
	{ "State", "STATE" },       { "CreatedAt", "CREATED AT" },
	{ "Labels", "LABELS" },     { "Mounts", "MOUNTS" },
	{ "Networks", "NETWORKS" }, { "LocalVolumes", "LOCAL VOLUMES" },
};

static Err *run_ps(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const PsValues *v = values;
	Arena *a = cli->arena;
	Store *s = NULL;
	Container *all = NULL;
	size_t count = 0, shown = 0, taken = 0;
	unsigned last = v->latest ? 1 : v->last;
	bool size = v->size || (v->format && strstr(v->format, ".Size"));
	bool any_state = v->all || last || ps_filters_ask_for_state(&v->filters);
	PsFilters filters = { .given = &v->filters };
	TRY(ps_filters_check(cli, &v->filters));
	TRY(cli_store_existing(cli, &s));
	if (s && size) {
		TRY(sandbox_enter()); /* files may be those of subordinate ids */
		TRY(store_reopen(s));
	}
	if (s)
		TRY(container_list(s, a, &all, &count));
	TRY(ps_filters_open(cli, s, &filters));
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < count; i++) {
		ContainerRequest r;
		Str bytes;
		if ((!all[i].running && !any_state) || (last && taken == last))
			continue;
		TRY(container_request_read(&all[i], a, &r));
		bool passes;
		TRY(ps_filters_pass(&filters, s, &all[i], &r, a, &passes));
		if (!passes)
			continue;
		taken++;
		if (v->quiet) {
			printf("%.*s\n",
			       STR_ARG(v->no_trunc ? all[i].id : str_head(all[i].id, SHORT_ID)));
			continue;
		}
		TRY(size_of(s, a, &all[i], size, &bytes));
		rows[shown++] = row_json(a, &all[i], &r, bytes, v->no_trunc);
	}
	if (v->quiet)
		return NULL;
	return listing_print(a, v->format, columns, ARRAY_LEN(columns) - !v->size, titles,
	                     ARRAY_LEN(titles), rows, shown);
}

const Command command_ps = {
	.name = "ps",
	.aliases = "container ls,container list,container ps",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS]",
	.help = "List containers",
	.options = ps_options,
	.option_count = ARRAY_LEN(ps_options),
	.values_size = sizeof(PsValues),
	.run = run_ps,
};
