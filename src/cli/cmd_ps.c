/* cmd_ps.c - the containers of the store, as docker's table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "exec/container.h"

#include <stdio.h>

enum { SHORT_ID = 12, COMMAND_COLUMNS = 20 };

typedef struct PsValues {
	bool all, quiet, no_trunc;
	const char *format;
} PsValues;

static const Option ps_options[] = {
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Show containers that have ended too",
	  .offset = offsetof(PsValues, all) },
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

static void member(JsonWriter *w, const char *key, Str value)
{
	json_write_key(w, key);
	json_write_str(w, value);
}

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

/* In quotes; cut with an ellipsis, control characters as blanks: a row stays a row. */
static Str command_of(Arena *a, Str command, bool full)
{
	AUTO_BUF Buf text = BUF_INIT;
	size_t columns = 0;
	for (size_t i = 0; i < command.len; i++) {
		char c = command.ptr[i];
		columns += ((unsigned char)c & 0xc0) != 0x80;
		if (!full && columns == COMMAND_COLUMNS && i + 1 < command.len) {
			buf_add_str(&text, STR("\xe2\x80\xa6"));
			break;
		}
		buf_add_char(&text, (unsigned char)c < ' ' ? ' ' : c);
	}
	return arena_strf(a, "\"%.*s\"", STR_ARG(buf_str(&text)));
}

static Str row_json(Arena *a, const Container *c, bool full)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	member(&w, "Command", command_of(a, c->command, full));
	member(&w, "CreatedAt", cli_time(a, c->created_ns));
	member(&w, "ID", full ? c->id : str_head(c->id, SHORT_ID));
	member(&w, "Image", c->image_name);
	member(&w, "Names", c->name);
	member(&w, "Ports", c->ports);
	member(&w, "RunningFor",
	       arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - c->created_ns).ptr));
	member(&w, "State",
	       c->running      ? STR("running")
	       : c->started_ns ? STR("exited")
	                       : STR("created"));
	member(&w, "Status", status_of(a, c));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "ID", "CONTAINER ID" },    { "Image", "IMAGE" },   { "Command", "COMMAND" },
	{ "RunningFor", "CREATED" }, { "Status", "STATUS" }, { "Ports", "PORTS" },
	{ "Names", "NAMES" },
};
static const ListingColumn titles[] = {
	{ "ID", "CONTAINER ID" },    { "Image", "IMAGE" },   { "Command", "COMMAND" },
	{ "RunningFor", "CREATED" }, { "Status", "STATUS" }, { "Ports", "PORTS" },
	{ "Names", "NAMES" },        { "State", "STATE" },   { "CreatedAt", "CREATED AT" },
};

static Err *run_ps(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const PsValues *v = values;
	Arena *a = cli->arena;
	Store *s = NULL;
	Container *all = NULL;
	size_t count = 0, shown = 0;
	TRY(cli_store_existing(cli, &s));
	if (s)
		TRY(container_list(s, a, &all, &count));
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < count; i++) {
		if (!all[i].running && !v->all)
			continue;
		if (v->quiet)
			printf("%.*s\n",
			       STR_ARG(v->no_trunc ? all[i].id : str_head(all[i].id, SHORT_ID)));
		else
			rows[shown++] = row_json(a, &all[i], v->no_trunc);
	}
	if (v->quiet)
		return NULL;
	return listing_print(a, v->format, columns, ARRAY_LEN(columns), titles, ARRAY_LEN(titles),
	                     rows, shown);
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
