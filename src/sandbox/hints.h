/*
 * hints.h - what the user can do when the kernel says no.
 *
 * WHAT     A bare EPERM helps nobody.  These look at the few sysctls, security modules and files
 *          that are known to forbid namespaces and mounts and name the one that stands in the way.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

/* err_sys(ERRNUM, WHAT) with notes: why user namespaces cannot be had. */
NODISCARD Err *hints_for_user_namespace(int errnum, const char *what);
/* The same for mounts inside a namespace of ours. */
NODISCARD Err *hints_for_mount(Err *e);
/* One number of /proc/sys, or FALLBACK if it is not there. */
int64_t hints_sysctl(const char *name, int64_t fallback);
/* Is a seccomp filter put on us from outside? */
bool hints_seccomp_filtered(void);
