/* Objects of projects: names, documents that come back as they went, files, locks. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "project/project.h"
#include "store/test/store_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#define STR_IS(got, want)                                              \
	do {                                                           \
		AUTO_BUF Buf got_ = BUF_INIT;                          \
		buf_add_str(&got_, (got));                             \
		assert_string_equal(got_.ptr ? got_.ptr : "", (want)); \
	} while (0)

static const char one[] = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
static const char two[] = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

static void names_of_sources(void **state)
{
	static const char *const cases[][2] = {
		{ "https://github.com/cscfi/multi-stage-build.git", "multi-stage-build" },
		{ "https://github.com/cscfi/Multi_Stage.Build.git#main", "multistagebuild" },
		{ "git@github.com:me/app.git", "app" },
		{ "git@host:app.git", "app" },
		{ "ssh://git@host:2222/me/app", "app" },
		{ "https://example.org:8443", "exampleorg" },
		{ "https://host/x/yy/?ref=v1", "yy" },
		{ "https://host/---ab.git", "ab" },
		{ "/srv/git/thing.git", "thing" },
	};
	Fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		Str name;
		must(project_name_of_source(&f->arena, str_from(cases[i][0]), &name));
		STR_IS(name, cases[i][1]);
	}
	Str name;
	must_be(project_name_of_source(&f->arena, STR("https://host/a.git"), &name), ERR_INPUT);
	must(project_name_of_image(&f->arena, STR("quay.io/me/Golang:1.18@sha256:12"), &name));
	STR_IS(name, "golang");
}

static void names_of_objects(void **state)
{
	(void)state;
	must(project_check_name(STR("a-9"), 58));
	must_be(project_check_name(STR("9a"), 58), ERR_INPUT);
	must_be(project_check_name(STR("a-"), 58), ERR_INPUT);
	must_be(project_check_name(STR("../x"), 58), ERR_INPUT);
	must_be(project_check_name(STR("A"), 58), ERR_INPUT);
	must_be(project_check_name(STR(""), 58), ERR_INPUT);
	must_be(project_check_name(STR("abcdef"), 5), ERR_INPUT);
}

static void tags(void **state)
{
	Fixture *f = *state;
	Str name, tag;
	must(project_split_tag(&f->arena, STR("app"), &name, &tag));
	STR_IS(tag, "latest");
	must(project_split_tag(&f->arena, STR("app:v1.2_x"), &name, &tag));
	STR_IS(name, "app");
	STR_IS(tag, "v1.2_x");
	must_be(project_split_tag(&f->arena, STR("app:"), &name, &tag), ERR_INPUT);
	must_be(project_split_tag(&f->arena, STR("app:a/b"), &name, &tag), ERR_INPUT);
	must_be(project_split_tag(&f->arena, STR(":a"), &name, &tag), ERR_INPUT);
}

static void config_comes_back(void **state)
{
	Fixture *f = *state;
	Project p;
	ProjectPair env[] = { { STR("A"), STR("b=\"c\"") } };
	BuildTrigger triggers[] = {
		{ .kind = BUILD_ON_GITHUB, .secret = STR("app-webhook") },
		{ .kind = BUILD_ON_IMAGE, .from = STR("alpine:3.20"), .paused = true }
	};
	BuildConfig bc = { .meta = { .name = STR("app"),
		                     .project = STR("default"),
		                     .created_ns = 1700000000000000000 },
		           .spec = { .uri = STR("https://host/app.git"),
		                     .ref = STR("main"),
		                     .context_dir = STR("sub"),
		                     .from = STR("alpine:3.20"),
		                     .no_cache = true,
		                     .env = { env, 1 },
		                     .to_kind = STR("ImageStreamTag"),
		                     .to = STR("app:latest") },
		           .triggers = triggers,
		           .trigger_count = 2,
		           .run_policy = BUILD_SERIAL_LATEST,
		           .keep_good = 5,
		           .keep_bad = BUILD_KEEP_ALL,
		           .last_version = 7 };
	must(project_open(f->store, STR(""), &f->arena, &p));
	STR_IS(p.name, "default");
	must(project_put_config(&p, &bc));
	BuildConfig got;
	must(project_get_config(&p, STR("app"), &got));
	STR_IS(got.spec.uri, "https://host/app.git");
	STR_IS(got.spec.ref, "main");
	STR_IS(got.spec.context_dir, "sub");
	STR_IS(project_pair(&got.spec.env, "A"), "b=\"c\"");
	STR_IS(got.spec.to, "app:latest");
	assert_true(got.spec.no_cache);
	assert_int_equal(got.trigger_count, 2);
	STR_IS(got.triggers[0].secret, "app-webhook");
	STR_IS(got.triggers[1].from, "alpine:3.20");
	assert_true(got.triggers[1].paused);
	assert_int_equal(got.run_policy, BUILD_SERIAL_LATEST);
	assert_int_equal(got.keep_good, 5);
	assert_int_equal(got.keep_bad, BUILD_KEEP_ALL);
	assert_int_equal(got.last_version, 7);
	assert_int_equal(got.meta.created_ns, 1700000000000000000);
	must_be(project_get_config(&p, STR("other"), &got), ERR_NOT_FOUND);
	must_be(project_get_config(&p, STR("../bc/app"), &got), ERR_NOT_FOUND);
	AUTO_BUF Buf once = BUF_INIT;
	AUTO_BUF Buf again = BUF_INIT;
	build_config_write(&bc, false, &once);
	must(project_get_config(&p, STR("app"), &got));
	build_config_write(&got, false, &again);
	assert_string_equal(once.ptr, again.ptr);
}

static void damaged_documents(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"kind\":\"Build\"}",
		"{\"kind\":\"BuildConfig\",\"metadata\":{\"name\":7}}",
		"{\"kind\":\"BuildConfig\",\"metadata\":{\"name\":\"../x\"}}",
		"{\"kind\":\"BuildConfig\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"triggers\":{}}"
		"}",
		"{\"kind\":\"BuildConfig\",\"metadata\":{\"name\":\"x\"},\"spec\":{\"runPolicy\":"
		"\"?\"}}",
	};
	Fixture *f = *state;
	BuildConfig bc;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		must_be(build_config_read(str_from(bad[i]), "x.json", &f->arena, &bc), ERR_CORRUPT);
}

static void history(void **state)
{
	Fixture *f = *state;
	ImageStream is = { .meta = { .name = STR("app"), .created_ns = 0 },
		           .lookup_local = true,
		           .repository = STR("localhost:5000/default/app") };
	StreamTag *t = stream_tag_add(&is, &f->arena, STR("latest"));
	StreamItem item = { .created_ns = 5000000000,
		            .reference = STR("localhost:5000/default/app@x"),
		            .image = str_from(one) };
	stream_tag_push(t, &f->arena, &item);
	stream_tag_push(t, &f->arena, &item); /* the same again is no new one */
	item.image = str_from(two);
	stream_tag_push(t, &f->arena, &item);
	t = stream_tag_add(&is, &f->arena, STR("base"));
	t->from_kind = STR("DockerImage");
	t->from = STR("docker.io/library/alpine:3.20");
	t->scheduled = true;
	AUTO_BUF Buf text = BUF_INIT;
	stream_write(&is, false, &text);
	ImageStream got;
	must(stream_read(buf_str(&text), "app.json", &f->arena, &got));
	t = stream_tag(&got, STR("latest"));
	assert_non_null(t);
	assert_int_equal(t->item_count, 2);
	STR_IS(t->items[0].image, two);
	STR_IS(t->items[1].image, one);
	assert_int_equal(t->items[0].generation, 2);
	assert_int_equal(t->items[1].created_ns, 5000000000);
	assert_non_null(stream_find_image(&got, str_from(one)));
	t = stream_tag(&got, STR("base"));
	STR_IS(t->from, "docker.io/library/alpine:3.20");
	assert_true(t->scheduled && got.lookup_local);
	assert_true(stream_tag_remove(&got, STR("latest")));
	assert_null(stream_tag(&got, STR("latest")));
	assert_non_null(stream_tag(&got, STR("base")));
	assert_false(stream_tag_remove(&got, STR("latest")));
}

static Build new_build(const char *name, int64_t number)
{
	return (Build){ .meta = { .name = str_from(name), .created_ns = 0 },
		        .config = STR("app"),
		        .number = number,
		        .spec = { .uri = STR("u") },
		        .start_ns = PROJECT_TIME_NONE,
		        .end_ns = PROJECT_TIME_NONE };
}

/* By number, not by name; and one whose process is gone is found out. */
static void builds(void **state)
{
	Fixture *f = *state;
	Project p;
	Build *all, b = new_build("app-10", 10), c = new_build("app-9", 9);
	size_t count;
	int ready[2], fd;
	char byte;
	b.start_ns = 1000000000;
	must(project_open(f->store, STR("other"), &f->arena, &p));
	must(project_put_build(&p, &b));
	must(project_put_build(&p, &c));
	must(project_builds(&p, STR("app"), &all, &count));
	assert_int_equal(count, 2);
	assert_int_equal(all[0].number, 9);
	assert_int_equal(all[1].number, 10);
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork(), holder;
	if (pid == 0) {
		Err *e = project_build_hold(&p, STR("app-10"), &fd);
		(void)!write(ready[1], e ? "n" : "y", 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	must(project_build_holder(&p, STR("app-10"), &holder));
	assert_int_equal(holder, pid);
	must_be(project_build_hold(&p, STR("app-10"), &fd), ERR_INPUT);
	must(project_build_settle(&p, &all[1]));
	assert_int_equal(all[1].phase, BUILD_NEW);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	must(project_build_wait(&p, STR("app-10"), NULL));
	must(project_build_settle(&p, &all[1]));
	assert_int_equal(all[1].phase, BUILD_ERROR);
	must(project_get_build(&p, STR("app-10"), &b));
	assert_int_equal(b.phase, BUILD_ERROR);
	assert_true(b.end_ns > b.start_ns);
	must(project_build_drop(&p, STR("app-10")));
	must_be(project_get_build(&p, STR("app-10"), &b), ERR_NOT_FOUND);
	close(ready[0]);
	close(ready[1]);
}

static void projects(void **state)
{
	Fixture *f = *state;
	Project p, now;
	Str *names;
	size_t count;
	must(project_open(f->store, STR("current"), &f->arena, &p));
	assert_false(project_exists(&p));
	must(project_make(&p));
	must(project_choose(&p));
	assert_true(project_exists(&p));
	must(project_open(f->store, STR(""), &f->arena, &now));
	STR_IS(now.name, "current");
	must(project_names(f->store, &f->arena, &names, &count));
	assert_int_equal(count, 2);
	STR_IS(names[0], "current");
	STR_IS(names[1], "default");
	must(project_remove(&p));
	assert_false(project_exists(&p));
	must_be(project_open(f->store, STR("a/b"), &f->arena, &p), ERR_INPUT);
}

static void secrets(void **state)
{
	Fixture *f = *state;
	Project p;
	AUTO_BUF Buf first = BUF_INIT;
	AUTO_BUF Buf again = BUF_INIT;
	must(project_open(f->store, STR(""), &f->arena, &p));
	must_be(project_secret_get(&p, STR("app-webhook"), &first), ERR_NOT_FOUND);
	must(project_secret_make(&p, STR("app-webhook")));
	must(project_secret_get(&p, STR("app-webhook"), &first));
	assert_int_equal(first.len, 20);
	must(project_secret_make(&p, STR("app-webhook"))); /* the one that is there stays */
	must(project_secret_get(&p, STR("app-webhook"), &again));
	assert_string_equal(first.ptr, again.ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_of_sources, fixture_setup, fixture_teardown),
		cmocka_unit_test(names_of_objects),
		cmocka_unit_test_setup_teardown(tags, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(config_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(damaged_documents, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(history, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(builds, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(projects, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(secrets, fixture_setup, fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
