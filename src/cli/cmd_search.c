/* cmd_search.c - what registries have: Docker Hub's search, the catalogue and the tags of others.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/connection.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "registry/catalog.h"

#include <stdio.h>
#include <stdlib.h>

enum { DESCRIPTION_COLUMNS = 45, LIMIT = 25, SEARCH_LIMIT_MAX = 100 };

typedef struct SearchValues {
	OptionList filters;
	const char *format;
	unsigned limit;
	bool no_trunc, list_tags, compatible;
	ConnectionValues connection;
} SearchValues;

static const Option search_options[] = {
	{ .name = "filter",
	  .letter = 'f',
	  .kind = OPTION_LIST,
	  .value = "filter",
	  .help = "Only those with stars=NUMBER or more, is-official=true",
	  .offset = offsetof(SearchValues, filters) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(SearchValues, format) },
	{ .name = "limit",
	  .kind = OPTION_NUMBER,
	  .max = CATALOG_NAMES_MAX,
	  .value = "int",
	  .help = "At most so many (default 25)",
	  .offset = offsetof(SearchValues, limit) },
	{ .name = "list-tags",
	  .kind = OPTION_FLAG,
	  .help = "TERM is a repository: list its tags",
	  .offset = offsetof(SearchValues, list_tags) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show descriptions in full",
	  .offset = offsetof(SearchValues, no_trunc) },
	{ .name = "compatible",
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "As it is anyway",
	  .offset = offsetof(SearchValues, compatible) },
	CONNECTION_OPTIONS(SearchValues, connection),
};

typedef struct Filter {
	int64_t stars;
	bool asks_official, official, asks_automated, automated;
} Filter;

/* "HOST:PORT", which is no word to look for. */
static bool is_address(Str text)
{
	Str host, port = str_cut(text, ':', &host);
	uint64_t number;
	return host.len && str_to_u64(port, &number) && number <= UINT16_MAX;
}

/* The registry of a TERM like "quay.io/app" or "localhost:5000", and the rest of it. */
static Str split_term(Arena *a, const char *text, Str *ret_domain)
{
	Str term = str_from(text), first;
	Str rest = str_cut(term, '/', &first);
	bool host = is_address(term) || (first.len < term.len &&
	                                 (str_find(first, '.') >= 0 || str_find(first, ':') >= 0 ||
	                                  str_eqc(first, "localhost")));
	*ret_domain = host ? arena_str(a, first) : STR("docker.io");
	if (str_eqc(*ret_domain, "index.docker.io"))
		*ret_domain = STR("docker.io");
	return host ? rest : term;
}

static Err *read_filter(Cli *cli, const char *text, Filter *f)
{
	Str name;
	Str value = str_cut(str_from(text), '=', &name);
	uint64_t stars;
	bool good = false;
	if (str_eqc(name, "stars")) {
		good = str_to_u64(value, &stars) && stars < INT64_MAX;
		f->stars = good ? (int64_t)stars : 0;
	} else if (str_eqc(name, "is-official")) {
		good = str_to_bool(value, &f->official);
		f->asks_official = true;
	} else if (str_eqc(name, "is-automated")) {
		good = str_to_bool(value, &f->automated);
		f->asks_automated = true;
	}
	return good ? NULL : cli_usage(cli, "invalid filter '%s'", text);
}

static bool passes(const Filter *f, const CatalogHit *h)
{
	return h->stars >= f->stars && (!f->asks_official || h->official == f->official) &&
	       (!f->asks_automated || h->automated == f->automated);
}

/* One row: no line ends, and no control bytes for the terminal. */
static Str one_line(Arena *a, Str text, bool cut)
{
	AUTO_BUF Buf line = BUF_INIT;
	size_t columns = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		columns += ((unsigned char)c & 0xc0) != 0x80;
		if (cut && columns == DESCRIPTION_COLUMNS && i + 1 < text.len) {
			buf_add_str(&line, STR("\xe2\x80\xa6"));
			break;
		}
		buf_add_char(&line, (unsigned char)c < ' ' || c == 0x7f ? ' ' : c);
	}
	return arena_str(a, buf_str(&line));
}

/* The table has a mark, JSON a word. */
static Str mark(bool is, bool in_json)
{
	if (in_json)
		return is ? STR("true") : STR("false");
	return is ? STR("[OK]") : STR("");
}

static bool asks_for_json(const char *format)
{
	return format && (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0);
}

static Str hit_json(Arena *a, Str prefix, const CatalogHit *h, bool full, bool in_json)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(
		&w, "Name",
		one_line(a, arena_strf(a, "%.*s%.*s", STR_ARG(prefix), STR_ARG(h->name)), false));
	json_write_member(&w, "Description", one_line(a, h->description, !full));
	json_write_member(&w, "StarCount", arena_strf(a, "%lld", (long long)h->stars));
	json_write_member(&w, "IsOfficial", mark(h->official, in_json));
	json_write_member(&w, "IsAutomated", mark(h->automated, in_json));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static int by_stars(const void *a, const void *b)
{
	const CatalogHit *x = a, *y = b;
	if (x->stars != y->stars)
		return x->stars < y->stars ? 1 : -1;
	return str_cmp(x->name, y->name);
}

static const ListingColumn hit_columns[] = {
	{ "Name", "NAME" },
	{ "Description", "DESCRIPTION" },
	{ "StarCount", "STARS" },
	{ "IsOfficial", "OFFICIAL" },
};
static const ListingColumn hit_titles[] = {
	{ "Name", "NAME" },           { "Description", "DESCRIPTION" }, { "StarCount", "STARS" },
	{ "IsOfficial", "OFFICIAL" }, { "IsAutomated", "AUTOMATED" },
};
static const ListingColumn tag_columns[] = { { "Name", "NAME" }, { "Tag", "TAG" } };

static Err *print_hits(Cli *cli, const SearchValues *v, const Filter *f, Str domain,
                       CatalogHit *hits, size_t count)
{
	Arena *a = cli->arena;
	size_t shown = 0;
	bool hub = str_eqc(domain, "docker.io");
	Str prefix = hub ? STR("") : arena_strf(a, "%.*s/", STR_ARG(domain));
	Str *rows = arena_alloc(a, (count + 1) * sizeof *rows, _Alignof(Str));
	if (count)
		qsort(hits, count, sizeof *hits, by_stars);
	for (size_t i = 0; i < count; i++) {
		CatalogHit h = hits[i];
		Str library = STR("library/");
		if (hub && str_starts(h.name, library))
			h.name = str_from_at(h.name, library.len);
		if (passes(f, &h))
			rows[shown++] =
				hit_json(a, prefix, &h, v->no_trunc, asks_for_json(v->format));
	}
	return listing_print(a, v->format, hit_columns, ARRAY_LEN(hit_columns), hit_titles,
	                     ARRAY_LEN(hit_titles), rows, shown);
}

static Err *list_tags(Cli *cli, const SearchValues *v, Registry *r, const char *term)
{
	Arena *a = cli->arena;
	Reference ref;
	CatalogNames names;
	TRY(cli_reference(cli, term, &ref));
	TRY(registry_list(r, ref.domain, ref.path, v->limit ? v->limit : LIMIT, NULL, NULL, a,
	                  &names));
	Str name = reference_familiar_name(a, &ref);
	Str *rows = arena_alloc(a, (names.count + 1) * sizeof *rows, _Alignof(Str));
	for (size_t i = 0; i < names.count; i++) {
		AUTO_BUF Buf json = BUF_INIT;
		JsonWriter w = { .out = &json };
		json_write_object(&w);
		json_write_member(&w, "Name", name);
		json_write_member(&w, "Tag", one_line(a, names.at[i], false));
		json_write_object_end(&w);
		rows[i] = arena_str(a, buf_str(&json));
	}
	return listing_print(a, v->format, tag_columns, ARRAY_LEN(tag_columns), tag_columns,
	                     ARRAY_LEN(tag_columns), rows, names.count);
}

static bool has_term(void *context, Str name)
{
	const Str *term = context;
	return !term->len || memmem(name.ptr, name.len, term->ptr, term->len) != NULL;
}

/* A registry of one's own has a catalogue; a public one rather a search. */
static Err *search(Registry *r, Str domain, Str term, size_t limit, Arena *a, CatalogHit **ret,
                   size_t *ret_count)
{
	CatalogNames names;
	if (str_eqc(domain, "docker.io"))
		return registry_search(r, domain, term, limit, a, ret, ret_count);
	AUTO_ERR Err *err =
		registry_list(r, domain, (Str){ "", 0 }, limit, has_term, &term, a, &names);
	if (err && (err_kind(err) == ERR_NOT_FOUND || err_kind(err) == ERR_DENIED)) {
		AUTO_ERR Err *other = registry_search(r, domain, term, limit, a, ret, ret_count);
		if (!other || err_kind(other) != ERR_NOT_FOUND)
			return TAKE_PTR(other);
	}
	if (err)
		return err_note(TAKE_PTR(err), "nor has it a search; the tags of a repository: "
		                               "decant search --list-tags");
	*ret = arena_alloc(a, (names.count + 1) * sizeof **ret, _Alignof(CatalogHit));
	for (size_t i = 0; i < names.count; i++)
		(*ret)[i] = (CatalogHit){ .name = names.at[i], .description = { "", 0 } };
	*ret_count = names.count;
	return NULL;
}

static Err *list_hits(Cli *cli, const SearchValues *v, const Filter *f, Registry *r, Str domain,
                      Str term)
{
	CatalogHit *hits = NULL;
	size_t count = 0;
	TRY(search(r, domain, term, v->limit ? v->limit : LIMIT, cli->arena, &hits, &count));
	return print_hits(cli, v, f, domain, hits, count);
}

static Err *run_search(Cli *cli, const void *values, const Arguments *args)
{
	const SearchValues *v = values;
	Filter filter = { 0 };
	Str authorities, domain;
	Cancel *cancel;
	TRY(connection_apply(cli, &v->connection, &authorities));
	for (size_t i = 0; i < v->filters.count; i++)
		TRY(read_filter(cli, v->filters.at[i], &filter));
	Str term = split_term(cli->arena, args->at[0], &domain);
	if (!v->list_tags && str_eqc(domain, "docker.io") && v->limit > SEARCH_LIMIT_MAX)
		return cli_usage(cli, "limit %u is outside the range of [1, %d]", v->limit,
		                 SEARCH_LIMIT_MAX);
	Reference probe; /* the host must be one */
	TRY(cli_reference(cli, arena_strf(cli->arena, "%.*s/x", STR_ARG(domain)).ptr, &probe));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(cli_cancel(cli, &cancel));
	TRY(registry_open(cancel, &registry));
	Err *e = v->list_tags ? list_tags(cli, v, registry, args->at[0])
	                      : list_hits(cli, v, &filter, registry, domain, term);
	return cli_of_registry(e);
}

const Command command_search = {
	.name = "search",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [REGISTRY/]TERM",
	.help = "Look for images in a registry",
	.about = "Without REGISTRY it is Docker Hub. Others are asked for their catalogue, then "
		 "for a search: "
		 "'decant search localhost:5000' lists all that there is.",
	.options = search_options,
	.option_count = ARRAY_LEN(search_options),
	.values_size = sizeof(SearchValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_search,
};
