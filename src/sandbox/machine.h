/*
 * machine.h - the processors that programs of images are for: their ELF header, and a program that
 * does nothing, for trying.
 *
 * SOURCE   elf(5), e_machine of elf.h; each processor's calling convention in syscall(2)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

enum { MACHINE_HEADER_BYTES = 20 }; /* of an ELF file: up to e_machine */

typedef struct Machine {
	const char *arch; /* as OCI writes it */
	const char *qemu; /* as QEMU writes it: "aarch64" */
	uint16_t elf;     /* EM_... */
	uint8_t bits;     /* 32 or 64 */
	bool big_endian;
	uint32_t flags; /* e_flags of the program */
	const char *code;
	size_t code_bytes; /* exit(0) */
} Machine;

extern const Machine machine_table[];
extern const size_t machine_count;
const Machine *machine_find(Str arch); /* NULL: not known */
/* The first bytes of M's programs, and which of their bits count: executables of both kinds
 * (ET_EXEC, ET_DYN), any ABI. */
void machine_magic(const Machine *m, uint8_t magic[MACHINE_HEADER_BYTES],
                   uint8_t mask[MACHINE_HEADER_BYTES]);
/* An ELF program of CODE, which may lie anywhere: m->code is one that ends with status 0. */
void machine_program(const Machine *m, Str code, Buf *out);
