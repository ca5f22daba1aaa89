/* join.c - one more command in a container that runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/child.h"
#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * A process of its own, the joiner, enters all namespaces of the container's PID 1 and gives its
 * rights away there, down to those of the command.  Only its child is in the pid namespace and can
 * be seen, signalled or traced from inside: at no moment has a process in there more rights than
 * the command that it becomes, or (but for its sockets, until they are closed) a file of the host.
 * It cannot be dumped, so that nobody inside opens the program of the host by its /proc/PID/exe.
 */

typedef struct Joiner {
	int run_fd; /* to the caller */
	int pid_fd; /* of the container's PID 1 */
	pid_t first;
	bool stays; /* the command goes on without us */
	Arena arena;
	FdList fds;
	SandboxSpec spec;
	SandboxResult result;
	int gate_fd;     /* of gate_open() */
	int start_errno; /* from the gate; 0: it has started the command */
	pid_t pid;       /* the command */
} Joiner;

/* --- in the namespaces ----------------------------------------------------------------------- */

static bool differs(pid_t pid, const char *name)
{
	char path[48], own[48];
	struct stat theirs, ours;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
	(void)snprintf(own, sizeof own, "/proc/self/ns/%s", name);
	return stat(path, &theirs) < 0 || stat(own, &ours) < 0 || theirs.st_ino != ours.st_ino;
}

/* Those that are not ours already: the host's network may be both's. */
static Err *enter_namespaces(const Joiner *j)
{
	static const struct {
		const char *name;
		int flag;
	} all[] = {
		{ "mnt", CLONE_NEWNS },  { "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET },
		{ "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS }, { "cgroup", CLONE_NEWCGROUP }
	};
	int flags = 0;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		flags |= differs(j->first, all[i].name) ? all[i].flag : 0;
	if (!(flags & CLONE_NEWNS) || !(flags & CLONE_NEWPID))
		return err_new(ERR_SYSTEM, "the container's process has no namespaces of its own");
	if (differs(j->first, "user") && setns(j->pid_fd, CLONE_NEWUSER) < 0)
		return hints_for_mount(
			err_sys(errno, "cannot enter the container's user namespace"));
	if (setns(j->pid_fd, flags) < 0) /* the root and the working directory are its own now */
		return hints_for_mount(err_sys(errno, "cannot enter the container's namespaces"));
	return NULL;
}

static Err *reset_signals(void)
{
	sigset_t none;
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL); /* fails for the libc's own two */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? err_sys(errno, "cannot unblock signals")
	                                                 : NULL;
}

/* What is not given to the command is /dev/null; nothing of the caller's stays. */
static Err *drop_inheritance(Joiner *j)
{
	enum { RUN = 3, PID = 4 };
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int run = fcntl(j->run_fd, F_DUPFD_CLOEXEC, 16),
	    pid = fcntl(j->pid_fd, F_DUPFD_CLOEXEC, 16);
	if (null < 0 || run < 0 || pid < 0)
		return err_sys(errno, "cannot set up the joining process");
	for (int i = 0; i < 3; i++)
		if (dup2(null, i) < 0)
			return err_sys(errno, "cannot redirect standard input and output");
	(void)TAKE_FD(null); /* any number: closed with the rest */
	if (dup3(run, RUN, O_CLOEXEC) < 0 || dup3(pid, PID, O_CLOEXEC) < 0 ||
	    syscall(SYS_close_range, PID + 1, ~0u, 0u) < 0)
		return err_sys(errno, "cannot close the caller's files");
	j->run_fd = RUN;
	j->pid_fd = PID;
	return NULL;
}

/* Down to the command's rights, in its namespaces. */
static Err *become(Joiner *j)
{
	Host host = { 0 };
	TRY(filter_build(&host.filter));
	j->gate_fd = gate_open();
	if (cgroup_wanted(&j->spec.resources))
		TRY(cgroup_join_of(j->first));
	TRY(enter_namespaces(j));
	close(TAKE_FD(j->pid_fd));
	TRY(inside_enter_cwd(j->spec.cwd));
	umask(022);
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL); /* as inside.c */
	TRY(rights_drop(&host, &j->spec));
	free(host.filter.filter);
	return j->stays ? NULL : child_die_with(j->run_fd);
}

/* --- the command ----------------------------------------------------------------------------- */

/* What the command's process has open beside its own ends, until it becomes the command. */
enum { REPORT = 3, GATE = 4 };

static Err *prepare_command(const Joiner *j, int report_fd)
{
	if (!j->stays)
		TRY(child_die_with(report_fd));
	(void)setsid(); /* a fresh child leads nothing yet */
	int terminal_fd = -1;
	if (j->spec.terminal_fd > 0)
		TRY(terminal_open(&j->spec, "/dev/ptmx", &terminal_fd));
	TRY(inside_set_stdio(&j->spec, terminal_fd)); /* its own number is closed below */
	if (report_fd != REPORT && dup3(report_fd, REPORT, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot set up the command's files");
	if (j->gate_fd >= 0 && j->gate_fd != GATE && dup3(j->gate_fd, GATE, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot set up the command's files");
	if (syscall(SYS_close_range, GATE + 1, ~0u, 0u) < 0)
		return err_sys(errno, "cannot close the caller's files");
	return NULL;
}

NORETURN static void command_main(const Joiner *j, int report_fd)
{
	AUTO_ERR Err *e = prepare_command(j, report_fd);
	if (!e)
		command_become(&j->spec, j->gate_fd < 0 ? -1 : GATE, REPORT);
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, e);
	err_free(wire_send(report_fd, buf_str(&bytes), NULL, 0)); /* nobody is left to tell */
	_exit(1);
}

/* Until the command has been started; *ret_event: how that went. */
static Err *take_report(Joiner *j, int report_fd, SandboxEvent *ret_event)
{
	*ret_event = SANDBOX_STARTED;
	for (;;) {
		AUTO_BUF Buf bytes = BUF_INIT;
		AUTO_FDS FdList none = { 0 };
		bool end = false;
		AUTO_ERR Err *e = wire_recv(report_fd, &bytes, &none, &end);
		if (e || end)
			return NULL; /* exec has closed it */
		WireReader r = { .rest = buf_str(&bytes) };
		if (bytes.len > 1)
			return wire_get_err(&r);
		*ret_event = SANDBOX_NOT_FOUND;
		if (bytes.len)
			j->start_errno = (unsigned char)*bytes.ptr;
	}
}

static Err *start(Joiner *j)
{
	int ends[2];
	SandboxEvent event;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	j->pid = fork();
	if (j->pid == 0) {
		close(ends[0]);
		command_main(j, ends[1]);
	}
	AUTO_CLOSE int report_fd = ends[0];
	close(ends[1]);
	if (j->pid < 0)
		return err_sys(errno, "cannot start a process in the container");
	Err *e = take_report(j, report_fd, &event);
	if (j->start_errno)
		j->result.exit_status =
			command_explain(&j->spec, j->spec.stderr_fd, j->start_errno);
	char byte = (char)event;
	if (!e && j->spec.events_fd > 0)
		(void)send(j->spec.events_fd, &byte, 1, MSG_NOSIGNAL); /* who asked may be gone */
	return e;
}

/* Signals from the caller, until the command has ended. */
static Err *wait_for_end(Joiner *j, bool *ret_cancelled)
{
	AUTO_CLOSE int end_fd = pidfd_open(j->pid, 0);
	if (end_fd < 0)
		return err_sys(errno, "cannot wait for the command");
	enum { AT_END, AT_CALLER, AT_EVENTS, WATCHED };
	struct pollfd watched[WATCHED] = {
		[AT_END] = { .fd = end_fd, .events = POLLIN },
		[AT_CALLER] = { .fd = j->run_fd, .events = POLLIN },
		[AT_EVENTS] = { .fd = j->spec.events_fd > 0 ? j->spec.events_fd : -1,
		                .events = POLLIN },
	};
	while (!watched[AT_END].revents) {
		unsigned char number;
		if (poll(watched, WATCHED, -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the command");
		if (watched[AT_EVENTS].revents) {
			if (read(watched[AT_EVENTS].fd, &number, 1) == 1)
				(void)kill(j->pid, number);
			else
				watched[AT_EVENTS].fd = -1;
		}
		if (watched[AT_CALLER].revents) {
			watched[AT_CALLER].fd = -1;
			*ret_cancelled = true;
			(void)kill(j->pid, SIGKILL);
		}
	}
	return NULL;
}

static Err *run(Joiner *j)
{
	int status;
	bool end = false, cancelled = false;
	AUTO_BUF Buf bytes = BUF_INIT;
	TRY(wire_recv(j->run_fd, &bytes, &j->fds, &end));
	if (end)
		_exit(0);
	TRY(request_decode(buf_str(&bytes), &j->fds, &j->arena, &j->spec));
	TRY(become(j));
	TRY(start(j));
	if (j->stays)
		return NULL;
	/* The command has them: an end of a pipe kept here would keep it open. */
	j->spec.events_fd =
		j->spec.events_fd > 0 ? fcntl(j->spec.events_fd, F_DUPFD_CLOEXEC, 3) : -1;
	wire_close_fds(&j->fds);
	Err *e = wait_for_end(j, &cancelled);
	while (waitpid(j->pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return e ? e : err_sys(errno, "cannot wait for the command");
	j->result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!j->start_errno)
		j->result.exit_status =
			j->result.signal ? 128 + j->result.signal : WEXITSTATUS(status);
	return e ? e : cancelled ? err_new(ERR_CANCELLED, "cancelled") : NULL;
}

NORETURN static void joiner_main(Joiner *j)
{
	(void)setsid(); /* ^C is for the caller */
	(void)prctl(PR_SET_NAME, "decant-exec");
	(void)prctl(PR_SET_DUMPABLE, 0);
	AUTO_ERR Err *e = reset_signals();
	if (!e)
		e = drop_inheritance(j);
	if (!e)
		e = run(j);
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, e);
	request_encode_result(&j->result, &bytes);
	wire_put_u32(&bytes, NET_OWN);
	wire_put_u32(&bytes, false);
	err_free(wire_send(j->run_fd, buf_str(&bytes), NULL, 0)); /* the caller may be gone */
	_exit(0);
}

/* --- the caller ------------------------------------------------------------------------------ */

Err *sandbox_join(pid_t pid, int pid_fd, bool stays, SandboxJoin *ret)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	Joiner j = { .run_fd = theirs, .pid_fd = pid_fd, .first = pid, .stays = stays };
	pid_t joiner = stays ? fork() : child_fork();
	if (joiner < 0)
		return err_sys(errno, "cannot start a process");
	if (joiner == 0) {
		close(mine);
		joiner_main(&j);
	}
	*ret = (SandboxJoin){ .pid = joiner, .run_fd = TAKE_FD(mine) };
	return NULL;
}

Err *sandbox_join_run(SandboxJoin *j, const SandboxSpec *spec, const Cancel *cancel,
                      SandboxResult *ret)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_VEC FdList fds = { 0 };
	bool reusable;
	request_encode(spec, &bytes, &fds);
	TRY(wire_send(j->run_fd, buf_str(&bytes), fds.at, fds.len));
	return sandbox_await(j->run_fd, spec, cancel, ret, &reusable);
}

void sandbox_join_close(SandboxJoin *j)
{
	enum { END_TIMEOUT_MS = 2000 };
	if (!j->pid)
		return;
	closep(&j->run_fd); /* it sees that and kills the command */
	child_wait(j->pid, END_TIMEOUT_MS);
	j->pid = 0;
}
