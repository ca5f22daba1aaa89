/* enter.c - this process becomes one that may mount. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"
#include "sandbox/idmap.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The inode number of the first user namespace: PROC_USER_INIT_INO of the kernel, an ABI since the
 * numbers of the initial namespaces were fixed (Linux 3.8). */
enum { INITIAL_USER_NAMESPACE = 0xEFFFFFFDu };

/*
 * Namespaces belong to the process as a whole, so what was entered is remembered here and not in an
 * object: after the change nothing in /proc tells a namespace of ours from one that was there.
 */
static bool entered;
static SandboxRung entered_rung;

static bool in_initial_user_namespace(void)
{
	struct stat st;
	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USER_NAMESPACE;
}

bool enter_may_mount(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	return syscall(SYS_capget, &head, data) == 0 &&
	       (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

SandboxRung sandbox_rung(void)
{
	if (entered)
		return entered_rung;
	if (geteuid() != 0 || !enter_may_mount())
		return SANDBOX_SUBIDS;
	return in_initial_user_namespace() ? SANDBOX_ROOT : SANDBOX_NESTED;
}

const char *sandbox_overlay_prefix(void)
{
	return sandbox_rung() == SANDBOX_ROOT ? "trusted.overlay." : "user.overlay.";
}

bool sandbox_entered(void)
{
	return entered;
}

/* The mounts of ours must not show outside; those made outside may come and go (slave): a private
 * copy would keep a disk busy that the administrator unmounts. */
static Err *isolate_mounts(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return hints_for_mount(err_sys(errno, "cannot make the mounts private"));
	return NULL;
}

Err *sandbox_enter(void)
{
	if (entered)
		return NULL;
	SandboxRung rung = sandbox_rung();
	if (rung == SANDBOX_SUBIDS)
		TRY(idmap_enter_namespaces());
	else if (unshare(CLONE_NEWNS) < 0)
		return hints_for_mount(err_sys(errno, "cannot make a mount namespace"));
	TRY(isolate_mounts());
	entered = true;
	entered_rung = rung;
	return NULL;
}
