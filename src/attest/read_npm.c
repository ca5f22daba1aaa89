/*
 * read_npm.c - packages of npm, yarn and pnpm.
 *
 * SOURCE   docs.npmjs.com: package-lock.json (versions 1 to 3), package.json; yarn's lock files of
 *          v1 and berry; pnpm's spec of lockfile v5 to v9.  The lock files of yarn and pnpm are read
 *          by their lines: what is wanted stands at fixed depths.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

static void add(Sbom *s, const SbomFile *f, Str full, Str version, Str license)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	ptrdiff_t slash = str_find(full, '/');
	bool scoped = full.len && full.ptr[0] == '@' && slash > 0;
	Str space = scoped ? str_head(full, (size_t)slash) : STR("");
	Str name = scoped ? str_from_at(full, (size_t)slash + 1) : full;
	if (!name.len || !version.len)
		return;
	sbom_add(s, f,
	         &(SbomPackage){
			 .type = "npm",
			 .name = full,
			 .version = version,
			 .license = license,
			 .purl = purl_make(&a, "npm", space, name, version, NULL, 0),
		 });
}

/* "license" is a text, or (long ago) an object with a "type". */
static Str license_of(const JsonValue *package)
{
	const JsonValue *license = json_member(package, "license");
	if (json_value_is_object(license))
		license = json_member(license, "type");
	return json_value_string(license);
}

/* Version 1: { "name": { "version": ..., "dependencies": { ... } } } */
static void add_dependencies(Sbom *s, const SbomFile *f, const JsonValue *list, unsigned depth)
{
	void *at = NULL;
	Str name;
	JsonValue *value;
	while (depth < JSON_DEPTH_MAX && json_next_member(list, &at, &name, &value)) {
		if (!json_value_is_object(value))
			continue;
		add(s, f, name, json_value_string(json_member(value, "version")), STR(""));
		JsonValue *more = json_member(value, "dependencies");
		if (json_value_is_object(more))
			add_dependencies(s, f, more, depth + 1);
	}
}

/* Versions 2 and 3: { "node_modules/a/node_modules/@b/c": { "version": ... } } */
static void add_packages(Sbom *s, const SbomFile *f, const JsonValue *list)
{
	static const char folder[] = "node_modules/";
	void *at = NULL;
	Str path;
	JsonValue *value;
	while (json_next_member(list, &at, &path, &value)) {
		Str name = path;
		const char *found;
		if (!json_value_is_object(value) || json_bool(json_member(value, "link")))
			continue;
		while ((found = memmem(name.ptr, name.len, folder, sizeof folder - 1)))
			name = str_from_at(name, (size_t)(found - name.ptr) + sizeof folder - 1);
		if (name.len == path.len)
			continue; /* the project itself, or a workspace of it */
		Str alias = json_value_string(json_member(value, "name"));
		add(s, f, alias.len ? alias : name,
		    json_value_string(json_member(value, "version")), license_of(value));
	}
}

static Err *parse(const SbomFile *f, JsonValue **ret)
{
	TRY(sbom_file_json(f, ret));
	if (json_value_is_object(*ret))
		return NULL;
	json_free(*ret);
	return err_new(ERR_CORRUPT, "it is no JSON object");
}

Err *sbom_read_npm_lock(Sbom *s, const SbomFile *f)
{
	JsonValue *v;
	TRY(parse(f, &v));
	const JsonValue *packages = json_member(v, "packages");
	const JsonValue *dependencies = json_member(v, "dependencies");
	if (json_value_is_object(packages))
		add_packages(s, f, packages);
	else if (json_value_is_object(dependencies))
		add_dependencies(s, f, dependencies, 0);
	json_free(v);
	return NULL;
}

Err *sbom_read_npm_package(Sbom *s, const SbomFile *f)
{
	JsonValue *v;
	TRY(parse(f, &v));
	add(s, f, json_value_string(json_member(v, "name")),
	    json_value_string(json_member(v, "version")), license_of(v));
	json_free(v);
	return NULL;
}

/* --- yarn ------------------------------------------------------------------------------------- */

/* `"@a/b@^1, @a/b@npm:^2":` → "@a/b" */
static Str yarn_name(Str head)
{
	Str first;
	(void)str_cut(sbom_unquote(head), ',', &first);
	for (size_t i = 1; i < first.len; i++)
		if (first.ptr[i] == '@')
			return str_head(first, i);
	return STR("");
}

Err *sbom_read_yarn_lock(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	Str name = STR("");
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str line = sbom_cut_line(&rest), value;
		if (!line.len || line.ptr[0] == '#')
			continue;
		if (line.ptr[0] != ' ') {
			name = yarn_name(line);
			continue;
		}
		if (!str_starts(line, STR("  version")))
			continue;
		value = str_from_at(line, sizeof "  version" - 1);
		if (!value.len || (value.ptr[0] != ' ' && value.ptr[0] != ':'))
			continue;
		value = sbom_unquote(str_from_at(value, 1));
		if (!str_ends(value, STR("-use.local"))) /* the project itself */
			add(s, f, name, value, STR(""));
	}
	return NULL;
}

/* --- pnpm ------------------------------------------------------------------------------------- */

static bool is_digit(Str text)
{
	return text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9';
}

/* "/a/1.0.0_b", "/@a/b@1.0.0(c)", "@a/b@1.0.0": a name, '@' or '/', a version, peers. */
static void add_pnpm(Sbom *s, const SbomFile *f, Str key)
{
	key = sbom_unquote(key);
	if (str_starts(key, STR("/")))
		key = str_from_at(key, 1);
	(void)str_cut(key, '(', &key);
	Str version;
	ptrdiff_t at = str_rfind(key, '/');
	if (at < 0 || !is_digit(str_from_at(key, (size_t)at + 1)))
		at = str_rfind(key, '@');
	if (at <= 0)
		return;
	(void)str_cut(str_from_at(key, (size_t)at + 1), '_', &version);
	if (is_digit(version))
		add(s, f, str_head(key, (size_t)at), version, STR(""));
}

Err *sbom_read_pnpm_lock(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	bool inside = false;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str line = sbom_cut_line(&rest);
		if (line.len && line.ptr[0] != ' ')
			inside = str_eqc(line, "packages:");
		else if (inside && line.len > 3 && line.ptr[2] != ' ' && str_ends(line, STR(":")))
			add_pnpm(s, f, str_head(str_from_at(line, 2), line.len - 3));
	}
	return NULL;
}
