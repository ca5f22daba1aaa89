/* readers.c - THE table: which file is for which reader. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"

const SbomReader sbom_readers[] = {
	{ SBOM_PATH, "var/lib/dpkg/status", NULL, sbom_read_dpkg, false },
	{ SBOM_BELOW, "var/lib/dpkg/status.d", NULL, sbom_read_dpkg, false },
	{ SBOM_PATH, "lib/apk/db/installed", NULL, sbom_read_apk, false },
	{ SBOM_PATH, "usr/lib/apk/db/installed", NULL, sbom_read_apk, false },
	{ SBOM_PATH, "var/lib/rpm/rpmdb.sqlite", NULL, sbom_read_rpm, false },
	{ SBOM_PATH, "usr/lib/sysimage/rpm/rpmdb.sqlite", NULL, sbom_read_rpm, false },
	{ SBOM_PATH, "usr/share/rpm/rpmdb.sqlite", NULL, sbom_read_rpm, false },
	{ SBOM_PATH, "var/lib/rpm/Packages", NULL, sbom_read_rpm_old, false },
	{ SBOM_PATH, "var/lib/rpm/Packages.db", NULL, sbom_read_rpm_old, false },
	{ SBOM_PATH, "usr/lib/sysimage/rpm/Packages.db", NULL, sbom_read_rpm_old, false },
	{ SBOM_NAME, "package-lock.json", NULL, sbom_read_npm_lock, true },
	{ SBOM_NAME, "npm-shrinkwrap.json", NULL, sbom_read_npm_lock, true },
	{ SBOM_NAME, ".package-lock.json", "node_modules", sbom_read_npm_lock, true },
	{ SBOM_NAME, "package.json", "node_modules/", sbom_read_npm_package, false },
	{ SBOM_NAME, "yarn.lock", NULL, sbom_read_yarn_lock, true },
	{ SBOM_NAME, "pnpm-lock.yaml", NULL, sbom_read_pnpm_lock, true },
	{ SBOM_NAME, "METADATA", ".dist-info", sbom_read_python_metadata, false },
	{ SBOM_NAME, "PKG-INFO", ".egg-info", sbom_read_python_metadata, false },
	{ SBOM_ENDING, ".egg-info", NULL, sbom_read_python_metadata, false },
	{ SBOM_NAME, "requirements.txt", NULL, sbom_read_requirements, true },
	{ SBOM_NAME, "Pipfile.lock", NULL, sbom_read_pipfile_lock, true },
	{ SBOM_NAME, "poetry.lock", NULL, sbom_read_poetry_lock, true },
	{ SBOM_NAME, "uv.lock", NULL, sbom_read_poetry_lock, true },
	{ SBOM_NAME, "Cargo.lock", NULL, sbom_read_cargo_lock, true },
	{ SBOM_NAME, "go.mod", NULL, sbom_read_go_mod, true },
	{ SBOM_NAME, "Gemfile.lock", NULL, sbom_read_gem_lock, true },
	{ SBOM_ENDING, ".gemspec", "specifications", sbom_read_gemspec, false },
	{ SBOM_NAME, "composer.lock", NULL, sbom_read_composer, true },
	{ SBOM_NAME, "installed.json", "vendor/composer", sbom_read_composer, false },
	{ SBOM_ENDING, ".jar", NULL, sbom_read_jar, true },
	{ SBOM_ENDING, ".war", NULL, sbom_read_jar, true },
	{ SBOM_ENDING, ".ear", NULL, sbom_read_jar, true },
	{ SBOM_PROGRAM, "", NULL, sbom_read_go_binary, true },
};
const size_t sbom_reader_count = ARRAY_LEN(sbom_readers);

/* "node_modules/": somewhere above; else: the directory that it lies in ends so. */
static bool is_in(Str path, const char *parent)
{
	Str wanted = str_from(parent), dir = entry_parent(path);
	if (!str_ends(wanted, STR("/")))
		return str_ends(dir, wanted);
	return memmem(dir.ptr, dir.len, wanted.ptr, wanted.len) != NULL;
}

static bool matches(const SbomReader *r, Str path, uint32_t mode)
{
	Str text = str_from(r->text);
	if (r->parent && !is_in(path, r->parent))
		return false;
	switch (r->match) {
	case SBOM_PATH:
		return str_eq(path, text);
	case SBOM_BELOW:
		return str_eq(entry_parent(path), text);
	case SBOM_NAME:
		return str_eq(entry_name(path), text);
	case SBOM_ENDING:
		return str_ends(path, text) && entry_name(path).len > text.len;
	case SBOM_PROGRAM:
		return mode & 0111;
	}
	return false;
}

const SbomReader *sbom_reader_find(Str path, uint32_t mode, bool source_only)
{
	for (size_t i = 0; i < ARRAY_LEN(sbom_readers); i++)
		if ((!source_only || sbom_readers[i].source) &&
		    matches(&sbom_readers[i], path, mode))
			return &sbom_readers[i];
	return NULL;
}
