/* cmd_push.c - an image of the store → a registry. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/connection.h"
#include "cli/push_elsewhere.h"
#include "cli/transfer.h"
#include "export/export.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

typedef struct PushValues {
	const char *compression, *platform;
	bool quiet, no_attestations, all_tags, ignored;
	const char *creds;
	ConnectionValues connection;
} PushValues;

static const Option push_options[] = {
	{ .name = "all-tags",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "All names of the repository that the store has",
	  .offset = offsetof(PushValues, all_tags) },
	{ .name = "compression",
	  .kind = OPTION_TEXT,
	  .choices = "gzip,zstd,none",
	  .help = "How layers are compressed: gzip[:LEVEL], zstd[:LEVEL] or none (default gzip)",
	  .offset = offsetof(PushValues, compression) },
	{ .name = "disable-content-trust",
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  .help = "Accepted, no effect",
	  .offset = offsetof(PushValues, ignored) },
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
	CONNECTION_CREDS(PushValues, creds),
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Only the image for this platform: os/arch[/variant] (default all there are)",
	  .offset = offsetof(PushValues, platform) },
};

typedef struct Pushing {
	Cli *cli;
	const PushValues *values;
	const CompressionSpec *compression; /* NULL: none was asked for */
	Store *store;
	Registry *registry;
	Cancel *cancel;
	Transfer show;
} Pushing;

/* The images that NAME means; whole, as far as the store knows. */
static Err *find_images(const Pushing *p, const char *name, Image *one, Image **ret,
                        size_t *ret_count)
{
	const char *platform = p->values->platform;
	Err *e = cli_image_for(p->cli, p->store, name, NULL, one);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		Reference ref;
		err_free(e);
		TRY(cli_reference(p->cli, name, &ref));
		e = err_note(err_new(ERR_NOT_FOUND,
		                     "An image does not exist locally with the tag: %.*s",
		                     STR_ARG(reference_familiar_name(p->cli->arena, &ref))),
		             "give the image this name first: decant tag IMAGE %s", name);
	}
	TRY(e);
	if (platform)
		TRY(cli_image_for(p->cli, p->store, name, platform, one));
	*ret = one;
	*ret_count = 1;
	if (!platform)
		TRY(image_all(p->store, one, p->cli->arena, ret, ret_count));
	for (size_t i = 0; i < *ret_count; i++)
		TRY(image_check(p->store, &(*ret)[i]));
	return NULL;
}

/* An index of which not all is here cannot go out as it is. */
static void note_index(const PushValues *v, const StoreRef *ref, const Digest *pushed, Arena *a)
{
	if (digest_is_zero(&ref->index) || digest_eq(&ref->index, pushed) || v->platform ||
	    v->compression || v->no_attestations)
		return;
	fprintf(stderr,
	        "note: not all multi-platform content is here, and only what is was pushed\n"
	        "      %s -> %s\n",
	        digest_arena_text(a, &ref->index).ptr, digest_arena_text(a, pushed).ptr);
}

/* DESTINATION: the name there. */
static Err *push_one(Pushing *p, const char *name, const char *destination, bool first)
{
	const PushValues *v = p->values;
	Arena *a = p->cli->arena;
	Reference ref;
	Image image = { 0 }, *all;
	size_t count;
	Digest manifest;
	uint64_t size;
	TRY(cli_reference(p->cli, destination, &ref));
	TRY(find_images(p, name, &image, &all, &count));
	const ExportImage pushed = { .images = all, .image_count = count };
	if (first && !v->quiet)
		printf("The push refers to repository [%.*s/%.*s]\n", STR_ARG(ref.domain),
		       STR_ARG(ref.path));
	TRY(transfer_open("Pushing", v->quiet, &p->show));
	PushListener listener = { transfer_layer, &p->show };
	TRY(export_push(p->store, p->registry, &pushed, &ref, p->compression, v->no_attestations,
	                transfer_progress(&p->show), &listener, p->cancel, &manifest, &size));
	transfer_close(&p->show);
	note_index(v, &image.store_ref, &manifest, a);
	if (v->quiet)
		printf("%s\n", reference_full(a, &ref).ptr);
	else
		printf("%.*s: digest: %s size: %llu\n", STR_ARG(ref.tag),
		       digest_arena_text(a, &manifest).ptr, (unsigned long long)size);
	return NULL;
}

/* The names of REPOSITORY in the store, with their tags. */
static Err *find_names(const Pushing *p, const Reference *repository, const char ***ret,
                       size_t *ret_count)
{
	Arena *a = p->cli->arena;
	StoreRef *refs;
	size_t count, found = 0;
	TRY(store_ref_list(p->store, a, &refs, &count));
	*ret = arena_alloc(a, (count + 1) * sizeof **ret, _Alignof(const char *));
	for (size_t i = 0; i < count; i++) {
		Reference ref;
		if (str_starts(refs[i].name, STR("sha256:"))) /* of an image without a name */
			continue;
		TRY(reference_parse(a, refs[i].name, &ref));
		if (str_eq(ref.domain, repository->domain) && str_eq(ref.path, repository->path) &&
		    !ref.has_digest)
			(*ret)[found++] = reference_full(a, &ref).ptr;
	}
	*ret_count = found;
	return found ? NULL
	             : err_new(ERR_NOT_FOUND, "An image does not exist locally with the tag: %.*s",
	                       STR_ARG(reference_familiar_name(a, repository)));
}

/* buildah's and podman's: IMAGE goes to DESTINATION, under whatever name it is here. */
static Err *push_to(Pushing *p, const char *name, const char *destination)
{
	Image image = { 0 }, *all;
	size_t count;
	bool transport = push_has_transport(destination);
	if (p->values->all_tags)
		return cli_usage(p->cli, "--all-tags takes no destination");
	TRY(sandbox_enter()); /* as below */
	TRY(cli_store(p->cli, &p->store));
	TRY(cli_cancel(p->cli, &p->cancel));
	if (!transport) {
		TRY(registry_open(p->cancel, &p->registry));
		return push_one(p, name, destination, true);
	}
	TRY(find_images(p, name, &image, &all, &count));
	const ExportImage pushed = { .images = all,
		                     .image_count = count,
		                     .names = &image.ref,
		                     .name_count = image.ref.len ? 1 : 0 };
	return push_elsewhere(p->cli, p->store, &pushed, destination, p->compression, p->cancel);
}

static Err *push_names(Pushing *p, const char *name)
{
	Reference ref;
	const char **names = &name;
	size_t count = 1;
	TRY(cli_reference(p->cli, name, &ref));
	if (ref.has_digest)
		return cli_usage(p->cli, "cannot push a digest reference: '%s'", name);
	const char *colon = strrchr(name, ':');
	if (p->values->all_tags && colon && !strchr(colon, '/'))
		return cli_usage(p->cli, "tag can't be used with --all-tags/-a: '%s'", name);
	/* Before the first thread: layers may be directories, and files in them belong to owners
	 * that only the namespace may read. */
	TRY(sandbox_enter());
	TRY(cli_store(p->cli, &p->store));
	if (p->values->all_tags)
		TRY(find_names(p, &ref, &names, &count));
	TRY(cli_cancel(p->cli, &p->cancel));
	TRY(registry_open(p->cancel, &p->registry));
	for (size_t i = 0; i < count; i++)
		TRY(push_one(p, names[i], names[i], i == 0));
	return NULL;
}

static Err *run_push(Cli *cli, const void *values, const Arguments *args)
{
	Pushing p = { .cli = cli, .values = values };
	CompressionSpec compression;
	Str authorities;
	Reference ref;
	TRY(connection_apply(cli, &p.values->connection, &authorities));
	bool elsewhere = false;
	const char *to = args->at[args->count - 1];
	if (args->count > 1)
		elsewhere = push_has_transport(to);
	if (!elsewhere) {
		TRY(cli_reference(cli, to, &ref));
		TRY(connection_creds(cli, p.values->creds, ref.domain));
	}
	if (p.values->compression) {
		Err *e = compressor_parse(str_from(p.values->compression), &compression);
		cli->usage_error = e;
		TRY(e);
		p.compression = &compression;
	}
	Err *e = args->count > 1 ? push_to(&p, args->at[0], args->at[1])
	                         : push_names(&p, args->at[0]);
	transfer_close(&p.show);
	registry_closep(&p.registry);
	return e;
}

const Command command_push = {
	.name = "push",
	.aliases = "image push",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] NAME[:TAG] [DESTINATION]",
	.help = "Send an image to a registry",
	.about = "With DESTINATION, as buildah and podman have it, the image goes there: another "
		 "name, or\n"
		 "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], dir:DIR.",
	.options = push_options,
	.option_count = ARRAY_LEN(push_options),
	.values_size = sizeof(PushValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "IMAGE",
	.run = run_push,
};
