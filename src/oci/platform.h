/* platform.h - os/arch/variant as OCI spells them, and which image fits this machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

typedef struct Platform {
	Str os, arch, variant; /* "linux", "amd64", "" (arm64: "v8" is written as "") */
} Platform;

Platform platform_host(void); /* of this machine, from uname */
/* "linux/arm64/v8", "amd64", "local"; aliases (x86_64, aarch64) are normalised. */
NODISCARD Err *platform_parse(Arena *a, Str text, Platform *ret);
/* Spellings that mean the same made one, as platform_parse() does. */
void platform_normalise(Platform *p);
Str platform_text(Arena *a, const Platform *p);
/* How well OFFERED runs on WANTED: 0 not at all, higher is better (exact variant best). */
int platform_fit(const Platform *wanted, const Platform *offered);
