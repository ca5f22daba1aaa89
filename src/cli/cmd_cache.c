/* cmd_cache.c - the directories of RUN --mount=type=cache: listed, removed, carried to other
 * machines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/cache.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "sandbox/sandbox.h"

#include <limits.h>
#include <stdio.h>

enum { SHORT_KEY = 12 };

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define OF(type, member) .offset = offsetof(type, member)

/* --- which ------------------------------------------------------------------------------------ */

/* Sizes and locks need the owners of the files, which the namespace has. */
Err *cache_find_all(Cli *cli, Caches *ret)
{
	Cancel *cancel;
	*ret = (Caches){ 0 };
	TRY(sandbox_enter());
	TRY(cli_store_existing(cli, &ret->store));
	TRY(cli_cancel(cli, &cancel));
	return ret->store ? store_mount_list(ret->store, cancel, cli->arena, &ret->at, &ret->count)
	                  : NULL;
}

/* The value of a line of the text beside a cache (exec/run_cache.c); "" if there is none. */
static Str info_line(Str info, const char *name)
{
	size_t n = strlen(name);
	while (info.len) {
		Str line;
		info = str_cut(info, '\n', &line);
		if (line.len > n && memcmp(line.ptr, name, n) == 0 && line.ptr[n] == ' ')
			return str_from_at(line, n + 1);
	}
	return STR("");
}

Str cache_key_text(Arena *a, const StoreMount *m, bool full)
{
	char hex[DIGEST_HEX_LEN + 1];
	Str text = arena_str(a, digest_hex(&m->key, hex));
	return full ? text : str_head(text, SHORT_KEY);
}

/* "namespace/id" (plan/plan_mount.c) → its parts; most have no namespace. */
Str cache_id_of(const StoreMount *m, Str *ret_namespace)
{
	return str_cut(info_line(m->info, "id"), '/', ret_namespace);
}

/* NAME is a cache's key, or the beginning of it, or the id that the Dockerfile gave. */
static bool is_called(const StoreMount *m, Str name)
{
	char hex[DIGEST_HEX_LEN + 1];
	Str namespace, id = cache_id_of(m, &namespace);
	if (name.len && str_starts(digest_hex(&m->key, hex), name))
		return true;
	return name.len && (str_eq(id, name) || str_eq(info_line(m->info, "id"), name));
}

/* Only those that ARGS names; each must name one at least. */
Err *cache_keep_named(Cli *cli, const Arguments *args, Caches *c)
{
	bool *named = arena_alloc(cli->arena, c->count + 1, 1);
	size_t kept = 0;
	for (size_t i = 0; i < args->count; i++) {
		bool any = false;
		for (size_t k = 0; k < c->count; k++)
			if (is_called(&c->at[k], str_from(args->at[i])))
				named[k] = any = true;
		if (!any)
			return err_note(err_new(ERR_NOT_FOUND, "no such cache: '%s'", args->at[i]),
			                "'decant cache ls' shows them");
	}
	for (size_t k = 0; k < c->count && args->count; k++)
		if (named[k])
			c->at[kept++] = c->at[k];
	if (args->count)
		c->count = kept;
	return NULL;
}

/* --- ls --------------------------------------------------------------------------------------- */

typedef struct LsValues {
	bool quiet, no_trunc;
	const char *format;
} LsValues;

static const Option ls_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  OF(LsValues, format) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show everything in full",
	  OF(LsValues, no_trunc) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only keys",
	  OF(LsValues, quiet) },
};

static const ListingColumn ls_columns[] = {
	{ "Key", "KEY" },      { "ID", "ID" }, { "Size", "SIZE" }, { "LastUsed", "LAST USED" },
	{ "InUse", "IN USE" },
};
static const ListingColumn ls_titles[] = {
	{ "Key", "KEY" },
	{ "ID", "ID" },
	{ "Size", "SIZE" },
	{ "Bytes", "BYTES" },
	{ "LastUsed", "LAST USED" },
	{ "LastUsedAt", "LAST USED AT" },
	{ "InUse", "IN USE" },
	{ "Directories", "DIRECTORIES" },
	{ "Owner", "OWNER" },
	{ "Namespace", "NAMESPACE" },
	{ "From", "FROM" },
};

static Str row_json(Arena *a, const StoreMount *m, bool full)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	Str from = info_line(m->info, "from");
	Str namespace, id = cache_id_of(m, &namespace);
	json_write_object(&w);
	json_write_member(&w, "Key", cache_key_text(a, m, full));
	json_write_member(&w, "ID", id);
	json_write_member(&w, "Namespace", namespace);
	json_write_member(&w, "Size", cli_size(a, m->size_bytes));
	json_write_member(&w, "Bytes", arena_strf(a, "%llu", (unsigned long long)m->size_bytes));
	json_write_member(
		&w, "LastUsed",
		m->used_ns ? arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - m->used_ns).ptr)
			   : STR("never"));
	json_write_member(&w, "LastUsedAt", m->used_ns ? cli_time(a, m->used_ns) : STR(""));
	json_write_member(&w, "InUse", m->in_use ? STR("true") : STR("false"));
	json_write_member(&w, "Directories", arena_strf(a, "%u", m->count));
	json_write_member(&w, "Owner", info_line(m->info, "owner"));
	json_write_member(&w, "From", from.len ? from : info_line(m->info, "files"));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static Err *run_ls(Cli *cli, const void *values, const Arguments *args)
{
	const LsValues *v = values;
	Arena *a = cli->arena;
	Caches c;
	TRY(cache_find_all(cli, &c));
	TRY(cache_keep_named(cli, args, &c));
	Str *rows = arena_alloc(a, (c.count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < c.count; i++) {
		if (v->quiet)
			printf("%.*s\n", STR_ARG(cache_key_text(a, &c.at[i], v->no_trunc)));
		else
			rows[i] = row_json(a, &c.at[i], v->no_trunc);
	}
	return v->quiet ? NULL
	                : listing_print(a, v->format, ls_columns, ARRAY_LEN(ls_columns), ls_titles,
	                                ARRAY_LEN(ls_titles), rows, c.count);
}

const Command command_cache_ls = {
	.name = "cache-ls",
	.aliases = "cache ls,cache list,cache du",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] [KEY|ID...]",
	.help = "List what RUN --mount=type=cache keeps",
	.about = "One row a cache, the one used last first. KEY is made of the id, the owner and "
		 "what "
		 "the cache\n"
		 "began with; ID is what the Dockerfile wrote, or the target.",
	.options = ls_options,
	.option_count = ARRAY_LEN(ls_options),
	.values_size = sizeof(LsValues),
	.arguments_max = UINT_MAX,
	.run = run_ls,
};

/* --- rm, prune -------------------------------------------------------------------------------- */

typedef struct PruneValues {
	bool force;
	OptionList filters;
	const char *keep;
} PruneValues;

static const Option prune_options[] = {
	{ .name = "filter",
	  .kind = OPTION_LIST,
	  .choices = "until=,id=",
	  .help = "Only those with: until=24h (not used for so long), id=NAME",
	  OF(PruneValues, filters) },
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Do not ask",
	  OF(PruneValues, force) },
	{ .name = "keep-storage",
	  .kind = OPTION_TEXT,
	  .value = "bytes",
	  .help = "Keep so much: the caches used last",
	  OF(PruneValues, keep) },
};

typedef struct PruneFilter {
	int64_t before_ns; /* last use */
	Str id;            /* "" any */
	uint64_t keep_bytes;
} PruneFilter;

static Err *read_filter(Cli *cli, const PruneValues *v, PruneFilter *ret)
{
	*ret = (PruneFilter){ .before_ns = INT64_MAX, .id = STR("") };
	if (v->keep && !str_to_bytes(str_from(v->keep), &ret->keep_bytes))
		return err_note(cli_usage(cli, "invalid value '%s' for --keep-storage", v->keep),
		                "a number of bytes, or 512m, 2g");
	for (size_t i = 0; i < v->filters.count; i++) {
		Str key, value = str_cut(str_from(v->filters.at[i]), '=', &key);
		int64_t ns;
		if (str_eqc(key, "id") && value.len)
			ret->id = value;
		else if (str_eqc(key, "until") && clock_parse_duration(value, &ns) && ns >= 0)
			ret->before_ns = clock_real_ns() - ns;
		else
			return err_note(cli_usage(cli, "invalid filter '%s'", v->filters.at[i]),
			                "until=24h (units h, m, s) or id=NAME");
	}
	return NULL;
}

/* They are sorted by last use, the latest first: what is kept comes first. */
static void keep_prunable(const PruneFilter *f, Caches *c)
{
	uint64_t sum = 0;
	size_t kept = 0;
	for (size_t i = 0; i < c->count; i++) {
		const StoreMount *m = &c->at[i];
		sum += m->size_bytes;
		bool spared = f->keep_bytes && sum <= f->keep_bytes;
		if (!spared && !m->in_use && m->used_ns < f->before_ns &&
		    (!f->id.len || is_called(m, f->id)))
			c->at[kept++] = *m;
	}
	c->count = kept;
}

static bool is_confirmed(void)
{
	char answer[8] = "";
	printf("WARNING! This will remove what RUN --mount=type=cache keeps.\n"
	       "Are you sure you want to continue? [y/N] ");
	(void)fflush(stdout);
	return fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y');
}

/* Those that a RUN uses are kept, and told. */
static Err *remove_all(Cli *cli, const Caches *c, bool told, uint64_t *ret_bytes)
{
	Cancel *cancel;
	*ret_bytes = 0;
	TRY(cli_cancel(cli, &cancel));
	for (size_t i = 0; i < c->count; i++) {
		const StoreMount *m = &c->at[i];
		bool kept;
		TRY(store_mount_remove(c->store, &m->key, cancel, &kept));
		if (kept && told) {
			cli_report(cli, err_new(ERR_INPUT, "the cache '%s' is in use",
			                        cache_key_text(cli->arena, m, false).ptr));
			cli->exit_status = 1;
		}
		if (kept)
			continue;
		*ret_bytes += m->size_bytes;
		printf("%.*s\n", STR_ARG(cache_key_text(cli->arena, m, false)));
	}
	return NULL;
}

static Err *run_rm(Cli *cli, const void *values, const Arguments *args)
{
	uint64_t bytes;
	Caches c;
	(void)values;
	TRY(cache_find_all(cli, &c));
	TRY(cache_keep_named(cli, args, &c));
	return remove_all(cli, &c, true, &bytes);
}

static Err *run_prune(Cli *cli, const void *values, const Arguments *args)
{
	const PruneValues *v = values;
	uint64_t bytes = 0;
	PruneFilter filter;
	Caches c;
	(void)args;
	TRY(read_filter(cli, v, &filter));
	if (!v->force && !is_confirmed())
		return NULL;
	TRY(cache_find_all(cli, &c));
	keep_prunable(&filter, &c);
	TRY(remove_all(cli, &c, false, &bytes));
	printf("Total reclaimed space: %s\n", cli_size(cli->arena, bytes).ptr);
	return NULL;
}

const Command command_cache_rm = {
	.name = "cache-rm",
	.aliases = "cache rm,cache remove",
	.group = GROUP_BUILD,
	.synopsis = "KEY|ID [KEY|ID...]",
	.help = "Remove what RUN --mount=type=cache keeps",
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_rm,
};

const Command command_cache_prune = {
	.name = "cache-prune",
	.aliases = "cache prune",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS]",
	.help = "Remove caches of RUN that are not in use",
	.options = prune_options,
	.option_count = ARRAY_LEN(prune_options),
	.values_size = sizeof(PruneValues),
	.run = run_prune,
};
