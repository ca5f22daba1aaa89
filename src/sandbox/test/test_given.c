/* test_given.c - mounts, limits and rights that a run is given; by the new and the old mount API.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "fs/path.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/test/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* sh -c SCRIPT with what GIVEN has; what it printed must be WANT, its upper UPPER. */
static void expect(Rig *rig, SandboxSpec given, const char *script, const char *want,
                   const char *upper)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.mounts = given.mounts;
	spec.mount_count = given.mount_count;
	spec.limits = given.limits;
	spec.limit_count = given.limit_count;
	spec.shm_bytes = given.shm_bytes;
	spec.insecure = given.insecure;
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	if (r.error) {
		err_print(r.error, stderr);
		fail_msg("%s: did not run", script);
	}
	if (strcmp(r.out.ptr ? r.out.ptr : "", want) != 0)
		fail_msg("%s: got\n%s\nwant\n%s", script, r.out.ptr, want);
	AUTO_BUF Buf got = BUF_INIT;
	rig_list_upper(rig, &got);
	if (strcmp(got.ptr ? got.ptr : "", upper) != 0)
		fail_msg("%s: upper is\n%s\nwant\n%s", script, got.ptr, upper);
}

/* Two layers: the upper one hides "a" and has a link that leads out. */
static void make_layers(Rig *rig, int fds[2], const char *names[2])
{
	fds[0] = rig_make_dir(rig, names[0]);
	fds[1] = rig_make_dir(rig, names[1]);
	assert_int_equal(mkdirat(fds[1], "dir", 0755), 0);
	must(rig_write(fds[1], "dir/a", "low\n", 0644));
	must(rig_write(fds[1], "dir/b", "low\n", 0644));
	assert_int_equal(mkdirat(fds[0], "dir", 0755), 0);
	must(rig_write(fds[0], "dir/a", "high\n", 0644));
	assert_int_equal(symlinkat("../../../../dir", fds[0], "out"), 0);
	assert_int_equal(symlinkat("/etc/passwd", fds[0], "passwd"), 0);
}

static void check_layers(Rig *rig, const char *names[4])
{
	int fds[2];
	make_layers(rig, fds, names);
	AUTO_CLOSE int upper = openat(rig_make_dir(rig, names[2]), ".", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int work = openat(rig_make_dir(rig, names[3]), ".", O_RDONLY | O_CLOEXEC);
	SandboxMount all = { .kind = SANDBOX_MOUNT_LAYERS,
		             .target = "/new/all",
		             .lower_fds = fds,
		             .lower_count = 2,
		             .upper_fd = -1,
		             .work_fd = -1,
		             .part = "" };
	SandboxMount parts[] = { all, all, all };
	parts[1].target = "/part";
	parts[1].part = "out";
	parts[2].target = "/file";
	parts[2].part = "dir/a";
	expect(rig, (SandboxSpec){ .mounts = parts, .mount_count = 3 },
	       "cat /new/all/dir/a /new/all/dir/b /file; ls /part; touch /part/x; ls -A /dev/.m* "
	       "2>&1",
	       "high\nlow\nhigh\na\nb\ntouch: /part/x: Read-only file system\n"
	       "ls: /dev/.m*: No such file or directory\n",
	       "");
	all.upper_fd = upper;
	all.work_fd = work;
	all.part = "dir";
	expect(rig, (SandboxSpec){ .mounts = &all, .mount_count = 1 },
	       "echo new > /new/all/a; rm /new/all/b; ls /new/all; cat /new/all/a", "a\nnew\n", "");
	/* written to the upper it was given, and to no layer */
	struct stat st;
	assert_int_equal(fstatat(upper, "dir/a", &st, 0), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(fstatat(fds[0], "dir/a", &st, 0), 0);
	assert_int_equal(st.st_size, 5);
	close(fds[0]);
	close(fds[1]);
}

static void test_layers(void **state)
{
	const char *names[] = { "l1", "l2", "u", "w" };
	check_layers(*state, names);
}

static void test_layers_by_the_old_api(void **state)
{
	Rig *rig = *state;
	Sandbox *usual = rig->sandbox;
	const char *names[] = { "o1", "o2", "ou", "ow" };
	root_force_old_api(true);
	Err *e = sandbox_open(rig->scratch_fd, &rig->sandbox);
	root_force_old_api(false);
	must(e);
	check_layers(rig, names);
	sandbox_close(rig->sandbox);
	rig->sandbox = usual;
}

static void test_a_part_that_is_missing(void **state)
{
	Rig *rig = *state;
	AUTO_CLOSE int layer = rig_make_dir(rig, "hollow");
	const SandboxMount m = { .kind = SANDBOX_MOUNT_LAYERS,
		                 .target = "/x",
		                 .lower_fds = &layer,
		                 .lower_count = 1,
		                 .upper_fd = -1,
		                 .work_fd = -1,
		                 .part = "nope" };
	const char *const argv[] = { "true", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.mounts = &m;
	spec.mount_count = 1;
	AUTO_RAN Ran r = rig_run(rig, &spec, NULL);
	assert_non_null(r.error);
	assert_int_equal(err_errno(r.error), ENOENT);
	AUTO_RAN Ran next = rig_sh(rig, "ls /x 2>/dev/null; echo on");
	assert_null(next.error);
	assert_string_equal(next.out.ptr, "on\n");
}

static void test_files_in_memory(void **state)
{
	Rig *rig = *state;
	AUTO_CLOSE int content = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(write(content, "secret\n", 7), 7);
	const SandboxMount mounts[] = {
		{ .kind = SANDBOX_MOUNT_FILE,
		  .source_fd = content,
		  .target = "/run/secrets/s",
		  .uid = 1000,
		  .gid = 50,
		  .mode = 0440 },
		{ .kind = SANDBOX_MOUNT_FILE,
		  .source_fd = content,
		  .target = "/again",
		  .mode = 0700 },
	};
	expect(rig, (SandboxSpec){ .mounts = mounts, .mount_count = 2 },
	       "cat /run/secrets/s /again; stat -c '%u %g %a %F' /run/secrets/s /again; "
	       "echo x >> /again; rm /again 2>/dev/null || echo kept; ls -A /dev | grep mount",
	       "secret\nsecret\n1000 50 440 regular file\n0 0 700 regular file\n"
	       "sh: can't create /again: Read-only file system\nkept\n",
	       "");
}

static void test_memory_lets_no_device_work(void **state)
{
	Rig *rig = *state;
	const SandboxMount m = { .kind = SANDBOX_MOUNT_TMPFS,
		                 .target = "/t",
		                 .size_bytes = 1 << 20 };
	expect(rig, (SandboxSpec){ .mounts = &m, .mount_count = 1 },
	       "grep -c ' /t tmpfs rw,nosuid,relatime,size=1024k' /proc/mounts; "
	       "mknod /t/zero c 1 5 2>/dev/null; head -c 1 /t/zero 2>/dev/null || echo no",
	       "1\nno\n", "");
}

static void test_mounts_in_mounts(void **state)
{
	Rig *rig = *state;
	AUTO_CLOSE int outer = rig_make_dir(rig, "outer");
	AUTO_CLOSE int inner = rig_make_dir(rig, "inner");
	const SandboxMount mounts[] = {
		{ .kind = SANDBOX_MOUNT_BIND, .source_fd = outer, .target = "/o" },
		{ .kind = SANDBOX_MOUNT_BIND, .source_fd = inner, .target = "/o/i/deep" },
		{ .kind = SANDBOX_MOUNT_TMPFS, .target = "/o/t" },
	};
	expect(rig, (SandboxSpec){ .mounts = mounts, .mount_count = 3 },
	       "echo 1 > /o/i/deep/f; echo 2 > /o/t/g; ls /o", "i\nt\n", "");
	struct stat st;
	assert_int_equal(fstatat(inner, "f", &st, 0), 0);
	/* its mount points stay where they were made: in the outer one */
	assert_int_equal(fstatat(outer, "i/deep", &st, 0), 0);
	assert_int_not_equal(fstatat(outer, "t/g", &st, 0), 0);
}

static void test_limits(void **state)
{
	Rig *rig = *state;
	const SandboxLimit limits[] = { { RLIMIT_NOFILE, 50, 60, "nofile" },
		                        { RLIMIT_CORE, 0, 0, "core" } };
	expect(rig, (SandboxSpec){ .limits = limits, .limit_count = 2, .shm_bytes = 2 << 20 },
	       "ulimit -n; ulimit -Hn; ulimit -c; grep -o 'shm.*size=[0-9]*k' /proc/mounts | grep "
	       "-o "
	       "'size.*'",
	       "50\n60\n0\nsize=2048k\n", "");
}

static void test_insecure(void **state)
{
	Rig *rig = *state;
	expect(rig, (SandboxSpec){ .insecure = true },
	       "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo mounted; "
	       "grep ^CapEff /proc/self/status | grep -c a80425fb",
	       "Seccomp:\t0\nmounted\n0\n", "");
	/* and of the next run nothing is left */
	AUTO_RAN Ran r = rig_sh(rig, "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp "
	                             "2>/dev/null || echo refused");
	assert_null(r.error);
	assert_string_equal(r.out.ptr, "Seccomp:\t2\nrefused\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_layers_by_the_old_api),
		cmocka_unit_test(test_a_part_that_is_missing),
		cmocka_unit_test(test_files_in_memory),
		cmocka_unit_test(test_memory_lets_no_device_work),
		cmocka_unit_test(test_mounts_in_mounts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_insecure),
	};
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
