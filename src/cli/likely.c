/*
 * likely.c - likely causes of a difference, by the formats that are known to hold times.
 *
 * SOURCE   gzip: RFC 1952, 2.3; pyc: PEP 3147, PEP 552; ar(5); zip: APPNOTE 4.3.7; PNG and others are
 *          not looked at: an honest "here" is better than a guess.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/likely.h"

#include <ctype.h>

static bool within(const LikelyPlace *p, uint64_t from, uint64_t to)
{
	return p->offset >= from && p->offset < to;
}

static bool is_gzip(const LikelyPlace *p)
{
	return str_starts(p->head, STR("\x1f\x8b\x08")) && within(p, 4, 8);
}

/* Four bytes of magic, the last two a line end; flags 0 say that a time follows. */
static bool is_pyc(const LikelyPlace *p)
{
	Str h = p->head;
	return h.len >= 12 && h.ptr[2] == '\r' && h.ptr[3] == '\n' && h.ptr[4] == '\0' &&
	       h.ptr[5] == '\0' && h.ptr[6] == '\0' && h.ptr[7] == '\0' && within(p, 8, 12);
}

/* A member's header ends in "`\n" at 58; its time is in 16 to 28. */
static bool is_ar(const LikelyPlace *p)
{
	if (!str_starts(p->head, STR("!<arch>\n")))
		return false;
	for (size_t start = 0; start + 60 <= p->before.len; start++)
		if (p->before.ptr[start + 58] == '`' && p->before.ptr[start + 59] == '\n' &&
		    p->at >= start + 16 && p->at < start + 28)
			return true;
	return false;
}

static bool is_zip(const LikelyPlace *p)
{
	static const char local[] = "PK\003\004", central[] = "PK\001\002";
	if (!str_starts(p->head, STR("PK\003\004")))
		return false;
	for (size_t back = 10; back < 16 && back <= p->at; back++) {
		const char *start = p->before.ptr + p->at - back;
		if (back < 14 && memcmp(start, local, 4) == 0)
			return true;
		if (back >= 12 && memcmp(start, central, 4) == 0)
			return true;
	}
	return false;
}

static const struct {
	bool (*is)(const LikelyPlace *p);
	const char *words;
} formats[] = {
	{ is_gzip, "the time in a gzip header: gzip -n leaves it out" },
	{ is_pyc, "the source's time in compiled Python: PYTHONDONTWRITEBYTECODE=1 makes none, "
	          "--invalidation-mode unchecked-hash needs none" },
	{ is_ar, "a member's time in an ar archive: ar D leaves it out" },
	{ is_zip, "an entry's time in a zip archive" },
};

/* --- text ------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
	return c >= ' ' && c < 0x7f;
}

/* The printable bytes of TEXT around AT that stand on one line. */
static Str around(Str text, size_t at, size_t *ret_at)
{
	size_t from = at, to = at;
	while (from > 0 && is_plain(text.ptr[from - 1]))
		from--;
	while (to < text.len && is_plain(text.ptr[to]))
		to++;
	*ret_at = at - from;
	return (Str){ text.ptr + from, to - from };
}

static size_t count_digits(Str s, size_t at, Str *ret)
{
	size_t from = at, to = at;
	while (from > 0 && isdigit((unsigned char)s.ptr[from - 1]))
		from--;
	while (to < s.len && isdigit((unsigned char)s.ptr[to]))
		to++;
	*ret = (Str){ s.ptr + from, to - from };
	return to - from;
}

/* Has S "12:34" or "2026-11" near AT? */
static bool has_clock(Str s, size_t at)
{
	enum { NEAR = 12 };
	size_t from = at > NEAR ? at - NEAR : 0;
	for (size_t i = from; i + 5 <= s.len && i < at + NEAR; i++) {
		const char *c = s.ptr + i;
		if (isdigit((unsigned char)c[0]) && isdigit((unsigned char)c[1]) && c[2] == ':' &&
		    isdigit((unsigned char)c[3]) && isdigit((unsigned char)c[4]))
			return true;
		if (i + 7 <= s.len && (c[0] == '1' || c[0] == '2') &&
		    isdigit((unsigned char)c[1]) && isdigit((unsigned char)c[2]) &&
		    isdigit((unsigned char)c[3]) && c[4] == '-' && isdigit((unsigned char)c[5]) &&
		    isdigit((unsigned char)c[6]))
			return true;
	}
	return false;
}

static const char *text_cause(Str x, Str y, size_t at)
{
	enum { EPOCH_DIGITS = 10, EPOCH_NS_DIGITS = 19 };
	Str a, b;
	if (has_clock(x, at) && has_clock(y, at))
		return ", which looks like a date or a time";
	size_t n = count_digits(x, at, &a), m = count_digits(y, at, &b);
	if (n == m && (n == EPOCH_DIGITS || n == EPOCH_NS_DIGITS) && a.ptr[0] == '1' &&
	    b.ptr[0] == '1')
		return ", which looks like seconds since 1970";
	return "";
}

void likely_words(const LikelyPlace *p, Buf *out)
{
	size_t x_at, y_at;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (formats[i].is(p)) {
			buf_addf(out, "byte %llu: %s", (unsigned long long)p->offset,
			         formats[i].words);
			return;
		}
	Str x = around(p->before, p->at, &x_at), y = around(p->after, p->at, &y_at);
	buf_addf(out, "from byte %llu on", (unsigned long long)p->offset);
	if (x.len && y.len && x_at == y_at)
		buf_addf(out, ": '%.*s', then '%.*s'%s", STR_ARG(x), STR_ARG(y),
		         text_cause(x, y, x_at));
}
