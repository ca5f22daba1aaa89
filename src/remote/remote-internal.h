/* remote-internal.h - what the files of this module share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "remote/remote.h"

size_t remote_user_info_len(Str s);

/* --- query.c --- */
/* S with %XX as bytes, '+' as a blank if PLUS.  False: a '%' without two digits, or a NUL. */
bool remote_decode(Arena *a, Str s, bool plus, Str *ret);
/* "a/../b//c" → "b/c"; what climbs stays inside. */
Str remote_clean(Arena *a, Str path);
/* The query's settings into GIT, which holds what the fragment said. */
NODISCARD Err *remote_read_query(Arena *a, Str query, RemoteGit *git);
