/* build.c - Build, and its JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project-internal.h"

const char *const build_phases[BUILD_PHASES] = { "New",    "Pending", "Running",  "Complete",
	                                         "Failed", "Error",   "Cancelled" };

/* Builds that nobody has started yet say so in an annotation. */
static const char queued_key[] = "decant/queued";

/* The member that a cause has beside its message; NULL: none. */
static const char *const cause_members[BUILD_TRIGGER_KINDS] = {
	NULL,
	"imageChangeBuild",
	"githubWebHook",
	"genericWebHook",
	"gitlabWebHook",
	"bitbucketWebHook",
};

static void write_revision(JsonWriter *w, Str commit, Str author, Str message)
{
	if (!commit.len)
		return;
	project_write_begin(w, "revision");
	json_write_member(w, "type", STR("Git"));
	project_write_begin(w, "git");
	json_write_member(w, "commit", commit);
	if (author.len) {
		project_write_begin(w, "author");
		json_write_member(w, "name", author);
		json_write_object_end(w);
	}
	project_write_str(w, "message", message);
	json_write_object_end(w);
	json_write_object_end(w);
}

static void write_trigger(JsonWriter *w, const BuildCause *c)
{
	if (!cause_members[c->kind])
		return;
	project_write_begin(w, cause_members[c->kind]);
	if (c->kind == BUILD_ON_IMAGE) {
		json_write_member(w, "imageID", c->image);
		project_write_ref(w, "fromRef", STR("ImageStreamTag"), c->from);
	} else {
		write_revision(w, c->commit, c->author, c->message);
		json_write_member(w, "secret", STR("<secret>"));
	}
	json_write_object_end(w);
}

static void write_cause(JsonWriter *w, const Build *b)
{
	if (!b->cause.len)
		return;
	project_write_list(w, "triggeredBy");
	json_write_object(w);
	json_write_member(w, "message", b->cause);
	write_trigger(w, &b->by);
	json_write_object_end(w);
	json_write_array_end(w);
}

static void write_stages(JsonWriter *w, const Build *b)
{
	if (!b->stage_count)
		return;
	project_write_list(w, "stages");
	for (size_t i = 0; i < b->stage_count; i++) {
		json_write_object(w);
		json_write_member(w, "name", b->stages[i].name);
		project_write_time(w, "startTime", b->stages[i].start_ns);
		project_write_int(w, "durationMilliseconds", b->stages[i].duration_ms);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_status(JsonWriter *w, const Build *b)
{
	project_write_begin(w, "status");
	json_write_member(w, "phase", str_from(build_phases[b->phase]));
	project_write_flag(w, "cancelled", b->cancelled);
	project_write_str(w, "reason", b->reason);
	project_write_str(w, "message", b->said);
	project_write_time(w, "startTimestamp", b->start_ns);
	project_write_time(w, "completionTimestamp", b->end_ns);
	if (b->start_ns != PROJECT_TIME_NONE && b->end_ns != PROJECT_TIME_NONE)
		project_write_int(w, "duration", b->end_ns - b->start_ns);
	project_write_str(w, "outputDockerImageReference", b->reference);
	project_write_ref(w, "config", STR("BuildConfig"), b->config);
	project_write_begin(w, "output");
	if (b->digest.len) {
		project_write_begin(w, "to");
		json_write_member(w, "imageDigest", b->digest);
		json_write_object_end(w);
	}
	json_write_object_end(w);
	write_stages(w, b);
	project_write_str(w, "logSnippet", b->snippet);
	json_write_object_end(w);
}

void build_write(const Build *b, Buf *out)
{
	JsonWriter w = { .out = out };
	ProjectMeta meta = b->meta;
	AUTO_ARENA Arena a = ARENA_INIT;
	project_pair_set(&meta.labels, &a, STR("buildconfig"), b->config);
	project_pair_set(&meta.labels, &a, STR("openshift.io/build-config.name"), b->config);
	project_pair_set(&meta.annotations, &a, STR("openshift.io/build-config.name"), b->config);
	project_pair_set(&meta.annotations, &a, STR("openshift.io/build.number"),
	                 arena_strf(&a, "%lld", (long long)b->number));
	if (b->queued)
		project_pair_set(&meta.annotations, &a, str_from(queued_key), STR("true"));
	json_write_object(&w);
	project_write_head(&w, "Build", "build.openshift.io/v1", &meta, false);
	project_write_begin(&w, "spec");
	write_revision(&w, b->commit, b->author, b->message);
	build_spec_write(&w, &b->spec);
	write_cause(&w, b);
	json_write_object_end(&w);
	write_status(&w, b);
	json_write_object_end(&w);
}

static Err *read_stages(const ProjectReader *r, Build *ret)
{
	const JsonValue *array;
	TRY(project_read_array(r, r->document, "status.stages", BUILD_STAGES_MAX, &array));
	for (size_t i = 0; array && i < json_length(array); i++) {
		BuildStage *s = &ret->stages[ret->stage_count++];
		const JsonValue *v = json_at(array, i);
		*s = (BuildStage){ .name = STR("") };
		TRY(project_read_str(r, v, "name", &s->name));
		TRY(project_read_time(r, v, "startTime", &s->start_ns));
		TRY(project_read_int(r, v, "durationMilliseconds", &s->duration_ms));
	}
	return NULL;
}

/* The number is in an annotation, whose key has dots. */
static Err *read_number(const ProjectReader *r, Build *ret)
{
	uint64_t number;
	Str text = project_pair(&ret->meta.annotations, "openshift.io/build.number");
	if (!str_to_u64(text, &number) || number > INT32_MAX)
		return err_new(ERR_CORRUPT, "%s: it has no number", r->name);
	ret->number = (int64_t)number;
	return NULL;
}

/* The times have whole seconds, what it took has more. */
static Err *read_times(const ProjectReader *r, Build *ret)
{
	int64_t duration = -1;
	TRY(project_read_time(r, r->document, "status.startTimestamp", &ret->start_ns));
	TRY(project_read_time(r, r->document, "status.completionTimestamp", &ret->end_ns));
	TRY(project_read_int(r, r->document, "status.duration", &duration));
	if (duration >= 0 && ret->start_ns != PROJECT_TIME_NONE)
		ret->end_ns = ret->start_ns + duration;
	return NULL;
}

static Err *read_cause(const ProjectReader *r, Build *ret)
{
	const JsonValue *causes, *cause, *of;
	BuildCause *c = &ret->by;
	TRY(project_read_array(r, r->document, "spec.triggeredBy", PROJECT_LIST_MAX, &causes));
	if (!causes || !json_length(causes))
		return NULL;
	cause = json_at(causes, 0);
	TRY(project_read_str(r, cause, "message", &ret->cause));
	for (BuildTriggerKind k = 0; k < BUILD_TRIGGER_KINDS; k++) {
		if (!cause_members[k] || !(of = project_path(cause, cause_members[k])))
			continue;
		c->kind = k;
		TRY(project_read_str(r, of, "revision.git.commit", &c->commit));
		TRY(project_read_str(r, of, "revision.git.author.name", &c->author));
		TRY(project_read_str(r, of, "revision.git.message", &c->message));
		TRY(project_read_str(r, of, "imageID", &c->image));
		TRY(project_read_str(r, of, "fromRef.name", &c->from));
	}
	return NULL;
}

static Err *read_build(const ProjectReader *r, Build *ret)
{
	const JsonValue *d = r->document;
	const Str none = STR("");
	unsigned phase = BUILD_NEW;
	*ret = (Build){ .config = none,
		        .cause = none,
		        .by = { .commit = none,
		                .author = none,
		                .message = none,
		                .image = none,
		                .from = none },
		        .commit = none,
		        .author = none,
		        .message = none,
		        .reason = none,
		        .said = none,
		        .snippet = none,
		        .digest = none,
		        .reference = none,
		        .start_ns = PROJECT_TIME_NONE,
		        .end_ns = PROJECT_TIME_NONE };
	const struct {
		const char *path;
		Str *at;
	} texts[] = {
		{ "spec.revision.git.commit", &ret->commit },
		{ "spec.revision.git.author.name", &ret->author },
		{ "spec.revision.git.message", &ret->message },
		{ "status.reason", &ret->reason },
		{ "status.message", &ret->said },
		{ "status.logSnippet", &ret->snippet },
		{ "status.output.to.imageDigest", &ret->digest },
		{ "status.outputDockerImageReference", &ret->reference },
		{ "status.config.name", &ret->config },
	};
	TRY(project_read_meta(r, &ret->meta));
	TRY(build_spec_read(r, project_path(d, "spec"), &ret->spec));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		TRY(project_read_str(r, d, texts[i].path, texts[i].at));
	TRY(read_cause(r, ret));
	ret->queued = str_eqc(project_pair(&ret->meta.annotations, queued_key), "true");
	project_pair_drop(&ret->meta.annotations, queued_key);
	TRY(project_read_word(r, d, "status.phase", build_phases, BUILD_PHASES, &phase));
	ret->phase = (BuildPhase)phase;
	TRY(project_read_bool(r, d, "status.cancelled", &ret->cancelled));
	TRY(read_number(r, ret));
	TRY(read_times(r, ret));
	return read_stages(r, ret);
}

Err *build_read(Str json, const char *name, Arena *a, Build *ret)
{
	CLEANUP(project_reader_done) ProjectReader r = { 0 };
	TRY(project_read(json, name, "Build", a, &r));
	return read_build(&r, ret);
}
