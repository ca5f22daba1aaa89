/* spec.c - what a BuildConfig and a Build have in common. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project-internal.h"

static const char *const source_types[] = { "Git", "Binary", "Dockerfile" };

static void write_source(JsonWriter *w, const BuildSpec *s)
{
	project_write_begin(w, "source");
	json_write_member(w, "type", str_from(source_types[s->source]));
	if (s->source == BUILD_FROM_GIT) {
		project_write_begin(w, "git");
		json_write_member(w, "uri", s->uri);
		project_write_str(w, "ref", s->ref);
		json_write_object_end(w);
	} else if (s->source == BUILD_FROM_BINARY) {
		project_write_begin(w, "binary");
		project_write_str(w, "asFile", s->as_file);
		json_write_object_end(w);
	}
	project_write_str(w, "dockerfile", s->text);
	project_write_str(w, "contextDir", s->context_dir);
	json_write_object_end(w);
}

static void write_strategy(JsonWriter *w, const BuildSpec *s)
{
	project_write_begin(w, "strategy");
	json_write_member(w, "type", STR("Docker"));
	project_write_begin(w, "dockerStrategy");
	if (s->from.len)
		project_write_ref(w, "from", STR("ImageStreamTag"), s->from);
	project_write_flag(w, "noCache", s->no_cache);
	project_write_pairs(w, "env", &s->env);
	project_write_str(w, "dockerfilePath", s->dockerfile);
	project_write_pairs(w, "buildArgs", &s->args);
	json_write_object_end(w);
	json_write_object_end(w);
}

void build_spec_write(JsonWriter *w, const BuildSpec *s)
{
	write_source(w, s);
	write_strategy(w, s);
	project_write_begin(w, "output");
	if (s->to.len)
		project_write_ref(w, "to", s->to_kind, s->to);
	json_write_object_end(w);
	project_write_begin(w, "resources");
	json_write_object_end(w);
	project_write_begin(w, "postCommit");
	json_write_object_end(w);
	if (s->deadline_s)
		project_write_int(w, "completionDeadlineSeconds", s->deadline_s);
	json_write_key(w, "nodeSelector");
	json_write_null(w);
}

Err *build_spec_read(const ProjectReader *r, const JsonValue *v, BuildSpec *ret)
{
	const Str none = STR("");
	unsigned source = BUILD_FROM_GIT;
	*ret = (BuildSpec){ .uri = none,
		            .ref = none,
		            .context_dir = none,
		            .text = none,
		            .as_file = none,
		            .from = none,
		            .dockerfile = none,
		            .to_kind = none,
		            .to = none };
	TRY(project_read_word(r, v, "source.type", source_types, ARRAY_LEN(source_types), &source));
	ret->source = (BuildSourceKind)source;
	const struct {
		const char *path;
		Str *at;
	} texts[] = {
		{ "source.git.uri", &ret->uri },
		{ "source.git.ref", &ret->ref },
		{ "source.binary.asFile", &ret->as_file },
		{ "source.dockerfile", &ret->text },
		{ "source.contextDir", &ret->context_dir },
		{ "strategy.dockerStrategy.from.name", &ret->from },
		{ "strategy.dockerStrategy.dockerfilePath", &ret->dockerfile },
		{ "output.to.kind", &ret->to_kind },
		{ "output.to.name", &ret->to },
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		TRY(project_read_str(r, v, texts[i].path, texts[i].at));
	TRY(project_read_bool(r, v, "strategy.dockerStrategy.noCache", &ret->no_cache));
	TRY(project_read_pairs(r, v, "strategy.dockerStrategy.env", &ret->env));
	TRY(project_read_pairs(r, v, "strategy.dockerStrategy.buildArgs", &ret->args));
	return project_read_int(r, v, "completionDeadlineSeconds", &ret->deadline_s);
}
