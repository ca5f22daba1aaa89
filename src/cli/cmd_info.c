/* cmd_info.c - where things are, and what this machine and user can do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "oci/platform.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <sys/statvfs.h>

static void print_store(Cli *cli, const Store *s)
{
	struct statvfs fs;
	printf("Store:            %s\n", store_path(s));
	if (fstatvfs(store_dir_fd(s), &fs) == 0)
		printf("Free space:       %s\n",
		       cli_size(cli->arena, (uint64_t)fs.f_bavail * fs.f_frsize).ptr);
}

static Err *run_info(Cli *cli, const void *values, const Arguments *args)
{
	(void)values, (void)args;
	Store *s = NULL;
	StoreRef *refs = NULL;
	size_t count = 0;
	TRY(cli_store_existing(cli, &s));
	if (s)
		TRY(store_ref_list(s, cli->arena, &refs, &count));
	printf("Version:          %s\n", DECANT_VERSION);
	if (s)
		print_store(cli, s);
	else
		printf("Store:            none yet\n");
	printf("Names of images:  %zu\n", count);
	Platform host = platform_host();
	printf("Platform:         %s\n", platform_text(cli->arena, &host).ptr);
	printf("Processors:       %u\n", parallel_cores());
	AUTO_BUF Buf abilities = BUF_INIT;
	sandbox_describe(&abilities);
	printf("%.*s", STR_ARG(buf_str(&abilities)));
	return NULL;
}

const Command command_info = {
	.name = "info",
	.aliases = "system info",
	.group = GROUP_OTHER,
	.synopsis = "",
	.help = "Show the store, and what this machine and user can do",
	.run = run_info,
};
