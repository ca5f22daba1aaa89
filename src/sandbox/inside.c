/* inside.c - PID 1 of a run: from a fresh set of namespaces to the user's command. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/child.h"
#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static Err *become_session(const SandboxSpec *spec)
{
	(void)setsid(); /* fails only if we are a leader already */
	/* Keys of the user's session are not the command's (docker does the same); no keyring at
	 * all, or a full quota, is no reason not to run. */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	const char *name = spec->hostname ? spec->hostname : SANDBOX_HOSTNAME;
	if (sethostname(name, strlen(name)) < 0)
		return err_sys(errno, "cannot set the host name '%s'", name);
	return NULL;
}

static Err *loopback_up(void)
{
	AUTO_CLOSE int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	if (s < 0 || ioctl(s, SIOCSIFFLAGS, &lo) < 0)
		return err_sys(errno, "cannot bring the loopback interface up");
	return NULL;
}

/* The stubs must be known to the supervisor before the command can change anything. */
static Err *report_stubs(const Inside *in, Stubs *stubs)
{
	if (stubs->made.len == 0)
		return NULL;
	target_seal_stubs(in->spec->upper_fd, stubs);
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, NULL);
	target_encode_stubs(stubs, &bytes);
	return wire_send(in->report_fd, buf_str(&bytes), NULL, 0);
}

/* What is mounted below keeps its own ways: /dev, volumes. */
static Err *make_root_read_only(int root_fd)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	if (syscall(SYS_mount_setattr, root_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return hints_for_mount(err_sys(errno, "cannot make the root read-only"));
	return NULL;
}

static Err *pivot(int root_fd)
{
	if (fchdir(root_fd) < 0)
		return err_sys(errno, "cannot enter the root");
	/* New root and place for the old one are the same: the old one then covers the new one,
	 * and the unmount uncovers it (pivot_root(2), "pivot_root(".", ".")"). */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return hints_for_mount(err_sys(errno, "cannot change the root"));
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(errno, "cannot leave the old root");
	if (chdir("/") < 0)
		return err_sys(errno, "cannot enter the new root");
	return NULL;
}

Err *inside_set_stdio(const SandboxSpec *spec, int terminal_fd)
{
	int fds[3] = { spec->stdin_fd, spec->stdout_fd, spec->stderr_fd };
	if (terminal_fd >= 0)
		fds[0] = fds[1] = fds[2] = terminal_fd;
	for (int i = 0; i < 3; i++) {
		/* The server has put /dev/null on 0, 1 and 2: what is not given stays that. */
		if (fds[i] >= 0 && dup2(fds[i], i) < 0)
			return err_sys(errno, "cannot set up standard input and output");
	}
	if (terminal_fd >= 0 && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
		return err_sys(errno, "cannot take the terminal");
	return NULL;
}

/*
 * After this nothing but 0, 1, 2 and the report socket is open, and that is close-on-exec: a
 * directory fd of the host that survives, or a working directory outside the root, would be a way
 * out (CVE-2024-21626).
 */
static Err *close_others(const Inside *in)
{
	if (syscall(SYS_close_range, 3u, ~0u, (unsigned)CLOSE_RANGE_CLOEXEC) == 0)
		return NULL;
	/* Before Linux 5.11.  All our fds are made close-on-exec; this takes care of inherited
	 * ones. */
	for (int fd = 3; fd < 4096; fd++)
		if (fd != in->report_fd)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return NULL;
}

Err *inside_enter_cwd(const char *cwd)
{
	char real[4096];
	if (cwd[0] != '/')
		return err_new(ERR_INPUT, "the working directory '%s' is not absolute", cwd);
	if (chdir(cwd) < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
		               ? err_new(ERR_INPUT, "cannot use the working directory '%s': %s",
		                         cwd, strerror(errno))
		               : err_sys(errno, "cannot enter the working directory '%s'", cwd);
	/* The kernel's own call, not the libc's, which hides the answer "(unreachable)". */
	if (syscall(SYS_getcwd, real, sizeof real) < 0 || real[0] != '/')
		return err_new(ERR_INPUT, "the working directory '%s' is outside the root", cwd);
	return NULL;
}

static Err *prepare(const Inside *in)
{
	Stubs stubs = { 0 }; /* ends with this process */
	sigset_t none;
	sigemptyset(&none);
	TRY(child_die_with(in->report_fd));
	if (in->cgroups->count)
		TRY(cgroup_join(in->cgroups));
	TRY(become_session(in->spec));
	if (in->own_network)
		TRY(loopback_up());
	int terminal_fd;
	TRY(mounts_make(in, &stubs, &terminal_fd));
	TRY(report_stubs(in, &stubs));
	if (in->spec->read_only)
		TRY(make_root_read_only(in->root_fd));
	TRY(pivot(in->root_fd));
	TRY(inside_set_stdio(in->spec, terminal_fd)); /* it is close-on-exec */
	TRY(close_others(in));
	TRY(inside_enter_cwd(in->spec->cwd));
	umask(022);
	TRY(rights_drop(in->host, in->spec));
	TRY(child_die_with(in->report_fd)); /* changing ids has cleared it */
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return err_sys(errno, "cannot unblock signals");
	return NULL;
}

NORETURN void inside_main(const Inside *in)
{
	AUTO_ERR Err *e = prepare(in);
	if (!e)
		command_become(in->spec, in->host->gate_fd, in->report_fd);
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, e);
	err_free(wire_send(in->report_fd, buf_str(&bytes), NULL, 0)); /* nobody is left to tell */
	_exit(1);
}
