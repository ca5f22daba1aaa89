/*
 * transfer.h - how pull and push show what they do.
 *
 * On a terminal the live display; else docker's lines ("abc123: Pull complete") on standard output;
 * with --quiet nothing.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/progress.h"
#include "cli/command.h"

typedef struct Transfer {
	Ui *ui; /* owned; NULL: no live display */
	bool quiet;
} Transfer;

/* VERB: "Pulling", "Pushing".  After sandbox_enter() where the command needs it: may start a
 * thread. */
NODISCARD Err *transfer_open(const char *verb, bool quiet, Transfer *ret);
Progress *transfer_progress(const Transfer *t);
/* A PullListener's and PushListener's function; CONTEXT is a Transfer. */
void transfer_layer(void *context, Str short_id, Str status);
void transfer_close(Transfer *t);
#define AUTO_TRANSFER CLEANUP(transfer_close)
