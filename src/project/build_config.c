/* build_config.c - BuildConfig, and its JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project-internal.h"

const char *const build_run_policies[] = { "Serial", "SerialLatestOnly", "Parallel" };
const char *const build_trigger_types[BUILD_TRIGGER_KINDS] = {
	"ConfigChange", "ImageChange", "GitHub", "Generic", "GitLab", "Bitbucket",
};
/* The member that each has beside its type; NULL: none. */
static const char *const trigger_members[BUILD_TRIGGER_KINDS] = {
	NULL, "imageChange", "github", "generic", "gitlab", "bitbucket",
};

static void write_trigger(JsonWriter *w, const BuildTrigger *t, bool plain)
{
	json_write_object(w);
	json_write_member(w, "type", str_from(build_trigger_types[t->kind]));
	if (trigger_members[t->kind]) {
		project_write_begin(w, trigger_members[t->kind]);
		if (t->kind == BUILD_ON_IMAGE) {
			if (t->from.len)
				project_write_ref(w, "from", STR("ImageStreamTag"), t->from);
			if (!plain)
				project_write_str(w, "lastTriggeredImageID", t->last_image);
			project_write_flag(w, "paused", t->paused);
		} else {
			if (t->secret.len) {
				project_write_begin(w, "secretReference");
				json_write_member(w, "name", t->secret);
				json_write_object_end(w);
			}
			project_write_flag(w, "allowEnv", t->allow_env);
		}
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void write_limit(JsonWriter *w, const char *key, int64_t keep)
{
	if (keep != BUILD_KEEP_ALL)
		project_write_int(w, key, keep);
}

void build_config_write(const BuildConfig *bc, bool plain, Buf *out)
{
	JsonWriter w = { .out = out };
	json_write_object(&w);
	project_write_head(&w, "BuildConfig", "build.openshift.io/v1", &bc->meta, plain);
	project_write_begin(&w, "spec");
	project_write_list(&w, "triggers");
	for (size_t i = 0; i < bc->trigger_count; i++)
		write_trigger(&w, &bc->triggers[i], plain);
	json_write_array_end(&w);
	json_write_member(&w, "runPolicy", str_from(build_run_policies[bc->run_policy]));
	build_spec_write(&w, &bc->spec);
	write_limit(&w, "successfulBuildsHistoryLimit", bc->keep_good);
	write_limit(&w, "failedBuildsHistoryLimit", bc->keep_bad);
	json_write_object_end(&w);
	project_write_begin(&w, "status");
	project_write_int(&w, "lastVersion", plain ? 0 : bc->last_version);
	json_write_object_end(&w);
	json_write_object_end(&w);
}

static Err *read_trigger(const ProjectReader *r, const JsonValue *v, BuildTrigger *ret)
{
	unsigned kind = BUILD_TRIGGER_KINDS;
	*ret = (BuildTrigger){ .secret = STR(""), .from = STR(""), .last_image = STR("") };
	TRY(project_read_word(r, v, "type", build_trigger_types, BUILD_TRIGGER_KINDS, &kind));
	if (kind == BUILD_TRIGGER_KINDS)
		return err_new(ERR_CORRUPT, "%s: a trigger without a type", r->name);
	ret->kind = (BuildTriggerKind)kind;
	const JsonValue *of = trigger_members[kind] ? project_path(v, trigger_members[kind]) : NULL;
	TRY(project_read_str(r, of, "secretReference.name", &ret->secret));
	TRY(project_read_bool(r, of, "allowEnv", &ret->allow_env));
	TRY(project_read_str(r, of, "from.name", &ret->from));
	TRY(project_read_str(r, of, "lastTriggeredImageID", &ret->last_image));
	return project_read_bool(r, of, "paused", &ret->paused);
}

static Err *read_triggers(const ProjectReader *r, BuildConfig *ret)
{
	const JsonValue *array;
	TRY(project_read_array(r, r->document, "spec.triggers", PROJECT_LIST_MAX, &array));
	if (!array)
		return NULL;
	ret->triggers = arena_alloc(r->arena, (json_length(array) + 1) * sizeof *ret->triggers,
	                            _Alignof(BuildTrigger));
	for (; ret->trigger_count < json_length(array); ret->trigger_count++)
		TRY(read_trigger(r, json_at(array, ret->trigger_count),
		                 &ret->triggers[ret->trigger_count]));
	return NULL;
}

static Err *read_config(const ProjectReader *r, BuildConfig *ret)
{
	const JsonValue *d = r->document;
	unsigned policy = BUILD_SERIAL;
	*ret = (BuildConfig){ .keep_good = BUILD_KEEP_ALL, .keep_bad = BUILD_KEEP_ALL };
	TRY(project_read_meta(r, &ret->meta));
	TRY(build_spec_read(r, project_path(d, "spec"), &ret->spec));
	TRY(read_triggers(r, ret));
	TRY(project_read_word(r, d, "spec.runPolicy", build_run_policies, BUILD_PARALLEL + 1,
	                      &policy));
	ret->run_policy = (BuildRunPolicy)policy;
	TRY(project_read_int(r, d, "spec.successfulBuildsHistoryLimit", &ret->keep_good));
	TRY(project_read_int(r, d, "spec.failedBuildsHistoryLimit", &ret->keep_bad));
	return project_read_int(r, d, "status.lastVersion", &ret->last_version);
}

Err *build_config_read(Str json, const char *name, Arena *a, BuildConfig *ret)
{
	CLEANUP(project_reader_done) ProjectReader r = { 0 };
	TRY(project_read(json, name, "BuildConfig", a, &r));
	return read_config(&r, ret);
}
