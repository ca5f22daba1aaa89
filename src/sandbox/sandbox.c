/* sandbox.c - the main process's end: start the server, hand it runs, end it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/sandbox-internal.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct Sandbox {
	int control_fd;
	pid_t server;
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
	TRY_WHILE(wait_until_ready(s), "starting the sandbox server");
	*ret = TAKE_PTR(s);
	return NULL;
}

void sandbox_close(Sandbox *s)
{
	if (!s)
		return;
	close(s->control_fd); /* the server and all supervisors see it hang up */
	while (waitpid(s->server, NULL, 0) < 0 && errno == EINTR)
		;
	free(s);
}

void sandbox_warm_network(Sandbox *s)
{
	AUTO_BUF Buf bytes = BUF_INIT;
	wire_put_u32(&bytes, ZYGOTE_WARM_NETWORK);
	/* A server that is gone is told by the first run. */
	err_free(wire_send(s->control_fd, buf_str(&bytes), NULL, 0));
}

/* The supervisor's answer; *ret_end: it died without one. */
static Err *take_answer(int run_fd, SandboxResult *ret, bool *ret_end)
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
	return r.bad ? err_new(ERR_SYSTEM, "the answer of the sandbox server is damaged") : NULL;
}

static Err *wait_for_answer(int run_fd, const Cancel *cancel, SandboxResult *ret)
{
	struct pollfd watched[] = { { .fd = run_fd, .events = POLLIN },
		                    { .fd = cancel_fd(cancel), .events = POLLIN } };
	while (!watched[0].revents) {
		if (poll(watched, ARRAY_LEN(watched), -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the sandbox server");
		if (watched[1].revents) {
			/* The supervisor kills the run and answers when all of it is gone, so
			 * that the caller may remove the directories. */
			watched[1].fd = -1;
			(void)shutdown(run_fd, SHUT_WR);
		}
	}
	bool end = false;
	TRY(take_answer(run_fd, ret, &end));
	return end ? err_new(ERR_SYSTEM, "the supervisor of the command was killed") : NULL;
}

Err *sandbox_run(Sandbox *s, const SandboxSpec *spec, const Cancel *cancel, SandboxResult *ret)
{
	TRY(cancel_check(cancel));
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	AUTO_BUF Buf head = BUF_INIT, bytes = BUF_INIT;
	wire_put_u32(&head,
	             spec->network == SANDBOX_NET_DEFAULT ? ZYGOTE_RUN_WITH_NAT : ZYGOTE_RUN);
	/* The server forks while the request is put together: it goes to the supervisor itself. */
	TRY(wire_send(s->control_fd, buf_str(&head), &theirs, 1));
	close(TAKE_FD(theirs));
	AUTO_VEC FdList fds = { 0 };
	request_encode(spec, &bytes, &fds);
	TRY(wire_send(mine, buf_str(&bytes), fds.at, fds.len));
	return wait_for_answer(mine, cancel, ret);
}
