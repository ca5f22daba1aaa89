/* push_elsewhere.c - the DESTINATION of `buildah push IMAGE DESTINATION` that is no registry. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/push_elsewhere.h"

typedef struct Transport {
	const char *prefix;
	const char *type; /* of the output; NULL: skopeo's dir: */
	bool tar;
	bool named; /* what follows the path is a name, else a tag */
} Transport;

static const Transport transports[] = {
	{ "oci:", "oci", false, false },
	{ "oci-archive:", "oci", true, false },
	{ "docker-archive:", "docker", true, true },
	{ "dir:", NULL, false, false },
};

/* Those of others that write to what only they have. */
static const char *const refused[] = { "containers-storage:", "docker-daemon:", "ostree:", "sif:" };

static const Transport *find_transport(const char *destination)
{
	for (size_t i = 0; i < ARRAY_LEN(transports); i++)
		if (strncmp(destination, transports[i].prefix, strlen(transports[i].prefix)) == 0)
			return &transports[i];
	return NULL;
}

bool push_has_transport(const char *destination)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (strncmp(destination, refused[i], strlen(refused[i])) == 0)
			return true;
	return find_transport(destination) != NULL;
}

/* The name that the image has there; "": none.  A tag is one of the image's own repository. */
static Err *name_there(Cli *cli, const Transport *t, const ExportImage *image, Str rest, Str *ret)
{
	Reference ref;
	Arena *a = cli->arena;
	*ret = STR("");
	if (!rest.len)
		return NULL;
	if (!t->named && image->name_count) {
		TRY(reference_parse(a, image->names[0], &ref));
		rest = arena_strf(a, "%.*s/%.*s:%.*s", STR_ARG(ref.domain), STR_ARG(ref.path),
		                  STR_ARG(rest));
	} else if (!t->named) {
		rest = arena_strf(a, "localhost/image:%.*s", STR_ARG(rest));
	}
	TRY(cli_reference(cli, arena_str(a, rest).ptr, &ref));
	*ret = reference_full(a, &ref);
	return NULL;
}

Err *push_elsewhere(Cli *cli, Store *s, const ExportImage *image, const char *destination,
                    const CompressionSpec *compression, const Cancel *cancel)
{
	const Transport *t = find_transport(destination);
	if (!t)
		return err_note(cli_usage(cli, "cannot push to '%s'", destination),
		                "one of docker://, oci:, oci-archive:, docker-archive:, dir:; into "
		                "another engine: decant send");
	Str path, name;
	Str rest = str_cut(str_from(destination + strlen(t->prefix)), ':', &path);
	if (!path.len)
		return cli_usage(cli, "'%s' names no file", destination);
	path = arena_str(cli->arena, path);
	if (!t->type) {
		if (image->image_count != 1)
			return err_note(err_new(ERR_INPUT, "dir: takes one image"),
			                "choose it with --platform");
		return export_folder(s, &image->images[0], path, compression, cancel);
	}
	TRY(name_there(cli, t, image, rest, &name));
	ExportImage there = { .images = image->images,
		              .image_count = image->image_count,
		              .names = &name,
		              .name_count = name.len ? 1 : 0 };
	OutputSpec out = { .type = str_from(t->type), .dest = path, .tar = t->tar };
	if (compression) {
		out.compression = *compression;
		out.compression_set = true;
		out.force_compression = true;
	}
	return export_run(s, &out, &there, 1, NULL, cancel);
}
