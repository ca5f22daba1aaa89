/* cmd_save.c - images → one archive that docker, podman and skopeo read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/platforms.h"
#include "export/export.h"
#include "sandbox/sandbox.h"

#include <limits.h>

typedef struct SaveValues {
	const char *output, *format;
	OptionList platforms;
} SaveValues;

static const Option save_options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "File to write (default standard output)",
	  .offset = offsetof(SaveValues, output) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "docker,oci",
	  .help = "docker (which is an OCI layout too) or oci (default docker)",
	  .offset = offsetof(SaveValues, format) },
	{ .name = "platform",
	  .kind = OPTION_LIST,
	  .help = "Only the images for these platforms: os/arch[/variant], ... (default all there "
	          "are)",
	  .offset = offsetof(SaveValues, platforms) },
};

typedef struct Wanted {
	const Platform *at;
	size_t count;
} Wanted;

/* Of IMAGE's name the images for WANTED. */
static Err *choose_images(Cli *cli, Store *s, const char *name, const Wanted *wanted,
                          ExportImage *ret)
{
	Image *all = arena_alloc(cli->arena, wanted->count * sizeof *all, _Alignof(Image));
	for (size_t i = 0; i < wanted->count; i++) {
		Image *one = &all[ret->image_count];
		bool known = false;
		TRY(cli_of_name(
			cli, name,
			image_find_for(s, str_from(name), &wanted->at[i], cli->arena, one)));
		for (size_t k = 0; k < ret->image_count; k++)
			known = known || digest_eq(&all[k].id, &one->id);
		ret->image_count += !known;
	}
	ret->images = all;
	return NULL;
}

/* NAME with its images for all platforms, or for those WANTED. */
static Err *find_images(Cli *cli, Store *s, const char *name, const Wanted *wanted,
                        ExportImage *ret)
{
	Image *image = arena_new(cli->arena, Image), *all;
	TRY(cli_image(cli, s, name, image));
	*ret = (ExportImage){ .names = &image->ref, .name_count = image->ref.len ? 1 : 0 };
	if (wanted->count) {
		TRY(choose_images(cli, s, name, wanted, ret));
	} else {
		TRY(image_all(s, image, cli->arena, &all, &ret->image_count));
		ret->images = all;
	}
	for (size_t i = 0; i < ret->image_count; i++)
		TRY(image_check(s, &ret->images[i]));
	return NULL;
}

static Err *run_save(Cli *cli, const void *values, const Arguments *args)
{
	const SaveValues *v = values;
	const char *format = v->format ? v->format : "docker";
	if (strcmp(format, "docker") != 0 && strcmp(format, "oci") != 0)
		return err_note(cli_usage(cli, "unknown format: '%s'", format),
		                "one of docker, oci");
	if (!v->output && isatty(STDOUT_FILENO))
		return cli_usage(
			cli,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
	Store *s = NULL;
	Cancel *cancel = NULL;
	Wanted wanted;
	TRY(cli_platforms(cli, &v->platforms, &wanted.at, &wanted.count));
	/* Before the first thread: layers may be directories, and files in them belong to owners
	 * that only the namespace may read. */
	TRY(sandbox_enter());
	TRY(cli_store(cli, &s));
	ExportImage *images =
		arena_alloc(cli->arena, args->count * sizeof *images, _Alignof(ExportImage));
	for (size_t i = 0; i < args->count; i++) {
		TRY(find_images(cli, s, args->at[i], &wanted, &images[i]));
	}
	TRY(cli_cancel(cli, &cancel));
	OutputSpec out = { .type = str_from(format),
		           .dest = str_from(v->output ? v->output : "-"),
		           .tar = true };
	return export_run(s, &out, images, args->count, NULL, cancel);
}

const Command command_save = {
	.name = "save",
	.aliases = "image save",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE [IMAGE...]",
	.help = "Write images to an archive",
	.options = save_options,
	.option_count = ARRAY_LEN(save_options),
	.values_size = sizeof(SaveValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_save,
};
