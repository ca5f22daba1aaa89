/* str_value.c - booleans and sizes as people write them on command lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/str.h"

bool str_to_bool(Str s, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (str_eqc(s, yes[i]) || str_eqc(s, no[i])) {
			*ret = str_eqc(s, yes[i]);
			return true;
		}
	}
	return false;
}

/* "k", "kb", "KiB": the power of two, or -1. */
static int shift_of(Str unit)
{
	static const char letters[] = "kmgtp";
	if (!unit.len || (unit.len == 1 && (unit.ptr[0] | 0x20) == 'b'))
		return 0;
	const char *at = memchr(letters, unit.ptr[0] | 0x20, sizeof letters - 1);
	bool tail = unit.len == 1 || (unit.len == 2 && (unit.ptr[1] | 0x20) == 'b') ||
	            (unit.len == 3 && (unit.ptr[1] | 0x20) == 'i' && (unit.ptr[2] | 0x20) == 'b');
	return at && tail ? 10 * ((int)(at - letters) + 1) : -1;
}

bool str_to_bytes(Str s, uint64_t *ret)
{
	enum { FRACTION_DIGITS = 4 }; /* 9999 << 50 fits; what is behind nobody means */
	size_t end = 0, dot;
	uint64_t whole = 0, part = 0, scale = 1;
	while (end < s.len && s.ptr[end] >= '0' && s.ptr[end] <= '9')
		end++;
	if (end && !str_to_u64(str_head(s, end), &whole))
		return false;
	dot = end;
	if (end < s.len && s.ptr[end] == '.') {
		for (end++; end < s.len && s.ptr[end] >= '0' && s.ptr[end] <= '9'; end++) {
			if (end - dot > FRACTION_DIGITS)
				continue;
			part = part * 10 + (uint64_t)(s.ptr[end] - '0');
			scale *= 10;
		}
		if (end == dot + 1)
			return false;
	}
	if (!end)
		return false;
	if (end < s.len && s.ptr[end] == ' ')
		end++;
	int shift = shift_of(str_from_at(s, end));
	if (shift < 0 || whole > (uint64_t)INT64_MAX >> shift)
		return false;
	*ret = (whole << shift) + (part << shift) / scale;
	return *ret <= INT64_MAX;
}
