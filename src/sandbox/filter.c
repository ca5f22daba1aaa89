/* filter.c - docker's default seccomp profile as a BPF program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/vec.h"
#include "sandbox/filter_table.h"
#include "sandbox/sandbox-internal.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>

/*
 * libseccomp knows the numbers of each architecture; the program is put together here.  Its own
 * takes 22 ms to make as a binary tree, is three times as long, and the kernel runs it for each
 * number of each architecture when it is loaded, once a run.
 *
 * The numbers fall into ranges with one answer each: a sorted list of steps, where each step holds
 * from its number to the next one.  A binary search over them is the program.
 */

/* The bits of clone(2)'s flags that make namespaces: 0x7e020000. */
static const uint32_t namespace_flags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                        CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

enum {
	X32_BIT = 0x40000000, /* in the numbers of x32, which shares x86-64's architecture */
	ALLOW = SECCOMP_RET_ALLOW,
	NOT_PERMITTED = SECCOMP_RET_ERRNO | EPERM,
	NOT_THERE = SECCOMP_RET_ERRNO | ENOSYS,
	/* Answers that hang on the first argument: no values of the kernel's. */
	BY_FAMILY = 1,
	BY_PERSONALITY,
	BY_CLONE_FLAGS,
};

typedef struct Step {
	uint32_t from;
	uint32_t answer;
} Step;
typedef VEC(Step) Steps;
typedef VEC(struct sock_filter) Program;

/* --- the answers for one architecture -------------------------------------------------------- */

typedef struct Architecture {
	uint32_t audit;    /* AUDIT_ARCH_... */
	uint32_t names[2]; /* SCMP_ARCH_...: whose numbers; 0 none */
} Architecture;

static const Architecture architectures[] = {
#if defined(__x86_64__)
	{ AUDIT_ARCH_X86_64, { SCMP_ARCH_X86_64, SCMP_ARCH_X32 } },
	{ AUDIT_ARCH_I386, { SCMP_ARCH_X86, 0 } },
#elif defined(__aarch64__)
	{ AUDIT_ARCH_AARCH64, { SCMP_ARCH_AARCH64, 0 } },
	{ AUDIT_ARCH_ARM, { SCMP_ARCH_ARM, 0 } },
#else
#error "the architecture is not known here"
#endif
};

/* i386 has these since Linux 4.3 and 5.1 beside socketcall and ipc; libseccomp gives the numbers of
 * those two for them. */
static const struct {
	const char *name;
	uint32_t number;
} i386_direct[] = {
	{ "socket", 359 },      { "socketpair", 360 }, { "bind", 361 },
	{ "connect", 362 },     { "listen", 363 },     { "accept4", 364 },
	{ "getsockopt", 365 },  { "setsockopt", 366 }, { "getsockname", 367 },
	{ "getpeername", 368 }, { "sendto", 369 },     { "sendmsg", 370 },
	{ "recvfrom", 371 },    { "recvmsg", 372 },    { "shutdown", 373 },
	{ "semget", 393 },      { "semctl", 394 },     { "shmget", 395 },
	{ "shmctl", 396 },      { "shmat", 397 },      { "shmdt", 398 },
	{ "msgget", 399 },      { "msgsnd", 400 },     { "msgrcv", 401 },
	{ "msgctl", 402 },      { "recvmmsg", 337 },   { "sendmmsg", 345 },
};

static int number_of(uint32_t arch, const char *name)
{
	for (size_t i = 0; arch == SCMP_ARCH_X86 && i < ARRAY_LEN(i386_direct); i++)
		if (strcmp(i386_direct[i].name, name) == 0)
			return (int)i386_direct[i].number;
	return seccomp_syscall_resolve_name_arch(arch, name);
}

/* One number; a negative one is none: the architecture, or libseccomp, does not have it. */
static void add_number(Steps *numbers, int number, uint32_t answer)
{
	if (number >= 0)
		VEC_PUSH(numbers, (Step){ (uint32_t)number, answer });
}

static void add_names(Steps *numbers, uint32_t arch)
{
	for (size_t i = 0; i < ARRAY_LEN(filter_allowed); i++)
		add_number(numbers, number_of(arch, filter_allowed[i]), ALLOW);
	add_number(numbers, number_of(arch, "socket"), BY_FAMILY);
	add_number(numbers, number_of(arch, "personality"), BY_PERSONALITY);
	add_number(numbers, number_of(arch, "clone"), BY_CLONE_FLAGS);
	/* Its flags lie in memory, where no filter can look; every libc falls back to clone. */
	add_number(numbers, number_of(arch, "clone3"), NOT_THERE);
}

static int by_number(const void *a, const void *b)
{
	const Step *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

static void add_step(Steps *steps, uint32_t from, uint32_t answer)
{
	if (steps->len && steps->at[steps->len - 1].from == from)
		steps->len--;
	if (!steps->len || steps->at[steps->len - 1].answer != answer)
		VEC_PUSH(steps, (Step){ from, answer });
}

/* BOUNDS: from where on a number that is not in NUMBERS has which answer; the first is 0. */
static void to_steps(Steps *numbers, const Step *bounds, size_t bound_count, Steps *steps)
{
	size_t b = 0;
	if (numbers->len > 0)
		qsort(numbers->at, numbers->len, sizeof *numbers->at, by_number);
	for (size_t i = 0; i < numbers->len; i++) {
		const Step *n = &numbers->at[i];
		for (; b < bound_count && bounds[b].from <= n->from; b++)
			add_step(steps, bounds[b].from, bounds[b].answer);
		add_step(steps, n->from, n->answer);
		if (n->from < UINT32_MAX)
			add_step(steps, n->from + 1, bounds[b - 1].answer);
	}
	for (; b < bound_count; b++)
		add_step(steps, bounds[b].from, bounds[b].answer);
}

/* --- the program ----------------------------------------------------------------------------- */

static void emit(Program *p, unsigned code, uint32_t k, unsigned on_true, unsigned on_false)
{
	VEC_PUSH(p, (struct sock_filter)BPF_JUMP((uint16_t)code, k, (uint8_t)on_true,
	                                         (uint8_t)on_false));
}

static void emit_load(Program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void emit_return(Program *p, uint32_t value)
{
	emit(p, BPF_RET | BPF_K, value, 0, 0);
}

/* The halves of the first argument, which has 64 bits (both architectures are little-endian). */
static const size_t argument_low = offsetof(struct seccomp_data, args);
static const size_t argument_high = offsetof(struct seccomp_data, args) + 4;

static void emit_clone_flags(Program *p)
{
	emit_load(p, argument_low);
	emit(p, BPF_JMP | BPF_JSET | BPF_K, namespace_flags, 0, 1);
	emit_return(p, NOT_PERMITTED);
	emit_return(p, ALLOW);
}

static void emit_search(Program *p, const Step *steps, size_t count);

/* Allowed with a first argument out of VALUES. */
static void emit_values(Program *p, const uint32_t *values, size_t count)
{
	static const Step bounds[] = { { 0, NOT_PERMITTED } };
	AUTO_VEC Steps allowed = { 0 }, steps = { 0 };
	for (size_t i = 0; i < count; i++)
		VEC_PUSH(&allowed, (Step){ values[i], ALLOW });
	to_steps(&allowed, bounds, ARRAY_LEN(bounds), &steps);
	emit_load(p, argument_high);
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	emit_return(p, NOT_PERMITTED);
	emit_load(p, argument_low);
	emit_search(p, steps.at, steps.len);
}

static void emit_answer(Program *p, uint32_t answer)
{
	switch (answer) {
	case BY_FAMILY:
		emit_values(p, filter_families, ARRAY_LEN(filter_families));
		break;
	case BY_PERSONALITY:
		emit_values(p, filter_personalities, ARRAY_LEN(filter_personalities));
		break;
	case BY_CLONE_FLAGS:
		emit_clone_flags(p);
		break;
	default:
		emit_return(p, answer);
	}
}

/*
 * The answer for the number that is loaded.  A conditional jump reaches only 255 instructions,
 * which NEAR steps and the three long answers never fill; the unconditional one that a longer
 * search steps over, or not, reaches any.
 */
static void emit_search(Program *p, const Step *steps, size_t count)
{
	enum { NEAR = 64 };
	if (count == 1) {
		emit_answer(p, steps->answer);
		return;
	}
	size_t half = count / 2, jump = p->len;
	emit(p, BPF_JMP | BPF_JGE | BPF_K, steps[half].from, 0, count > NEAR);
	if (count > NEAR)
		emit(p, BPF_JMP | BPF_JA, 0, 0, 0);
	size_t start = p->len;
	emit_search(p, steps, half);
	if (count > NEAR)
		p->at[jump + 1].k = (uint32_t)(p->len - start);
	else
		p->at[jump].jt = (uint8_t)(p->len - start);
	emit_search(p, steps + half, count - half);
}

static void emit_architecture(Program *p, const Architecture *arch)
{
	static const Step bounds[] = { { 0, NOT_PERMITTED },
		                       { FILTER_FIRST_NEW, NOT_THERE },
		                       { X32_BIT, NOT_PERMITTED } };
	AUTO_VEC Steps numbers = { 0 }, steps = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(arch->names) && arch->names[i]; i++)
		add_names(&numbers, arch->names[i]);
	for (size_t i = 0; i < ARRAY_LEN(filter_allowed_new); i++)
		VEC_PUSH(&numbers, (Step){ filter_allowed_new[i], ALLOW });
	to_steps(&numbers, bounds, ARRAY_LEN(bounds), &steps);
	emit_load(p, offsetof(struct seccomp_data, nr));
	emit_search(p, steps.at, steps.len);
}

Err *filter_build(struct sock_fprog *ret)
{
	AUTO_VEC Program p = { 0 };
	emit_load(&p, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
		emit(&p, BPF_JMP | BPF_JEQ | BPF_K, architectures[i].audit, 1, 0);
		size_t jump = p.len;
		emit(&p, BPF_JMP | BPF_JA, 0, 0, 0);
		emit_architecture(&p, &architectures[i]);
		p.at[jump].k = (uint32_t)(p.len - jump - 1);
	}
	emit_return(&p, SECCOMP_RET_KILL_THREAD);
	if (p.len > BPF_MAXINSNS)
		return err_new(ERR_SYSTEM, "the seccomp filter is too long (%zu)", p.len);
	*ret = (struct sock_fprog){ .len = (unsigned short)p.len, .filter = p.at };
	p.at = NULL;
	return NULL;
}
