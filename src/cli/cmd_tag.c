/* cmd_tag.c - another name for an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "exec/image.h"

static Err *run_tag(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Reference target;
	Image image = { 0 };
	TRY(cli_reference(cli, args->at[1], &target));
	if (target.has_digest)
		return cli_usage(cli, "refusing to create a tag with a digest reference: '%s'",
		                 args->at[1]);
	TRY(cli_new_name(cli, &target));
	TRY(cli_store(cli, &s));
	TRY(cli_image(cli, s, args->at[0], &image));
	const Digest *manifest = store_ref_manifest(&image.store_ref, &image.id);
	StoreRef ref = { .name = reference_full(cli->arena, &target), .config = image.id };
	if (manifest)
		ref.manifest = *manifest;
	if (digest_eq(&image.id, &image.store_ref.config)) {
		ref.variants = image.store_ref.variants;
		ref.variant_count = image.store_ref.variant_count;
		ref.index = image.store_ref.index;
	}
	TRY(store_ref_set(s, &ref));
	return digest_is_zero(&ref.manifest) ? NULL : store_layout_write(s);
}

const Command command_tag = {
	.name = "tag",
	.aliases = "image tag",
	.group = GROUP_IMAGES,
	.synopsis = "IMAGE NAME[:TAG]",
	.help = "Give an image another name",
	.about = "An image that had the name before keeps no name (see 'decant images -a').",
	.arguments_min = 2,
	.arguments_max = 2,
	.choices = "IMAGE",
	.run = run_tag,
};
