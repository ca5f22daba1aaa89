/*
 * cancel.h - one flag that ends the whole build: ^C, or a step that failed.
 *
 * A Cancel is set once and never cleared.  Long loops ask cancel_requested(); blocking waits
 * poll cancel_fd() beside what they wait for (it becomes readable when the flag is set).
 * Threads: any thread, and a signal handler, may set it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

typedef struct Cancel {
	int fd;  /* an eventfd */
	int set; /* 0, 1; read and written atomically */
} Cancel;

NODISCARD Err *cancel_open(Cancel *ret);
void cancel_close(Cancel *c);
void cancel_set(Cancel *c);             /* async-signal-safe */
bool cancel_requested(const Cancel *c); /* C may be NULL: never */
int cancel_fd(const Cancel *c);         /* -1 for NULL */
/* An ERR_CANCELLED error, or NULL if not requested. */
NODISCARD Err *cancel_check(const Cancel *c);
