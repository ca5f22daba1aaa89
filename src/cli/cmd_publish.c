/* cmd_publish.c - fix an image's manifest, so that other tools read it in the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "export/export.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct PublishValues {
	const char *compression;
} PublishValues;

static const Option publish_options[] = {
	{ .name = "compression",
	  .kind = OPTION_TEXT,
	  .choices = "gzip,zstd,none",
	  .help = "How layers are compressed: gzip[:LEVEL], zstd[:LEVEL] or none (default gzip)",
	  .offset = offsetof(PublishValues, compression) },
};

static Err *run_publish(Cli *cli, const void *values, const Arguments *args)
{
	const PublishValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Image image = { 0 }, *all;
	size_t count;
	Digest digest;
	CompressionSpec compression;
	if (v->compression) {
		Err *e = compressor_parse(str_from(v->compression), &compression);
		cli->usage_error = e;
		TRY(e);
	}
	/* Before the first thread: layers may be directories, and files in them belong to owners
	 * that only the namespace may read. */
	TRY(sandbox_enter());
	TRY(cli_store(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	TRY(cli_image(cli, s, args->at[0], &image));
	TRY(image_all(s, &image, cli->arena, &all, &count));
	for (size_t i = 0; i < count; i++)
		TRY(image_check(s, &all[i]));
	const ExportImage published = { .images = all, .image_count = count };
	TRY(export_publish_all(s, &published, v->compression ? &compression : NULL, NULL, cancel,
	                       &digest));
	printf("%s\n", digest_arena_text(cli->arena, &digest).ptr);
	return NULL;
}

const Command command_publish = {
	.name = "publish",
	.aliases = "image publish",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] IMAGE",
	.help = "Fix an image's manifest and print its digest",
	.about = "A built image has a manifest, and with it a digest in registries, only from the "
		 "first push, save\n"
		 "or publish on. Then the store is an OCI layout with the image in it: skopeo copy "
		 "oci:STORE:NAME ...",
	.options = publish_options,
	.option_count = ARRAY_LEN(publish_options),
	.values_size = sizeof(PublishValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_publish,
};
