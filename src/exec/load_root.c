/*
 * load_root.c - a root file system tar → an image of one layer (import).
 *
 * --change takes Dockerfile instructions, so it is read as one: "FROM scratch" and the changes are
 * planned like any file, and what the plan makes of the config is the config.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "dockerfile/dockerfile.h"
#include "exec/load-internal.h"
#include "layer/layer.h"
#include "plan/plan.h"

static bool may_change(InstructionId id)
{
	static const InstructionId allowed[] = {
		INST_CMD,     INST_ENTRYPOINT, INST_ENV,  INST_EXPOSE, INST_HEALTHCHECK, INST_LABEL,
		INST_ONBUILD, INST_STOPSIGNAL, INST_USER, INST_VOLUME, INST_WORKDIR,
	};
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (allowed[i] == id)
			return true;
	return false;
}

static Err *no_image(void *context, const Reference *ref, const Platform *platform, Arena *a,
                     BaseImage *ret)
{
	(void)context, (void)platform, (void)a, (void)ret;
	return err_new(ERR_INPUT, "a change cannot name an image: '%.*s'", STR_ARG(ref->path));
}

static Err *apply_changes(Arena *a, const Str *changes, size_t count, const Platform *platform,
                          ImageConfig *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, STR("FROM scratch\n"));
	for (size_t i = 0; i < count; i++) {
		if (str_find(changes[i], '\n') >= 0)
			return err_new(ERR_INPUT, "a change is one line: '%.*s'",
			               STR_ARG(changes[i]));
		buf_add_str(&text, changes[i]);
		buf_add_char(&text, '\n');
	}
	Source *source = arena_new(a, Source);
	*source = (Source){ "--change", arena_str(a, buf_str(&text)) };
	Dockerfile d;
	Plan plan;
	TRY(dockerfile_parse(a, source, &d));
	for (size_t i = 1; i < d.node_count; i++)
		if (!may_change(d.nodes[i].id))
			return err_at(d.nodes[i].keyword.span, "%s is not a valid change command",
			              instruction_table[d.nodes[i].id].name);
	PlanRequest request = { .dockerfile = &d,
		                .target = STR(""),
		                .platform = *platform,
		                .build_platform = *platform,
		                .network = STR("default"),
		                .lookup = { no_image, NULL } };
	TRY(plan_make(a, &request, &plan));
	*ret = image_config_fork(a, &plan.stages[plan.target].config);
	return NULL;
}

static Err *take_layer(Store *s, Reader *in, const char *name, const Cancel *cancel,
                       StoreLayer *ret)
{
	AUTO_READER Reader *until = reader_until(in, cancel);
	AUTO_READER Reader *peek = NULL;
	AUTO_READER Reader *tar = NULL;
	bool empty;
	TRY(load_unwrap(until, &peek, &tar, &empty));
	if (empty)
		return err_new(ERR_INPUT, "it is empty");
	LayerApply how = { .name = name, .form = LAYER_FORM_TAR, .cancel = cancel };
	return layer_apply(s, tar, &how, ret);
}

static Err *put_config(Store *s, const StoreLayer *layer, Str message, const Platform *platform,
                       Arena *a, ImageConfig *c, int64_t created_ns, Digest *ret_id)
{
	AUTO_BUF Buf json = BUF_INIT;
	c->platform = *platform;
	c->created_ns = created_ns;
	c->diff_ids = arena_new(a, Digest);
	*c->diff_ids = layer->diff_id;
	c->diff_id_count = 1;
	c->history = arena_new(a, History);
	*c->history = (History){ .created_ns = c->created_ns,
		                 .created_by = STR(""),
		                 .author = STR(""),
		                 .comment = message };
	c->history_count = 1;
	image_config_format(c, &json);
	return store_blob_put(s, buf_str(&json), true, ret_id);
}

Err *load_root(Store *s, Reader *in, const char *name, const Reference *ref, const Str *changes,
               size_t change_count, Str message, const Platform *platform, int64_t created_ns,
               const Cancel *cancel, Arena *a, Digest *ret_id)
{
	AUTO_LOCK StoreLock gc = STORE_LOCK_NONE;
	ImageConfig config;
	StoreLayer layer;
	Digest id;
	/* What the user wrote is checked before a gigabyte is read. */
	TRY(apply_changes(a, changes, change_count, platform, &config));
	TRY(store_lock_gc(s, false, cancel, &gc));
	TRY_WHILE(take_layer(s, in, name, cancel, &layer), "importing '%s'", name);
	TRY(put_config(s, &layer, message, platform, a, &config, created_ns, &id));
	StoreRef named = { .name = ref ? reference_full(a, ref) : digest_arena_text(a, &id),
		           .config = id };
	TRY(store_ref_set(s, &named));
	*ret_id = id;
	return NULL;
}
