/* duration.c - lengths of time as Go writes them: "1h30m", "1.5s". */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"

#define SECOND_NS 1000000000ll

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },       { "us", 1000 },     { "\xc2\xb5s", 1000 },   { "\xce\xbcs", 1000 },
	{ "ms", 1000000 }, { "s", SECOND_NS }, { "m", 60 * SECOND_NS }, { "h", 3600 * SECOND_NS },
};

static size_t digits(Str s, size_t at)
{
	size_t n = 0;
	while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
		n++;
	return n;
}

/* The longest unit at the start of S: "ms" before "m". */
static int64_t unit_of(Str s, size_t *ret_len)
{
	int64_t ns = 0;
	*ret_len = 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		Str name = str_from(units[i].name);
		if (str_starts(s, name) && name.len > *ret_len) {
			*ret_len = name.len;
			ns = units[i].ns;
		}
	}
	return ns;
}

bool clock_parse_duration(Str s, int64_t *ret)
{
	*ret = 0;
	if (str_eqc(s, "0"))
		return true;
	if (!s.len)
		return false;
	for (size_t at = 0; at < s.len;) {
		size_t whole = digits(s, at), fraction = 0, unit_len;
		uint64_t n = 0;
		if (whole && (whole > 18 || !str_to_u64((Str){ s.ptr + at, whole }, &n)))
			return false;
		at += whole;
		size_t point = at;
		if (at < s.len && s.ptr[at] == '.') {
			fraction = digits(s, at + 1);
			at += 1 + fraction;
		}
		if (!whole && !fraction)
			return false;
		int64_t unit = unit_of(str_from_at(s, at), &unit_len), part;
		if (!unit || __builtin_mul_overflow((int64_t)n, unit, &part) ||
		    __builtin_add_overflow(*ret, part, ret))
			return false;
		int64_t digit_ns = unit;
		for (size_t i = 0; i < fraction; i++) {
			digit_ns /= 10;
			if (__builtin_add_overflow(*ret, digit_ns * (s.ptr[point + 1 + i] - '0'),
			                           ret))
				return false;
		}
		at += unit_len;
	}
	return true;
}
