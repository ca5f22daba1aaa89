/*
 * order.h - which of the missing steps may start, and which of those goes first.
 *
 * WHAT     The steps that the results need and that are not known.  A step is ready when all that it
 *          needs is known; of those that are ready, the one goes first from which the way to the
 *          result is the longest, in time that steps took in earlier builds; of equal ones, the
 *          first in the file.
 * SHAPE    A count of open needs a step, and a heap of those that are ready: a change costs
 *          O(log n), whatever the number of steps.
 * THREADS  the caller's lock guards it
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/build-internal.h"

typedef struct Order {
	Build *build;
	bool *needed;    /* one a step */
	size_t left;     /* needed steps that are not known yet */
	uint32_t *open;  /* one a step: needs that are not known */
	uint32_t *first; /* one a step, and one more: its dependents are dependents[first[i]..] */
	uint32_t *dependents;
	int64_t *way_ns; /* one a step: its cost and that of the longest way after it */
	uint32_t *ready; /* a heap: the longest way on top */
	size_t ready_count;
} Order;

/* Nothing is needed yet. */
void order_init(Order *o, Build *b);
void order_done(Order *o);
/* The result of STEP is wanted. */
void order_need(Order *o, uint32_t step);
/* Once all that is wanted is said.  JOBS: steps that will run at once. */
void order_begin(Order *o, unsigned jobs);
/* The step to start now: it is taken.  STEP_NONE: none is ready. */
uint32_t order_take(Order *o);
/* STEP, which was taken, is STEP_KNOWN. */
void order_known(Order *o, uint32_t step);
