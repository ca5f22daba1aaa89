/* yaml_json.c - YAML → JSON text: libyaml's events, each written as it comes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/library.h"
#include "base/limits.h"
#include "codec/json.h"
#include "codec/yaml_json.h"

#include <dlfcn.h>
#include <yaml.h>

typedef struct Libyaml {
	void *library;
	int (*parser_initialize)(yaml_parser_t *);
	void (*parser_delete)(yaml_parser_t *);
	void (*parser_set_input_string)(yaml_parser_t *, const unsigned char *, size_t);
	int (*parser_parse)(yaml_parser_t *, yaml_event_t *);
	void (*event_delete)(yaml_event_t *);
} Libyaml;

typedef struct Level {
	bool mapping, at_key;
} Level;

typedef struct Conversion {
	const Libyaml *lib;
	yaml_parser_t parser;
	const char *name;
	JsonWriter out;
	Level levels[JSON_DEPTH_MAX];
	unsigned depth, documents;
} Conversion;

static const LibrarySource libyaml = {
	.names = { "libyaml-0.so.2" },
	.shown = "libyaml",
	.user = "YAML files need",
	.package = "libyaml-0-2",
};

static Err *load(Libyaml *ret)
{
	Libyaml l = { 0 };
	const LibrarySymbol wanted[] = {
		{ "yaml_parser_initialize", (void **)&l.parser_initialize },
		{ "yaml_parser_delete", (void **)&l.parser_delete },
		{ "yaml_parser_set_input_string", (void **)&l.parser_set_input_string },
		{ "yaml_parser_parse", (void **)&l.parser_parse },
		{ "yaml_event_delete", (void **)&l.event_delete },
	};
	TRY(library_open(&libyaml, wanted, ARRAY_LEN(wanted), &l.library));
	*ret = l;
	return NULL;
}

/* --- one event -------------------------------------------------------------------------------- */

static Err *at_mark(const Conversion *c, const yaml_mark_t *mark, const char *what)
{
	return err_new(ERR_INPUT, "%s:%zu:%zu: %s", c->name, mark->line + 1, mark->column + 1,
	               what);
}

/* Of 1.2's core schema; octal and hexadecimal are none of CDI's and stay text. */
static bool is_integer(Str text)
{
	size_t at = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
	size_t digits = text.len - at;
	if (digits == 0 || digits > 18 || (text.ptr[at] == '0' && digits > 1))
		return false;
	for (; at < text.len; at++)
		if (text.ptr[at] < '0' || text.ptr[at] > '9')
			return false;
	return true;
}

static bool is_among(Str text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eqc(text, words[i]))
			return true;
	return false;
}

static void write_plain(JsonWriter *w, Str text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	static const char *const yes[] = { "true", "True", "TRUE" };
	static const char *const no[] = { "false", "False", "FALSE" };
	if (is_among(text, nulls, ARRAY_LEN(nulls)))
		json_write_null(w);
	else if (is_among(text, yes, ARRAY_LEN(yes)) || is_among(text, no, ARRAY_LEN(no)))
		json_write_bool(w, text.ptr[0] == 't' || text.ptr[0] == 'T');
	else if (is_integer(text))
		json_write_raw(w, text.ptr[0] == '+' ? str_from_at(text, 1) : text);
	else
		json_write_str(w, text);
}

/* A value follows a key, and a key a value. */
static void next_place(Conversion *c)
{
	if (c->depth && c->levels[c->depth - 1].mapping)
		c->levels[c->depth - 1].at_key = !c->levels[c->depth - 1].at_key;
}

static bool is_at_key(const Conversion *c)
{
	return c->depth && c->levels[c->depth - 1].mapping && c->levels[c->depth - 1].at_key;
}

static Err *write_scalar(Conversion *c, const yaml_event_t *e)
{
	Str text = { (const char *)e->data.scalar.value, e->data.scalar.length };
	if (memchr(text.ptr, '\0', text.len))
		return at_mark(c, &e->start_mark, "a NUL byte in a text");
	if (is_at_key(c))
		json_write_key_str(&c->out, text);
	else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag)
		write_plain(&c->out, text);
	else
		json_write_str(&c->out, text);
	next_place(c);
	return NULL;
}

static Err *begin(Conversion *c, const yaml_event_t *e, bool mapping)
{
	if (is_at_key(c))
		return at_mark(c, &e->start_mark, "a key that is no text");
	if (c->depth == JSON_DEPTH_MAX)
		return at_mark(c, &e->start_mark, "nested too deeply");
	c->levels[c->depth++] = (Level){ .mapping = mapping, .at_key = mapping };
	if (mapping)
		json_write_object(&c->out);
	else
		json_write_array(&c->out);
	return NULL;
}

static void end(Conversion *c)
{
	c->depth--;
	if (c->levels[c->depth].mapping)
		json_write_object_end(&c->out);
	else
		json_write_array_end(&c->out);
	next_place(c);
}

static Err *take_event(Conversion *c, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return c->documents++ ? at_mark(c, &e->start_mark, "a second document") : NULL;
	case YAML_ALIAS_EVENT:
		return at_mark(c, &e->start_mark, "aliases are not read");
	case YAML_SCALAR_EVENT:
		return write_scalar(c, e);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return begin(c, e, e->type == YAML_MAPPING_START_EVENT);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		end(c);
		return NULL;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		break;
	}
	return NULL;
}

/* --- all -------------------------------------------------------------------------------------- */

static Err *convert(Conversion *c)
{
	bool ended = false;
	while (!ended) {
		yaml_event_t event;
		if (!c->lib->parser_parse(&c->parser, &event))
			return at_mark(c, &c->parser.problem_mark,
			               c->parser.problem ? c->parser.problem : "no YAML");
		Err *e = take_event(c, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		c->lib->event_delete(&event);
		TRY(e);
	}
	return c->documents ? NULL : err_new(ERR_INPUT, "%s: it is empty", c->name);
}

Err *yaml_to_json(Str text, size_t limit, const char *name, Buf *out)
{
	Libyaml lib;
	if (text.len > limit)
		return err_new(ERR_INPUT, "%s: it is larger than %zu bytes", name, limit);
	TRY(load(&lib));
	Conversion c = { .lib = &lib, .name = name, .out = { .out = out } };
	Err *e = NULL;
	if (!lib.parser_initialize(&c.parser)) {
		e = err_new(ERR_SYSTEM, "libyaml cannot be initialised");
	} else {
		lib.parser_set_input_string(&c.parser, (const unsigned char *)text.ptr, text.len);
		e = convert(&c);
		lib.parser_delete(&c.parser);
	}
	dlclose(lib.library);
	return e;
}
