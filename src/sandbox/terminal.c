/* terminal.c - a pseudo-terminal of the command's own /dev/pts, and its master to the caller. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/sandbox-internal.h"
#include "sandbox/wire.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/*
 * One that the caller had opened would be of another devpts: no /dev/pts/N in there is it, and
 * tty(1), ttyname(3) and whoever opens /dev/stdout again find nothing.
 */

enum { PTMX_MAJOR = 5, PTMX_MINOR = 2 }; /* Documentation/admin-guide/devices.txt */

Err *terminal_open(const SandboxSpec *spec, const char *ptmx, int *ret_slave_fd)
{
	char answer = 0;
	int unlocked = 0;
	AUTO_CLOSE int master =
		openat(AT_FDCWD, ptmx, O_RDWR | O_NOCTTY | O_CLOEXEC); /* /dev is the run's own */
	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return err_sys(errno, "cannot open a pseudo-terminal");
	AUTO_CLOSE int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(errno, "cannot open the pseudo-terminal");
	/* Whose it is already, or who has no id here: as it is. */
	(void)!fchown(slave, spec->uid, (gid_t)-1);
	TRY(wire_send(spec->terminal_fd, STR("T"), &master, 1));
	ssize_t n;
	while ((n = recv(spec->terminal_fd, &answer, 1, 0)) < 0 && errno == EINTR)
		;
	if (n != 1)
		return err_new(ERR_SYSTEM, "nobody has taken the command's terminal");
	*ret_slave_fd = TAKE_FD(slave);
	return NULL;
}

static bool is_master(int fd)
{
	struct stat st;
	unsigned number;
	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == makedev(PTMX_MAJOR, PTMX_MINOR) && ioctl(fd, TIOCGPTN, &number) == 0;
}

Err *sandbox_terminal_take(int fd, int *ret_master_fd)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList fds = { 0 };
	bool end = false;
	TRY(wire_recv(fd, &bytes, &fds, &end));
	if (end || fds.len != 1 || !is_master(fds.at[0]))
		return err_new(ERR_SYSTEM, "the command has no pseudo-terminal");
	*ret_master_fd = fcntl(fds.at[0], F_DUPFD_CLOEXEC, 3);
	return *ret_master_fd < 0 ? err_sys(errno, "cannot take the pseudo-terminal") : NULL;
}
