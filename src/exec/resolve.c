/*
 * resolve.c - base images: the store first, then the registry.
 *
 * plan/ asks only for configs.  Layers are pulled when a step needs them, once, while other steps
 * run.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "exec/build-internal.h"
#include "exec/pull.h"

static Err *need_registry(Build *b)
{
	return b->registry ? NULL : registry_open(b->cancel, &b->registry);
}

/* The image in the store, if it is one for PLATFORM; *ret_found false: ask the registry. */
static Err *find_local(Build *b, Str name, const Platform *platform, Arena *a, BaseImage *base,
                       bool *ret_found)
{
	StoreRef ref;
	AUTO_BUF Buf json = BUF_INIT;
	*ret_found = false;
	Err *e = store_ref_get(b->store, name, a, &ref);
	if (!e)
		e = store_blob_read(b->store, &ref.config, IMAGE_CONFIG_BYTES_MAX, &json);
	if (!e)
		e = image_config_parse(a, buf_str(&json), name.ptr, &base->config);
	if (e) {
		if (err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		err_free(e); /* absent or damaged: pulled (again) */
		return NULL;
	}
	base->config_digest = ref.config;
	*ret_found = platform_fit(platform, &base->config.platform) > 0;
	return NULL;
}

/* What a registry sent and is not what was promised says nothing about the store, which ERR_CORRUPT
 * would. */
static Err *of_registry(Err *e)
{
	return e && err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_NETWORK) : e;
}

static Err *ask_registry(Build *b, Resolved *r, const Platform *platform, Arena *a)
{
	unsigned line = progress_begin(b->progress, STR(""), "[internal] load metadata for %.*s",
	                               STR_ARG(r->name));
	TRY(need_registry(b));
	Err *e = of_registry(registry_resolve(b->registry, &r->base.ref, platform, a, &r->remote));
	if (!e)
		e = err_set_kind(
			image_config_parse(a, r->remote.config_json, r->name.ptr, &r->base.config),
			ERR_NETWORK);
	if (e) {
		b->failed_line = line;
		progress_end(b->progress, line, PROGRESS_ERROR, err_cause(e));
		return e;
	}
	r->base.config_digest = r->remote.manifest.config.digest;
	progress_end(b->progress, line, PROGRESS_DONE, STR(""));
	return NULL;
}

Err *resolve_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                   BaseImage *ret)
{
	Build *b = context;
	Resolved *r = arena_new(a, Resolved);
	r->base.ref = *ref;
	r->name = reference_full(a, ref);
	if (!b->request->pull)
		TRY(find_local(b, r->name, platform, a, &r->base, &r->local));
	if (!r->local)
		TRY(ask_registry(b, r, platform, a));
	Resolved **grown =
		arena_alloc(a, (b->resolved_count + 1) * sizeof(Resolved *), _Alignof(Resolved *));
	if (b->resolved_count)
		memcpy(grown, b->resolved, b->resolved_count * sizeof(Resolved *));
	grown[b->resolved_count++] = r;
	b->resolved = grown;
	*ret = r->base;
	return NULL;
}

static Resolved *find_resolved(Build *b, const Digest *config)
{
	for (size_t i = 0; i < b->resolved_count; i++)
		if (digest_eq(&b->resolved[i]->base.config_digest, config))
			return b->resolved[i];
	return NULL;
}

/* All layers are here and whole.  A missing one is told by *ret_here, not by an error. */
static Err *layers_here(Build *b, const StepState *s, bool *ret_here)
{
	*ret_here = true;
	for (size_t i = 0; i < s->layer_count && *ret_here; i++) {
		StoreLayer layer;
		Err *e = state_check_layer(b, &s->layers[i].diff_id, &layer);
		if (e && err_kind(e) != ERR_NOT_FOUND && err_kind(e) != ERR_CORRUPT)
			return e;
		*ret_here = e == NULL;
		err_free(e); /* missing or damaged and dropped: pulled again */
	}
	return NULL;
}

/* The pulled image is an image of the store from now on, under the name that FROM gave. */
static Err *keep_image(Build *b, const Resolved *r, Arena *a)
{
	Digest config, manifest;
	TRY(store_blob_put(b->store, r->remote.config_json, true, &config));
	TRY(store_blob_put(b->store, r->remote.manifest_json, true, &manifest));
	StoreRef ref = { .name = r->name,
		         .config = config,
		         .manifest = manifest,
		         .pulled = r->remote.top_digest };
	(void)a;
	TRY(store_ref_set(b->store, &ref));
	return store_layout_write(b->store);
}

static Err *pull(Build *b, const Step *step, Resolved *r)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (r->local) { /* its config is here but layers are missing: ask where they come from */
		(void)pthread_mutex_lock(&b->mutex);
		Err *e = ask_registry(b, r, &b->request->platform, b->arena);
		(void)pthread_mutex_unlock(&b->mutex);
		TRY(err_note(e, "layers of the image '%.*s' are missing in the store",
		             STR_ARG(r->name)));
		r->local = false;
	}
	TRY(of_registry(pull_layers(b->store, b->registry, &r->base.ref, &r->remote, b->progress,
	                            NULL, b->cancel)));
	TRY(keep_image(b, r, &a));
	(void)step;
	return NULL;
}

static void fill_sizes(Build *b, StepState *s)
{
	for (size_t i = 0; i < s->layer_count; i++) {
		StoreLayer layer;
		Err *e = store_layer_get(b->store, &s->layers[i].diff_id, &layer);
		if (!e)
			s->layers[i].size_bytes = layer.size_bytes;
		err_free(e); /* the size of a layer that is not needed here is not known */
	}
}

static Err *need_layers(Build *b, const Step *step, StepState *s)
{
	bool here;
	TRY(layers_here(b, s, &here));
	if (!here) {
		Resolved *r = find_resolved(b, &step->base.image.config_digest);
		if (!r)
			return err_new(ERR_NOT_FOUND, "the image of '%.*s' is not known",
			               STR_ARG(step->title));
		TRY(pull(b, step, r));
	}
	fill_sizes(b, s);
	return NULL;
}

Err *resolve_need_layers(Build *b, uint32_t number)
{
	const Step *step = &b->plan.steps[number];
	StepState *s = &b->states[number];
	Err *e = NULL;
	if (step->base.scratch)
		return NULL;
	(void)pthread_mutex_lock(&s->mutex);
	if (!s->here) {
		e = need_layers(b, step, s);
		s->here = e == NULL;
	}
	(void)pthread_mutex_unlock(&s->mutex);
	return err_place(e, step->span);
}
