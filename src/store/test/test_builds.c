/* test_builds.c - the journal: records there and back, finding, logs, pruning. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "store/builds-internal.h"
#include "store/test/store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static Digest digest_of(const char *text)
{
	return sha256_of(str_from(text));
}

/* Three steps of two stages: base, copy, and a run that failed. */
static StoreBuild example(const StoreJournal *j)
{
	static StoreBuildLayer base[2];
	static uint32_t needs[] = { 0 };
	static StoreCause causes[2];
	static StoreStep steps[3];
	static Str command[] = { { "build", 5 }, { "", 0 }, { "-", 1 }, { "a b\n\\x", 6 } };
	static Str tags[] = { { "docker.io/library/x:latest", 26 } };
	static StoreBuildImage images[1];
	base[0] = (StoreBuildLayer){ digest_of("b0"), digest_of("i0"), 10 };
	base[1] = (StoreBuildLayer){ digest_of("b1"), digest_of("i1"), 20 };
	causes[0] = (StoreCause){ .code = STR("file-content"),
		                  .subject = STR("a file"),
		                  .before = STR("\x7f"),
		                  .words = STR("a file: content changed"),
		                  .step = STORE_STEP_NONE };
	causes[1] = (StoreCause){ .code = STR("parent"), .step = 1 };
	steps[0] = (StoreStep){ .kind = STORE_STEP_BASE,
		                .status = STORE_STEP_HIT,
		                .stage = STR("builder"),
		                .platform = STR("linux/amd64"),
		                .title = STR("[builder 1/3] FROM base"),
		                .line = 1,
		                .last_line = 1,
		                .parent = STORE_STEP_NONE,
		                .root = digest_of("r0"),
		                .base = base,
		                .base_count = 2,
		                .source = STR("docker.io/library/base:1"),
		                .digest = digest_of("config") };
	steps[1] = (StoreStep){ .kind = STORE_STEP_COPY,
		                .status = STORE_STEP_RUN,
		                .stage = STR("builder"),
		                .title = STR("[builder 2/3] COPY a ."),
		                .parent = 0,
		                .needs = needs,
		                .need_count = 1,
		                .started_ns = 5,
		                .cost_ns = 7,
		                .key = digest_of("key"),
		                .layer = { digest_of("l"), digest_of("li"), 30 },
		                .has_layer = true,
		                .same = true,
		                .causes = causes,
		                .cause_count = 1 };
	steps[2] = (StoreStep){ .kind = STORE_STEP_RUNS,
		                .status = STORE_STEP_FAILED,
		                .stage = STR("builder"),
		                .title = STR("[linux/arm64 builder 3/3] RUN false"),
		                .parent = 1,
		                .causes = causes + 1,
		                .cause_count = 1,
		                .log_bytes = 4,
		                .inputs = STR("arg a\narg b\n") };
	for (size_t i = 0; i < 3; i++)
		steps[i].text = str_from_at(steps[i].title, i == 2 ? 26 : 14);
	images[0] = (StoreBuildImage){ STR("builder"), STR("linux/amd64"), digest_of("image") };
	return (StoreBuild){ .id = str_from(j->id),
		             .state = STORE_BUILD_FAILED,
		             .started_ns = j->started_ns,
		             .duration_ns = 99,
		             .command = command,
		             .command_count = ARRAY_LEN(command),
		             .dockerfile = STR("Dockerfile"),
		             .dockerfile_digest = digest_of("text"),
		             .dockerfile_text = STR("FROM base AS builder\n"),
		             .context = STR("/c x"),
		             .tags = tags,
		             .tag_count = 1,
		             .images = images,
		             .image_count = 1,
		             .error = STR("it failed"),
		             .steps = steps,
		             .step_count = 3 };
}

static StoreJournal put(Fixture *f, int64_t started_ns)
{
	StoreJournal j;
	store_journal_init(&j, started_ns);
	StoreBuild b = example(&j);
	j.site = store_build_site(b.dockerfile, b.context);
	must(store_journal_end(f->store, &j, &b));
	return j;
}

static void test_record_comes_back(void **state)
{
	Fixture *f = *state;
	StoreBuild b;
	StoreJournal j = put(f, 1000);
	StoreBuild want = example(&j);
	must(store_build_find(f->store, STR("latest"), &f->arena, &b));
	/* The same text again: nothing was lost. */
	AUTO_BUF Buf text = BUF_INIT, again = BUF_INIT;
	store_build_format(&want, &text);
	store_build_format(&b, &again);
	assert_true(text.len > 1000);
	assert_string_equal(again.ptr, text.ptr);
	assert_true(str_eq(b.steps[2].text, STR("RUN false")));
	assert_true(str_eq(b.command[3], STR("a b\n\\x")));
	assert_int_equal(b.command[1].len, 0);
}

static void test_gc_sees_no_digest(void **state)
{
	Fixture *f = *state;
	StoreJournal j;
	store_journal_init(&j, 1);
	StoreBuild b = example(&j);
	AUTO_BUF Buf text = BUF_INIT;
	(void)f;
	store_build_format(&b, &text);
	assert_null(strstr(text.ptr, "sha256:"));
}

static void test_found_by_many_words(void **state)
{
	Fixture *f = *state;
	StoreJournal first = put(f, 1000), last = put(f, 2000);
	Digest image = digest_of("image");
	const Str same[] = { STR("x"),
		             STR("x:latest"),
		             STR("^0"),
		             str_from(last.id),
		             digest_arena_text(&f->arena, &image),
		             str_head(digest_arena_hex(&f->arena, &image), 12) };
	StoreBuild b;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		must(store_build_find(f->store, same[i], &f->arena, &b));
		assert_true(str_eqc(b.id, last.id));
	}
	must(store_build_find(f->store, STR("^1"), &f->arena, &b));
	assert_true(str_eqc(b.id, first.id));
	must_be(store_build_find(f->store, STR("^2"), &f->arena, &b), ERR_NOT_FOUND);
	must_be(store_build_find(f->store, STR("y"), &f->arena, &b), ERR_NOT_FOUND);
	/* Of an ID the beginning does, unless two have it. */
	size_t len = 2;
	while (len < STORE_BUILD_ID_LEN && memcmp(first.id, last.id, len) == 0)
		len++;
	must(store_build_find(f->store, str_head(str_from(first.id), len), &f->arena, &b));
	assert_true(str_eqc(b.id, first.id));
}

static void test_steps_by_word(void **state)
{
	Fixture *f = *state;
	StoreJournal j = put(f, 1000);
	StoreBuild b = example(&j);
	uint32_t n;
	must(store_build_step(&b, STR("3"), &n));
	assert_int_equal(n, 2);
	must(store_build_step(&b, STR("builder/3"), &n));
	assert_int_equal(n, 2);
	must_be(store_build_step(&b, STR("0"), &n), ERR_NOT_FOUND);
	must_be(store_build_step(&b, STR("4"), &n), ERR_NOT_FOUND);
	must_be(store_build_step(&b, STR("other/1"), &n), ERR_NOT_FOUND);
	StoreBuildLayer *layers;
	size_t count;
	must(store_build_root(&b, 1, &f->arena, &layers, &count));
	assert_int_equal(count, 3);
	assert_int_equal(layers[1].size_bytes, 20);
	assert_int_equal(layers[2].size_bytes, 30);
	must_be(store_build_root(&b, 2, &f->arena, &layers, &count), ERR_NOT_FOUND);
}

static void test_damage_is_not_there(void **state)
{
	Fixture *f = *state;
	StoreBuildName *names;
	size_t count;
	StoreBuild b;
	char file[STORE_BUILD_NAME_BYTES];
	(void)put(f, 1000);
	must(store_build_list(f->store, &f->arena, &names, &count));
	assert_int_equal(count, 1);
	store_build_name_format(&names[0], file);
	int dir;
	must(store_subdir(f->store, "builds", &dir));
	int fd = openat(dir, file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "X", 1, 100), 1);
	close(fd);
	close(dir);
	must_be(store_build_open(f->store, &names[0], &f->arena, &b), ERR_NOT_FOUND);
}

static void test_running_then_lost(void **state)
{
	Fixture *f = *state;
	StoreJournal j;
	StoreBuild b, seen;
	store_journal_init(&j, 1000);
	b = example(&j);
	b.state = STORE_BUILD_RUNNING;
	must(store_journal_run(f->store, &j, &b));
	must(store_build_find(f->store, str_from(j.id), &f->arena, &seen));
	assert_int_equal(seen.state, STORE_BUILD_RUNNING);
	store_journal_done(&j); /* as if it had been killed */
	must(store_build_find(f->store, str_from(j.id), &f->arena, &seen));
	assert_int_equal(seen.state, STORE_BUILD_LOST);
}

static void test_log_in_full(void **state)
{
	enum { LINES = 100000 };
	Fixture *f = *state;
	StoreJournal j;
	StoreLogReader *r;
	uint64_t bytes;
	store_journal_init(&j, 1000);
	StoreBuild b = example(&j);
	must(store_journal_run(f->store, &j, &b));
	StoreLogWriter *w = store_log_new(&j, 2);
	AUTO_BUF Buf all = BUF_INIT, got = BUF_INIT;
	for (unsigned i = 0; i < LINES; i++) {
		size_t before = all.len;
		buf_addf(&all, "line %u\n", i);
		store_log_add(w, str_from_at(buf_str(&all), before));
	}
	must(store_log_end(w, &bytes));
	assert_int_equal(bytes, all.len);
	must(store_log_open(f->store, str_from(j.id), 2, &r));
	for (bool more = true; more;)
		must(store_log_read(r, &got, &more));
	store_log_close(r);
	assert_int_equal(got.len, all.len);
	assert_memory_equal(got.ptr, all.ptr, all.len);
	must_be(store_log_open(f->store, str_from(j.id), 1, &r), ERR_NOT_FOUND);
	struct stat st;
	assert_int_equal(fstatat(j.logs_fd, "2", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true((size_t)st.st_size < all.len / 2);
	must(store_journal_end(f->store, &j, &b));
	store_journal_done(&j);
}

static void test_oldest_go(void **state)
{
	enum { MORE = 5 };
	Fixture *f = *state;
	StoreBuildName *names;
	size_t count;
	/* One that is under way is the oldest and stays. */
	StoreJournal running;
	store_journal_init(&running, 1);
	StoreBuild b = example(&running);
	must(store_journal_run(f->store, &running, &b));
	for (int64_t i = 0; i < STORE_BUILDS_MAX + MORE; i++)
		(void)put(f, 1000 + i);
	must(store_builds_prune(f->store)); /* few builds do it by themselves */
	must(store_build_list(f->store, &f->arena, &names, &count));
	assert_int_equal(count, STORE_BUILDS_MAX + 1);
	assert_int_equal(names[0].started_ns, 1000 + STORE_BUILDS_MAX + MORE - 1);
	assert_true(names[STORE_BUILDS_MAX].running);
	store_journal_done(&running);
	(void)put(f, 5000);
	must(store_builds_prune(f->store));
	must(store_build_list(f->store, &f->arena, &names, &count));
	assert_int_equal(count, STORE_BUILDS_MAX);
	assert_false(names[STORE_BUILDS_MAX - 1].running);
}

static void test_lists(void **state)
{
	Fixture *f = *state;
	Digest d = digest_of("some files"), other = digest_of("others");
	AUTO_BUF Buf text = BUF_INIT;
	must(store_list_put(f->store, &d, STR("some files")));
	must(store_list_get(f->store, &d, &text));
	assert_string_equal(text.ptr, "some files");
	must_be(store_list_get(f->store, &other, &text), ERR_NOT_FOUND);
	/* What is not what its name says is not there. */
	must(store_list_put(f->store, &other, STR("something else")));
	must_be(store_list_get(f->store, &other, &text), ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(record_comes_back), T(gc_sees_no_digest),   T(found_by_many_words),
		T(steps_by_word),     T(damage_is_not_there), T(running_then_lost),
		T(log_in_full),       T(oldest_go),           T(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
