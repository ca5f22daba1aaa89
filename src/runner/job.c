/*
 * job.c - the life of one build: its turn, its source, decant build, the push, the stream.
 *
 * The Build is written at each step, so that `get builds` tells where it is.  What fails ends the
 * build, with its reason; nothing that fails here is an error of the process.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "fs/path.h"
#include "oci/reference.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SNIPPET_LINES = 10, SNIPPET_BYTES = 2048 };

typedef struct Job {
	const Project *project;
	const Cancel *cancel;
	const DriverInput *input;
	Build build;
	int64_t stage_ns;
	Str context;    /* for decant build */
	int64_t time_s; /* of the commit; -1 */
	Str text;       /* the Dockerfile; "" that of the context */
	Str result;     /* the store's name for what comes of it, until it has its own */
} Job;

/* --- the Build as it is written --------------------------------------------------------------- */

static bool is_cancelled(const Job *j)
{
	return j->build.cancelled || cancel_requested(j->cancel);
}

/* A cancel that was asked for meanwhile is in the file alone. */
static Err *write_build(Job *j)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	Build now;
	TRY(project_lock(j->project, NULL, &lock));
	TRY(project_get_build(j->project, j->build.meta.name, &now));
	j->build.cancelled |= now.cancelled;
	return project_put_build(j->project, &j->build);
}

static void begin_stage(Job *j)
{
	j->stage_ns = clock_real_ns();
}

static void end_stage(Job *j, const char *name)
{
	Build *b = &j->build;
	if (b->stage_count < BUILD_STAGES_MAX)
		b->stages[b->stage_count++] =
			(BuildStage){ .name = str_from(name),
			              .start_ns = j->stage_ns,
			              .duration_ms = (clock_real_ns() - j->stage_ns) / 1000000 };
}

/* E (taken) into the log, and into the Build as its end. */
static void fail(Job *j, BuildPhase phase, const char *reason, Err *e)
{
	Build *b = &j->build;
	(void)fflush(stdout);
	if (is_cancelled(j) || err_kind(e) == ERR_CANCELLED) {
		b->phase = BUILD_CANCELLED;
		b->reason = STR("CancelledBuild");
		b->said = STR("The build was cancelled by the user.");
	} else {
		err_print(e, stderr);
		b->phase = phase;
		b->reason = str_from(reason);
		b->said = arena_str(j->project->arena, err_cause(e));
	}
	err_free(e);
}

/* --- its turn --------------------------------------------------------------------------------- */

/* The oldest build before this one that is not over; "" none. */
static Err *find_earlier(Job *j, Str *ret)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	const Project *p = j->project;
	BuildConfig bc;
	Build *all;
	size_t count;
	*ret = STR("");
	TRY(project_lock(p, j->cancel, &lock));
	Err *e = project_get_config(p, j->build.config, &bc);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it was deleted: nobody else is to be waited for */
		return NULL;
	}
	TRY(e);
	if (bc.run_policy == BUILD_PARALLEL)
		return NULL;
	TRY(project_builds(p, j->build.config, &all, &count));
	for (size_t i = 0; i < count && all[i].number < j->build.number && !ret->len; i++) {
		TRY(project_build_settle(p, &all[i]));
		if (!build_is_over(all[i].phase) && all[i].queued)
			TRY(runner_start_queued(j->project, &all[i]));
		if (!build_is_over(all[i].phase))
			*ret = all[i].meta.name;
	}
	return NULL;
}

static Err *wait_turn(Job *j)
{
	for (Str earlier;;) {
		TRY(find_earlier(j, &earlier));
		if (!earlier.len)
			return NULL;
		TRY(driver_wait(j->project, earlier, j->cancel));
	}
}

/* --- its source ------------------------------------------------------------------------------- */

/* Of a Dockerfile that is to have an ENV the text must be known here. */
static Err *read_dockerfile(Job *j, const RunnerSource *source)
{
	Arena *a = j->project->arena;
	const BuildSpec *spec = &j->build.spec;
	AUTO_CLOSE int scratch = -1;
	GitTree tree = { .fd = -1 };
	RunnerLook look;
	TRY(runner_scratch(j->project->store, &scratch));
	TRY(git_checkout(&source->access, a, &source->remote, &source->commit, false, scratch,
	                 &tree));
	AUTO_CLOSE int fd = tree.fd;
	TRY(runner_look(a, fd, spec->context_dir, spec->dockerfile, spec->uri, &spec->args, &look));
	j->text = look.text;
	return NULL;
}

static Err *fetch_git(Job *j)
{
	Arena *a = j->project->arena;
	Build *b = &j->build;
	AUTO_CLOSE int scratch = -1;
	CLEANUP(runner_source_done) RunnerSource source = { 0 };
	GitAbout about;
	Str ref = b->commit.len ? b->commit : b->spec.ref;
	printf("Cloning \"%.*s\" ...\n", STR_ARG(remote_redact(a, b->spec.uri)));
	(void)fflush(stdout);
	TRY(runner_source(a, b->spec.uri, ref, j->cancel, &source));
	TRY(runner_scratch(j->project->store, &scratch));
	TRY(git_about(&source.access, a, &source.remote, &source.commit, scratch, &about));
	b->commit = about.commit;
	b->author = about.author;
	b->message = about.subject;
	j->time_s = about.time_s;
	printf("\tCommit:\t%.*s (%.*s)\n\tAuthor:\t%.*s\n\tDate:\t%.*s\n", STR_ARG(about.commit),
	       STR_ARG(about.subject), STR_ARG(about.author), STR_ARG(about.date));
	(void)fflush(stdout);
	j->context = arena_strf(a, "%.*s?mtime=commit#%.*s%s%.*s", STR_ARG(source.remote.url),
	                        STR_ARG(about.commit), b->spec.context_dir.len ? ":" : "",
	                        STR_ARG(b->spec.context_dir));
	if (b->spec.text.len)
		j->text = b->spec.text;
	else if (b->spec.env.count)
		TRY(read_dockerfile(j, &source));
	return NULL;
}

/* A Dockerfile alone: an empty context. */
static Err *make_context(Job *j)
{
	AUTO_CLOSE int scratch = -1;
	Arena *a = j->project->arena;
	char link[64], path[4096];
	TRY(runner_scratch(j->project->store, &scratch));
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", scratch);
	ssize_t n = readlinkat(AT_FDCWD, link, path, sizeof path);
	if (n <= 0 || (size_t)n == sizeof path)
		return err_sys(n < 0 ? errno : ENAMETOOLONG, "cannot name a scratch directory");
	j->context = arena_str(a, (Str){ path, (size_t)n });
	j->text = j->build.spec.text;
	return NULL;
}

/* Input that came from this machine. */
static Err *take_input(Job *j)
{
	const BuildSpec *spec = &j->build.spec;
	j->text = spec->text;
	if (j->input->archive.len)
		printf("Receiving source from \"%.*s\" ...\n", STR_ARG(j->input->archive));
	else if (j->input->dir.len)
		printf("Receiving source from \"%.*s\" ...\n", STR_ARG(j->input->dir));
	(void)fflush(stdout);
	if (!j->input->dir.len && !j->input->archive.len)
		return make_context(j);
	if (!j->input->dir.len || !spec->env.count || spec->text.len) {
		j->context = j->input->dir;
		return NULL;
	}
	AUTO_CLOSE int fd = openat(AT_FDCWD, j->input->dir.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RunnerLook look;
	if (fd < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(j->input->dir));
	j->context = j->input->dir;
	TRY(runner_look(j->project->arena, fd, spec->context_dir, spec->dockerfile, j->input->dir,
	                &spec->args, &look));
	j->text = look.text;
	return NULL;
}

static Err *fetch_inputs(Job *j)
{
	const BuildSpec *spec = &j->build.spec;
	switch (spec->source) {
	case BUILD_FROM_GIT:
		TRY(fetch_git(j));
		break;
	case BUILD_FROM_BINARY:
		TRY(take_input(j));
		break;
	case BUILD_FROM_TEXT:
		TRY(make_context(j));
		break;
	}
	if (spec->env.count && j->text.len)
		TRY(runner_add_env(j->project->arena, j->text, &spec->env, &j->text));
	return NULL;
}

/* --- decant build ----------------------------------------------------------------------------- */

typedef VEC(const char *) Words;

static void add(Words *w, const char *option, const char *value)
{
	VEC_PUSH(w, option);
	if (value)
		VEC_PUSH(w, value);
}

static void add_annotation(Job *j, Words *w, const char *key, Str value)
{
	if (value.len)
		add(w, "--annotation",
		    arena_strf(j->project->arena, "%s=%.*s", key, STR_ARG(value)).ptr);
}

static void add_credentials(Words *w)
{
	static const char *const names[] = { "GIT_AUTH_TOKEN", "GIT_AUTH_HEADER" };
	static const char *const secrets[] = { "id=GIT_AUTH_TOKEN,env=GIT_AUTH_TOKEN",
		                               "id=GIT_AUTH_HEADER,env=GIT_AUTH_HEADER" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			add(w, "--secret", secrets[i]);
	}
	const char *agent = getenv("SSH_AUTH_SOCK");
	if (agent && *agent)
		add(w, "--ssh", "default");
}

/* What the image says of itself; at least one, so that its manifest is made. */
static void add_annotations(Job *j, Words *w)
{
	const Build *b = &j->build;
	Arena *a = j->project->arena;
	add_annotation(j, w, "org.opencontainers.image.title", b->config);
	if (b->spec.source != BUILD_FROM_GIT)
		return;
	add_annotation(j, w, "org.opencontainers.image.source", remote_redact(a, b->spec.uri));
	add_annotation(j, w, "org.opencontainers.image.revision", b->commit);
	add_annotation(j, w, "org.opencontainers.image.ref.name", b->spec.ref);
}

static void make_words(Job *j, Words *w)
{
	Arena *a = j->project->arena;
	const BuildSpec *spec = &j->build.spec;
	const Str dir = spec->context_dir;
	bool local = spec->source == BUILD_FROM_BINARY && !j->input->archive.len;
	add(w, "build", "--progress=plain");
	add(w, "--root", store_path(j->project->store));
	add(w, "--tag", j->result.ptr);
	add_annotations(j, w);
	if (spec->no_cache)
		add(w, "--no-cache", NULL);
	if (j->build.by.kind == BUILD_ON_IMAGE) /* the store may have what the name meant before */
		add(w, "--pull=newer", NULL);
	for (size_t i = 0; i < spec->args.count; i++)
		add(w, "--build-arg",
		    arena_strf(a, "%.*s=%.*s", STR_ARG(spec->args.at[i].key),
		               STR_ARG(spec->args.at[i].value))
		            .ptr);
	if (spec->source == BUILD_FROM_GIT)
		add_credentials(w);
	if (j->text.len)
		add(w, "--file", "-");
	else if (spec->dockerfile.len && local)
		add(w, "--file",
		    arena_strf(a, "%.*s/%.*s%s%.*s", STR_ARG(j->context), STR_ARG(dir),
		               dir.len ? "/" : "", STR_ARG(spec->dockerfile))
		            .ptr);
	else if (spec->dockerfile.len)
		add(w, "--file", arena_str(a, spec->dockerfile).ptr);
	VEC_PUSH(w, "--");
	if (local && dir.len)
		VEC_PUSH(w, arena_strf(a, "%.*s/%.*s", STR_ARG(j->context), STR_ARG(dir)).ptr);
	else
		VEC_PUSH(w, j->input->archive.len ? "-" : arena_str(a, j->context).ptr);
	VEC_PUSH(w, NULL);
}

/* *ret_status: of decant build. */
static Err *run_child(Job *j, int *ret_status)
{
	AUTO_VEC Words words = { 0 };
	AUTO_CLOSE int archive = -1;
	const Str file = j->input->archive;
	if (file.len && j->text.len)
		return err_new(ERR_INPUT, "an archive and a Dockerfile of its own, or variables "
		                          "with -e, cannot be had at once");
	if (file.len && (archive = openat(AT_FDCWD, file.ptr, O_RDONLY | O_CLOEXEC)) < 0)
		return err_sys(errno, "cannot open '%.*s'", STR_ARG(file));
	make_words(j, &words);
	RunnerChild c = { .argv = words.at,
		          .stdin_text = j->text,
		          .stdin_fd = archive,
		          .deadline_s = j->build.spec.deadline_s,
		          .epoch_s = j->time_s };
	TRY(runner_child(&c, j->cancel, ret_status));
	return c.late ? err_new(ERR_SYSTEM, "the build took longer than %lld seconds",
	                        (long long)c.deadline_s)
	              : NULL;
}

/* --- the result ------------------------------------------------------------------------------- */

/* The image gets NAME in the store. */
static Err *name_result(Job *j, const StoreRef *ref, Str name)
{
	StoreRef named = *ref;
	named.name = name;
	return store_ref_set(j->project->store, &named);
}

static Err *push_to_stream(Job *j, const StoreRef *ref)
{
	const Project *p = j->project;
	Build *b = &j->build;
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	ImageStream is;
	Str name, tag;
	TRY(project_split_tag(p->arena, b->spec.to, &name, &tag));
	TRY(runner_stream(p, name, &is));
	b->reference = arena_strf(p->arena, "%.*s:%.*s", STR_ARG(is.repository), STR_ARG(tag));
	printf("\nPushing image %.*s ...\n", STR_ARG(b->reference));
	(void)fflush(stdout);
	if (runner_is_remote(&is)) {
		TRY(name_result(j, ref, b->reference));
		TRY(runner_push(p->store, b->reference, j->cancel));
	}
	TRY(project_lock(p, j->cancel, &lock));
	TRY(runner_stream(p, name, &is)); /* as it is now */
	TRY(runner_stream_push(p, &is, tag, ref));
	printf("Successfully pushed %.*s@%.*s\nPush successful\n", STR_ARG(is.repository),
	       STR_ARG(b->digest));
	return NULL;
}

static Err *push_to_registry(Job *j, const StoreRef *ref)
{
	Build *b = &j->build;
	Reference to;
	TRY(reference_parse(j->project->arena, b->spec.to, &to));
	b->reference = reference_full(j->project->arena, &to);
	printf("\nPushing image %.*s ...\n", STR_ARG(b->reference));
	(void)fflush(stdout);
	TRY(name_result(j, ref, b->reference));
	TRY(runner_push(j->project->store, b->reference, j->cancel));
	printf("Successfully pushed %.*s/%.*s@%.*s\nPush successful\n", STR_ARG(to.domain),
	       STR_ARG(to.path), STR_ARG(b->digest));
	return NULL;
}

static Err *push_result(Job *j)
{
	const Project *p = j->project;
	StoreRef ref;
	TRY(store_ref_get(p->store, j->result, p->arena, &ref));
	if (digest_is_zero(&ref.manifest))
		return err_new(ERR_CORRUPT, "the image that was built has no manifest");
	j->build.digest = digest_arena_text(p->arena, &ref.manifest);
	if (!j->build.spec.to.len)
		return NULL;
	return str_eqc(j->build.spec.to_kind, "DockerImage") ? push_to_registry(j, &ref)
	                                                     : push_to_stream(j, &ref);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void build_and_push(Job *j)
{
	int status = 0;
	begin_stage(j);
	Err *e = fetch_inputs(j);
	end_stage(j, "FetchInputs");
	if (e) {
		fail(j, BUILD_FAILED, "FetchSourceFailed", e);
		return;
	}
	e = write_build(j);
	begin_stage(j);
	if (!e && !is_cancelled(j))
		e = run_child(j, &status);
	end_stage(j, "Build");
	if (!e && (status || is_cancelled(j)))
		e = err_new(ERR_RUN, "Docker build strategy has failed.");
	if (e) {
		bool late = err_kind(e) == ERR_SYSTEM;
		fail(j, BUILD_FAILED, late ? "BuildPodExceededDeadline" : "DockerBuildFailed", e);
		return;
	}
	begin_stage(j);
	e = push_result(j);
	end_stage(j, "PushImage");
	if (e)
		fail(j, BUILD_FAILED, "PushImageToRegistryFailed", e);
	else
		j->build.phase = BUILD_COMPLETE;
}

/* The last lines of the log. */
static void take_snippet(Job *j)
{
	AUTO_CLOSE int fd = -1;
	char bytes[SNIPPET_BYTES];
	AUTO_ERR Err *e = project_log_open(j->project, j->build.meta.name, O_RDONLY, &fd);
	off_t size = e ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = size > SNIPPET_BYTES ? size - SNIPPET_BYTES : 0;
	ssize_t n = e ? 0 : pread(fd, bytes, sizeof bytes, from);
	if (n <= 0)
		return;
	Str text = str_trim((Str){ bytes, (size_t)n });
	size_t at = text.len;
	for (int lines = 0; at > 0; at--)
		if (text.ptr[at - 1] == '\n' && ++lines == SNIPPET_LINES)
			break;
	j->build.snippet = arena_str(j->project->arena, str_from_at(text, at));
}

/* What waits for images of this name. */
static Err *start_others(const Job *j)
{
	Build *all;
	size_t count;
	if (j->build.phase != BUILD_COMPLETE)
		return NULL;
	return runner_triggers(j->project, j->cancel, &all, &count);
}

/* Builds beyond the limits go. */
static Err *prune(const Job *j)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	BuildConfig bc;
	TRY(project_lock(j->project, NULL, &lock));
	Err *e = project_get_config(j->project, j->build.config, &bc);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it was deleted meanwhile */
		return NULL;
	}
	TRY(e);
	return runner_prune(j->project, &bc);
}

static Err *finish(Job *j)
{
	Build *b = &j->build;
	(void)fflush(stdout);
	TRY(store_ref_remove_all(j->project->store, &j->result, 1));
	TRY(store_layout_write(j->project->store));
	if (b->phase != BUILD_COMPLETE)
		take_snippet(j);
	b->end_ns = clock_real_ns();
	return write_build(j);
}

static Err *begin(Job *j)
{
	Build *b = &j->build;
	Err *e = wait_turn(j);
	b->start_ns = clock_real_ns();
	if (!e)
		e = write_build(j); /* was it cancelled while it waited? */
	if (e || is_cancelled(j)) {
		fail(j, BUILD_ERROR, "GenericBuildFailed",
		     e ? e : err_new(ERR_CANCELLED, "cancelled"));
		return NULL;
	}
	b->phase = BUILD_RUNNING;
	return write_build(j);
}

Err *runner_run(const Project *p, Str build, const DriverInput *input, int ready_fd,
                const Cancel *cancel)
{
	AUTO_CLOSE int held = -1;
	Job j = { .project = p,
		  .cancel = cancel,
		  .input = input,
		  .time_s = -1,
		  .context = STR(""),
		  .text = STR("") };
	(void)umask(022);
	TRY(project_build_hold(p, build, &held));
	TRY(project_get_build(p, build, &j.build));
	j.build.queued = false;
	j.result = project_build_result(p, build);
	if (ready_fd >= 0) {
		ssize_t n = write(ready_fd, "y", 1);
		close(ready_fd);
		if (n != 1)
			return err_new(ERR_SYSTEM, "whoever started the build is gone");
	}
	TRY(begin(&j));
	if (!build_is_over(j.build.phase))
		build_and_push(&j);
	TRY(finish(&j));
	TRY(start_others(&j));
	return prune(&j);
}
