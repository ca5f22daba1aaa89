/*
 * csv.h - one line of comma-separated fields, as `--mount`, `--output`, `--secret` have it.
 *
 * SOURCE   RFC 4180 as Go's encoding/csv reads it: a field in double quotes may hold commas, and a
 *          quote as two; a quote inside an unquoted field is an error
 * ERRORS   ERR_INPUT; a Span only if the caller puts one
 * OWNS     fields borrow the text, or live in A if quotes had to be taken off
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* One field off the front of *REST; *ret_more: a comma followed, so there is another one. */
NODISCARD Err *csv_cut(Arena *a, Str *rest, Str *ret, bool *ret_more);
