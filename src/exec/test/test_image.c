/* test_image.c - images found by name, ID and digest; names taken away. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "exec/image.h"
#include "fs/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it needs the above */
#include <cmocka.h>
/* clang-format on */

typedef struct Fixture {
	char root[64];
	Store *store;
	Arena arena;
	Digest ids[3]; /* of the images "a", "b", "c" */
} Fixture;

static Digest put_image(Fixture *f, const char *author)
{
	ImageConfig config = { .platform = platform_host(), .author = str_from(author) };
	AUTO_BUF Buf json = BUF_INIT;
	image_config_format(&config, &json);
	Digest id;
	assert_null(store_blob_put(f->store, buf_str(&json), false, &id));
	return id;
}

static void name_it(Fixture *f, const char *name, const Digest *id, const Digest *manifest)
{
	StoreRef ref = { .name = str_from(name), .config = *id };
	if (manifest)
		ref.manifest = *manifest;
	assert_null(store_ref_set(f->store, &ref));
}

static int set_up(void **state)
{
	Fixture *f = xcalloc(1, sizeof *f);
	snprintf(f->root, sizeof f->root, "/tmp/test-image.XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_null(store_open(f->root, &f->store));
	f->ids[0] = put_image(f, "a");
	f->ids[1] = put_image(f, "b");
	f->ids[2] = put_image(f, "c");
	name_it(f, "docker.io/library/one:latest", &f->ids[0], NULL);
	name_it(f, "docker.io/library/one:v2", &f->ids[0], NULL);
	name_it(f, "localhost:5000/two:x", &f->ids[1], &f->ids[2]); /* any digest will do */
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	Fixture *f = *state;
	store_close(f->store);
	arena_done(&f->arena);
	AUTO_CLOSE int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_null(path_remove_tree(tmp, f->root + strlen("/tmp/")));
	free(f);
	return 0;
}

static void check_found(Fixture *f, Str name, const Digest *want, const char *want_ref)
{
	Image image;
	assert_null(image_find(f->store, name, &f->arena, &image));
	assert_true(digest_eq(&image.id, want));
	assert_true(str_eqc(image.ref, want_ref));
	assert_int_equal(image.size_bytes, 0);
}

static void check_not_found(Fixture *f, const char *name, ErrKind kind, const char *cause)
{
	Image image;
	AUTO_ERR Err *e = image_find(f->store, str_from(name), &f->arena, &image);
	assert_non_null(e);
	assert_int_equal(err_kind(e), kind);
	assert_string_equal(err_cause(e).ptr, cause);
}

static void test_find(void **state)
{
	Fixture *f = *state;
	check_found(f, STR("one"), &f->ids[0], "docker.io/library/one:latest");
	check_found(f, STR("one:v2"), &f->ids[0], "docker.io/library/one:v2");
	check_found(f, STR("localhost:5000/two:x"), &f->ids[1], "localhost:5000/two:x");
	Str text = digest_arena_text(&f->arena, &f->ids[1]);
	check_found(f, text, &f->ids[1], "");
	check_found(f, str_head(text, 20), &f->ids[1], "");
	check_found(f, str_head(str_from_at(text, 7), 12), &f->ids[1], "");
	char digest[DIGEST_TEXT_LEN + 1];
	check_found(
		f,
		arena_strf(&f->arena, "localhost:5000/two@%s", digest_text(&f->ids[2], digest).ptr),
		&f->ids[1], "localhost:5000/two:x");
	check_not_found(f, "three", ERR_NOT_FOUND, "No such image: three:latest");
	check_not_found(f, "sha256:", ERR_NOT_FOUND, "No such image: sha256:");
	check_not_found(f, "sha256:zz", ERR_NOT_FOUND, "No such image: sha256:zz");
	/* image "c" has no name: nothing may find it */
	check_not_found(f, digest_text(&f->ids[2], digest).ptr, ERR_NOT_FOUND,
	                arena_strf(&f->arena, "No such image: %s", digest).ptr);
}

/* A name wins over an ID prefix. */
static void test_name_like_an_id(void **state)
{
	Fixture *f = *state;
	Str prefix = str_head(digest_arena_hex(&f->arena, &f->ids[0]), 6);
	Str full = arena_strf(&f->arena, "docker.io/library/%.*s:latest", STR_ARG(prefix));
	check_found(f, prefix, &f->ids[0], "");
	name_it(f, full.ptr, &f->ids[1], NULL);
	check_found(f, prefix, &f->ids[1], full.ptr);
}

static void test_ambiguous(void **state)
{
	Fixture *f = *state;
	/* 17 images: two of them share the first digit */
	for (int i = 0; i < 17; i++) {
		Digest id = put_image(f, arena_strf(&f->arena, "author %d", i).ptr);
		name_it(f, arena_strf(&f->arena, "docker.io/library/many:%d", i).ptr, &id, NULL);
	}
	unsigned ambiguous = 0;
	for (char c = '0'; c <= 'f'; c = c == '9' ? 'a' : (char)(c + 1)) {
		Image image;
		Str name = arena_strf(&f->arena, "sha256:%c", c);
		AUTO_ERR Err *e = image_find(f->store, name, &f->arena, &image);
		ambiguous += e && err_kind(e) == ERR_INPUT;
	}
	assert_true(ambiguous >= 1);
}

static void test_remove(void **state)
{
	Fixture *f = *state;
	ImageRemoved removed;
	Str id = digest_arena_text(&f->arena, &f->ids[0]);
	AUTO_ERR Err *conflict = image_remove(f->store, id, false, &f->arena, &removed);
	assert_non_null(conflict);
	assert_int_equal(err_kind(conflict), ERR_INPUT);

	assert_null(image_remove(f->store, STR("one:v2"), false, &f->arena, &removed));
	assert_int_equal(removed.untagged_count, 1);
	assert_int_equal(removed.deleted_count, 0);
	assert_true(str_eqc(removed.untagged[0], "one:v2"));
	check_found(f, STR("one"), &f->ids[0], "docker.io/library/one:latest");

	assert_null(image_remove(f->store, STR("one"), false, &f->arena, &removed));
	assert_int_equal(removed.deleted_count, 1);
	assert_true(digest_eq(&removed.deleted[0], &f->ids[0]));
	check_not_found(f, "one", ERR_NOT_FOUND, "No such image: one:latest");
	check_not_found(f, id.ptr, ERR_NOT_FOUND,
	                arena_strf(&f->arena, "No such image: %s", id.ptr).ptr);
}

static void test_remove_untagged(void **state)
{
	Fixture *f = *state;
	ImageRemoved removed;
	name_it(f, "localhost:5000/two:x", &f->ids[2], NULL); /* moves: "b" has no name any more */
	Str id = digest_arena_text(&f->arena, &f->ids[1]);
	Str *names;
	size_t count;
	check_found(f, id, &f->ids[1], "");
	assert_null(image_names(f->store, &f->ids[1], &f->arena, &names, &count));
	assert_int_equal(count, 0);
	assert_null(image_remove(f->store, id, false, &f->arena, &removed));
	assert_int_equal(removed.untagged_count, 0);
	check_not_found(f, id.ptr, ERR_NOT_FOUND,
	                arena_strf(&f->arena, "No such image: %s", id.ptr).ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_find, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_name_like_an_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ambiguous, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remove, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remove_untagged, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
