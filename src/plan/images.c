/* images.c - asking for images: those of FROM and those that a --from names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "plan/plan-internal.h"

#include <assert.h>

/* Could NAME be meant as a stage?  Images have a host, a path, a tag or a digest, or are few. */
static bool is_plain(Str name)
{
	return str_find(name, '/') < 0 && str_find(name, ':') < 0 && str_find(name, '@') < 0;
}

/* What people mean most often, as BuildKit has it. */
static Err *note_common(Err *err, Str name)
{
	static const char *const common[] = { "alpine", "busybox", "centos", "debian",
		                              "golang", "ubuntu",  "fedora" };
	const char *near = dockerfile_suggest(name, common, ARRAY_LEN(common));
	return near && !str_eqc(name, near) ? err_note(err, "did you mean the image '%s'?", near)
	                                    : err;
}

/* ERR of an image that stage S names, with what it needs to be understood. */
static Err *explain(const Planner *p, const StageWork *s, Err *err, Word name)
{
	if (err_kind(err) != ERR_CANCELLED && is_plain(name.text))
		err = note_common(plan_note_stages(p, err, name.text, s->index), name.text);
	return err_place(err, name.span);
}

static Str image_key(const Planner *p, const Reference *ref, const Platform *platform)
{
	Str full = reference_full(p->arena, ref), on = platform_text(p->arena, platform);
	return arena_strf(p->arena, "%.*s %.*s", STR_ARG(full), STR_ARG(on));
}

/* The image NAME for PLATFORM, asked for once. */
static Err *find_image(Planner *p, const StageWork *s, Word name, const Platform *platform,
                       const BaseImage **ret)
{
	Reference ref;
	Err *e = reference_parse(p->arena, name.text, &ref);
	if (e)
		return explain(p, s, e, name);
	Str key = image_key(p, &ref, platform);
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

static Err *layout_image(Planner *p, const PlanContext *c, const Platform *platform,
                         const BaseImage **ret)
{
	Str key = arena_strf(p->arena, "%.*s in %.*s", STR_ARG(platform_text(p->arena, platform)),
	                     STR_ARG(c->value));
	BaseImage *image = map_get(&p->images, key);
	if (!image) {
		const ImageLookup *lookup = &p->request->lookup;
		image = arena_new(p->arena, BaseImage);
		TRY(lookup->layout(lookup->context, c, platform, p->arena, image));
		(void)map_put(&p->images, key, image);
	}
	*ret = image;
	return NULL;
}

static bool is_image(const PlanContext *c)
{
	return c->kind == PLAN_CONTEXT_IMAGE || c->kind == PLAN_CONTEXT_LAYOUT;
}

/* The image of context C. */
static Err *context_image(Planner *p, const StageWork *s, const PlanContext *c,
                          const Platform *platform, Span span, const BaseImage **ret)
{
	Word name = { reference_full(p->arena, &c->ref), span };
	Err *e = c->kind == PLAN_CONTEXT_LAYOUT ? layout_image(p, c, platform, ret)
	                                        : find_image(p, s, name, platform, ret);
	return err_place(err_while(e, "loading the build context '%.*s'", STR_ARG(c->name)), span);
}

/* --- those that will be asked for ------------------------------------------------------------ */

typedef struct Expected {
	Planner *planner;
	Map seen;
	VEC(PlanWanted) wanted;
} Expected;

static void expected_done(Expected *x)
{
	map_done(&x->seen);
	VEC_DONE(&x->wanted);
}

static void expect(Expected *x, const Reference *ref, const Platform *platform)
{
	Planner *p = x->planner;
	Str key = image_key(p, ref, platform);
	if (map_get(&p->images, key) || map_get(&x->seen, key))
		return;
	(void)map_put(&x->seen, key, x);
	VEC_PUSH(&x->wanted, (PlanWanted){ *ref, *platform });
}

static void expect_name(Expected *x, Str name, const Platform *platform)
{
	Reference ref;
	Err *e = reference_parse(x->planner->arena, name, &ref);
	if (!e)
		expect(x, &ref, platform);
	err_free(e); /* told when it is its turn */
}

static void expect_context(Expected *x, const PlanContext *c, const Platform *platform)
{
	if (c->kind == PLAN_CONTEXT_IMAGE)
		expect(x, &c->ref, platform);
}

static void expect_of_stage(Expected *x, const StageWork *s)
{
	const Platform *platform = &x->planner->request->platform;
	if (s->base_stage == STAGE_NONE && s->context)
		expect_context(x, s->context, &s->wanted_platform);
	else if (s->base_stage == STAGE_NONE && !s->scratch)
		expect_name(x, s->base.text, &s->wanted_platform);
	for (size_t i = 0; !s->replaced && i < s->refs.len; i++) {
		const FromRef *ref = &s->refs.at[i];
		if (ref->kind == REF_CONTEXT)
			expect_context(x, ref->context, platform);
		else if (ref->kind == REF_IMAGE && !str_eqc(ref->word.text, "scratch"))
			expect_name(x, ref->word.text, platform);
	}
}

void plan_expect_images(Planner *p, const uint32_t *stages, size_t count)
{
	const ImageLookup *lookup = &p->request->lookup;
	CLEANUP(expected_done) Expected x = { .planner = p };
	if (!lookup->expect)
		return;
	for (size_t i = 0; i < count; i++)
		expect_of_stage(&x, &p->stages[stages[i]]);
	if (x.wanted.len)
		lookup->expect(lookup->context, x.wanted.at, x.wanted.len);
}

Err *plan_base_image(Planner *p, StageWork *s)
{
	if (s->scratch || (s->context && !is_image(s->context)))
		return NULL;
	if (s->context)
		TRY(context_image(p, s, s->context, &s->wanted_platform, s->base.span, &s->image));
	else
		TRY(find_image(p, s, s->base, &s->wanted_platform, &s->image));
	assert(s->image); /* no error, so it is there */
	plan_see_base_platform(p, s, &s->image->config.platform);
	return plan_check_platform(p, &s->image->config.platform, s->base.span);
}

void plan_set_base(Step *step, const BaseImage *image)
{
	step->base.scratch = !image;
	if (image)
		step->base.image = *image;
}

/* The STEP_BASE of what REF names: an image, or a context that is one. */
static Err *image_step(Planner *p, StageWork *s, const Node *node, const FromRef *ref,
                       uint32_t *ret)
{
	const PlanContext *c = ref->context;
	Str key = arena_strf(p->arena, "%s%.*s", c ? "context " : "", STR_ARG(ref->word.text));
	const uint32_t *known = map_get(&p->image_steps, key);
	if (known) {
		*ret = *known;
		return NULL;
	}
	const BaseImage *image = NULL;
	const Platform *platform = &p->request->platform;
	if (c && is_image(c))
		TRY(context_image(p, s, c, platform, ref->word.span, &image));
	else if (!c && !str_eqc(ref->word.text, "scratch"))
		TRY(find_image(p, s, ref->word, platform, &image));
	uint32_t *number = arena_new(p->arena, uint32_t);
	Step *step = plan_add_source(p, s, STEP_BASE, node, ref->word.span);
	*number = step->number;
	(void)map_put(&p->image_steps, key, number);
	plan_set_base(step, image);
	Str full = image ? reference_full(p->arena, &image->ref) : STR("scratch");
	step->title =
		c ? plan_context_title(p, c) : arena_strf(p->arena, "FROM %.*s", STR_ARG(full));
	*ret = *number;
	return NULL;
}

Err *plan_origin(Planner *p, StageWork *s, const Node *node, const FromRef *ref, Origin *ret)
{
	*ret = (Origin){ .kind = ORIGIN_STEP, .step = STEP_NONE };
	if (ref->kind == REF_STAGE) {
		ret->step = p->stages[ref->stage].last_step;
		return NULL;
	}
	const PlanContext *c = ref->context;
	if (c && (c->kind == PLAN_CONTEXT_DIR || c->kind == PLAN_CONTEXT_REMOTE))
		return plan_context_origin(p, s, node, ref->word.span, c, ret);
	return image_step(p, s, node, ref, &ret->step);
}
