/* read.c - members of a document by their dotted path, each with its type checked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "project/project-internal.h"

static Err *wrong(const ProjectReader *r, const char *dotted, const char *wanted)
{
	return err_new(ERR_CORRUPT, "%s: %s: expected %s", r->name, dotted, wanted);
}

Err *project_read(Str json, const char *name, const char *kind, Arena *a, ProjectReader *ret)
{
	*ret = (ProjectReader){ .name = name, .arena = a };
	TRY(json_parse(json, PROJECT_OBJECT_BYTES_MAX, name, &ret->document));
	if (!json_value_is_object(ret->document) ||
	    !str_eqc(json_value_string(json_member(ret->document, "kind")), kind)) {
		project_reader_done(ret);
		return err_new(ERR_CORRUPT, "%s: it is no %s", name, kind);
	}
	return NULL;
}

void project_reader_done(ProjectReader *r)
{
	json_free(r->document);
	r->document = NULL;
}

const JsonValue *project_path(const JsonValue *v, const char *dotted)
{
	char key[64];
	while (v && *dotted) {
		size_t len = strcspn(dotted, ".");
		if (len >= sizeof key || !json_value_is_object(v))
			return NULL;
		memcpy(key, dotted, len);
		key[len] = '\0';
		v = json_member(v, key);
		dotted += len + (dotted[len] == '.');
	}
	return json_value_is_null(v) ? NULL : v;
}

Err *project_read_str(const ProjectReader *r, const JsonValue *v, const char *dotted, Str *ret)
{
	v = project_path(v, dotted);
	if (!v)
		return NULL;
	if (!json_value_is_string(v))
		return wrong(r, dotted, "a string");
	*ret = arena_str(r->arena, json_value_string(v));
	return NULL;
}

Err *project_read_int(const ProjectReader *r, const JsonValue *v, const char *dotted, int64_t *ret)
{
	v = project_path(v, dotted);
	if (!v)
		return NULL;
	if (!json_value_is_integer(v))
		return wrong(r, dotted, "an integer");
	*ret = json_value_integer(v);
	return NULL;
}

Err *project_read_bool(const ProjectReader *r, const JsonValue *v, const char *dotted, bool *ret)
{
	v = project_path(v, dotted);
	if (!v)
		return NULL;
	if (!json_value_is_bool(v))
		return wrong(r, dotted, "true or false");
	*ret = json_bool(v);
	return NULL;
}

Err *project_read_time(const ProjectReader *r, const JsonValue *v, const char *dotted, int64_t *ret)
{
	Str text = STR("");
	TRY(project_read_str(r, v, dotted, &text));
	return text.len ? err_while(clock_parse(text, ret), "reading %s of %s", dotted, r->name)
	                : NULL;
}

Err *project_read_map(const ProjectReader *r, const JsonValue *v, const char *dotted,
                      ProjectPairs *ret)
{
	v = project_path(v, dotted);
	*ret = (ProjectPairs){ 0 };
	if (!v)
		return NULL;
	if (!json_value_is_object(v) || json_member_count(v) > PROJECT_LIST_MAX)
		return wrong(r, dotted, "an object of strings");
	ret->at = arena_alloc(r->arena, (json_member_count(v) + 1) * sizeof *ret->at,
	                      _Alignof(ProjectPair));
	void *at = NULL;
	Str key;
	for (JsonValue *value; json_next_member(v, &at, &key, &value);) {
		if (!json_value_is_string(value))
			return wrong(r, dotted, "an object of strings");
		ret->at[ret->count++] =
			(ProjectPair){ arena_str(r->arena, key),
			               arena_str(r->arena, json_value_string(value)) };
	}
	return NULL;
}

Err *project_read_array(const ProjectReader *r, const JsonValue *v, const char *dotted, size_t max,
                        const JsonValue **ret)
{
	*ret = v = project_path(v, dotted);
	if (!v)
		return NULL;
	if (!json_value_is_array(v))
		return wrong(r, dotted, "an array");
	return json_length(v) > max ? err_new(ERR_CORRUPT, "%s: %s: more than %zu elements",
	                                      r->name, dotted, max)
	                            : NULL;
}

Err *project_read_pairs(const ProjectReader *r, const JsonValue *v, const char *dotted,
                        ProjectPairs *ret)
{
	const JsonValue *array;
	*ret = (ProjectPairs){ 0 };
	TRY(project_read_array(r, v, dotted, PROJECT_LIST_MAX, &array));
	if (!array)
		return NULL;
	ret->count = json_length(array);
	ret->at = arena_alloc(r->arena, (ret->count + 1) * sizeof *ret->at, _Alignof(ProjectPair));
	for (size_t i = 0; i < ret->count; i++) {
		ret->at[i] = (ProjectPair){ STR(""), STR("") };
		TRY(project_read_str(r, json_at(array, i), "name", &ret->at[i].key));
		TRY(project_read_str(r, json_at(array, i), "value", &ret->at[i].value));
	}
	return NULL;
}

Err *project_read_word(const ProjectReader *r, const JsonValue *v, const char *dotted,
                       const char *const *words, unsigned count, unsigned *ret)
{
	Str text = STR("");
	TRY(project_read_str(r, v, dotted, &text));
	for (unsigned i = 0; i < count && text.len; i++)
		if (str_eqc(text, words[i])) {
			*ret = i;
			return NULL;
		}
	return text.len ? err_new(ERR_CORRUPT, "%s: %s: unknown value '%.*s'", r->name, dotted,
	                          STR_ARG(str_clip(text, 100)))
	                : NULL;
}

Err *project_read_meta(const ProjectReader *r, ProjectMeta *ret)
{
	const JsonValue *d = r->document;
	*ret = (ProjectMeta){ .name = STR(""),
		              .project = STR(""),
		              .created_ns = PROJECT_TIME_NONE };
	TRY(project_read_str(r, d, "metadata.name", &ret->name));
	TRY(project_read_str(r, d, "metadata.namespace", &ret->project));
	TRY(project_read_time(r, d, "metadata.creationTimestamp", &ret->created_ns));
	TRY(project_read_map(r, d, "metadata.labels", &ret->labels));
	TRY(project_read_map(r, d, "metadata.annotations", &ret->annotations));
	Err *bad = project_check_name(ret->name, PROJECT_NAME_MAX);
	return bad ? err_set_kind(err_while(bad, "reading %s", r->name), ERR_CORRUPT) : NULL;
}
