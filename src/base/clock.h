/*
 * clock.h - time as int64_t nanoseconds, and its texts.
 *
 * Real time counts from 1970 UTC (negative before); monotonic time from some start.
 * Nothing here depends on TZ or locale.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

int64_t clock_real_ns(void);
int64_t clock_mono_ns(void);

enum { CLOCK_TEXT_BYTES = 40 };
/* RFC 3339 in UTC as Go prints it: "2026-11-23T19:07:00.123456789Z", trailing zeros of the fraction
 * cut. */
Str clock_format(int64_t real_ns, char text[static CLOCK_TEXT_BYTES]);
/* RFC 3339 with any offset.  ERR_INPUT if malformed. */
NODISCARD Err *clock_parse(Str text, int64_t *ret_real_ns);
/* Go's time.ParseDuration for what is not negative: "1h30m", "1.5s", "0". */
bool clock_parse_duration(Str text, int64_t *ret_ns);
/* "30 seconds", or "1500 ms" where seconds would be too coarse (below ten). */
enum { CLOCK_SPAN_LEN = 32 };
const char *clock_span_text(int64_t ms, char text[static CLOCK_SPAN_LEN]);
