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
#include "exec/cached.h"
#include "exec/image.h"

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

static bool is_among(Str name, const Str *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, list[i]))
			return true;
	return false;
}

/* --unsetenv, --unsetlabel, --omit-history: what the image does not keep. */
static void drop_unwanted(const BuildRequest *r, ImageConfig *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->env.count; i++) {
		Str name;
		(void)str_cut(c->env.at[i], '=', &name);
		if (!is_among(name, r->unset_env, r->unset_env_count))
			c->env.at[kept++] = c->env.at[i];
	}
	c->env.count = kept;
	kept = 0;
	for (size_t i = 0; i < c->label_count; i++)
		if (!is_among(c->labels[i].key, r->unset_labels, r->unset_label_count))
			c->labels[kept++] = c->labels[i];
	c->label_count = kept;
	if (r->omit_history)
		c->history_count = 0;
}

/* IMAGE NULL: without times. */
static Err *format(Build *b, const PlanStage *stage, const StepState *state, CacheImage *image,
                   Arena *a, Buf *out)
{
	int64_t now_ns = image ? image->created_ns : IMAGE_TIME_NONE;
	ImageConfig c = image_config_fork(a, &stage->config);
	fill_layers(state, &c, a);
	fill_history(b, stage, now_ns, &c, a);
	c.created_ns = now_ns;
	drop_unwanted(b->request, &c);
	c.cache = STR(""); /* the base's is about other layers */
	if (b->request->cache_inline)
		TRY(cached_inline(b, stage, &c, image, a, &c.cache));
	image_config_format(&c, out);
	return NULL;
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

/* When the image that is made now was made: as another store made it, if a cache says so. */
static int64_t time_of(const Build *b, const Digest *key)
{
	int64_t ns = 0;
	if (b->epoch_ns >= 0)
		return b->epoch_ns;
	if (b->request->cached && !b->request->no_cache &&
	    cache_sources_image(b->request->cached, key, &ns))
		return ns;
	return clock_real_ns();
}

/* The image is one of before: a cache is told when it was made. */
static Err *note_times_of(Build *b, const Digest *key, const Digest *image)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	ImageConfig config;
	TRY(store_blob_read(b->store, image, IMAGE_CONFIG_BYTES_MAX, &json));
	TRY(image_config_parse(&a, buf_str(&json), "of the result", &config));
	cached_note_image(b, &(CacheImage){ *key, config.created_ns });
	return NULL;
}

static Err *write_config(Build *b, const PlanStage *stage, const StepState *state, Arena *a,
                         Digest *ret)
{
	AUTO_BUF Buf timeless = BUF_INIT;
	AUTO_BUF Buf json = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	bool found = false;
	TRY(format(b, stage, state, NULL, a, &timeless));
	TRY(check_config_size(&timeless));
	Digest key = image_key(buf_str(&timeless));
	/* Of several builds that end at once, one gives the image its times; the others take them.
	 */
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	TRY(store_lock(b->store, "image", &key, b->cancel, &lock));
	if (!b->request->no_cache && b->epoch_ns < 0)
		TRY(find_before(b, &key, ret, &found));
	if (found)
		return b->request->cache_out ? note_times_of(b, &key, ret) : NULL;
	CacheImage image = { key, time_of(b, &key) };
	TRY(format(b, stage, state, &image, a, &json));
	TRY(check_config_size(&json));
	TRY(store_blob_put(b->store, buf_str(&json), true, ret));
	cached_note_image(b, &image);
	return store_record_put(b->store, &key, digest_text(ret, text));
}

/* --- names ------------------------------------------------------------------------------------ */

/* The image that a name of several platforms means by itself: this machine's, else the first. */
static size_t main_image(const BuildTarget *t)
{
	Platform host = platform_host();
	size_t best = 0;
	int best_fit = 0;
	for (size_t i = 0; i < t->image_count; i++) {
		int fit = platform_fit(&host, &t->images[i].platform);
		if (fit > best_fit) {
			best = i;
			best_fit = fit;
		}
	}
	return best;
}

/* Are REF's images those of T, and no others? */
static bool is_same(const StoreRef *ref, const BuildTarget *t)
{
	if (ref->variant_count != (t->image_count > 1 ? t->image_count : 0))
		return false;
	for (size_t i = 0; i < ref->variant_count; i++)
		if (!digest_eq(&ref->variants[i].config, &t->images[i].image_id))
			return false;
	return digest_eq(&ref->config, &t->images[main_image(t)].image_id);
}

/* T under NAME; manifests that OLD (NULL: none) has for its images stay fixed. */
static StoreRef make_ref(const BuildTarget *t, Str name, const StoreRef *old, Arena *a)
{
	StoreRef ref = { .name = name, .config = t->images[main_image(t)].image_id };
	if (t->image_count > 1) {
		ref.variant_count = t->image_count;
		ref.variants = arena_alloc(a, t->image_count * sizeof *ref.variants,
		                           _Alignof(StoreVariant));
		for (size_t i = 0; i < t->image_count; i++)
			ref.variants[i] = (StoreVariant){ .platform = platform_text(
								  a, &t->images[i].platform),
				                          .config = t->images[i].image_id };
	}
	for (size_t i = 0; old && i < t->image_count; i++) {
		const Digest *id = &t->images[i].image_id, *fixed = store_ref_manifest(old, id);
		if (fixed)
			store_ref_set_manifest(&ref, id, fixed);
	}
	return ref;
}

/* An image without a name is kept as <none>, as docker does. */
static Err *keep_nameless(Build *b, const BuildTarget *t, Arena *a)
{
	StoreRef *refs;
	size_t count;
	TRY(store_ref_list(b->store, a, &refs, &count));
	for (size_t i = 0; i < count; i++) {
		bool has_all = true;
		for (size_t k = 0; k < t->image_count; k++)
			has_all = has_all && store_ref_has(&refs[i], &t->images[k].image_id);
		if (has_all)
			return NULL;
	}
	Str name = digest_arena_text(a, &t->images[main_image(t)].image_id);
	StoreRef ref = make_ref(t, name, NULL, a);
	return store_ref_set(b->store, &ref);
}

static Err *name_target(Build *b, const BuildTarget *t, Arena *a)
{
	if (t->tag_count == 0)
		return keep_nameless(b, t, a);
	for (size_t i = 0; i < t->tag_count; i++) {
		StoreRef old;
		Str name = reference_full(a, &t->tags[i]);
		AUTO_ERR Err *e = store_ref_get(b->store, name, a, &old);
		if (!e && is_same(&old, t))
			continue; /* unchanged: keeps the manifest that was fixed for it */
		/* With an error there is no such name yet, or a damaged one. */
		StoreRef ref = make_ref(t, name, e ? NULL : &old, a);
		TRY_WHILE(store_ref_set(b->store, &ref), "naming the image '%.*s'", STR_ARG(name));
		if (!e && !digest_eq(&old.config, &ref.config))
			TRY(image_forget_damaged(b->store, &old.config));
	}
	return NULL;
}

/* --- sizes ------------------------------------------------------------------------------------ */

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

static bool is_result(const Plan *plan, uint32_t stage)
{
	for (size_t i = 0; i < plan->result_count; i++)
		if (plan->results[i].stage == stage)
			return true;
	return false;
}

/* The stage of RET that is STAGE in another plan; NULL: it is none. */
static BuildStage *find_stage(const Build *b, const BuildResult *ret, const uint32_t *last_steps,
                              const PlanStage *stage)
{
	for (size_t i = 0; b->plan.result_count > 1 && i < ret->stage_count; i++)
		if (last_steps[i] == stage->last_step && str_eq(ret->stages[i].name, stage->shown))
			return &ret->stages[i];
	return NULL;
}

static void fill_stages(Build *b, BuildResult *ret)
{
	Arena *a = b->arena;
	AUTO_FREE uint32_t *last_steps = xcalloc(b->plan.stage_count + 1, sizeof *last_steps);
	ret->stages = arena_alloc(a, (b->plan.stage_count + 1) * sizeof *ret->stages,
	                          _Alignof(BuildStage));
	for (uint32_t i = 0; i < b->plan.stage_count; i++) {
		const PlanStage *stage = &b->plan.stages[i];
		if (!stage->needed || b->states[stage->last_step].status != STEP_KNOWN)
			continue;
		BuildStage *known = find_stage(b, ret, last_steps, stage);
		if (known) {
			known->is_result |= is_result(&b->plan, i);
			continue;
		}
		last_steps[ret->stage_count] = stage->last_step;
		ret->stages[ret->stage_count++] = (BuildStage){
			.name = stage->shown,
			.size_bytes = size_of(b, &b->states[stage->last_step]),
			.is_result = is_result(&b->plan, i),
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

static Err *make_image(Build *b, const PlanResult *result, BuildImage *ret)
{
	const PlanStage *stage = &b->plan.stages[result->stage];
	StepState whole, *state = &whole;
	TRY(state_need_base(b, stage->last_step)); /* an image is whole, or it is not named */
	TRY(need_a_layer(b, &b->states[stage->last_step], &whole));
	*ret = (BuildImage){ .target = stage->shown, .platform = stage->config.platform };
	TRY(write_config(b, stage, state, b->arena, &ret->image_id));
	ret->size_bytes = size_of(b, state);
	return sync_layers(b, state);
}

/* The first step that the user's hands were in; NULL: none. */
static const Step *find_by_hand(const Build *b)
{
	for (size_t i = 0; i < b->plan.step_count; i++)
		if (b->states[i].by_hand)
			return &b->plan.steps[i];
	return NULL;
}

/* Nobody could make it again: it is kept, but under no name that others trust. */
static Err *refuse_by_hand(const Step *step, const Digest *id)
{
	char text[DIGEST_TEXT_LEN + 1];
	Err *e = err_new(ERR_RUN,
	                 "the image is not what the Dockerfile makes: '%.*s' was mended by "
	                 "hand",
	                 STR_ARG(step->title));
	e = err_note(e, "it was built, and has no name: %s", digest_text(id, text).ptr);
	e = err_note(e, "put what helped into the Dockerfile and build again: the steps before are "
	                "in the cache");
	return err_place(e, step->span);
}

static void fill_steps(Build *b, BuildResult *ret)
{
	ret->steps = arena_alloc(b->arena, (b->plan.step_count + 1) * sizeof *ret->steps,
	                         _Alignof(BuildStep));
	ret->step_count = b->plan.step_count;
	for (size_t i = 0; i < b->plan.step_count; i++) {
		const Step *step = &b->plan.steps[i];
		const StepState *state = &b->states[i];
		BuildStep *out = &ret->steps[i];
		*out = (BuildStep){ .title = step->title, .span = step->span };
		out->has_layer = step->kind != STEP_BASE && state->status == STEP_KNOWN &&
		                 state->layer_count > 0;
		if (out->has_layer)
			out->diff_id = state->layers[state->layer_count - 1].diff_id;
	}
}

Err *result_images(Build *b, BuildResult *ret)
{
	const Step *by_hand = find_by_hand(b);
	size_t count = b->plan.result_count, each = count / b->target_count;
	BuildImage *images = arena_alloc(b->arena, count * sizeof *images, _Alignof(BuildImage));
	for (size_t i = 0; i < count; i++)
		TRY(make_image(b, &b->plan.results[i], &images[i]));
	if (!b->request->cache_only)
		TRY(result_drop_attests(b, images, count));
	/* Names come last: all of what was asked for is there, or nothing moves. */
	for (size_t i = 0; i < b->target_count; i++) {
		b->targets[i].images = &images[i * each];
		b->targets[i].image_count = each;
		if (by_hand)
			b->targets[i].tag_count = 0;
		if (!b->request->cache_only)
			TRY(name_target(b, &b->targets[i], b->arena));
	}
	ret->images = images;
	ret->image_count = count;
	ret->targets = b->targets;
	ret->target_count = b->target_count;
	ret->image_id = images[0].image_id;
	ret->size_bytes = images[0].size_bytes;
	ret->epoch_ns = b->epoch_ns;
	fill_stages(b, ret);
	fill_steps(b, ret);
	return by_hand ? refuse_by_hand(by_hand, &ret->image_id) : NULL;
}
