/* test_root.c - the root of a run: its layers and mounts, and what a command leaves in them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/test/expect.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static void test_upper(void **state)
{
	Rig *rig = *state;
	unsigned mounts = count_mounts();
	AUTO_RAN Ran nothing = rig_sh(rig, "true");
	expect_ran("nothing", &nothing);
	expect_upper(rig, "nothing", "");
	AUTO_RAN Ran r =
		rig_sh(rig, "mkdir /a; echo 1 > /a/b; rm /etc/passwd; echo x > /dev/shm/y");
	expect_ran("writing", &r);
	assert_int_equal(r.result.exit_status, 0);
	expect_upper(rig, "writing", "a/\na/b\netc/\netc/passwd (gone)\n");
	assert_int_equal(count_mounts(), mounts);
}

static void set_opaque(int dir_fd, const char *name)
{
	char key[64];
	snprintf(key, sizeof key, "%sopaque", sandbox_overlay_prefix());
	AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, key, "y", 1, 0), 0);
}

static void test_hidden_mount_points(void **state)
{
	Rig *rig = *state;
	AUTO_CLOSE int layer = rig_make_dir(rig, "opaque");
	assert_int_equal(mkdirat(layer, "etc", 0755), 0);
	set_opaque(layer, "etc");
	const int lowers[] = { layer, rig->base_fd, rig->init_fd };
	const char *const argv[] = { "sh", "-c", "ls /etc; cat /etc/hostname", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.lower_fds = lowers;
	spec.lower_count = ARRAY_LEN(lowers);
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	expect_ran("opaque etc", &r);
	expect_text("opaque etc", r.out.ptr, "hostname\nhosts\nresolv.conf\ndecant\n");
	expect_upper(rig, "opaque etc", "");
	/* What the command does in that directory stays, with the time it gave. */
	const char *const argv2[] = { "sh", "-c", "touch /etc/own", NULL };
	spec = rig_spec(argv2);
	spec.lower_fds = lowers;
	spec.lower_count = ARRAY_LEN(lowers);
	AUTO_RAN Ran r2 = rig_run(rig, &spec, NULL);
	expect_ran("opaque etc, written", &r2);
	expect_upper(rig, "opaque etc, written", "etc/\netc/own\n");
	/* chmod changes the directory and nothing in it. */
	const char *const argv3[] = { "chmod", "700", "/etc", NULL };
	spec = rig_spec(argv3);
	spec.lower_fds = lowers;
	spec.lower_count = ARRAY_LEN(lowers);
	AUTO_RAN Ran r3 = rig_run(rig, &spec, NULL);
	expect_ran("opaque etc, mode", &r3);
	expect_upper(rig, "opaque etc, mode", "etc/\n");
}

static void test_mounts(void **state)
{
	Rig *rig = *state;
	AUTO_CLOSE int source = rig_make_dir(rig, "source");
	AUTO_ERR Err *e = rig_write(source, "file", "content\n", 0644);
	assert_null(e);
	AUTO_CLOSE int file = openat(source, "file", O_PATH | O_CLOEXEC);
	const SandboxMount mounts[] = {
		{ SANDBOX_MOUNT_BIND, source, "/new/deep/ro", true, 0 },
		{ SANDBOX_MOUNT_BIND, source, "/tmp/rw", false, 0 },
		{ SANDBOX_MOUNT_TMPFS, -1, "/scratch", false, 1 << 20 },
		{ SANDBOX_MOUNT_BIND, file, "/run/secrets/id", true, 0 },
	};
	const char *const argv[] = { "sh", "-c",
		                     "cat /new/deep/ro/file /run/secrets/id; echo x > "
		                     "/new/deep/ro/y; echo 1 > /tmp/rw/z; "
		                     "echo 2 > /scratch/t; dd if=/dev/zero of=/scratch/big bs=1M "
		                     "count=2 2>/dev/null || echo full",
		                     NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.mounts = mounts;
	spec.mount_count = ARRAY_LEN(mounts);
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	expect_ran("mounts", &r);
	expect_text("mounts", r.out.ptr,
	            "content\ncontent\n"
	            "sh: can't create /new/deep/ro/y: Read-only file system\nfull\n");
	expect_upper(rig, "mounts", "");
	struct stat st;
	assert_int_equal(fstatat(source, "z", &st, 0), 0);
	assert_int_not_equal(fstatat(source, "y", &st, 0), 0);
	/* A mount point behind the image's own symlink, which leads "out". */
	AUTO_CLOSE int layer = rig_make_dir(rig, "linked");
	assert_int_equal(symlinkat("../../../../../..", layer, "out"), 0);
	const int lowers[] = { layer, rig->base_fd, rig->init_fd };
	const SandboxMount through[] = { { SANDBOX_MOUNT_BIND, source, "/out/canary/x", true, 0 } };
	const char *const argv2[] = { "ls", "/canary/x", NULL };
	spec = rig_spec(argv2);
	spec.lower_fds = lowers;
	spec.lower_count = ARRAY_LEN(lowers);
	spec.mounts = through;
	spec.mount_count = 1;
	AUTO_RAN Ran r2 = rig_run(rig, &spec, NULL);
	expect_ran("mount through a link", &r2);
	expect_text("mount through a link", r2.out.ptr, "file\nz\n");
	expect_upper(rig, "mount through a link", "");
	assert_int_not_equal(access("/canary", F_OK), 0);
	/* A file on a directory. */
	const SandboxMount wrong[] = { { SANDBOX_MOUNT_BIND, file, "/tmp", true, 0 } };
	spec = rig_spec(argv2);
	spec.mounts = wrong;
	spec.mount_count = 1;
	AUTO_RAN Ran r3 = rig_run(rig, &spec, NULL);
	expect_error("file on a directory", &r3, ERR_INPUT, "cannot mount a file on '/tmp'");
}

static void test_hostile_image(void **state)
{
	Rig *rig = *state;
	static const char *const places[] = { "proc", "sys", "dev" };
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char name[32], want[64];
		snprintf(name, sizeof name, "hostile-%s", places[i]);
		snprintf(want, sizeof want, "'/%s' of the image is not a directory", places[i]);
		AUTO_CLOSE int layer = rig_make_dir(rig, name);
		assert_int_equal(symlinkat("/tmp", layer, places[i]), 0);
		const int lowers[] = { layer, rig->base_fd, rig->init_fd };
		const char *const argv[] = { "true", NULL };
		SandboxSpec spec = rig_spec(argv);
		spec.lower_fds = lowers;
		spec.lower_count = ARRAY_LEN(lowers);
		AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
		expect_error(places[i], &r, ERR_INPUT, want);
	}
	/* /etc/resolv.conf as a dangling link: what it names is made for the run, and no more. */
	AUTO_CLOSE int layer = rig_make_dir(rig, "resolved");
	assert_int_equal(mkdirat(layer, "etc", 0755), 0);
	assert_int_equal(
		symlinkat("../run/systemd/resolve/stub-resolv.conf", layer, "etc/resolv.conf"), 0);
	const int lowers[] = { layer, rig->base_fd, rig->init_fd };
	const char *const argv[] = { "cat", "/etc/resolv.conf", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.lower_fds = lowers;
	spec.lower_count = ARRAY_LEN(lowers);
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	expect_ran("dangling resolv.conf", &r);
	assert_int_equal(r.result.exit_status, 0);
	expect_upper(rig, "dangling resolv.conf", "");
}

static void test_roots(void **state)
{
	Rig *rig = *state;
	const char *const argv[] = { "sh", "-c", "touch /x; cat /marker 2>/dev/null", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.upper_fd = -2;
	AUTO_RAN Ran read_only = rig_run(rig, &spec, NULL);
	expect_ran("read-only", &read_only);
	expect_text("read-only", read_only.out.ptr, "touch: /x: Read-only file system\n");
	/* A single layer and no upper. */
	AUTO_CLOSE int all = rig_make_dir(rig, "all");
	static const char *const dirs[] = { "proc", "sys", "dev", "etc", "bin" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdirat(all, dirs[i], 0755), 0);
	static const char *const files[] = { "etc/hosts", "etc/hostname", "etc/resolv.conf" };
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_int_equal(mknodat(all, files[i], S_IFREG | 0644, 0), 0);
	assert_int_equal(linkat(rig->base_fd, "bin/busybox", all, "bin/true", 0), 0);
	const char *const argv2[] = { "/bin/true", NULL };
	spec = rig_spec(argv2);
	spec.lower_fds = &all;
	spec.lower_count = 1;
	spec.upper_fd = -2;
	AUTO_RAN Ran single = rig_run(rig, &spec, NULL);
	expect_ran("one layer", &single);
	assert_int_equal(single.result.exit_status, 0);
}

static Ran run_with_many_layers(Rig *rig, unsigned count)
{
	enum { MAX = 300 };
	int lowers[MAX + 2];
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof name, "many-%u-%u", rig->runs, i);
		lowers[i] = rig_make_dir(rig, name);
		snprintf(name, sizeof name, "layer-%u", i);
		err_free(rig_write(lowers[i], name, "", 0644)); /* the count below tells */
	}
	lowers[count] = rig->base_fd;
	lowers[count + 1] = rig->init_fd;
	const char *const argv[] = { "sh", "-c", "ls / | grep -c ^layer-", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.lower_fds = lowers;
	spec.lower_count = count + 2;
	Ran r = rig_run(rig, &spec, NULL);
	for (unsigned i = 0; i < count; i++)
		close(lowers[i]);
	return r;
}

static void test_many_layers(void **state)
{
	AUTO_RAN Ran r = run_with_many_layers(*state, 260);
	expect_ran("260 layers", &r);
	expect_text("260 layers", r.out.ptr, "260\n");
}

static void test_old_mount_api(void **state)
{
	Rig *rig = *state;
	unsigned mounts = count_mounts();
	Sandbox *usual = rig->sandbox;
	root_force_old_api(true);
	AUTO_ERR Err *e = sandbox_open(rig->scratch_fd, &rig->sandbox);
	root_force_old_api(false);
	assert_null(e);
	AUTO_RAN Ran r = run_with_many_layers(rig, 250);
	AUTO_RAN Ran r2 = rig_sh(rig, "echo 1 > /a");
	AUTO_BUF Buf upper = BUF_INIT;
	rig_list_upper(rig, &upper);
	sandbox_close(rig->sandbox);
	rig->sandbox = usual;
	expect_ran("250 layers", &r);
	expect_text("250 layers", r.out.ptr, "250\n");
	expect_ran("old API", &r2);
	expect_text("old API", upper.ptr, "a\n");
	assert_int_equal(count_mounts(), mounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upper),         cmocka_unit_test(test_hidden_mount_points),
		cmocka_unit_test(test_mounts),        cmocka_unit_test(test_hostile_image),
		cmocka_unit_test(test_roots),         cmocka_unit_test(test_many_layers),
		cmocka_unit_test(test_old_mount_api),
	};
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
