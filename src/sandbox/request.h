/*
 * request.h - a SandboxSpec as one message, and back.
 *
 * ERRORS   ERR_SYSTEM  the message is damaged
 * OWNS     a decoded spec's strings and arrays live in the Arena; its fds belong to the FdList
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "sandbox/sandbox.h"
#include "sandbox/wire.h"

/* FDS gets borrowed fds: free the array only. */
void request_encode(const SandboxSpec *spec, Buf *bytes, FdList *fds);
NODISCARD Err *request_decode(Str bytes, const FdList *fds, Arena *a, SandboxSpec *ret);

void request_encode_result(const SandboxResult *result, Buf *bytes);
void request_decode_result(WireReader *r, SandboxResult *ret);
