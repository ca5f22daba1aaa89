/*
 * options.c - --attest type=provenance,mode=max; --provenance=false; --sbom=true.
 *
 * As buildx reads them: CSV; of several for one type the last counts, whole.  A key that we would
 * ignore is refused: somebody wrote it since it matters to them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/attest.h"
#include "base/csv.h"

#include <strings.h>

/* What one text says. */
typedef struct Said {
	Str type;
	bool disabled;
	AttestSpec spec;
} Said;

typedef Err *TakeFn(Str key, Str value, AttestSpec *spec);

typedef struct Key {
	const char *name;
	const char *type; /* that it is for; NULL: any */
	TakeFn *take;
} Key;

static Err *bad_value(Str key, Str value, const char *wanted)
{
	return err_new(ERR_INPUT, "'%.*s=%.*s': expected %s", STR_ARG(key), STR_ARG(value), wanted);
}

static Err *to_bool(Str key, Str value, bool *ret)
{
	return str_to_bool(value, ret) ? NULL : bad_value(key, value, "true or false");
}

static Err *take_mode(Str key, Str value, AttestSpec *spec)
{
	spec->max = str_eqc(value, "max") || str_eqc(value, "full");
	return spec->max || str_eqc(value, "min") ? NULL : bad_value(key, value, "min or max");
}

static Err *take_version(Str key, Str value, AttestSpec *spec)
{
	spec->v02 = str_eqc(value, "v0.2");
	return spec->v02 || str_eqc(value, "v1") ? NULL : bad_value(key, value, "v1 or v0.2");
}

static Err *take_form(Str key, Str value, AttestSpec *spec)
{
	spec->form = str_eqc(value, "index") ? ATTEST_INDEX : ATTEST_REFERRER;
	spec->form_set = true;
	return spec->form == ATTEST_INDEX || str_eqc(value, "referrer")
	               ? NULL
	               : bad_value(key, value, "referrer or index");
}

static Err *take_builder(Str key, Str value, AttestSpec *spec)
{
	(void)key;
	spec->builder_id = value;
	return NULL;
}

static Err *take_filename(Str key, Str value, AttestSpec *spec)
{
	spec->filename = value;
	if (value.len && str_find(value, '/') < 0 && !str_eqc(value, ".") && !str_eqc(value, ".."))
		return NULL;
	return bad_value(key, value, "the name of a file, without a directory");
}

static Err *take_reproducible(Str key, Str value, AttestSpec *spec)
{
	return to_bool(key, value, &spec->reproducible);
}

static Err *take_inline_only(Str key, Str value, AttestSpec *spec)
{
	return to_bool(key, value, &spec->inline_only);
}

static Err *take_complete(Str key, Str value, AttestSpec *spec)
{
	return to_bool(key, value, &spec->complete_materials);
}

static Err *refuse_generator(Str key, Str value, AttestSpec *spec)
{
	(void)key;
	(void)spec;
	return err_note(
		err_new(ERR_INPUT, "'generator=%.*s': no image is run to scan", STR_ARG(value)),
		"decant reads the package databases itself: leave 'generator=' out");
}

static Err *refuse_usage(Str key, Str value, AttestSpec *spec)
{
	bool on;
	(void)spec;
	TRY(to_bool(key, value, &on));
	return on ? err_new(ERR_INPUT, "'capture-usage' is not supported: nothing measures steps")
	          : NULL;
}

static const Key keys[] = {
	{ "form", NULL, take_form },
	{ "mode", "provenance", take_mode },
	{ "version", "provenance", take_version },
	{ "builder-id", "provenance", take_builder },
	{ "filename", "provenance", take_filename },
	{ "reproducible", "provenance", take_reproducible },
	{ "inline-only", "provenance", take_inline_only },
	{ "complete-materials", "provenance", take_complete },
	{ "capture-usage", "provenance", refuse_usage },
	{ "generator", "sbom", refuse_generator },
};

/* --- one text --------------------------------------------------------------------------------- */

static Err *take_key(Arena *a, Said *said, Str key, Str value)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_eqc(key, keys[i].name) &&
		    (!keys[i].type || str_eqc(said->type, keys[i].type)))
			return keys[i].take(key, arena_str(a, value), &said->spec);
	AUTO_BUF Buf known = BUF_INIT;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!keys[i].type || str_eqc(said->type, keys[i].type))
			buf_addf(&known, "%s%s", known.len ? ", " : "", keys[i].name);
	return err_note(err_new(ERR_INPUT, "unknown key '%.*s' of an attestation of type %.*s",
	                        STR_ARG(key), STR_ARG(said->type)),
	                "there are %s", buf_str(&known).ptr);
}

static bool is_key(Str key, const char *name)
{
	Str trimmed = str_trim(key);
	return trimmed.len == strlen(name) && strncasecmp(trimmed.ptr, name, trimmed.len) == 0;
}

/* Two passes: the type says which keys there are, and may stand last. */
static Err *read_fields(Arena *a, Str text, bool second, Said *said)
{
	bool more = true;
	while (more) {
		Str field, key;
		TRY(csv_cut(a, &text, &field, &more));
		if (str_find(field, '=') < 0)
			return err_new(ERR_INPUT, "invalid value '%.*s': expected KEY=VALUE",
			               STR_ARG(field));
		Str value = str_cut(field, '=', &key);
		if (is_key(key, "type"))
			said->type = arena_str(a, value);
		else if (is_key(key, "disabled"))
			TRY(to_bool(key, value, &said->disabled));
		else if (second)
			TRY(take_key(a, said, key, value));
	}
	return NULL;
}

static void put_provenance(const Said *said, AttestSpec *spec)
{
	AttestSpec kept = *spec;
	*spec = said->spec;
	spec->sbom = kept.sbom;
	spec->form = kept.form;
	spec->form_set = kept.form_set;
	spec->provenance = said->disabled ? ATTEST_NO : ATTEST_YES;
}

static Err *put(const Said *said, AttestSpec *spec)
{
	if (str_eqc(said->type, "provenance"))
		put_provenance(said, spec);
	else
		spec->sbom = said->disabled ? ATTEST_NO : ATTEST_YES;
	if (!said->spec.form_set)
		return NULL;
	if (spec->form_set && spec->form != said->spec.form)
		return err_note(err_new(ERR_INPUT, "attestations of one image have one form"),
		                "say form=index or form=referrer, not both");
	spec->form = said->spec.form;
	spec->form_set = true;
	return NULL;
}

Err *attest_parse(Arena *a, const char *kind, Str text, AttestSpec *spec)
{
	/* BuildKit's default where it was asked for without a mode. */
	Said said = { .type = str_from(kind ? kind : ""), .spec = { .max = true } };
	bool on;
	if (kind && !text.len)
		return NULL; /* buildx takes it for not given */
	if (kind && str_to_bool(text, &on)) {
		said.disabled = !on;
		return put(&said, spec);
	}
	TRY(read_fields(a, text, false, &said));
	if (!said.type.len)
		return err_note(err_new(ERR_INPUT, "attestation type not specified"),
		                "type=provenance or type=sbom");
	if (!str_eqc(said.type, "provenance") && !str_eqc(said.type, "sbom"))
		return err_note(
			err_new(ERR_INPUT, "unknown attestation type '%.*s'", STR_ARG(said.type)),
			"one of provenance, sbom");
	TRY(read_fields(a, text, true, &said));
	return put(&said, spec);
}
