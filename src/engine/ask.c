/*
 * ask.c - what an engine is, and which layers it has.
 *
 * Nothing here must succeed but /version: a layer that is not known to be there is sent.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "base/vec.h"
#include "engine/engine-internal.h"

enum {
	API_OLDEST = 24,    /* 1.24, docker 1.12: what later ones still speak */
	API_OURS = 48,      /* 1.48: the newest that we know well */
	API_MANIFESTS = 47, /* images/json?manifests=1 */
};

typedef VEC(Digest) Digests;
typedef VEC(EngineImage) Images;

/* 48 of "1.48"; 0: it is none. */
static unsigned minor_of(Str version)
{
	Str major;
	uint64_t minor = 0;
	Str rest = str_cut(version, '.', &major);
	if (!str_eqc(major, "1") || !str_to_u64(rest, &minor) || minor > 9999)
		return 0;
	return (unsigned)minor;
}

static bool has_component(const JsonValue *version, const char *name)
{
	const JsonValue *all = json_member(version, "Components");
	for (size_t i = 0; json_value_is_array(all) && i < json_length(all); i++)
		if (str_eqc(json_value_string(json_member(json_at(all, i), "Name")), name))
			return true;
	return false;
}

static Err *ask_version(Engine *e, Arena *a, unsigned *ret_minor, bool *ret_podman)
{
	AUTO_ENGINE_JSON JsonValue *v = NULL;
	int status;
	e->version = STR("");
	TRY(engine_get(e, a, "version", &v, &status));
	unsigned theirs = minor_of(json_value_string(json_member(v, "ApiVersion")));
	unsigned oldest = minor_of(json_value_string(json_member(v, "MinAPIVersion")));
	if (!theirs)
		return err_note(err_new(ERR_NETWORK, "what listens at '%s' is no %s",
		                        engine_address(e), engine_name(e->kind)),
		                "it does not answer to GET /version (status %d)", status);
	if (theirs < API_OLDEST)
		return err_note(err_new(ERR_NETWORK, "the %s at '%s' is too old: its API is 1.%u",
		                        engine_name(e->kind), engine_address(e), theirs),
		                "1.%d at least; decant save -o FILE, then load that there",
		                API_OLDEST);
	unsigned speak = theirs < API_OURS ? theirs : API_OURS;
	speak = speak < oldest ? oldest : speak;
	e->version = arena_strf(&e->arena, "/v1.%u", speak);
	*ret_minor = speak;
	*ret_podman = has_component(v, "Podman Engine");
	return NULL;
}

/* Does docker keep images in containerd?  /info tells it by the driver's type. */
static Err *ask_containerd(Engine *e, Arena *a, bool *ret)
{
	AUTO_ENGINE_JSON JsonValue *v = NULL;
	int status;
	*ret = false;
	TRY(engine_get(e, a, "info", &v, &status));
	const JsonValue *all = json_member(v, "DriverStatus");
	for (size_t i = 0; json_value_is_array(all) && i < json_length(all); i++) {
		Str value = json_value_string(json_at(json_at(all, i), 1));
		*ret = *ret || str_starts(value, STR("io.containerd.snapshotter"));
	}
	return NULL;
}

static void push_digest(Digests *list, Str text)
{
	Digest d;
	Err *bad = digest_parse(text, &d);
	if (bad)
		err_free(bad);
	else
		VEC_PUSH(list, d);
}

/* The manifests whose blobs are all there, of one entry of images/json?manifests=1. */
static void take_manifests(const JsonValue *image, Digests *list)
{
	const JsonValue *all = json_member(image, "Manifests");
	for (size_t i = 0; json_value_is_array(all) && i < json_length(all); i++) {
		const JsonValue *m = json_at(all, i);
		const JsonValue *there = json_member(m, "Available");
		if (json_value_is_bool(there) && json_bool(there))
			push_digest(list, json_value_string(json_member(m, "ID")));
	}
}

static void take_layers(const JsonValue *image, Arena *a, Images *list)
{
	const JsonValue *all = json_member(json_member(image, "RootFS"), "Layers");
	size_t count = json_value_is_array(all) ? json_length(all) : 0;
	Digests ids = { 0 };
	for (size_t i = 0; i < count && i < IMAGE_LAYERS_MAX; i++)
		push_digest(&ids, json_value_string(json_at(all, i)));
	if (ids.len == count) { /* a chain with a gap says nothing */
		EngineImage one = { arena_alloc(a, (count + 1) * sizeof *ids.at, _Alignof(Digest)),
			            count };
		if (count)
			memcpy(one.diff_ids, ids.at, count * sizeof *ids.at);
		VEC_PUSH(list, one);
	}
	VEC_DONE(&ids);
}

/* "name@sha256:..." */
static void take_repo_digests(const JsonValue *image, Digests *list)
{
	const JsonValue *all = json_member(image, "RepoDigests");
	for (size_t i = 0; json_value_is_array(all) && i < json_length(all); i++) {
		Str text = json_value_string(json_at(all, i));
		push_digest(list, str_from_at(text, (size_t)(str_rfind(text, '@') + 1)));
	}
}

/* Each image by itself: the list does not name layers.  One that went meanwhile is passed over. */
static Err *inspect_all(Engine *e, Arena *a, const JsonValue *list, EngineStore store,
                        Images *images, Digests *manifests)
{
	size_t count = json_value_is_array(list) ? json_length(list) : 0;
	for (size_t i = 0; i < count && i < ENGINE_IMAGES_MAX; i++) {
		AUTO_ENGINE_JSON JsonValue *v = NULL;
		AUTO_ARENA Arena scratch = ARENA_INIT;
		Digest id;
		int status;
		Str text = json_value_string(json_member(json_at(list, i), "Id"));
		AUTO_ERR Err *no_id = digest_parse(text, &id);
		if (no_id)
			continue;
		const char *path = arena_strf(&scratch, "images/%.*s/json", STR_ARG(text)).ptr;
		TRY(engine_get(e, &scratch, path, &v, &status));
		take_layers(v, a, images);
		if (store == ENGINE_STORE_LAYERS)
			take_repo_digests(v, manifests);
	}
	return NULL;
}

static Err *ask_images(Engine *e, Arena *a, unsigned minor, EngineStore store, Images *images,
                       Digests *manifests)
{
	AUTO_ENGINE_JSON JsonValue *list = NULL;
	AUTO_ARENA Arena scratch = ARENA_INIT;
	int status;
	bool blobs = store == ENGINE_STORE_BLOBS;
	if (blobs && minor < API_MANIFESTS)
		return NULL;
	TRY(engine_get(e, &scratch, blobs ? "images/json?manifests=1" : "images/json", &list,
	               &status));
	if (!blobs)
		return inspect_all(e, a, list, store, images, manifests);
	for (size_t i = 0; json_value_is_array(list) && i < json_length(list); i++)
		take_manifests(json_at(list, i), manifests);
	return NULL;
}

Err *engine_ask(Engine *e, Arena *a, EngineImages *ret)
{
	AUTO_VEC Images images = { 0 };
	AUTO_VEC Digests manifests = { 0 };
	unsigned minor = 0;
	bool podman = false, containerd = false;
	TRY(ask_version(e, a, &minor, &podman));
	if (!podman)
		TRY(ask_containerd(e, a, &containerd));
	EngineStore store = podman       ? ENGINE_STORE_LAYERS
	                    : containerd ? ENGINE_STORE_BLOBS
	                                 : ENGINE_STORE_CHAINS;
	TRY(ask_images(e, a, minor, store, &images, &manifests));
	*ret = (EngineImages){ .store = store,
		               .image_count = images.len,
		               .manifest_count = manifests.len };
	ret->images = arena_alloc(a, (images.len + 1) * sizeof *ret->images, _Alignof(EngineImage));
	ret->manifests =
		arena_alloc(a, (manifests.len + 1) * sizeof *ret->manifests, _Alignof(Digest));
	if (images.len)
		memcpy(ret->images, images.at, images.len * sizeof *images.at);
	if (manifests.len)
		memcpy(ret->manifests, manifests.at, manifests.len * sizeof *manifests.at);
	return NULL;
}
