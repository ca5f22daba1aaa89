/* test_store.c - names, blobs, records, scratch space and gc, on a store in a temporary directory.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "store/mounts.h"
#include "store/store-internal.h"
#include "store/test/store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void write_at(Fixture *f, const char *path, const char *text)
{
	int fd = openat(store_dir_fd(f->store), path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	                0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void test_private(void **state)
{
	Fixture *f = *state;
	struct stat st;
	Digest d;
	must(store_blob_put(f->store, STR("secret"), false, &d));
	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
	StorePath path = store_path_of("blobs/sha256", &d, "");
	assert_int_equal(fstatat(store_dir_fd(f->store), path.text, &st, 0), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

static void test_newer_version_is_refused(void **state)
{
	Fixture *f = *state;
	Store *other;
	write_at(f, "version", "3\n");
	must_be(store_open(f->dir, &other), ERR_INPUT);
	write_at(f, "version", "x");
	must_be(store_open(f->dir, &other), ERR_CORRUPT);
}

static void test_blob_flip_is_found(void **state)
{
	Fixture *f = *state;
	Digest d;
	AUTO_BUF Buf out = BUF_INIT;
	must(store_blob_put(f->store, STR("hello"), true, &d));
	must(store_blob_read(f->store, &d, 100, &out));
	assert_string_equal(out.ptr, "hello");
	write_at(f, store_path_of("blobs/sha256", &d, "").text, "hellO");
	must_be(store_blob_read(f->store, &d, 100, &out), ERR_CORRUPT);
	write_at(f, store_path_of("blobs/sha256", &d, "").text, "");
	must(store_blob_put(f->store, STR("hello"), false, &d)); /* a cut one is written again */
	buf_reset(&out);
	must(store_blob_read(f->store, &d, 100, &out));
	must_be(store_blob_read(f->store, &d, 4, &out), ERR_INPUT);
}

static StoreRef ref_to(const char *name, const char *content)
{
	return (StoreRef){ .name = str_from(name), .config = sha256_of(str_from(content)) };
}

static void test_refs(void **state)
{
	Fixture *f = *state;
	StoreRef got, *all, a = ref_to("docker.io/library/a:1", "one"),
			    b = ref_to("localhost:5000/x/y:z", "one");
	size_t count;
	must_be(store_ref_get(f->store, a.name, &f->arena, &got), ERR_NOT_FOUND);
	must(store_ref_set(f->store, &a));
	must(store_ref_set(f->store, &b));
	must(store_ref_get(f->store, b.name, &f->arena, &got));
	assert_true(str_eq(got.name, b.name) && digest_eq(&got.config, &b.config));
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 2);
	assert_true(str_eq(all[0].name, a.name));
	must(store_ref_remove(f->store, a.name));
	must(store_ref_remove(f->store, a.name));
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 1);
}

static void test_moved_name_leaves_an_untagged_image(void **state)
{
	Fixture *f = *state;
	StoreRef *all, old = ref_to("docker.io/library/a:1", "one"),
		       new = ref_to("docker.io/library/a:1", "two");
	size_t count;
	must(store_ref_set(f->store, &old));
	must(store_ref_set(f->store, &new));
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 2);
	assert_true(str_starts(all[1].name, STR("sha256:")));
	assert_true(digest_eq(&all[1].config, &old.config));
	must(store_ref_set(f->store, &old)); /* named again: the mark goes, the other gets one */
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 2);
	assert_true(digest_eq(&all[1].config, &new.config));
}

static void test_a_name_for_several_platforms(void **state)
{
	Fixture *f = *state;
	Digest one = sha256_of(STR("one")), two = sha256_of(STR("two")),
	       fixed = sha256_of(STR("manifest"));
	StoreVariant both[] = { { .platform = STR("linux/amd64"), .config = one },
		                { .platform = STR("linux/arm64"), .config = two } };
	StoreRef got, *all, ref = ref_to("docker.io/library/a:1", "one"),
			    alone = ref_to("docker.io/library/a:1", "one");
	size_t count;
	ref.variants = both;
	ref.variant_count = 2;
	must(store_ref_set(f->store, &ref));
	store_ref_set_manifest(&ref, &two,
	                       &fixed); /* only that changes: it is written all the same */
	must(store_ref_set(f->store, &ref));
	must(store_ref_get(f->store, ref.name, &f->arena, &got));
	assert_int_equal(got.variant_count, 2);
	assert_true(str_eqc(got.variants[1].platform, "linux/arm64"));
	assert_true(digest_eq(&got.variants[1].config, &two));
	assert_true(digest_eq(store_ref_manifest(&got, &two), &fixed));
	assert_true(digest_is_zero(store_ref_manifest(&got, &one)));
	assert_true(store_ref_has(&got, &one) && !store_ref_has(&got, &fixed));
	/* The image that loses its name by a build for one platform stays findable, the other is no
	 * second one. */
	must(store_ref_set(f->store, &alone));
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 2);
	assert_int_equal(all[0].variant_count, 0);
	assert_true(digest_eq(&all[1].config, &two) && digest_eq(&all[1].manifest, &fixed));
	/* Named again among others its mark goes. */
	must(store_ref_set(f->store, &ref));
	must(store_ref_list(f->store, &f->arena, &all, &count));
	assert_int_equal(count, 1);
}

static void test_damaged_ref_is_named(void **state)
{
	Fixture *f = *state;
	StoreRef got, a = ref_to("docker.io/library/a:1", "one");
	must(store_ref_set(f->store, &a));
	write_at(f, "refs/docker.io%2Flibrary%2Fa%3A1", "decant-ref 1\nname x\n");
	Err *e = store_ref_get(f->store, a.name, &f->arena, &got);
	assert_non_null(e);
	assert_int_equal(err_kind(e), ERR_CORRUPT);
	assert_non_null(strstr(err_cause(e).ptr, "refs/docker.io%2Flibrary%2Fa%3A1"));
	err_free(e);
	must(store_ref_set(f->store, &a)); /* naming it again mends it */
	must(store_ref_get(f->store, a.name, &f->arena, &got));
}

static void test_long_ref(void **state)
{
	Fixture *f = *state;
	AUTO_BUF Buf name = BUF_INIT;
	for (int i = 0; i < 60; i++)
		buf_add_str(&name, STR("a/b:"));
	StoreRef got, a = { .name = buf_str(&name), .config = sha256_of(STR("x")) };
	must(store_ref_set(f->store, &a));
	must(store_ref_get(f->store, a.name, &f->arena, &got));
	assert_true(str_eq(got.name, a.name));
}

static void test_records(void **state)
{
	Fixture *f = *state;
	AUTO_BUF Buf out = BUF_INIT;
	Digest key = sha256_of(STR("key"));
	must_be(store_record_get(f->store, &key, &out), ERR_NOT_FOUND);
	must(store_record_put(f->store, &key, STR("layer x\nmore\n")));
	must(store_record_get(f->store, &key, &out));
	assert_string_equal(out.ptr, "layer x\nmore\n");
	Digest other = sha256_of(STR("other"));
	StorePath wrong = store_path_of("cache", &other, "");
	assert_int_equal(linkat(store_dir_fd(f->store), store_path_of("cache", &key, "").text,
	                        store_dir_fd(f->store), wrong.text, 0),
	                 0);
	must_be(store_record_get(f->store, &other, &out), ERR_NOT_FOUND);
	/* Every cut of the file and every flipped bit is a miss, never a wrong record. */
	StorePath path = store_path_of("cache", &key, "");
	AUTO_BUF Buf whole = BUF_INIT;
	int errnum;
	assert_true(store_read_small(f->store, path.text, &whole, &errnum));
	for (size_t cut = 0; cut < whole.len; cut++) {
		int fd = openat(store_dir_fd(f->store), path.text, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(write(fd, whole.ptr, cut), (ssize_t)cut);
		close(fd);
		must_be(store_record_get(f->store, &key, &out), ERR_NOT_FOUND);
	}
	for (size_t bit = 0; bit < whole.len * 8; bit++) {
		AUTO_BUF Buf flipped = BUF_INIT;
		buf_add_str(&flipped, buf_str(&whole));
		flipped.ptr[bit / 8] = (char)(flipped.ptr[bit / 8] ^ (1 << bit % 8));
		int fd = openat(store_dir_fd(f->store), path.text, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(write(fd, flipped.ptr, flipped.len), (ssize_t)flipped.len);
		close(fd);
		must_be(store_record_get(f->store, &key, &out), ERR_NOT_FOUND);
	}
}

static void test_dead_scratch_is_reaped(void **state)
{
	Fixture *f = *state;
	int live;
	must(store_tmp_fd(f->store, &live));
	assert_int_equal(mkdirat(live, "mine", 0700), 0);
	pid_t child = fork();
	if (child == 0) {
		Store *s;
		int tmp;
		if (store_open(f->dir, &s) || store_tmp_fd(s, &tmp) || mkdirat(tmp, "dead", 0700))
			_exit(1);
		_exit(0); /* without store_close: as a killed process leaves it */
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	int all, names = 0;
	must(store_reap(f->store));
	must(store_subdir(f->store, "tmp", &all));
	AUTO_CLOSE int again = openat(all, f->store->tmp_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(again >= 0); /* ours stays */
	assert_int_equal(faccessat(again, "mine", F_OK, 0), 0);
	close(all);
	char command[256];
	(void)snprintf(command, sizeof command, "ls %s/tmp | wc -l", f->dir);
	FILE *p = popen(command, "r");
	assert_int_equal(fscanf(p, "%d", &names), 1);
	(void)pclose(p);
	assert_int_equal(names, 1);
}

static void test_gc_keeps_what_is_named(void **state)
{
	Fixture *f = *state;
	Digest kept_child, kept, garbage, by_record;
	AUTO_BUF Buf json = BUF_INIT;
	char text[DIGEST_TEXT_LEN + 1];
	uint64_t freed;
	must(store_blob_put(f->store, STR("child"), false, &kept_child));
	buf_addf(&json, "{\"x\":\"%s\"}", digest_text(&kept_child, text).ptr);
	must(store_blob_put(f->store, buf_str(&json), false, &kept));
	must(store_blob_put(f->store, STR("garbage"), false, &garbage));
	must(store_blob_put(f->store, STR("by record"), false, &by_record));
	Digest key = sha256_of(STR("k"));
	must(store_record_put(f->store, &key, digest_text(&by_record, text)));
	StoreRef ref = { .name = STR("docker.io/library/a:1"), .config = kept };
	must(store_ref_set(f->store, &ref));
	must(store_gc(f->store, NULL, &freed));
	assert_true(store_blob_exists(f->store, &kept, NULL));
	assert_true(store_blob_exists(f->store, &kept_child, NULL));
	assert_true(store_blob_exists(f->store, &by_record, NULL));
	assert_false(store_blob_exists(f->store, &garbage, NULL));
	assert_true(freed > 0);
}

static void test_lock_excludes(void **state)
{
	Fixture *f = *state;
	Digest key = sha256_of(STR("k"));
	StoreLock one, two = STORE_LOCK_NONE;
	Cancel cancel;
	must(cancel_open(&cancel));
	cancel_set(&cancel);
	must(store_lock(f->store, "test", &key, NULL, &one));
	must_be(store_lock(f->store, "test", &key, &cancel, &two), ERR_CANCELLED);
	store_unlock(&one);
	must(store_lock(f->store, "test", &key, &cancel, &two));
	store_unlock(&two);
	cancel_close(&cancel);
}

static bool gc_would_wait(Store *s)
{
	StoreLock lock = STORE_LOCK_NONE;
	Cancel cancel;
	must(cancel_open(&cancel));
	cancel_set(&cancel); /* who would have to wait is told so */
	Err *e = store_lock_gc(s, true, &cancel, &lock);
	bool waits = e != NULL;
	err_free(e);
	store_unlock(&lock);
	cancel_close(&cancel);
	return waits;
}

static void test_hold_keeps_gc_away(void **state)
{
	Fixture *f = *state;
	Store *other;
	uint64_t freed;
	must(store_open(f->dir, &other));
	must(store_hold(f->store, NULL));
	must(store_hold(f->store, NULL));
	assert_true(gc_would_wait(other));
	pid_t child = fork(); /* has the lock's file open as well, and lives on */
	if (child == 0) {
		(void)pause();
		_exit(0);
	}
	store_release(f->store);
	assert_false(gc_would_wait(other));
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	must(store_hold(f->store, NULL));
	must(store_gc(f->store, NULL, &freed)); /* nobody waits for himself */
	store_close(other);
}

/* K10: a gc that was killed in the middle leaves a part of a directory, and the mark of a sync. */
static void test_half_removed_layer_is_made_anew(void **state)
{
	Fixture *f = *state;
	AUTO_LIST List *list = list_builder_finish(list_builder_new());
	StoreLayer layer = { .diff_id = sha256_of(STR("some tar")) }, is;
	char hex[DIGEST_HEX_LEN + 1];
	int tmp, layers;
	digest_hex(&layer.diff_id, hex);
	must(store_subdir(f->store, "layers", &layers));
	assert_int_equal(mkdirat(layers, hex, 0755), 0);
	AUTO_CLOSE int part = openat(layers, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(path_write_file(part, "part", STR("x"), 0644, false));
	must(store_layer_mark_synced(f->store, &layer.diff_id));
	must(store_tmp_fd(f->store, &tmp));
	assert_int_equal(mkdirat(tmp, "new", 0755), 0);
	AUTO_CLOSE int whole = openat(tmp, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(path_write_file(whole, "whole", STR("x"), 0644, false));
	must(store_layer_publish(f->store, &layer, list, "new"));
	must(store_layer_get(f->store, &layer.diff_id, &is));
	assert_true(is.has_dir);
	AUTO_CLOSE int now = openat(layers, hex, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(faccessat(now, "whole", F_OK, 0), 0);
	assert_int_equal(faccessat(now, "part", F_OK, 0), -1);
	char synced[DIGEST_HEX_LEN + 8];
	(void)snprintf(synced, sizeof synced, "%s.ok", hex);
	assert_int_equal(faccessat(layers, synced, F_OK, 0), -1);
	close(layers);
}

static void test_looking_creates_nothing(void **state)
{
	Fixture *f = *state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Store *s = f->store;
	const char *none = arena_strf(&a, "%s/none", f->dir).ptr;
	must(store_open_existing(none, &s));
	assert_null(s);
	assert_int_equal(access(none, F_OK), -1);
	must(store_open_existing(f->dir, &s));
	assert_non_null(s);
	store_close(s);
	assert_int_equal(mkdir(none, 0700), 0);
	assert_int_equal(mkdir(arena_strf(&a, "%s/photos", none).ptr, 0700), 0);
	must_be(store_open(none, &s), ERR_INPUT);
	assert_int_equal(access(arena_strf(&a, "%s/version", none).ptr, F_OK), -1);
	/* what a process leaves that was killed while it made one */
	assert_int_equal(rmdir(arena_strf(&a, "%s/photos", none).ptr), 0);
	assert_int_equal(mkdir(arena_strf(&a, "%s/refs", none).ptr, 0700), 0);
	must(store_open(none, &s));
	store_close(s);
}

/* --- cache mounts ---------------------------------------------------------------------------- */

typedef struct Filled {
	unsigned calls;
	bool fail;
} Filled;

static Err *fill(void *context, int dir_fd)
{
	Filled *f = context;
	f->calls++;
	TRY(path_write_file(dir_fd, "seed", STR("seeded"), 0644, false));
	return f->fail ? err_new(ERR_SYSTEM, "no more") : NULL;
}

static ino_t inode_of(const StoreMountHold *hold)
{
	struct stat st;
	assert_int_equal(fstat(hold->dir_fd, &st), 0);
	return st.st_ino;
}

static StoreMountHold take(Store *s, StoreMountWish wish, StoreSharing sharing)
{
	StoreMountHold hold;
	wish.sharing = sharing;
	must(store_mount_take(s, &wish, NULL, &hold));
	return hold;
}

static void test_mounts_are_shared_or_not(void **state)
{
	Fixture *f = *state;
	Filled filled = { 0 };
	StoreMountWish wish = { .key = sha256_of(STR("one")),
		                .info = STR("id one\n"),
		                .fill = fill,
		                .context = &filled };
	StoreMountHold a = take(f->store, wish, STORE_SHARED);
	StoreMountHold b = take(f->store, wish, STORE_SHARED);
	assert_true(inode_of(&a) == inode_of(&b));
	assert_int_equal(filled.calls, 1);
	StoreMountHold c = take(f->store, wish, STORE_PRIVATE);
	assert_true(inode_of(&c) != inode_of(&a));
	assert_int_equal(filled.calls, 2);
	ino_t first = inode_of(&a), second = inode_of(&c);
	store_mount_release(&a);
	store_mount_release(&b);
	/* the first that is free, without filling it again */
	a = take(f->store, wish, STORE_LOCKED);
	assert_true(inode_of(&a) == first);
	store_mount_release(&c);
	b = take(f->store, wish, STORE_LOCKED);
	assert_true(inode_of(&b) == second);
	assert_int_equal(filled.calls, 2);

	/* all are in use: who locks waits, and hears a cancel */
	Cancel cancel;
	StoreMountHold none;
	must(cancel_open(&cancel));
	cancel_set(&cancel);
	wish.sharing = STORE_LOCKED;
	must_be(store_mount_take(f->store, &wish, &cancel, &none), ERR_CANCELLED);
	cancel_close(&cancel);
	store_mount_release(&a);
	store_mount_release(&b);
}

static void test_mounts_are_listed_and_removed(void **state)
{
	Fixture *f = *state;
	Filled filled = { 0 };
	StoreMountWish wish = { .key = sha256_of(STR("two")),
		                .info = STR("id two\n"),
		                .fill = fill,
		                .context = &filled };
	StoreMount *list;
	size_t count;
	bool kept;
	StoreMountHold a = take(f->store, wish, STORE_PRIVATE);
	StoreMountHold b = take(f->store, wish, STORE_PRIVATE);
	must(store_mount_list(f->store, NULL, &f->arena, &list, &count));
	assert_int_equal(count, 1);
	assert_true(digest_eq(&list[0].key, &wish.key));
	assert_true(str_eqc(list[0].info, "id two\n"));
	assert_int_equal(list[0].count, 2);
	assert_int_equal(list[0].size_bytes, 2 * strlen("seeded"));
	assert_true(list[0].in_use && list[0].used_ns > 0);
	store_mount_release(&a);
	must(store_mount_remove(f->store, &wish.key, NULL, &kept));
	assert_true(kept);
	must(store_mount_list(f->store, NULL, &f->arena, &list, &count));
	assert_int_equal(list[0].count, 2);
	store_mount_release(&b);
	must(store_mount_remove(f->store, &wish.key, NULL, &kept));
	assert_false(kept);
	must(store_mount_list(f->store, NULL, &f->arena, &list, &count));
	assert_int_equal(count, 0);
	must(store_mount_remove(f->store, &wish.key, NULL, &kept));
	assert_false(kept);
}

/* What could not be filled is not there: the next one fills it. */
static void test_mounts_are_whole_or_absent(void **state)
{
	Fixture *f = *state;
	Filled filled = { .fail = true };
	StoreMountHold hold;
	StoreMountWish wish = {
		.key = sha256_of(STR("three")), .info = STR(""), .fill = fill, .context = &filled
	};
	must_be(store_mount_take(f->store, &wish, NULL, &hold), ERR_SYSTEM);
	filled.fail = false;
	hold = take(f->store, wish, STORE_SHARED);
	assert_int_equal(filled.calls, 2);
	assert_int_equal(faccessat(hold.dir_fd, "seed", R_OK, 0), 0);
	store_mount_release(&hold);
	uint64_t freed;
	must(store_gc(f->store, NULL, &freed));
	hold = take(f->store, wish, STORE_SHARED);
	assert_int_equal(filled.calls, 2); /* gc keeps caches */
	store_mount_release(&hold);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(private),
		T(looking_creates_nothing),
		T(newer_version_is_refused),
		T(blob_flip_is_found),
		T(refs),
		T(moved_name_leaves_an_untagged_image),
		T(a_name_for_several_platforms),
		T(damaged_ref_is_named),
		T(long_ref),
		T(records),
		T(dead_scratch_is_reaped),
		T(gc_keeps_what_is_named),
		T(lock_excludes),
		T(hold_keeps_gc_away),
		T(half_removed_layer_is_made_anew),
		T(mounts_are_shared_or_not),
		T(mounts_are_listed_and_removed),
		T(mounts_are_whole_or_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
