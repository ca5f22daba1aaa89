/*
 * output.c - the text of -o: "dir", "-", or "type=oci,dest=x.tar,compression=zstd".
 *
 * As buildx reads it: fields are CSV (quotes as in RFC 4180), keys are lower-cased (but what comes
 * after "annotation." is the user's own).  BuildKit ignores keys that it does not know; here each
 * is done or refused: somebody wrote it since it matters to them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"
#include "base/vec.h"
#include "export/export-internal.h"

typedef VEC(Str) StrVec;
typedef VEC(ExportAnnotation) AnnotationVec;

typedef struct OutputText {
	Arena *arena;
	OutputSpec spec;
	bool push;
	Str compression, level, mode, name, compatibility;
	ExportSwitch oci_types, store;
	AnnotationVec annotations;
} OutputText;

/* --- the keys -------------------------------------------------------------------------------- */

enum {
	OF_IMAGE = 1,
	OF_OCI = 2,
	OF_DOCKER = 4,
	OF_LOCAL = 8,
	OF_TAR = 16,
	OF_CACHE = 32,
	OF_LAYOUTS = OF_OCI | OF_DOCKER,
	OF_IMAGES = OF_IMAGE | OF_LAYOUTS,
	OF_FILES = OF_LOCAL | OF_TAR,
	OF_ALL = OF_IMAGES | OF_FILES | OF_CACHE,
};

typedef enum KeyKind {
	KEY_TEXT,   /* a Str */
	KEY_BOOL,   /* a bool */
	KEY_SWITCH, /* an ExportSwitch */
	KEY_DONE,   /* true or false: here both come to the same */
	KEY_REFUSED,
} KeyKind;

typedef struct OutputKey {
	const char *name;
	unsigned types; /* of outputs, to which it belongs */
	KeyKind kind;
	size_t offset;       /* of the member of OutputText */
	const char *instead; /* refused: what to do */
} OutputKey;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define AT(member) .offset = offsetof(OutputText, member)

static const OutputKey key_table[] = {
	{ "type", OF_ALL, KEY_TEXT, AT(spec.type) },
	{ "dest", OF_LAYOUTS | OF_FILES, KEY_TEXT, AT(spec.dest) },
	{ "tar", OF_LAYOUTS, KEY_BOOL, AT(spec.tar) },
	{ "name", OF_IMAGES, KEY_TEXT, AT(name) },
	{ "push", OF_IMAGE, KEY_BOOL, AT(push) },
	{ "push-by-digest", OF_IMAGE, KEY_BOOL, AT(spec.push_by_digest) },
	{ "registry.insecure", OF_IMAGE, KEY_BOOL, AT(spec.insecure) },
	{ "compression", OF_IMAGES, KEY_TEXT, AT(compression) },
	{ "compression-level", OF_IMAGES, KEY_TEXT, AT(level) },
	{ "force-compression", OF_IMAGES, KEY_BOOL, AT(spec.force_compression) },
	{ "oci-mediatypes", OF_IMAGES, KEY_SWITCH, AT(oci_types) },
	{ "oci-artifact", OF_IMAGES, KEY_SWITCH, AT(spec.oci_artifact) },
	{ "compatibility-version", OF_IMAGES, KEY_TEXT, AT(compatibility) },
	{ "rewrite-timestamp", OF_IMAGES, KEY_SWITCH, AT(spec.rewrite_timestamp) },
	{ "mode", OF_LOCAL, KEY_TEXT, AT(mode) },
	{ "platform-split", OF_FILES, KEY_SWITCH, AT(spec.platform_split) },
	{ "attestation-prefix", OF_FILES, KEY_TEXT, AT(spec.attestation_prefix) },
	/* An image of the store is found as NAME@DIGEST, and a container of it starts at once. */
	{ "name-canonical", OF_IMAGE, KEY_DONE },
	{ "unpack", OF_IMAGE, KEY_DONE },
	{ "store", OF_IMAGE, KEY_SWITCH, AT(store) },
	{ "dangling-name-prefix", OF_IMAGE, KEY_REFUSED,
	  .instead = "an image without a name is kept under its ID; name it by -t" },
	{ "danging-name-empty-only", OF_IMAGE, KEY_REFUSED,
	  .instead = "an image without a name is kept under its ID; name it by -t" },
	{ "attestation-inline", OF_IMAGES, KEY_REFUSED,
	  .instead = "attestations are chosen by --attest, --provenance and --sbom" },
	{ "prefer-nondist-layers", OF_IMAGES, KEY_REFUSED,
	  .instead = "every layer goes out as one that may be distributed" },
	{ "source-date-epoch", OF_ALL, KEY_REFUSED,
	  .instead = "it holds for the whole build: --build-arg SOURCE_DATE_EPOCH=N" },
	{ "context", OF_DOCKER, KEY_REFUSED,
	  .instead = "there is no daemon to load into: the image is in the store of decant" },
};

static unsigned type_bit(Str type)
{
	static const struct {
		const char *type;
		unsigned bit;
	} bits[] = { { "image", OF_IMAGE },    { "registry", OF_IMAGE }, { "oci", OF_OCI },
		     { "docker", OF_DOCKER },  { "local", OF_LOCAL },    { "tar", OF_TAR },
		     { "cacheonly", OF_CACHE } };
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if (str_eqc(type, bits[i].type))
			return bits[i].bit;
	return 0;
}

static Err *unknown_type(Str type)
{
	AUTO_BUF Buf known = BUF_INIT;
	AUTO_VEC VEC(const char *) names = { 0 };
	for (size_t i = 0; i < export_table_len; i++) {
		buf_addf(&known, "%s%s", i ? ", " : "", export_table[i].type);
		VEC_PUSH(&names, export_table[i].type);
	}
	Err *err = err_new(ERR_INPUT, "unknown output type '%.*s'", STR_ARG(type));
	const char *near = str_nearest(type, names.at, names.len);
	if (near)
		err = err_note(err, "did you mean '%s'?", near);
	return err_note(err, "known: %s", known.ptr);
}

static Err *unknown_key(Str key)
{
	const char *names[ARRAY_LEN(key_table)];
	for (size_t i = 0; i < ARRAY_LEN(key_table); i++)
		names[i] = key_table[i].name;
	Err *err = err_new(ERR_INPUT, "unknown key '%.*s'", STR_ARG(key));
	const char *near = str_nearest(key, names, ARRAY_LEN(names));
	return near ? err_note(err, "did you mean '%s'?", near) : err;
}

/* As in BuildKit a key without a value is true. */
static Err *take_bool(Str key, Str value, bool *ret)
{
	*ret = true;
	if (value.len == 0 || str_to_bool(value, ret))
		return NULL;
	return err_new(ERR_INPUT, "'%.*s': expected true or false, not '%.*s'", STR_ARG(key),
	               STR_ARG(value));
}

static Err *take_key(OutputText *t, const OutputKey *key, Str value)
{
	char *member = (char *)t + key->offset;
	Str name = str_from(key->name);
	bool is = false;
	switch (key->kind) {
	case KEY_TEXT:
		*(Str *)member = arena_str(t->arena, value);
		return NULL;
	case KEY_BOOL:
		return take_bool(name, value, (bool *)member);
	case KEY_SWITCH:
		TRY(take_bool(name, value, &is));
		*(ExportSwitch *)member = is ? EXPORT_YES : EXPORT_NO;
		return NULL;
	case KEY_DONE:
		return take_bool(name, value, &is);
	case KEY_REFUSED:
		break;
	}
	return err_note(err_new(ERR_INPUT, "'%s' is not supported", key->name), "%s", key->instead);
}

/* Which of the keys, by their numbers in the table, were given. */
typedef struct KeysMet {
	bool at[ARRAY_LEN(key_table)];
	bool annotation;
} KeysMet;

static Str lower(Arena *a, Str text)
{
	AUTO_BUF Buf out = BUF_INIT;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		buf_add_char(&out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
	}
	return arena_str(a, buf_str(&out));
}

static Err *take_field(OutputText *t, Str field, KeysMet *met)
{
	Str key, value = str_cut(field, '=', &key);
	if (key.len == field.len)
		return err_new(ERR_INPUT, "'%.*s' is no key=value", STR_ARG(field));
	key = str_trim(key);
	Str small = lower(t->arena, key);
	if (annotation_is_key(small)) {
		ExportAnnotation note;
		TRY(annotation_parse_key(t->arena, key, value, &note));
		VEC_PUSH(&t->annotations, note);
		met->annotation = true;
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(key_table); i++)
		if (str_eqc(small, key_table[i].name)) {
			met->at[i] = true;
			return take_key(t, &key_table[i], value);
		}
	return unknown_key(small);
}

/* --- what it comes to ------------------------------------------------------------------------ */

/* "type=oci and type=docker" */
static void name_types(unsigned types, Buf *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = { { OF_IMAGE, "image" },
		      { OF_OCI, "oci" },
		      { OF_DOCKER, "docker" },
		      { OF_LOCAL, "local" },
		      { OF_TAR, "tar" } };
	size_t left = 0, put = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		left += (types & names[i].bit) != 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(types & names[i].bit))
			continue;
		left--;
		buf_addf(out, "%stype=%s",
		         put == 0    ? ""
		         : left == 0 ? " and "
		                     : ", ",
		         names[i].name);
		put++;
	}
}

static Err *check_keys(unsigned type, const KeysMet *met)
{
	for (size_t i = 0; i <= ARRAY_LEN(key_table); i++) {
		bool is_note = i == ARRAY_LEN(key_table);
		unsigned types = is_note ? OF_IMAGES : key_table[i].types;
		if (!(is_note ? met->annotation : met->at[i]) || (types & type))
			continue;
		AUTO_BUF Buf where = BUF_INIT;
		name_types(types, &where);
		return err_new(ERR_INPUT, "'%s' goes with %s alone",
		               is_note ? "annotation" : key_table[i].name, where.ptr);
	}
	return NULL;
}

static Err *set_compression(OutputText *t)
{
	if (t->level.len && !t->compression.len)
		t->compression = STR("gzip");
	if (!t->compression.len)
		return NULL;
	if (str_eqc(t->compression, "estargz"))
		return err_note(err_new(ERR_INPUT, "'compression=estargz' is not supported"),
		                "use gzip, which every runtime reads, or zstd");
	AUTO_BUF Buf text = BUF_INIT;
	buf_add_str(&text, t->compression);
	if (t->level.len)
		buf_addf(&text, ":%.*s", STR_ARG(t->level));
	t->spec.compression_set = true;
	return compressor_parse(buf_str(&text), &t->spec.compression);
}

static Err *set_types(OutputText *t)
{
	OutputSpec *spec = &t->spec;
	if (t->oci_types != EXPORT_USUAL)
		spec->media_types =
			t->oci_types == EXPORT_YES ? EXPORT_TYPES_OCI : EXPORT_TYPES_DOCKER;
	if (spec->media_types == EXPORT_TYPES_DOCKER && spec->oci_artifact == EXPORT_YES)
		return err_new(ERR_INPUT,
		               "'oci-artifact=true' conflicts with 'oci-mediatypes=false'");
	if (t->compatibility.len && !str_eqc(t->compatibility, "30"))
		return err_note(
			err_new(ERR_INPUT, "'compatibility-version=%.*s' is not supported",
		                STR_ARG(t->compatibility)),
			"digests of older BuildKits cannot be made again; for docker's media "
			"types use oci-mediatypes=false");
	return NULL;
}

static Err *set_names(OutputText *t)
{
	VEC(Str) names = { 0 };
	Err *err = NULL;
	Str rest = t->name;
	while (rest.len && !err) {
		Str one;
		Reference ref;
		rest = str_cut(rest, ',', &one);
		one = str_trim(one);
		err = reference_parse(t->arena, one, &ref);
		if (!err && ref.has_digest)
			err = err_new(ERR_INPUT, "'%.*s': a name with a digest cannot be given",
			              STR_ARG(one));
		if (err)
			break;
		if (str_find(str_from_at(one, (size_t)(str_rfind(one, '/') + 1)), ':') >= 0)
			t->spec.tagged_name = true;
		VEC_PUSH(&names, reference_full(t->arena, &ref));
	}
	if (!err) {
		Str *kept = arena_alloc(t->arena, (names.len + 1) * sizeof *kept, _Alignof(Str));
		for (size_t i = 0; i < names.len; i++)
			kept[i] = names.at[i];
		t->spec.names = kept;
		t->spec.name_count = names.len;
	}
	VEC_DONE(&names);
	return err_while(err, "reading 'name'");
}

static Err *set_mode(OutputText *t)
{
	if (!t->mode.len || str_eqc(t->mode, "copy"))
		return NULL;
	if (!str_eqc(t->mode, "delete"))
		return err_new(ERR_INPUT, "'mode': expected copy or delete, not '%.*s'",
		               STR_ARG(t->mode));
	t->spec.remove_others = true;
	return NULL;
}

static void set_annotations(OutputText *t)
{
	size_t count = t->annotations.len;
	ExportAnnotation *kept =
		arena_alloc(t->arena, (count + 1) * sizeof *kept, _Alignof(ExportAnnotation));
	for (size_t i = 0; i < count; i++)
		kept[i] = t->annotations.at[i];
	t->spec.annotations = kept;
	t->spec.annotation_count = count;
}

static Err *set_dest(OutputSpec *spec)
{
	const Exporter *exporter = export_find(spec->type);
	if (!spec->dest.len && exporter->dest_default)
		spec->dest = str_from(exporter->dest_default);
	bool directory = export_is_directory(spec);
	if (directory && str_eqc(spec->dest, "-"))
		return err_new(ERR_INPUT, "a directory cannot go to standard output");
	if (directory && !spec->dest.len)
		return err_new(ERR_INPUT, "'dest' is missing: the directory to write to");
	return NULL;
}

static Err *settle(OutputText *t, const KeysMet *met)
{
	OutputSpec *spec = &t->spec;
	if (!spec->type.len)
		return err_new(ERR_INPUT, "'type' is missing");
	if (!export_find(spec->type))
		return unknown_type(spec->type);
	TRY(check_keys(type_bit(spec->type), met));
	if (t->push)
		spec->type = STR("registry");
	else if (str_eqc(spec->type, "docker") && !spec->dest.len && spec->tar)
		spec->type = STR("image"); /* "load it": it is in the store already */
	if (t->store == EXPORT_NO)
		return err_note(err_new(ERR_INPUT, "'store=false' is not supported"),
		                "what is built is in the store; 'decant rmi' takes its name away");
	TRY(set_dest(spec));
	TRY(set_types(t));
	TRY(set_names(t));
	TRY(set_mode(t));
	set_annotations(t);
	return set_compression(t);
}

static Err *read_fields(OutputText *t, Str text)
{
	KeysMet met = { 0 };
	bool more = true, first = true;
	while (more) {
		Str field;
		TRY(csv_cut(t->arena, &text, &field, &more));
		if (first && !more && field.len && str_find(field, '=') < 0) {
			t->spec.dest = arena_str(t->arena, field);
			t->spec.type = str_eqc(field, "-") ? STR("tar") : STR("local");
			break;
		}
		TRY(take_field(t, field, &met));
		first = false;
	}
	return settle(t, &met);
}

Err *export_parse_output(Arena *a, Str text, OutputSpec *ret)
{
	OutputText t = { .arena = a,
		         .spec = { .type = STR(""),
		                   .dest = STR(""),
		                   .attestation_prefix = STR(""),
		                   .tar = true },
		         .compression = STR(""),
		         .level = STR(""),
		         .mode = STR(""),
		         .name = STR(""),
		         .compatibility = STR("") };
	Err *err = read_fields(&t, text);
	VEC_DONE(&t.annotations);
	if (!err)
		*ret = t.spec;
	return err;
}

bool export_is_image(const OutputSpec *out)
{
	return (type_bit(out->type) & OF_IMAGES) != 0;
}

bool export_is_directory(const OutputSpec *out)
{
	unsigned type = type_bit(out->type);
	return type == OF_LOCAL || ((type & OF_LAYOUTS) && !out->tar);
}

Str export_output_text(Arena *a, const OutputSpec *out)
{
	if (!out->dest.len)
		return arena_strf(a, "type=%.*s", STR_ARG(out->type));
	return arena_strf(a, "type=%.*s,dest=%.*s", STR_ARG(out->type), STR_ARG(out->dest));
}
