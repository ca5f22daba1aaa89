/*
 * result.c - the target stage's layers and config → an image with a name.
 *
 * "created" and the times of history entries come from the cache records, so that an unchanged
 * build gives the same image ID.  Entries without a layer (CMD, ENV ...) have no record of their
 * own: the config without its times is the key of an image record, which holds the config that it
 * became.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "exec/build-internal.h"

/* The image that the target's root file system begins with; NULL for scratch. */
static const ImageConfig *base_config(const Build *b, uint32_t step)
{
	while (b->plan.steps[step].parent != STEP_NONE)
		step = b->plan.steps[step].parent;
	const Step *base = &b->plan.steps[step];
	return base->kind != STEP_BASE || base->base.scratch ? NULL : &base->base.image.config;
}

/* The history of an image whose one layer need_a_layer() has added: its last entry is that layer's.
 */
static void claim_layer(ImageConfig *c, History *history, int64_t now_ns)
{
	if (!c->history_count)
		history[c->history_count++] = (History){ .created_ns = now_ns,
			                                 .created_by = STR("FROM scratch"),
			                                 .comment = STR("buildkit.dockerfile.v0") };
	history[c->history_count - 1].empty_layer = false;
}

/* The base's history, then one entry an instruction; NOW_NS for those without a layer. */
static void fill_history(Build *b, const PlanStage *stage, int64_t now_ns, ImageConfig *c, Arena *a)
{
	const ImageConfig *base = base_config(b, stage->last_step);
	size_t inherited = base ? base->history_count : 0, count = inherited + stage->history_count;
	History *history = arena_alloc(a, (count + 1) * sizeof *history, _Alignof(History));
	if (inherited)
		memcpy(history, base->history, inherited * sizeof *history);
	for (size_t i = 0; i < stage->history_count; i++) {
		const PlanHistory *h = &stage->history[i];
		bool empty = h->step == STEP_NONE;
		const StepState *made = empty ? NULL : &b->states[h->step];
		history[inherited + i] = (History){
			.created_ns =
				empty ? now_ns : made->layers[made->layer_count - 1].created_ns,
			.created_by = h->created_by,
			.author = h->author,
			.comment = STR("buildkit.dockerfile.v0"),
			.empty_layer = empty,
		};
	}
	c->history = history;
	c->history_count = count;
	size_t layers = 0;
	for (size_t i = 0; i < count; i++)
		layers += !history[i].empty_layer;
	if (!layers && c->diff_id_count == 1)
		claim_layer(c, history, now_ns);
}

static void fill_layers(const StepState *state, ImageConfig *c, Arena *a)
{
	c->diff_ids =
		arena_alloc(a, (state->layer_count + 1) * sizeof *c->diff_ids, _Alignof(Digest));
	c->diff_id_count = state->layer_count;
	for (size_t i = 0; i < state->layer_count; i++)
		c->diff_ids[i] = state->layers[i].diff_id;
}

static void format(Build *b, const PlanStage *stage, const StepState *state, int64_t now_ns,
                   Arena *a, Buf *out)
{
	ImageConfig c = image_config_fork(a, &stage->config);
	fill_layers(state, &c, a);
	fill_history(b, stage, now_ns, &c, a);
	c.created_ns = now_ns;
	image_config_format(&c, out);
}

static Digest image_key(Str timeless)
{
	Sha256 h;
	sha256_init(&h);
	sha256_add_field(&h, STR("decant image 1"));
	sha256_add_field(&h, timeless);
	return sha256_end(&h);
}

static Err *find_before(Build *b, const Digest *key, Digest *ret, bool *ret_found)
{
	AUTO_BUF Buf text = BUF_INIT;
	*ret_found = false;
	Err *e = store_record_get(b->store, key, &text);
	if (!e)
		e = digest_parse(str_trim(buf_str(&text)), ret);
	if (e && err_kind(e) == ERR_SYSTEM)
		return e;
	*ret_found = !e && store_blob_exists(b->store, ret, NULL);
	err_free(e); /* no record: the image is new */
	return NULL;
}

/* What is larger would be an image that nobody reads, decant among them. */
static Err *check_config_size(const Buf *json)
{
	if (json->len <= IMAGE_CONFIG_BYTES_MAX)
		return NULL;
	return err_note(
		err_new(ERR_INPUT, "the config of the image is larger than %u MiB",
	                IMAGE_CONFIG_BYTES_MAX >> 20),
		"a long CMD, ENV or LABEL makes it so, or a history of very many instructions");
}

static Err *write_config(Build *b, const PlanStage *stage, const StepState *state, Arena *a,
                         Digest *ret)
{
	AUTO_BUF Buf timeless = BUF_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	bool found = false;
	format(b, stage, state, 0, a, &timeless);
	TRY(check_config_size(&timeless));
	Digest key = image_key(buf_str(&timeless));
	/* Of several builds that end at once, one gives the image its times; the others take them.
	 */
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock(b->store, "image", &key, b->cancel, &lock));
	if (!b->request->no_cache && b->epoch_ns < 0)
		TRY(find_before(b, &key, ret, &found));
	if (found)
		return NULL;
	format(b, stage, state, b->epoch_ns >= 0 ? b->epoch_ns : clock_real_ns(), a, &json);
	TRY(check_config_size(&json));
	TRY(store_blob_put(b->store, buf_str(&json), true, ret));
	return store_record_put(b->store, &key, digest_text(ret, text));
}

static Err *name_image(Build *b, const Digest *id, Arena *a)
{
	const BuildRequest *r = b->request;
	for (size_t i = 0; i < r->tag_count; i++) {
		StoreRef ref = { .name = reference_full(a, &r->tags[i]), .config = *id }, old;
		Err *e = store_ref_get(b->store, ref.name, a, &old);
		if (!e && digest_eq(&old.config, id))
			continue; /* unchanged: keeps the manifest that was fixed for it */
		err_free(e);      /* no such name yet, or a damaged one */
		TRY_WHILE(store_ref_set(b->store, &ref), "naming the image '%.*s'",
		          STR_ARG(ref.name));
	}
	if (r->tag_count == 0) { /* an image without a name is kept as <none>, as docker does */
		StoreRef *refs;
		size_t count;
		TRY(store_ref_list(b->store, a, &refs, &count));
		for (size_t i = 0; i < count; i++)
			if (digest_eq(&refs[i].config, id))
				return NULL;
		StoreRef ref = { .name = digest_arena_text(a, id), .config = *id };
		TRY(store_ref_set(b->store, &ref));
	}
	return NULL;
}

static uint64_t size_of(const Build *b, const StepState *s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->layer_count; i++) {
		StoreLayer layer = { .size_bytes = s->layers[i].size_bytes };
		if (!layer.size_bytes) /* of a base image: nobody has asked before */
			err_free(store_layer_get(b->store, &s->layers[i].diff_id, &layer));
		sum += layer.size_bytes; /* a layer that is not here (all was cached) counts 0 */
	}
	return sum;
}

static void fill_stages(Build *b, BuildResult *ret)
{
	Arena *a = b->arena;
	ret->stages = arena_alloc(a, (b->plan.stage_count + 1) * sizeof *ret->stages,
	                          _Alignof(BuildStage));
	for (uint32_t i = 0; i < b->plan.stage_count; i++) {
		const PlanStage *stage = &b->plan.stages[i];
		if (!stage->needed || b->states[stage->last_step].status != STEP_KNOWN)
			continue;
		ret->stages[ret->stage_count++] = (BuildStage){
			.name = stage->shown,
			.size_bytes = size_of(b, &b->states[stage->last_step]),
			.is_result = i == b->plan.target,
		};
	}
}

/* --durable: an image that has a name survives a power cut. */
static Err *sync_layers(Build *b, const StepState *state)
{
	AUTO_FREE Digest *ids = xcalloc(state->layer_count, sizeof *ids);
	for (size_t i = 0; i < state->layer_count; i++)
		ids[i] = state->layers[i].diff_id;
	return store_sync_layers(b->store, ids, state->layer_count);
}

static Err *no_source(void *context, const Entry *e, int *ret_fd)
{
	(void)context;
	(void)ret_fd;
	return err_new(ERR_INPUT, "'%.*s' is no file of an empty layer", STR_ARG(e->path));
}

/*
 * An image without any layer gets an empty one: a manifest must name at least one (image-spec,
 * image-manifest-schema.json), and not every registry or runtime takes one that does not.  BuildKit
 * writes such a manifest, buildah adds a layer.
 */
static Err *need_a_layer(Build *b, const StepState *state, StepState *ret)
{
	*ret = (StepState){ .layers = state->layers, .layer_count = state->layer_count };
	if (state->layer_count)
		return NULL;
	StoreLayer layer;
	LayerSource source = { no_source, NULL };
	AUTO_LIST List *nothing = list_builder_finish(list_builder_new());
	TRY(layer_make(b->store, nothing, &source, LAYER_FORM_TAR, sandbox_overlay_prefix(),
	               b->cancel, &layer));
	ret->layers = arena_new(b->arena, LayerRef);
	ret->layers[0] = (LayerRef){ .diff_id = layer.diff_id,
		                     .size_bytes = layer.size_bytes,
		                     .empty = true };
	ret->layer_count = 1;
	return NULL;
}

Err *result_image(Build *b, BuildResult *ret)
{
	const PlanStage *stage = &b->plan.stages[b->plan.target];
	StepState whole, *state = &whole;
	TRY(state_need_base(b, stage->last_step)); /* an image is whole, or it is not named */
	TRY(need_a_layer(b, &b->states[stage->last_step], &whole));
	TRY(write_config(b, stage, state, b->arena, &ret->image_id));
	TRY(sync_layers(b, state));
	TRY(name_image(b, &ret->image_id, b->arena));
	ret->size_bytes = size_of(b, state);
	fill_stages(b, ret);
	return NULL;
}
