/*
 * read_python.c - what pip installed, and Python's lock files; Cargo.lock, which looks like one.
 *
 * SOURCE   packaging.python.org: core metadata, requirements files; pipenv's and poetry's lock
 *          files; the Cargo book.  Of TOML only "[[package]]" and its plain keys are read.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

static void add_python(Sbom *s, const SbomFile *f, Str name, Str version, Str license)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (!name.len || !version.len)
		return;
	sbom_add(s, f,
	         &(SbomPackage){
			 .type = "pypi",
			 .name = name,
			 .version = version,
			 .license = license,
			 .purl = purl_make(&a, "pypi", STR(""), name, version, NULL, 0),
		 });
}

Err *sbom_read_python_metadata(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str name = STR(""), version = STR(""), license = STR("");
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str key, line = sbom_cut_line(&rest);
		if (!line.len)
			break; /* the description follows */
		Str value = str_trim(str_cut(line, ':', &key));
		if (str_eqc(key, "Name"))
			name = value;
		else if (str_eqc(key, "Version"))
			version = value;
		else if (str_eqc(key, "License-Expression") ||
		         (str_eqc(key, "License") && !license.len && !str_eqc(value, "UNKNOWN")))
			license = value;
	}
	add_python(s, f, name, version, license);
	return NULL;
}

/* "name[extra]==1.2.3 ; marker # comment": only what is pinned. */
static void add_requirement(Sbom *s, const SbomFile *f, Str line)
{
	static const char stops[] = " \t;#\\,";
	const char *pin = line.len ? memmem(line.ptr, line.len, "==", 2) : NULL;
	if (!pin || line.ptr[0] == '#' || line.ptr[0] == '-')
		return;
	Str name, version = str_from_at(line, (size_t)(pin - line.ptr) + 2);
	(void)str_cut(str_head(line, (size_t)(pin - line.ptr)), '[', &name);
	version = str_trim(str_starts(version, STR("=")) ? str_from_at(version, 1) : version);
	for (size_t i = 0; i < version.len; i++)
		if (strchr(stops, version.ptr[i]))
			version.len = i;
	if (str_find(version, '*') < 0)
		add_python(s, f, str_trim(name), version, STR(""));
}

Err *sbom_read_requirements(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len)
		add_requirement(s, f, str_trim(sbom_cut_line(&rest)));
	return NULL;
}

Err *sbom_read_pipfile_lock(Sbom *s, const SbomFile *f)
{
	static const char *const groups[] = { "default", "develop" };
	JsonValue *v;
	TRY(sbom_file_json(f, &v));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const JsonValue *group = json_value_is_object(v) ? json_member(v, groups[i]) : NULL;
		void *at = NULL;
		Str name;
		JsonValue *value;
		while (json_value_is_object(group) && json_next_member(group, &at, &name, &value)) {
			Str version = !json_value_is_object(value)
			                      ? STR("")
			                      : json_value_string(json_member(value, "version"));
			if (str_starts(version, STR("==")))
				add_python(s, f, name, str_from_at(version, 2), STR(""));
		}
	}
	json_free(v);
	return NULL;
}

/* --- [[package]] ------------------------------------------------------------------------------ */

typedef struct TomlPackage {
	Str name, version, checksum, source;
} TomlPackage;

typedef void TomlFn(Sbom *s, const SbomFile *f, const TomlPackage *p);

static Err *each_package(Sbom *s, const SbomFile *f, TomlFn *fn)
{
	AUTO_BUF Buf text = BUF_INIT;
	TomlPackage p = { 0 };
	bool inside = false;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str key, line = str_trim(sbom_cut_line(&rest));
		if (line.len && line.ptr[0] == '[') {
			if (p.name.len)
				fn(s, f, &p);
			p = (TomlPackage){ 0 };
			inside = str_eqc(line, "[[package]]");
			continue;
		}
		Str value = sbom_unquote(str_cut(line, '=', &key));
		key = str_trim(key);
		if (!inside)
			continue;
		if (str_eqc(key, "name"))
			p.name = value;
		else if (str_eqc(key, "version"))
			p.version = value;
		else if (str_eqc(key, "checksum"))
			p.checksum = value;
		else if (str_eqc(key, "source"))
			p.source = value;
	}
	if (p.name.len)
		fn(s, f, &p);
	return NULL;
}

static void add_poetry(Sbom *s, const SbomFile *f, const TomlPackage *p)
{
	add_python(s, f, p->name, p->version, STR(""));
}

Err *sbom_read_poetry_lock(Sbom *s, const SbomFile *f)
{
	return each_package(s, f, add_poetry);
}

static void add_cargo(Sbom *s, const SbomFile *f, const TomlPackage *p)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Digest checked;
	Err *e = digest_parse_hex(p->checksum, &checked);
	bool sound = !e;
	err_free(e); /* it has none, or one of another kind */
	if (!p->version.len || !p->source.len)
		return; /* without a source: the project itself */
	sbom_add(s, f,
	         &(SbomPackage){
			 .type = "cargo",
			 .name = p->name,
			 .version = p->version,
			 .checksum_alg = sound ? "SHA256" : NULL,
			 .checksum = sound ? p->checksum : STR(""),
			 .purl = purl_make(&a, "cargo", STR(""), p->name, p->version, NULL, 0),
		 });
}

Err *sbom_read_cargo_lock(Sbom *s, const SbomFile *f)
{
	return each_package(s, f, add_cargo);
}
