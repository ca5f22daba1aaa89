/* retry.c - backoff. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "http/client.h"
#include "http/retry-internal.h"

enum {
	MOST_MS = 5000, /* unless the first is longer: who asked for that gets it each time */
};

bool retry_status(int status)
{
	switch (status) {
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return true;
	default:
		return false;
	}
}

static bool is_number(Str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len > 0;
}

/* RFC 9110 10.2.3: delay-seconds or HTTP-date.  False if it is neither. */
static bool read_retry_after(Str text, int64_t now_real_ns, int64_t *ret_s)
{
	uint64_t seconds;
	if (is_number(text)) {
		bool fits = str_to_u64(text, &seconds) && seconds <= INT64_MAX / 1000;
		*ret_s = fits ? (int64_t)seconds : INT64_MAX / 1000;
		return true;
	}
	int64_t date;
	if (!http_parse_date(text, &date))
		return false;
	int64_t s = date - now_real_ns / 1000000000;
	*ret_s = s < 0 ? 0 : s;
	return true;
}

bool http_response_wait(const HttpResponse *r, int64_t now_real_ns, int64_t *ret_s)
{
	return read_retry_after(http_response_header(r, "retry-after"), now_real_ns, ret_s);
}

int64_t retry_delay_ms(unsigned tried, int64_t first_ms, Str retry_after, int64_t now_real_ns)
{
	int64_t ms = first_ms;
	int64_t most = first_ms > MOST_MS ? first_ms : MOST_MS;
	for (unsigned i = 1; i < tried && ms < most; i++)
		ms *= 2;
	if (ms > most)
		ms = most;
	int64_t server_s;
	if (!read_retry_after(retry_after, now_real_ns, &server_s))
		return ms;
	if (server_s > HTTP_WAIT_MOST_S)
		return RETRY_NEVER;
	return server_s * 1000 > ms ? server_s * 1000 : ms;
}

int64_t retry_jitter_ms(int64_t ms, uint32_t random)
{
	return ms + (int64_t)(random % (uint64_t)(ms / 4 + 1));
}
