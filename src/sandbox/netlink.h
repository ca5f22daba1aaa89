/*
 * netlink.h - the few rtnetlink requests that joining a run to the router needs.
 *
 * WHAT     A socket acts in the network namespace that its opener was in, whatever namespace the
 *          process enters later.  Each function sends one request and waits for its answer.
 * ERRORS   ERR_SYSTEM with the kernel's errno
 * SOURCE   rtnetlink(7), netlink(7)
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

NODISCARD Err *netlink_open(int *ret_fd);
/* The index of the interface NAME. */
NODISCARD Err *netlink_index(int fd, const char *name, int *ret_index);
NODISCARD Err *netlink_up(int fd, int index);
/* Make a bridge, up. */
NODISCARD Err *netlink_add_bridge(int fd, const char *name);
/* Make INDEX a port of the bridge MASTER, and bring it up. */
NODISCARD Err *netlink_join(int fd, int index, int master);
/* Make a pair: NAME, a port of MASTER and up, and PEER in the namespace of PEER_NS_FD. */
NODISCARD Err *netlink_add_pair(int fd, const char *name, int master, const char *peer,
                                int peer_ns_fd);
/* ADDRESS and GATEWAY: IPv4, network byte order. */
NODISCARD Err *netlink_add_address(int fd, int index, uint32_t address, unsigned prefix_len);
NODISCARD Err *netlink_add_default_route(int fd, int index, uint32_t gateway);
