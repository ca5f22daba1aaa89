/* cmd_manifest_inspect.c - what a name means in its registry: the manifest or the index itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/map.h"
#include "cli/connection.h"
#include "cli/formatted.h"
#include "cli/manifest_list.h"
#include "codec/json.h"
#include "oci/config.h"
#include "registry/registry.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

enum {
	INDENT = 3,
	PLATFORMS_MAX = 64, /* of an index whose configs are asked for */
};

typedef struct ManifestValues {
	bool verbose, insecure, raw;
	const char *format;
	ConnectionValues connection;
} ManifestValues;

static const Option manifest_options[] = {
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .help = "Descriptor and platform too, and each manifest of an index",
	  .offset = offsetof(ManifestValues, verbose) },
	{ .name = "insecure",
	  .kind = OPTION_FLAG,
	  .help = "The registry may speak plain http, or have any certificate",
	  .offset = offsetof(ManifestValues, insecure) },
	CONNECTION_OPTIONS(ManifestValues, connection),
};

static const Option imagetools_options[] = {
	{ .name = "raw",
	  .kind = OPTION_FLAG,
	  .help = "The bytes that the registry has, as they are",
	  .offset = offsetof(ManifestValues, raw) },
	{ .name = "format",
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "'json' or a Go template, e.g. '{{json .Manifest}}' or '{{json .Image}}'",
	  .offset = offsetof(ManifestValues, format) },
	CONNECTION_OPTIONS(ManifestValues, connection),
};

/* What one name or digest means in the registry. */
typedef struct Document {
	Reference ref;
	Str json, media_type;
	Digest digest;
	ManifestKind kind;
	Index index;
} Document;

static Err *read_document(Cli *cli, Registry *r, const Reference *ref, Document *ret)
{
	*ret = (Document){ .ref = *ref };
	TRY(registry_read_document(r, ref, cli->arena, &ret->json));
	const char *name = reference_familiar(cli->arena, ref).ptr;
	if (!ret->json.len)
		return err_new(ERR_NOT_FOUND, "no such manifest: %s", name);
	ret->digest = sha256_of(ret->json);
	if (ref->has_digest && !digest_eq(&ret->digest, &ref->digest))
		return err_new(ERR_NETWORK, "the registry's answer for '%s' has the digest %s",
		               name, digest_arena_text(cli->arena, &ret->digest).ptr);
	TRY(manifest_kind(ret->json, STR(""), name, &ret->kind));
	if (ret->kind == MANIFEST_INDEX) {
		TRY(index_parse(cli->arena, ret->json, name, &ret->index));
		ret->media_type = ret->index.media_type;
		return NULL;
	}
	Manifest m;
	TRY(manifest_parse(cli->arena, ret->json, name, &m));
	ret->media_type = m.media_type.len ? m.media_type : STR(MEDIA_OCI_MANIFEST);
	return NULL;
}

static Err *open_document(Cli *cli, const ManifestValues *v, const char *name, Registry **ret_r,
                          Document *ret)
{
	Str authorities;
	Cancel *cancel;
	Reference ref;
	TRY(cli_reference(cli, name, &ref));
	TRY(connection_apply(cli, &v->connection, &authorities));
	TRY(cli_cancel(cli, &cancel));
	TRY(registry_open(cancel, ret_r));
	if (v->insecure)
		registry_trust(*ret_r, ref.domain);
	Err *e = read_document(cli, *ret_r, &ref, ret);
	return cli_of_registry(e);
}

static Err *print_json(Str json)
{
	JsonValue *v;
	AUTO_BUF Buf out = BUF_INIT;
	TRY(json_parse(json, SIZE_MAX, "manifest", &v));
	json_dump_indent(v, INDENT, &out);
	json_free(v);
	printf("%.*s\n", STR_ARG(buf_str(&out)));
	return NULL;
}

/* --- manifest inspect ------------------------------------------------------------------------- */

/* One manifest as docker's --verbose has it. */
static void write_verbose(Cli *cli, const Document *d, const Platform *platform, JsonWriter *w)
{
	bool oci = str_eqc(d->media_type, MEDIA_OCI_MANIFEST);
	json_write_object(w);
	json_write_member(w, "Ref", reference_full(cli->arena, &d->ref));
	json_write_key(w, "Descriptor");
	json_write_object(w);
	json_write_member(w, "mediaType", d->media_type);
	json_write_member(w, "digest", digest_arena_text(cli->arena, &d->digest));
	json_write_key(w, "size");
	json_write_int(w, (int64_t)d->json.len);
	if (platform) {
		json_write_key(w, "platform");
		json_write_object(w);
		json_write_member(w, "architecture", platform->arch);
		json_write_member(w, "os", platform->os);
		if (platform->variant.len)
			json_write_member(w, "variant", platform->variant);
		json_write_object_end(w);
	}
	json_write_object_end(w);
	json_write_key(w, oci ? "OCIManifest" : "SchemaV2Manifest");
	json_write_raw(w, d->json);
	json_write_object_end(w);
}

static Err *print_verbose(Cli *cli, Registry *r, const Document *d)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	if (d->kind == MANIFEST_IMAGE) {
		write_verbose(cli, d, NULL, &w);
		return print_json(buf_str(&json));
	}
	json_write_array(&w);
	for (size_t i = 0; i < d->index.count; i++) {
		const Descriptor *m = &d->index.manifests[i];
		Document one;
		Reference ref = d->ref;
		ref.tag = STR("");
		ref.has_digest = true;
		ref.digest = m->digest;
		TRY(read_document(cli, r, &ref, &one));
		write_verbose(cli, &one, m->has_platform ? &m->platform : NULL, &w);
	}
	json_write_array_end(&w);
	return print_json(buf_str(&json));
}

/* A list that was begun here, with one name; with two the image NAME of LIST.  *RET_DONE false:
 * there is none of this name. */
static Err *print_begun(Cli *cli, const Arguments *args, bool *ret_done)
{
	Store *s = NULL;
	Reference list, image;
	Index index;
	Str json, type;
	TRY(cli_reference(cli, args->at[0], &list));
	TRY(cli_store_existing(cli, &s));
	Err *e = manifest_list_read(cli, s, &list, &index);
	*ret_done = !e;
	if (e && (err_kind(e) != ERR_NOT_FOUND || args->count > 1))
		return e;
	err_free(e); /* the registry may know it */
	if (args->count > 1) {
		AUTO_BUF Buf one = BUF_INIT;
		TRY(cli_reference(cli, args->at[1], &image));
		const Descriptor *d =
			manifest_list_find(&index, reference_full(cli->arena, &image));
		if (!d)
			return err_new(ERR_NOT_FOUND, "No such manifest: %s",
			               reference_full(cli->arena, &image).ptr);
		manifest_format_descriptor(d, &one);
		return print_json(buf_str(&one));
	}
	if (!*ret_done)
		return NULL;
	TRY(manifest_list_format(cli, &list, &index, &json, &type));
	printf("%.*s\n", STR_ARG(json));
	return NULL;
}

static Err *run_manifest_inspect(Cli *cli, const void *values, const Arguments *args)
{
	const ManifestValues *v = values;
	AUTO_REGISTRY Registry *r = NULL;
	Document d;
	bool done;
	TRY(print_begun(cli, args, &done));
	if (done)
		return NULL;
	TRY(open_document(cli, v, args->at[0], &r, &d));
	return v->verbose ? print_verbose(cli, r, &d) : print_json(d.json);
}

const Command command_manifest_inspect = {
	.name = "manifest-inspect",
	.aliases = "manifest inspect",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] [LIST] NAME[:TAG|@DIGEST]",
	.help = "Show what a name means in its registry",
	.about = "The registry is asked; images of the store that were not pushed are not seen. A "
		 "list that\n'manifest create' has begun is shown as it would be pushed; LIST NAME "
		 "is one image's entry in it.",
	.options = manifest_options,
	.option_count = ARRAY_LEN(manifest_options),
	.values_size = sizeof(ManifestValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.run = run_manifest_inspect,
};

/* --- imagetools inspect ----------------------------------------------------------------------- */

static void print_summary(Cli *cli, const Document *d)
{
	Str name = reference_full(cli->arena, &d->ref);
	Reference repository = d->ref;
	repository.tag = STR("");
	repository.has_digest = true;
	printf("Name:      %.*s\nMediaType: %.*s\nDigest:    %s\n", STR_ARG(name),
	       STR_ARG(d->media_type), digest_arena_text(cli->arena, &d->digest).ptr);
	if (d->kind == MANIFEST_INDEX)
		printf("           \nManifests: \n");
	for (size_t i = 0; i < d->index.count; i++) {
		const Descriptor *m = &d->index.manifests[i];
		repository.digest = m->digest;
		printf("%s  Name:        %s\n  MediaType:   %.*s\n", i ? "               \n" : "",
		       reference_full(cli->arena, &repository).ptr, STR_ARG(m->media_type));
		if (m->has_platform)
			printf("  Platform:    %s\n", platform_text(cli->arena, &m->platform).ptr);
	}
}

/* The config of what DIGEST is in REF's repository. */
static Err *write_config(Cli *cli, Registry *r, const Reference *ref, const Digest *digest,
                         const Platform *platform, JsonWriter *w)
{
	RegistryImage image;
	ImageConfig config;
	Reference one = *ref;
	one.has_digest = true;
	one.digest = *digest;
	TRY(cli_of_registry(registry_resolve(r, &one, platform, cli->arena, &image)));
	const char *name = reference_familiar(cli->arena, &one).ptr;
	TRY(err_set_kind(image_config_parse(cli->arena, image.config_json, name, &config),
	                 ERR_NETWORK)); /* so it is one JSON object */
	json_write_raw(w, str_trim(image.config_json));
	return NULL;
}

/* The config of an image, or those of an index by platform. */
static Err *write_image(Cli *cli, Registry *r, const Document *d, JsonWriter *w)
{
	AUTO_MAP Map seen = MAP_INIT;
	Platform host = platform_host();
	if (d->kind != MANIFEST_INDEX)
		return write_config(cli, r, &d->ref, &d->digest, &host, w);
	json_write_object(w);
	for (size_t i = 0; i < d->index.count; i++) {
		const Descriptor *m = &d->index.manifests[i];
		if (!m->has_platform || str_eqc(m->platform.os, "unknown"))
			continue; /* attestations */
		Str platform = platform_text(cli->arena, &m->platform);
		if (map_find(&seen, platform))
			continue;
		if (seen.len == PLATFORMS_MAX)
			return err_new(ERR_NETWORK, "%s lists more than %d platforms",
			               reference_familiar(cli->arena, &d->ref).ptr, PLATFORMS_MAX);
		(void)map_put(&seen, platform, NULL);
		json_write_key(w, platform.ptr);
		TRY(write_config(cli, r, &d->ref, &m->digest, &m->platform, w));
	}
	json_write_object_end(w);
	return NULL;
}

/* Configs are asked for if the template may show them. */
static bool wants_image(const char *format)
{
	for (const char *at = strchr(format, '.'); at; at = strchr(at + 1, '.'))
		if (!isalpha((unsigned char)at[1]) || strncasecmp(at + 1, "image", 5) == 0)
			return true;
	return strchr(format, '$') != NULL;
}

static const char *const imagetools_maps[] = { "annotations",  "Annotations", "Image",   "image",
	                                       "ExposedPorts", "Labels",      "Volumes", NULL };
static const char *const imagetools_optional[] = {
	"Author",    "Cmd",      "Config",     "Entrypoint", "Env",     "Layers",     "Manifests",
	"MediaType", "Platform", "StopSignal", "User",       "Variant", "WorkingDir", NULL
};
static const TemplateShape imagetools_shape = { .type = "imagetools.tplInput",
	                                        .maps = imagetools_maps,
	                                        .optional = imagetools_optional };

/* {"name", "manifest": the document with its digest and size, "image": its config}. */
static Err *print_formatted(Cli *cli, Registry *r, const Document *d, const char *format)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	if (strcmp(format, "json") == 0)
		format = "{{json .}}";
	json_write_object(&w);
	json_write_member(&w, "name", reference_full(cli->arena, &d->ref));
	json_write_key(&w, "manifest");
	Str rest = str_trim(d->json); /* an object: its members follow ours */
	buf_addf(&json, "{\"digest\":\"%s\",\"size\":%zu,%.*s",
	         digest_arena_text(cli->arena, &d->digest).ptr, d->json.len,
	         STR_ARG(str_from_at(rest, 1)));
	w.comma = true;
	if (wants_image(format)) {
		json_write_key(&w, "image");
		TRY(write_image(cli, r, d, &w));
	}
	json_write_object_end(&w);
	return formatted_print(cli->arena, format, &imagetools_shape, buf_str(&json));
}

static Err *run_imagetools_inspect(Cli *cli, const void *values, const Arguments *args)
{
	const ManifestValues *v = values;
	AUTO_REGISTRY Registry *r = NULL;
	Document d;
	if (v->raw && v->format)
		return cli_usage(cli, "--raw and --format do not go together");
	TRY(open_document(cli, v, args->at[0], &r, &d));
	if (v->format && *v->format)
		return print_formatted(cli, r, &d, v->format);
	if (v->raw)
		(void)fwrite(d.json.ptr, 1, d.json.len, stdout);
	else
		print_summary(cli, &d);
	return NULL;
}

const Command command_imagetools_inspect = {
	.name = "imagetools-inspect",
	.aliases = "imagetools inspect,buildx imagetools inspect",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] NAME[:TAG|@DIGEST]",
	.help = "Show an image or an index in its registry, with its platforms",
	.about =
		"In a template the document is .manifest, with the names of the OCI specification, "
		"'digest' and\n"
		"'size' ('.Manifest.Digest' will do as well); .image is the config, of an index "
		"those "
		"of its\n"
		"images by platform: '{{json (index .Image \"linux/arm64\").config}}'.",
	.options = imagetools_options,
	.option_count = ARRAY_LEN(imagetools_options),
	.values_size = sizeof(ManifestValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.run = run_imagetools_inspect,
};
