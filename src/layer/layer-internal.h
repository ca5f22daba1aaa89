/* layer-internal.h - what the files of layer/ share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "layer/layer.h"
#include "layer/view.h"

/* --- times.c --- */
/* Is MTIME_NS when the step ran? */
bool times_is_now(const LayerUpper *upper, int64_t mtime_ns);
/* The untimed mtimes (Entry) of the layers that steps made, read at the first question. */
typedef struct TimesBelow {
	bool loaded;
	int64_t last_ns; /* that was read */
	VEC(int64_t) times;
} TimesBelow;
/* Is MTIME_NS one of those in BELOW, the view of UPPER's lowers? */
bool times_is_from_below(TimesBelow *t, const LayerUpper *upper, const View *below,
                         int64_t mtime_ns);
