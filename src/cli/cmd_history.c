/* cmd_history.c - how an image came to be. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/history_lines.h"
#include "cli/listing.h"
#include "codec/json.h"
#include "exec/image.h"
#include "store/parts.h"

#include <stdio.h>

/* CREATED BY is cut to this in the table (docker). */
enum { CREATED_BY_COLUMNS = 45 };
/* Before 2001 stands for "no time" in docker's table. */
#define YEAR_2000_NS 946684800000000000ll

typedef struct HistoryValues {
	bool no_trunc, quiet, human, lines;
	const char *format, *platform;
} HistoryValues;

static const Option history_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "table,json",
	  .help = "'table', 'table TEMPLATE', 'json' or a Go template",
	  .offset = offsetof(HistoryValues, format) },
	{ .name = "human",
	  .letter = 'H',
	  .kind = OPTION_FLAG,
	  .help = "Sizes and times for people (default true)",
	  .offset = offsetof(HistoryValues, human) },
	{ .name = "lines",
	  .kind = OPTION_FLAG,
	  .help = "Show the line of the Dockerfile, of images built here",
	  .offset = offsetof(HistoryValues, lines) },
	{ .name = "no-trunc",
	  .kind = OPTION_FLAG,
	  .help = "Show everything in full",
	  .offset = offsetof(HistoryValues, no_trunc) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "The image for this platform: os/arch[/variant] (default this machine's)",
	  .offset = offsetof(HistoryValues, platform) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Show only IDs",
	  .offset = offsetof(HistoryValues, quiet) },
};

static void history_defaults(void *values)
{
	((HistoryValues *)values)->human = true;
}

/* The first CREATED_BY_COLUMNS characters, the last of them an ellipsis; tabs would break the
 * table, and line ends do, where there is one. */
static Str created_by(Arena *a, Str text, bool full, bool in_table)
{
	AUTO_BUF Buf out = BUF_INIT;
	size_t columns = 0, at = 0;
	for (; at < text.len; at++) {
		bool starts = ((unsigned char)text.ptr[at] & 0xc0) != 0x80;
		columns += starts;
		if (!full && starts && columns > CREATED_BY_COLUMNS)
			break;
		char c = text.ptr[at];
		buf_add_char(&out, c == '\t' || (c == '\n' && in_table) ? ' ' : c);
	}
	if (at < text.len) {
		while (out.len && ((unsigned char)out.ptr[out.len - 1] & 0xc0) == 0x80)
			out.len--;
		out.len -= out.len > 0;
		buf_add_str(&out, STR("\xe2\x80\xa6"));
	}
	return arena_str(a, buf_str(&out));
}

static Str created_since(Arena *a, int64_t ns)
{
	if (ns <= YEAR_2000_NS)
		return STR("N/A");
	return arena_strf(a, "%s ago", cli_age(a, clock_real_ns() - ns).ptr);
}

static bool is_table(const HistoryValues *v)
{
	return !v->format || !*v->format || strncmp(v->format, "table", 5) == 0;
}

static Str row_json(Arena *a, const HistoryValues *v, const History *h, Str id, uint64_t size,
                    const unsigned *line)
{
	char time[CLOCK_TEXT_BYTES];
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	/* whole seconds, as docker */
	Str at = h->created_ns == IMAGE_TIME_NONE
	                 ? STR("1970-01-01T00:00:00Z") /* as there */
	                 : clock_format(h->created_ns - h->created_ns % 1000000000, time);
	json_write_object(&w);
	json_write_member(&w, "Comment", h->comment);
	json_write_member(&w, "CreatedAt", at);
	json_write_member(&w, "CreatedBy", created_by(a, h->created_by, v->no_trunc, is_table(v)));
	json_write_member(&w, "CreatedSince", v->human ? created_since(a, h->created_ns) : at);
	json_write_member(&w, "ID", id);
	if (line)
		json_write_member(&w, "Line", *line ? arena_strf(a, "%u", *line) : STR(""));
	json_write_member(&w, "Size",
	                  v->human ? cli_size(a, size)
	                           : arena_strf(a, "%llu", (unsigned long long)size));
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static const ListingColumn columns[] = {
	{ "ID", "IMAGE" },  { "CreatedSince", "CREATED" }, { "CreatedBy", "CREATED BY" },
	{ "Size", "SIZE" }, { "Comment", "COMMENT" },
};
static const ListingColumn columns_with_lines[] = {
	{ "ID", "IMAGE" },  { "CreatedSince", "CREATED" },
	{ "Line", "LINE" }, { "CreatedBy", "CREATED BY" },
	{ "Size", "SIZE" }, { "Comment", "COMMENT" },
};
static const ListingColumn titles[] = {
	{ "ID", "IMAGE" },  { "CreatedSince", "CREATED" }, { "CreatedBy", "CREATED BY" },
	{ "Size", "SIZE" }, { "Comment", "COMMENT" },      { "CreatedAt", "CREATED AT" },
	{ "Line", "LINE" },
};

static Err *layer_size(Store *s, const Digest *diff_id, uint64_t *ret)
{
	StoreLayer layer;
	TRY(store_layer_look(s, diff_id, &layer));
	*ret = layer.size_bytes;
	return NULL;
}

static Err *run_history(Cli *cli, const void *values, const Arguments *args)
{
	const HistoryValues *v = values;
	Arena *a = cli->arena;
	Store *s = NULL;
	Image image = { 0 };
	TRY(cli_store_existing(cli, &s));
	TRY(cli_image_for(cli, s, args->at[0], v->platform, &image));
	const ImageConfig *c = &image.config;
	Str *rows = arena_alloc(a, (c->history_count + 1) * sizeof *rows, _Alignof(Str));
	/* it takes a look at the journal: not for those who have not asked */
	bool wants_lines = v->lines || (v->format && strstr(v->format, ".Line"));
	const unsigned *lines = wants_lines ? history_lines(s, a, &image) : NULL;
	size_t layer = c->diff_id_count;
	/* as docker: a template of one's own says itself what is shown */
	bool quiet = v->quiet && (!v->format || !*v->format || strcmp(v->format, "table") == 0);
	for (size_t i = 0; i < c->history_count; i++) {
		/* newest first; the layers belong to the entries that are not empty, from the end
		 */
		const History *h = &c->history[c->history_count - 1 - i];
		uint64_t size = 0;
		if (!h->empty_layer && layer > 0)
			TRY(layer_size(s, &c->diff_ids[--layer], &size));
		Str full = digest_arena_text(a, &image.id);
		Str id = i             ? STR("<missing>")
		         : v->no_trunc ? full
		                       : arena_strf(a, "%.12s", full.ptr + 7);
		if (quiet)
			printf("%s\n", id.ptr);
		rows[i] = row_json(a, v, h, id, size,
		                   lines ? &lines[c->history_count - 1 - i] : NULL);
	}
	if (quiet)
		return NULL;
	size_t shown_count = v->lines ? ARRAY_LEN(columns_with_lines) : ARRAY_LEN(columns);
	const ListingColumn *shown = v->lines ? columns_with_lines : columns;
	ListingColumn heads[ARRAY_LEN(titles)];
	memcpy(heads, titles, sizeof titles);
	if (!v->human)
		heads[1].title = "CREATED AT";
	return listing_print(a, v->format, shown, shown_count, heads, ARRAY_LEN(heads), rows,
	                     c->history_count);
}

const Command command_history = {
	.name = "history",
	.aliases = "image history",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE",
	.help = "Show how an image was made",
	.options = history_options,
	.option_count = ARRAY_LEN(history_options),
	.values_size = sizeof(HistoryValues),
	.defaults = history_defaults,
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_history,
};
