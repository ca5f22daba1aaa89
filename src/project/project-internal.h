/* project-internal.h - what the files of this module share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "project/project.h"

/* proj/<project>/SUB; *ret_fd -1: there is none, and MAKE does not ask for it. */
NODISCARD Err *project_dir(const Project *p, const char *sub, bool make, int *ret_fd);

/* --- reading documents (read.c) --- */
typedef struct ProjectReader {
	const char *name; /* of the file, for messages */
	Arena *arena;
	JsonValue *document;
} ProjectReader;
NODISCARD Err *project_read(Str json, const char *name, const char *kind, Arena *a,
                            ProjectReader *ret);
void project_reader_done(ProjectReader *r);
NODISCARD Err *project_read_meta(const ProjectReader *r, ProjectMeta *ret);
/* Walks members; NULL if one is not there. */
const JsonValue *project_path(const JsonValue *v, const char *dotted);
/* Text at DOTTED; *ret is left as it is where nothing is. */
NODISCARD Err *project_read_str(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                Str *ret);
NODISCARD Err *project_read_int(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                int64_t *ret);
NODISCARD Err *project_read_bool(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                 bool *ret);
NODISCARD Err *project_read_time(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                 int64_t *ret);
/* The object at DOTTED: {"a": "b"}. */
NODISCARD Err *project_read_map(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                ProjectPairs *ret);
/* The array at DOTTED: [{"name": "a", "value": "b"}]. */
NODISCARD Err *project_read_pairs(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                  ProjectPairs *ret);
/* An array of at most MAX; *ret NULL: there is none. */
NODISCARD Err *project_read_array(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                  size_t max, const JsonValue **ret);
/* The index of the text at DOTTED among WORDS; left as it is where nothing is. */
NODISCARD Err *project_read_word(const ProjectReader *r, const JsonValue *v, const char *dotted,
                                 const char *const *words, unsigned count, unsigned *ret);

/* --- writing (write.c) --- */
void project_write_str(JsonWriter *w, const char *key, Str value); /* nothing if "" */
void project_write_int(JsonWriter *w, const char *key, int64_t value);
void project_write_flag(JsonWriter *w, const char *key, bool value); /* nothing if false */
void project_write_time(JsonWriter *w, const char *key, int64_t ns); /* nothing if none */
void project_write_begin(JsonWriter *w, const char *key);            /* "key": { */
void project_write_list(JsonWriter *w, const char *key);             /* "key": [ */
void project_write_pairs(JsonWriter *w, const char *key, const ProjectPairs *pairs);
void project_write_head(JsonWriter *w, const char *kind, const char *version,
                        const ProjectMeta *meta, bool plain);
void project_write_ref(JsonWriter *w, const char *key, Str kind, Str name);

/* --- spec.c --- */
void build_spec_write(JsonWriter *w, const BuildSpec *spec);
NODISCARD Err *build_spec_read(const ProjectReader *r, const JsonValue *spec, BuildSpec *ret);
