/*
 * child.h - processes that do not outlive the one that made them.
 *
 * WHAT     Every fork of this module is child_fork, but that of the server: it sees its socket hang up,
 *          and cleans up before it ends.  PR_SET_PDEATHSIG alone is not enough: it tells
 *          nothing of a parent that died between the fork and the call, and the kernel forgets it
 *          when the process changes its ids, gains capabilities or becomes a set-uid program.
 *          So the parent is looked at after the call; and the server adopts what its
 *          descendants leave behind (PR_SET_CHILD_SUBREAPER), and kills it with child_kill_others.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

#include <sys/types.h>

/* fork(2) for a process with one thread: the child is killed when this process ends, whenever that
 * is.  Returns as fork does. */
pid_t child_fork(void);

/*
 * In a child of clone(2) that may be in a pid namespace of its own, where it cannot see its parent:
 * LIFE_FD is a socket or pipe whose other end only the parent holds.  To be called again after each
 * change of ids or capabilities.  Does not return if the parent is gone.
 */
NODISCARD Err *child_die_with(int life_fd);

/* SIGKILL to each child of this process that KEEP does not claim. */
void child_kill_others(bool (*keep)(const void *context, pid_t pid), const void *context);

/* Wait for PID, a child, to end; it is reaped.  After TIMEOUT_MS it is killed. */
void child_wait(pid_t pid, int timeout_ms);
