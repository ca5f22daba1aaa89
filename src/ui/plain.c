/*
 * plain.c - progress as lines, in the shape that scripts know from BuildKit.
 *
 * Parallel steps would make a salad of lines.  So one line at a time has the floor: what it says is
 * written at once, what others say waits in their `pending` buffers until the holder ends, or until
 * it has been silent or the others have waited for WAIT_NS; then "#N ..." says that the floor
 * moves.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "ui/ui-internal.h"

#define SECOND_NS 1000000000ll
/* Longer gives calmer logs, shorter gives fresher ones; BuildKit holds up to 5 s. */
#define WAIT_NS SECOND_NS
/* A transfer is reported this often. */
#define TRANSFER_NS (5 * SECOND_NS)
/* A log line without an end (a progress bar) is written in pieces of this size. */
enum { PARTIAL_BYTES_MAX = 8 << 10 };

static double seconds(int64_t ns)
{
	return (double)(ns > 0 ? ns : 0) / SECOND_NS;
}

static void touch(UiLine *line, int64_t now)
{
	if (!line->waiting_ns)
		line->waiting_ns = now;
}

static void add_log_line(UiLine *line, Str text, int64_t now)
{
	buf_addf(&line->pending, "#%u %.3f ", line->shown, seconds(now - line->begin_ns));
	/* A pipe too: what is read from it ends on somebody's terminal or in a CI's web page. */
	ui_text_safe_log(text, &line->pending);
	buf_add_char(&line->pending, '\n');
}

static void flush_partial(UiLine *line, int64_t now)
{
	if (line->partial.len)
		add_log_line(line, buf_str(&line->partial), now);
	buf_reset(&line->partial);
}

static void add_log(UiLine *line, Str bytes, int64_t now)
{
	for (;;) {
		ptrdiff_t end = str_find(bytes, '\n');
		if (end < 0)
			break;
		Str text = str_head(bytes, (size_t)end);
		bytes = str_from_at(bytes, (size_t)end + 1);
		if (text.len && text.ptr[text.len - 1] == '\r')
			text.len--;
		if (line->partial.len || !text.len) {
			buf_add_str(&line->partial, text);
			add_log_line(line, buf_str(&line->partial), now);
			buf_reset(&line->partial);
		} else {
			add_log_line(line, text, now);
		}
	}
	buf_add_str(&line->partial, bytes);
	if (line->partial.len > PARTIAL_BYTES_MAX)
		flush_partial(line, now);
}

static void add_transfer(UiLine *line, Str name, int64_t now)
{
	for (size_t i = 0; i < line->transfers.len; i++) {
		UiTransfer *t = &line->transfers.at[i];
		if (!str_eqc(name, t->name))
			continue;
		bool whole = t->total && t->current >= t->total;
		int64_t last = t->shown_ns ? t->shown_ns : t->begin_ns;
		if (t->shown_ns == INT64_MAX || (!whole && now - last < TRANSFER_NS))
			return;
		t->shown_ns = whole ? INT64_MAX : now;
		buf_addf(&line->pending, "#%u %s ", line->shown, t->name);
		ui_size_text(t->current, &line->pending);
		if (t->total) {
			buf_addf(&line->pending, " / ");
			ui_size_text(t->total, &line->pending);
		}
		buf_addf(&line->pending, " %.1fs%s\n", seconds(now - t->begin_ns),
		         whole ? " done" : "");
		return;
	}
}

static void add_end(UiLine *line, int64_t now)
{
	flush_partial(line, now);
	double elapsed = seconds(line->end_ns - line->begin_ns);
	switch (line->state) {
	case UI_CACHED:
		buf_addf(&line->pending, "#%u CACHED\n", line->shown);
		break;
	case UI_DONE:
		buf_addf(&line->pending, "#%u DONE %.1fs\n", line->shown, elapsed);
		break;
	case UI_ERROR:
		buf_addf(&line->pending, "#%u ERROR: ", line->shown);
		ui_text_safe(str_from(line->cause), 0, &line->pending);
		buf_add_char(&line->pending, '\n');
		break;
	case UI_CANCELED:
		buf_addf(&line->pending, "#%u CANCELED\n", line->shown);
		break;
	case UI_RUNNING:
		break;
	}
}

static void give_floor(Ui *ui, UiLine *line, int64_t now)
{
	if (ui->floor)
		fprintf(ui->out, "#%u ...\n", ui->floor->shown);
	ui->floor_since_ns = now;
	ui->floor = line;
	if (ui->spoke == line) /* and nobody since: it goes on below what it said */
		return;
	ui->spoke = line;
	AUTO_BUF Buf title = BUF_INIT;
	ui_text_safe(str_from(line->title), 0, &title);
	fprintf(ui->out, "%s#%u %.*s\n", ui->wrote ? "\n" : "", line->shown,
	        STR_ARG(buf_str(&title)));
	ui->wrote = true;
}

static void write_pending(Ui *ui, int64_t now)
{
	UiLine *line = ui->floor;
	if (line->pending.len) {
		(void)fwrite(line->pending.ptr, 1, line->pending.len,
		             ui->out); /* see ui_finish() */
		ui->floor_since_ns = now;
	}
	buf_reset(&line->pending);
	line->waiting_ns = 0;
	if (line->state != UI_RUNNING)
		ui->floor = NULL;
}

/* Who has waited longest; NULL: nobody waits. */
static UiLine *longest_waiting(const Ui *ui)
{
	UiLine *best = NULL;
	for (size_t i = 0; i < ui->lines.len; i++) {
		UiLine *line = ui->lines.at[i];
		if (line != ui->floor && line->waiting_ns &&
		    (!best || line->waiting_ns < best->waiting_ns))
			best = line;
	}
	return best;
}

/* Write what may be written now.  ALL: whatever waits. */
static void pump(Ui *ui, int64_t now, bool all)
{
	for (;;) {
		if (ui->floor)
			write_pending(ui, now);
		UiLine *next = longest_waiting(ui);
		if (!next || (ui->floor && !all && now - next->waiting_ns < WAIT_NS))
			break;
		give_floor(ui, next, now);
	}
	(void)fflush(ui->out); /* see ui_finish() */
}

static void plain_event(Ui *ui, UiLine *line, const ProgressEvent *event)
{
	int64_t now = event->at_ns;
	const char *lead = event->kind == PROGRESS_WARNING ? "WARN: " : "";
	if (!line) {
		if (event->kind != PROGRESS_NOTE && event->kind != PROGRESS_WARNING)
			return;
		AUTO_BUF Buf safe = BUF_INIT;
		ui_text_safe(event->text, 0, &safe);
		fprintf(ui->out, "%s%.*s\n", lead, STR_ARG(buf_str(&safe)));
		(void)fflush(ui->out); /* see ui_finish() */
		return;
	}
	switch (event->kind) {
	case PROGRESS_BEGIN:
		break;
	case PROGRESS_LOG:
		add_log(line, event->text, now);
		break;
	case PROGRESS_BYTES:
		add_transfer(line, event->name, now);
		break;
	case PROGRESS_WHY:
		buf_addf(&line->pending, "#%u why: ", line->shown);
		ui_text_safe(event->text, 0, &line->pending);
		buf_add_char(&line->pending, '\n');
		break;
	case PROGRESS_NOTE:
	case PROGRESS_WARNING:
		buf_addf(&line->pending, "#%u %s", line->shown, lead);
		ui_text_safe(event->text, 0, &line->pending);
		buf_add_char(&line->pending, '\n');
		break;
	case PROGRESS_CACHED:
	case PROGRESS_DONE:
	case PROGRESS_ERROR:
	case PROGRESS_CANCELED:
		add_end(line, now);
		break;
	}
	if (event->kind == PROGRESS_BEGIN || line->pending.len)
		touch(line, now);
	pump(ui, now, false);
}

static void plain_tick(Ui *ui, int64_t now)
{
	pump(ui, now, false);
}

static void plain_finish(Ui *ui)
{
	int64_t now = clock_mono_ns();
	for (size_t i = 0; i < ui->lines.len; i++) {
		flush_partial(ui->lines.at[i], now);
		if (ui->lines.at[i]->pending.len)
			touch(ui->lines.at[i], now);
	}
	pump(ui, now, true);
}

const UiStyle ui_style_plain = {
	.name = "plain", .event = plain_event, .tick = plain_tick, .finish = plain_finish
};
