/*
 * ui.h - the three ways to show progress: on a terminal, as plain lines, as JSON lines.
 *
 * WHAT     ui_open() gives a Progress; the table in ui.c lists the styles.  Output goes to OUT
 *          (stderr).  No escape code is ever written unless OUT is a terminal and the style is tty.
 * plain    FEATURES.md B.8: "#N [stage i/n] TITLE", "#N 0.231 text", "#N CACHED", "#N DONE 1.2s",
 *          "#N ERROR: msg", "#N CANCELED", "#N ...", one blank line between steps; numbers in order
 *          of first appearance.
 * tty      header "[+] Building 2.3s (7/10)", a line a step, the last 6 log lines of running ones,
 *          stages side by side, bytes and rates for transfers; redrawn at most 10 times a second and
 *          while nothing happens (elapsed times move); cursor hidden and restored; the width of the
 *          terminal is kept (SIGWINCH), control characters in logs are made harmless.
 * json     one JSON object a line and event: {"event":"begin","line":3,"stage":"builder","title":...,
 *          "time":"RFC3339"}, log (text, invalid UTF-8 as U+FFFD), bytes, cached, done (seconds),
 *          error, canceled, note, warning
 * THREADS  events come from any thread; ui locks
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/arena.h"
#include "base/progress.h"

#include <stdio.h>

typedef struct Ui Ui;

/* STYLE "auto" | "tty" | "plain" | "json" (rawjson) | "quiet" (none); ERR_INPUT for another. */
NODISCARD Err *ui_open(const char *style, FILE *out, Ui **ret);
Progress *ui_progress(Ui *ui); /* NULL for quiet */
/* The tail of a step's log (at most MAX lines), for the error report; "" if it logged nothing. */
Str ui_log_tail(Ui *ui, unsigned line, unsigned max, Arena *a);
void ui_close(Ui *ui); /* draws the last state, restores the terminal */
/* An error, as one JSON object in json style, else as err_print with colours on a terminal. */
void ui_error(Ui *ui, const Err *err);
