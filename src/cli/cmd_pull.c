/* cmd_pull.c - an image of a registry → the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/connection.h"
#include "cli/platforms.h"
#include "cli/pull_image.h"
#include "cli/transfer.h"
#include "exec/pull.h"
#include "registry/catalog.h"
#include "sandbox/sandbox.h"

#include <stdarg.h>
#include <stdio.h>

typedef struct PullValues {
	const char *platform;
	bool quiet, all_tags, ignored;
	const char *creds;
	ConnectionValues connection;
} PullValues;

static const Option pull_options[] = {
	{ .name = "all-tags",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "All tags of the repository",
	  .offset = offsetof(PullValues, all_tags) },
	{ .name = "disable-content-trust",
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Accepted, no effect",
	  .offset = offsetof(PullValues, ignored) },
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
	CONNECTION_CREDS(PullValues, creds),
};

typedef struct Pulling {
	Cli *cli;
	Store *store;
	Registry *registry;
	Cancel *cancel;
	Platform platform;
	bool platform_given, quiet;
	FILE *out;
	Transfer show;
} Pulling;

static Err *open_pulling(Pulling *p)
{
	TRY(cli_store(p->cli, &p->store));
	TRY(sandbox_enter()); /* before the first thread, and layers have owners of their own */
	TRY(cli_cancel(p->cli, &p->cancel));
	TRY(registry_open(p->cancel, &p->registry));
	return NULL;
}

static void close_pulling(Pulling *p)
{
	transfer_close(&p->show);
	registry_closep(&p->registry);
}

static void say(const Pulling *p, const char *format, ...) PRINTF(2, 3);
static void say(const Pulling *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!p->quiet)
		(void)vfprintf(p->out, format, args);
	va_end(args);
}

/* A name that leads to one image alone gives it whatever it is for. */
static Err *warn_of_platform(const Pulling *p, const RegistryImage *image, Str name)
{
	Arena *a = p->cli->arena;
	ImageConfig config;
	TRY(image_config_parse(a, image->config_json, name.ptr, &config));
	if (!config.platform.arch.len || platform_fit(&p->platform, &config.platform) > 0)
		return NULL;
	bool given = p->platform_given;
	(void)fprintf(
		stderr,
		"warning: the requested image's platform (%.*s) does not match the %s platform "
		"(%.*s)%s\n",
		STR_ARG(platform_text(a, &config.platform)), given ? "specified" : "detected host",
		STR_ARG(platform_text(a, &p->platform)),
		given ? "" : " and no specific platform was requested");
	return NULL;
}

static Err *pull_one(Pulling *p, const Reference *ref, bool *ret_new)
{
	Arena *a = p->cli->arena;
	PullResult result;
	Str tag = ref->has_digest ? digest_arena_text(a, &ref->digest) : ref->tag;
	say(p, "%.*s: Pulling from %.*s\n", STR_ARG(tag), STR_ARG(ref->path));
	TRY(transfer_open("Pulling", p->quiet || p->out != stdout, &p->show));
	PullListener listener = { transfer_layer, &p->show };
	TRY(cli_of_registry(pull_image(p->store, p->registry, ref, &p->platform,
	                               transfer_progress(&p->show), &listener, p->cancel, a,
	                               &result)));
	transfer_close(&p->show);
	say(p, "Digest: %s\n", digest_arena_text(a, &result.image.top_digest).ptr);
	*ret_new = *ret_new || !result.was_here;
	return warn_of_platform(p, &result.image, reference_familiar(a, ref));
}

static void say_status(const Pulling *p, bool new, Str name)
{
	say(p, "Status: %s for %.*s\n", new ? "Downloaded newer image" : "Image is up to date",
	    STR_ARG(name));
}

static bool is_tagged(const char *name)
{
	const char *colon = strrchr(name, ':');
	return colon && !strchr(colon, '/');
}

static Err *pull_named(Pulling *p, const char *name)
{
	Reference ref;
	bool new = false;
	TRY(cli_reference(p->cli, name, &ref));
	TRY(open_pulling(p));
	if (!ref.has_digest && !is_tagged(name))
		say(p, "Using default tag: %.*s\n", STR_ARG(ref.tag));
	TRY(pull_one(p, &ref, &new));
	say_status(p, new, reference_familiar(p->cli->arena, &ref));
	return NULL;
}

Err *cli_pull(Cli *cli, const char *name, const Platform *platform, bool quiet, FILE *out)
{
	Pulling p = { .cli = cli,
		      .platform = platform ? *platform : platform_host(),
		      .platform_given = platform,
		      .quiet = quiet,
		      .out = out };
	Err *e = pull_named(&p, name);
	close_pulling(&p);
	return e;
}

static Err *pull_tags(Pulling *p, const Reference *repository)
{
	Arena *a = p->cli->arena;
	CatalogNames tags;
	bool new = false;
	TRY(open_pulling(p));
	TRY(cli_of_registry(registry_list(p->registry, repository->domain, repository->path,
	                                  CATALOG_NAMES_MAX, NULL, NULL, a, &tags)));
	if (tags.count == 0)
		return err_new(ERR_NETWORK, "%.*s: no tags",
		               STR_ARG(reference_familiar_name(a, repository)));
	for (size_t i = 0; i < tags.count; i++) {
		Reference ref;
		Str name = arena_strf(a, "%.*s/%.*s:%.*s", STR_ARG(repository->domain),
		                      STR_ARG(repository->path), STR_ARG(tags.at[i]));
		TRY(err_set_kind(reference_parse(a, name, &ref), ERR_NETWORK));
		TRY(pull_one(p, &ref, &new));
	}
	say_status(p, new, reference_familiar_name(a, repository));
	return NULL;
}

static Err *pull_all(Cli *cli, const char *name, const Platform *platform, bool quiet)
{
	Reference ref;
	Pulling p = { .cli = cli,
		      .platform = platform ? *platform : platform_host(),
		      .platform_given = platform,
		      .quiet = quiet,
		      .out = stdout };
	TRY(cli_reference(cli, name, &ref));
	if (ref.has_digest || is_tagged(name))
		return cli_usage(cli, "tag can't be used with --all-tags/-a: '%s'", name);
	Err *e = pull_tags(&p, &ref);
	close_pulling(&p);
	if (!e)
		printf("%.*s/%.*s\n", STR_ARG(ref.domain), STR_ARG(ref.path));
	return e;
}

static Err *run_pull(Cli *cli, const void *values, const Arguments *args)
{
	const PullValues *v = values;
	Reference ref;
	Platform platform;
	Str authorities;
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_reference(cli, args->at[0], &ref));
	TRY(connection_creds(cli, v->creds, ref.domain));
	if (v->platform)
		TRY(cli_platform(cli, v->platform, &platform));
	const Platform *given = v->platform ? &platform : NULL;
	if (v->all_tags)
		return pull_all(cli, args->at[0], given, v->quiet);
	TRY(cli_pull(cli, args->at[0], given, v->quiet, stdout));
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
