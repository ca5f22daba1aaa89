/* cmd_du.c - what of the store takes how much, and who holds it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/disk.h"
#include "cli/listing.h"
#include "exec/disk_images.h"
#include "sandbox/sandbox.h"
#include "store/builds.h"

#include <limits.h>
#include <stdio.h>

typedef struct DuValues {
	bool why;
} DuValues;

static const Option du_options[] = {
	{ .name = "why",
	  .kind = OPTION_FLAG,
	  .help = "Say who holds each thing: image, container, step of the build cache",
	  .offset = offsetof(DuValues, why) },
};

enum { SHORT_ID = 12, HOLDERS_MAX = 20 };

typedef struct Du {
	Disk disk;
	bool why;
	DiskHolders holders; /* with .why */
	Map steps;           /* key of a record → Str *: "Dockerfile:3 RUN make" */
	Map results;         /* ID of an image → Str *: "build 8c1f… (app:1)" */
} Du;

/* --- steps of the journal --------------------------------------------------------------------- */

static void note_step(Du *du, const StoreBuild *b, const StoreStep *s, const Digest *key)
{
	Arena *a = du->disk.arena;
	Str hex = digest_arena_hex(a, key);
	if (digest_is_zero(key) || map_find(&du->steps, hex))
		return;
	Str *text = arena_new(a, Str);
	*text = s->line ? arena_strf(a, "%.*s:%u %.*s", STR_ARG(b->dockerfile), s->line,
	                             STR_ARG(s->text))
	                : s->text;
	(void)map_put(&du->steps, hex, text);
}

static void note_results(Du *du, const StoreBuild *b)
{
	Arena *a = du->disk.arena;
	for (size_t i = 0; i < b->image_count; i++) {
		Reference ref;
		Str id = digest_arena_text(a, &b->images[i].image_id);
		if (map_find(&du->results, id))
			continue;
		Str of = arena_strf(a, "%.*s in %.*s", STR_ARG(b->dockerfile), STR_ARG(b->context));
		AUTO_ERR Err *e = b->tag_count ? reference_parse(a, b->tags[0], &ref) : NULL;
		if (b->tag_count)
			of = e ? b->tags[0] : reference_familiar(a, &ref);
		Str *text = arena_new(a, Str);
		*text = arena_strf(a, "build %.*s (%.*s)", STR_ARG(b->id), STR_ARG(of));
		(void)map_put(&du->results, id, text);
	}
}

/* The newest build that knows a record tells of which line it is, and an image, which made it. */
static Err *read_steps(Du *du, Store *s)
{
	StoreBuildName *names;
	size_t count;
	TRY(store_build_list(s, du->disk.arena, &names, &count));
	for (size_t i = 0; i < count; i++) {
		StoreBuild b;
		AUTO_ERR Err *e = store_build_open(s, &names[i], du->disk.arena, &b);
		if (!e)
			note_results(du, &b);
		for (size_t k = 0; !e && k < b.step_count;
		     k++) { /* else it is damaged, or pruned */
			note_step(du, &b, &b.steps[k], &b.steps[k].key);
			note_step(du, &b, &b.steps[k], &b.steps[k].definition);
			note_step(du, &b, &b.steps[k], &b.steps[k].content);
		}
	}
	return NULL;
}

/* --- titles ----------------------------------------------------------------------------------- */

static Str record_title(const Du *du, const StoreThing *t)
{
	Arena *a = du->disk.arena;
	const Str *step = map_get(&du->steps, t->name);
	Str title = step ? *step : disk_record_title(a, t->text);
	if (!title.len && str_starts(t->text, STR("sha256:"))) {
		const Str *build = map_get(&du->results, str_head(t->text, DIGEST_TEXT_LEN));
		return arena_strf(a, "build cache: the result of %.*s",
		                  STR_ARG(build ? *build : STR("a build")));
	}
	return arena_strf(a, "build cache: %.*s", STR_ARG(title.len ? title : STR("a step")));
}

static Str ref_title(const Du *du, Str name)
{
	Reference ref;
	Arena *a = du->disk.arena;
	AUTO_ERR Err *e = reference_parse(a, name, &ref);
	if (str_starts(name, STR("sha256:")))
		return arena_strf(a, "image %.*s (no name)",
		                  STR_ARG(str_head(str_from_at(name, 7), SHORT_ID)));
	return arena_strf(a, "image %.*s", STR_ARG(e ? name : reference_familiar(a, &ref)));
}

static Str container_title(const Du *du, Str id)
{
	const Disk *d = &du->disk;
	for (size_t i = 0; i < d->container_count; i++)
		if (str_eq(d->containers[i].id, id))
			return arena_strf(d->arena, "container %.*s (%.*s, %s)",
			                  STR_ARG(str_head(id, SHORT_ID)),
			                  STR_ARG(d->containers[i].name),
			                  d->containers[i].running ? "running" : "ended");
	return arena_strf(d->arena, "container %.*s", STR_ARG(str_head(id, SHORT_ID)));
}

static Str title_of(const Du *du, uint32_t n)
{
	const StoreThing *t = &du->disk.survey.things.at[n];
	Arena *a = du->disk.arena;
	Str id = str_head(t->name, SHORT_ID);
	switch (t->kind) {
	case STORE_THING_OBJECT:
		return arena_strf(a, "%s %.*s", t->is_layer ? "layer" : "blob", STR_ARG(id));
	case STORE_THING_REF:
		return ref_title(du, t->name);
	case STORE_THING_CONTAINER:
		return container_title(du, t->name);
	case STORE_THING_RECORD:
		return record_title(du, t);
	case STORE_THING_MOUNT:
		return arena_strf(a, "cache mount %.*s", STR_ARG(id));
	case STORE_THING_JOURNAL:
		return STR("journal: builds and their logs");
	case STORE_THING_CONTEXTS:
		return STR("what is known of files of build contexts");
	case STORE_THING_SCRATCH:
		return arena_strf(a, "scratch of %s process %.*s",
		                  t->goes ? "the dead" : "the running", STR_ARG(t->name));
	case STORE_THING_REPLACED:
		return arena_strf(a, "damaged files, replaced, of the layer %.*s", STR_ARG(id));
	case STORE_THING_REPO:
		return arena_strf(a, "repository %.*s", STR_ARG(t->name));
	case STORE_THING_OTHER:
	case STORE_THING_KIND_COUNT:
		break;
	}
	return STR("index, locks and directories of the store");
}

static void print_line(const Du *du, unsigned depth, uint64_t bytes, Str text)
{
	printf("%8s  %*s%.*s\n", cli_size(du->disk.arena, bytes).ptr, (int)(2 * depth), "",
	       STR_ARG(text));
}

static void print_holder(unsigned depth, Str text)
{
	printf("%8s  %*sheld by %.*s\n", "", (int)(2 * depth), "", STR_ARG(text));
}

/* Several records lead to one layer, with one text: told once. */
static void print_holders(const Du *du, unsigned depth, uint32_t n)
{
	Str told[HOLDERS_MAX];
	size_t count = 0, from = du->holders.start[n], end = du->holders.start[n + 1], more = 0;
	if (from == end && du->disk.survey.things.at[n].kind == STORE_THING_OBJECT)
		printf("%8s  %*sheld by nothing: the next prune removes it\n", "", (int)(2 * depth),
		       "");
	for (size_t i = from; i < end; i++) {
		Str title = title_of(du, du->holders.numbers[i]);
		bool known = str_eqc(title, "build cache: a step") && end - from > 1;
		for (size_t k = 0; k < count && !known; k++)
			known = str_eq(told[k], title);
		more += !known && count == HOLDERS_MAX;
		if (known || count == HOLDERS_MAX)
			continue;
		told[count++] = title;
		print_holder(depth, title);
	}
	if (more)
		printf("%8s  %*sand %zu more\n", "", (int)(2 * depth), "", more);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void print_image(const Du *du, const DiskImage *image)
{
	const Disk *d = &du->disk;
	uint32_t *objects;
	size_t count;
	print_line(du, 1, image->shared + image->unique,
	           arena_strf(d->arena, "%.*s: %s of it in no other image", STR_ARG(image->name),
	                      cli_size(d->arena, image->unique).ptr));
	disk_below(d, image->thing, &objects, &count);
	for (size_t i = 0; i < count; i++) {
		print_line(du, 2, d->bytes[objects[i]], title_of(du, objects[i]));
		if (du->why)
			print_holders(du, 3, objects[i]);
	}
}

static void print_images(const Du *du, uint64_t bytes)
{
	const Disk *d = &du->disk;
	DiskImage *images;
	size_t count;
	disk_images(d, &images, &count);
	print_line(du, 0, bytes, STR("Images"));
	for (size_t i = 0; i < count; i++)
		print_image(du, &images[i]);
}

static void print_kinds(const Du *du, DiskRow row, uint64_t bytes, const char *title)
{
	const Disk *d = &du->disk;
	print_line(du, 0, bytes, str_from(title));
	for (uint32_t i = 0; i < d->survey.things.len; i++)
		if (d->rows[i] == row && d->bytes[i])
			print_line(du, 1, d->bytes[i], title_of(du, i));
}

static void print_cache(const Du *du, uint64_t bytes)
{
	const Disk *d = &du->disk;
	DiskEntry *entries;
	size_t count;
	disk_entries(d, &entries, &count);
	print_line(du, 0, bytes, STR("Build Cache, without what images share"));
	for (size_t i = 0; i < count; i++) {
		const DiskEntry *e = &entries[i];
		if (e->shared)
			continue;
		print_line(du, 1, e->bytes,
		           arena_strf(d->arena, "%.*s %s %.*s", STR_ARG(e->id), e->type,
		                      STR_ARG(e->description)));
		if (du->why && e->record_count)
			print_holders(du, 2, e->thing);
	}
}

static void print_all(Du *du)
{
	Disk *d = &du->disk;
	DiskSum sums[DISK_ROW_COUNT];
	disk_sum(d, sums);
	print_line(du, 0, store_survey_total(&d->survey), str_from(store_path(d->store)));
	print_images(du, sums[DISK_IMAGES].bytes);
	print_kinds(du, DISK_CONTAINERS, sums[DISK_CONTAINERS].bytes, "Containers");
	print_cache(du, sums[DISK_CACHE].bytes);
	print_kinds(du, DISK_OTHER, sums[DISK_OTHER].bytes, "Other");
}

/* --- some of it ------------------------------------------------------------------------------- */

static uint64_t bytes_below(const Disk *d, uint32_t n)
{
	uint32_t *objects;
	size_t count;
	uint64_t sum = d->bytes[n];
	disk_below(d, n, &objects, &count);
	for (size_t i = 0; i < count; i++)
		sum += d->bytes[objects[i]];
	return sum;
}

static Err *print_word(const Du *du, const char *word)
{
	const Disk *d = &du->disk;
	uint32_t *found, *objects;
	size_t count, object_count;
	disk_find(d, str_from(word), &found, &count);
	if (!count)
		return err_note(err_new(ERR_NOT_FOUND, "nothing in the store is '%s'", word),
		                "an image's name, four or more digits of an ID, or a path in '%s'",
		                store_path(d->store));
	for (size_t i = 0; i < count; i++) {
		print_line(du, 0, bytes_below(d, found[i]), title_of(du, found[i]));
		if (du->why)
			print_holders(du, 1, found[i]);
		disk_below(d, found[i], &objects, &object_count);
		for (size_t k = 0; k < object_count; k++) {
			print_line(du, 1, d->bytes[objects[k]], title_of(du, objects[k]));
			if (du->why)
				print_holders(du, 2, objects[k]);
		}
	}
	return NULL;
}

static void du_done(Du *du)
{
	map_done(&du->steps);
	map_done(&du->results);
	disk_done(&du->disk);
}

static Err *run_du(Cli *cli, const void *values, const Arguments *args)
{
	const DuValues *v = values;
	CLEANUP(du_done) Du du = { .why = v->why };
	Cancel *cancel;
	Store *s = NULL;
	TRY(sandbox_enter());
	TRY(cli_store_existing(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	if (!s)
		return args->count ? err_new(ERR_NOT_FOUND, "there is no store yet") : NULL;
	TRY(disk_open(s, cancel, cli->arena, &du.disk));
	if (v->why) {
		TRY(read_steps(&du, s));
		disk_holders(&du.disk, &du.holders);
	}
	if (!args->count)
		print_all(&du);
	for (size_t i = 0; i < args->count; i++)
		TRY(print_word(&du, args->at[i]));
	return NULL;
}

const Command command_du = {
	.name = "du",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS] [IMAGE|ID|PATH...]",
	.help = "Show what takes how much of the store, and who holds it",
	.about = "Without arguments all of the store: images with their layers, containers, "
		 "entries of the build\n"
		 "cache, journal. With --why each thing is followed by those that hold it: 'decant "
		 "du --why 3f2a'.",
	.options = du_options,
	.option_count = ARRAY_LEN(du_options),
	.values_size = sizeof(DuValues),
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_du,
};
