/* build_send.c - `build --load=docker|podman`: the result into one that runs here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_send.h"
#include "sandbox/sandbox.h"

Err *build_send_open(Cli *cli, const BuildValues *v, Engine **ret)
{
	EngineKind kind;
	Cancel *cancel = NULL;
	bool in_store;
	*ret = NULL;
	if (!v->load || str_to_bool(str_from(v->load), &in_store))
		return NULL;
	TRY(send_parse_kind(cli, v->load, &kind));
	TRY(cli_cancel(cli, &cancel));
	return err_while(engine_open(kind, NULL, cancel, ret), "preparing --load=%s", v->load);
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
