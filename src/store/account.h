/*
 * account.h - about how many bytes the store takes, without walking it.
 *
 * WHAT     What this process adds is summed up in memory and put to the account, the file locks/usage, when
 *          it ends.  It is an estimate: who has counted exactly says so with store_account_set().
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/store.h"

typedef struct StoreAccount {
	bool known;           /* false: never counted */
	uint64_t bytes;       /* all of the store */
	int64_t counted_ns;   /* when it was counted exactly; 0: never */
	uint64_t short_bytes; /* the last try to make room ended with so many, and they were too */
	uint64_t short_max;   /* many for this limit; 0: it did not */
} StoreAccount;

/* Bytes that were written for good, or (less than 0) removed; any thread. */
void store_account_add(Store *s, int64_t bytes);
/* A file of SIZE bytes in blocks of 4 KiB: what most file systems have. */
static inline int64_t store_blocks_of(uint64_t size)
{
	return (int64_t)((size + 4095) / 4096 * 4096);
}
/* What this process has added that the account does not know yet. */
int64_t store_account_added(const Store *s);
/* What was added goes to the account. */
NODISCARD Err *store_account_flush(Store *s, StoreAccount *ret);
NODISCARD Err *store_account_set(Store *s, const StoreAccount *account);
