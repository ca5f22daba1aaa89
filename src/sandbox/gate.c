/* gate.c - the program of a hundred bytes that stands between this one and the command. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/machine.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/*
 * A container may have /proc/self/exe as its command, as the #! of one, or as the loader of one.
 * Whose exec that is decides what it leads to: were it ours, the host's decant would run with the
 * libraries of the container, whose code could then open it, wait until nobody runs it, and as root
 * write into it (CVE-2019-5736).  So the exec of the command is not ours: this process becomes the
 * gate, which lies in memory and is sealed, and the gate becomes the command.
 *
 * The gate closes the report socket at its exec.  If that fails it sends the errno, one byte, and
 * ends with status 126.
 *
 * SOURCE  elf(5); each processor's calling convention in syscall(2); the stack of a new program:
 *         argc, argv, NULL, environment, NULL
 */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { REPORT = 3, SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/*
 *	if (fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
 *		error = execve(argv[0], argv + 1, environment);
 *		write(3, { 1, 0, error }, 9);  a message of wire.c: how many bytes, fds; the bytes
 *	}
 *	exit_group(126);
 *
 * Who comes to it by a name of his own, as /proc/self/exe, has nothing open as 3: for him it ends.
 */
/* clang-format off */
#if defined(__x86_64__)
#define GATE_ARCH "amd64"
static const char gate_code[] =
	"\xbf\x03\0\0\0\xbe\x02\0\0\0\xba\x01\0\0\0"       /* mov edi, 3; mov esi, 2; mov edx, 1 */
	"\xb8\x48\0\0\0\x0f\x05\x85\xc0\x75\x33"           /* mov eax, 72; syscall; test eax, eax; jnz end */
	"\x48\x8b\x7c\x24\x08\x48\x8d\x74\x24\x10"         /* mov rdi, [rsp+8]; lea rsi, [rsp+16] */
	"\x48\x8b\x04\x24\x48\x8d\x54\xc4\x10"             /* mov rax, [rsp]; lea rdx, [rsp+rax*8+16] */
	"\xb8\x3b\0\0\0\x0f\x05"                           /* mov eax, 59; syscall */
	"\xf7\xd8\x50\x6a\x01"                             /* neg eax; push rax; push 1 */
	"\xbf\x03\0\0\0\x48\x89\xe6\xba\x09\0\0\0"         /* mov edi, 3; mov rsi, rsp; mov edx, 9 */
	"\xb8\x01\0\0\0\x0f\x05"                           /* mov eax, 1; syscall */
	"\xbf\x7e\0\0\0\xb8\xe7\0\0\0\x0f\x05";            /* end: mov edi, 126; mov eax, 231; syscall */
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define GATE_ARCH "arm64"
static const char gate_code[] =
	"\x60\x00\x80\xd2\x41\x00\x80\xd2\x22\x00\x80\xd2" /* mov x0, 3; mov x1, 2; mov x2, 1 */
	"\x28\x03\x80\xd2\x01\x00\x00\xd4\x00\x02\x00\xb5" /* mov x8, 25; svc 0; cbnz x0, end */
	"\xe3\x03\x40\xf9\xe0\x07\x40\xf9"                 /* ldr x3, [sp]; ldr x0, [sp, 8] */
	"\xe1\x43\x00\x91\x22\x0c\x03\x8b"                 /* add x1, sp, 16; add x2, x1, x3, lsl 3 */
	"\xa8\x1b\x80\xd2\x01\x00\x00\xd4"                 /* mov x8, 221; svc 0 */
	"\xe0\x03\x00\xcb\xe0\x07\x00\xf9"                 /* neg x0, x0; str x0, [sp, 8] */
	"\x21\x00\x80\xd2\xe1\x03\x00\xf9"                 /* mov x1, 1; str x1, [sp] */
	"\x60\x00\x80\xd2\xe1\x03\x00\x91\x22\x01\x80\xd2" /* mov x0, 3; mov x1, sp; mov x2, 9 */
	"\x08\x08\x80\xd2\x01\x00\x00\xd4"                 /* mov x8, 64; svc 0 */
	"\xc0\x0f\x80\xd2\xc8\x0b\x80\xd2\x01\x00\x00\xd4"; /* end: mov x0, 126; mov x8, 94; svc 0 */
#elif defined(__riscv) && __riscv_xlen == 64
#define GATE_ARCH "riscv64"
static const char gate_code[] =
	"\x13\x05\x30\x00\x93\x05\x20\x00\x13\x06\x10\x00" /* li a0, 3; li a1, 2; li a2, 1 */
	"\x93\x08\x90\x01\x73\x00\x00\x00\x63\x12\x05\x04" /* li a7, 25; ecall; bnez a0, end */
	"\x83\x36\x01\x00\x03\x35\x81\x00"                 /* ld a3, 0(sp); ld a0, 8(sp) */
	"\x93\x05\x01\x01\x93\x96\x36\x00\x33\x86\xd5\x00" /* addi a1, sp, 16; slli a3, a3, 3; add a2, a1, a3 */
	"\x93\x08\xd0\x0d\x73\x00\x00\x00"                 /* li a7, 221; ecall */
	"\x33\x05\xa0\x40\x23\x34\xa1\x00"                 /* neg a0, a0; sd a0, 8(sp) */
	"\x93\x05\x10\x00\x23\x30\xb1\x00"                 /* li a1, 1; sd a1, 0(sp) */
	"\x13\x05\x30\x00\x93\x05\x01\x00\x13\x06\x90\x00" /* li a0, 3; mv a1, sp; li a2, 9 */
	"\x93\x08\x00\x04\x73\x00\x00\x00"                 /* li a7, 64; ecall */
	"\x13\x05\xe0\x07\x93\x08\xe0\x05\x73\x00\x00\x00"; /* end: li a0, 126; li a7, 94; ecall */
#else /* what is not tried is not used: there a command is executed without it */
#define GATE_ARCH ""
static const char gate_code[] = "";
#endif
/* clang-format on */

static int open_memory(void)
{
	int fd = memfd_create("gate", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	/* Before Linux 6.3 there is no such flag, and all of them may be executed. */
	return fd < 0 && errno == EINVAL ? memfd_create("gate", MFD_CLOEXEC | MFD_ALLOW_SEALING)
	                                 : fd;
}

int gate_open(void)
{
	const Machine *m = machine_find(STR(GATE_ARCH));
	AUTO_BUF Buf program = BUF_INIT;
	AUTO_CLOSE int fd = m ? open_memory() : -1;
	if (fd < 0)
		return -1; /* vm.memfd_noexec=2 */
	machine_program(m, (Str){ gate_code, sizeof gate_code - 1 }, &program);
	AUTO_ERR Err *e = path_write_all(fd, program.ptr, program.len, "the gate");
	if (e || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -1;
	return TAKE_FD(fd);
}

int gate_pass(int gate_fd, int report_fd, const char *file, const char *const *argv,
              const char *const *env)
{
	size_t count = 0;
	while (argv[count])
		count++;
	const char **words = xcalloc(count + 2, sizeof *words);
	words[0] = file;
	memcpy(words + 1, argv, (count + 1) * sizeof *words);
	int gate = gate_fd == REPORT ? fcntl(gate_fd, F_DUPFD_CLOEXEC, REPORT + 1) : gate_fd;
	/* The gate has it under this number, open. */
	int r = gate < 0              ? -1
	        : report_fd == REPORT ? fcntl(report_fd, F_SETFD, 0)
	                              : dup2(report_fd, REPORT);
	if (r >= 0)
		(void)syscall(SYS_execveat, gate, "", words, env, AT_EMPTY_PATH);
	int errnum = errno;
	free(words);
	return errnum;
}
