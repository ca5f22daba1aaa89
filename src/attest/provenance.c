/* provenance.c - Provenance → predicate: what was asked for, of what it was made, when. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/provenance-internal.h"
#include "base/clock.h"

#define BUILD_TYPE_1                                   \
	"https://github.com/moby/buildkit/blob/master" \
	"/docs/attestations/slsa-definitions.md"
#define BUILD_TYPE_02 "https://mobyproject.org/buildkit@v1"
#define BUILDKIT_02   "https://mobyproject.org/buildkit@v1#"

void provenance_member(JsonWriter *w, const char *key, Str value)
{
	if (!value.len)
		return;
	json_write_key(w, key);
	json_write_str(w, value);
}

static void write_bool(JsonWriter *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}

static void write_digest(JsonWriter *w, const ProvenanceDigest *digest)
{
	if (!digest->algorithm)
		return;
	json_write_key(w, "digest");
	json_write_object(w);
	json_write_key(w, digest->algorithm);
	json_write_str(w, digest->hex);
	json_write_object_end(w);
}

static void write_time(JsonWriter *w, const char *key, int64_t ns)
{
	char text[CLOCK_TEXT_BYTES];
	json_write_key(w, key);
	json_write_str(w, clock_format(ns, text));
}

static void write_config_source(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_key(w, "configSource");
	json_write_object(w);
	provenance_member(w, "uri", p->config.uri);
	write_digest(w, &p->config.digest);
	provenance_member(w, spec->v02 ? "entryPoint" : "path", p->config_path);
	json_write_object_end(w);
}

/* --- what was asked for ----------------------------------------------------------------------- */

/* Values that a person wrote, and that mode=min leaves out. */
static bool is_told(const AttestSpec *spec, Str key)
{
	return spec->max ||
	       (!str_starts(key, STR("build-arg:")) && !str_starts(key, STR("label:")));
}

static size_t count_told(const Provenance *p, const AttestSpec *spec)
{
	size_t told = 0;
	for (size_t i = 0; i < p->arg_count; i++)
		told += is_told(spec, p->args[i].key);
	return told;
}

static void write_args(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	if (!count_told(p, spec))
		return;
	json_write_key(w, "args");
	json_write_object(w);
	for (size_t i = 0; i < p->arg_count; i++) {
		if (!is_told(spec, p->args[i].key))
			continue;
		json_write_key_str(w, p->args[i].key);
		json_write_str(w, p->args[i].value);
	}
	json_write_object_end(w);
}

static void write_ids(JsonWriter *w, const char *key, const ProvenanceId *ids, size_t count)
{
	if (!count)
		return;
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		json_write_object(w);
		json_write_key(w, "id");
		json_write_str(w, ids[i].id);
		if (ids[i].optional)
			write_bool(w, "optional", true);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_request(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	provenance_member(w, "frontend", STR("dockerfile.v0"));
	write_args(p, spec, w);
	if (spec->max) {
		write_ids(w, "secrets", p->secrets, p->secret_count);
		write_ids(w, "ssh", p->ssh, p->ssh_count);
	}
	if (p->local_count) {
		json_write_key(w, "locals");
		json_write_array(w);
		for (size_t i = 0; i < p->local_count; i++) {
			json_write_object(w);
			provenance_member(w, "name", p->locals[i]);
			json_write_object_end(w);
		}
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

/* --- of what ---------------------------------------------------------------------------------- */

static void write_materials(const Provenance *p, const char *key, JsonWriter *w)
{
	if (!p->material_count)
		return;
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < p->material_count; i++) {
		json_write_object(w);
		provenance_member(w, "uri", p->materials[i].uri);
		write_digest(w, &p->materials[i].digest);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static bool is_complete(const Provenance *p)
{
	return !p->local_count && !p->incomplete;
}

Err *provenance_check_complete(const Provenance *p)
{
	if (is_complete(p))
		return NULL;
	Err *e = err_new(ERR_INPUT, "the materials of this build are not complete "
	                            "(complete-materials=true)");
	for (size_t i = 0; i < p->local_count; i++)
		e = err_note(e, "'%.*s' is a local directory", STR_ARG(p->locals[i]));
	for (size_t i = 0; i < p->material_count; i++)
		if (!p->materials[i].digest.algorithm)
			e = err_note(e, "no digest is known of '%.*s'",
			             STR_ARG(p->materials[i].uri));
	return e;
}

static void write_environment(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	if (spec->max && !spec->v02)
		provenance_write_steps(p, w);
	provenance_member(w, spec->v02 ? "platform" : "builderPlatform", p->builder_platform);
	json_write_object_end(w);
}

/* --- BuildKit's own part ---------------------------------------------------------------------- */

static void write_vcs(const Provenance *p, JsonWriter *w)
{
	if (!p->vcs_source.len && !p->vcs_revision.len)
		return;
	json_write_key(w, "vcs");
	json_write_object(w);
	provenance_member(w, "revision", p->vcs_revision);
	provenance_member(w, "source", p->vcs_source);
	json_write_object_end(w);
}

static void write_extension(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	write_vcs(p, w);
	if (spec->max)
		provenance_write_source(p, w);
	json_write_object_end(w);
}

/* Are all arguments told? */
static bool request_is_complete(const Provenance *p, const AttestSpec *spec)
{
	return count_told(p, spec) == p->arg_count;
}

static bool is_hermetic(const Provenance *p)
{
	return is_complete(p) && !p->network;
}

/* --- the two versions ------------------------------------------------------------------------- */

static void write_builder(const AttestSpec *spec, JsonWriter *w)
{
	json_write_key(w, "builder");
	json_write_object(w);
	json_write_key(w, "id");
	json_write_str(w, spec->builder_id);
	if (!spec->v02) {
		json_write_key(w, "version");
		json_write_object(w);
		provenance_member(w, "decant", STR(DECANT_VERSION));
		json_write_object_end(w);
	}
	json_write_object_end(w);
}

static void write_metadata_1(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	provenance_member(w, "invocationId", p->invocation_id);
	write_time(w, "startedOn", p->started_ns);
	write_time(w, "finishedOn", p->finished_ns);
	json_write_key(w, "buildkit_metadata");
	write_extension(p, spec, w);
	if (is_hermetic(p))
		write_bool(w, "buildkit_hermetic", true);
	json_write_key(w, "buildkit_completeness");
	json_write_object(w);
	write_bool(w, "request", request_is_complete(p, spec));
	write_bool(w, "resolvedDependencies", is_complete(p));
	json_write_object_end(w);
	if (spec->reproducible)
		write_bool(w, "buildkit_reproducible", true);
	json_write_object_end(w);
}

static void write_1(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	json_write_key(w, "buildDefinition");
	json_write_object(w);
	provenance_member(w, "buildType", STR(BUILD_TYPE_1));
	write_materials(p, "resolvedDependencies", w);
	json_write_key(w, "externalParameters");
	json_write_object(w);
	write_config_source(p, spec, w);
	json_write_key(w, "request");
	write_request(p, spec, w);
	json_write_object_end(w);
	json_write_key(w, "internalParameters");
	write_environment(p, spec, w);
	json_write_object_end(w);
	json_write_key(w, "runDetails");
	json_write_object(w);
	write_builder(spec, w);
	json_write_key(w, "metadata");
	write_metadata_1(p, spec, w);
	json_write_object_end(w);
	json_write_object_end(w);
}

static void write_metadata_02(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	provenance_member(w, "buildInvocationID", p->invocation_id);
	write_time(w, "buildStartedOn", p->started_ns);
	write_time(w, "buildFinishedOn", p->finished_ns);
	json_write_key(w, "completeness");
	json_write_object(w);
	write_bool(w, "parameters", request_is_complete(p, spec));
	write_bool(w, "environment", true);
	write_bool(w, "materials", is_complete(p));
	json_write_object_end(w);
	write_bool(w, "reproducible", spec->reproducible);
	json_write_key(w, BUILDKIT_02 "metadata");
	write_extension(p, spec, w);
	if (is_hermetic(p))
		write_bool(w, BUILDKIT_02 "hermetic", true);
	json_write_object_end(w);
}

static void write_02(const Provenance *p, const AttestSpec *spec, JsonWriter *w)
{
	json_write_object(w);
	write_builder(spec, w);
	provenance_member(w, "buildType", STR(BUILD_TYPE_02));
	write_materials(p, "materials", w);
	json_write_key(w, "invocation");
	json_write_object(w);
	write_config_source(p, spec, w);
	json_write_key(w, "parameters");
	write_request(p, spec, w);
	json_write_key(w, "environment");
	write_environment(p, spec, w);
	json_write_object_end(w);
	if (spec->max)
		provenance_write_steps(p, w);
	json_write_key(w, "metadata");
	write_metadata_02(p, spec, w);
	json_write_object_end(w);
}

void provenance_format(const Provenance *p, const AttestSpec *spec, Buf *out)
{
	JsonWriter w = { .out = out };
	if (spec->v02)
		write_02(p, spec, &w);
	else
		write_1(p, spec, &w);
}

Err *provenance_format_file(Str compact, Buf *out)
{
	enum { INDENT = 2 }; /* as BuildKit's */
	JsonValue *v;
	TRY(json_parse(compact, SIZE_MAX, "an attestation", &v));
	json_dump_indent(v, INDENT, out);
	json_free(v);
	return NULL;
}
