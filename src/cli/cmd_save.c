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
	  .choices = "docker,oci,docker-archive,oci-archive,docker-dir,oci-dir",
	  .help = "docker (which is an OCI layout too) or oci: archives, for podman docker-archive "
	          "and oci-archive; oci-dir, docker-dir: a directory (default docker)",
	  .offset = offsetof(SaveValues, format) },
	{ .name = "platform",
	  .kind = OPTION_LIST,
	  .help = "Only the images for these platforms: os/arch[/variant], ... (default all there "
	          "are)",
	  .offset = offsetof(SaveValues, platforms) },
};

typedef struct SaveFormat {
	const char *name;
	const char *type; /* of the output; NULL: skopeo's dir: */
	bool tar;
} SaveFormat;

/* The last four are podman's names. */
static const SaveFormat formats[] = {
	{ "docker", "docker", true },         { "oci", "oci", true },
	{ "docker-archive", "docker", true }, { "oci-archive", "oci", true },
	{ "docker-dir", NULL, false },        { "oci-dir", "oci", false },
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

static Err *find_format(Cli *cli, const SaveValues *v, const SaveFormat **ret)
{
	const char *name = v->format ? v->format : formats[0].name;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (strcmp(name, formats[i].name) != 0)
			continue;
		*ret = &formats[i];
		if (!formats[i].tar && (!v->output || strcmp(v->output, "-") == 0))
			return cli_usage(
				cli, "--format %s makes a directory: name it with --output", name);
		return NULL;
	}
	return err_note(cli_usage(cli, "unknown format: '%s'", name),
	                "one of docker, oci, docker-archive, oci-archive, docker-dir, oci-dir");
}

static Err *write_folder(Store *s, const ExportImage *images, size_t count, const char *output,
                         const Cancel *cancel)
{
	if (count != 1 || images->image_count != 1)
		return err_note(err_new(ERR_INPUT, "--format docker-dir takes one image"),
		                count == 1 ? "choose it with --platform" : "oci-dir takes several");
	return export_folder(s, images->images, str_from(output), NULL, cancel);
}

static Err *run_save(Cli *cli, const void *values, const Arguments *args)
{
	const SaveValues *v = values;
	const SaveFormat *format = NULL;
	TRY(find_format(cli, v, &format));
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
		TRY(find_images(cli, s, cli_image_name(args->at[i]), &wanted, &images[i]));
	}
	TRY(cli_cancel(cli, &cancel));
	if (!format->type)
		return write_folder(s, images, args->count, v->output, cancel);
	OutputSpec out = { .type = str_from(format->type),
		           .dest = str_from(v->output ? v->output : "-"),
		           .tar = format->tar };
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
