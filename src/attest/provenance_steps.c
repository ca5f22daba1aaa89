/*
 * provenance_steps.c - mode=max: the steps of the build, as BuildKit's LLB has them.
 *
 * decant has no LLB; its steps are written in the shape of it, so that readers of "llbDefinition"
 * find commands, sources and what depends on what.  Layers are told by their diff IDs, as
 * uncompressed tars: which compressed blobs they become is decided at each push anew.
 * SOURCE: BuildKit solver/pb/ops.proto, as JSON.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/provenance-internal.h"
#include "codec/base64.h"

#include <stdio.h>

enum { STEP_ID_BYTES = 32 };

static Str step_id(uint32_t i, const char *output, char text[static STEP_ID_BYTES])
{
	int len = snprintf(text, STEP_ID_BYTES, "step%u%s", i, output);
	return (Str){ text, (size_t)len };
}

static void write_texts(JsonWriter *w, const char *key, const Str *texts, size_t count)
{
	if (!count)
		return;
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		json_write_str(w, texts[i]);
	json_write_array_end(w);
}

static void write_exec(const ProvenanceStep *s, JsonWriter *w)
{
	json_write_key(w, "meta");
	json_write_object(w);
	write_texts(w, "args", s->args, s->arg_count);
	write_texts(w, "env", s->env, s->env_count);
	provenance_member(w, "cwd", s->path);
	provenance_member(w, "user", s->user);
	json_write_object_end(w);
	if (str_eqc(s->network, "none") || str_eqc(s->network, "host")) {
		json_write_key(w, "network"); /* NetMode of ops.proto */
		json_write_int(w, str_eqc(s->network, "host") ? 1 : 2);
	}
	if (s->insecure) {
		json_write_key(w, "security");
		json_write_int(w, 1);
	}
}

static void write_file_action(const ProvenanceStep *s, Str source, JsonWriter *w)
{
	bool copies = s->kind == PROVENANCE_COPY;
	json_write_object(w);
	json_write_key(w, "Action");
	json_write_object(w);
	json_write_key(w, copies ? "copy" : "mkdir");
	json_write_object(w);
	provenance_member(w, "src", source);
	provenance_member(w, copies ? "dest" : "path", s->path);
	json_write_object_end(w);
	json_write_object_end(w);
	json_write_object_end(w);
}

static void write_file(const ProvenanceStep *s, JsonWriter *w)
{
	json_write_key(w, "actions");
	json_write_array(w);
	if (s->kind == PROVENANCE_MKDIR)
		write_file_action(s, STR(""), w);
	for (size_t i = 0; s->kind == PROVENANCE_COPY && i < s->arg_count; i++)
		write_file_action(s, s->args[i], w);
	json_write_array_end(w);
}

static void write_op(const ProvenanceStep *s, JsonWriter *w)
{
	static const char *const kinds[] = { "source", "exec", "file", "file" };
	json_write_key(w, "op");
	json_write_object(w);
	json_write_key(w, "Op");
	json_write_object(w);
	json_write_key(w, kinds[s->kind]);
	json_write_object(w);
	if (s->kind == PROVENANCE_SOURCE)
		provenance_member(w, "identifier", s->identifier);
	else if (s->kind == PROVENANCE_EXEC)
		write_exec(s, w);
	else
		write_file(s, w);
	json_write_object_end(w);
	json_write_object_end(w);
	json_write_object_end(w);
}

static void write_step(const ProvenanceStep *s, uint32_t i, JsonWriter *w)
{
	char id[STEP_ID_BYTES];
	json_write_object(w);
	provenance_member(w, "id", step_id(i, "", id));
	write_op(s, w);
	if (s->input_count) {
		json_write_key(w, "inputs");
		json_write_array(w);
		for (size_t j = 0; j < s->input_count; j++)
			json_write_str(w, step_id(s->inputs[j], ":0", id));
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

void provenance_write_steps(const Provenance *p, JsonWriter *w)
{
	json_write_key(w, "buildConfig");
	json_write_object(w);
	json_write_key(w, "llbDefinition");
	json_write_array(w);
	for (uint32_t i = 0; i < p->step_count; i++)
		write_step(&p->steps[i], i, w);
	json_write_array_end(w);
	json_write_object_end(w);
}

/* --- where they stand ------------------------------------------------------------------------- */

static void write_line(JsonWriter *w, const char *key, unsigned line)
{
	json_write_key(w, key);
	json_write_object(w);
	json_write_key(w, "line");
	json_write_int(w, line);
	json_write_object_end(w);
}

static void write_location(const ProvenanceStep *s, JsonWriter *w)
{
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_array(w);
	json_write_object(w);
	json_write_key(w, "ranges");
	json_write_array(w);
	json_write_object(w);
	write_line(w, "start", s->first_line);
	write_line(w, "end", s->last_line);
	json_write_object_end(w);
	json_write_array_end(w);
	json_write_object_end(w);
	json_write_array_end(w);
	json_write_object_end(w);
}

static void write_text(const Provenance *p, JsonWriter *w)
{
	AUTO_BUF Buf data = BUF_INIT;
	base64_encode(p->dockerfile, &data);
	json_write_key(w, "infos");
	json_write_array(w);
	json_write_object(w);
	provenance_member(w, "filename", p->config_path);
	provenance_member(w, "language", STR("Dockerfile"));
	provenance_member(w, "data", buf_str(&data));
	json_write_object_end(w);
	json_write_array_end(w);
}

static void write_layers(const ProvenanceStep *s, JsonWriter *w)
{
	char text[DIGEST_TEXT_LEN + 1];
	json_write_array(w);
	json_write_array(w);
	for (size_t i = 0; i < s->layer_count; i++) {
		json_write_object(w);
		provenance_member(w, "mediaType", STR(MEDIA_OCI_LAYER));
		provenance_member(w, "digest", digest_text(&s->layers[i].diff_id, text));
		json_write_key(w, "size");
		json_write_int(w, (int64_t)s->layers[i].tar_bytes);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_array_end(w);
}

void provenance_write_source(const Provenance *p, JsonWriter *w)
{
	char id[STEP_ID_BYTES];
	json_write_key(w, "source");
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_object(w);
	for (uint32_t i = 0; i < p->step_count; i++) {
		if (!p->steps[i].first_line)
			continue;
		json_write_key_str(w, step_id(i, "", id));
		write_location(&p->steps[i], w);
	}
	json_write_object_end(w);
	write_text(p, w);
	json_write_object_end(w);
	json_write_key(w, "layers");
	json_write_object(w);
	for (uint32_t i = 0; i < p->step_count; i++) {
		if (!p->steps[i].layer_count)
			continue;
		json_write_key_str(w, step_id(i, ":0", id));
		write_layers(&p->steps[i], w);
	}
	json_write_object_end(w);
}
