/* test_emulate.c - programs of other processors: with a program of ours in an emulator's place, and
 * with QEMU where it is installed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/test/must.h"
#include "fs/path.h"
#include "sandbox/emulate.h"
#include "sandbox/machine.h"
#include "sandbox/test/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* No distribution for a PC has it registered. */
#define FOREIGN "s390x"

static void write_program(int dir_fd, const char *name, const Machine *m)
{
	AUTO_BUF Buf program = BUF_INIT;
	machine_program(m, (Str){ m->code, m->code_bytes }, &program);
	must(path_write_file(dir_fd, name, buf_str(&program), 0755, false));
}

static const Machine *own_machine(void)
{
	struct utsname u;
	assert_int_equal(uname(&u), 0);
	for (size_t i = 0; i < machine_count; i++)
		if (strcmp(u.machine, machine_table[i].qemu) == 0)
			return &machine_table[i];
	fail_msg("%s is in no table", u.machine);
	return NULL;
}

/* The headers say what binfmt_misc is told to look for, and one machine's are no other's. */
static void test_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < machine_count; i++) {
		uint8_t magic[MACHINE_HEADER_BYTES], mask[MACHINE_HEADER_BYTES];
		machine_magic(&machine_table[i], magic, mask);
		for (size_t k = 0; k < machine_count; k++) {
			AUTO_BUF Buf program = BUF_INIT;
			machine_program(&machine_table[k],
			                (Str){ machine_table[k].code, machine_table[k].code_bytes },
			                &program);
			bool same = true;
			for (size_t n = 0; n < MACHINE_HEADER_BYTES; n++)
				same = same && !(((uint8_t)program.ptr[n] ^ magic[n]) & mask[n]);
			assert_int_equal(same, i == k);
		}
	}
}

static void test_this_machine(void **state)
{
	(void)state;
	assert_int_equal(emulate_find(str_from(own_machine()->arch)), EMULATION_HOST);
	assert_int_equal(emulate_find(STR("vax")), EMULATION_NONE);
}

/* Each of our programs that do nothing is one for its processor: QEMU runs it. */
static void test_programs_in_qemu(void **state)
{
	Rig *rig = *state;
	unsigned tried = 0;
	for (size_t i = 0; i < machine_count; i++) {
		char command[300];
		(void)snprintf(command, sizeof command,
		               "command -v qemu-%s-static >/dev/null || exit 99; "
		               "qemu-%s-static %s/try",
		               machine_table[i].qemu, machine_table[i].qemu, rig->path);
		write_program(rig->dir_fd, "try", &machine_table[i]);
		int status = system(command); /* NOLINT(cert-env33-c,concurrency-mt-unsafe) */
		if (WEXITSTATUS(status) == 99)
			continue;
		if (status != 0)
			fail_msg("%s: status %d", machine_table[i].arch, status);
		tried++;
	}
	if (!tried) {
		print_message("no qemu-user-static here\n");
		skip();
	}
}

/* With a directory of ours in front, in which there is an "emulator". */
static void set_path(const Rig *rig, char *old, size_t size)
{
	char path[200];
	(void)snprintf(old, size, "%s", getenv("PATH"));
	(void)snprintf(path, sizeof path, "%s/emulators", rig->path);
	assert_int_equal(setenv("PATH", path, 1), 0);
}

static void test_a_program_in_path(void **state)
{
	Rig *rig = *state;
	char old[4096];
	if (emulate_find(STR(FOREIGN)) == EMULATION_HOST)
		skip();
	AUTO_CLOSE int dir = openat(rig_make_dir(rig, "emulators"), ".", O_RDONLY | O_CLOEXEC);
	set_path(rig, old, sizeof old);
	assert_int_equal(emulate_find(STR(FOREIGN)), EMULATION_NONE);
	/* What needs a loader is none: a run's root has no loader of this machine. */
	must(path_write_file(dir, "qemu-" FOREIGN "-static", STR("#!/bin/sh\n"), 0755, false));
	assert_int_equal(emulate_find(STR(FOREIGN)), EMULATION_NONE);
	write_program(dir, "qemu-" FOREIGN, own_machine());
	assert_int_equal(emulate_find(STR(FOREIGN)), EMULATION_WITHIN);
	assert_int_equal(setenv("PATH", old, 1), 0);
}

static int run_foreign(Rig *rig, int user_ns_fd, Ran *ret)
{
	const char *const argv[] = { "/bin/foreign", NULL };
	SandboxSpec spec = rig_spec(argv);
	spec.user_ns_fd = user_ns_fd;
	*ret = rig_run(rig, &spec, NULL);
	must(ret->error);
	return ret->result.exit_status;
}

static void test_registered_within(void **state)
{
	Rig *rig = *state;
	char old[4096];
	Emulators emulators = EMULATORS_NONE;
	const Str arches[] = { STR(FOREIGN) };
	AUTO_CLOSE int bin = openat(rig->base_fd, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(bin >= 0);
	write_program(bin, "foreign", machine_find(STR(FOREIGN)));
	set_path(rig, old, sizeof old);
	Err *e = emulate_find(arches[0]) == EMULATION_WITHIN
	                 ? emulate_open(arches, 1, &emulators)
	                 : err_new(ERR_SYSTEM, "the machine runs " FOREIGN);
	assert_int_equal(setenv("PATH", old, 1), 0);
	if (e) { /* before Linux 6.7 */
		err_print(e, stderr);
		err_free(e);
		skip();
	}
	AUTO_RAN Ran with = { 0 }, without = { 0 };
	assert_int_equal(run_foreign(rig, emulators.user_ns_fd, &with), 0);
	/* Nothing is registered for other runs, nor for the machine. */
	assert_int_equal(run_foreign(rig, 0, &without), 126);
	emulate_close(&emulators);
	assert_int_not_equal(access("/proc/sys/fs/binfmt_misc/qemu-" FOREIGN, F_OK), 0);
}

/* Who is what, and what may be done, is as in any other run. */
static void test_rights_within(void **state)
{
	Rig *rig = *state;
	char old[4096];
	Emulators emulators = EMULATORS_NONE;
	const Str arches[] = { STR(FOREIGN) };
	set_path(rig, old, sizeof old);
	Err *e = emulate_find(arches[0]) == EMULATION_WITHIN
	                 ? emulate_open(arches, 1, &emulators)
	                 : err_new(ERR_SYSTEM, "the machine runs " FOREIGN);
	assert_int_equal(setenv("PATH", old, 1), 0);
	if (e) {
		err_free(e);
		skip();
	}
	const char *const argv[] = {
		"/bin/sh", "-c",
		"id -u; touch /tmp/x && chown 1000:1000 /tmp/x && stat -c %u:%g /tmp/x; "
		"grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; "
		"su app -c 'id -u; echo > /etc/passwd' 2>&1; ls /proc | grep -c '^1$'; "
		"mount -t tmpfs x /tmp 2>/dev/null || echo refused",
		NULL
	};
	SandboxSpec spec = rig_spec(argv);
	AUTO_RAN Ran usual = rig_run(rig, &spec, NULL);
	must(usual.error);
	spec.user_ns_fd = emulators.user_ns_fd;
	AUTO_RAN Ran emulated = rig_run(rig, &spec, NULL);
	must(emulated.error);
	assert_non_null(strstr(usual.out.ptr, "a80425fb"));
	assert_string_equal(emulated.out.ptr, usual.out.ptr);
	emulate_close(&emulators);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),           cmocka_unit_test(test_this_machine),
		cmocka_unit_test(test_programs_in_qemu),  cmocka_unit_test(test_a_program_in_path),
		cmocka_unit_test(test_registered_within), cmocka_unit_test(test_rights_within),
	};
	return cmocka_run_group_tests(tests, rig_setup, rig_teardown);
}
