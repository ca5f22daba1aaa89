/* streams.c - importing what a tag follows; a stream in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/streams.h"
#include "exec/image.h"
#include "registry/registry.h"

#include <stdio.h>

/* What REF's tag names in its registry now. */
static Err *ask_registry(Cli *cli, const Reference *ref, Digest *ret)
{
	AUTO_REGISTRY Registry *registry = NULL;
	RegistryImage image;
	Platform host = platform_host();
	Cancel *cancel;
	TRY(cli_cancel(cli, &cancel));
	TRY(registry_open(cancel, &registry));
	TRY(registry_resolve(registry, ref, &host, cli->arena, &image));
	*ret = image.top_digest;
	return NULL;
}

/* *ret zero: it is not here, or has no digest. */
static Err *ask_store(const Project *p, Str name, Digest *ret)
{
	Image image = { 0 };
	*ret = (Digest){ 0 };
	Err *e = image_find(p->store, name, p->arena, &image);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* told by the result */
		return NULL;
	}
	TRY(e);
	*ret = *store_ref_remote(&image.store_ref, NULL);
	return NULL;
}

static Err *resolve(Cli *cli, const Project *p, Str name, Reference *ref, Digest *ret)
{
	TRY(reference_parse(cli->arena, name, ref));
	Err *e = ask_registry(cli, ref, ret);
	if (!e || err_kind(e) == ERR_CANCELLED)
		return e;
	Digest here;
	Err *none = ask_store(p, name, &here);
	if (none || digest_is_zero(&here)) {
		err_free(none); /* the registry's answer is the one to tell */
		return e;
	}
	err_free(e); /* it may be unreachable: what is here counts */
	*ret = here;
	return NULL;
}

Err *stream_import(Cli *cli, const Project *p, ImageStream *is, Str tag, bool *ret_new)
{
	Arena *a = cli->arena;
	Reference ref;
	Digest digest;
	StreamTag *t = stream_tag(is, tag);
	*ret_new = false;
	if (!t || !str_eqc(t->from_kind, "DockerImage"))
		return err_note(err_new(ERR_INPUT, "the tag \"%.*s\" of \"%.*s\" follows no image",
		                        STR_ARG(tag), STR_ARG(is->meta.name)),
		                "give the image with --from IMAGE --confirm");
	TRY_WHILE(resolve(cli, p, t->from, &ref, &digest), "importing '%.*s'", STR_ARG(t->from));
	Str image = digest_arena_text(a, &digest);
	*ret_new = !t->item_count || !str_eq(t->items[0].image, image);
	if (!*ret_new)
		return NULL;
	return runner_stream_note(p, is, tag,
	                          arena_strf(a, "%.*s/%.*s@%.*s", STR_ARG(ref.domain),
	                                     STR_ARG(ref.path), STR_ARG(image)),
	                          image);
}

/* --- scheduled -------------------------------------------------------------------------------- */

/* TAG gets IMAGE, if it still follows FROM. */
static Err *note(const Project *p, Str stream, Str tag, Str from, const Reference *ref,
                 const Digest *digest, bool *ret_new)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	Str image = digest_arena_text(p->arena, digest);
	TRY(project_lock(p, NULL, &lock));
	TRY(project_get_stream(p, stream, &is));
	const StreamTag *t = stream_tag(&is, tag);
	if (!t || !str_eq(t->from, from) || (t->item_count && str_eq(t->items[0].image, image)))
		return NULL;
	*ret_new = true;
	return runner_stream_note(p, &is, tag,
	                          arena_strf(p->arena, "%.*s/%.*s@%.*s", STR_ARG(ref->domain),
	                                     STR_ARG(ref->path), STR_ARG(image)),
	                          image);
}

static Err *import_tag(Cli *cli, const Project *p, Str stream, const StreamTag *t, bool *ret_new)
{
	Reference ref;
	Digest digest;
	if (!str_eqc(t->from_kind, "DockerImage") || !t->scheduled)
		return NULL;
	TRY_WHILE(resolve(cli, p, t->from, &ref, &digest), "importing '%.*s'", STR_ARG(t->from));
	return note(p, stream, t->name, t->from, &ref, &digest, ret_new);
}

Err *stream_import_scheduled(Cli *cli, const Project *p,
                             void (*imported)(const Project *p, Str stream))
{
	Str *names;
	size_t count;
	TRY(project_list(p, PROJECT_STREAM, &names, &count));
	for (size_t i = 0; i < count; i++) {
		ImageStream is = { .tag_count = 0 };
		bool is_new = false;
		Err *e = project_get_stream(p, names[i], &is);
		for (size_t k = 0; !e && k < is.tag_count; k++) {
			e = import_tag(cli, p, names[i], &is.tags[k], &is_new);
			if (!e || err_kind(e) == ERR_CANCELLED)
				continue;
			cli_report(cli, e);
			e = NULL;
		}
		if (e && err_kind(e) == ERR_CANCELLED)
			return e;
		if (e)
			cli_report(cli, e);
		if (is_new)
			imported(p, names[i]);
	}
	return NULL;
}

void stream_start_builds(Cli *cli, const Project *p)
{
	Build *all;
	size_t count = 0;
	(void)fflush(stdout);
	Err *e = runner_triggers(p, NULL, &all, &count);
	for (size_t i = 0; i < count; i++)
		printf("%s/%.*s started: %.*s\n", project_kind_one[PROJECT_BUILD],
		       STR_ARG(all[i].meta.name), STR_ARG(all[i].cause));
	if (e)
		cli_report(cli, e);
}

/* --- in words --------------------------------------------------------------------------------- */

static Str age(Cli *cli, int64_t ns)
{
	return ns == PROJECT_TIME_NONE ? STR("<unknown>")
	                               : arena_strf(cli->arena, "%s ago",
	                                            cli_age(cli->arena, clock_real_ns() - ns).ptr);
}

static void describe_tag(Cli *cli, const StreamTag *t)
{
	printf("\n%.*s\n", STR_ARG(t->name));
	if (t->from.len)
		printf("  %s%.*s\n",
		       t->scheduled ? "updates automatically from registry " : "tagged from ",
		       STR_ARG(t->from));
	else
		printf("  no spec tag\n");
	for (size_t i = 0; i < t->item_count; i++)
		printf("\n  %s %.*s\n      %.*s\n", i ? " " : "*", STR_ARG(t->items[i].reference),
		       STR_ARG(age(cli, t->items[i].created_ns)));
}

static void describe_pairs(const char *title, const ProjectPairs *pairs)
{
	printf("%-21s", title);
	for (size_t i = 0; i < pairs->count; i++)
		printf("%s%.*s=%.*s", i ? "," : "", STR_ARG(pairs->at[i].key),
		       STR_ARG(pairs->at[i].value));
	printf("%s\n", pairs->count ? "" : "<none>");
}

void stream_describe(Cli *cli, const ImageStream *is)
{
	printf("%-21s%.*s\n%-21s%.*s\n%-21s%.*s\n", "Name:", STR_ARG(is->meta.name),
	       "Namespace:", STR_ARG(is->meta.project),
	       "Created:", STR_ARG(age(cli, is->meta.created_ns)));
	describe_pairs("Labels:", &is->meta.labels);
	describe_pairs("Annotations:", &is->meta.annotations);
	size_t items = 0;
	for (size_t i = 0; i < is->tag_count; i++)
		items += is->tags[i].item_count;
	printf("%-21s%.*s\n%-21slocal=%s\n%-21s%zu\n%-21s%zu\n",
	       "Image Repository:", STR_ARG(is->repository),
	       "Image Lookup:", is->lookup_local ? "true" : "false", "Unique Images:", items,
	       "Tags:", is->tag_count);
	for (size_t i = 0; i < is->tag_count; i++)
		describe_tag(cli, &is->tags[i]);
}
