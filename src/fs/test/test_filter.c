/* test_filter.c - what of a directory is wanted: COPY --parents and --exclude. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/context.h"
#include "fs/statcache.h"
#include "fs/test/test_fs.h"

typedef struct Verdict {
	const char *include, *exclude; /* patterns cut by blanks; NULL: no list */
	const char *path;              /* with '/' at its end: a directory */
	MatchVerdict want;
} Verdict;

static const Verdict verdicts[] = {
	{ NULL, NULL, "a", MATCH_TAKE },
	{ NULL, NULL, "a/", MATCH_TAKE },
	/* T-120, T-124 */
	{ "a/b/f", NULL, "a/", MATCH_BELOW },
	{ "a/b/f", NULL, "a/b/", MATCH_BELOW },
	{ "a/b/f", NULL, "a/b/f", MATCH_TAKE },
	{ "a/b/f", NULL, "a/b/f/g", MATCH_TAKE },
	{ "a/b/f", NULL, "a/c/", MATCH_LEAVE },
	{ "a/b/f", NULL, "a/b", MATCH_LEAVE },
	{ "c/**/e", NULL, "c/", MATCH_BELOW },
	{ "c/**/e", NULL, "c/d/", MATCH_BELOW },
	{ "c/**/e", NULL, "c/d/e/", MATCH_TAKE },
	{ "c/**/e", NULL, "d/", MATCH_LEAVE },
	{ "**/*.json", NULL, "a/", MATCH_BELOW },
	{ "*/x", NULL, "a/b/", MATCH_LEAVE },
	/* T-126 */
	{ NULL, "*/*.png", "a/", MATCH_TAKE },
	{ NULL, "*/*.png", "a/b.png", MATCH_LEAVE },
	{ NULL, "*/*.png", "b.png", MATCH_TAKE },
	{ NULL, "a", "a/b", MATCH_LEAVE },
	{ NULL, "a !a/b", "a/", MATCH_BELOW },
	{ NULL, "a !a/b", "a/b", MATCH_TAKE },
	{ NULL, "a !a/b", "a/c/", MATCH_LEAVE },
	{ NULL, "a !b", "a/", MATCH_LEAVE },
	{ "a/b", "a/b/c", "a/", MATCH_BELOW },
	{ "a/b", "a/b/c", "a/b/c", MATCH_LEAVE },
	{ "a/b", "a", "a/", MATCH_LEAVE },
	{ "a/b", "a !a/b/x", "a/", MATCH_BELOW },
	{ "a/b", "a !a/b/x", "a/b/", MATCH_BELOW },
	{ "a/b", "a !a/b/x", "a/b/x", MATCH_TAKE },
};

static const Ignore *read_list(Arena *a, const char *text)
{
	Str patterns[4], left = str_from(text ? text : "");
	size_t count = 0;
	if (!text)
		return NULL;
	while (left.len && count < ARRAY_LEN(patterns))
		left = str_cut(left, ' ', &patterns[count++]);
	Ignore *list = arena_new(a, Ignore);
	test_ok(ignore_from_patterns(a, patterns, count, list));
	return list;
}

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		AUTO_ARENA Arena a = ARENA_INIT;
		const Verdict *v = &verdicts[i];
		Str path = str_from(v->path);
		bool is_dir = str_ends(path, STR("/"));
		MatchFilter f = { read_list(&a, v->include), read_list(&a, v->exclude) };
		CLEANUP(ignore_walk_done) IgnoreWalk walk = { .ignore = f.exclude };
		MatchVerdict got =
			match_filter(&f, &walk, str_head(path, path.len - is_dir), is_dir);
		if (got != v->want)
			fail_msg("include '%s', exclude '%s', %s: %d, not %d", v->include,
			         v->exclude, v->path, (int)got, (int)v->want);
	}
}

/* A filtered selection looks into what is wanted, and reads no other file. */
static void test_reads_nothing_else(void **state)
{
	(void)state;
	AUTO_TEST_DIR TestDir dir = test_dir_new();
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf cache = BUF_INIT;
	ContextSelection s;
	MatchFilter f = { read_list(&a, "a/b"), read_list(&a, "**/*.md") };
	test_mkdir(dir.fd, "c");
	AUTO_CLOSE int root = openat(dir.fd, "c", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	test_mkdir(root, "a");
	test_mkdir(root, "a/b");
	test_mkdir(root, "a/empty");
	test_write(root, "a/b/f", "f");
	test_write(root, "a/b/left.md", "md");
	test_write(root, "a/other", "other");
	test_write(root, "beside", "beside");
	(void)usleep(30000); /* older than a racy window: what is read is remembered */

	Context *c = NULL;
	test_ok(context_open(root, NULL, dir.fd, "cache", &c));
	test_ok(context_select_filtered(c, STR("."), &f, NULL, &a, &s));
	context_close(c);
	assert_int_equal(s.count, 1);
	const ContextMatch *m = &s.matches[0];
	assert_int_equal(m->count, 4);
	test_str(m->files[1].entry.path, "a");
	assert_true(m->files[1].implied);
	test_str(m->files[2].entry.path, "a/b");
	assert_false(m->files[2].implied);
	test_str(m->files[3].entry.path, "a/b/f");
	test_ok(path_read_file(dir.fd, "cache", 1 << 20, &cache));
	assert_int_equal(cache.len, 64 + sizeof(StatRecord)); /* of one file alone */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_verdicts),
	cmocka_unit_test(test_reads_nothing_else),
};

const TestTable filter_table = { tests, ARRAY_LEN(tests) };
