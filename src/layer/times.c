/*
 * times.c - which mtimes that a RUN leaves say only when something was made.
 *
 * Such a time is inside the step's own window; or it is one that a step below had as such: the file
 * was copied up for its mode alone, moved, or copied with its times.  Any other time was set by the
 * command, or came out of an archive, and is part of what the step gives.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "layer/layer-internal.h"

#define SECOND_NS 1000000000ll

/* Archives, and some file systems, keep whole seconds: they are cut off, so the window is too. */
static bool is_inside(const LayerWindow *w, int64_t mtime_ns)
{
	int64_t from_ns = w->from_ns;
	if (mtime_ns % SECOND_NS == 0 && from_ns > 0)
		from_ns -= from_ns % SECOND_NS;
	return mtime_ns >= from_ns && mtime_ns <= w->to_ns;
}

bool times_is_now(const LayerUpper *upper, int64_t mtime_ns)
{
	return is_inside(&upper->window[0], mtime_ns) || is_inside(&upper->window[1], mtime_ns);
}

/* And as a program writes it who copies it with less: busybox's cp -p whole seconds, utimes(2)
 * microseconds. */
static void keep(void *context, int64_t mtime_ns)
{
	static const int64_t units_ns[] = { 1, 1000, SECOND_NS };
	TimesBelow *t = context;
	if (t->last_ns == mtime_ns && t->times.len)
		return;
	t->last_ns = mtime_ns;
	for (size_t i = 0; i < ARRAY_LEN(units_ns); i++)
		VEC_PUSH(&t->times, mtime_ns - mtime_ns % units_ns[i]);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

bool times_is_from_below(TimesBelow *t, const LayerUpper *upper, const View *below,
                         int64_t mtime_ns)
{
	if (!t->loaded) {
		for (size_t i = upper->base_count; i < upper->lower_count; i++)
			list_each_untimed(view_list(below, i), keep, t);
		if (t->times.len)
			qsort(t->times.at, t->times.len, sizeof *t->times.at, compare);
		t->loaded = true;
	}
	return t->times.len &&
	       bsearch(&mtime_ns, t->times.at, t->times.len, sizeof mtime_ns, compare);
}
