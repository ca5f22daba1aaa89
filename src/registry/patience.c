/* patience.c - how often and how long a registry is asked, from the environment.
 *
 * The command line's --retry, --retry-delay and --stall-timeout set three of these variables.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/registry-internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { DELAY_LEAST_MS = 0, STALL_LEAST_MS = 100 };

static const char *value_of(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

/* VALUE of NAME, a variable or an option ("--retry"), is not what is EXPECTED. */
static Err *refuse(const char *name, const char *value, const char *expected)
{
	if (*name == '-')
		return err_new(ERR_INPUT, "invalid value '%s' for %s: expected %s", value, name,
		               expected);
	return err_new(ERR_INPUT, "%s is '%s': expected %s", name, value, expected);
}

static Err *parse_number(const char *name, const char *value, uint64_t most, unsigned *ret)
{
	uint64_t n;
	char expected[64];
	(void)snprintf(expected, sizeof expected, "a number up to %llu", (unsigned long long)most);
	if (!str_to_u64(str_from(value), &n) || n > most)
		return refuse(name, value, expected);
	*ret = (unsigned)n;
	return NULL;
}

static Err *read_number(const char *name, uint64_t most, unsigned *ret)
{
	const char *value = value_of(name);
	return value ? parse_number(name, value, most, ret) : NULL;
}

/* "2s", "500ms"; a bare number is seconds. */
static Err *parse_time(const char *name, const char *value, int64_t least_ms, unsigned *ret_ms)
{
	uint64_t seconds;
	int64_t ns;
	char expected[80];
	(void)snprintf(expected, sizeof expected, "a time like 2s or 500ms, %lld ms to %d s",
	               (long long)least_ms, RETRY_SECONDS_MAX);
	bool good = true;
	if (str_to_u64(str_from(value), &seconds) && seconds <= RETRY_SECONDS_MAX)
		ns = (int64_t)seconds * 1000000000;
	else
		good = clock_parse_duration(str_from(value), &ns);
	int64_t ms = good ? ns / 1000000 : -1;
	if (ms < least_ms || ms > RETRY_SECONDS_MAX * 1000ll)
		return refuse(name, value, expected);
	*ret_ms = (unsigned)ms;
	return NULL;
}

static Err *read_time(const char *name, int64_t least_ms, unsigned *ret_ms)
{
	const char *value = value_of(name);
	return value ? parse_time(name, value, least_ms, ret_ms) : NULL;
}

static Err *read_size(const char *name, uint64_t least, uint64_t *ret)
{
	uint64_t n;
	const char *value = value_of(name);
	if (!value)
		return NULL;
	if (!str_to_bytes(str_from(value), &n) || (n && n < least) || n > INT64_MAX)
		return err_new(ERR_INPUT,
		               "%s is '%s': expected a size like 32m, at least %llu bytes, or 0",
		               name, value, (unsigned long long)least);
	*ret = n;
	return NULL;
}

Err *patience_read(Patience *ret)
{
	Patience p = { .http = HTTP_PATIENCE };
	unsigned again = p.http.tries - 1;
	TRY(read_number("DECANT_RETRY", RETRIES_MAX, &again));
	TRY(read_time("DECANT_RETRY_DELAY", DELAY_LEAST_MS, &p.http.first_delay_ms));
	TRY(read_time("DECANT_STALL_TIMEOUT", STALL_LEAST_MS, &p.http.stall_timeout_ms));
	TRY(read_number("DECANT_CONNECTIONS", CONNECTIONS_MAX, &p.connections));
	TRY(read_size("DECANT_CHUNK_SIZE", CHUNK_BYTES_MIN, &p.chunk_bytes));
	p.http.tries = again + 1;
	*ret = p;
	return NULL;
}

Err *patience_set(const char *retry, const char *retry_delay, const char *stall_timeout)
{
	unsigned parsed;
	if (retry)
		TRY(parse_number("--retry", retry, RETRIES_MAX, &parsed));
	if (retry_delay)
		TRY(parse_time("--retry-delay", retry_delay, DELAY_LEAST_MS, &parsed));
	if (stall_timeout)
		TRY(parse_time("--stall-timeout", stall_timeout, STALL_LEAST_MS, &parsed));
	const struct {
		const char *name, *value;
	} all[] = {
		{ "DECANT_RETRY", retry },
		{ "DECANT_RETRY_DELAY", retry_delay },
		{ "DECANT_STALL_TIMEOUT", stall_timeout },
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].value && setenv(all[i].name, all[i].value, 1) < 0)
			return err_sys(errno, "cannot set %s", all[i].name);
	return NULL;
}

Err *patience_helper(unsigned *ret_ms)
{
	*ret_ms = 60 * 1000;
	return read_time("DECANT_HELPER_TIMEOUT", 100, ret_ms);
}
