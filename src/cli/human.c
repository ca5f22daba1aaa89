/* human.c - sizes, ages and times as docker's tables have them (docker/go-units). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/listing.h"

#include <stdio.h>

static Str size_text(Arena *a, uint64_t bytes, const char *gap)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double n = (double)bytes;
	size_t unit = 0;
	/* 999.5 and more would be shown as 1e+03 by "%.3g" */
	for (; n >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1000;
	return arena_strf(a, "%.3g%s%s", n, gap, units[unit]);
}

Str cli_size(Arena *a, uint64_t bytes)
{
	return size_text(a, bytes, "");
}

Str cli_size_words(Arena *a, uint64_t bytes)
{
	return size_text(a, bytes, " ");
}

Str cli_size_binary(Arena *a, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double n = (double)bytes;
	size_t unit = 0;
	for (; n >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		n /= 1024;
	return arena_strf(a, "%.4g%s", n, units[unit]);
}

Str cli_age(Arena *a, int64_t ns)
{
	long long seconds = ns / 1000000000, minutes = seconds / 60;
	long long hours = (minutes + 30) / 60; /* rounded, as docker does */
	if (seconds < 1)
		return STR("Less than a second");
	if (seconds == 1)
		return STR("1 second");
	if (seconds < 60)
		return arena_strf(a, "%lld seconds", seconds);
	if (minutes == 1)
		return STR("About a minute");
	if (minutes < 60)
		return arena_strf(a, "%lld minutes", minutes);
	if (hours == 1)
		return STR("About an hour");
	if (hours < 48)
		return arena_strf(a, "%lld hours", hours);
	if (hours < 24 * 7 * 2)
		return arena_strf(a, "%lld days", hours / 24);
	if (hours < 24 * 30 * 2)
		return arena_strf(a, "%lld weeks", hours / 24 / 7);
	if (hours < 24 * 365 * 2)
		return arena_strf(a, "%lld months", hours / 24 / 30);
	return arena_strf(a, "%lld years", hours / 24 / 365);
}

Str cli_time(Arena *a, int64_t real_ns)
{
	char text[CLOCK_TEXT_BYTES];
	clock_format(real_ns - real_ns % 1000000000, text);
	return arena_strf(a, "%.10s %.8s +0000 UTC", text, text + 11);
}
