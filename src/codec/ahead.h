/*
 * ahead.h - a reader that works ahead in a thread of its own.
 *
 * Put between two stages that each keep a core busy (inflating, then hashing and writing): both run
 * at once, AHEAD_BYTES apart at most.
 *
 * THREADS  BELOW belongs to the new thread until the reader is closed, which waits for a read of
 *          BELOW that is under way.  Where no thread can be had, it is a plain pass-through.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "codec/stream.h"

enum { AHEAD_BYTES = 1 << 20 };

Reader *reader_ahead(Reader *below /* borrowed */);
