/* cmd_image_exists.c - podman's question, answered by the status alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"

enum { EXIT_THERE_IS_NONE = 1 };

static Err *run_exists(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Image image;
	TRY(cli_store_existing(cli, &s));
	Err *e = cli_image(cli, s, args->at[0], &image);
	if (!e || err_kind(e) != ERR_NOT_FOUND)
		return e;
	err_free(e); /* that is the answer */
	cli->exit_status = EXIT_THERE_IS_NONE;
	return NULL;
}

const Command command_image_exists = {
	.name = "image-exists",
	.aliases = "image exists",
	.group = GROUP_IMAGES,
	.synopsis = "IMAGE",
	.help = "Is there such an image? Status 0, else 1",
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_exists,
};
