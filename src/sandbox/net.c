/* net.c - a run's way to the network. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "fs/path.h"
#include "sandbox/child.h"
#include "sandbox/net.h"
#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
	RESOLV_CONF_BYTES_MAX = 1 << 20,
	READY_TIMEOUT_MS =
		10000, /* slirp4netns is ready in 20 to 50 ms; a loaded machine may be slow */
	API_TIMEOUT_S = 5,
	FIRST_ADDRESS = 16, /* slirp4netns itself has .2 (gateway) and .3 (DNS) */
	PREFIX_LEN = 24,
};

#define NET_ADDRESS 0x0a000200u /* 10.0.2.0, slirp4netns's default network */
#define NET_GATEWAY (NET_ADDRESS + 2)
#define API_SOCKET  "slirp4netns.sock" /* in the scratch directory: short enough for sun_path */
#define ROUTER_PATH "/proc/%d/ns/net"

typedef enum NatState { NAT_STARTING, NAT_READY, NAT_NO_PROGRAM, NAT_FAILED } NatState;

struct Nat {
	bool no_tun;
	pid_t router; /* the child that holds the router namespace; 0: none */
	int state_fd; /* hangs up when the state is no longer NAT_STARTING */
	/* Shared by the router child, the server and all supervisors. A page, since a pipe's byte
	 * could be read by one of them only. */
	NatState *state;
};

const char *net_fallback_reason(NetFallback f)
{
	switch (f) {
	case NET_OWN:
		return NULL;
	case NET_NO_TUN:
		return "'/dev/net/tun' may not be opened";
	case NET_NO_PROGRAM:
		return "'slirp4netns' is not installed";
	case NET_FAILED:
		return "'slirp4netns' failed";
	case NET_SLOW:
		return "'slirp4netns' did not become ready in time";
	}
	return NULL;
}

/* --- the router child ------------------------------------------------------------------------ */

static void set_state(const Nat *nat, NatState state)
{
	__atomic_store_n(nat->state, state, __ATOMIC_SEQ_CST);
}

/* Become slirp4netns for the namespace of process ROUTER. */
NORETURN static void exec_slirp(pid_t router, int ready_fd, int exit_fd, bool confined)
{
	char ns[64], ready[32], leave[32], api[64];
	snprintf(ns, sizeof ns, ROUTER_PATH, (int)router);
	snprintf(ready, sizeof ready, "--ready-fd=%d", ready_fd);
	snprintf(api, sizeof api, "--api-socket=%s", API_SOCKET);
	snprintf(leave, sizeof leave, "--exit-fd=%d", exit_fd);
	const char *argv[] = { "slirp4netns",
		               "--netns-type=path",
		               "--disable-host-loopback",
		               ready,
		               leave,
		               api,
		               NULL,
		               NULL,
		               NULL,
		               NULL,
		               NULL };
	size_t n = 6;
	if (confined) {
		argv[n++] = "--enable-sandbox";
		argv[n++] = "--enable-seccomp";
	}
	argv[n++] = ns;
	argv[n++] = "tap0";
	fcntl(ready_fd, F_SETFD, 0);
	fcntl(exit_fd, F_SETFD, 0);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], (char **)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* True: it says it is ready.  False: it ended, or said nothing in time. */
static bool wait_ready(int ready_fd)
{
	struct pollfd p = { .fd = ready_fd, .events = POLLIN };
	char byte;
	int n;
	do
		n = poll(&p, 1, READY_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0 && read(ready_fd, &byte, 1) == 1;
}

static NatState start_slirp(pid_t holder, bool confined, pid_t *ret_pid)
{
	int ready[2], leave[2];
	if (pipe2(ready, O_CLOEXEC) < 0)
		return NAT_FAILED;
	AUTO_CLOSE int ready_fd = ready[0];
	AUTO_CLOSE int ready_write = ready[1];
	if (pipe2(leave, O_CLOEXEC) < 0)
		return NAT_FAILED;
	(void)unlinkat(AT_FDCWD, API_SOCKET, 0); /* of a first try */
	pid_t pid = child_fork();
	if (pid < 0) {
		close(leave[0]);
		close(leave[1]);
		return NAT_FAILED;
	}
	if (pid == 0) {
		close(leave[1]);
		exec_slirp(holder, ready_write, leave[0], confined);
	}
	close(leave[0]);
	/* leave[1] stays open as long as this process lives. */
	close(TAKE_FD(ready_write));
	if (wait_ready(ready_fd)) {
		*ret_pid = pid;
		return NAT_READY;
	}
	kill(pid, SIGKILL); /* its status is wanted */
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	close(leave[1]);
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? NAT_NO_PROGRAM : NAT_FAILED;
}

/*
 * A child in a new network namespace that does nothing.  The router process cannot make it for
 * itself: slirp4netns must start in the host's, and an ordinary user cannot go back there.
 */
static Err *start_holder(pid_t *ret_pid, int *ret_life_fd)
{
	int ends[2];
	char byte;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(errno, "cannot make a socket pair");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	pid_t pid = child_fork();
	if (pid < 0)
		return err_sys(errno, "cannot start a process");
	if (pid == 0) {
		close(mine);
		if (unshare(CLONE_NEWNET) < 0 || write(theirs, "r", 1) != 1)
			_exit(1);
		/* Nothing is ever sent: this waits for the other end to be closed. */
		while (read(theirs, &byte, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	close(TAKE_FD(theirs));
	if (read(mine, &byte, 1) != 1) {
		child_wait(pid, 0);
		return err_new(ERR_SYSTEM, "cannot make a network namespace");
	}
	*ret_pid = pid;
	*ret_life_fd = TAKE_FD(mine);
	return NULL;
}

/* Go where slirp4netns has put its device, and make it a port of a bridge. */
static Err *become_router(pid_t holder)
{
	char path[64];
	int fd = -1, tap, bridge;
	snprintf(path, sizeof path, ROUTER_PATH, (int)holder);
	AUTO_CLOSE int ns = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		return err_sys(errno, "cannot enter the router's network namespace");
	TRY(netlink_open(&fd));
	AUTO_CLOSE int netlink = fd;
	TRY(netlink_add_bridge(netlink, "br0"));
	TRY(netlink_index(netlink, "tap0", &tap));
	TRY(netlink_index(netlink, "br0", &bridge));
	return netlink_join(netlink, tap, bridge);
}

static NatState start_router(pid_t *ret_slirp)
{
	pid_t holder = 0;
	AUTO_CLOSE int life_fd = -1;
	AUTO_ERR Err *e = start_holder(&holder, &life_fd);
	if (e)
		return NAT_FAILED;
	/* Its own sandbox keeps a hole in the packet parser from being a hole in the host.  It
	 * needs rights that a container may not give: then without. */
	NatState state = start_slirp(holder, true, ret_slirp);
	if (state == NAT_FAILED)
		state = start_slirp(holder, false, ret_slirp);
	if (state == NAT_READY)
		e = become_router(holder);
	child_wait(holder, 0); /* from now on this process holds the namespace */
	return e ? NAT_FAILED : state;
}

NORETURN static void router_main(const Nat *nat, int state_write)
{
	pid_t slirp = 0;
	prctl(PR_SET_NAME, "decant-router");
	NatState state = start_router(&slirp);
	set_state(nat, state);
	close(state_write);
	if (state != NAT_READY)
		_exit(1);
	while (waitpid(slirp, NULL, 0) < 0 && errno == EINTR)
		;
	set_state(nat, NAT_FAILED);
	_exit(1);
}

/* --- the server ------------------------------------------------------------------------------ */

Nat *net_start(void)
{
	Nat *nat = xcalloc(1, sizeof *nat);
	nat->state_fd = -1;
	/* In a user namespace the device's owner is not root there: only opening it tells. */
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	nat->no_tun = tun < 0;
	if (nat->no_tun)
		return nat;
	close(tun); /* the router must not inherit it */
	nat->state = mmap(NULL, sizeof *nat->state, PROT_READ | PROT_WRITE,
	                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ends[2];
	if (nat->state == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0) {
		nat->state = NULL;
		return nat;
	}
	nat->router = child_fork();
	if (nat->router == 0) {
		close(ends[0]);
		router_main(nat, ends[1]);
	}
	close(ends[1]);
	nat->state_fd = ends[0];
	if (nat->router < 0)
		set_state(nat, NAT_FAILED);
	return nat;
}

bool net_owns(const Nat *nat, pid_t pid)
{
	return nat && nat->router == pid;
}

bool net_ended(Nat *nat, pid_t pid)
{
	if (!net_owns(nat, pid))
		return false;
	nat->router = 0;
	NatState state = __atomic_load_n(nat->state, __ATOMIC_SEQ_CST);
	if (state == NAT_STARTING || state == NAT_READY)
		set_state(nat, NAT_FAILED);
	return true;
}

void net_stop(Nat *nat)
{
	/* slirp4netns goes with it: its parent's death is its signal. */
	if (nat && nat->router > 0)
		(void)kill(nat->router, SIGKILL);
}

/* --- a supervisor ---------------------------------------------------------------------------- */

static NetFallback wait_for_nat(const Nat *nat)
{
	if (nat->no_tun)
		return NET_NO_TUN;
	if (!nat->state)
		return NET_FAILED;
	struct pollfd p = { .fd = nat->state_fd };
	int64_t end = clock_mono_ns() + (2 * READY_TIMEOUT_MS + 1000) * 1000000ll;
	while (__atomic_load_n(nat->state, __ATOMIC_SEQ_CST) == NAT_STARTING) {
		int64_t left_ms = (end - clock_mono_ns()) / 1000000;
		if (left_ms <= 0)
			return NET_SLOW;
		if (poll(&p, 1, (int)left_ms) > 0 &&
		    __atomic_load_n(nat->state, __ATOMIC_SEQ_CST) == NAT_STARTING)
			return NET_FAILED; /* hung up without a word: killed */
	}
	switch (__atomic_load_n(nat->state, __ATOMIC_SEQ_CST)) {
	case NAT_READY:
		return NET_OWN;
	case NAT_NO_PROGRAM:
		return NET_NO_PROGRAM;
	case NAT_STARTING:
	case NAT_FAILED:
		break;
	}
	return NET_FAILED;
}

/* Join the namespace of RUN_NS_FD to the router's bridge; leaves this process in the router's. */
static Err *plug(const Nat *nat, unsigned run, int run_ns_fd)
{
	char path[64], name[16];
	int fd = -1, bridge;
	snprintf(path, sizeof path, ROUTER_PATH, (int)nat->router);
	AUTO_CLOSE int router_fd = open(path, O_RDONLY | O_CLOEXEC); /* whole path: below /proc */
	if (router_fd < 0 || setns(router_fd, CLONE_NEWNET) < 0)
		return err_sys(errno, "cannot enter the router's network namespace");
	TRY(netlink_open(&fd));
	AUTO_CLOSE int netlink = fd;
	TRY(netlink_index(netlink, "br0", &bridge));
	/* Never a name twice: the kernel takes its time to remove those of ended runs. */
	snprintf(name, sizeof name, "run%u", run);
	return netlink_add_pair(netlink, name, bridge, "eth0", run_ns_fd);
}

/* Each number's turn comes again after as many runs as there are addresses. */
static uint32_t address_of(unsigned run)
{
	return NET_ADDRESS + FIRST_ADDRESS + run % NET_RUNS_MAX;
}

static Err *configure(unsigned run)
{
	int fd = -1, index;
	TRY(netlink_open(&fd));
	AUTO_CLOSE int netlink = fd;
	TRY(netlink_index(netlink, "eth0", &index));
	TRY(netlink_add_address(netlink, index, htonl(address_of(run)), PREFIX_LEN));
	TRY(netlink_up(netlink, index));
	return netlink_add_default_route(netlink, index, htonl(NET_GATEWAY));
}

/* One request over slirp4netns's API socket; its answer is JSON with an "error" in it, or not. */
static Err *publish(const SandboxPort *port, unsigned run)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = API_SOCKET };
	struct in_addr host;
	struct in_addr guest = { htonl(address_of(run)) };
	char guest_text[INET_ADDRSTRLEN], answer[512];
	const char *ip = *port->host_ip ? port->host_ip : "0.0.0.0";
	if (inet_pton(AF_INET, ip, &host) != 1)
		return err_new(ERR_INPUT, "cannot publish a port on '%s': not an IPv4 address", ip);
	inet_ntop(AF_INET, &guest, guest_text, sizeof guest_text);
	AUTO_CLOSE int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval timeout = { .tv_sec = API_TIMEOUT_S };
	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0 ||
	    connect(s, (struct sockaddr *)&address, sizeof address) < 0)
		return err_sys(errno, "cannot reach slirp4netns to publish port %u", port->port);
	AUTO_BUF Buf request = BUF_INIT;
	buf_addf(
		&request,
		"{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\",\"host_addr\":\"%s\","
		"\"host_port\":%u,\"guest_addr\":\"%s\",\"guest_port\":%u}}",
		port->udp ? "udp" : "tcp", ip, port->host_port, guest_text, port->port);
	TRY(path_write_all(s, request.ptr, request.len, API_SOCKET));
	if (shutdown(s, SHUT_WR) < 0)
		return err_sys(errno, "cannot publish port %u", port->port);
	size_t len = 0;
	ssize_t n;
	while (len < sizeof answer - 1 && (n = read(s, answer + len, sizeof answer - 1 - len)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	if (len == 0 || strstr(answer, "\"error\""))
		return err_note(err_new(ERR_SYSTEM, "cannot publish port %u on %s:%u", port->port,
		                        ip, port->host_port),
		                "is something listening there already?");
	return NULL;
}

static Err *enter(const Nat *nat, unsigned run)
{
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(errno, "cannot make a network namespace");
	AUTO_CLOSE int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return err_sys(errno, "cannot open '/proc/self/ns/net'");
	TRY(plug(nat, run, own));
	if (setns(own, CLONE_NEWNET) < 0)
		return err_sys(errno, "cannot enter the network namespace of the run");
	return configure(run);
}

Err *net_enter(const Nat *nat, unsigned run, const SandboxPort *ports, size_t port_count,
               NetFallback *ret_fallback)
{
	*ret_fallback = wait_for_nat(nat);
	if (*ret_fallback != NET_OWN)
		return NULL;
	TRY_WHILE(enter(nat, run), "joining the network");
	for (size_t i = 0; i < port_count; i++)
		TRY(publish(&ports[i], run));
	return NULL;
}

/* --- resolv.conf ----------------------------------------------------------------------------- */

static Err *host_resolv_conf(Buf *out)
{
	/* Links are followed: it is the administrator's own (systemd-resolved). */
	AUTO_CLOSE int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : err_sys(errno, "cannot open '/etc/resolv.conf'");
	return path_read_fd(fd, RESOLV_CONF_BYTES_MAX, "/etc/resolv.conf", out);
}

Err *net_resolv_conf(bool nat, Buf *out)
{
	if (!nat)
		return host_resolv_conf(out);
	/* The host's search domains and options stay good; its servers may be on its loopback. */
	AUTO_BUF Buf host = BUF_INIT;
	TRY(host_resolv_conf(&host));
	buf_addf(out, "nameserver 10.0.2.3\n");
	for (Str rest = buf_str(&host); rest.len > 0;) {
		Str line;
		rest = str_cut(rest, '\n', &line);
		if (str_starts(line, STR("search")) || str_starts(line, STR("domain")) ||
		    str_starts(line, STR("options")))
			buf_addf(out, "%.*s\n", STR_ARG(line));
	}
	return NULL;
}
