/*
 * mode.h - permissions in words: "u=rwX,go=rX", as chmod(1) takes them.
 *
 * WHAT     CLAUSE[,CLAUSE ...], a clause being who ([ugoa]*) and one or more of [+-=] with what
 *          follows it: letters of rwxXst, or u, g, o for a copy of that class's bits.  X is x for
 *          directories, and for files that have an x before anything is changed.  Without who: all,
 *          and no umask takes part.
 * SOURCE   POSIX.1-2024 chmod, "Extended description"; set-ID and sticky bits as FreeBSD's
 *          setmode(3), whose rules BuildKit has: "=" leaves the sticky bit unless t is named
 *
 * Depends on: str.h.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* The mode (07777) that CHANGES makes of *mode; false, with *mode as it was: a syntax error. Linear
 * in the length of CHANGES. */
bool mode_change(Str changes, bool is_dir, uint32_t *mode);
