/* hints.c - what the user can do when the kernel says no. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"

#include <fcntl.h>
#include <stdio.h>

/* What a small file of /proc says, cut at SIZE - 1; "" if it is not there. */
static void read_small(const char *path, char *text, size_t size)
{
	text[0] = '\0';
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

int64_t hints_sysctl(const char *name, int64_t fallback)
{
	char path[128], text[32];
	snprintf(path, sizeof path, "/proc/sys/%s", name);
	read_small(path, text, sizeof text);
	uint64_t value;
	return str_to_u64(str_trim(str_from(text)), &value) && value <= INT64_MAX ? (int64_t)value
	                                                                          : fallback;
}

bool hints_seccomp_filtered(void)
{
	char text[4096];
	read_small("/proc/self/status", text, sizeof text);
	const char *line = strstr(text, "\nSeccomp:");
	return line && strtol(line + strlen("\nSeccomp:"), NULL, 10) == 2;
}

Err *hints_for_user_namespace(int errnum, const char *what)
{
	Err *e = err_sys(errnum, "%s", what);
	if (hints_sysctl("user/max_user_namespaces", 1) == 0)
		return err_note(e, "user namespaces are switched off: as root, "
		                   "sysctl -w user.max_user_namespaces=15000");
	if (hints_sysctl("kernel/unprivileged_userns_clone", 1) == 0)
		return err_note(e, "this kernel gives user namespaces to root only: as root, "
		                   "sysctl -w kernel.unprivileged_userns_clone=1");
	if (errnum == ENOSPC) {
		/* "No space left on device" would send people to look at their disks. */
		err_free(e);
		e = err_new(ERR_SYSTEM, "%s: there are too many of them", what);
		return err_note(e, "all user namespaces are in use, or they are nested too deep: "
		                   "see user.max_user_namespaces");
	}
	if (errnum == EPERM && hints_seccomp_filtered())
		return err_note(e, "a seccomp filter is put on this process from outside, as "
		                   "container engines do: allow unshare, clone and mount there "
		                   "(docker: --security-opt seccomp=unconfined)");
	if (errnum == EPERM)
		return err_note(e, "a security module or a chroot may forbid it");
	return e;
}

Err *hints_for_mount(Err *e)
{
	if (!e || (err_errno(e) != EPERM && err_errno(e) != EACCES))
		return e;
	if (hints_sysctl("kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		return err_note(e,
		                "AppArmor takes the rights away inside user namespaces: give this "
		                "program a profile with 'userns,', or, as root, "
		                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
	if (hints_seccomp_filtered())
		return err_note(e, "a seccomp filter is put on this process from outside, as "
		                   "container engines do: it must allow mount");
	return e;
}
