/*
 * parallel.h - do one thing for each of N, on a few threads.
 *
 * No thread is left when parallel_each() returns, not even for the kernel: unshare(2) may follow.
 * The first error wins; the others are freed and no new index is begun after it.
 * The calling thread works too: with THREADS 1 (or COUNT 1) no thread is started at all, which
 * matters to callers that must stay single-threaded (sandbox/sandbox.h, user namespaces).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

typedef Err *ParallelFn(void *context, size_t index);

/* THREADS 0: one a core. */
NODISCARD Err *parallel_each(size_t count, unsigned threads, ParallelFn *fn, void *context);
unsigned parallel_cores(void);
