/* json_yaml.c - JSON → YAML: a walk that gives libyaml its events. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "codec/json_yaml.h"

#include <dlfcn.h>
#include <yaml.h>

typedef struct Libyaml {
	void *library;
	int (*emitter_initialize)(yaml_emitter_t *);
	void (*emitter_delete)(yaml_emitter_t *);
	void (*emitter_set_output)(yaml_emitter_t *, yaml_write_handler_t *, void *);
	void (*emitter_set_unicode)(yaml_emitter_t *, int);
	void (*emitter_set_width)(yaml_emitter_t *, int);
	int (*emitter_emit)(yaml_emitter_t *, yaml_event_t *);
	int (*stream_start)(yaml_event_t *, yaml_encoding_t);
	int (*stream_end)(yaml_event_t *);
	int (*document_start)(yaml_event_t *, yaml_version_directive_t *, yaml_tag_directive_t *,
	                      yaml_tag_directive_t *, int);
	int (*document_end)(yaml_event_t *, int);
	int (*scalar)(yaml_event_t *, const yaml_char_t *, const yaml_char_t *, const yaml_char_t *,
	              int, int, int, yaml_scalar_style_t);
	int (*sequence_start)(yaml_event_t *, const yaml_char_t *, const yaml_char_t *, int,
	                      yaml_sequence_style_t);
	int (*sequence_end)(yaml_event_t *);
	int (*mapping_start)(yaml_event_t *, const yaml_char_t *, const yaml_char_t *, int,
	                     yaml_mapping_style_t);
	int (*mapping_end)(yaml_event_t *);
} Libyaml;

typedef struct Emission {
	const Libyaml *lib;
	yaml_emitter_t emitter;
} Emission;

static const LibrarySource libyaml = {
	.names = { "libyaml-0.so.2" },
	.shown = "libyaml",
	.user = "YAML needs",
	.package = "libyaml-0-2",
};

static Err *load(Libyaml *ret)
{
	Libyaml l = { 0 };
	const LibrarySymbol wanted[] = {
		{ "yaml_emitter_initialize", (void **)&l.emitter_initialize },
		{ "yaml_emitter_delete", (void **)&l.emitter_delete },
		{ "yaml_emitter_set_output", (void **)&l.emitter_set_output },
		{ "yaml_emitter_set_unicode", (void **)&l.emitter_set_unicode },
		{ "yaml_emitter_set_width", (void **)&l.emitter_set_width },
		{ "yaml_emitter_emit", (void **)&l.emitter_emit },
		{ "yaml_stream_start_event_initialize", (void **)&l.stream_start },
		{ "yaml_stream_end_event_initialize", (void **)&l.stream_end },
		{ "yaml_document_start_event_initialize", (void **)&l.document_start },
		{ "yaml_document_end_event_initialize", (void **)&l.document_end },
		{ "yaml_scalar_event_initialize", (void **)&l.scalar },
		{ "yaml_sequence_start_event_initialize", (void **)&l.sequence_start },
		{ "yaml_sequence_end_event_initialize", (void **)&l.sequence_end },
		{ "yaml_mapping_start_event_initialize", (void **)&l.mapping_start },
		{ "yaml_mapping_end_event_initialize", (void **)&l.mapping_end },
	};
	TRY(library_open(&libyaml, wanted, ARRAY_LEN(wanted), &l.library));
	*ret = l;
	return NULL;
}

/* Made and emitted; libyaml frees it, also when it fails. */
static Err *emit(Emission *m, yaml_event_t *event, int made)
{
	if (!made)
		die_oom(0);
	if (m->lib->emitter_emit(&m->emitter, event))
		return NULL;
	return err_new(ERR_INPUT, "cannot write YAML: %s",
	               m->emitter.problem ? m->emitter.problem : "libyaml does not say why");
}

/* Would a reader, of YAML 1.1 too, take it for something else than a text? */
static bool needs_quotes(Str s)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no",
		                             "on",   "off",  "y",     "n",   "~" };
	static const char numeric[] = "0123456789+-.";
	bool number = s.len > 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (s.len == strlen(words[i]) && strncasecmp(s.ptr, words[i], s.len) == 0)
			return true;
	/* 1e3, 0x1f, 12:30, 2026-11-27, .inf: whatever begins as a number and has none of what
	 * names have */
	if (!number || !memchr(numeric, s.ptr[0], sizeof numeric - 1))
		return !number || s.ptr[0] == '<' || s.ptr[0] == '=';
	for (size_t i = 0; i < s.len && number; i++)
		number = memchr("0123456789+-._:eExXoabcdefABCDEFnNiITZ ", s.ptr[i], 39) != NULL;
	return number;
}

static Err *emit_scalar(Emission *m, Str text, bool is_text)
{
	yaml_event_t e;
	bool lines = str_find(text, '\n') >= 0;
	yaml_scalar_style_t style = !is_text             ? YAML_PLAIN_SCALAR_STYLE
	                            : lines              ? YAML_LITERAL_SCALAR_STYLE
	                            : needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
	                                                 : YAML_ANY_SCALAR_STYLE;
	return emit(m, &e,
	            m->lib->scalar(&e, NULL, NULL, (const yaml_char_t *)text.ptr, (int)text.len, 1,
	                           1, style));
}

typedef struct Member {
	Str key;
	const JsonValue *value;
} Member;

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const Member *)a)->key, ((const Member *)b)->key);
}

static Err *emit_value(Emission *m, const JsonValue *v);

static Err *emit_object(Emission *m, const JsonValue *v)
{
	yaml_event_t e;
	size_t count = 0;
	void *at = NULL;
	JsonValue *value;
	AUTO_FREE Member *members = xcalloc(json_member_count(v) + 1, sizeof *members);
	for (Str key; json_next_member(v, &at, &key, &value);)
		members[count++] = (Member){ key, value };
	qsort(members, count, sizeof *members, by_key);
	yaml_mapping_style_t style = count ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
	TRY(emit(m, &e, m->lib->mapping_start(&e, NULL, NULL, 1, style)));
	for (size_t i = 0; i < count; i++) {
		TRY(emit_scalar(m, members[i].key, true));
		TRY(emit_value(m, members[i].value));
	}
	return emit(m, &e, m->lib->mapping_end(&e));
}

static Err *emit_array(Emission *m, const JsonValue *v)
{
	yaml_event_t e;
	size_t count = json_length(v);
	yaml_sequence_style_t style = count ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
	TRY(emit(m, &e, m->lib->sequence_start(&e, NULL, NULL, 1, style)));
	for (size_t i = 0; i < count; i++)
		TRY(emit_value(m, json_at(v, i)));
	return emit(m, &e, m->lib->sequence_end(&e));
}

/* The reader let through JSON_DEPTH_MAX levels at most. */
static Err *emit_value(Emission *m, const JsonValue *v)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (json_value_is_object(v))
		return emit_object(m, v);
	if (json_value_is_array(v))
		return emit_array(m, v);
	if (json_value_is_string(v))
		return emit_scalar(m, json_value_string(v), true);
	json_dump(v, &text);
	return emit_scalar(m, buf_str(&text), false);
}

static Err *emit_document(Emission *m, const JsonValue *v)
{
	yaml_event_t e;
	TRY(emit(m, &e, m->lib->stream_start(&e, YAML_UTF8_ENCODING)));
	TRY(emit(m, &e, m->lib->document_start(&e, NULL, NULL, NULL, 1)));
	TRY(emit_value(m, v));
	TRY(emit(m, &e, m->lib->document_end(&e, 1)));
	return emit(m, &e, m->lib->stream_end(&e));
}

static int take_bytes(void *out, unsigned char *bytes, size_t len)
{
	buf_add(out, bytes, len);
	return 1;
}

Err *json_to_yaml(const JsonValue *v, Buf *out)
{
	Libyaml lib;
	TRY(load(&lib));
	Emission m = { .lib = &lib };
	Err *e = NULL;
	if (!lib.emitter_initialize(&m.emitter)) {
		e = err_new(ERR_SYSTEM, "libyaml cannot be initialised");
	} else {
		lib.emitter_set_output(&m.emitter, take_bytes, out);
		lib.emitter_set_unicode(&m.emitter, 1);
		lib.emitter_set_width(&m.emitter, -1);
		e = emit_document(&m, v);
		lib.emitter_delete(&m.emitter);
	}
	dlclose(lib.library);
	return e;
}
