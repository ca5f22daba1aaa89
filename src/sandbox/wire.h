/*
 * wire.h - requests, results and errors between the main process, the server and its children.
 *
 * WHAT     Values are put one after the other into a Buf and got back in the same order; a message
 *          is such a Buf and a list of fds.  Both ends are forks of one program: no versions, but
 *          every get is bounds-checked, since a half-written message must not become a wild read.
 * SOCKETS  SOCK_SEQPACKET.  A message longer than one packet, or with more fds than the kernel
 *          passes at once (SCM_MAX_FD, 253), travels as several packets.
 * ERRORS   ERR_SYSTEM  the other end is gone or the message is cut
 * OWNS     received fds are close-on-exec and belong to the receiver's FdList
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "base/vec.h"

typedef VEC(int) FdList;
void wire_close_fds(FdList *l); /* close all, free the array */
#define AUTO_FDS CLEANUP(wire_close_fds)

void wire_put_u32(Buf *b, uint32_t v);
void wire_put_u64(Buf *b, uint64_t v);
void wire_put_str(Buf *b, Str s);
void wire_put_cstr(Buf *b, const char *s); /* NULL travels as NULL */
void wire_put_err(Buf *b, const Err *e);   /* NULL travels as NULL */

typedef struct WireReader {
	Str rest;
	bool bad; /* a get ran past the end: all later gets give 0 or "" */
} WireReader;

uint32_t wire_get_u32(WireReader *r);
uint64_t wire_get_u64(WireReader *r);
Str wire_get_str(WireReader *r);    /* borrowed from the message */
char *wire_get_cstr(WireReader *r); /* malloc'd, or NULL */
NODISCARD Err *wire_get_err(WireReader *r);
/* How many things of at least SIZE bytes each can still follow: bounds a count before allocation.
 */
size_t wire_room_for(const WireReader *r, size_t size);

/* Send one message; blocks.  Never raises SIGPIPE. */
NODISCARD Err *wire_send(int fd, Str bytes, const int *fds, size_t fd_count);
/* Receive one message; blocks.  *ret_end: the other end closed before the first byte. */
NODISCARD Err *wire_recv(int fd, Buf *bytes, FdList *fds, bool *ret_end);
