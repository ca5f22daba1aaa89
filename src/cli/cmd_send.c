/* cmd_send.c - images of the store → a docker or podman that runs here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/send.h"
#include "sandbox/sandbox.h"

#include <limits.h>
#include <stdio.h>

typedef struct SendValues {
	const char *host, *platform;
	bool quiet;
} SendValues;

static const Option send_options[] = {
	{ .name = "host",
	  .letter = 'H',
	  .kind = OPTION_TEXT,
	  .help = "Where it listens: unix:///PATH or tcp://HOST:PORT (default $DOCKER_HOST, "
	          "docker's context, the usual sockets)",
	  .offset = offsetof(SendValues, host) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "The image for this platform: os/arch[/variant] (default this machine's)",
	  .offset = offsetof(SendValues, platform) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print nothing",
	  .offset = offsetof(SendValues, quiet) },
};

static Err *find_images(Cli *cli, Store *s, const SendValues *v, const Arguments *args,
                        ExportImage *ret)
{
	for (size_t i = 1; i < args->count; i++) {
		Image *image = arena_new(cli->arena, Image);
		TRY(cli_image_for(cli, s, args->at[i], v->platform, image));
		TRY(image_check(s, image));
		ret[i - 1] = (ExportImage){ .images = image,
			                    .image_count = 1,
			                    .names = &image->ref,
			                    .name_count = image->ref.len ? 1 : 0 };
	}
	return NULL;
}

static Err *run_send(Cli *cli, const void *values, const Arguments *args)
{
	const SendValues *v = values;
	size_t count = args->count - 1, line_count;
	EngineKind kind;
	Cancel *cancel = NULL;
	Store *s = NULL;
	Str *lines;
	TRY(send_parse_kind(cli, args->at[0], &kind));
	ExportImage *images =
		arena_alloc(cli->arena, count * sizeof *images, _Alignof(ExportImage));
	TRY(cli_store(cli, &s));
	TRY(find_images(cli, s, v, args, images));
	TRY(cli_cancel(cli, &cancel));
	AUTO_ENGINE Engine *engine = NULL;
	Err *e = engine_open(kind, v->host, cancel, &engine);
	cli->usage_error = e && v->host && err_kind(e) == ERR_INPUT;
	TRY(e);
	/* Before the first thread: layers may be directories, and files in them belong to owners
	 * that only the namespace may read. */
	TRY(sandbox_enter());
	TRY(store_reopen(s));
	AUTO_TRANSFER Transfer show = { 0 };
	TRY(transfer_open("Sending", v->quiet, &show));
	PushListener listener = { transfer_layer, &show };
	SendRequest request = { .store = s,
		                .engine = engine,
		                .images = images,
		                .count = count,
		                .progress = transfer_progress(&show),
		                .listener = &listener };
	TRY(send_images(cli, &request, &lines, &line_count));
	transfer_close(&show);
	for (size_t i = 0; i < line_count && !v->quiet; i++)
		printf("%.*s\n", STR_ARG(lines[i]));
	return NULL;
}

const Command command_send = {
	.name = "send",
	.aliases = "image send",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] docker|podman IMAGE [IMAGE...]",
	.help = "Put images into a docker or podman that runs here",
	.about = "Layers that it has already are not sent. A podman that does not listen anywhere "
		 "is "
		 "started\n"
		 "for the time of the command. The images stay in decant's store as well.",
	.options = send_options,
	.option_count = ARRAY_LEN(send_options),
	.values_size = sizeof(SendValues),
	.arguments_min = 2,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.run = run_send,
};
