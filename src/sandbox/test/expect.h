/*
 * expect.h - what tests of the sandbox expect, and see of processes and mounts.
 *
 * WHAT     expect_*() fail the test and say NAME.  The others look at /proc.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/test/must.h"
#include "sandbox/test/rig.h"

void expect_ran(const char *name, const Ran *r);
void expect_text(const char *name, const char *got, const char *want);
/* The upper directory of the last run, as rig_list_upper() has it. */
void expect_upper(Rig *rig, const char *name, const char *want);
/* PART of the cause. */
void expect_error(const char *name, const Ran *r, ErrKind kind, const char *part);

unsigned count_mounts(void);
/* A process of ours whose command line has WORD. */
bool process_exists(const char *word);
bool process_gone_within(const char *word, int64_t ms);
