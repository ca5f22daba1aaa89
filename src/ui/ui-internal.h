/*
 * ui-internal.h - what the styles share: the lines, their logs, the table entry of a style.
 *
 * All of it is touched with ui->lock held, but for what says otherwise.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/vec.h"
#include "ui/ui.h"

#include <pthread.h>
#include <signal.h>

/* Kept of each step's log for the error report: some 500 lines.  A build of 1000 noisy steps stays
 * at 64 MB. */
enum { UI_LOG_BYTES = 64 << 10 };
/* Log lines shown below a running step (as BuildKit). */
enum { UI_TAIL_LINES = 6 };

typedef enum UiState { UI_RUNNING, UI_CACHED, UI_DONE, UI_ERROR, UI_CANCELED } UiState;

typedef struct UiTransfer {
	char *name;              /* owned */
	uint64_t current, total; /* bytes; total 0: unknown */
	int64_t begin_ns, shown_ns;
} UiTransfer;

typedef struct UiLine {
	unsigned number;      /* of the Progress */
	unsigned shown;       /* 1, 2, 3 ... in order of appearance */
	unsigned stage_order; /* lines of one stage have the same; in order of appearance */
	char *title, *stage;  /* owned */
	char *cause;          /* owned; of an error, NULL otherwise */
	UiState state;
	int64_t begin_ns, end_ns; /* monotonic */
	char *log;                /* owned ring of UI_LOG_BYTES, NULL until something is logged */
	uint64_t log_total;       /* bytes ever logged; the ring holds the last of them */
	VEC(UiTransfer) transfers;

	Buf why; /* why it was not in the cache, one cause a line; "" nobody said */

	/* style plain */
	Buf partial;        /* log bytes without their line end yet */
	Buf pending;        /* finished output lines that wait for their turn */
	int64_t waiting_ns; /* since when something waits; 0: nothing does */
	/* style tty */
	bool scrolled; /* its final line has been written */
} UiLine;

typedef struct UiStyle {
	const char *name, *alias; /* alias may be NULL */
	/* LINE NULL: the event belongs to none.  The line has the event's effect already. */
	void (*event)(Ui *ui, UiLine *line, const ProgressEvent *event);
	void (*tick)(Ui *ui, int64_t now_ns); /* 10 times a second after ui_start(); may be NULL */
	void (*finish)(Ui *ui);               /* may be NULL */
	void (*suspend)(Ui *ui);              /* leave the terminal as it was; may be NULL */
} UiStyle;

struct Ui {
	Progress progress; /* first: events arrive with a pointer to it */
	const UiStyle *style;
	FILE *out;
	FILE *shown;      /* while suspended: what OUT was, OUT being a file that is shown later */
	const char *verb; /* "Building" */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool started, stopping, finished;
	volatile sig_atomic_t cancelling; /* set by a signal handler */
	volatile sig_atomic_t cursor_hidden;
	int64_t begin_ns;
	VEC(UiLine *) lines;
	unsigned running, ended;
	VEC(char *) stages;

	UiLine *floor; /* plain: whose turn it is to write */
	UiLine *spoke; /* plain: who had it last */
	int64_t floor_since_ns;
	bool wrote; /* plain: something was written (a blank line goes before the next step) */
	unsigned drawn_rows; /* tty: height of the live part on the screen */
	int64_t drawn_ns;
};

extern const UiStyle ui_style_plain, ui_style_tty, ui_style_json, ui_style_quiet;

/* The last MAX lines of the log, without their final line end; text after the last '\r' counts. */
void ui_line_tail(const UiLine *line, unsigned max, Buf *out);
/* "12.3MB", decimal as docker writes it. */
void ui_size_text(uint64_t bytes, Buf *out);

/*
 * Text from outside, fit for a terminal: at most COLUMNS columns (wide characters count two),
 * escape sequences dropped, other control characters, bidirectional overrides and invalid UTF-8
 * replaced, tabs as blanks.  COLUMNS 0: no limit.
 */
void ui_text_safe(Str text, unsigned columns, Buf *out);
/* The same, but line ends stay. */
void ui_text_safe_lines(Str text, Buf *out);
