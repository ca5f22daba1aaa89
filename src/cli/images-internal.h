/* images-internal.h - what the files of `decant images` share. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/images.h"

NODISCARD Err *images_is_wanted(Arena *a, Store *s, const ImageRow *row,
                                const ImageFilters *filters, bool all, bool *ret);
