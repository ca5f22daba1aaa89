/* cmd_images.c - the images of the store, as docker's classic table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "exec/image.h"
#include "fs/match.h"

#include <stdio.h>

typedef struct ImagesValues {
	bool all, digests, no_trunc, quiet;
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
	          "since=IMAGE",
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
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only IDs",
	  .offset = offsetof(ImagesValues, quiet) },
};

/* One row: a name, or an image without one. */
typedef struct Row {
	const Image *image;
	Reference ref;
	Str full;            /* the ref's name; "" for an image without a name */
	Str repository, tag; /* as shown */
	Digest manifest;     /* zero: none */
} Row;

typedef VEC(Row) RowVec;
typedef VEC(Image *) ImageVec;

/* What --filter and the argument ask for. */
typedef struct Filters {
	const char *dangling; /* "true", "false", NULL */
	OptionList references, labels;
	int64_t before_ns, since_ns; /* created in between; INT64_MAX, INT64_MIN: no limit */
} Filters;

static void push(Arena *a, OptionList *list, const char *text)
{
	const char **more = arena_alloc(a, (list->count + 1) * sizeof *more, _Alignof(char *));
	if (list->count)
		memcpy(more, list->at, list->count * sizeof *more);
	more[list->count++] = text;
	list->at = more;
}

static Err *read_filter(Cli *cli, Store *s, const char *text, Filters *f)
{
	Str key;
	(void)str_cut(str_from(text), '=', &key);
	const char *value = text + key.len;
	if (*value != '=')
		return cli_usage(cli, "invalid filter '%s': expected KEY=VALUE", text);
	value++;
	if (str_eqc(key, "dangling")) {
		f->dangling = value;
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return cli_usage(cli, "invalid filter '%s': expected true or false", text);
	} else if (str_eqc(key, "reference")) {
		push(cli->arena, &f->references, value);
	} else if (str_eqc(key, "label")) {
		push(cli->arena, &f->labels, value);
	} else if (str_eqc(key, "before") || str_eqc(key, "since")) {
		Image image;
		TRY(cli_image(cli, s, value, &image));
		if (str_eqc(key, "before"))
			f->before_ns = image.config.created_ns;
		else
			f->since_ns = image.config.created_ns;
	} else {
		return err_note(cli_usage(cli, "invalid filter '%.*s'", STR_ARG(key)),
		                "one of dangling, reference, label, before, since");
	}
	return NULL;
}

/* PATTERN against what people type, as docker: "go*", "golang:1.18", also the full name. */
static Err *matches_reference(Arena *a, const Row *row, const char *pattern, bool *ret)
{
	const Str names[] = {
		reference_familiar(a, &row->ref),
		reference_familiar_name(a, &row->ref),
		row->full,
		arena_strf(a, "%.*s/%.*s", STR_ARG(row->ref.domain), STR_ARG(row->ref.path)),
	};
	*ret = false;
	for (size_t i = 0; i < ARRAY_LEN(names) && !*ret; i++)
		TRY(match_glob(str_from(pattern), names[i], ret));
	return NULL;
}

static bool has_label(const ImageConfig *config, const char *wanted)
{
	Str key;
	(void)str_cut(str_from(wanted), '=', &key);
	const char *value = wanted[key.len] ? wanted + key.len + 1 : NULL;
	for (size_t i = 0; i < config->label_count; i++)
		if (str_eq(config->labels[i].key, key) &&
		    (!value || str_eqc(config->labels[i].value, value)))
			return true;
	return false;
}

static Err *is_wanted(Arena *a, const Row *row, const Filters *f, bool all, bool *ret)
{
	bool dangling = row->full.len == 0;
	*ret = false;
	if (f->dangling ? dangling != (strcmp(f->dangling, "true") == 0) : dangling && !all)
		return NULL;
	int64_t created = row->image->config.created_ns;
	if ((f->before_ns != INT64_MAX && created >= f->before_ns) ||
	    (f->since_ns != INT64_MIN && created <= f->since_ns))
		return NULL;
	for (size_t i = 0; i < f->labels.count; i++)
		if (!has_label(&row->image->config, f->labels.at[i]))
			return NULL;
	bool matches = f->references.count == 0;
	for (size_t i = 0; i < f->references.count && !matches && !dangling; i++)
		TRY(matches_reference(a, row, f->references.at[i], &matches));
	*ret = matches;
	return NULL;
}

/* The image of a ref, read once however many names it has. */
static Err *image_of(Store *s, Arena *a, ImageVec *images, const Digest *id, const Image **ret)
{
	for (size_t i = 0; i < images->len; i++)
		if (digest_eq(&images->at[i]->id, id)) {
			*ret = images->at[i];
			return NULL;
		}
	Image *image = arena_new(a, Image);
	TRY(image_read(s, id, a, image));
	VEC_PUSH(images, image);
	*ret = image;
	return NULL;
}

static Err *make_row(Store *s, Arena *a, ImageVec *images, const StoreRef *ref, Row *row)
{
	*row = (Row){ .full = STR(""), .repository = STR("<none>"), .tag = STR("<none>") };
	TRY(image_of(s, a, images, &ref->config, &row->image));
	row->manifest = digest_is_zero(&ref->pulled) ? ref->manifest : ref->pulled;
	if (str_starts(ref->name, STR("sha256:")))
		return NULL;
	TRY(reference_parse(a, ref->name, &row->ref));
	row->full = ref->name;
	row->repository = reference_familiar_name(a, &row->ref);
	if (row->ref.tag.len)
		row->tag = row->ref.tag;
	return NULL;
}

static int newest_first(const void *a, const void *b)
{
	const Row *x = a, *y = b;
	int64_t p = x->image->config.created_ns, q = y->image->config.created_ns;
	if (p != q)
		return p > q ? -1 : 1;
	int order = str_cmp(x->repository, y->repository);
	return order ? order : str_cmp(x->tag, y->tag);
}

static Err *collect(Cli *cli, Store *s, const Filters *f, bool all, RowVec *rows)
{
	StoreRef *refs = NULL;
	size_t count = 0;
	AUTO_VEC ImageVec images = { 0 };
	if (s)
		TRY(store_ref_list(s, cli->arena, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		Row row;
		bool wanted;
		Err *e = make_row(s, cli->arena, &images, &refs[i], &row);
		if (e) {
			/* one damaged image must not hide the others */
			cli_report(cli, err_while(e, "listing '%.*s'", STR_ARG(refs[i].name)));
			continue;
		}
		TRY(is_wanted(cli->arena, &row, f, all, &wanted));
		if (wanted)
			VEC_PUSH(rows, row);
	}
	if (rows->len)
		qsort(rows->at, rows->len, sizeof *rows->at, newest_first);
	return NULL;
}

static Str shown_id(Arena *a, const Digest *id, bool full)
{
	return full ? digest_arena_text(a, id) : str_head(digest_arena_hex(a, id), 12);
}

static void member(JsonWriter *w, const char *key, Str value)
{
	json_write_key(w, key);
	json_write_str(w, value);
}

static Str row_json(Arena *a, const Row *row, bool full_id)
{
	const ImageConfig *config = &row->image->config;
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	Str size = cli_size(a, row->image->size_bytes);
	bool timed = config->created_ns != IMAGE_TIME_NONE;
	Str since = timed ? arena_strf(a, "%s ago",
	                               cli_age(a, clock_real_ns() - config->created_ns).ptr)
	                  : STR("N/A");
	json_write_object(&w);
	member(&w, "Containers", STR("N/A"));
	member(&w, "CreatedAt", timed ? cli_time(a, config->created_ns) : STR("N/A"));
	member(&w, "CreatedSince", since);
	member(&w, "Digest",
	       digest_is_zero(&row->manifest) ? STR("<none>")
	                                      : digest_arena_text(a, &row->manifest));
	member(&w, "ID", shown_id(a, &row->image->id, full_id));
	member(&w, "Repository", row->repository);
	member(&w, "SharedSize", STR("N/A"));
	member(&w, "Size", size);
	member(&w, "Tag", row->tag);
	member(&w, "UniqueSize", STR("N/A"));
	member(&w, "VirtualSize", size);
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
static const ListingColumn columns[] = {
	{ "Repository", "" }, { "Tag", "" }, { "ID", "" }, { "CreatedSince", "" }, { "Size", "" },
};
static const ListingColumn digest_columns[] = {
	{ "Repository", "" }, { "Tag", "" },          { "Digest", "" },
	{ "ID", "" },         { "CreatedSince", "" }, { "Size", "" },
};

static Err *print_rows(Arena *a, const ImagesValues *v, const RowVec *rows)
{
	if (v->quiet) {
		for (size_t i = 0; i < rows->len; i++) {
			Str id = shown_id(a, &rows->at[i].image->id, v->no_trunc);
			printf("%.*s\n", STR_ARG(id));
		}
		return NULL;
	}
	Str *json = arena_alloc(a, (rows->len + 1) * sizeof *json, _Alignof(Str));
	for (size_t i = 0; i < rows->len; i++)
		json[i] = row_json(a, &rows->at[i], v->no_trunc);
	const ListingColumn *shown = v->digests ? digest_columns : columns;
	size_t count = v->digests ? ARRAY_LEN(digest_columns) : ARRAY_LEN(columns);
	return listing_print(a, v->format, shown, count, titles, ARRAY_LEN(titles), json,
	                     rows->len);
}

static Err *run_images(Cli *cli, const void *values, const Arguments *args)
{
	const ImagesValues *v = values;
	Store *s = NULL;
	Filters filters = { .before_ns = INT64_MAX, .since_ns = INT64_MIN };
	TRY(cli_store_existing(cli, &s));
	for (size_t i = 0; i < v->filters.count; i++)
		TRY(read_filter(cli, s, v->filters.at[i], &filters));
	if (args->count)
		push(cli->arena, &filters.references, args->at[0]);
	AUTO_VEC RowVec rows = { 0 };
	TRY(collect(cli, s, &filters, v->all, &rows));
	return print_rows(cli->arena, v, &rows);
}

const Command command_images = {
	.name = "images",
	.aliases = "image ls,image list",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [REPOSITORY[:TAG]]",
	.help = "List images",
	.about = "SIZE is the sum of the files in all layers. Placeholders of --format: "
		 ".Repository, .Tag, .ID,\n"
		 ".Digest, .CreatedSince, .CreatedAt, .Size.",
	.options = images_options,
	.option_count = ARRAY_LEN(images_options),
	.values_size = sizeof(ImagesValues),
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_images,
};
