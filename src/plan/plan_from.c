/* plan_from.c - FROM, and the images that a --from names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <assert.h>

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Could NAME be meant as a stage?  Images have a host, a path, a tag or a digest, or are few. */
static bool is_plain(Str name)
{
	return str_find(name, '/') < 0 && str_find(name, ':') < 0 && str_find(name, '@') < 0;
}

/* ERR of an image that stage S names, with what it needs to be understood. */
static Err *explain(const Planner *p, const StageWork *s, Err *err, Word name)
{
	if (err_kind(err) != ERR_CANCELLED && is_plain(name.text))
		err = plan_note_stages(p, err, name.text, s->index);
	return err_place(err, name.span);
}

/* The image NAME for PLATFORM, asked for once. */
static Err *find_image(Planner *p, const StageWork *s, Word name, const Platform *platform,
                       const BaseImage **ret)
{
	Reference ref;
	Err *e = reference_parse(p->arena, name.text, &ref);
	if (e)
		return explain(p, s, e, name);
	Str full = reference_full(p->arena, &ref), on = platform_text(p->arena, platform);
	Str key = arena_strf(p->arena, "%.*s %.*s", STR_ARG(full), STR_ARG(on));
	BaseImage *image = map_get(&p->images, key);
	if (!image) {
		image = arena_new(p->arena, BaseImage);
		const ImageLookup *lookup = &p->request->lookup;
		e = lookup->image(lookup->context, &ref, platform, p->arena, image);
		if (e)
			return explain(p, s, e, name);
		(void)map_put(&p->images, key, image);
	}
	*ret = image;
	return NULL;
}

static void set_base(Step *step, const BaseImage *image)
{
	step->base.scratch = !image;
	if (image)
		step->base.image = *image;
}

Err *plan_image_step(Planner *p, StageWork *s, const Node *node, Word name, uint32_t *ret)
{
	Str key = arena_str(p->arena, name.text);
	const uint32_t *known = map_get(&p->image_steps, key);
	if (known) {
		*ret = *known;
		return NULL;
	}
	const BaseImage *image = NULL;
	if (!str_eqc(name.text, "scratch"))
		TRY(find_image(p, s, name, &p->request->platform, &image));
	uint32_t *number = arena_new(p->arena, uint32_t);
	Step *step = plan_add_source(p, s, STEP_BASE, node, name.span);
	*number = step->number;
	(void)map_put(&p->image_steps, key, number);
	set_base(step, image);
	Str full = image ? reference_full(p->arena, &image->ref) : STR("scratch");
	step->title = arena_strf(p->arena, "FROM %.*s", STR_ARG(full));
	*ret = *number;
	return NULL;
}

/* All but what belongs to the layers below. */
static void inherit_config(Planner *p, StageWork *s, const ImageConfig *from)
{
	ImageConfig *c = &s->out->config;
	*c = image_config_fork(p->arena, from);
	c->on_build = (Strs){ 0 };
	c->diff_ids = NULL;
	c->history = NULL;
	c->diff_id_count = c->history_count = 0;
	c->created_ns = 0;
}

static Err *from_stage(Planner *p, StageWork *s, StageWork *base)
{
	const ImageConfig *c = &base->out->config;
	size_t copied =
		16 * (c->env.count + c->label_count + base->args.len + base->scope.vars.len);
	if (base->out->config.on_build.count)
		return plan_not_yet(s->base.span,
		                    "a stage from '%.*s', which has ONBUILD triggers,",
		                    STR_ARG(s->base.text));
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

/* An error at SPAN if this machine cannot build for PLATFORM. */
static Err *check_platform(const Planner *p, const Platform *platform, Span span)
{
	const Platform *machine = &p->request->build_platform;
	Str text = platform_text(p->arena, platform), own = platform_text(p->arena, machine);
	if (!str_eqc(platform->os, "linux"))
		return err_at(span, "only linux images can be built, not %.*s", STR_ARG(text));
	if (platform_fit(machine, platform) > 0)
		return NULL;
	return err_at(span, "this machine builds for %.*s only: %.*s is not supported yet",
	              STR_ARG(own), STR_ARG(text));
}

Err *plan_check_platforms(const Planner *p)
{
	TRY(check_platform(p, &p->request->platform, (Span){ 0 }));
	for (size_t i = 0; i < p->stage_count; i++) {
		const StageWork *s = &p->stages[i];
		if (s->out->needed && s->has_platform)
			TRY(check_platform(p, &s->wanted_platform, s->platform_span));
	}
	return NULL;
}

static Err *from_image(Planner *p, StageWork *s)
{
	const BaseImage *image = NULL;
	if (!s->scratch) {
		TRY(find_image(p, s, s->base, &s->wanted_platform, &image));
		assert(image); /* no error, so it is there */
		TRY(check_platform(p, &image->config.platform, s->base.span));
		if (image->config.on_build.count)
			return plan_not_yet(s->base.span,
			                    "the image '%.*s', which has ONBUILD triggers,",
			                    STR_ARG(s->base.text));
		inherit_config(p, s, &image->config);
	} else {
		set_scratch_config(p, &s->out->config);
	}
	Step *step;
	TRY(plan_add_step(p, s, STEP_BASE, s->from, &step));
	s->layers = image ? image->config.diff_id_count : 0;
	set_base(step, image);
	if (image) {
		Str full = reference_full(p->arena, &image->ref);
		step->title = plan_title(p, s, step->position,
		                         arena_strf(p->arena, "FROM %.*s", STR_ARG(full)));
	} else {
		/* Nothing is done for it: BuildKit neither shows nor counts it. */
		step->position = step->total = s->position = 0;
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
	if (s->base_stage != STAGE_NONE)
		return; /* it has its own, and ARGs may have changed what ENV said */
	for (size_t i = 0; i < c->env.count; i++) {
		Str name, value = str_cut(c->env.at[i], '=', &name);
		plan_scope_set(p->arena, &s->scope, name, value, (Span){ 0 });
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
	begin_scope(p, s);
	return NULL;
}
