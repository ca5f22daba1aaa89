/* cmd_version.c - which decant this is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"

#include <stdio.h>

static Err *run_version(Cli *cli, const void *values, const Arguments *args)
{
	(void)cli, (void)values, (void)args;
	printf("decant version %s\n", DECANT_VERSION);
	return NULL;
}

const Command command_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.synopsis = "",
	.help = "Print the version",
	.run = run_version,
};
