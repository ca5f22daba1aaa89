/* cmd_pull.c - an image of a registry → the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/connection.h"
#include "cli/pull_image.h"
#include "cli/transfer.h"
#include "exec/pull.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct PullValues {
	const char *platform;
	bool quiet;
	ConnectionValues connection;
} PullValues;

static const Option pull_options[] = {
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Platform of the image (default this machine's)",
	  .offset = offsetof(PullValues, platform) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print only the image's name",
	  .offset = offsetof(PullValues, quiet) },
	CONNECTION_OPTIONS(PullValues, connection),
	{ .name = "all-tags", .letter = 'a', .kind = OPTION_REFUSED, .help = "" },
};

Err *cli_pull(Cli *cli, const char *name, const Platform *platform, bool quiet, FILE *out)
{
	Arena *a = cli->arena;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Reference ref;
	PullResult result;
	TRY(cli_reference(cli, name, &ref));
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter()); /* before the first thread, and layers have owners of their own */
	TRY(cli_cancel(cli, &cancel));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(cancel, &registry));
	const char *colon = strrchr(name, ':');
	if (!quiet && !ref.has_digest && (!colon || strchr(colon, '/')))
		fprintf(out, "Using default tag: %.*s\n", STR_ARG(ref.tag));
	Str tag = ref.has_digest ? digest_arena_text(a, &ref.digest) : ref.tag;
	if (!quiet)
		fprintf(out, "%.*s: Pulling from %.*s\n", STR_ARG(tag), STR_ARG(ref.path));
	AUTO_TRANSFER Transfer show = { 0 };
	TRY(transfer_open("Pulling", quiet || out != stdout, &show));
	PullListener listener = { transfer_layer, &show };
	Err *e = pull_image(s, registry, &ref, platform, transfer_progress(&show), &listener,
	                    cancel, a, &result);
	if (e) /* absent or damaged there, not in the store */
		return err_kind(e) == ERR_NOT_FOUND || err_kind(e) == ERR_CORRUPT
		               ? err_set_kind(e, ERR_NETWORK)
		               : e;
	transfer_close(&show);
	if (quiet)
		return NULL;
	fprintf(out, "Digest: %s\nStatus: %s for %s\n",
	        digest_arena_text(a, &result.image.top_digest).ptr,
	        result.was_here ? "Image is up to date" : "Downloaded newer image",
	        reference_familiar(a, &ref).ptr);
	return NULL;
}

static Err *run_pull(Cli *cli, const void *values, const Arguments *args)
{
	const PullValues *v = values;
	Reference ref;
	Platform platform = platform_host();
	Str authorities;
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_reference(cli, args->at[0], &ref));
	if (v->platform)
		TRY(platform_parse(cli->arena, str_from(v->platform), &platform));
	TRY(cli_pull(cli, args->at[0], &platform, v->quiet, stdout));
	printf("%s\n", reference_full(cli->arena, &ref).ptr);
	return NULL;
}

const Command command_pull = {
	.name = "pull",
	.aliases = "image pull",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] NAME[:TAG|@DIGEST]",
	.help = "Get an image from a registry",
	.options = pull_options,
	.option_count = ARRAY_LEN(pull_options),
	.values_size = sizeof(PullValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_pull,
};
