/*
 * output.c - the text of -o: "dir", "-", or "type=oci,dest=x.tar,compression=zstd".
 *
 * As buildx reads it: fields are CSV (quotes as in RFC 4180), keys are lower-cased.  A key that we
 * would ignore is refused: somebody wrote it since it matters to them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"
#include "base/vec.h"
#include "export/export-internal.h"

typedef VEC(Str) StrVec;

typedef struct OutputText {
	OutputSpec spec;
	bool tar_set, push;
	Str compression, level;
} OutputText;

static Err *cut_fields(Arena *a, Str text, StrVec *ret)
{
	bool more = true;
	while (more) {
		Str field;
		TRY(csv_cut(a, &text, &field, &more));
		VEC_PUSH(ret, field);
	}
	return NULL;
}

/* --- keys ------------------------------------------------------------------------------------ */

static Err *take_bool(Str key, Str value, bool *ret)
{
	return str_to_bool(value, ret)
	               ? NULL
	               : err_new(ERR_INPUT, "'%.*s': expected true or false, not '%.*s'",
	                         STR_ARG(key), STR_ARG(value));
}

/* A key whose one useful value is what we do anyway. */
static Err *need_bool(Str key, Str value, bool wanted)
{
	bool is;
	TRY(take_bool(key, value, &is));
	return is == wanted ? NULL
	                    : err_new(ERR_INPUT, "'%.*s=%.*s' is not supported", STR_ARG(key),
	                              STR_ARG(value));
}

static Err *take_key(Arena *a, OutputText *t, Str key, Str value)
{
	bool ignored;
	if (str_eqc(key, "type"))
		t->spec.type = arena_str(a, value);
	else if (str_eqc(key, "dest"))
		t->spec.dest = arena_str(a, value);
	else if (str_eqc(key, "compression"))
		t->compression = value;
	else if (str_eqc(key, "compression-level"))
		t->level = value;
	else if (str_eqc(key, "tar")) {
		t->tar_set = true;
		return take_bool(key, value, &t->spec.tar);
	} else if (str_eqc(key, "push"))
		return take_bool(key, value, &t->push);
	else if (str_eqc(key, "force-compression"))
		return take_bool(key, value,
		                 &ignored); /* "compression" always holds for all layers */
	else if (str_eqc(key, "oci-mediatypes") || str_eqc(key, "rewrite-timestamp"))
		return need_bool(key, value, true); /* SOURCE_DATE_EPOCH implies the second */
	else if (str_eqc(key, "name"))
		return err_note(err_new(ERR_INPUT, "'name' is not supported"),
		                "name the image by -t");
	else
		return err_new(ERR_INPUT, "unknown key '%.*s'", STR_ARG(key));
	return NULL;
}

static Err *take_field(Arena *a, OutputText *t, Str field)
{
	Str key, value = str_cut(field, '=', &key);
	if (key.len == field.len)
		return err_new(ERR_INPUT, "'%.*s' is no key=value", STR_ARG(field));
	AUTO_BUF Buf lower = BUF_INIT;
	Str trimmed = str_trim(key);
	for (size_t i = 0; i < trimmed.len; i++) {
		char c = trimmed.ptr[i];
		buf_add_char(&lower, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
	return take_key(a, t, buf_str(&lower), value);
}

/* --- what it comes to ------------------------------------------------------------------------ */

static Err *set_compression(OutputText *t)
{
	if (t->level.len && !t->compression.len)
		t->compression = STR("gzip");
	if (!t->compression.len)
		return NULL;
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, t->compression);
	if (t->level.len)
		buf_addf(&text, ":%.*s", STR_ARG(t->level));
	t->spec.compression_set = true;
	return compressor_parse(buf_str(&text), &t->spec.compression);
}

static Err *unknown_type(Str type)
{
	AUTO_BUF Buf known = BUF_INIT;
	for (size_t i = 0; i < export_table_len; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", export_table[i].type);
	return err_note(err_new(ERR_INPUT, "unknown output type '%.*s'", STR_ARG(type)),
	                "known: %s", known.ptr);
}

static Err *settle(OutputText *t)
{
	OutputSpec *spec = &t->spec;
	if (!spec->type.len)
		return err_new(ERR_INPUT, "'type' is missing");
	if (t->push && (str_eqc(spec->type, "image") || str_eqc(spec->type, "registry")))
		spec->type = STR("registry");
	else if (t->push)
		return err_new(ERR_INPUT, "'push' goes with type=image alone");
	const Exporter *exporter = export_find(spec->type);
	if (!exporter)
		return unknown_type(spec->type);
	bool layout = exporter->run == export_oci || exporter->run == export_docker;
	if (t->tar_set && !layout)
		return err_new(ERR_INPUT, "'tar' goes with type=oci and type=docker alone");
	if (!spec->dest.len && exporter->dest_default)
		spec->dest = str_from(exporter->dest_default);
	if (!spec->dest.len && exporter->needs_dest)
		return err_new(ERR_INPUT, "'dest' is missing: the directory to write to");
	bool directory = exporter->run == export_local || (layout && !spec->tar);
	if (directory && str_eqc(spec->dest, "-"))
		return err_new(ERR_INPUT, "a directory cannot go to standard output");
	if (directory && !spec->dest.len)
		return err_new(ERR_INPUT, "'dest' is missing: the directory to write to");
	return set_compression(t);
}

static Err *parse(Arena *a, Str text, StrVec *fields, OutputSpec *ret)
{
	OutputText t = { .spec = { .type = STR(""), .dest = STR(""), .tar = true },
		         .compression = STR(""),
		         .level = STR("") };
	TRY(cut_fields(a, text, fields));
	if (fields->len == 1 && fields->at[0].len > 0 && str_find(fields->at[0], '=') < 0) {
		t.spec.dest = arena_str(a, fields->at[0]);
		t.spec.type = str_eqc(t.spec.dest, "-") ? STR("tar") : STR("local");
	} else {
		for (size_t i = 0; i < fields->len; i++)
			TRY(take_field(a, &t, fields->at[i]));
	}
	TRY(settle(&t));
	*ret = t.spec;
	return NULL;
}

Err *export_parse_output(Arena *a, Str text, OutputSpec *ret)
{
	AUTO_VEC StrVec fields = { 0 };
	return parse(a, text, &fields, ret);
}
