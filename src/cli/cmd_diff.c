/* cmd_diff.c - what differs between two images; or what a container has changed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/changes.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/quoted.h"
#include "cli/shell_step.h"
#include "exec/container.h"
#include "sandbox/sandbox.h"

#include <assert.h>
#include <stdio.h>

typedef struct DiffValues {
	const char *format;
	bool stat, times, exit_code;
} DiffValues;

static const Option diff_options[] = {
	{ .name = "exit-code",
	  .kind = OPTION_FLAG,
	  .help = "End with status 1 if anything differs",
	  .offset = offsetof(DiffValues, exit_code) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "text,json",
	  .help = "'text' (default) or 'json'",
	  .offset = offsetof(DiffValues, format) },
	{ .name = "stat",
	  .kind = OPTION_FLAG,
	  .help = "Only numbers: files added, removed, changed, and bytes",
	  .offset = offsetof(DiffValues, stat) },
	{ .name = "times",
	  .kind = OPTION_FLAG,
	  .help = "Modification times count as well",
	  .offset = offsetof(DiffValues, times) },
};

/* --- two images ------------------------------------------------------------------------------- */

typedef struct Report {
	const DiffValues *how;
	bool json;
	JsonWriter *w;
	size_t added, removed, changed, times_alone;
	uint64_t bytes_before, bytes_after;
} Report;

static void count(Report *r, const Change *c)
{
	if (c->before && c->before->type == ENTRY_FILE)
		r->bytes_before += c->before->size;
	if (c->after && c->after->type == ENTRY_FILE)
		r->bytes_after += c->after->size;
	*(!c->before ? &r->added : !c->after ? &r->removed : &r->changed) += 1;
}

static void print_one(Arena *a, const Change *c)
{
	const Entry *any = c->after ? c->after : c->before;
	AUTO_BUF Buf words = BUF_INIT;
	assert(any); /* one of two that differ */
	if (c->before && c->after) {
		changes_words(a, c, &words);
	} else {
		buf_addf(&words, "%s", changes_type(any));
		if (any->type == ENTRY_FILE)
			buf_addf(&words, ", %s", cli_size(a, any->size).ptr);
		if (any->type == ENTRY_SYMLINK || any->type == ENTRY_HARDLINK)
			buf_addf(&words, " to %.*s", STR_ARG(any->link));
	}
	printf("%c ", !c->before ? 'A' : !c->after ? 'D' : 'M');
	quoted_print(arena_strf(a, "/%.*s", STR_ARG(any->path)), stdout);
	printf("  ");
	quoted_print(buf_str(&words), stdout);
	putchar('\n');
}

static Err *take(void *context, const Change *change)
{
	Report *r = context;
	AUTO_ARENA Arena a = ARENA_INIT;
	Change c = *change;
	if (c.before && c.after && !r->how->times) {
		c.bits &= ~(unsigned)COMPARE_TIME;
		r->times_alone += !c.bits;
		if (!c.bits)
			return NULL;
	}
	count(r, &c);
	if (r->json && !r->how->stat)
		changes_json(&a, &c, r->w);
	else if (!r->how->stat)
		print_one(&a, &c);
	return NULL;
}

static Err *flatten(Store *s, const Image *image, List **ret)
{
	AUTO_VIEW View *view = NULL;
	TRY(view_open(s, image->config.diff_ids, image->config.diff_id_count, &view));
	return compare_flatten(view, ret);
}

static void print_config(const ConfigChange *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("config ");
		quoted_print(all[i].name, stdout);
		printf(": ");
		quoted_print(all[i].before ? *all[i].before : STR("(none)"), stdout);
		printf(" -> ");
		quoted_print(all[i].after ? *all[i].after : STR("(none)"), stdout);
		putchar('\n');
	}
}

static void config_json(const ConfigChange *all, size_t n, JsonWriter *w)
{
	json_write_key(w, "config");
	json_write_array(w);
	for (size_t i = 0; i < n; i++) {
		json_write_object(w);
		json_write_key(w, "name");
		json_write_str(w, all[i].name);
		json_write_key(w, "before");
		all[i].before ? json_write_str(w, *all[i].before) : json_write_null(w);
		json_write_key(w, "after");
		all[i].after ? json_write_str(w, *all[i].after) : json_write_null(w);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void print_stat(Arena *a, const Report *r, size_t config_count)
{
	uint64_t before = r->bytes_before, after = r->bytes_after;
	printf("%zu added, %zu removed, %zu changed", r->added, r->removed, r->changed);
	if (r->added + r->removed + r->changed)
		printf("; %s%s in files", after >= before ? "+" : "-",
		       cli_size(a, after >= before ? after - before : before - after).ptr);
	if (config_count)
		printf("; %zu differences of the config", config_count);
	putchar('\n');
}

static void stat_json(const Report *r, JsonWriter *w)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "added", r->added },
		{ "removed", r->removed },
		{ "changed", r->changed },
		{ "times_alone", r->times_alone },
		{ "bytes_before", r->bytes_before },
		{ "bytes_after", r->bytes_after },
	};
	json_write_key(w, "stat");
	json_write_object(w);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		json_write_key(w, numbers[i].key);
		json_write_int(w, (int64_t)numbers[i].value);
	}
	json_write_object_end(w);
}

static Err *compare_files(Store *s, const Image *x, const Image *y, Report *r)
{
	AUTO_LIST List *before = NULL;
	AUTO_LIST List *after = NULL;
	TRY(flatten(s, x, &before));
	TRY(flatten(s, y, &after));
	return compare_lists(before, after, take, r);
}

/* A step has no ID. */
static Str name_of(Arena *a, const Image *image)
{
	return digest_is_zero(&image->id) ? image->ref : digest_arena_text(a, &image->id);
}

static Err *compare_images(Cli *cli, Store *s, const DiffValues *v, const Image *x, const Image *y)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	Report r = { .how = v, .json = v->format && strcmp(v->format, "json") == 0, .w = &w };
	ConfigChange *config;
	size_t config_count;
	changes_of_config(cli->arena, &x->config, &y->config, &config, &config_count);
	if (r.json) {
		json_write_object(&w);
		json_write_key(&w, "before");
		json_write_str(&w, name_of(cli->arena, x));
		json_write_key(&w, "after");
		json_write_str(&w, name_of(cli->arena, y));
		config_json(config, config_count, &w);
		json_write_key(&w, "files");
		json_write_array(&w);
	} else if (!v->stat) {
		print_config(config, config_count);
	}
	/* Two steps have no ID; two equal images are not looked at. */
	if (!digest_eq(&x->id, &y->id) || digest_is_zero(&x->id))
		TRY(compare_files(s, x, y, &r));
	if (r.json) {
		json_write_array_end(&w);
		stat_json(&r, &w);
		json_write_object_end(&w);
		puts(json.ptr);
	} else if (v->stat) {
		print_stat(cli->arena, &r, config_count);
	}
	if (r.times_alone && !r.json)
		fprintf(stderr, "%zu file%s differ%s in the time alone (--times shows %s)\n",
		        r.times_alone, r.times_alone == 1 ? "" : "s", r.times_alone == 1 ? "s" : "",
		        r.times_alone == 1 ? "it" : "them");
	if (v->exit_code && (config_count || r.added || r.removed || r.changed))
		cli->exit_status = 1;
	return NULL;
}

/* --- two, each an image or a step ------------------------------------------------------------- */

/* "^1:2": of the last build but one; no image is called so. */
static bool is_offset(const char *name)
{
	return name[0] == '^';
}

/* "BUILD:STEP"; *ret_is false: it is none. */
static Err *find_step(Cli *cli, Store *s, const char *name, Image *ret, bool *ret_is)
{
	Str text = str_from(name);
	ptrdiff_t colon = str_rfind(text, ':');
	StoreBuild b;
	uint32_t step;
	*ret_is = false;
	if (colon <= 0 || !s)
		return NULL;
	Err *e = store_build_find(s, str_head(text, (size_t)colon), cli->arena, &b);
	if (e && is_offset(name))
		return e;
	if (e) { /* a name like any other */
		err_free(e);
		return NULL;
	}
	TRY(shell_step_find(cli, &b, str_from_at(text, (size_t)colon + 1), &step));
	*ret_is = true;
	*ret = (Image){ .ref = str_from(name) };
	return shell_step_layers(s, cli->arena, &b, step, &ret->config);
}

/* *ret_is_image: it has a config as well. */
static Err *find_side(Cli *cli, Store *s, const char *name, Image *ret, bool *ret_is_image)
{
	bool is_step;
	*ret_is_image = false;
	if (is_offset(name)) {
		TRY(find_step(cli, s, name, ret, &is_step));
		if (is_step)
			return NULL;
	}
	*ret_is_image = true;
	Err *e = cli_image(cli, s, name, ret);
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	Err *e2 = find_step(cli, s, name, ret, &is_step);
	if (!e2 && !is_step)
		return e;
	*ret_is_image = false;
	err_free(e);
	return e2;
}

/* --- one: an image and its base --------------------------------------------------------------- */

static bool is_base(const ImageConfig *base, const ImageConfig *c)
{
	if (base->diff_id_count >= c->diff_id_count)
		return false;
	for (size_t i = 0; i < base->diff_id_count; i++)
		if (!digest_eq(&base->diff_ids[i], &c->diff_ids[i]))
			return false;
	return base->diff_id_count > 0;
}

/* The image of the store with most layers of those that IMAGE begins with. */
static Err *find_base(Cli *cli, Store *s, const Image *image, Image *ret)
{
	StoreRef *refs;
	size_t n, best = 0;
	TRY(store_ref_list(s, cli->arena, &refs, &n));
	for (size_t i = 0; i < n; i++) {
		Image other = { 0 };
		Err *e = image_read(s, &refs[i].config, cli->arena, &other);
		if (!e && is_base(&other.config, &image->config) &&
		    other.config.diff_id_count > best) {
			*ret = other;
			ret->ref = refs[i].name;
			best = other.config.diff_id_count;
		}
		err_free(e); /* a damaged image is the base of none */
	}
	if (best)
		return NULL;
	return err_note(cli_usage(cli, "no image in the store is a base of this one"),
	                "name two images: decant diff BEFORE AFTER");
}

/* --- one: a container ------------------------------------------------------------------------- */

static Err *print_change(void *context, char kind, Str path)
{
	bool *any = context;
	*any = true;
	printf("%c ", kind);
	quoted_print(path, stdout);
	putchar('\n');
	return NULL;
}

static Err *diff_container(Cli *cli, const DiffValues *v, Store *s, const Container *c)
{
	bool any = false;
	if (v->stat || v->times || (v->format && strcmp(v->format, "text") != 0))
		return cli_usage(cli,
		                 "--stat, --times and --format are for images, and '%.*s' is "
		                 "a container",
		                 STR_ARG(c->name));
	TRY(sandbox_enter()); /* its files may be those of subordinate ids */
	TRY(store_reopen(s));
	TRY(container_changes(s, c, print_change, &any));
	if (v->exit_code && any)
		cli->exit_status = 1;
	return NULL;
}

static Err *find_container(Store *s, const char *name, Arena *a, Container *ret, bool *ret_found)
{
	Err *e = container_find(s, str_from(name), a, ret);
	*ret_found = !e;
	if (e && err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* it may be an image */
	return NULL;
}

static Err *diff_one(Cli *cli, const DiffValues *v, Store *s, const char *name)
{
	Container c;
	Image image = { 0 }, base = { 0 };
	bool found = false;
	if (s)
		TRY(find_container(s, name, cli->arena, &c, &found));
	if (found)
		return diff_container(cli, v, s, &c);
	TRY(cli_image(cli, s, name, &image));
	TRY(find_base(cli, s, &image, &base));
	fprintf(stderr, "compared with %.*s\n", STR_ARG(base.ref));
	return compare_images(cli, s, v, &base, &image);
}

static Err *run_diff(Cli *cli, const void *values, const Arguments *args)
{
	const DiffValues *v = values;
	Store *s = NULL;
	Image before = { 0 }, after = { 0 };
	if (v->format && strcmp(v->format, "text") != 0 && strcmp(v->format, "json") != 0)
		return err_note(cli_usage(cli, "invalid value '%s' for --format", v->format),
		                "one of text, json");
	TRY(cli_store_existing(cli, &s));
	if (args->count == 1)
		return diff_one(cli, v, s, args->at[0]);
	bool is_image, both = true;
	TRY(find_side(cli, s, args->at[0], &before, &is_image));
	both = is_image;
	TRY(find_side(cli, s, args->at[1], &after, &is_image));
	if (!both || !is_image) { /* a step has files alone */
		Platform none = { 0 };
		before.config = (ImageConfig){ .platform = none,
			                       .diff_ids = before.config.diff_ids,
			                       .diff_id_count = before.config.diff_id_count };
		after.config = (ImageConfig){ .platform = none,
			                      .diff_ids = after.config.diff_ids,
			                      .diff_id_count = after.config.diff_id_count };
	}
	return compare_images(cli, s, v, &before, &after);
}

const Command command_diff = {
	.name = "diff",
	.aliases = "container diff,image diff",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE|BUILD:STEP IMAGE|BUILD:STEP | IMAGE | CONTAINER",
	.help = "Show what differs between two images",
	.about = "A line for each file: A added, D removed, M changed, and in what: type, "
		 "content, size, mode, owner,\n"
		 "target of a link, device, xattr; then what differs in the config. It is read "
		 "from the content\n"
		 "lists of the layers: nothing is unpacked. Times alone are no difference unless "
		 "--times is given.\n\n"
		 "BUILD:STEP is the root after a step of a past build, as shell --step names both: "
		 "latest:3. It has no\n"
		 "config.\n\n"
		 "One image is compared with the image of the store that it is built on. Of a "
		 "container the files\n"
		 "are shown that it has added (A), changed (C) and removed (D), as docker does.",
	.options = diff_options,
	.option_count = ARRAY_LEN(diff_options),
	.values_size = sizeof(DiffValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "IMAGE",
	.run = run_diff,
};
