/* build_send.c - `build --load[=docker|podman]`: the result into one that runs here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_send.h"
#include "cli/names.h"
#include "sandbox/sandbox.h"

/* What --load says: "docker", "podman", or NULL where decant's store is all.  Without a word it is
 * the docker of $DOCKER_HOST, which nobody sets for nothing; but under docker's name we are that
 * docker.
 */
static const char *receiver(const Cli *cli, const char *load)
{
	const char *host = getenv("DOCKER_HOST");
	bool yes;
	if (!load || !str_to_bool(str_from(load), &yes))
		return load;
	return yes && host && *host && !cli->program->docker_statuses ? "docker" : NULL;
}

Err *build_send_open(Cli *cli, const BuildValues *v, Engine **ret)
{
	EngineKind kind;
	Cancel *cancel = NULL;
	const char *to = receiver(cli, v->load);
	*ret = NULL;
	if (!to)
		return NULL;
	TRY(send_parse_kind(cli, to, &kind));
	TRY(cli_cancel(cli, &cancel));
	Err *err = err_while(engine_open(kind, NULL, cancel, ret), "preparing --load=%s", to);
	return err && to != v->load
	               ? err_note(err, "--load sends to the docker of $DOCKER_HOST; unset that "
	                               "to keep the image in decant's store alone")
	               : err;
}

/* Of several platforms this machine's, which is what its name means by itself. */
static Err *find_image(Cli *cli, const BuildRequest *r, const BuildTarget *t, ExportImage *ret)
{
	Image *image = arena_new(cli->arena, Image);
	Str *names = arena_alloc(cli->arena, (t->tag_count + 1) * sizeof *names, _Alignof(Str));
	for (size_t i = 0; i < t->tag_count; i++)
		names[i] = reference_full(cli->arena, &t->tags[i]);
	Str name = t->tag_count ? names[0] : digest_arena_text(cli->arena, &t->images[0].image_id);
	TRY(cli_image(cli, r->store, name.ptr, image));
	*ret = (ExportImage){
		.images = image, .image_count = 1, .names = names, .name_count = t->tag_count
	};
	return NULL;
}

Err *build_send_run(Cli *cli, Engine *e, const BuildRequest *r, const BuildResult *result)
{
	size_t count = result->target_count, line_count;
	Str *lines;
	if (!e || r->cache_only)
		return NULL;
	ExportImage *images =
		arena_alloc(cli->arena, (count + 1) * sizeof *images, _Alignof(ExportImage));
	TRY(sandbox_enter()); /* as for outputs: layers may be directories */
	TRY(store_reopen(r->store));
	for (size_t i = 0; i < count; i++)
		TRY(find_image(cli, r, &result->targets[i], &images[i]));
	SendRequest request = { .store = r->store,
		                .engine = e,
		                .images = images,
		                .count = count,
		                .progress = r->progress };
	TRY(send_images(cli, &request, &lines, &line_count));
	for (size_t i = 0; i < line_count; i++)
		progress_note(r->progress, 0, "%.*s", STR_ARG(lines[i]));
	return NULL;
}
