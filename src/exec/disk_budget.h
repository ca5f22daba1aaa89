/*
 * disk_budget.h - the store keeps within a limit by itself.
 *
 * WHAT     store.max (bytes, or a share of the file system; 20% if nothing is said; DECANT_STORE_MAX wins) and
 *          store.min-free.  A command that has added to the store asks at its end, by an account that needs
 *          no walk (store/account.h).  If there is too much, a child process with low priority, which holds the
 *          gc lock alone, evicts what is worth least (disk_evict.c) after the command has ended.
 * NEVER    goes what a name or a container holds, an image that the command itself made, or anything
 *          while a build or a transfer runs.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/disk.h"

typedef struct DiskBudget {
	uint64_t max;      /* UINT64_MAX: no limit */
	uint64_t min_free; /* 0: none */
} DiskBudget;
/* ERR_INPUT: a value of the configuration or of the environment that means nothing. */
NODISCARD Err *disk_budget_read(Store *s, Arena *a, DiskBudget *ret);
/* At the end of a command that began at SINCE_NS (of the real clock; FAILED: with an error, perhaps
 * for want of room), with no thread left: what was added is put to the account, and a child makes
 * room if that is needed.  Errors of the child are nobody's. */
NODISCARD Err *disk_budget_after(Store *s, int64_t since_ns, bool failed);
