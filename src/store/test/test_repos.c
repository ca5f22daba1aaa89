/* test_repos.c - names of repositories, links, uploads that are taken up again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "codec/sha512.h"
#include "store/repos.h"
#include "store/store-internal.h"
#include "store/test/store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static void test_names(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		bool ok;
	} names[] = {
		{ "a", true },       { "a/b", true },         { "a/b/c-d.e_f__g", true },
		{ "a--b", true },    { "0/1", true },         { "", false },
		{ "/a", false },     { "a/", false },         { "a//b", false },
		{ "A", false },      { "a_", false },         { "-a", false },
		{ "a___b", false },  { "a..b", false },       { "a._b", false },
		{ "../etc", false }, { "a+b", false },        { "_uploads", false },
		{ "a b", false },    { "a/\xc3\xa4", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (store_repo_name_ok(str_from(names[i].name)) != names[i].ok)
			fail_msg("'%s' should%s be a name", names[i].name,
			         names[i].ok ? "" : " not");
	char text[300];
	memset(text, 'a', sizeof text);
	assert_true(store_repo_name_ok((Str){ text, 255 }));
	assert_false(store_repo_name_ok((Str){ text, 256 }));
	assert_true(store_repo_tag_ok((Str){ text, 128 }));
	assert_false(store_repo_tag_ok((Str){ text, 129 }));
	assert_true(store_repo_tag_ok(STR("_A.b-c")));
	assert_false(store_repo_tag_ok(STR(".a")));
	assert_false(store_repo_tag_ok(STR("a/b")));
	assert_false(store_repo_tag_ok(STR("")));
	memset(text, '0', sizeof text);
	memcpy(text, "sha512:", 7);
	assert_true(store_repo_digest_ok((Str){ text, SHA512_TEXT_LEN }));
	assert_false(store_repo_digest_ok((Str){ text, DIGEST_TEXT_LEN }));
	text[20] = 'F';
	assert_false(store_repo_digest_ok((Str){ text, SHA512_TEXT_LEN }));
}

/* A tag, its manifest and a referrer; deleting the manifest takes the tags with it. */
static void test_links(void **state)
{
	Fixture *f = *state;
	Str repo = STR("team/app"), *list;
	size_t count;
	Digest blob;
	StoreRepoManifest found;
	StoreRepoTag tag;
	must(store_blob_put(f->store, STR("{}"), false, &blob));
	Str digest = digest_arena_text(&f->arena, &blob);
	Str subject = STR("sha256:"
	                  "1111111111111111111111111111111111111111111111111111111111111111");
	const StoreRepoManifest m = {
		.digest = digest, .blob = blob, .media_type = STR("a/b"), .subject = subject
	};
	must(store_repo_link_manifest(f->store, repo, &m));
	const StoreRepoTag one = { .manifest = digest }, two = { .manifest = subject };
	must(store_repo_set_tag(f->store, repo, STR("one"), &one));
	must(store_repo_set_tag(f->store, repo, STR("other"), &two));
	must(store_repo_find_manifest(f->store, repo, digest, &f->arena, &found));
	assert_true(str_eqc(found.media_type, "a/b") && str_eq(found.subject, subject));
	must(store_repo_referrers(f->store, repo, subject, &f->arena, &list, &count));
	assert_true(count == 1 && str_eq(list[0], digest));
	must_be(store_repo_find_tag(f->store, STR("team/other"), STR("one"), &f->arena, &tag),
	        ERR_NOT_FOUND);
	must(store_repo_unlink_manifest(f->store, repo, digest));
	must_be(store_repo_find_tag(f->store, repo, STR("one"), &f->arena, &tag), ERR_NOT_FOUND);
	must(store_repo_find_tag(f->store, repo, STR("other"), &f->arena, &tag));
	must(store_repo_referrers(f->store, repo, subject, &f->arena, &list, &count));
	assert_int_equal(count, 0);
	must(store_repo_list(f->store, &f->arena, &list, &count));
	assert_true(count == 1 && str_eq(list[0], repo));
}

static Str sha512_of(Arena *a, const char *text)
{
	char hex[SHA512_TEXT_LEN + 1];
	Sha512 h;
	sha512_init(&h);
	sha512_add(&h, text, strlen(text));
	return arena_str(a, sha512_end_text(&h, hex));
}

/* Bytes behind the state that was written down are hashed again; a wrong state costs nothing else.
 */
static void test_upload_goes_on(void **state)
{
	Fixture *f = *state;
	Str repo = STR("team/app");
	StoreUpload *u;
	char id[STORE_UPLOAD_ID_LEN + 1];
	Digest found, want = sha256_of(STR("abcdef"));
	uint64_t size;
	must(store_upload_begin(f->store, repo, &u));
	memcpy(id, store_upload_id(u), sizeof id);
	must(store_upload_add(u, "abc", 3));
	must(store_upload_save(u));
	must(store_upload_add(u, "de", 2)); /* ... and killed */
	StoreUpload *busy;
	must_be(store_upload_open(f->store, repo, str_from(id), &busy), ERR_MISS);
	store_upload_close(u);
	must_be(store_upload_open(f->store, STR("team/other"), str_from(id), &busy), ERR_NOT_FOUND);
	must_be(store_upload_open(f->store, repo, STR("../../../etc/passwd"), &busy),
	        ERR_NOT_FOUND);
	must(store_upload_open(f->store, repo, str_from(id), &u));
	assert_int_equal(store_upload_size(u), 5);
	must(store_upload_add(u, "xyz", 3));
	must(store_upload_cut(u, 5));
	must(store_upload_add(u, "f", 1));
	Str digest = sha512_of(&f->arena, "abcdef");
	must(store_upload_finish(u, digest));
	store_upload_close(u);
	must(store_repo_find_blob(f->store, repo, digest, false, &found, &size));
	assert_true(digest_eq(&found, &want) && size == 6);
	must_be(store_upload_open(f->store, repo, str_from(id), &busy), ERR_NOT_FOUND);
}

static void test_upload_of_other_bytes(void **state)
{
	Fixture *f = *state;
	StoreUpload *u;
	Digest want = sha256_of(STR("abc")), found;
	uint64_t size;
	Str digest = digest_arena_text(&f->arena, &want);
	must(store_upload_begin(f->store, STR("a"), &u));
	must(store_upload_add(u, "abd", 3));
	must_be(store_upload_finish(u, digest), ERR_INPUT);
	store_upload_close(u);
	must_be(store_repo_find_blob(f->store, STR("a"), digest, false, &found, &size),
	        ERR_NOT_FOUND);
}

static void push_blob(Fixture *f, Str repo, const char *text, Str *ret_digest)
{
	StoreUpload *u;
	Digest d = sha256_of(str_from(text));
	*ret_digest = digest_arena_text(&f->arena, &d);
	must(store_upload_begin(f->store, repo, &u));
	must(store_upload_add(u, text, strlen(text)));
	must(store_upload_finish(u, *ret_digest));
	store_upload_close(u);
}

static void make_old(Fixture *f, const char *path)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	assert_int_equal(utimensat(store_dir_fd(f->store), path, old, 0), 0);
}

/* What a manifest names stays however old; what none names goes when it is old. */
static void test_gc(void **state)
{
	Fixture *f = *state;
	Str repo = STR("a/b"), named, old, fresh;
	Digest blob, found;
	uint64_t freed, size;
	AUTO_BUF Buf json = BUF_INIT, path = BUF_INIT;
	push_blob(f, repo, "named", &named);
	push_blob(f, repo, "old", &old);
	push_blob(f, repo, "fresh", &fresh);
	buf_addf(&json, "{\"layers\":[{\"digest\":\"%.*s\"}]}", STR_ARG(named));
	must(store_blob_put(f->store, buf_str(&json), false, &blob));
	const StoreRepoManifest m = { .digest = digest_arena_text(&f->arena, &blob),
		                      .blob = blob,
		                      .media_type = STR("a/b"),
		                      .subject = STR("") };
	must(store_repo_link_manifest(f->store, repo, &m));
	buf_addf(&path, "repos/a+b/blobs/%.*s", STR_ARG(named));
	make_old(f, path.ptr);
	buf_reset(&path);
	buf_addf(&path, "repos/a+b/blobs/%.*s", STR_ARG(old));
	make_old(f, path.ptr);
	must(store_gc(f->store, NULL, &freed));
	assert_true(freed > 0);
	must(store_repo_find_blob(f->store, repo, named, false, &found, &size));
	assert_int_equal(size, 5);
	must(store_repo_find_blob(f->store, repo, fresh, false, &found, &size));
	assert_int_equal(size, 5);
	must_be(store_repo_find_blob(f->store, repo, old, false, &found, &size), ERR_NOT_FOUND);
	must(store_repo_usage(f->store, STR("a"), &size));
	assert_int_equal(size, 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(names), T(links), T(upload_goes_on), T(upload_of_other_bytes), T(gc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
