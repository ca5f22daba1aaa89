/* net.c - the network of a run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>

enum { RESOLV_CONF_BYTES_MAX = 1 << 20 };

Err *net_host_resolv_conf(Buf *out)
{
	/* O_NOFOLLOW is wrong here: it is the administrator's own link (systemd-resolved). */
	AUTO_CLOSE int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot open '/etc/resolv.conf'");
	return path_read_fd(fd, RESOLV_CONF_BYTES_MAX, "/etc/resolv.conf", out);
}
