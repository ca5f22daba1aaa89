/* sandbox.c - the main process's end: start the server, hand it runs, end it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/child.h"
#include "sandbox/sandbox-internal.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

/* Supervisors that have ended a run and wait for another: each serves one kind of network, since it
 * stays in the namespace that it has made. */
typedef struct Idle {
	int run_fd;
	SandboxNetwork network;
} Idle;

enum {
	IDLE_MAX = 32,
	END_TIMEOUT_MS =
		10000, /* a kill takes milliseconds, but for a process that waits for a disk */
};

struct Sandbox {
	int control_fd;
	pid_t server;
	pthread_mutex_t mutex; /* guards what follows */
	Idle idle[IDLE_MAX];
	size_t idle_count;
};

/* The server's first message: it is ready, or why it cannot be. */
static Err *wait_until_ready(const Sandbox *s)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	bool end = false;
	TRY(wire_recv(s->control_fd, &bytes, &none, &end));
	if (end)
		return err_new(ERR_SYSTEM, "the sandbox server died at its start");
	WireReader r = { .rest = buf_str(&bytes) };
	return wire_get_err(&r);
}

Err *sandbox_open(int scratch_fd, Sandbox **ret)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(errno, "cannot start the sandbox server");
	if (pid == 0)
		zygote_main(theirs, scratch_fd);
	close(TAKE_FD(theirs));
	AUTO_SANDBOX Sandbox *s = xcalloc(1, sizeof *s);
	*s = (Sandbox){ .control_fd = TAKE_FD(mine), .server = pid };
	(void)pthread_mutex_init(&s->mutex, NULL);
	TRY_WHILE(wait_until_ready(s), "starting the sandbox server");
	*ret = TAKE_PTR(s);
	return NULL;
}

void sandbox_close(Sandbox *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->idle_count; i++)
		close(s->idle[i].run_fd);
	close(s->control_fd); /* the server and all supervisors see it hang up */
	child_wait(s->server, END_TIMEOUT_MS);
	(void)pthread_mutex_destroy(&s->mutex);
	free(s);
}

void sandbox_warm_network(Sandbox *s)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_u32(&bytes, ZYGOTE_WARM_NETWORK);
	/* A server that is gone is told by the first run. */
	err_free(wire_send(s->control_fd, buf_str(&bytes), NULL, 0));
}

/* --- one run --------------------------------------------------------------------------------- */

/* Bring a supervisor into being: *ret_fd is the socket to it. */
static Err *new_supervisor(Sandbox *s, SandboxNetwork network, int *ret_fd)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	AUTO_BUF Buf head = BUF_INIT;
	wire_put_u32(&head, network == SANDBOX_NET_DEFAULT ? ZYGOTE_RUN_WITH_NAT : ZYGOTE_RUN);
	TRY(wire_send(s->control_fd, buf_str(&head), &theirs, 1));
	*ret_fd = TAKE_FD(mine);
	return NULL;
}

/* An idle supervisor for SPEC, or -1.  One with ports is served by a new one: they are published
 * for the address of its namespace. */
static int take_idle(Sandbox *s, const SandboxSpec *spec)
{
	int fd = -1;
	(void)pthread_mutex_lock(&s->mutex);
	for (size_t i = s->idle_count; i-- > 0 && fd < 0 && spec->port_count == 0;)
		if (s->idle[i].network == spec->network) {
			fd = s->idle[i].run_fd;
			s->idle[i] = s->idle[--s->idle_count];
		}
	(void)pthread_mutex_unlock(&s->mutex);
	return fd;
}

static void put_idle(Sandbox *s, SandboxNetwork network, int run_fd)
{
	AUTO_CLOSE int fd = run_fd;
	(void)pthread_mutex_lock(&s->mutex);
	if (s->idle_count < IDLE_MAX)
		s->idle[s->idle_count++] = (Idle){ TAKE_FD(fd), network };
	(void)pthread_mutex_unlock(&s->mutex);
}

/* *ret_fd: the socket to the supervisor that has got the request. */
static Err *send_request(Sandbox *s, const SandboxSpec *spec, int *ret_fd)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_VEC FdList fds = { 0 };
	request_encode(spec, &bytes, &fds);
	int idle_fd = take_idle(s, spec);
	if (idle_fd >= 0) {
		AUTO_ERR Err *e = wire_send(idle_fd, buf_str(&bytes), fds.at, fds.len);
		if (!e) {
			*ret_fd = idle_fd;
			return NULL;
		}
		close(idle_fd); /* it was killed meanwhile */
	}
	int fd = -1;
	TRY(new_supervisor(s, spec->network, &fd));
	AUTO_CLOSE int run_fd = fd;
	TRY(wire_send(run_fd, buf_str(&bytes), fds.at, fds.len));
	*ret_fd = TAKE_FD(run_fd);
	return NULL;
}

/* The supervisor's answer; *ret_end: it died without one.  *ret_reusable: it waits for another
 * request. */
static Err *take_answer(int run_fd, SandboxResult *ret, bool *ret_end, bool *ret_reusable)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	AUTO_FDS FdList none = { 0 };
	TRY(wire_recv(run_fd, &bytes, &none, ret_end));
	if (*ret_end)
		return NULL;
	WireReader r = { .rest = buf_str(&bytes) };
	TRY(wire_get_err(&r));
	request_decode_result(&r, ret);
	ret->network_reason = net_fallback_reason((NetFallback)wire_get_u32(&r));
	ret->network_fell_back = ret->network_reason != NULL;
	*ret_reusable = wire_get_u32(&r) != 0;
	return r.bad ? err_new(ERR_SYSTEM, "the answer of the sandbox server is damaged") : NULL;
}

/* Hand on what the pipe holds now.  False: nobody will write to it any more. */
static bool pass_log(const SandboxSpec *spec)
{
	char block[16384];
	for (;;) {
		ssize_t n = read(spec->log_fd, block, sizeof block);
		if (n > 0 && spec->log)
			spec->log(spec->log_context, (Str){ block, (size_t)n });
		else if (n == 0 || errno != EINTR)
			return n < 0 && errno == EAGAIN;
		if (n > 0 && (size_t)n < sizeof block)
			return true; /* most likely empty: poll tells */
	}
}

Err *sandbox_await(int run_fd, const SandboxSpec *spec, const Cancel *cancel, SandboxResult *ret,
                   bool *ret_reusable)
{
	enum { AT_ANSWER, AT_CANCEL, AT_LOG, WATCHED };
	struct pollfd watched[WATCHED] = {
		[AT_ANSWER] = { .fd = run_fd, .events = POLLIN },
		[AT_CANCEL] = { .fd = cancel_fd(cancel), .events = POLLIN },
		[AT_LOG] = { .fd = spec->log ? spec->log_fd : -1, .events = POLLIN },
	};
	bool stopped = false;
	while (!watched[AT_ANSWER].revents) {
		if (poll(watched, WATCHED, -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the sandbox server");
		if (watched[AT_LOG].revents && !pass_log(spec))
			watched[AT_LOG].fd = -1;
		if (watched[AT_CANCEL].revents) {
			/* The supervisor kills the run and answers when all of it is gone, so
			 * that the caller may remove the directories. */
			watched[AT_CANCEL].fd = -1;
			stopped = true;
			(void)shutdown(run_fd, SHUT_WR);
		}
	}
	bool end = false;
	TRY(take_answer(run_fd, ret, &end, ret_reusable));
	*ret_reusable = *ret_reusable && !stopped;
	return end ? err_new(ERR_SYSTEM, "the supervisor of the command was killed") : NULL;
}

/* The run is over, so all that it wrote is in the pipe. */
static void drain_log(const SandboxSpec *spec)
{
	struct pollfd p = { .fd = spec->log_fd, .events = POLLIN };
	while (spec->log && poll(&p, 1, 0) > 0 && (p.revents & POLLIN))
		if (!pass_log(spec))
			return;
}

Err *sandbox_run(Sandbox *s, const SandboxSpec *spec, const Cancel *cancel, SandboxResult *ret)
{
	TRY(cancel_check(cancel));
	int fd = -1;
	bool reusable = false;
	if (spec->log && fcntl(spec->log_fd, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(errno, "cannot set up the pipe of the log");
	TRY(send_request(s, spec, &fd));
	AUTO_CLOSE int run_fd = fd;
	Err *e = sandbox_await(run_fd, spec, cancel, ret, &reusable);
	drain_log(spec);
	TRY(e);
	if (reusable)
		put_idle(s, spec->network, TAKE_FD(run_fd));
	return NULL;
}
