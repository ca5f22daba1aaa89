/*
 * user.h - who started the program.
 *
 * In a user namespace of ours everyone is 0, so geteuid() there does not tell whose files are
 * meant: where a user's own things lie is asked of these.
 *
 * SOURCE   user_namespaces(7)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

/* The effective and the real user ID as they were when the program started. */
uid_t user_at_start(void);
uid_t user_real_at_start(void);
