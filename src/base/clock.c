/* clock.c - nanoseconds and RFC 3339, without the C library's time zones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { SECONDS_A_DAY = 86400 };
#define NS 1000000000ll

int64_t clock_real_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

int64_t clock_mono_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

/* Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms"). */
static int64_t days_from_civil(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *y, int *m, int *d)
{
	z += 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = (int)(doy - (153 * mp + 2) / 5 + 1);
	*m = (int)(mp < 10 ? mp + 3 : mp - 9);
	*y = (int)(yoe + era * 400 + (*m <= 2));
}

Str clock_format(int64_t real_ns, char text[static CLOCK_TEXT_BYTES])
{
	int64_t seconds = real_ns / NS, ns = real_ns % NS;
	if (ns < 0)
		ns += NS, seconds--;
	int64_t days = seconds / SECONDS_A_DAY, rest = seconds % SECONDS_A_DAY;
	if (rest < 0)
		rest += SECONDS_A_DAY, days--;
	int y, m, d;
	civil_from_days(days, &y, &m, &d);
	int n = snprintf(text, CLOCK_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d,
	                 (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
	if (ns) {
		n += snprintf(text + n, CLOCK_TEXT_BYTES - (size_t)n, ".%09d", (int)ns);
		while (text[n - 1] == '0')
			n--;
	}
	text[n++] = 'Z';
	text[n] = '\0';
	return (Str){ text, (size_t)n };
}

static bool take_number(Str *s, int digits, int *ret)
{
	if (s->len < (size_t)digits)
		return false;
	int n = 0;
	for (int i = 0; i < digits; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9')
			return false;
		n = n * 10 + (s->ptr[i] - '0');
	}
	*ret = n;
	*s = (Str){ s->ptr + digits, s->len - (size_t)digits };
	return true;
}

static bool take_char(Str *s, const char *any)
{
	if (!s->len || !*s->ptr || !strchr(any, *s->ptr))
		return false;
	*s = (Str){ s->ptr + 1, s->len - 1 };
	return true;
}

static bool take_fraction(Str *s, int64_t *ret_ns)
{
	*ret_ns = 0;
	if (!take_char(s, "."))
		return true;
	int64_t unit = NS;
	int digits = 0;
	while (s->len && *s->ptr >= '0' && *s->ptr <= '9') {
		unit /= 10;
		*ret_ns += unit * (*s->ptr - '0');
		*s = (Str){ s->ptr + 1, s->len - 1 };
		digits++;
	}
	return digits > 0;
}

static bool take_zone(Str *s, int *ret_seconds)
{
	int hours, minutes;
	*ret_seconds = 0;
	if (take_char(s, "Zz"))
		return true;
	int sign = s->len && *s->ptr == '-' ? -1 : 1;
	if (!take_char(s, "+-") || !take_number(s, 2, &hours) || !take_char(s, ":") ||
	    !take_number(s, 2, &minutes))
		return false;
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

Err *clock_parse(Str text, int64_t *ret_real_ns)
{
	Str s = text;
	int y, mo, d, h, mi, se, zone;
	int64_t ns;
	bool ok = take_number(&s, 4, &y) && take_char(&s, "-") && take_number(&s, 2, &mo) &&
	          take_char(&s, "-") && take_number(&s, 2, &d) && take_char(&s, "Tt ") &&
	          take_number(&s, 2, &h) && take_char(&s, ":") && take_number(&s, 2, &mi) &&
	          take_char(&s, ":") && take_number(&s, 2, &se) && take_fraction(&s, &ns) &&
	          take_zone(&s, &zone) && s.len == 0;
	ok = ok && mo >= 1 && mo <= 12 && d >= 1 && d <= 31 && h < 24 && mi < 60 && se <= 60;
	if (!ok)
		return err_new(ERR_INPUT, "not an RFC 3339 time: '%.*s'",
		               (int)(text.len < 64 ? text.len : 64), text.ptr);
	int64_t seconds = days_from_civil(y, mo, d) * SECONDS_A_DAY + h * INT64_C(3600) +
	                  mi * INT64_C(60) + se - zone;
	if (y < 1700 ||
	    y > 2260) /* what nanoseconds in 64 bits can hold: Go's zero time (year 1) becomes 0 */
		seconds = ns = 0;
	*ret_real_ns = seconds * NS + ns;
	return NULL;
}

const char *clock_span_text(int64_t ms, char text[static CLOCK_SPAN_LEN])
{
	bool fine = ms < 10000 && ms % 1000 != 0;
	snprintf(text, CLOCK_SPAN_LEN,
	         fine                      ? "%lld ms"
	         : ms < 2000 && ms >= 1000 ? "%lld second"
	                                   : "%lld seconds",
	         (long long)(fine ? ms : ms / 1000));
	return text;
}
