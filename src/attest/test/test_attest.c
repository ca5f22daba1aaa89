/* test_attest.c - options, package URLs, statements, the manifests that carry them, provenance. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "attest/provenance.h"
#include "attest/purl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void must(Err *e)
{
	if (e)
		err_print(e, stderr);
	assert_null(e);
}

static void check_bad(const char *kind, const char *text, const char *want)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AttestSpec spec = { 0 };
	AUTO_ERR Err *e = attest_parse(&a, kind, str_from(text), &spec);
	assert_non_null(e);
	AUTO_BUF Buf said = BUF_INIT;
	buf_addf(&said, "%.*s\n%.*s", STR_ARG(err_cause(e)), STR_ARG(err_notes(e)));
	if (!strstr(said.ptr, want))
		fail_msg("'%s': expected '%s' in '%s'", text, want, said.ptr);
}

static void test_options(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AttestSpec spec = { 0 };
	must(attest_parse(&a, "provenance", STR("true"), &spec));
	assert_int_equal(spec.provenance, ATTEST_YES);
	assert_true(spec.max); /* BuildKit's default once it is asked for */
	must(attest_parse(&a, NULL, STR("mode=min,builder-id=https://b,type=provenance"), &spec));
	assert_false(spec.max);
	assert_true(str_eqc(spec.builder_id, "https://b"));
	assert_int_equal(spec.sbom, ATTEST_UNSAID);
	must(attest_parse(&a, "sbom", STR("1"), &spec));
	must(attest_parse(&a, "provenance", STR("0"), &spec)); /* the last one counts, whole */
	assert_int_equal(spec.sbom, ATTEST_YES);
	assert_int_equal(spec.provenance, ATTEST_NO);
	assert_int_equal(spec.builder_id.len, 0);
	must(attest_parse(&a, NULL, STR("type=sbom,disabled=true"), &spec));
	assert_int_equal(spec.sbom, ATTEST_NO);
	must(attest_parse(&a, NULL, STR("\"type=provenance\",version=v0.2,form=index"), &spec));
	assert_true(spec.v02);
	assert_int_equal(spec.form, ATTEST_INDEX);
	must(attest_parse(&a, "sbom", STR("form=index"), &spec));
	must(attest_parse(&a, "provenance", STR(""), &spec)); /* as if not given */
	assert_int_equal(spec.provenance, ATTEST_YES);
}

static void test_bad_options(void **state)
{
	(void)state;
	check_bad(NULL, "mode=max", "attestation type not specified");
	check_bad(NULL, "type=vsa", "one of provenance, sbom");
	check_bad(NULL, "type", "expected KEY=VALUE");
	check_bad(NULL, "type=sbom,mode=max", "unknown key 'mode'");
	check_bad(NULL, "type=provenance,disabled=maybe", "expected true or false");
	check_bad("provenance", "mode=all", "expected min or max");
	check_bad("provenance", "mod=max", "there are form, mode, version");
	check_bad("provenance", "version=v2", "expected v1 or v0.2");
	check_bad("provenance", "filename=../x", "without a directory");
	check_bad("provenance", "filename=..", "without a directory");
	check_bad("provenance", "capture-usage=true", "not supported");
	check_bad("sbom", "generator=a/b", "leave 'generator=' out");
	check_bad("sbom", "form=tag", "expected referrer or index");
}

static void test_one_form(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AttestSpec spec = { 0 };
	must(attest_parse(&a, "sbom", STR("form=index"), &spec));
	AUTO_ERR Err *e = attest_parse(&a, "provenance", STR("form=referrer"), &spec);
	assert_non_null(e);
}

static void check_purl(const char *name, const char *want)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Reference ref;
	Platform p = { STR("linux"), STR("arm64"), STR("") };
	must(reference_parse(&a, str_from(name), &ref));
	Str got = purl_image(&a, "docker", &ref, &p);
	if (!str_eqc(got, want))
		fail_msg("expected '%s', got '%.*s'", want, STR_ARG(got));
}

static void test_purl(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	check_purl("alpine:3.17", "pkg:docker/alpine@3.17?platform=linux%2Farm64");
	check_purl("localhost:5000/a/b",
	           "pkg:docker/localhost:5000/a/b@latest?platform=linux%2Farm64");
	check_purl("alpine@sha256:"
	           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	           "pkg:docker/alpine?digest=sha256:"
	           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef&platform="
	           "linux%2Farm64");
	Str odd = purl_make(&a, "deb", STR("Debian"), STR("G++ x"), STR("1:2~3/4"), NULL, 0);
	assert_true(str_eqc(odd, "pkg:deb/debian/g%2B%2B%20x@1:2~3%2F4"));
}

/* --- statements and manifests ----------------------------------------------------------------- */

#define ONES "0101010101010101010101010101010101010101010101010101010101010101"

static const Digest ones = { { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	                       1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 } };

static void test_statement(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf out = BUF_INIT;
	AttestSubject *subjects;
	size_t count;
	Platform p = { STR("linux"), STR("amd64"), STR("") };
	Str names[] = { STR("docker.io/library/x:1") };
	must(attest_subjects(&a, names, 1, &p, &ones, &subjects, &count));
	attest_statement(subjects, count, STR("t"), STR("{\"a\":1}"), &out);
	assert_string_equal(
		out.ptr, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicateType\":\"t\","
			 "\"subject\":[{\"name\":\"pkg:docker/x@1?platform=linux%2Famd64\","
			 "\"digest\":{\"sha256\":\"" ONES "\"}}],\"predicate\":{\"a\":1}}");
	must(attest_subjects(&a, NULL, 0, &p, &ones, &subjects, &count));
	assert_int_equal(count, 1);
	assert_true(str_eqc(subjects[0].name, "_"));
}

#define EMPTY                                                                          \
	"\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":"  \
	"\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"," \
	"\"size\":2,\"data\":\"e30=\"}"
#define NOTE "\"annotations\":{\"in-toto.io/predicate-type\":\"t\"}"

static void test_manifests(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT, index = BUF_INIT;
	Descriptor d = { .media_type = STR(MEDIA_OCI_MANIFEST), .digest = ones, .size = 7 };
	AttestBlob blob = { STR("t"), ones, 3 };
	attest_referrer(&d, &blob, &out);
	assert_string_equal(
		out.ptr, "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
			 "\"artifactType\":\"application/vnd.in-toto+json\"," EMPTY ",\"layers\":[{"
			 "\"mediaType\":\"application/vnd.in-toto+json\",\"digest\":\"sha256:" ONES
			 "\",\"size\":3," NOTE "}],\"subject\":{\"mediaType\":\"" MEDIA_OCI_MANIFEST
			 "\",\"digest\":\"sha256:" ONES "\",\"size\":7}," NOTE "}");
	attest_index_manifest(&d, NULL, &blob, 1, &index);
	assert_non_null(strstr(index.ptr, "\"artifactType\":\"" MEDIA_DOCKER_ATTEST "\""));
	AUTO_BUF Buf old = BUF_INIT; /* BuildKit's older way */
	Descriptor config = { .media_type = STR(MEDIA_OCI_CONFIG), .digest = ones, .size = 9 };
	attest_index_manifest(&d, &config, &blob, 1, &old);
	assert_non_null(strstr(old.ptr, "\"config\":{\"mediaType\":\"" MEDIA_OCI_CONFIG "\""));
	assert_null(strstr(old.ptr, "subject"));
}

static void test_add_entry(void **state)
{
	(void)state;
	AUTO_BUF Buf first = BUF_INIT, second = BUF_INIT, third = BUF_INIT, entry = BUF_INIT;
	Descriptor d = { .media_type = STR(MEDIA_OCI_MANIFEST), .digest = ones, .size = 7 };
	JsonWriter w = { .out = &entry };
	bool changed;
	attest_referrer_entry(&d, STR("t"), &w);
	must(attest_add_entry(STR(""), buf_str(&entry), &ones, &first, &changed));
	assert_true(changed);
	must(attest_add_entry(buf_str(&first), buf_str(&entry), &ones, &second, &changed));
	assert_false(changed);
	/* What others put there stays, with members that we do not know. */
	Str theirs = STR("{\"schemaVersion\":2,\"x\":[1],\"manifests\":[{\"digest\":\"sha256:"
	                 "ab\",\"y\":{\"z\":null}}]}");
	must(attest_add_entry(theirs, buf_str(&entry), &ones, &third, &changed));
	assert_true(changed);
	AUTO_BUF Buf want = BUF_INIT;
	buf_addf(&want,
	         "{\"schemaVersion\":2,\"x\":[1],\"manifests\":[{\"digest\":\"sha256:ab\",\"y\":{"
	         "\"z\":null}},%s]}",
	         entry.ptr);
	assert_string_equal(third.ptr, want.ptr);
	AUTO_BUF Buf bad = BUF_INIT;
	AUTO_ERR Err *e = attest_add_entry(STR("{\"schemaVersion\":2,\"layers\":[]}"),
	                                   buf_str(&entry), &ones, &bad, &changed);
	assert_non_null(e);
}

/* --- provenance ------------------------------------------------------------------------------- */

static const uint32_t inputs[] = { 0 };
static const Str argv[] = { { "/bin/sh", 7 }, { "-c", 2 }, { "make", 4 } };
static const ProvenanceLayer layer = { .tar_bytes = 512 };
static const ProvenanceStep steps[] = {
	{ .kind = PROVENANCE_SOURCE,
	  .identifier = { "docker-image://docker.io/library/a:1", 36 },
	  .first_line = 1,
	  .last_line = 1 },
	{ .kind = PROVENANCE_EXEC,
	  .args = argv,
	  .arg_count = 3,
	  .path = { "/w", 2 },
	  .network = { "none", 4 },
	  .inputs = inputs,
	  .input_count = 1,
	  .first_line = 2,
	  .last_line = 3,
	  .layers = &layer,
	  .layer_count = 1 },
};
static const ProvenancePair pairs[] = { { { "build-arg:TOKEN", 15 }, { "hush", 4 } },
	                                { { "target", 6 }, { "final", 5 } } };
static const ProvenanceId secret = { { "npmrc", 5 }, true };
static const ProvenanceMaterial material = { { "pkg:docker/a@1", 14 }, { "sha256", { ONES, 64 } } };
static const Str locals[] = { { "context", 7 } };
static const Provenance made = {
	.invocation_id = { "id1", 3 },
	.started_ns = 1000000000,
	.finished_ns = 1500000000,
	.config_path = { "Dockerfile", 10 },
	.args = pairs,
	.arg_count = 2,
	.secrets = &secret,
	.secret_count = 1,
	.locals = locals,
	.local_count = 1,
	.builder_platform = { "linux/amd64", 11 },
	.materials = &material,
	.material_count = 1,
	.network = true,
	.steps = steps,
	.step_count = 2,
	.dockerfile = { "FROM a:1\n", 9 },
};

#define HEAD_1                                                                                \
	"{\"buildDefinition\":{\"buildType\":\"https://github.com/moby/buildkit/blob/master/" \
	"docs/attestations/slsa-definitions.md\",\"resolvedDependencies\":[{\"uri\":"         \
	"\"pkg:docker/a@1\",\"digest\":{\"sha256\":\"" ONES "\"}}],"                          \
	"\"externalParameters\":{\"configSource\":{\"path\":\"Dockerfile\"},\"request\":{"    \
	"\"frontend\":\"dockerfile.v0\",\"args\":{"
#define TIMES_1                                                                          \
	"\"metadata\":{\"invocationId\":\"id1\",\"startedOn\":\"1970-01-01T00:00:01Z\"," \
	"\"finishedOn\":\"1970-01-01T00:00:01.5Z\",\"buildkit_metadata\":{"

static void test_provenance_min(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT;
	AttestSpec spec = { 0 };
	provenance_format(&made, &spec, &out);
	assert_string_equal(out.ptr, HEAD_1
	                    "\"target\":\"final\"},\"locals\":[{\"name\":\"context\"}]}},"
	                    "\"internalParameters\":{\"builderPlatform\":\"linux/amd64\"}},"
	                    "\"runDetails\":{\"builder\":{\"id\":\"\",\"version\":{\"decant\":"
	                    "\"" DECANT_VERSION "\"}}," TIMES_1 "},\"buildkit_completeness\":{"
	                    "\"request\":false,\"resolvedDependencies\":false}}}}");
}

static void test_provenance_max(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT, pretty = BUF_INIT;
	AttestSpec spec = { .max = true, .reproducible = true, .builder_id = STR("https://b") };
	provenance_format(&made, &spec, &out);
	static const char *const parts[] = {
		HEAD_1 "\"build-arg:TOKEN\":\"hush\",\"target\":\"final\"},"
		       "\"secrets\":[{\"id\":\"npmrc\",\"optional\":true}],",
		"\"llbDefinition\":[{\"id\":\"step0\",\"op\":{\"Op\":{\"source\":{\"identifier\":"
		"\"docker-image://docker.io/library/a:1\"}}}},{\"id\":\"step1\",\"op\":{\"Op\":{"
		"\"exec\":{\"meta\":{\"args\":[\"/bin/sh\",\"-c\",\"make\"],\"cwd\":\"/w\"},"
		"\"network\":2}}},\"inputs\":[\"step0:0\"]}]",
		"\"locations\":{\"step0\":{\"locations\":[{\"ranges\":[{\"start\":{\"line\":1},"
		"\"end\":{\"line\":1}}]}]},\"step1\":{\"locations\":[{\"ranges\":[{\"start\":{"
		"\"line\":2},\"end\":{\"line\":3}}]}]}}",
		"\"infos\":[{\"filename\":\"Dockerfile\",\"language\":\"Dockerfile\",\"data\":"
		"\"RlJPTSBhOjEK\"}]",
		"\"layers\":{\"step1:0\":[[{\"mediaType\":\"" MEDIA_OCI_LAYER "\",\"digest\":",
		"\"request\":true,\"resolvedDependencies\":false},\"buildkit_reproducible\":true",
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (!strstr(out.ptr, parts[i]))
			fail_msg("'%s' is not in %s", parts[i], out.ptr);
	must(provenance_format_file(buf_str(&out), &pretty));
	assert_non_null(strstr(pretty.ptr, "{\n  \"buildDefinition\": {\n    \"buildType\""));
}

static void test_provenance_02(void **state)
{
	(void)state;
	AUTO_BUF Buf out = BUF_INIT;
	AttestSpec spec = { .v02 = true };
	Provenance complete = made;
	complete.local_count = 0;
	complete.network = false;
	provenance_format(&complete, &spec, &out);
	assert_string_equal(
		out.ptr,
		"{\"builder\":{\"id\":\"\"},\"buildType\":\"https://mobyproject.org/buildkit@v1\","
		"\"materials\":[{\"uri\":\"pkg:docker/a@1\",\"digest\":{\"sha256\":\"" ONES
		"\"}}],\"invocation\":{\"configSource\":{\"entryPoint\":\"Dockerfile\"},"
		"\"parameters\":{\"frontend\":\"dockerfile.v0\",\"args\":{\"target\":\"final\"}},"
		"\"environment\":{\"platform\":\"linux/amd64\"}},\"metadata\":{"
		"\"buildInvocationID\":\"id1\",\"buildStartedOn\":\"1970-01-01T00:00:01Z\","
		"\"buildFinishedOn\":\"1970-01-01T00:00:01.5Z\",\"completeness\":{\"parameters\":"
		"false,\"environment\":true,\"materials\":true},\"reproducible\":false,"
		"\"https://mobyproject.org/buildkit@v1#metadata\":{},"
		"\"https://mobyproject.org/buildkit@v1#hermetic\":true}}");
	must(provenance_check_complete(&complete));
	AUTO_ERR Err *e = provenance_check_complete(&made);
	assert_non_null(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),        cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_one_form),       cmocka_unit_test(test_purl),
		cmocka_unit_test(test_statement),      cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_add_entry),      cmocka_unit_test(test_provenance_min),
		cmocka_unit_test(test_provenance_max), cmocka_unit_test(test_provenance_02),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
