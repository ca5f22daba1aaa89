/*
 * progress.h - what is going on, told by exec/ and registry/, shown by ui/.
 *
 * WHAT     A Progress receives events.  Whoever does work sends them; ui/ has the three ways to
 *          show them (tty, plain, json).  NULL is a valid Progress: nobody listens.
 * THREADS  progress_send() may be called from any thread; the receiver locks.
 * OWNS     nothing: texts are borrowed for the time of the call.
 *
 * A "line" is one thing shown: a step, a pull of one layer, "load build definition".  Its number is
 * made by progress_begin() and used by all later events for it.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"

typedef enum ProgressKind {
	PROGRESS_BEGIN, /* line begins; text = title, e.g. "[builder 2/6] RUN mkdir -p
	                   /go/src/server" */
	PROGRESS_LOG,   /* text = raw output bytes of the step (any bytes, any cut), both streams */
	PROGRESS_BYTES, /* name = what is moved ("sha256:ab..."), current, total (0: unknown) */
	PROGRESS_CACHED,   /* the line ends: result was in the cache */
	PROGRESS_DONE,     /* the line ends well */
	PROGRESS_ERROR,    /* the line ends badly; text = cause */
	PROGRESS_CANCELED, /* the line ends: something else failed, or ^C */
	PROGRESS_WHY,      /* text = why the step is not in the cache: before it runs */
	PROGRESS_NOTE,     /* text = a remark for the user; line may be 0 (none) */
	PROGRESS_WARNING, /* text = a warning; line may be 0; name = the rule that it is from, or ""
	                   */
} ProgressKind;

typedef struct ProgressEvent {
	ProgressKind kind;
	unsigned line;           /* from progress_begin(); 0: none */
	int64_t at_ns;           /* monotonic clock */
	Str text, name;          /* see ProgressKind */
	uint64_t current, total; /* bytes */
	Str stage; /* BEGIN: stage name or ""; lines of one stage are shown together */
} ProgressEvent;

typedef struct Progress Progress;
struct Progress {
	void (*event)(Progress *p, const ProgressEvent *event);
	unsigned last_line; /* counted atomically by progress_begin */
};

void progress_send(Progress *p, const ProgressEvent *event); /* fills at_ns if 0 */
/* Begin a line; its number.  0 if P is NULL. */
unsigned progress_begin(Progress *p, Str stage, const char *fmt, ...) PRINTF(3, 4);
void progress_log(Progress *p, unsigned line, Str bytes);
void progress_bytes(Progress *p, unsigned line, Str name, uint64_t current, uint64_t total);
void progress_end(Progress *p, unsigned line, ProgressKind how, Str text);
void progress_why(Progress *p, unsigned line, Str text);
void progress_note(Progress *p, unsigned line, const char *fmt, ...) PRINTF(3, 4);
void progress_warning(Progress *p, unsigned line, const char *fmt, ...) PRINTF(3, 4);
