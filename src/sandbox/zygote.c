/* zygote.c - the server: one thread, small, forks a supervisor for each run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/child.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/*
 * Why a server at all: namespaces and fork() want a process with one thread, and the main process
 * has many.  It is forked before the first of them and stays small, so that its forks are cheap.
 * It does as little as possible itself: a request that goes wrong must not hurt the next one.
 */

enum {
	RUNS_MAX = NET_RUNS_MAX, /* at once; the scheduler asks for a few dozen at most */
	CGROUP2_MAGIC = 0x63677270,
};

typedef struct Zygote {
	Host host;
	int child_fd; /* signalfd for SIGCHLD */
	Err *broken;  /* why no run can be had, or NULL */
	unsigned next_run;
	pid_t runs[RUNS_MAX]; /* number modulo RUNS_MAX; 0 free */
} Zygote;

static bool kernel_at_least(unsigned major, unsigned minor)
{
	struct utsname u;
	if (uname(&u) < 0)
		return false;
	char *end;
	unsigned long have_major = strtoul(u.release, &end, 10);
	unsigned long have_minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return have_major != major ? have_major > major : have_minor >= minor;
}

/* Nothing of the main process but the socket and the scratch directory stays open here: a pipe end
 * or a lock that lives on in a fork would surprise its owner. */
static Err *drop_inheritance(int *control_fd, int *scratch_fd)
{
	enum { CONTROL = 3, SCRATCH = 4 };
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_sys(errno, "cannot open '/dev/null'");
	/* Up and away first, so that nothing is overwritten on the way down. */
	int control = fcntl(*control_fd, F_DUPFD_CLOEXEC, 16);
	int scratch = fcntl(*scratch_fd, F_DUPFD_CLOEXEC, 16);
	if (control < 0 || scratch < 0)
		return err_sys(errno, "cannot duplicate a file descriptor");
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			return err_sys(errno, "cannot redirect standard input and output");
	if (dup3(control, CONTROL, O_CLOEXEC) < 0 || dup3(scratch, SCRATCH, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot duplicate a file descriptor");
	(void)TAKE_FD(null); /* may be any number below: closed with the rest */
	if (syscall(SYS_close_range, 5u, ~0u, 0u) < 0)
		for (int fd = 5; fd < 65536; fd++)
			close(fd);
	*control_fd = CONTROL;
	*scratch_fd = SCRATCH;
	return NULL;
}

static Err *reset_signals(int *ret_child_fd)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL); /* fails for the libc's own two */
	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &block, NULL) < 0)
		return err_sys(errno, "cannot set the signal mask");
	int fd = signalfd(-1, &block, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(errno, "cannot make a signal fd");
	*ret_child_fd = fd;
	return NULL;
}

Err *zygote_learn_host(Host *host)
{
	host->user_namespace = sandbox_rung() != SANDBOX_ROOT;
	host->lowerdir_plus = kernel_at_least(6, 7) && !root_forced_old_api();
	struct statfs fs;
	host->cgroup2 = statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_MAGIC;
	if (mkdirat(host->scratch_fd, "empty", 0700) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make a directory in the scratch directory");
	host->empty_fd = openat(host->scratch_fd, "empty", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host->empty_fd < 0)
		return err_sys(errno, "cannot open a directory in the scratch directory");
	/* The working directory of a run's PID 1 is where its root is attached: of all that a
	 * process has, only that and its root follow into a new mount namespace. */
	if (fchdir(host->scratch_fd) < 0)
		return err_sys(errno, "cannot enter the scratch directory");
	return NULL;
}

static Err *prepare(Zygote *z, int control_fd, int scratch_fd)
{
	/* Out of the terminal's foreground group: ^C is for the main process, which cancels in
	 * good order. */
	(void)setsid();
	(void)prctl(PR_SET_NAME, "decant-sandbox");
	/* What a descendant leaves behind comes here and not to init: to be killed, and reaped. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	TRY(drop_inheritance(&control_fd, &scratch_fd));
	z->host = (Host){ .control_fd = control_fd, .scratch_fd = scratch_fd };
	TRY(reset_signals(&z->child_fd));
	umask(022);
	return zygote_learn_host(&z->host);
}

static bool is_own(const void *context, pid_t pid)
{
	const Zygote *z = context;
	for (size_t i = 0; i < RUNS_MAX; i++)
		if (z->runs[i] == pid)
			return true;
	return net_owns(z->host.nat, pid);
}

static void reaped(Zygote *z, pid_t pid)
{
	if (!net_ended(z->host.nat, pid))
		for (size_t i = 0; i < RUNS_MAX; i++)
			if (z->runs[i] == pid)
				z->runs[i] = 0;
	/* Its own children are ours from now on, if their signal has not reached them. */
	child_kill_others(is_own, z);
}

static void reap_runs(Zygote *z)
{
	struct signalfd_siginfo info;
	while (read(z->child_fd, &info, sizeof info) > 0)
		; /* several ends may be one signal: waitpid below counts */
	pid_t pid;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		reaped(z, pid);
}

/* Until no process is left. Each supervisor has seen the same hang-up and is killing its run. */
static void end_all(Zygote *z)
{
	pid_t pid;
	net_stop(z->host.nat);
	while ((pid = waitpid(-1, NULL, 0)) > 0 || errno == EINTR)
		if (pid > 0)
			reaped(z, pid);
}

static void refuse(int run_fd, Err *e)
{
	AUTO_ERR Err *owned = e;
	AUTO_BUF Buf answer = BUF_INIT;
	SandboxResult nothing = { 0 };
	wire_put_err(&answer, owned);
	request_encode_result(&nothing, &answer);
	wire_put_u32(&answer, NET_OWN);
	wire_put_u32(&answer, false);                           /* no other run here */
	err_free(wire_send(run_fd, buf_str(&answer), NULL, 0)); /* the caller may be gone */
}

static void start_run(Zygote *z, int run_fd)
{
	if (z->broken) {
		Str cause = err_cause(z->broken);
		refuse(run_fd, err_new(ERR_SYSTEM, "%.*s", STR_ARG(cause)));
		return;
	}
	/* A number is taken only when the run of that place has ended: its place is its address. */
	unsigned run = z->next_run, last = run + RUNS_MAX;
	while (run != last && z->runs[run % RUNS_MAX] != 0)
		run++;
	if (run == last) {
		refuse(run_fd, err_new(ERR_SYSTEM, "too many commands run at once (%d)", RUNS_MAX));
		return;
	}
	z->next_run = run + 1;
	pid_t pid = child_fork();
	if (pid < 0) {
		refuse(run_fd, err_sys(errno, "cannot start a supervisor"));
		return;
	}
	if (pid == 0)
		supervise_main(&z->host, run_fd, run);
	z->runs[run % RUNS_MAX] = pid;
}

/* False: the main process is gone. */
static bool serve_one(Zygote *z)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList fds = { 0 };
	bool end = false;
	AUTO_ERR Err *e = wire_recv(z->host.control_fd, &bytes, &fds, &end);
	if (e || end)
		return false;
	WireReader r = { .rest = buf_str(&bytes) };
	uint32_t verb = wire_get_u32(&r);
	if ((verb == ZYGOTE_RUN_WITH_NAT || verb == ZYGOTE_WARM_NETWORK) && !z->host.nat)
		z->host.nat = net_start();
	if ((verb == ZYGOTE_RUN_WITH_NAT || verb == ZYGOTE_RUN) && fds.len == 1)
		start_run(z, fds.at[0]);
	return true;
}

void zygote_main(int control_fd, int scratch_fd)
{
	Zygote *z = xcalloc(1, sizeof *z);
	AUTO_ERR Err *e = prepare(z, control_fd, scratch_fd);
	AUTO_BUF Buf report = BUF_INIT;
	wire_put_err(&report, e);
	AUTO_ERR Err *sent = wire_send(z->host.control_fd > 0 ? z->host.control_fd : control_fd,
	                               buf_str(&report), NULL, 0);
	if (e || sent)
		_exit(1);
	/* After the report: the main process has other things to do meanwhile. */
	z->broken = filter_build(&z->host.filter);
	z->host.gate_fd = gate_open();
	struct pollfd watched[] = { { .fd = z->host.control_fd, .events = POLLIN },
		                    { .fd = z->child_fd, .events = POLLIN } };
	for (bool on = true; on;) {
		if (poll(watched, ARRAY_LEN(watched), -1) < 0 && errno != EINTR)
			break;
		if (watched[1].revents)
			reap_runs(z);
		if (watched[0].revents)
			on = serve_one(z);
	}
	end_all(z);
	_exit(0);
}
