/*
 * moment.h - a time as users give it.
 *
 * WHAT     docker's forms: how long ago ("24h", "1m30s"), seconds since 1970 ("1767182400",
 *          "1767182400.5"), RFC 3339 ("2026-01-31T12:00:00Z") or a beginning of it ("2026-01-31").
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

/* False: none of them. */
bool cli_moment(Str text, int64_t *ret_real_ns);

#define CLI_MOMENT_NOTE \
	"give a time (2026-01-31T12:00:00Z, 2026-01-31, 1767182400) or how long ago (24h, 30m)"
