/* plan_from.c - FROM: what a stage takes over of its base. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* All but what belongs to the layers below. */
static void inherit_config(Planner *p, StageWork *s, const ImageConfig *from)
{
	ImageConfig *c = &s->out->config;
	*c = image_config_fork(p->arena, from);
	c->on_build = (Strs){ 0 };
	c->diff_ids = NULL;
	c->history = NULL;
	c->diff_id_count = c->history_count = 0;
	c->created_ns = IMAGE_TIME_NONE;
}

static Err *from_stage(Planner *p, StageWork *s, StageWork *base)
{
	const ImageConfig *c = &base->out->config;
	size_t copied =
		16 * (c->env.count + c->label_count + base->args.len + base->scope.vars.len);
	TRY(plan_grow(p, sizeof *s + sizeof *s->out + 4 * copied, s->base.span));
	inherit_config(p, s, c);
	plan_scope_copy(&s->scope, &base->scope);
	for (size_t i = 0; i < base->args.len; i++)
		VEC_PUSH(&s->args, base->args.at[i]);
	TRY(plan_inherit_history(p, s, base));
	s->layers = base->layers;
	s->last_step = base->last_step;
	s->user_span = base->user_span;
	return NULL;
}

static void set_scratch_config(const Planner *p, ImageConfig *c)
{
	*c = (ImageConfig){ .platform = p->request->platform, .working_dir = STR("/") };
	Str *texts[] = { &c->os_version, &c->author, &c->user, &c->stop_signal, &c->healthcheck };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = STR("");
}

Err *plan_check_platform(const Planner *p, const Platform *platform, Span span)
{
	if (str_eqc(platform->os, "linux"))
		return NULL;
	Str text = platform_text(p->arena, platform);
	return err_at(span, "only linux images can be built, not %.*s", STR_ARG(text));
}

/* What BuildKit neither shows nor counts. */
static void hide_position(StageWork *s, Step *step)
{
	step->position = step->total = s->position = 0;
}

static Err *from_image(Planner *p, StageWork *s)
{
	const BaseImage *image = s->image; /* NULL: scratch, or a directory */
	const PlanContext *context = s->context;
	if (image)
		inherit_config(p, s, &image->config);
	else
		set_scratch_config(p, &s->out->config);
	Step *step;
	TRY(plan_add_step(p, s, STEP_BASE, s->from, &step));
	s->layers = image ? image->config.diff_id_count : 0;
	plan_set_base(step, image);
	if (context) {
		hide_position(s, step);
		step->title = plan_context_title(p, context);
		if (context->kind == PLAN_CONTEXT_DIR || context->kind == PLAN_CONTEXT_REMOTE)
			return plan_context_root(p, s, context);
	} else if (image) {
		Str full = reference_full(p->arena, &image->ref);
		step->title = plan_title(p, s, step->position,
		                         arena_strf(p->arena, "FROM %.*s", STR_ARG(full)));
	} else {
		hide_position(s, step);
		step->title = STR("FROM scratch");
	}
	return NULL;
}

/* The environment of the base, made whole: words may name all of it. */
static void begin_scope(Planner *p, StageWork *s)
{
	ImageConfig *c = &s->out->config;
	Str path;
	if (!image_config_env(c, STR("PATH"), &path))
		image_config_set_env(p->arena, c, STR("PATH"), STR(PATH_DEFAULT));
	/* Of a stage as well: an ARG that stood behind an ENV of its name ends with its stage. */
	for (size_t i = 0; i < c->env.count; i++) {
		Str name, value = str_cut(c->env.at[i], '=', &name);
		const Var *var = plan_scope_find(&s->scope, name);
		if (!var || !var->is_env || !str_eq(var->value, value))
			plan_scope_set_env(p->arena, &s->scope, name, value, (Span){ 0 });
	}
}

Err *plan_FROM(Planner *p, StageWork *s, const Node *node)
{
	(void)node; /* stages.c has read it */
	if (s->base_stage != STAGE_NONE)
		TRY(from_stage(p, s, &p->stages[s->base_stage]));
	else
		TRY(from_image(p, s));
	ImageConfig *c = &s->out->config;
	if (c->working_dir.len && c->working_dir.ptr[0] != '/')
		c->working_dir = plan_path_join(p->arena, STR("/"), c->working_dir);
	s->out->platform =
		s->base_stage == STAGE_NONE ? c->platform : p->stages[s->base_stage].out->platform;
	begin_scope(p, s);
	return NULL;
}
