/*
 * stamp-internal.h - what tells a directory or a file from another, and from itself after a change.
 *
 * A stamp that is written down must be settled: at a time younger than two seconds the next change
 * might have the same one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/packed-internal.h"

#include <sys/stat.h>

typedef struct StoreStamp {
	uint64_t device, inode, size; /* inode 0: of nothing, like no other */
	int64_t modified_ns, changed_ns;
} StoreStamp;

StoreStamp store_stamp_of(const struct stat *st);
StoreStamp store_stamp_at(const Store *s, const char *path); /* inode 0: there is nothing */
bool store_stamp_same(const StoreStamp *a, const StoreStamp *b);
/* S as it may be written down at NOW_NS: nothing, if a later change might not show. */
StoreStamp store_stamp_settled(StoreStamp s, int64_t now_ns);
void store_stamp_put(Buf *out, const StoreStamp *s);
StoreStamp store_stamp_take(StorePacked *p);
