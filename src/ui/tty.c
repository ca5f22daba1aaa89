/*
 * tty.c - progress on a terminal.
 *
 * The screen has two parts.  Above, ended steps: one line each, written once, part of the
 * terminal's own history from then on, so that nothing is lost however long the build and however
 * small the window.  Below, the live part: what runs now, rewritten in place.  One frame is one
 * write(): go up to the live part's first row, clear to the end of the screen, write new history
 * lines and then the live part.  No row is ever as wide as the terminal, so none wraps and the
 * count of rows to go up stays true (after a window gets narrower, at most one frame is off).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "ui/ui-internal.h"

#include <limits.h>
#include <sys/ioctl.h>

#define SECOND_NS  1000000000ll
#define FRAME_NS   (SECOND_NS / 10)
#define DIM        "\033[2m"
#define BLUE       "\033[34m"
#define RED        "\033[31m"
#define YELLOW     "\033[33m"
#define RESET      "\033[0m"
#define HIDE       "\033[?25l"
#define SHOW       "\033[?25h"
#define CLEAR_DOWN "\033[J"

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 20, ROWS_DEFAULT = 24, ROWS_MIN = 5 };

typedef struct Screen {
	unsigned columns, rows;
	bool colours;
} Screen;

static Screen screen_of(const Ui *ui)
{
	Screen s = { COLUMNS_DEFAULT, ROWS_DEFAULT, !getenv("NO_COLOR") };
	struct winsize size;
	if (ioctl(fileno(ui->out), TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		s.columns = size.ws_col;
		s.rows = size.ws_row;
	}
	/* The last column stays free: writing into it leaves the cursor in a state that terminals
	 * disagree on. */
	s.columns = (s.columns < COLUMNS_MIN ? COLUMNS_MIN : s.columns) - 1;
	s.rows = s.rows < ROWS_MIN ? ROWS_MIN : s.rows;
	return s;
}

/* One row: LEFT cut to fit, RIGHT at the right edge, in COLOUR. */
static void add_row(Buf *out, const Screen *s, const char *colour, Str left, Str right)
{
	unsigned room = s->columns > right.len + 1 ? s->columns - (unsigned)right.len - 1 : 1;
	AUTO_BUF Buf text = BUF_INIT;
	ui_text_safe(left, room, &text);
	if (s->colours)
		buf_add_str(out, str_from(colour));
	buf_add_str(out, buf_str(&text));
	if (right.len) {
		/* The column is set, not counted: a width this program does not know about cannot
		 * move what stands at the right. */
		buf_addf(out, "\033[%uG", room + 2);
		buf_add_str(out, right);
	}
	if (s->colours && *colour)
		buf_add_str(out, STR(RESET));
	buf_add_char(out, '\n');
}

static void add_seconds(Buf *out, int64_t ns)
{
	int64_t tenths = ns > 0 ? ns / (SECOND_NS / 10) : 0;
	long long seconds = tenths / 10, minutes = seconds / 60;
	if (minutes == 0)
		buf_addf(out, "%lld.%llds", seconds, (long long)tenths % 10);
	else if (minutes < 60)
		buf_addf(out, "%lldm%02llds", minutes, seconds % 60);
	else
		buf_addf(out, "%lldh%02lldm", minutes / 60, minutes % 60);
}

/* "12.3MB / 310MB  45.2MB/s" of all transfers of a line. */
static void add_transferred(Buf *out, uint64_t current, uint64_t total, int64_t ns)
{
	ui_size_text(current, out);
	if (total) {
		buf_add_str(out, STR(" / "));
		ui_size_text(total, out);
	}
	if (ns > SECOND_NS / 2) {
		buf_add_str(out, STR("  "));
		ui_size_text((uint64_t)((double)current * SECOND_NS / (double)ns), out);
		buf_add_str(out, STR("/s"));
	}
}

/* Why it is not in the cache: ROOM rows at most; their number. */
static unsigned add_why(Buf *out, const Screen *s, const UiLine *line, unsigned room)
{
	unsigned used = 0;
	for (Str rest = buf_str(&line->why); rest.len && used < room; used++) {
		Str text;
		rest = str_cut(rest, '\n', &text);
		AUTO_BUF Buf left = BUF_INIT;
		buf_addf(&left, " => => why: %.*s", STR_ARG(text));
		add_row(out, s, YELLOW, buf_str(&left), STR(""));
	}
	return used;
}

static void add_ended(Buf *out, const Screen *s, const UiLine *line)
{
	AUTO_BUF Buf left = BUF_INIT, right = BUF_INIT;
	const char *colour = BLUE, *word = "";
	if (line->state == UI_CACHED)
		word = "CACHED ";
	else if (line->state == UI_ERROR)
		word = "ERROR ", colour = RED;
	else if (line->state == UI_CANCELED)
		word = "CANCELED ", colour = YELLOW;
	buf_addf(&left, " => %s%s", word, line->title);
	add_seconds(&right, line->end_ns - line->begin_ns);
	add_row(out, s, colour, buf_str(&left), buf_str(&right));
	(void)add_why(out, s, line, UINT_MAX);
}

static void add_history(Ui *ui, Buf *out, const Screen *s)
{
	for (size_t i = 0; i < ui->lines.len; i++) {
		UiLine *line = ui->lines.at[i];
		if (line->state == UI_RUNNING || line->scrolled)
			continue;
		line->scrolled = true;
		add_ended(out, s, line);
	}
}

/* Up to ROOM rows below a running line: transfers under way, then the log's tail. */
static unsigned add_details(Buf *out, const Screen *s, const UiLine *line, int64_t now,
                            unsigned room)
{
	unsigned used = add_why(out, s, line, room);
	for (size_t i = 0; i < line->transfers.len && used < room; i++) {
		const UiTransfer *t = &line->transfers.at[i];
		if (t->total && t->current >= t->total)
			continue;
		AUTO_BUF Buf left = BUF_INIT, right = BUF_INIT;
		buf_addf(&left, " => => %.20s", t->name);
		add_transferred(&right, t->current, t->total, now - t->begin_ns);
		add_row(out, s, DIM, buf_str(&left), buf_str(&right));
		used++;
	}
	AUTO_BUF Buf tail = BUF_INIT;
	if (line->log && used < room)
		ui_line_tail(line, room - used < UI_TAIL_LINES ? room - used : UI_TAIL_LINES,
		             &tail);
	for (Str rest = buf_str(&tail); rest.len && used < room; used++) {
		Str text;
		rest = str_cut(rest, '\n', &text);
		AUTO_BUF Buf left = BUF_INIT;
		buf_addf(&left, " => # %.*s", STR_ARG(text));
		add_row(out, s, DIM, buf_str(&left), STR(""));
	}
	return used;
}

static unsigned add_running(Buf *out, const Screen *s, const UiLine *line, int64_t now,
                            unsigned room)
{
	AUTO_BUF Buf left = BUF_INIT, right = BUF_INIT;
	uint64_t current = 0, total = 0;
	bool known = true;
	for (size_t i = 0; i < line->transfers.len; i++) {
		current += line->transfers.at[i].current;
		total += line->transfers.at[i].total;
		known = known && line->transfers.at[i].total;
	}
	if (line->transfers.len) {
		add_transferred(&right, current, known ? total : 0, 0);
		buf_add_str(&right, STR("  "));
	}
	buf_addf(&left, " => %s", line->title);
	add_seconds(&right, now - line->begin_ns);
	add_row(out, s, "", buf_str(&left), buf_str(&right));
	return 1 + add_details(out, s, line, now, room);
}

static int by_stage(const void *a, const void *b)
{
	const UiLine *x = *(UiLine *const *)a, *y = *(UiLine *const *)b;
	if (x->stage_order != y->stage_order)
		return x->stage_order < y->stage_order ? -1 : 1;
	return x->shown < y->shown ? -1 : 1;
}

static void add_header(const Ui *ui, Buf *out, const Screen *s, int64_t now, const char *state)
{
	AUTO_BUF Buf left = BUF_INIT;
	buf_addf(&left, "[+] %s ", ui->verb);
	add_seconds(&left, now - ui->begin_ns);
	buf_addf(&left, " (%u/%zu)%s", ui->ended, ui->lines.len, state);
	add_row(out, s, "", buf_str(&left), STR(""));
}

/* The live part; its height. */
static unsigned add_live(Ui *ui, Buf *out, const Screen *s, int64_t now)
{
	add_header(ui, out, s, now, ui->cancelling ? " CANCELLING (^C again to stop at once)" : "");
	AUTO_FREE UiLine **running = xcalloc(ui->running + 1, sizeof *running);
	unsigned count = 0;
	for (size_t i = 0; i < ui->lines.len; i++)
		if (ui->lines.at[i]->state == UI_RUNNING)
			running[count++] = ui->lines.at[i];
	qsort(running, count, sizeof *running, by_stage);

	/* Header, one row a line, one free row at the bottom; the rest is shared for details. */
	unsigned room = s->rows - 2, rows = 1;
	unsigned shown = count <= room - 1 ? count : room - 2;
	unsigned spare = room - 1 > shown ? room - 1 - shown : 0;
	for (unsigned i = 0; i < shown; i++) {
		unsigned share = count > shown ? 0 : spare / (shown - i);
		unsigned used = add_running(out, s, running[i], now, share);
		rows += used;
		spare -= used - 1;
	}
	if (shown < count) {
		AUTO_BUF Buf left = BUF_INIT;
		buf_addf(&left, " => and %u more", count - shown);
		add_row(out, s, "", buf_str(&left), STR(""));
		rows++;
	}
	return rows;
}

static void erase_live(Ui *ui, Buf *out)
{
	if (ui->drawn_rows)
		buf_addf(out, "\033[%uA\r" CLEAR_DOWN, ui->drawn_rows);
	ui->drawn_rows = 0;
}

static void write_frame(Ui *ui, const Buf *frame)
{
	(void)fwrite(frame->ptr, 1, frame->len, ui->out); /* see ui_finish() */
	(void)fflush(ui->out);                            /* see ui_finish() */
}

static void draw(Ui *ui, int64_t now)
{
	if (ui->shown) /* suspended */
		return;
	Screen s = screen_of(ui);
	AUTO_BUF Buf frame = BUF_INIT;
	if (!ui->cursor_hidden) {
		buf_add_str(&frame, STR(HIDE));
		ui->cursor_hidden = 1;
	}
	erase_live(ui, &frame);
	add_history(ui, &frame, &s);
	ui->drawn_rows = add_live(ui, &frame, &s, now);
	ui->drawn_ns = now;
	write_frame(ui, &frame);
}

static void tty_tick(Ui *ui, int64_t now)
{
	if (now - ui->drawn_ns >= FRAME_NS / 2)
		draw(ui, now);
}

/* A remark scrolls up like an ended step. */
static void write_remark(Ui *ui, const ProgressEvent *event)
{
	Screen s = screen_of(ui);
	bool warning = event->kind == PROGRESS_WARNING;
	AUTO_BUF Buf frame = BUF_INIT, text = BUF_INIT;
	erase_live(ui, &frame);
	add_history(ui, &frame, &s);
	ui_text_safe(event->text, 0,
	             &text); /* may be longer than a row: it stays, so it may wrap */
	buf_addf(&frame, "%s%s: %.*s%s\n", s.colours && warning ? YELLOW : "",
	         warning ? "warning" : "note", STR_ARG(buf_str(&text)),
	         s.colours && warning ? RESET : "");
	write_frame(ui, &frame);
}

static void tty_event(Ui *ui, UiLine *line, const ProgressEvent *event)
{
	(void)line;
	/* What a rule says is listed at the end. */
	if (event->kind == PROGRESS_NOTE || (event->kind == PROGRESS_WARNING && !event->name.len))
		write_remark(ui, event);
	/* The thread draws.  Until it runs (everything may be in the cache and over in 5 ms) the
	 * events do, but none of the first moments: a build that is all cached is drawn once. */
	if (!ui->started && event->at_ns - (ui->drawn_ns ? ui->drawn_ns : ui->begin_ns) >= FRAME_NS)
		draw(ui, event->at_ns);
}

static void tty_suspend(Ui *ui)
{
	Screen s = screen_of(ui);
	AUTO_BUF Buf frame = BUF_INIT;
	erase_live(ui, &frame);
	add_history(ui, &frame, &s);
	if (ui->cursor_hidden)
		buf_add_str(&frame, STR(SHOW));
	ui->cursor_hidden = 0;
	write_frame(ui, &frame);
}

static void tty_finish(Ui *ui)
{
	Screen s = screen_of(ui);
	AUTO_BUF Buf frame = BUF_INIT;
	bool failed = ui->running;
	for (size_t i = 0; i < ui->lines.len; i++)
		failed = failed || ui->lines.at[i]->state == UI_ERROR;
	erase_live(ui, &frame);
	add_history(ui, &frame, &s);
	if (ui->lines.len)
		add_header(ui, &frame, &s, clock_mono_ns(),
		           ui->cancelling ? " CANCELLED"
		           : failed       ? " FAILED"
		                          : " FINISHED");
	if (ui->cursor_hidden)
		buf_add_str(&frame, STR(SHOW));
	ui->cursor_hidden = 0;
	write_frame(ui, &frame);
}

const UiStyle ui_style_tty = {
	.name = "tty",
	.event = tty_event,
	.tick = tty_tick,
	.finish = tty_finish,
	.suspend = tty_suspend,
};
