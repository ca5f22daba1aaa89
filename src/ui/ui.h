/*
 * ui.h - the three ways to show progress: on a terminal, as plain lines, as JSON lines.
 *
 * WHAT     ui_open() gives a Progress; the table in ui.c lists the styles.  Output goes to OUT
 *          (stderr).  No escape code is ever written unless OUT is a terminal.
 * plain    as BuildKit prints it: "#N [stage i/n] TITLE", "#N 0.231 text", "#N CACHED", "#N
 * DONE 1.2s",
 *          "#N ERROR: msg", "#N CANCELED", "#N ...", one blank line between steps; numbers in order
 *          of first appearance.
 * tty      ended steps scroll up as one line each; below them a live part: header
 *          "[+] Building 2.3s (7/10)", a line a running step, its last 6 log lines, bytes and rates
 *          for transfers, stages kept together; redrawn at most 10 times a second and while nothing
 *          happens (elapsed times move); cursor hidden and restored; the width of the terminal is
 *          kept, control characters in logs are made harmless.
 * json     one JSON object a line and event: {"event":"begin","time":RFC 3339,"line":3,
 *          "stage":"builder","title":...}, log (text, invalid UTF-8 as U+FFFD), bytes, cached, done
 *          (seconds), error, canceled, why (--explain), note, warning; at the end "failed" with the error's parts
 * quiet    shows nothing but still keeps the logs, so that an error can be explained
 * THREADS  events come from any thread; ui locks.  ui_open() starts no thread (user namespaces need
 *          a process without any): ui_start() does, once the caller may have one.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/progress.h"

#include <stdio.h>

typedef struct Ui Ui;

/* STYLE "auto" (tty on a terminal, else plain) | "tty" | "plain" | "json" (rawjson) | "quiet"
 * (none); ERR_INPUT for another, and for "tty" where OUT is none.  OUT is borrowed. */
NODISCARD Err *ui_open(const char *style, FILE *out, Ui **ret);
/* What the header of style tty says is going on; "Building" unless set.  VERB is borrowed. */
void ui_set_verb(Ui *ui, const char *verb);
/* From now on things are redrawn even while no event comes.  No effect the second time. */
void ui_start(Ui *ui);
Progress *ui_progress(Ui *ui);
/* The tail of a step's log (at most MAX lines), for the error report; "" if it logged nothing. */
Str ui_log_tail(Ui *ui, unsigned line, unsigned max, Arena *a);
/* "[builder 2/6] RUN make"; "" for an unknown line. */
Str ui_line_title(Ui *ui, unsigned line, Arena *a);
/* Draw the last state and restore the terminal; nothing is shown live afterwards. */
void ui_finish(Ui *ui);
/* From now on nothing is written, what happens is kept: the terminal is somebody else's. */
void ui_suspend(Ui *ui);
/* It is ours again. */
void ui_resume(Ui *ui);
void ui_close(Ui *ui); /* finishes and frees; NULL is fine */

/* A remark for the user: a line of its own after ui_finish(); a "note" in json; nothing if quiet.
 */
void ui_say(Ui *ui, const char *fmt, ...) PRINTF(2, 3);
/* An error, as one JSON object in json style, else as err_print with colours on a terminal. */
void ui_error(Ui *ui, const Err *err);
/* As err_print, with colours if OUT is a terminal; control characters in texts are made harmless.
 */
void ui_print_error(const Err *err, FILE *out);

/* One line of TEXT from outside, fit for a terminal: escape sequences dropped, other control
 * characters, bidirectional overrides and invalid UTF-8 replaced; tabs stay. */
void ui_text_safe_log(Str text, Buf *out);
/* Is what ui_say() says read by people, and not by programs or nobody? */
bool ui_has_reader(const Ui *ui);

/* For signal handlers (async-signal-safe).  The first tells the user that things are being stopped;
 * the second puts the terminal back as it was, right before the process dies. */
void ui_signal_cancelling(Ui *ui);
void ui_signal_restore(Ui *ui);

static inline void ui_closep(Ui **ui)
{
	ui_close(*ui);
}
#define AUTO_UI CLEANUP(ui_closep)
