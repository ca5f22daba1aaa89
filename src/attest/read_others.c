/*
 * read_others.c - gems and composer's packages.
 *
 * SOURCE   bundler's Gemfile.lock; RubyGems' specifications/NAME-VERSION.gemspec (the name alone is
 *          read: the file is a program); getcomposer.org: composer.lock, installed.json
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

static void add_gem(Sbom *s, const SbomFile *f, Str name, Str version)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (!name.len || !version.len)
		return;
	sbom_add(s, f,
	         &(SbomPackage){
			 .type = "gem",
			 .name = name,
			 .version = version,
			 .purl = purl_make(&a, "gem", STR(""), name, version, NULL, 0),
		 });
}

/* Below "  specs:" each gem has four blanks, what it needs six. */
Err *sbom_read_gem_lock(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	bool inside = false;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str line = sbom_cut_line(&rest), name, version;
		if (line.len && line.ptr[0] != ' ') {
			inside = str_eqc(line, "GEM") || str_eqc(line, "GIT");
			continue;
		}
		if (!inside || !str_starts(line, STR("    ")) || str_starts(line, STR("     ")))
			continue;
		(void)str_cut(str_cut(str_trim(line), ' ', &name), ')', &version);
		if (str_starts(version, STR("(")))
			add_gem(s, f, name, str_from_at(version, 1));
	}
	return NULL;
}

/* "nokogiri-1.15.0-x86_64-linux.gemspec": the version begins at the first "-DIGIT". */
Err *sbom_read_gemspec(Sbom *s, const SbomFile *f)
{
	Str name = entry_name(f->path), version;
	name = str_head(name, name.len - (sizeof ".gemspec" - 1));
	for (size_t i = 1; i + 1 < name.len; i++) {
		if (name.ptr[i] != '-' || name.ptr[i + 1] < '0' || name.ptr[i + 1] > '9')
			continue;
		(void)str_cut(str_from_at(name, i + 1), '-', &version);
		add_gem(s, f, str_head(name, i), version);
		return NULL;
	}
	return NULL;
}

/* --- composer --------------------------------------------------------------------------------- */

static void add_composer(Sbom *s, const SbomFile *f, const JsonValue *package)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	if (!json_value_is_object(package))
		return;
	Str full = json_value_string(json_member(package, "name")), vendor;
	Str version = json_value_string(json_member(package, "version"));
	Str name = str_cut(full, '/', &vendor);
	const JsonValue *licenses = json_member(package, "license");
	if (!name.len || !version.len)
		return;
	sbom_add(s, f,
	         &(SbomPackage){
			 .type = "composer",
			 .name = full,
			 .version = version,
			 .license = json_value_is_array(licenses) && json_length(licenses) == 1
	                                    ? json_value_string(json_at(licenses, 0))
	                                    : STR(""),
			 .purl = purl_make(&a, "composer", vendor, name, version, NULL, 0),
		 });
}

static void add_composers(Sbom *s, const SbomFile *f, const JsonValue *list)
{
	for (size_t i = 0; json_value_is_array(list) && i < json_length(list); i++)
		add_composer(s, f, json_at(list, i));
}

Err *sbom_read_composer(Sbom *s, const SbomFile *f)
{
	JsonValue *v;
	TRY(sbom_file_json(f, &v));
	if (json_value_is_object(v)) {
		add_composers(s, f, json_member(v, "packages"));
		add_composers(s, f, json_member(v, "packages-dev"));
	} else {
		add_composers(s, f, v); /* installed.json of composer 1 */
	}
	json_free(v);
	return NULL;
}
