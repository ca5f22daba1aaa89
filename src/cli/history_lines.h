/* history_lines.h - which line of a Dockerfile an entry of an image's history comes from. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "exec/image.h"

/* One an entry of IMAGE's history, in A; 0: not known.  From the journal of the last build that
 * made it; without one no line is known. */
unsigned *history_lines(Store *s, Arena *a, const Image *image);
