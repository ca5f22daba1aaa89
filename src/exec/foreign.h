/*
 * foreign.h - RUN for another processor: is there something that runs it, and how.
 *
 * ROOT     foreign_prepare() after sandbox_enter(), before sandbox_open() and the first thread
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

/* Find out for the steps that are missing, and register what is in PATH for this build. */
NODISCARD Err *foreign_prepare(Build *b);
/* Nothing here runs the programs of STEP, a RUN: the error says what to do. */
NODISCARD Err *foreign_check(Build *b, const Step *step);
/* For SandboxSpec.user_ns_fd. */
int foreign_user_ns(const Build *b, const Step *step);
void foreign_done(Build *b);
