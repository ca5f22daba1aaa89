/* cmd_tag.c - other names for an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/image.h"

#include <limits.h>

static Err *read_target(Cli *cli, const char *text, Reference *ret)
{
	TRY(cli_reference(cli, text, ret));
	if (ret->has_digest)
		return cli_usage(cli, "refusing to create a tag with a digest reference: '%s'",
		                 text);
	return cli_new_name(cli, ret);
}

/* All names are read before the first is given. */
static Err *run_tag(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Image image = { 0 };
	size_t count = args->count - 1;
	Reference *targets = arena_alloc(cli->arena, count * sizeof *targets, _Alignof(Reference));
	for (size_t i = 0; i < count; i++)
		TRY(read_target(cli, args->at[i + 1], &targets[i]));
	TRY(cli_store(cli, &s));
	TRY(cli_image(cli, s, args->at[0], &image));
	const Digest *manifest = store_ref_manifest(&image.store_ref, &image.id);
	StoreRef ref = { .config = image.id };
	if (manifest)
		ref.manifest = *manifest;
	if (digest_eq(&image.id, &image.store_ref.config)) {
		ref.variants = image.store_ref.variants;
		ref.variant_count = image.store_ref.variant_count;
		ref.index = image.store_ref.index;
	}
	for (size_t i = 0; i < count; i++) {
		ref.name = reference_full(cli->arena, &targets[i]);
		TRY(store_ref_set(s, &ref));
	}
	return digest_is_zero(&ref.manifest) ? NULL : store_layout_write(s);
}

const Command command_tag = {
	.name = "tag",
	.aliases = "image tag",
	.group = GROUP_IMAGES,
	.synopsis = "IMAGE NAME[:TAG]...",
	.help = "Give an image another name, or several",
	.about = "An image that had the name before keeps no name (see 'decant images -a').",
	.arguments_min = 2,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_tag,
};
