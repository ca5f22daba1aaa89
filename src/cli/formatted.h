/* formatted.h - one JSON object as --format has it: "json", or a template. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "codec/template.h"

/* A line on stdout. */
NODISCARD Err *formatted_print(Arena *a, const char *format, const TemplateShape *shape, Str json);
