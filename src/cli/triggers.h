/*
 * triggers.h - the process beside `serve` that starts builds.
 *
 * serve has threads, and namespaces of its own: what it started would be in them.  So a process
 * that is begun before both looks after queued builds, images and scheduled imports (`decant
 * run-triggers`); serve wakes it, and it ends with serve.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"

typedef struct Triggers {
	pid_t pid; /* 0: none */
	int fd;    /* a byte wakes it, and its end ends it */
} Triggers;

#define TRIGGERS_NONE ((Triggers){ .fd = -1 })

/* Before sandbox_enter() and the first thread.  INTERVAL_S: of scheduled imports, 0 never. */
NODISCARD Err *triggers_start(const Cli *cli, int64_t interval_s, Triggers *ret);
/* False: it is gone, and who starts serve again starts it. */
bool triggers_wake(const Triggers *t);
void triggers_end(Triggers *t);
#define AUTO_TRIGGERS CLEANUP(triggers_end)
