/*
 * follow.h - where an entry of an archive goes that is named through a link of the same archive.
 *
 * WHAT     "lib -> usr/lib", then "lib/x" means "usr/lib/x".  Links are looked up in the entries
 *          so far, never on disk; an absolute one begins at the archive's root, and nothing leads
 *          out of that.  The last component is not followed: an entry replaces a link.
 * ERRORS   ERR_CORRUPT naming the entry: a link that leads out, a circle of links, a path too long
 * SOURCE   the behaviour of docker's ADD (28.5)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fs/list.h"

/* *ret is PATH itself if no link is on the way; else it lives in A. */
NODISCARD Err *extract_follow(ListBuilder *list, Str path, Arena *a, Str *ret);
