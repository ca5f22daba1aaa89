/* test_filter.c - the seccomp program, run number by number. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/filter_table.h"
#include "sandbox/sandbox-internal.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

#define DENIED  (SECCOMP_RET_ERRNO | EPERM)
#define MISSING (SECCOMP_RET_ERRNO | ENOSYS)

static struct sock_fprog program;

/* What the kernel's classic BPF does with the few instructions that the program is made of. */
static uint32_t answer(uint32_t arch, uint32_t number, uint64_t argument)
{
	struct seccomp_data data = { .nr = (int)number, .arch = arch, .args = { argument } };
	uint32_t a = 0;
	for (size_t at = 0; at < program.len; at++) {
		const struct sock_filter *i = &program.filter[at];
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			assert_true(i->k + sizeof a <= sizeof data);
			memcpy(&a, (const char *)&data + i->k, sizeof a);
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

static const struct {
	uint32_t audit, names;
} machines[] = {
#if defined(__x86_64__)
	{ AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64 },
	{ AUDIT_ARCH_X86_64, SCMP_ARCH_X32 },
	{ AUDIT_ARCH_I386, SCMP_ARCH_X86 },
#elif defined(__aarch64__)
	{ AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64 },
	{ AUDIT_ARCH_ARM, SCMP_ARCH_ARM },
#endif
};

static void expect(const char *name, uint64_t argument, uint32_t wanted)
{
	for (size_t m = 0; m < ARRAY_LEN(machines); m++) {
		int number = seccomp_syscall_resolve_name_arch(machines[m].names, name);
		if (number < 0)
			continue;
		uint32_t got = answer(machines[m].audit, (uint32_t)number, argument);
		if (got != wanted)
			fail_msg("%s (%d) of %#x: %#x, not %#x", name, number, machines[m].names,
			         got, wanted);
	}
}

static void test_names(void **state)
{
	static const char *const denied[] = {
		"mount",
		"umount2",
		"pivot_root",
		"setns",
		"unshare",
		"bpf",
		"keyctl",
		"add_key",
		"request_key",
		"init_module",
		"kexec_load",
		"delete_module",
		"finit_module",
		"open_tree",
		"move_mount",
		"fsopen",
		"swapon",
		"reboot",
		"perf_event_open",
		"userfaultfd",
		"io_uring_setup",
		"settimeofday",
		"open_by_handle_at",
		"quotactl",
		"acct",
		"mount_setattr",
		"syslog",
		"iopl",
		"ioperm",
		"vhangup",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filter_allowed); i++)
		expect(filter_allowed[i], 0, SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < ARRAY_LEN(denied); i++)
		expect(denied[i], 0, DENIED);
	expect("clone3", 0, MISSING);
}

static void test_arguments(void **state)
{
	(void)state;
	expect("clone", 17, SECCOMP_RET_ALLOW);
	expect("clone", CLONE_NEWUSER | 17, DENIED);
	expect("clone", CLONE_NEWNS, DENIED);
	expect("clone", CLONE_NEWCGROUP, DENIED);
	expect("personality", 0x20008, SECCOMP_RET_ALLOW);
	expect("personality", 0xffffffff, SECCOMP_RET_ALLOW);
	expect("personality", 0x40000, DENIED); /* ADDR_NO_RANDOMIZE */
	for (uint32_t family = 0; family < 300; family++) {
		uint32_t wanted = DENIED;
		for (size_t i = 0; i < ARRAY_LEN(filter_families); i++)
			if (filter_families[i] == family)
				wanted = SECCOMP_RET_ALLOW;
		expect("socket", family, wanted);
	}
	expect("socket", 1ull << 32 | AF_INET, DENIED);
#if defined(__x86_64__)
	/* i386's own socket, beside socketcall: libseccomp has no number for it. */
	assert_int_equal(answer(AUDIT_ARCH_I386, 359, AF_INET), SECCOMP_RET_ALLOW);
	assert_int_equal(answer(AUDIT_ARCH_I386, 359, 40), DENIED);
#endif
}

static void test_new_numbers(void **state)
{
	(void)state;
	for (uint32_t number = FILTER_FIRST_NEW; number < 1000; number++) {
		uint32_t wanted = MISSING;
		for (size_t i = 0; i < ARRAY_LEN(filter_allowed_new); i++)
			if (filter_allowed_new[i] == number)
				wanted = SECCOMP_RET_ALLOW;
		for (size_t m = 0; m < ARRAY_LEN(machines); m++)
			assert_int_equal(answer(machines[m].audit, number, 0), wanted);
	}
}

static void test_other_architectures(void **state)
{
	(void)state;
	assert_int_equal(answer(0, 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(answer(AUDIT_ARCH_S390X, 0, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(answer(machines[0].audit, UINT32_MAX, 0), DENIED);
}

static int build_program(void **state)
{
	(void)state;
	AUTO_ERR Err *e = filter_build(&program);
	return e ? -1 : 0;
}

static int free_program(void **state)
{
	(void)state;
	free(program.filter);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_new_numbers),
		cmocka_unit_test(test_other_architectures),
	};
	return cmocka_run_group_tests(tests, build_program, free_program);
}
