/*
 * read_system.c - os-release, and the databases of dpkg and apk: paragraphs of lines.
 *
 * SOURCE   os-release(5); deb-control(5), dpkg's status file; apk-tools, "Apk spec": the installed
 *          database
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom-internal.h"
#include "base/limits.h"

Err *sbom_read_os_release(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(sbom_file_text(f, SBOM_JAR_MEMBER_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	while (rest.len) {
		Str key, line = sbom_cut_line(&rest);
		Str value = sbom_unquote(str_cut(line, '=', &key));
		if (str_eqc(key, "ID"))
			s->distro_id = arena_str(s->arena, str_clip(value, NAME_BYTES_MAX));
		else if (str_eqc(key, "VERSION_ID"))
			s->distro_version = arena_str(s->arena, str_clip(value, NAME_BYTES_MAX));
	}
	return NULL;
}

/* --- dpkg ------------------------------------------------------------------------------------- */

typedef struct DpkgPackage {
	Str name, version, arch, source, maintainer, status;
} DpkgPackage;

/* "source (version)", "source", "": the upstream qualifier of scanners. */
static Str dpkg_upstream(Arena *a, const DpkgPackage *p)
{
	if (!p->source.len)
		return STR("");
	Str name, version = str_cut(p->source, '(', &name);
	name = str_trim(name);
	(void)str_cut(version, ')', &version);
	if (!name.len || (str_eq(name, p->name) && !version.len))
		return STR("");
	return version.len ? arena_strf(a, "%.*s@%.*s", STR_ARG(name), STR_ARG(version)) : name;
}

static void dpkg_end(Sbom *s, const SbomFile *f, const DpkgPackage *p)
{
	/* status.d, of images without dpkg, has no status. */
	bool installed = !p->status.len || str_ends(p->status, STR(" installed"));
	if (!p->name.len || !p->version.len || !installed)
		return;
	AUTO_ARENA Arena a = ARENA_INIT;
	const PurlQualifier qualifiers[] = {
		{ "arch", p->arch },
		{ "distro", sbom_distro(s) },
		{ "upstream", dpkg_upstream(&a, p) },
	};
	Str space = s->distro_id.len ? s->distro_id : STR("debian");
	sbom_add(s, f,
	         &(SbomPackage){ .type = "deb",
	                         .name = p->name,
	                         .version = p->version,
	                         .supplier = p->maintainer,
	                         .purl = purl_make(&a, "deb", space, p->name, p->version,
	                                           qualifiers, ARRAY_LEN(qualifiers)) });
}

Err *sbom_read_dpkg(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	if (str_ends(f->path, STR(".md5sums")))
		return NULL; /* lies beside the packages in status.d */
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	DpkgPackage p = { 0 };
	const struct {
		const char *key;
		Str *to;
	} fields[] = { { "Package", &p.name },      { "Version", &p.version },
		       { "Architecture", &p.arch }, { "Source", &p.source },
		       { "Status", &p.status },     { "Maintainer", &p.maintainer } };
	while (rest.len) {
		Str key, line = sbom_cut_line(&rest);
		if (!line.len) {
			dpkg_end(s, f, &p);
			p = (DpkgPackage){ 0 };
			continue;
		}
		if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
			continue; /* goes on with a field that nothing here needs */
		Str value = str_cut(line, ':', &key);
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			if (str_eqc(key, fields[i].key))
				*fields[i].to = str_trim(value);
	}
	dpkg_end(s, f, &p);
	return NULL;
}

/* --- apk -------------------------------------------------------------------------------------- */

typedef struct ApkPackage {
	Str name, version, arch, origin, licence, maintainer;
} ApkPackage;

static void apk_end(Sbom *s, const SbomFile *f, const ApkPackage *p)
{
	if (!p->name.len || !p->version.len)
		return;
	AUTO_ARENA Arena a = ARENA_INIT;
	bool own = str_eq(p->origin, p->name);
	const PurlQualifier qualifiers[] = {
		{ "arch", p->arch },
		{ "distro", sbom_distro(s) },
		{ "upstream", own ? STR("") : p->origin },
	};
	Str space = s->distro_id.len ? s->distro_id : STR("alpine");
	sbom_add(s, f,
	         &(SbomPackage){ .type = "apk",
	                         .name = p->name,
	                         .version = p->version,
	                         .license = p->licence,
	                         .supplier = p->maintainer,
	                         .purl = purl_make(&a, "apk", space, p->name, p->version,
	                                           qualifiers, ARRAY_LEN(qualifiers)) });
}

Err *sbom_read_apk(Sbom *s, const SbomFile *f)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(sbom_file_text(f, SBOM_FILE_BYTES_MAX, &text));
	Str rest = buf_str(&text);
	ApkPackage p = { 0 };
	const struct {
		char key;
		Str *to;
	} fields[] = { { 'P', &p.name },   { 'V', &p.version }, { 'A', &p.arch },
		       { 'o', &p.origin }, { 'L', &p.licence }, { 'm', &p.maintainer } };
	while (rest.len) {
		Str line = sbom_cut_line(&rest);
		if (!line.len) {
			apk_end(s, f, &p);
			p = (ApkPackage){ 0 };
			continue;
		}
		if (line.len < 2 || line.ptr[1] != ':')
			continue;
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			if (line.ptr[0] == fields[i].key)
				*fields[i].to = str_trim(str_from_at(line, 2));
	}
	apk_end(s, f, &p);
	return NULL;
}
