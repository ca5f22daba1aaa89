/*
 * must.h - what every test needs around functions that return an Err.
 *
 * WHAT     cmocka with all that it wants before it, must() for calls that may not fail, and the way of
 *          an ordinary user to a namespace with ids for files of several owners.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* clang-format off: it wants the headers above before it */
#include <cmocka.h>
/* clang-format on */

static inline void must(Err *e)
{
	if (!e)
		return;
	err_print(e, stderr);
	err_free(e);
	fail_msg("unexpected error");
}

/* Run this program again as root of a namespace that has all ids, unless it is root or runs there:
 * true if that cannot be.  Its first argument says that it does. */
static inline bool cannot_have_ids(int argc, char **argv)
{
	if (geteuid() == 0 || argc > 1)
		return false;
	(void)execlp("unshare", "unshare", "--map-auto", "--map-root-user", argv[0], "inside",
	             (char *)NULL);
	perror("unshare");
	return true;
}
