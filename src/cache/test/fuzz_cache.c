/* fuzz_cache.c - any bytes as the records of a cache: refused or read, and what was read is written
 * and read again as the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/arena.h"
#include "cache/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA Arena arena = ARENA_INIT;
	AUTO_BUF Buf once = BUF_INIT, twice = BUF_INIT;
	CacheRecords records, again;
	CacheSpec spec;
	Str text = { (const char *)data, size };
	err_free(cache_parse_to(&arena, text, &spec)); /* refusing is fine here */
	err_free(cache_parse_from(&arena, text, &spec));
	AUTO_ERR Err *e = cache_records_parse(&arena, text, "input", &records);
	if (e)
		return 0;
	cache_records_format(&records, true, &once);
	err_free(e);
	e = cache_records_parse(&arena, buf_str(&once), "input", &again);
	if (e)
		abort();
	cache_records_format(&again, true, &twice);
	if (!str_eq(buf_str(&once), buf_str(&twice)))
		abort();
	return 0;
}
