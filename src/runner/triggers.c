/*
 * triggers.c - what starts builds by itself.
 *
 * What is to be done is told by the objects alone: an image that a trigger has not seen, a
 * configuration without a build, a build that is queued.  So nothing is lost with a process, and
 * two that look at once start nothing twice: each looks under the project's lock.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "runner/runner.h"

typedef VEC(Build) Builds;

/* The tag that T watches: "alpine:3.20"; "" none, or what the config makes itself. */
static Str tag_of(const BuildConfig *bc, const BuildTrigger *t)
{
	Str from = t->from.len ? t->from : bc->spec.from;
	bool own = str_eqc(bc->spec.to_kind, "ImageStreamTag") && str_eq(bc->spec.to, from);
	return own || t->kind != BUILD_ON_IMAGE || t->paused ? STR("") : from;
}

/* The newest image of FROM, "alpine@sha256:..."; "" none. */
static Err *newest_of(const Project *p, Str from, Str *ret)
{
	ImageStream is;
	Str name, tag;
	*ret = STR("");
	if (!from.len)
		return NULL;
	TRY(project_split_tag(p->arena, from, &name, &tag));
	Err *e = project_get_stream(p, name, &is);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it may come */
		return NULL;
	}
	TRY(e);
	const StreamTag *t = stream_tag(&is, tag);
	if (t && t->item_count)
		*ret = t->items[0].reference;
	return NULL;
}

/* Two names of one image are no change. */
static bool is_same_image(Str a, Str b)
{
	Str name;
	Str x = str_cut(a, '@', &name), y = str_cut(b, '@', &name);
	return x.len && str_eq(x, y);
}

Err *runner_see_images(const Project *p, BuildConfig *bc)
{
	for (size_t i = 0; i < bc->trigger_count; i++) {
		Str newest;
		TRY(newest_of(p, tag_of(bc, &bc->triggers[i]), &newest));
		if (newest.len)
			bc->triggers[i].last_image = newest;
	}
	return NULL;
}

/* *ret false: no trigger of BC has anything to start. */
static Err *find_cause(const Project *p, const BuildConfig *bc, RunnerStart *ret_how, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < bc->trigger_count && !*ret; i++) {
		const BuildTrigger *t = &bc->triggers[i];
		Str newest, from = tag_of(bc, t);
		TRY(newest_of(p, from, &newest));
		if (t->kind == BUILD_ON_CONFIG && !bc->last_version) {
			ret_how->cause = STR("Build configuration change");
			*ret = true;
		} else if (newest.len && !is_same_image(newest, t->last_image)) {
			ret_how->cause = STR("Image change");
			ret_how->by = (BuildCause){ .kind = BUILD_ON_IMAGE,
				                    .image = newest,
				                    .from = from };
			*ret = true;
		}
	}
	return NULL;
}

/* The project's lock is held. */
static Err *look_at_config(const Project *p, Str name, Builds *started)
{
	const Str none = STR("");
	RunnerStart how = { .commit = none,
		            .author = none,
		            .message = none,
		            .as_file = none,
		            .text = none,
		            .input = { none, none } };
	BuildConfig bc;
	Build b;
	bool wanted;
	Err *e = project_get_config(p, name, &bc);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it was deleted just now */
		return NULL;
	}
	TRY(e);
	if (bc.spec.source == BUILD_FROM_BINARY)
		return NULL; /* only who has its input can start it */
	TRY(find_cause(p, &bc, &how, &wanted));
	if (!wanted)
		return NULL;
	TRY_WHILE(runner_build(p, &bc, &how, &b), "starting a build of '%.*s'", STR_ARG(name));
	VEC_PUSH(started, b);
	return NULL;
}

static Err *look_at_queue(const Project *p, Str name, Builds *started)
{
	Build b;
	Err *e = project_get_build(p, name, &b);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it was deleted just now */
		return NULL;
	}
	TRY(e);
	if (!b.queued)
		return NULL;
	pid_t holder;
	TRY(project_build_holder(p, name, &holder));
	if (holder)
		return NULL;
	TRY(runner_start_queued(p, &b));
	VEC_PUSH(started, b);
	return NULL;
}

/* FN for each object of KIND, each with the lock for itself: others get it between. */
static Err *for_each(const Project *p, ProjectKind kind, const Cancel *cancel,
                     Err *(*fn)(const Project *, Str, Builds *), Builds *started)
{
	Str *names;
	size_t count;
	Err *first = NULL;
	TRY(project_list(p, kind, &names, &count));
	for (size_t i = 0; i < count; i++) {
		AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
		Err *e = project_lock(p, cancel, &lock);
		bool cancelled = e && err_kind(e) == ERR_CANCELLED;
		if (!e)
			e = fn(p, names[i], started);
		if (first)
			err_free(e); /* the first is told */
		else
			first = e;
		if (cancelled)
			break;
	}
	return first;
}

Err *runner_triggers(const Project *p, const Cancel *cancel, Build **ret, size_t *ret_count)
{
	AUTO_VEC Builds started = { 0 };
	Err *e = for_each(p, PROJECT_BUILD, cancel, look_at_queue, &started);
	Err *other = for_each(p, PROJECT_BUILD_CONFIG, cancel, look_at_config, &started);
	*ret = arena_alloc(p->arena, (started.len + 1) * sizeof **ret, _Alignof(Build));
	if (started.len)
		memcpy(*ret, started.at, started.len * sizeof **ret);
	*ret_count = started.len;
	if (!e)
		return other;
	err_free(other); /* the first is told */
	return e;
}
