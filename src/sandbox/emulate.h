/*
 * emulate.h - programs for other processors: do they run here, and how.
 *
 * WHAT     The kernel runs some itself (386 on amd64), others by an interpreter that somebody
 *          registered with binfmt_misc for the whole machine.  Where nobody did, but a static
 *          qemu-ARCH is in PATH, it is registered for runs of ours alone: since Linux 6.7 a user
 *          namespace has a binfmt_misc of its own.  Nothing is ever registered for the machine.
 * SOURCE   binfmt_misc.rst; qemu's scripts/qemu-binfmt-conf.sh; elf(5)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef enum Emulation {
	EMULATION_NONE,   /* nothing here runs them */
	EMULATION_HOST,   /* they run: by the kernel itself, or by what is registered */
	EMULATION_WITHIN, /* once emulate_open() has registered what is in PATH */
} Emulation;

/* How programs for ARCH, as OCI writes it, run here.  Starts a process: before the first thread.
 * All of them are for Linux; variants are not told apart. */
Emulation emulate_find(Str arch);
/* "qemu-aarch64-static", for messages; "": none is known. */
Str emulate_program(Arena *a, Str arch);
/* All names of processors that there is a program for. */
size_t emulate_arch_count(void);
Str emulate_arch(size_t number);

typedef struct Emulators {
	int user_ns_fd; /* for SandboxSpec.user_ns_fd */
	int mount_fd;   /* what is registered is so while this is open */
} Emulators;

#define EMULATORS_NONE ((Emulators){ -1, -1 })

/*
 * Register the programs for ARCHES (EMULATION_WITHIN) in a user namespace of their own, in which
 * ids are those of this process.  After sandbox_enter(), before the first thread. ERR_SYSTEM: the
 * kernel is too old, or does not let us
 */
NODISCARD Err *emulate_open(const Str *arches, size_t count, Emulators *ret);
void emulate_close(Emulators *e);
