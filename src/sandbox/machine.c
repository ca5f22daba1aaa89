/* machine.c - ELF for each processor: what its programs begin with, and the smallest of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/machine.h"

#include <elf.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#define CODE(text) .code = (text), .code_bytes = sizeof(text) - 1

const Machine machine_table[] = {
	/* xor edi, edi; mov eax, 60; syscall */
	{ "amd64", "x86_64", EM_X86_64, 64, false, 0, CODE("\x31\xff\xb8\x3c\0\0\0\x0f\x05") },
	/* xor ebx, ebx; mov eax, 1; int 0x80 */
	{ "386", "i386", EM_386, 32, false, 0, CODE("\x31\xdb\xb8\x01\0\0\0\xcd\x80") },
	/* mov x0, 0; mov x8, 93; svc 0 */
	{ "arm64", "aarch64", EM_AARCH64, 64, false, 0,
	  CODE("\0\0\x80\xd2\xa8\x0b\x80\xd2\x01\0\0\xd4") },
	/* mov r0, 0; mov r7, 1; svc 0 */
	{ "arm", "arm", EM_ARM, 32, false, EF_ARM_EABI_VER5,
	  CODE("\0\0\xa0\xe3\x01\x70\xa0\xe3\0\0\0\xef") },
	/* li a0, 0; li a7, 93; ecall */
	{ "riscv64", "riscv64", EM_RISCV, 64, false, 0,
	  CODE("\x13\x05\0\0\x93\x08\xd0\x05\x73\0\0\0") },
	/* li r0, 1; li r3, 0; sc */
	{ "ppc64le", "ppc64le", EM_PPC64, 64, false, 2,
	  CODE("\x01\0\0\x38\0\0\x60\x38\x02\0\0\x44") },
	{ "ppc64", "ppc64", EM_PPC64, 64, true, 2, CODE("\x38\0\0\x01\x38\x60\0\0\x44\0\0\x02") },
	/* lhi r2, 0; svc 1 */
	{ "s390x", "s390x", EM_S390, 64, true, 0, CODE("\xa7\x28\0\0\x0a\x01") },
	/* li v0, 5058; li a0, 0; syscall */
	{ "mips64le", "mips64el", EM_MIPS, 64, false, 0x60000000,
	  CODE("\xc2\x13\x02\x24\0\0\x04\x24\x0c\0\0\0") },
	{ "mips64", "mips64", EM_MIPS, 64, true, 0x60000000,
	  CODE("\x24\x02\x13\xc2\x24\x04\0\0\0\0\0\x0c") },
	/* li v0, 4001; li a0, 0; syscall */
	{ "mipsle", "mipsel", EM_MIPS, 32, false, 0x50001004,
	  CODE("\xa1\x0f\x02\x24\0\0\x04\x24\x0c\0\0\0") },
	{ "mips", "mips", EM_MIPS, 32, true, 0x50001004,
	  CODE("\x24\x02\x0f\xa1\x24\x04\0\0\0\0\0\x0c") },
	/* ori a7, zero, 93; ori a0, zero, 0; syscall 0 */
	{ "loong64", "loongarch64", EM_LOONGARCH, 64, false, 0x43,
	  CODE("\x0b\x74\x81\x03\x04\0\x80\x03\0\0\x2b\0") },
};
const size_t machine_count = ARRAY_LEN(machine_table);

const Machine *machine_find(Str arch)
{
	for (size_t i = 0; i < machine_count; i++)
		if (str_eqc(arch, machine_table[i].arch))
			return &machine_table[i];
	return NULL;
}

/* The number N as M writes it. */
static void put(Buf *out, const Machine *m, uint64_t n, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		unsigned shift = 8 * (m->big_endian ? bytes - 1 - i : i);
		buf_add_char(out, (char)(n >> shift & 0xff));
	}
}

static void put_start(Buf *out, const Machine *m)
{
	const char ident[EI_NIDENT] = {
		ELFMAG0,
		ELFMAG1,
		ELFMAG2,
		ELFMAG3,
		(char)(m->bits == 64 ? ELFCLASS64 : ELFCLASS32),
		(char)(m->big_endian ? ELFDATA2MSB : ELFDATA2LSB),
		EV_CURRENT,
	};
	buf_add(out, ident, sizeof ident);
	put(out, m, ET_EXEC, 2);
	put(out, m, m->elf, 2);
}

void machine_magic(const Machine *m, uint8_t magic[MACHINE_HEADER_BYTES],
                   uint8_t mask[MACHINE_HEADER_BYTES])
{
	AUTO_BUF Buf start = BUF_INIT;
	put_start(&start, m);
	memcpy(magic, start.ptr, MACHINE_HEADER_BYTES);
	memset(mask, 0xff, MACHINE_HEADER_BYTES);
	mask[EI_OSABI] = 0;
	mask[EI_NIDENT + m->big_endian] = 0xfe; /* ET_EXEC is 2, ET_DYN 3 */
}

void machine_program(const Machine *m, Str code, Buf *out)
{
	const unsigned word = m->bits / 8;
	const size_t head = m->bits == 64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	const size_t segment = m->bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const uint64_t base = 0x400000, start = head + segment, size = start + code.len;
	put_start(out, m);
	put(out, m, EV_CURRENT, 4);
	put(out, m, base + start, word); /* e_entry */
	put(out, m, head, word);         /* e_phoff */
	put(out, m, 0, word);            /* e_shoff */
	put(out, m, m->flags, 4);
	put(out, m, head, 2);
	put(out, m, segment, 2);
	put(out, m, 1, 2); /* e_phnum */
	put(out, m, 0, 2); /* no sections */
	put(out, m, 0, 2);
	put(out, m, 0, 2);
	put(out, m, PT_LOAD, 4);
	if (m->bits == 64)
		put(out, m, PF_R | PF_X, 4);
	put(out, m, 0, word);    /* p_offset */
	put(out, m, base, word); /* p_vaddr */
	put(out, m, base, word);
	put(out, m, size, word); /* p_filesz */
	put(out, m, size, word);
	if (m->bits == 32)
		put(out, m, PF_R | PF_X, 4);
	put(out, m, 0x10000, word); /* p_align: pages of any size */
	buf_add_str(out, code);
}
