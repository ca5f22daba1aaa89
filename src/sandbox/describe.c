/* describe.c - what this kernel and this user can do, in words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/hints.h"
#include "sandbox/idmap.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/utsname.h>

static void describe_rung(Buf *out)
{
	uint64_t uids, gids;
	switch (sandbox_rung()) {
	case SANDBOX_ROOT:
		buf_addf(out, "privileges: root\n");
		return;
	case SANDBOX_NESTED:
		buf_addf(out, "privileges: root of a user namespace (a container)\n");
		return;
	case SANDBOX_SUBIDS:
		if (geteuid() == 0) {
			buf_addf(out, "privileges: root without CAP_SYS_ADMIN (a container)\n");
			return;
		}
		idmap_count(&uids, &gids);
		buf_addf(
			out,
			"privileges: user with %llu subordinate uids and %llu subordinate gids%s\n",
			(unsigned long long)uids, (unsigned long long)gids,
			uids > 0 && gids > 0 ? "" : " (needed: see subuid(5))");
		return;
	}
}

void sandbox_describe(Buf *out)
{
	struct utsname u;
	if (uname(&u) == 0)
		buf_addf(out, "kernel: %s %s\n", u.release, u.machine);
	describe_rung(out);
	if (hints_sysctl("user/max_user_namespaces", 1) == 0 ||
	    hints_sysctl("kernel/unprivileged_userns_clone", 1) == 0)
		buf_addf(out, "user namespaces: switched off by sysctl\n");
	else if (hints_sysctl("kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		buf_addf(out, "user namespaces: restricted by AppArmor\n");
	else
		buf_addf(out, "user namespaces: allowed\n");
	if (hints_seccomp_filtered())
		buf_addf(out, "seccomp: a filter from outside is on this process\n");
	bool tun = faccessat(AT_FDCWD, "/dev/net/tun", R_OK | W_OK, 0) == 0;
	buf_addf(out, "network default: %s\n",
	         tun ? "own, by slirp4netns" : "the host's ('/dev/net/tun' may not be opened)");
}
