/*
 * quoted.h - names in lines of text: what would break the line is put in quotes, as git does it.
 *
 * SOURCE   git-config, core.quotePath=false: a name with control characters, a quote or a backslash
 *          stands in double quotes with the escapes of C; every other name as it is.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdio.h>

void quoted_print(Str name, FILE *out);
/* LINE as quoted_print() wrote it, or any that does not begin with a quote: the name. */
NODISCARD Err *quoted_read(Arena *a, Str line, Str *ret);
