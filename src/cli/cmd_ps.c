/* cmd_ps.c - the containers of the store, as docker's table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/rune.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "exec/container.h"
#include "oci/reference.h"

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
	  .help = "Only those: id, name, label, status, exited, ancestor; any of one key's",
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

static Str state_of(const Container *c)
{
	return c->running ? STR("running") : c->started_ns ? STR("exited") : STR("created");
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

/* --- filters --------------------------------------------------------------------------------- */

static const char *const filter_keys[] = { "id", "name", "label", "status", "exited", "ancestor" };

static bool has_label(const ContainerRequest *r, Str wanted)
{
	bool whole = str_find(wanted, '=') >= 0;
	for (size_t i = 0; i < r->labels.count; i++) {
		Str name;
		(void)str_cut(r->labels.at[i], '=', &name);
		if (str_eq(whole ? r->labels.at[i] : name, wanted))
			return true;
	}
	return false;
}

/* "alpine" → "alpine:latest"; what is none stays. */
static Str whole_name(Arena *a, Str name)
{
	Reference ref;
	AUTO_ERR Err *e = reference_parse(a, name, &ref);
	return e ? name : reference_familiar(a, &ref);
}

/* A name without a tag is that of all tags. */
static bool is_of_image(const Container *c, Str wanted)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str whole = whole_name(&a, c->image_name), name;
	(void)str_cut(whole, ':', &name);
	char digest[DIGEST_TEXT_LEN + 1];
	Str id = digest_text(&c->image_id, digest);
	return str_eq(whole, whole_name(&a, wanted)) || str_eq(name, wanted) ||
	       str_eq(id, wanted) ||
	       (wanted.len >= SHORT_ID && str_starts(str_from_at(id, strlen("sha256:")), wanted));
}

static bool matches(const Container *c, const ContainerRequest *r, Str key, Str value)
{
	uint64_t number;
	if (str_eqc(key, "id"))
		return str_starts(c->id, value);
	if (str_eqc(key, "name"))
		return memmem(c->name.ptr, c->name.len, value.ptr, value.len) != NULL;
	if (str_eqc(key, "label"))
		return has_label(r, value);
	if (str_eqc(key, "status"))
		return str_eq(state_of(c), value);
	if (str_eqc(key, "exited"))
		return !c->running && c->started_ns && str_to_u64(value, &number) &&
		       number == (uint64_t)c->exit_status;
	return is_of_image(c, value);
}

static Err *check_filters(Cli *cli, const OptionList *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		Str key;
		bool known = false;
		(void)str_cut(str_from(filters->at[i]), '=', &key);
		for (size_t k = 0; k < ARRAY_LEN(filter_keys); k++)
			known = known || str_eqc(key, filter_keys[k]);
		if (!known || key.len == strlen(filters->at[i]))
			return err_note(cli_usage(cli, "invalid filter '%s'", filters->at[i]),
			                "there are id, name, label, status, exited and ancestor, "
			                "each as KEY=VALUE");
	}
	return NULL;
}

/* Of each key one filter must match; of labels all. */
static bool passes(const Container *c, const ContainerRequest *r, const OptionList *filters)
{
	for (size_t k = 0; k < ARRAY_LEN(filter_keys); k++) {
		bool any = false, all = true, asked = false;
		for (size_t i = 0; i < filters->count; i++) {
			Str key, value = str_cut(str_from(filters->at[i]), '=', &key);
			if (!str_eqc(key, filter_keys[k]))
				continue;
			bool match = matches(c, r, key, value);
			asked = true;
			any = any || match;
			all = all && match;
		}
		if (asked && !(strcmp(filter_keys[k], "label") == 0 ? all : any))
			return false;
	}
	return true;
}

/* A state that is asked for is shown without --all. */
static bool asks_for_state(const OptionList *filters)
{
	for (size_t i = 0; i < filters->count; i++)
		if (strncmp(filters->at[i], "status=", 7) == 0 ||
		    strncmp(filters->at[i], "exited=", 7) == 0)
			return true;
	return false;
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
	json_write_member(&w, "State", state_of(c));
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
	bool any_state = v->all || last || asks_for_state(&v->filters);
	TRY(check_filters(cli, &v->filters));
	TRY(cli_store_existing(cli, &s));
	if (s && size) {
		TRY(sandbox_enter()); /* files may be those of subordinate ids */
		TRY(store_reopen(s));
	}
	if (s)
		TRY(container_list(s, a, &all, &count));
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < count; i++) {
		ContainerRequest r;
		Str bytes;
		if ((!all[i].running && !any_state) || (last && taken == last))
			continue;
		TRY(container_request_read(&all[i], a, &r));
		if (!passes(&all[i], &r, &v->filters))
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
