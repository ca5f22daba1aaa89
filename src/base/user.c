/* user.c - who started the program, noted before main(). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/user.h"

#include <unistd.h>

static uid_t effective, real;

__attribute__((constructor)) static void note_user(void)
{
	effective = geteuid();
	real = getuid();
}

uid_t user_at_start(void)
{
	return effective;
}

uid_t user_real_at_start(void)
{
	return real;
}
