/* pax.c - records of pax extended headers: cut, made, and their kinds of values. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "codec/pax-internal.h"

static const int64_t NS_PER_S = 1000000000;

Err *pax_cut_record(Str *rest, Str *ret_key, Str *ret_value)
{
	/* The length is decimal digits alone: Go, GNU tar and Python differ on signs and blanks. */
	Str text = *rest, digits;
	Str body = str_cut(str_head(text, 24), ' ', &digits);
	uint64_t len;
	if (digits.len + 1 > text.len || body.ptr == text.ptr || !str_to_u64(digits, &len) ||
	    len > text.len || len < digits.len + 1)
		return err_new(ERR_CORRUPT, "bad length of a pax record");
	Str record = { text.ptr + digits.len + 1, (size_t)len - digits.len - 1 };
	if (record.len == 0 || record.ptr[record.len - 1] != '\n')
		return err_new(ERR_CORRUPT, "a pax record does not end where its length says");
	record.len--;
	ptrdiff_t equals = str_find(record, '=');
	if (equals <= 0)
		return err_new(ERR_CORRUPT, "a pax record without a key");
	*ret_key = str_head(record, (size_t)equals);
	*ret_value = str_from_at(record, (size_t)equals + 1);
	if (memchr(ret_key->ptr, '\0', ret_key->len))
		return err_new(ERR_CORRUPT, "NUL in the key of a pax record");
	*rest = str_from_at(text, (size_t)len);
	return NULL;
}

static size_t decimal_digits(size_t n)
{
	size_t digits = 1;
	for (; n >= 10; n /= 10)
		digits++;
	return digits;
}

void pax_add_record(Buf *out, Str key, Str value)
{
	/* The length counts its own digits: adding them may make it one digit longer. */
	size_t bare = key.len + value.len + 3; /* blank, '=', line end */
	size_t len = bare + decimal_digits(bare);
	len = bare + decimal_digits(len);
	buf_addf(out, "%zu ", len);
	buf_add_str(out, key);
	buf_add_char(out, '=');
	buf_add_str(out, value);
	buf_add_char(out, '\n');
}

bool pax_parse_time(Str text, int64_t *ret_ns)
{
	bool minus = str_starts(text, STR("-"));
	Str whole, fraction;
	fraction = str_cut(str_from_at(text, minus ? 1 : 0), '.', &whole);
	uint64_t seconds;
	if (!str_to_u64(whole, &seconds) || seconds > INT64_MAX)
		return false;
	int64_t ns = 0, unit = NS_PER_S / 10;
	for (size_t i = 0; i < fraction.len; i++, unit /= 10) {
		if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
			return false;
		ns += (fraction.ptr[i] - '0') * unit;
	}
	int64_t total;
	if (__builtin_mul_overflow((int64_t)seconds, NS_PER_S, &total) ||
	    __builtin_add_overflow(total, ns, &total))
		return false;
	*ret_ns = minus ? -total : total;
	return true;
}

void pax_format_time(Buf *out, int64_t ns)
{
	uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	uint64_t fraction = magnitude % (uint64_t)NS_PER_S;
	if (ns < 0)
		buf_add_char(out, '-');
	buf_addf(out, "%llu", (unsigned long long)(magnitude / (uint64_t)NS_PER_S));
	if (fraction == 0)
		return;
	buf_addf(out, ".%09llu", (unsigned long long)fraction);
	while (out->ptr[out->len - 1] == '0')
		out->len--;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

bool pax_decode_url(Str text, Buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '%') {
			buf_add_char(out, text.ptr[i]);
			continue;
		}
		int high = i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
		int low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
		if (high < 0 || low < 0 || (high == 0 && low == 0))
			return false;
		buf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

bool pax_decode_base64(Str text, Buf *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	while (str_ends(text, STR("=")))
		text.len--;
	if (text.len % 4 == 1)
		return false;
	uint32_t bits = 0;
	unsigned held = 0; /* bits in BITS that are not written yet */
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.ptr[i] ? strchr(alphabet, text.ptr[i]) : NULL;
		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		held += 6;
		if (held >= 8) {
			held -= 8;
			buf_add_char(out, (char)(bits >> held & 0xff));
		}
	}
	return true;
}
