/*
 * spdx.c - Sbom → an SPDX 2.3 document in JSON.
 *
 * No files are listed: SPDX wants a SHA-1 of each.  Which file told of a package, and which layer
 * that is from, stands in the package.  Two documents of one image have one name if they were made
 * at the same time: the namespace is a hash of what is in them.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/sbom.h"
#include "base/clock.h"
#include "codec/json.h"
#include "codec/sha256.h"

#define NAMESPACE "https://spdx.org/spdxdocs/decant-"
#define NOTHING   "NOASSERTION"

enum { ID_HEX = 16 };

/* Of SPDX's alphabet: letters, digits, '.' and '-'. */
static void add_id_text(Str text, Buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		             (c >= 'a' && c <= 'z') || c == '.' || c == '-';
		buf_add_char(out, plain ? c : '-');
	}
}

static Str package_id(Arena *a, const SbomPackage *p)
{
	enum { NAME_MAX_BYTES = 100 };
	AUTO_BUF Buf id = BUF_INIT;
	char hex[DIGEST_HEX_LEN + 1];
	Digest digest = sha256_of(p->purl);
	buf_addf(&id, "SPDXRef-Package-%s-", p->type);
	add_id_text(str_clip(p->name, NAME_MAX_BYTES), &id);
	buf_addf(&id, "-%.*s", ID_HEX, digest_hex(&digest, hex).ptr);
	return arena_str(a, buf_str(&id));
}

/* --- packages --------------------------------------------------------------------------------- */

static void write_purl(JsonWriter *w, Str purl)
{
	if (!purl.len)
		return;
	json_write_key(w, "externalRefs");
	json_write_array(w);
	json_write_object(w);
	json_write_member(w, "referenceCategory", STR("PACKAGE-MANAGER"));
	json_write_member(w, "referenceType", STR("purl"));
	json_write_member(w, "referenceLocator", purl);
	json_write_object_end(w);
	json_write_array_end(w);
}

static void write_checksum(JsonWriter *w, const SbomPackage *p)
{
	if (!p->checksum_alg)
		return;
	json_write_key(w, "checksums");
	json_write_array(w);
	json_write_object(w);
	json_write_member(w, "algorithm", str_from(p->checksum_alg));
	json_write_member(w, "checksumValue", p->checksum);
	json_write_object_end(w);
	json_write_array_end(w);
}

/* "Person: NAME (MAIL)" from "NAME <MAIL>"; control bytes would break readers of one-line texts. */
static Str supplier(Arena *a, Str text)
{
	Str name, mail = str_cut(text, '<', &name);
	(void)str_cut(mail, '>', &mail);
	name = str_trim(name);
	if (!name.len)
		return STR(NOTHING);
	if (!mail.len)
		return arena_strf(a, "Organization: %.*s", STR_ARG(name));
	return arena_strf(a, "Person: %.*s (%.*s)", STR_ARG(name), STR_ARG(mail));
}

static void write_package(const SpdxDocument *d, const SbomPackage *p, Map *extracted, Arena *a,
                          JsonWriter *w)
{
	json_write_object(w);
	json_write_member(w, "name", p->name);
	json_write_member(w, "SPDXID", package_id(a, p));
	if (p->version.len)
		json_write_member(w, "versionInfo", p->version);
	json_write_member(w, "supplier", supplier(a, p->supplier));
	json_write_member(w, "downloadLocation", STR(NOTHING));
	json_write_key(w, "filesAnalyzed");
	json_write_bool(w, false);
	write_checksum(w, p);
	json_write_member(w, "sourceInfo", arena_strf(a, "told by /%.*s", STR_ARG(p->path)));
	json_write_member(w, "licenseConcluded", STR(NOTHING));
	json_write_member(w, "licenseDeclared", spdx_license(a, p->license, extracted));
	json_write_member(w, "copyrightText", STR(NOTHING));
	write_purl(w, p->purl);
	if (d->diff_ids && p->layer < d->diff_id_count)
		json_write_member(w, "comment",
		                  arena_strf(a, "layerID: %s",
		                             digest_arena_text(a, &d->diff_ids[p->layer]).ptr));
	json_write_object_end(w);
}

static void write_root(const SpdxDocument *d, JsonWriter *w)
{
	json_write_object(w);
	json_write_member(w, "name", d->name);
	json_write_member(w, "SPDXID", STR("SPDXRef-DocumentRoot"));
	if (d->version.len)
		json_write_member(w, "versionInfo", d->version);
	json_write_member(w, "downloadLocation", STR(NOTHING));
	json_write_key(w, "filesAnalyzed");
	json_write_bool(w, false);
	json_write_member(w, "licenseConcluded", STR(NOTHING));
	json_write_member(w, "licenseDeclared", STR(NOTHING));
	json_write_member(w, "copyrightText", STR(NOTHING));
	write_purl(w, d->purl);
	json_write_member(w, "primaryPackagePurpose",
	                  d->diff_ids ? STR("CONTAINER") : STR("SOURCE"));
	json_write_object_end(w);
}

static void write_packages(const SpdxDocument *d, Map *extracted, Arena *a, JsonWriter *w)
{
	json_write_key(w, "packages");
	json_write_array(w);
	write_root(d, w);
	for (size_t i = 0; i < d->sbom->packages.len; i++)
		write_package(d, &d->sbom->packages.at[i], extracted, a, w);
	json_write_array_end(w);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void write_relation(JsonWriter *w, Str from, const char *kind, Str to)
{
	json_write_object(w);
	json_write_member(w, "spdxElementId", from);
	json_write_member(w, "relationshipType", str_from(kind));
	json_write_member(w, "relatedSpdxElement", to);
	json_write_object_end(w);
}

static void write_relations(const SpdxDocument *d, Arena *a, JsonWriter *w)
{
	json_write_key(w, "relationships");
	json_write_array(w);
	write_relation(w, STR("SPDXRef-DOCUMENT"), "DESCRIBES", STR("SPDXRef-DocumentRoot"));
	for (size_t i = 0; i < d->sbom->packages.len; i++)
		write_relation(w, STR("SPDXRef-DocumentRoot"), "CONTAINS",
		               package_id(a, &d->sbom->packages.at[i]));
	json_write_array_end(w);
}

static void write_extracted(const Map *extracted, JsonWriter *w)
{
	if (!extracted->len)
		return;
	json_write_key(w, "hasExtractedLicensingInfos");
	json_write_array(w);
	for (size_t i = 0; i < extracted->len; i++) {
		json_write_object(w);
		json_write_member(w, "licenseId", extracted->slots[i].key);
		json_write_member(w, "extractedText", str_from(extracted->slots[i].value));
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

/* Whole seconds: SPDX has no fractions. */
static Str created(const SpdxDocument *d, char text[static CLOCK_TEXT_BYTES])
{
	enum { SECOND_NS = 1000000000 };
	int64_t ns = d->created_ns;
	return clock_format(ns - ((ns % SECOND_NS) + SECOND_NS) % SECOND_NS, text);
}

static Str document_space(const SpdxDocument *d, Str packages, Arena *a)
{
	char time[CLOCK_TEXT_BYTES], hex[DIGEST_HEX_LEN + 1];
	Sha256 h;
	sha256_init(&h);
	sha256_add_field(&h, d->name);
	sha256_add_field(&h, created(d, time));
	sha256_add_field(&h, packages);
	Digest digest = sha256_end(&h);
	return arena_strf(a, NAMESPACE "%s", digest_hex(&digest, hex).ptr);
}

static void write_creation(const SpdxDocument *d, JsonWriter *w)
{
	char time[CLOCK_TEXT_BYTES];
	json_write_key(w, "creationInfo");
	json_write_object(w);
	json_write_member(w, "created", created(d, time));
	json_write_key(w, "creators");
	json_write_array(w);
	json_write_str(w, STR("Tool: decant-" DECANT_VERSION));
	json_write_array_end(w);
	json_write_object_end(w);
}

/* What could not be read is said where a reader of the document finds it. */
static void write_warnings(const SpdxDocument *d, JsonWriter *w)
{
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < d->sbom->warnings.len; i++)
		buf_addf(&text, "%s%.*s",
		         i ? "\n" : "not complete: ", STR_ARG(d->sbom->warnings.at[i]));
	if (text.len)
		json_write_member(w, "comment", buf_str(&text));
}

void spdx_format(const SpdxDocument *d, Buf *out)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_MAP Map extracted = MAP_INIT;
	AUTO_BUF Buf packages = BUF_INIT;
	JsonWriter w = { .out = &packages };
	json_write_object(&w);
	write_packages(d, &extracted, &a, &w); /* first: the namespace is made of it */
	write_relations(d, &a, &w);
	write_extracted(&extracted, &w);
	json_write_object_end(&w);
	w = (JsonWriter){ .out = out };
	json_write_object(&w);
	json_write_member(&w, "spdxVersion", STR("SPDX-2.3"));
	json_write_member(&w, "dataLicense", STR("CC0-1.0"));
	json_write_member(&w, "SPDXID", STR("SPDXRef-DOCUMENT"));
	json_write_member(&w, "name", d->name);
	json_write_member(&w, "documentNamespace", document_space(d, buf_str(&packages), &a));
	write_creation(d, &w);
	write_warnings(d, &w);
	/* The members of the object that was made before, and its end. */
	buf_add_char(out, ',');
	buf_add_str(out, str_from_at(buf_str(&packages), 1));
}
