/*
 * net.h - the network of a run: none, the host's, or its own behind a user-mode NAT.
 *
 * WHAT     One slirp4netns a build does the NAT.  Its tap device is a port of a bridge in a network
 *          namespace of its own (the router); each run has a namespace too, joined to the bridge by
 *          a pair of interfaces, with an address in 10.0.2.0/24.  All by netlink, no `ip` program.
 *          So many runs share the one start of slirp4netns (20 to 50 ms) and do not see the host's
 *          loopback or abstract sockets.
 * FALLBACK Without /dev/net/tun or slirp4netns a run gets the host's network, and says so.
 * LIFE     The router is held by a child of the server that ends with it; slirp4netns ends with that
 *          child (PR_SET_PDEATHSIG, --exit-fd), and is reaped by the server.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sandbox/sandbox.h"

typedef struct Nat Nat;

typedef enum NetFallback {
	NET_OWN, /* none: NAT works */
	NET_NO_TUN,
	NET_NO_PROGRAM,
	NET_FAILED,
	NET_SLOW,
} NetFallback;
const char *net_fallback_reason(NetFallback f); /* static; NULL for NET_OWN */

enum { NET_RUNS_MAX = 230 }; /* addresses .16 to .245 */

/* In the server.  Begins to start the NAT; returns at once.  Never NULL. */
Nat *net_start(void);
/* In the server: is PID, a child, the NAT's? */
bool net_owns(const Nat *nat, pid_t pid);
/* In the server: PID, a child, has ended; true if it was the NAT's. */
bool net_ended(Nat *nat, pid_t pid);
/* In the server, at its end: kill the NAT.  NULL is fine. */
void net_stop(Nat *nat);

/*
 * In a supervisor: put this process into a new network namespace behind NAT; what it starts then is
 * in it.  Waits until NAT is ready.  RUN: its number, counted by the
 * server; no two of the last NET_RUNS_MAX may still run.  Publishes PORTS.
 * *ret_fallback other than NET_OWN: nothing was done.  The scratch directory is the working
 * directory.
 */
NODISCARD Err *net_enter(const Nat *nat, unsigned run, const SandboxPort *ports, size_t port_count,
                         NetFallback *ret_fallback);

/* The contents of /etc/resolv.conf: the host's own, or for a run behind NAT. */
NODISCARD Err *net_resolv_conf(bool nat, Buf *out);
