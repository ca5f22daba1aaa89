/* What a Dockerfile begins with, variables after each FROM, and streams beside the store's names.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "runner/runner.h"
#include "store/test/store_fixture.h"

#define STR_IS(got, want)                                              \
	do {                                                           \
		AUTO_BUF Buf got_ = BUF_INIT;                          \
		buf_add_str(&got_, (got));                             \
		assert_string_equal(got_.ptr ? got_.ptr : "", (want)); \
	} while (0)

/* Images with commas between, and the last FROM's behind a blank. */
static void look(Fixture *f, const char *text, const ProjectPairs *args, const char *want)
{
	RunnerLook l;
	AUTO_BUF Buf got = BUF_INIT;
	must(runner_look_text(&f->arena, str_from(text), args, &l));
	for (size_t i = 0; i < l.base_count; i++)
		buf_addf(&got, "%s%.*s", i ? "," : "", STR_ARG(l.bases[i].image));
	buf_addf(&got, " %.*s", STR_ARG(l.last));
	assert_string_equal(got.ptr, want);
}

static void bases(void **state)
{
	Fixture *f = *state;
	ProjectPair v2[] = { { STR("V"), STR("2") } };
	const ProjectPairs none = { 0 }, given = { v2, 1 };
	look(f, "FROM scratch\n", &none, " ");
	look(f, "FROM golang:1.18 AS b\nFROM alpine\nCOPY --from=b /x /\n", &none,
	     "golang:1.18,alpine:latest alpine:latest");
	look(f, "FROM golang:1 AS b\nFROM b\nCOPY --from=quay.io/me/tool:3 /x /\n", &none,
	     "golang:1,quay.io/me/tool:3 ");
	look(f, "FROM a:1 AS b\nFROM a:1\n", &none, "a:1 a:1");
	look(f, "ARG V=1\nFROM base:$V\n", &none, "base:1 base:1");
	look(f, "ARG V=1\nFROM base:$V\n", &given, "base:2 base:2");
	RunnerLook l;
	must_be(runner_look_text(&f->arena, STR("RUN true\n"), &none, &l), ERR_INPUT);
}

static void variables(void **state)
{
	Fixture *f = *state;
	ProjectPair pairs[] = { { STR("A"), STR("1") }, { STR("B"), STR("x \"$y\" \\") } };
	const ProjectPairs env = { pairs, 2 };
	Str got;
	must(runner_add_env(&f->arena, STR("# c\nFROM a AS b\nRUN x\nFROM \\\n b"), &env, &got));
	STR_IS(got, "# c\nFROM a AS b\nENV A=\"1\" B=\"x \\\"\\$y\\\" \\\\\"\nRUN x\nFROM \\\n b\n"
	            "ENV A=\"1\" B=\"x \\\"\\$y\\\" \\\\\"");
}

/* An image of no layers, as no name has it yet. */
static StoreRef image_of(Fixture *f, const char *config)
{
	StoreRef ref = { .name = STR("") };
	must(store_blob_put(f->store, str_from(config), false, &ref.config));
	Str manifest = arena_strf(
		&f->arena,
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
		"\"digest\":\"%s\",\"size\":%zu},\"layers\":[]}",
		digest_arena_text(&f->arena, &ref.config).ptr, strlen(config));
	must(store_blob_put(f->store, manifest, false, &ref.manifest));
	return ref;
}

/* The names that the store has, with commas. */
static void names_are(Fixture *f, const char *want)
{
	StoreRef *refs;
	size_t count, shown = 0;
	AUTO_BUF Buf got = BUF_INIT;
	must(store_ref_list(f->store, &f->arena, &refs, &count));
	for (size_t i = 0; i < count; i++)
		if (!str_starts(refs[i].name, STR("sha256:"))) {
			Str name = refs[i].name;
			ptrdiff_t at = str_find(name, '@');
			if (at >= 0)
				name = str_head(name, (size_t)at + 1);
			buf_addf(&got, "%s%.*s", shown++ ? "," : "", STR_ARG(name));
		}
	assert_string_equal(got.ptr ? got.ptr : "", want);
}

static void streams(void **state)
{
	Fixture *f = *state;
	Project p;
	ImageStream is;
	size_t gone;
	StoreRef one =
		image_of(f, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"1\"}");
	StoreRef two =
		image_of(f, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"author\":\"2\"}");
	must(project_open(f->store, STR(""), &f->arena, &p));
	must(runner_stream(&p, STR("app"), &is));
	assert_false(runner_is_remote(&is));
	must(runner_stream_push(&p, &is, STR("latest"), &one));
	must(runner_stream_push(&p, &is, STR("latest"), &two));
	must(runner_stream_push(&p, &is, STR("v1"), &one));
	must(project_get_stream(&p, STR("app"), &is));
	assert_int_equal(stream_tag(&is, STR("latest"))->item_count, 2);
	StoreRef got;
	must(store_ref_get(f->store, STR("localhost:5000/default/app:latest"), &f->arena, &got));
	assert_true(digest_eq(&got.config, &two.config));
	AUTO_MAP Map kept = MAP_INIT;
	must(project_kept_names(f->store, &f->arena, &kept));
	assert_int_equal(kept.len, 4); /* two tags, two images */
	/* An image goes with the last tag that has it. */
	must(runner_stream_trim(&p, &is, 1, INT64_MAX, true, &gone));
	assert_int_equal(gone, 1);
	must(runner_stream_untag(&p, &is, STR("v1")));
	must(runner_stream_trim(&p, &is, 1, INT64_MAX, false, &gone));
	assert_int_equal(gone, 1);
	must_be(store_ref_get(f->store,
	                      arena_strf(&f->arena, "localhost:5000/default/app@%s",
	                                 digest_arena_text(&f->arena, &one.manifest).ptr),
	                      &f->arena, &got),
	        ERR_NOT_FOUND);
	names_are(f, "localhost:5000/default/app:latest,localhost:5000/default/app@");
	must(runner_stream_drop(&p, STR("app")));
	names_are(f, "");
	must_be(project_get_stream(&p, STR("app"), &is), ERR_NOT_FOUND);
}

/* Where results go. */
static void repositories(void **state)
{
	Fixture *f = *state;
	Project p;
	must(project_open(f->store, STR("team"), &f->arena, &p));
	STR_IS(runner_repository(&p, STR(""), STR("x")), "localhost:5000/team/x");
	STR_IS(runner_repository(&p, STR("quay.io/me/"), STR("x")), "quay.io/me/team/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bases, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(variables, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(streams, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(repositories, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
