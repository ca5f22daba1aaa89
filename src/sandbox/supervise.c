/* supervise.c - the life of a run, seen from outside its namespaces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "fs/path.h"
#include "sandbox/hints.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/*
 * A supervisor serves one run after the other for as long as its caller keeps the socket: that
 * saves the fork, and the network namespace, which is the dearest of all to make, is used again
 * while nothing of an earlier run is left in it.  All others are new for each run.
 */
typedef struct Supervisor {
	const Host *host;
	int run_fd; /* to the caller */
	unsigned run;
	bool in_network; /* this process is in a network namespace of its own */

	/* Of the present run. */
	SandboxSpec spec;
	Arena arena;   /* of the spec */
	FdList fds;    /* of the spec */
	FdList mounts; /* detached clones, one a mount of the spec; -1 for what is made inside */
	Cgroups cgroups;
	int root_fd;
	pid_t pid;
	int pid_fd, mount_ns_fd;
	int events_fd;
	int stderr_fd;   /* the command's, until it is started */
	int start_errno; /* from the gate; 0: it has started the command */
	bool not_started;
	bool reusable; /* this process may serve another run */
	Stubs stubs;
	SandboxResult result;
	NetFallback fallback;
} Supervisor;

static Err *receive(Supervisor *s, bool *ret_end)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	TRY(wire_recv(s->run_fd, &bytes, &s->fds, ret_end));
	return *ret_end ? NULL : request_decode(buf_str(&bytes), &s->fds, &s->arena, &s->spec);
}

/* *ret_fd: -1 for what is made inside. */
static Err *clone_mount(const Supervisor *s, const SandboxMount *m, int *ret_fd)
{
	switch (m->kind) {
	case SANDBOX_MOUNT_BIND:
		return root_clone(m->source_fd, m->read_only, ret_fd);
	case SANDBOX_MOUNT_DEVICE:
		return root_clone_device(m->source_fd, ret_fd);
	case SANDBOX_MOUNT_LAYERS:
		return root_mount_layers(s->host, m, s->run, ret_fd);
	case SANDBOX_MOUNT_TMPFS:
		return memory_mount(s->host, m, s->spec.insecure, ret_fd);
	case SANDBOX_MOUNT_FILE:
		break;
	}
	return NULL;
}

static Err *clone_mounts(Supervisor *s)
{
	for (size_t i = 0; i < s->spec.mount_count; i++) {
		const SandboxMount *m = &s->spec.mounts[i];
		int fd = -1;
		TRY_WHILE(clone_mount(s, m, &fd), "mounting '%s'", m->target);
		VEC_PUSH(&s->mounts, fd);
	}
	return NULL;
}

/* After it this process is in the run's network namespace. */
static Err *prepare_network(Supervisor *s, Buf *resolv_conf)
{
	if (s->spec.network == SANDBOX_NET_NONE) {
		if (!s->in_network && unshare(CLONE_NEWNET) < 0)
			return hints_for_mount(err_sys(errno, "cannot make a network namespace"));
		s->in_network = true;
		if (s->spec.resolv_conf)
			buf_add_str(resolv_conf, str_from(s->spec.resolv_conf));
		return NULL;
	}
	if (s->spec.network == SANDBOX_NET_DEFAULT && !s->in_network) {
		TRY(net_enter(s->host->nat, s->run, s->spec.ports, s->spec.port_count,
		              &s->fallback));
		s->in_network = s->fallback == NET_OWN;
	}
	if (s->fallback != NET_OWN)
		s->spec.network = SANDBOX_NET_HOST;
	if (s->spec.resolv_conf) {
		buf_add_str(resolv_conf, str_from(s->spec.resolv_conf));
		return NULL;
	}
	return net_resolv_conf(s->spec.network == SANDBOX_NET_DEFAULT, resolv_conf);
}

/* --- starting PID 1 -------------------------------------------------------------------------- */

static Err *start(Supervisor *s, Str resolv_conf, int *ret_report_fd)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	Inside in = {
		.host = s->host,
		.spec = &s->spec,
		.root_fd = s->root_fd,
		.bind_fds = s->mounts.at,
		.report_fd = theirs,
		.own_network = s->spec.network != SANDBOX_NET_HOST,
		.resolv_conf = resolv_conf,
		.cgroups = &s->cgroups,
	};
	struct clone_args args = {
		/* A cgroup namespace begins where its maker is: who is to join makes it itself. */
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
		         (s->cgroups.count ? 0ull : CLONE_NEWCGROUP) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&s->pid_fd,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof args);
	if (pid < 0)
		return hints_for_mount(err_sys(errno, "cannot make the namespaces of the run"));
	if (pid == 0) {
		close(mine); /* so that it hangs up when the supervisor dies */
		inside_main(&in);
	}
	s->pid = (pid_t)pid;
	*ret_report_fd = TAKE_FD(mine);
	return NULL;
}

/* What only PID 1 needs: an open fd here would keep the caller's pipe, or the root, alive. */
static void close_inherited(Supervisor *s)
{
	s->events_fd = s->spec.events_fd < 0 ? -1 : fcntl(s->spec.events_fd, F_DUPFD_CLOEXEC, 3);
	s->stderr_fd = s->spec.stderr_fd < 0 ? -1 : fcntl(s->spec.stderr_fd, F_DUPFD_CLOEXEC, 3);
	int upper = s->spec.upper_fd < 0 ? -1 : fcntl(s->spec.upper_fd, F_DUPFD_CLOEXEC, 3);
	wire_close_fds(&s->fds);
	wire_close_fds(&s->mounts);
	closep(&s->root_fd);
	s->root_fd = -1;
	s->spec.upper_fd = upper;
	if (upper >= 0)
		VEC_PUSH(&s->fds, upper);
}

/* --- waiting --------------------------------------------------------------------------------- */

static void kill_all(Supervisor *s)
{
	/* With PID 1 the kernel kills its whole namespace. */
	(void)syscall(SYS_pidfd_send_signal, s->pid_fd, SIGKILL, NULL, 0);
}

/* A report of PID 1: stubs it made, or why it could not start the command.  False: no more. */
static bool take_report(Supervisor *s, int report_fd, Err **ret_error)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	bool end = false;
	AUTO_ERR Err *e = wire_recv(report_fd, &bytes, &none, &end);
	if (e || end)
		return false; /* exec has closed it, or it was killed: its status says which */
	if (bytes.len <= 1) {
		s->not_started = true;
		s->start_errno = bytes.len ? (unsigned char)*bytes.ptr : 0;
		return true;
	}
	WireReader r = { .rest = buf_str(&bytes) };
	*ret_error = wire_get_err(&r);
	if (!*ret_error)
		target_decode_stubs(&r, &s->stubs);
	return true;
}

/* PID 1 has no more to report. */
static void tell_started(Supervisor *s)
{
	if (s->start_errno)
		s->result.exit_status = command_explain(&s->spec, s->stderr_fd, s->start_errno);
	closep(&s->stderr_fd);
	s->stderr_fd = -1;
	char event = s->not_started           ? SANDBOX_NOT_FOUND
	             : s->fallback != NET_OWN ? SANDBOX_STARTED_ON_HOST_NETWORK
	                                      : SANDBOX_STARTED;
	AUTO_BUF Buf bytes = BUF_INIT;
	if (s->result.unlimited) {
		buf_addf(&bytes, "%c%s", SANDBOX_UNLIMITED, s->result.unlimited_reason);
		buf_add_char(&bytes, '\0');
	}
	buf_add_char(&bytes, event);
	if (s->events_fd >= 0) /* who asked may be gone */
		(void)send(s->events_fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
}

/* False: no more will come. */
static bool pass_signals(Supervisor *s)
{
	unsigned char numbers[64];
	ssize_t n = read(s->events_fd, numbers, sizeof numbers);
	for (ssize_t i = 0; i < n; i++)
		(void)syscall(SYS_pidfd_send_signal, s->pid_fd, (int)numbers[i], NULL, 0);
	return n > 0;
}

/*
 * Until PID 1 has ended.  *ret_error: what PID 1 says kept it from starting the command, or
 * ERR_CANCELLED.
 */
static Err *wait_for_end(Supervisor *s, int report_fd, Err **ret_error)
{
	enum { AT_END, AT_REPORT, AT_CALLER, AT_MAIN, AT_EVENTS, WATCHED };
	struct pollfd watched[WATCHED] = {
		[AT_END] = { .fd = s->pid_fd, .events = POLLIN },
		[AT_REPORT] = { .fd = report_fd, .events = POLLIN },
		/* The caller sends nothing after its request but "stop", or closes. */
		[AT_CALLER] = { .fd = s->run_fd, .events = POLLIN },
		[AT_MAIN] = { .fd = s->host->control_fd }, /* hang-up only */
		[AT_EVENTS] = { .fd = s->events_fd, .events = POLLIN },
	};
	bool cancelled = false;
	while (!watched[AT_END].revents) {
		if (poll(watched, WATCHED, -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the command");
		if (watched[AT_REPORT].revents && !take_report(s, report_fd, ret_error)) {
			watched[AT_REPORT].fd = -1;
			if (!*ret_error)
				tell_started(s);
		}
		if (watched[AT_EVENTS].revents && !pass_signals(s))
			watched[AT_EVENTS].fd = -1;
		if (watched[AT_CALLER].revents || (watched[AT_MAIN].revents & POLLHUP)) {
			watched[AT_CALLER].fd = watched[AT_MAIN].fd = -1;
			cancelled = true;
			kill_all(s);
		}
	}
	/* What it wrote before its end may be unread. */
	if (watched[AT_REPORT].fd >= 0) {
		while (!*ret_error && take_report(s, report_fd, ret_error))
			;
		if (!*ret_error)
			tell_started(s);
	}
	if (cancelled) {
		err_free(*ret_error);
		*ret_error = err_new(ERR_CANCELLED, "cancelled");
	}
	return NULL;
}

static Err *reap(Supervisor *s)
{
	int status;
	struct rusage usage;
	while (wait4(s->pid, &status, __WALL, &usage) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot wait for the command");
	s->result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!s->start_errno)
		s->result.exit_status =
			s->result.signal ? 128 + s->result.signal : WEXITSTATUS(status);
	s->result.max_rss_bytes = (int64_t)usage.ru_maxrss * 1024;
	s->result.cpu_ns = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
	                   ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
	return NULL;
}

/* --- one run after the other ----------------------------------------------------------------- */

/*
 * The last process to leave a mount namespace takes all of it down before anybody is told of its
 * end.  Held by this process the namespace outlives PID 1, and the caller goes on meanwhile.
 */
static void hold_mounts(Supervisor *s)
{
	char path[48];
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)s->pid);
	/* Without it: slower, no more. */
	s->mount_ns_fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
}

/* Has this network namespace a socket left that a run made, if only one in TIME_WAIT?  Addresses,
 * routes and rules no run can change: it has no CAP_NET_ADMIN. */
static bool network_is_clean(void)
{
	static const char *const files[] = { "/proc/self/net/sockstat",
		                             "/proc/self/net/sockstat6" };
	static const char *const counts[] = { "TCP: inuse ", " tw ", "TCP6: inuse " };
	AUTO_BUF Buf text = BUF_INIT;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_CLOSE int fd =
			open(files[i], O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
		AUTO_ERR Err *e = fd < 0 ? NULL : path_read_fd(fd, 65536, files[i], &text);
		/* Without IPv6 there is one file alone. */
		if (e || (fd < 0 && i == 0))
			return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const char *at = strstr(text.ptr, counts[i]);
		if (at && at[strlen(counts[i])] != '0')
			return false;
	}
	return true;
}

static bool is_reusable(const Supervisor *s)
{
	return s->spec.port_count == 0 && (!s->in_network || network_is_clean());
}

/* As docker: what cannot be limited is said, and the command runs. */
static void limit_resources(Supervisor *s)
{
	AUTO_ERR Err *e = cgroup_make(&s->spec.resources, s->run, &s->cgroups);
	if (!e)
		return;
	cgroup_remove(&s->cgroups);
	Str cause = err_cause(e);
	s->result.unlimited = true;
	snprintf(s->result.unlimited_reason, sizeof s->result.unlimited_reason, "%.*s",
	         STR_ARG(cause));
}

static Err *supervise(Supervisor *s)
{
	TRY(root_mount(s->host, &s->spec, s->run, &s->root_fd));
	TRY(clone_mounts(s));
	AUTO_BUF Buf resolv_conf = BUF_INIT;
	TRY(prepare_network(s, &resolv_conf));
	if (cgroup_wanted(&s->spec.resources))
		limit_resources(s);
	int report = -1;
	TRY(start(s, buf_str(&resolv_conf), &report));
	AUTO_CLOSE int report_fd = report;
	hold_mounts(s);
	close_inherited(s);
	Err *ended = NULL;
	AUTO_ERR Err *e = wait_for_end(s, report_fd, &ended);
	if (e)
		kill_all(s);
	AUTO_ERR Err *e2 = reap(s);
	if (s->spec.upper_fd >= 0)
		target_remove_stubs(s->spec.upper_fd, &s->stubs);
	cgroup_remove(&s->cgroups);
	if (ended)
		return ended;
	if (e || e2)
		return e ? TAKE_PTR(e) : TAKE_PTR(e2);
	s->reusable = is_reusable(s);
	return NULL;
}

static void answer(Supervisor *s, const Err *e)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_err(&bytes, e);
	request_encode_result(&s->result, &bytes);
	wire_put_u32(&bytes, s->fallback);
	wire_put_u32(&bytes, s->reusable);
	err_free(wire_send(s->run_fd, buf_str(&bytes), NULL, 0)); /* the caller may be gone */
}

/* The mounts go with their namespace, before this returns. */
static void release_mounts(Supervisor *s)
{
	if (s->mount_ns_fd >= 0)
		close(s->mount_ns_fd);
	s->mount_ns_fd = -1;
}

static void forget_run(Supervisor *s)
{
	const int fds[] = { s->root_fd, s->pid_fd, s->events_fd, s->stderr_fd };
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	release_mounts(s);
	wire_close_fds(&s->fds);
	wire_close_fds(&s->mounts);
	cgroup_remove(&s->cgroups);
	target_free_stubs(&s->stubs);
	arena_done(&s->arena);
	*s = (Supervisor){ .host = s->host,
		           .run_fd = s->run_fd,
		           .run = s->run,
		           .in_network = s->in_network,
		           .root_fd = -1,
		           .pid_fd = -1,
		           .mount_ns_fd = -1,
		           .stderr_fd = -1,
		           .events_fd = -1 };
}

/* False: no more. */
static bool serve_run(Supervisor *s)
{
	bool end = false;
	AUTO_ERR Err *e = receive(s, &end);
	if (end)
		return false;
	if (!e)
		e = supervise(s);
	if (e)
		release_mounts(s); /* the caller takes its directories away when it hears of it */
	answer(s, e);
	return s->reusable;
}

NORETURN void supervise_main(const Host *host, int run_fd, unsigned run)
{
	Supervisor s = { .host = host, .run_fd = run_fd, .run = run };
	s.root_fd = s.pid_fd = s.mount_ns_fd = s.events_fd = s.stderr_fd = -1;
	while (serve_run(&s))
		forget_run(&s);
	release_mounts(&s);
	_exit(0);
}
