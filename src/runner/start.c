/* start.c - a new Build of a BuildConfig, and the end of one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "runner/runner.h"

static void add_pairs(ProjectPairs *to, Arena *a, const ProjectPairs *more)
{
	for (size_t i = 0; i < more->count; i++)
		project_pair_set(to, a, more->at[i].key, more->at[i].value);
}

static void make_build(const Project *p, const BuildConfig *bc, const RunnerStart *how, Build *ret)
{
	Build b = { .meta = { .name = arena_strf(p->arena, "%.*s-%lld", STR_ARG(bc->meta.name),
		                                 (long long)bc->last_version),
		              .project = p->name,
		              .created_ns = clock_real_ns(),
		              .labels = bc->meta.labels },
		    .spec = bc->spec,
		    .config = bc->meta.name,
		    .number = bc->last_version,
		    .cause = how->cause,
		    .by = how->by,
		    .queued = how->queue,
		    .commit = how->commit,
		    .author = how->author,
		    .message = how->message,
		    .reason = STR(""),
		    .said = STR(""),
		    .snippet = STR(""),
		    .digest = STR(""),
		    .reference = STR(""),
		    .start_ns = PROJECT_TIME_NONE,
		    .end_ns = PROJECT_TIME_NONE };
	if (how->binary) {
		b.spec.source = BUILD_FROM_BINARY;
		b.spec.uri = b.spec.ref = STR("");
		b.spec.as_file = how->as_file;
		if (how->as_file.len)
			b.spec.text = how->text;
	}
	b.spec.no_cache |= how->no_cache;
	add_pairs(&b.spec.env, p->arena, &how->env);
	add_pairs(&b.spec.args, p->arena, &how->args);
	*ret = b;
}

/* The lock is held. */
static Err *ask_to_end(const Project *p, Build *b)
{
	if (!b->cancelled) {
		b->cancelled = true;
		TRY(project_put_build(p, b));
	}
	return driver_cancel(p, b->meta.name);
}

/* With SerialLatestOnly those go that wait. */
static Err *end_waiting(const Project *p, const BuildConfig *bc)
{
	Build *all;
	size_t count;
	TRY(project_builds(p, bc->meta.name, &all, &count));
	for (size_t i = 0; i < count; i++) {
		TRY(project_build_settle(p, &all[i]));
		if (all[i].phase == BUILD_NEW || all[i].phase == BUILD_PENDING)
			TRY(ask_to_end(p, &all[i]));
	}
	return NULL;
}

Err *runner_prune(const Project *p, const BuildConfig *bc)
{
	Build *all;
	size_t count;
	int64_t good = 0, bad = 0;
	TRY(project_builds(p, bc->meta.name, &all, &count));
	for (size_t i = count; i-- > 0;) { /* the newest first */
		TRY(project_build_settle(p, &all[i]));
		if (!build_is_over(all[i].phase))
			continue;
		bool is_good = all[i].phase == BUILD_COMPLETE;
		int64_t keep = is_good ? bc->keep_good : bc->keep_bad;
		int64_t number = is_good ? ++good : ++bad;
		if (keep != BUILD_KEEP_ALL && number > keep)
			TRY(project_build_drop(p, all[i].meta.name));
	}
	return NULL;
}

static Err *check_input(const BuildConfig *bc, const RunnerStart *how)
{
	if (bc->spec.source == BUILD_FROM_BINARY && !how->binary)
		return err_note(err_new(ERR_INPUT,
		                        "the build configuration '%.*s' needs binary input",
		                        STR_ARG(bc->meta.name)),
		                "give --from-dir, --from-file or --from-archive");
	return NULL;
}

static Err *start_driver(const Project *p, Build *b, const DriverInput *input)
{
	Err *e = driver_start(p, b, input);
	if (e) { /* the next who looks would find nobody running it */
		b->queued = false;
		b->phase = BUILD_ERROR;
		b->reason = STR("CannotCreateBuildPod");
		b->said = arena_str(p->arena, err_cause(e));
		b->end_ns = clock_real_ns();
		err_free(project_put_build(p, b)); /* the first error is the one to tell */
	}
	return e;
}

Err *runner_start_queued(const Project *p, Build *b)
{
	const DriverInput none = { STR(""), STR("") };
	pid_t holder;
	TRY(project_build_holder(p, b->meta.name, &holder));
	if (holder)
		return NULL;
	TRY(project_get_build(p, b->meta.name, b)); /* it may just have ended */
	return b->queued && !b->cancelled ? start_driver(p, b, &none) : NULL;
}

Err *runner_build(const Project *p, BuildConfig *bc, const RunnerStart *how, Build *ret)
{
	TRY(check_input(bc, how));
	if (bc->run_policy == BUILD_SERIAL_LATEST)
		TRY(end_waiting(p, bc));
	bc->last_version++;
	TRY(runner_see_images(p, bc));
	TRY(project_put_config(p, bc));
	make_build(p, bc, how, ret);
	TRY(project_put_build(p, ret));
	return how->queue ? NULL : start_driver(p, ret, &how->input);
}

Err *runner_start(const Project *p, Str config, const RunnerStart *how, const Cancel *cancel,
                  Build *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	BuildConfig bc;
	TRY(project_lock(p, cancel, &lock));
	TRY(project_get_config(p, config, &bc));
	if (how->first && bc.last_version > 0)
		return project_get_build(p,
		                         arena_strf(p->arena, "%.*s-%lld", STR_ARG(config),
		                                    (long long)bc.last_version),
		                         ret);
	return runner_build(p, &bc, how, ret);
}

Err *runner_cancel(const Project *p, Str build, const Cancel *cancel, bool *ret_over)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Build b;
	TRY(project_lock(p, cancel, &lock));
	TRY(project_get_build(p, build, &b));
	TRY(project_build_settle(p, &b));
	*ret_over = build_is_over(b.phase);
	return *ret_over ? NULL : ask_to_end(p, &b);
}
