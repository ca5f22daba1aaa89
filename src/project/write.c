/* write.c - the parts that all documents are written of. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "project/project-internal.h"

void project_write_str(JsonWriter *w, const char *key, Str value)
{
	if (value.len)
		json_write_member(w, key, value);
}

void project_write_int(JsonWriter *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

void project_write_flag(JsonWriter *w, const char *key, bool value)
{
	if (!value)
		return;
	json_write_key(w, key);
	json_write_bool(w, true);
}

/* Whole seconds, as the API server has them. */
void project_write_time(JsonWriter *w, const char *key, int64_t ns)
{
	char text[CLOCK_TEXT_BYTES];
	if (ns == PROJECT_TIME_NONE)
		return;
	json_write_member(w, key, clock_format(ns - ns % 1000000000, text));
}

void project_write_begin(JsonWriter *w, const char *key)
{
	json_write_key(w, key);
	json_write_object(w);
}

void project_write_list(JsonWriter *w, const char *key)
{
	json_write_key(w, key);
	json_write_array(w);
}

void project_write_pairs(JsonWriter *w, const char *key, const ProjectPairs *pairs)
{
	if (!pairs->count)
		return;
	project_write_list(w, key);
	for (size_t i = 0; i < pairs->count; i++) {
		json_write_object(w);
		json_write_member(w, "name", pairs->at[i].key);
		json_write_member(w, "value", pairs->at[i].value);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_map(JsonWriter *w, const char *key, const ProjectPairs *pairs)
{
	if (!pairs->count)
		return;
	project_write_begin(w, key);
	for (size_t i = 0; i < pairs->count; i++) {
		json_write_key_str(w, pairs->at[i].key);
		json_write_str(w, pairs->at[i].value);
	}
	json_write_object_end(w);
}

void project_write_head(JsonWriter *w, const char *kind, const char *version,
                        const ProjectMeta *meta, bool plain)
{
	json_write_member(w, "kind", str_from(kind));
	json_write_member(w, "apiVersion", str_from(version));
	project_write_begin(w, "metadata");
	json_write_member(w, "name", meta->name);
	if (!plain)
		project_write_str(w, "namespace", meta->project);
	if (plain || meta->created_ns == PROJECT_TIME_NONE) {
		json_write_key(w, "creationTimestamp");
		json_write_null(w);
	} else {
		project_write_time(w, "creationTimestamp", meta->created_ns);
	}
	write_map(w, "labels", &meta->labels);
	write_map(w, "annotations", &meta->annotations);
	json_write_object_end(w);
}

void project_write_ref(JsonWriter *w, const char *key, Str kind, Str name)
{
	project_write_begin(w, key);
	json_write_member(w, "kind", kind);
	json_write_member(w, "name", name);
	json_write_object_end(w);
}

/* --- pairs ------------------------------------------------------------------------------------ */

Str project_pair(const ProjectPairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (str_eqc(pairs->at[i].key, key))
			return pairs->at[i].value;
	return STR("");
}

void project_pair_drop(ProjectPairs *pairs, const char *key)
{
	size_t kept = 0;
	for (size_t i = 0; i < pairs->count; i++)
		if (!str_eqc(pairs->at[i].key, key))
			pairs->at[kept++] = pairs->at[i];
	pairs->count = kept;
}

void project_pair_set(ProjectPairs *pairs, Arena *a, Str key, Str value)
{
	ProjectPair *all = arena_alloc(a, (pairs->count + 1) * sizeof *all, _Alignof(ProjectPair));
	if (pairs->count)
		memcpy(all, pairs->at, pairs->count * sizeof *all);
	size_t i = 0;
	while (i < pairs->count && !str_eq(all[i].key, key))
		i++;
	all[i] = (ProjectPair){ arena_str(a, key), arena_str(a, value) };
	pairs->count += i == pairs->count;
	pairs->at = all;
}
