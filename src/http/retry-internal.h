/* retry-internal.h - whether and when to ask again. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/str.h"

/* True for answers that may be different next time: 408, 429, 500, 502, 503, 504. */
bool retry_status(int status);
/*
 * Milliseconds to wait after the TRIED-th try (1, 2 ...): FIRST_MS, doubled each time up to five
 * seconds.  RETRY_AFTER: that header, "" if absent:
 * seconds or an HTTP date; nonsense counts as absent.  RETRY_NEVER: the server wants more than
 * HTTP_WAIT_MOST_S: a build that waits longer looks hung, and quotas come back after hours.
 */
enum { RETRY_NEVER = -1 };
int64_t retry_delay_ms(unsigned tried, int64_t first_ms, Str retry_after, int64_t now_real_ns);
/* Up to a quarter more, by RANDOM: clients that failed together do not come back together. */
int64_t retry_jitter_ms(int64_t ms, uint32_t random);
