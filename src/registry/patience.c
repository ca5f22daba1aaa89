/* patience.c - how often and how long a registry is asked, from the environment.
 *
 * The command line's --retry, --retry-delay and --stall-timeout set three of these variables
 * (cli/connection.c).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/limits.h"
#include "registry/registry-internal.h"

static const char *value_of(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static Err *read_number(const char *name, uint64_t most, unsigned *ret)
{
	uint64_t n;
	const char *value = value_of(name);
	if (!value)
		return NULL;
	if (!str_to_u64(str_from(value), &n) || n > most)
		return err_new(ERR_INPUT, "%s is '%s': expected a number up to %llu", name, value,
		               (unsigned long long)most);
	*ret = (unsigned)n;
	return NULL;
}

/* "2s", "500ms"; a bare number is seconds. */
static Err *read_time(const char *name, int64_t least_ms, unsigned *ret_ms)
{
	uint64_t seconds;
	int64_t ns;
	const char *value = value_of(name);
	if (!value)
		return NULL;
	bool good = true;
	if (str_to_u64(str_from(value), &seconds) && seconds <= RETRY_SECONDS_MAX)
		ns = (int64_t)seconds * 1000000000;
	else
		good = clock_parse_duration(str_from(value), &ns);
	int64_t ms = good ? ns / 1000000 : -1;
	if (ms < least_ms || ms > RETRY_SECONDS_MAX * 1000ll)
		return err_new(ERR_INPUT,
		               "%s is '%s': expected a time like 2s or 500ms, %lld ms to %d s",
		               name, value, (long long)least_ms, RETRY_SECONDS_MAX);
	*ret_ms = (unsigned)ms;
	return NULL;
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
	TRY(read_time("DECANT_RETRY_DELAY", 0, &p.http.first_delay_ms));
	TRY(read_time("DECANT_STALL_TIMEOUT", 100, &p.http.stall_timeout_ms));
	TRY(read_number("DECANT_CONNECTIONS", CONNECTIONS_MAX, &p.connections));
	TRY(read_size("DECANT_CHUNK_SIZE", CHUNK_BYTES_MIN, &p.chunk_bytes));
	p.http.tries = again + 1;
	*ret = p;
	return NULL;
}

Err *patience_helper(unsigned *ret_ms)
{
	*ret_ms = 60 * 1000;
	return read_time("DECANT_HELPER_TIMEOUT", 100, ret_ms);
}
