/* cmd_fsck.c - is the store whole?  And making it so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "codec/json.h"
#include "fsck/fsck.h"
#include "oci/reference.h"
#include "sandbox/sandbox.h"

#include <limits.h>
#include <stdio.h>

enum { STATUS_DAMAGED = 5 }; /* as of other commands that meet damage in the store */

typedef struct FsckValues {
	bool repair, quick;
	const char *format;
} FsckValues;

static const Option fsck_options[] = {
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "\"json\": a JSON document instead of lines",
	  .offset = offsetof(FsckValues, format) },
	{ .name = "quick",
	  .kind = OPTION_FLAG,
	  .help = "Look at names, sizes and rights, and read no file of a layer",
	  .offset = offsetof(FsckValues, quick) },
	{ .name = "repair",
	  .kind = OPTION_FLAG,
	  .help = "Make again what can be, drop what cannot, move foreign files to lost+found",
	  .offset = offsetof(FsckValues, repair) },
};

/* --- progress ----------------------------------------------------------------------------------
 */

static bool shows_progress(const FsckValues *v)
{
	return !v->format && isatty(STDERR_FILENO);
}

static void show_progress(void *context, size_t done, size_t total)
{
	size_t *shown = context, percent = total ? done * 100 / total : 100;
	if (__atomic_exchange_n(shown, percent, __ATOMIC_RELAXED) != percent)
		fprintf(stderr, "\rchecking: %zu of %zu (%zu%%) ", done, total, percent);
}

static void tell_wait(void *context)
{
	(void)context;
	fprintf(stderr, "waiting for builds and pulls that use the store\n");
}

/* --- findings ----------------------------------------------------------------------------------
 */

static void print_images(const FsckFinding *x)
{
	enum { SHOWN_MAX = 5 };
	for (size_t i = 0; i < x->image_count && i < SHOWN_MAX; i++)
		printf("%s%.*s", i ? ", " : "    images: ", STR_ARG(x->images[i]));
	if (x->image_count > SHOWN_MAX)
		printf(" and %zu more", x->image_count - SHOWN_MAX);
	if (x->image_count)
		printf("\n");
}

static void print_finding(const FsckFinding *x)
{
	AUTO_ERR Err *shown = err_new(ERR_CORRUPT, "%.*s: %.*s", STR_ARG(x->path),
	                              STR_ARG(x->problem)); /* control bytes are shown as \xNN */
	printf("%.*s\n", STR_ARG(err_cause(shown)));
	print_images(x);
	if (x->done.len)
		printf("    repaired: %.*s\n", STR_ARG(x->done));
	if (x->advice.len)
		printf("    what to do: %.*s\n", STR_ARG(x->advice));
}

static void print_end(const FsckReport *r, const FsckValues *v)
{
	size_t repaired = r->count - r->left;
	const char *how = v->quick ? "looked at" : "read";
	if (r->left)
		printf("%zu damaged%s\n", r->left,
		       v->repair ? ", and could not be repaired"
		                 : "; 'decant fsck --repair' mends what can be");
	else if (repaired)
		printf("the store is whole again: %zu repaired\n", repaired);
	else
		printf("the store is whole: %zu names, %zu layers, %zu blobs, %zu files %s\n",
		       r->images, r->layers, r->blobs, r->files, how);
}

static void write_count(JsonWriter *w, const char *key, size_t value)
{
	json_write_key(w, key);
	json_write_int(w, (int64_t)value);
}

static void write_finding(JsonWriter *w, const FsckFinding *x)
{
	json_write_object(w);
	json_write_member(w, "Path", x->path);
	json_write_member(w, "Problem", x->problem);
	json_write_key(w, "Images");
	json_write_array(w);
	for (size_t i = 0; i < x->image_count; i++)
		json_write_str(w, x->images[i]);
	json_write_array_end(w);
	json_write_member(w, "Advice", x->advice);
	json_write_member(w, "Repaired", x->done);
	json_write_object_end(w);
}

static void print_json(const FsckReport *r)
{
	AUTO_BUF Buf out = BUF_INIT;
	JsonWriter w = { .out = &out };
	json_write_object(&w);
	json_write_key(&w, "Whole");
	json_write_bool(&w, r->left == 0);
	write_count(&w, "Names", r->images);
	write_count(&w, "Layers", r->layers);
	write_count(&w, "Blobs", r->blobs);
	write_count(&w, "Files", r->files);
	write_count(&w, "Damaged", r->left);
	write_count(&w, "Repaired", r->count - r->left);
	json_write_key(&w, "Findings");
	json_write_array(&w);
	for (size_t i = 0; i < r->count; i++)
		write_finding(&w, &r->findings[i]);
	json_write_array_end(&w);
	json_write_object_end(&w);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
}

/* --- the command -------------------------------------------------------------------------------
 */

static Err *name_images(Cli *cli, const Arguments *args, FsckRequest *request)
{
	Str *names = arena_alloc(cli->arena, (args->count + 1) * sizeof *names, _Alignof(Str));
	for (size_t i = 0; i < args->count; i++) {
		Reference ref;
		TRY(cli_reference(cli, args->at[i], &ref));
		names[i] = reference_full(cli->arena, &ref);
	}
	request->images = names;
	request->image_count = args->count;
	return NULL;
}

/* What a newer program has written is not damage. */
static Err *refuse_newer(Store *s, const FsckRequest *request)
{
	if (request->version == STORE_VERSION_DAMAGED)
		return store_version_check_layers(s);
	if (request->version == STORE_VERSION_RIGHT)
		return NULL;
	return request->repair ? store_version_mend(s) : store_version_refuse(s);
}

static Err *run_fsck(Cli *cli, const void *values, const Arguments *args)
{
	const FsckValues *v = values;
	FsckRequest request = { .repair = v->repair, .quick = v->quick, .waits = tell_wait };
	FsckReport report;
	Cancel *cancel;
	size_t shown = SIZE_MAX;
	if (v->format && strcmp(v->format, "json") != 0)
		return cli_usage(cli, "invalid value '%s' for --format: only json", v->format);
	TRY(name_images(cli, args, &request));
	TRY(store_open_any(cli->root, &cli->store, &request.version));
	if (!cli->store) {
		printf("there is no store yet\n");
		return NULL;
	}
	TRY(refuse_newer(cli->store, &request));
	TRY(sandbox_enter()); /* files of a rootless store have owners that only there are seen */
	TRY(cli_cancel(cli, &cancel));
	request.cancel = cancel;
	request.overlay_prefix = sandbox_overlay_prefix();
	if (shows_progress(v)) {
		request.progress = show_progress;
		request.context = &shown;
	}
	Err *e = fsck_run(cli->store, &request, cli->arena, &report);
	if (request.progress)
		fprintf(stderr, "\r\033[K");
	TRY(e);
	if (v->format)
		print_json(&report);
	for (size_t i = 0; !v->format && i < report.count; i++)
		print_finding(&report.findings[i]);
	if (!v->format)
		print_end(&report, v);
	cli->exit_status = report.left ? STATUS_DAMAGED : 0;
	return NULL;
}

const Command command_fsck = {
	.name = "fsck",
	.aliases = "system fsck,system check",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS] [IMAGE...]",
	.help = "Check that every file of the store is what it was, and repair it",
	.about =
		"Reads all that lies in the store, on all processors: names, blobs, the files of "
		"layers, records, logs. Each damage is a line with its path, the images that need "
		"it, and what to do. With names of images, only what they are made of is read.\n\n"
		"With --repair, what is damaged is made again from another form of it; what cannot "
		"be is dropped, with the names that need it, and told. Files that are none of the "
		"store are moved to lost+found in it. It waits until no build or pull runs.\n\n"
		"The exit status is 0 if the store is whole or whole again, and 5 if damage is "
		"left.",
	.options = fsck_options,
	.option_count = ARRAY_LEN(fsck_options),
	.values_size = sizeof(FsckValues),
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_fsck,
};
