/* filter.c - docker's default seccomp profile as a BPF program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/filter_table.h"
#include "sandbox/sandbox-internal.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * libseccomp knows the numbers of each architecture; building takes it 1.2 ms, so the server does
 * it once and every run loads the finished program.  As a binary tree (SCMP_FLTATR_CTL_OPTIMIZE 2)
 * it is also quicker to load: the kernel tries it for each system call number once, to cache the
 * answers.
 */

/* The bits of clone(2)'s flags that make namespaces: 0x7e020000. */
static const uint64_t namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                        CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

static void release(scmp_filter_ctx *c)
{
	if (*c)
		seccomp_release(*c);
}

static Err *check(int failed, const char *what)
{
	return failed == 0 ? NULL : err_sys(-failed, "cannot build the seccomp filter (%s)", what);
}

static Err *allow_number(scmp_filter_ctx c, const char *name, unsigned count,
                         const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return NULL;
	return check(seccomp_rule_add_array(c, SCMP_ACT_ALLOW, number, count, args), name);
}

static Err *add_architectures(scmp_filter_ctx c)
{
	/* The native one is there from the start. */
#if defined(__x86_64__)
	const uint32_t others[] = { SCMP_ARCH_X86, SCMP_ARCH_X32 };
#elif defined(__aarch64__)
	const uint32_t others[] = { SCMP_ARCH_ARM };
#else
	const uint32_t others[] = { SCMP_ARCH_NATIVE };
#endif
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		int failed = seccomp_arch_add(c, others[i]);
		if (failed != -EEXIST)
			TRY(check(failed, "architecture"));
	}
	return NULL;
}

static Err *add_rules(scmp_filter_ctx c)
{
	for (size_t i = 0; i < ARRAY_LEN(filter_allowed); i++)
		TRY(allow_number(c, filter_allowed[i], 0, NULL));
	for (size_t i = 0; i < ARRAY_LEN(filter_families); i++)
		TRY(allow_number(c, "socket", 1, &SCMP_A0(SCMP_CMP_EQ, filter_families[i])));
	for (size_t i = 0; i < ARRAY_LEN(filter_personalities); i++)
		TRY(allow_number(c, "personality", 1,
		                 &SCMP_A0(SCMP_CMP_EQ, filter_personalities[i])));
	TRY(allow_number(c, "clone", 1, &SCMP_A0(SCMP_CMP_MASKED_EQ, namespace_flags, 0)));
	/* Its flags lie in memory, where no filter can look; every libc falls back to clone. */
	return check(seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0), "clone3");
}

/* What comes before libseccomp's program: the numbers it may not know. */
static void add_new_numbers(struct sock_filter *at, size_t *ret_count)
{
	struct sock_filter *start = at;
	const size_t allowed = ARRAY_LEN(filter_allowed_new);
	/* Lengths of jumps are counted from the next instruction. */
	const uint8_t to_rest = (uint8_t)(allowed + 2);
	*at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                     offsetof(struct seccomp_data, nr));
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FILTER_FIRST_NEW, 0,
	                                     (uint8_t)(to_rest + 1));
	/* x32 marks its numbers with this bit; libseccomp deals with them. */
	*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, to_rest, 0);
	for (size_t i = 0; i < allowed; i++)
		*at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
		                                     filter_allowed_new[i], (uint8_t)(allowed - i),
		                                     0);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	*at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	*ret_count = (size_t)(at - start);
}

static Err *export(scmp_filter_ctx c, struct sock_fprog *ret)
{
	enum { PROLOGUE_MAX = ARRAY_LEN(filter_allowed_new) + 5 };
	AUTO_CLOSE int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot make a memory file");
	TRY(check(seccomp_export_bpf(c, fd), "export"));
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot stat a memory file");
	size_t bytes = (size_t)st.st_size, count;
	struct sock_filter *program = xmalloc(PROLOGUE_MAX * sizeof *program + bytes);
	AUTO_FREE void *owned = program;
	add_new_numbers(program, &count);
	if (pread(fd, program + count, bytes, 0) != (ssize_t)bytes)
		return err_sys(errno, "cannot read the seccomp filter back");
	count += bytes / sizeof *program;
	if (count > BPF_MAXINSNS)
		return err_new(ERR_SYSTEM, "the seccomp filter is too long (%zu)", count);
	*ret = (struct sock_fprog){ .len = (unsigned short)count, .filter = TAKE_PTR(owned) };
	return NULL;
}

Err *filter_build(struct sock_fprog *ret)
{
	CLEANUP(release) scmp_filter_ctx c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!c)
		return err_new(ERR_SYSTEM, "cannot build the seccomp filter");
	TRY(check(seccomp_attr_set(c, SCMP_FLTATR_CTL_NNP, 0), "no_new_privs"));
	/* Missing before libseccomp 2.5: then it is a list, slower and as right. */
	(void)seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	TRY(add_architectures(c));
	TRY(add_rules(c));
	return export(c, ret);
}
