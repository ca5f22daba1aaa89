/* moment.c - "10m" ago, seconds since 1970, RFC 3339, or a date of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/moment.h"

#define SECOND_NS 1000000000ll

/* "1767182400" or "1767182400.25" */
static bool parse_seconds(Str text, int64_t *ret)
{
	Str whole, fraction = str_cut(text, '.', &whole);
	uint64_t seconds;
	int64_t part = 0, unit = SECOND_NS / 10;
	if (!str_to_u64(whole, &seconds) || seconds > INT64_MAX / SECOND_NS - 1)
		return false;
	for (size_t i = 0; i < fraction.len; i++, unit /= 10) {
		if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
			return false;
		part += (fraction.ptr[i] - '0') * unit;
	}
	*ret = (int64_t)seconds * SECOND_NS + part;
	return true;
}

bool cli_moment(Str text, int64_t *ret)
{
	static const char *const rests[] = { "", "Z", ":00Z", "T00:00:00Z" };
	AUTO_BUF Buf whole = BUF_INIT;
	if (parse_seconds(text, ret))
		return true;
	if (clock_parse_duration(text, ret)) {
		*ret = clock_real_ns() - *ret;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(rests); i++) {
		buf_reset(&whole);
		buf_addf(&whole, "%.*s%s", STR_ARG(text), rests[i]);
		AUTO_ERR Err *e = clock_parse(buf_str(&whole), ret);
		if (!e)
			return true;
	}
	return false;
}
