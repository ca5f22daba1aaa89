/* progress.c - sending events to whoever shows them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"

#include "base/clock.h"

#include <stdarg.h>

void progress_send(Progress *p, const ProgressEvent *event)
{
	if (!p)
		return;
	ProgressEvent timed = *event;
	if (timed.at_ns == 0)
		timed.at_ns = clock_mono_ns();
	p->event(p, &timed);
}

VPRINTF(3)
static void send_text(Progress *p, const ProgressEvent *event, const char *fmt, va_list ap)
{
	AUTO_FREE char *text = NULL;
	int n = vasprintf(&text, fmt, ap);
	if (n < 0)
		die_oom(0);
	ProgressEvent full = *event;
	full.text = (Str){ text, (size_t)n };
	progress_send(p, &full);
}

unsigned progress_begin(Progress *p, Str stage, const char *fmt, ...)
{
	if (!p)
		return 0;
	unsigned line = __atomic_add_fetch(&p->last_line, 1, __ATOMIC_RELAXED);
	va_list ap;
	va_start(ap, fmt);
	send_text(p, &(ProgressEvent){ .kind = PROGRESS_BEGIN, .line = line, .stage = stage }, fmt,
	          ap);
	va_end(ap);
	return line;
}

void progress_log(Progress *p, unsigned line, Str bytes)
{
	progress_send(p, &(ProgressEvent){ .kind = PROGRESS_LOG, .line = line, .text = bytes });
}

void progress_bytes(Progress *p, unsigned line, Str name, uint64_t current, uint64_t total)
{
	progress_send(p, &(ProgressEvent){ .kind = PROGRESS_BYTES,
	                                   .line = line,
	                                   .name = name,
	                                   .current = current,
	                                   .total = total });
}

void progress_end(Progress *p, unsigned line, ProgressKind how, Str text)
{
	progress_send(p, &(ProgressEvent){ .kind = how, .line = line, .text = text });
}

void progress_why(Progress *p, unsigned line, Str text)
{
	progress_send(p, &(ProgressEvent){ .kind = PROGRESS_WHY, .line = line, .text = text });
}

void progress_note(Progress *p, unsigned line, const char *fmt, ...)
{
	if (!p)
		return;
	va_list ap;
	va_start(ap, fmt);
	send_text(p, &(ProgressEvent){ .kind = PROGRESS_NOTE, .line = line }, fmt, ap);
	va_end(ap);
}

void progress_warning(Progress *p, unsigned line, const char *fmt, ...)
{
	if (!p)
		return;
	va_list ap;
	va_start(ap, fmt);
	send_text(p, &(ProgressEvent){ .kind = PROGRESS_WARNING, .line = line }, fmt, ap);
	va_end(ap);
}
