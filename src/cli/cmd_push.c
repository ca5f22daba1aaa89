/* cmd_push.c - an image of the store → a registry. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/connection.h"
#include "cli/transfer.h"
#include "export/export.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct PushValues {
	const char *compression, *platform;
	bool quiet, no_attestations;
	ConnectionValues connection;
} PushValues;

static const Option push_options[] = {
	{ .name = "compression",
	  .kind = OPTION_TEXT,
	  .choices = "gzip,zstd,none",
	  .help = "How layers are compressed: gzip[:LEVEL], zstd[:LEVEL] or none (default gzip)",
	  .offset = offsetof(PushValues, compression) },
	{ .name = "no-attestations",
	  .kind = OPTION_FLAG,
	  .help = "Leave out what is attested of the image",
	  .offset = offsetof(PushValues, no_attestations) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print only the image's name",
	  .offset = offsetof(PushValues, quiet) },
	CONNECTION_OPTIONS(PushValues, connection),
	{ .name = "all-tags", .letter = 'a', .kind = OPTION_REFUSED, .help = "" },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Only the image for this platform: os/arch[/variant] (default all there are)",
	  .offset = offsetof(PushValues, platform) },
};

static Err *run_push(Cli *cli, const void *values, const Arguments *args)
{
	const PushValues *v = values;
	Arena *a = cli->arena;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Reference ref;
	Image image = { 0 };
	Digest manifest;
	uint64_t size;
	CompressionSpec compression = { .id = COMPRESSION_GZIP };
	Str authorities;
	TRY(connection_apply(cli, &v->connection, &authorities));
	if (v->compression) {
		Err *e = compressor_parse(str_from(v->compression), &compression);
		cli->usage_error = e;
		TRY(e);
	}
	TRY(cli_reference(cli, args->at[0], &ref));
	if (ref.has_digest)
		return cli_usage(cli, "cannot push a digest reference: '%s'", args->at[0]);
	/* Before the first thread: layers may be directories, and files in them belong to owners
	 * that only the namespace may read. */
	TRY(sandbox_enter());
	TRY(cli_store(cli, &s));
	Err *e = cli_image_for(cli, s, args->at[0], v->platform, &image);
	if (e && err_kind(e) == ERR_NOT_FOUND)
		e = err_note(e, "give the image this name first: decant tag IMAGE %s", args->at[0]);
	TRY(e);
	Image *all = &image;
	size_t count = 1;
	if (!v->platform)
		TRY(image_all(s, &image, a, &all, &count));
	for (size_t i = 0; i < count; i++)
		TRY(image_check(s, &all[i]));
	const ExportImage pushed = { .images = all, .image_count = count };
	TRY(cli_cancel(cli, &cancel));
	AUTO_REGISTRY Registry *registry = NULL;
	TRY(registry_open(cancel, &registry));
	if (!v->quiet)
		printf("The push refers to repository [%.*s/%.*s]\n", STR_ARG(ref.domain),
		       STR_ARG(ref.path));
	AUTO_TRANSFER Transfer show = { 0 };
	TRY(transfer_open("Pushing", v->quiet, &show));
	PushListener listener = { transfer_layer, &show };
	TRY(export_push(s, registry, &pushed, &ref, &compression, v->no_attestations,
	                transfer_progress(&show), &listener, cancel, &manifest, &size));
	transfer_close(&show);
	if (v->quiet)
		printf("%s\n", reference_full(a, &ref).ptr);
	else
		printf("%.*s: digest: %s size: %llu\n", STR_ARG(ref.tag),
		       digest_arena_text(a, &manifest).ptr, (unsigned long long)size);
	return NULL;
}

const Command command_push = {
	.name = "push",
	.aliases = "image push",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] NAME[:TAG]",
	.help = "Send an image to a registry",
	.options = push_options,
	.option_count = ARRAY_LEN(push_options),
	.values_size = sizeof(PushValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "IMAGE",
	.run = run_push,
};
