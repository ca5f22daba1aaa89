/*
 * load_docker.c - a docker archive (manifest.json: Config, RepoTags, Layers) → the images in it.
 *
 * Nothing in it has a digest but the config's diff IDs: the layers are checked against those.
 * SOURCE: "Docker Image Specification v1.2.0", "Combined Image JSON + Filesystem Changeset Format".
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "exec/load-internal.h"

static void json_freep(JsonValue **v)
{
	json_free(*v);
}
#define AUTO_JSON CLEANUP(json_freep)

/* The member that the document calls PATH. */
static Err *find_member(const Spool *spool, const char *where, Str path, const Member **ret)
{
	if (path.len == 0 || !entry_path_is_clean(path))
		return err_new(ERR_CORRUPT, "%s: '%.*s' is no name within the archive", where,
		               STR_ARG(str_head(path, 256)));
	TRY(load_spool_find(spool, path, ret));
	if (!*ret)
		return err_new(ERR_CORRUPT, "%s: the archive has no '%.*s'", where, STR_ARG(path));
	return NULL;
}

static Err *read_image(const Spool *spool, const JsonValue *v, const char *where, LoadImage *ret)
{
	Arena *a = spool->arena;
	Str config = STR(""), *tags = NULL, *layers = NULL;
	size_t tag_count = 0, layer_count = 0;
	const Member *m = NULL;
	if (!json_value_is_object(v))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	TRY(json_get_str(v, where, "Config", a, &config));
	TRY(json_get_strs(v, where, "RepoTags", a, &tags, &tag_count));
	TRY(json_get_strs(v, where, "Layers", a, &layers, &layer_count));
	TRY(find_member(spool, where, config, &m));
	TRY(load_config_read(spool, m, layer_count, ret));
	for (size_t i = 0; i < layer_count; i++) {
		ret->layers[i].media_type = STR("");
		TRY(find_member(spool, where, layers[i], &ret->layers[i].member));
	}
	for (size_t i = 0; i < tag_count; i++)
		TRY(load_name_add(spool, ret, tags[i]));
	return NULL;
}

Err *load_docker_read(const Spool *spool, const Member *m, LoadImages *ret, bool *ret_flat)
{
	AUTO_BUF Buf json = BUF_INIT;
	AUTO_JSON JsonValue *doc = NULL;
	TRY(load_spool_read_file(spool, m, JSON_BYTES_MAX, &json));
	TRY(json_parse(buf_str(&json), JSON_BYTES_MAX, "manifest.json", &doc));
	*ret_flat = json_value_is_object(doc) && json_member(doc, "schemaVersion");
	if (*ret_flat)
		return NULL;
	if (!json_value_is_array(doc))
		return err_new(ERR_CORRUPT, "manifest.json: expected an array");
	for (size_t i = 0; i < json_length(doc); i++) {
		LoadImage image = { 0 };
		const char *where = arena_strf(spool->arena, "manifest.json[%zu]", i).ptr;
		TRY(err_set_kind(read_image(spool, json_at(doc, i), where, &image), ERR_CORRUPT));
		VEC_PUSH(ret, image);
	}
	return NULL;
}
