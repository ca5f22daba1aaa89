/* ui.c - the table of styles; lines and logs that all of them use. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "ui/ui-internal.h"
#include "ui/ui.h"

#include <stdarg.h>
#include <time.h>

enum { TICK_NS = 100000000 };

static void quiet_event(Ui *ui, UiLine *line, const ProgressEvent *event)
{
	(void)ui, (void)line, (void)event;
}

const UiStyle ui_style_quiet = { .name = "quiet", .alias = "none", .event = quiet_event };

/* THE list of styles. */
static const UiStyle *const styles[] = {
	&ui_style_tty,
	&ui_style_plain,
	&ui_style_json,
	&ui_style_quiet,
};

/* --- lines ------------------------------------------------------------------------------------ */

static char *str_dup(Str s)
{
	char *copy = xmalloc(s.len + 1);
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

static unsigned stage_order(Ui *ui, Str stage)
{
	for (size_t i = 0; i < ui->stages.len; i++)
		if (str_eqc(stage, ui->stages.at[i]))
			return (unsigned)i;
	VEC_PUSH(&ui->stages, str_dup(stage));
	return (unsigned)ui->stages.len - 1;
}

static UiLine *find_line(Ui *ui, unsigned number)
{
	/* The newest are asked for most. */
	for (size_t i = ui->lines.len; number && i-- > 0;)
		if (ui->lines.at[i]->number == number)
			return ui->lines.at[i];
	return NULL;
}

static UiLine *begin_line(Ui *ui, const ProgressEvent *event)
{
	UiLine *line = xcalloc(1, sizeof *line);
	line->number = event->line;
	line->shown = (unsigned)ui->lines.len + 1;
	line->title = str_dup(event->text);
	line->stage = str_dup(event->stage.ptr ? event->stage : STR(""));
	line->stage_order = stage_order(ui, str_from(line->stage));
	line->begin_ns = event->at_ns;
	VEC_PUSH(&ui->lines, line);
	ui->running++;
	return line;
}

static void line_free(UiLine *line)
{
	for (size_t i = 0; i < line->transfers.len; i++)
		free(line->transfers.at[i].name);
	VEC_DONE(&line->transfers);
	buf_done(&line->partial);
	buf_done(&line->pending);
	buf_done(&line->why);
	free(line->title);
	free(line->stage);
	free(line->cause);
	free(line->log);
	free(line);
}

static void end_line(Ui *ui, UiLine *line, const ProgressEvent *event, UiState state)
{
	if (line->state != UI_RUNNING)
		return;
	line->state = state;
	line->end_ns = event->at_ns;
	if (state == UI_ERROR)
		line->cause = str_dup(event->text.ptr ? event->text : STR(""));
	ui->running--;
	ui->ended++;
}

static void add_log(UiLine *line, Str bytes)
{
	if (!line->log)
		line->log = xmalloc(UI_LOG_BYTES);
	if (bytes.len > UI_LOG_BYTES) {
		line->log_total += bytes.len - UI_LOG_BYTES;
		bytes = str_from_at(bytes, bytes.len - UI_LOG_BYTES);
	}
	while (bytes.len) {
		size_t at = line->log_total % UI_LOG_BYTES;
		Str part = str_head(bytes, UI_LOG_BYTES - at);
		memcpy(line->log + at, part.ptr, part.len);
		line->log_total += part.len;
		bytes = str_from_at(bytes, part.len);
	}
}

static void set_transfer(UiLine *line, const ProgressEvent *event)
{
	UiTransfer *found = NULL;
	for (size_t i = 0; i < line->transfers.len && !found; i++)
		if (str_eqc(event->name, line->transfers.at[i].name))
			found = &line->transfers.at[i];
	if (!found) {
		VEC_PUSH(&line->transfers,
		         (UiTransfer){ .name = str_dup(event->name), .begin_ns = event->at_ns });
		found = &line->transfers.at[line->transfers.len - 1];
	}
	found->current = event->current;
	found->total = event->total;
}

/* The log byte AT, counted from the first ever logged; it must still be in the ring. */
static char log_byte(const UiLine *line, uint64_t at)
{
	return line->log[at % UI_LOG_BYTES];
}

void ui_line_tail(const UiLine *line, unsigned max, Buf *out)
{
	uint64_t oldest = line->log_total > UI_LOG_BYTES ? line->log_total - UI_LOG_BYTES : 0;
	uint64_t end = line->log_total;
	while (end > oldest && (log_byte(line, end - 1) == '\n' || log_byte(line, end - 1) == '\r'))
		end--;
	uint64_t start = end;
	for (unsigned lines = 0; start > oldest; start--)
		if (log_byte(line, start - 1) == '\n' && ++lines == max)
			break;
	size_t line_start = out->len;
	for (uint64_t i = start; i < end; i++) {
		char c = log_byte(line, i);
		/* A progress bar writes over itself: only its last state counts. */
		if (c == '\r' && i + 1 < end && log_byte(line, i + 1) != '\n')
			out->len = line_start;
		else if (c != '\r')
			buf_add_char(out, c);
		if (c == '\n')
			line_start = out->len;
	}
}

/* --- events ----------------------------------------------------------------------------------- */

static UiLine *apply(Ui *ui, const ProgressEvent *event)
{
	if (event->kind == PROGRESS_BEGIN)
		return begin_line(ui, event);
	UiLine *line = find_line(ui, event->line);
	if (!line)
		return NULL;
	switch (event->kind) {
	case PROGRESS_LOG:
		add_log(line, event->text);
		break;
	case PROGRESS_BYTES:
		set_transfer(line, event);
		break;
	case PROGRESS_CACHED:
		end_line(ui, line, event, UI_CACHED);
		break;
	case PROGRESS_DONE:
		end_line(ui, line, event, UI_DONE);
		break;
	case PROGRESS_ERROR:
		end_line(ui, line, event, UI_ERROR);
		break;
	case PROGRESS_CANCELED:
		end_line(ui, line, event, UI_CANCELED);
		break;
	case PROGRESS_WHY:
		buf_addf(&line->why, "%s%.*s", line->why.len ? "\n" : "", STR_ARG(event->text));
		break;
	case PROGRESS_BEGIN:
	case PROGRESS_NOTE:
	case PROGRESS_WARNING:
		break;
	}
	return line;
}

static void on_event(Progress *p, const ProgressEvent *event)
{
	Ui *ui = (Ui *)p;
	pthread_mutex_lock(&ui->lock);
	UiLine *line = apply(ui, event);
	if (!ui->finished)
		ui->style->event(ui, line, event);
	pthread_mutex_unlock(&ui->lock);
}

static void *redraw(void *context)
{
	Ui *ui = context;
	pthread_mutex_lock(&ui->lock);
	while (!ui->stopping) {
		int64_t next = clock_mono_ns() + TICK_NS;
		struct timespec until = { .tv_sec = next / 1000000000,
			                  .tv_nsec = next % 1000000000 };
		(void)pthread_cond_timedwait(&ui->wake, &ui->lock,
		                             &until); /* a time-out is the rule */
		if (!ui->stopping && !ui->finished)
			ui->style->tick(ui, clock_mono_ns());
	}
	pthread_mutex_unlock(&ui->lock);
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static const UiStyle *find_style(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(styles); i++)
		if (strcmp(name, styles[i]->name) == 0 ||
		    (styles[i]->alias && strcmp(name, styles[i]->alias) == 0))
			return styles[i];
	return NULL;
}

Err *ui_open(const char *style_name, FILE *out, Ui **ret)
{
	bool terminal = isatty(fileno(out));
	const char *term = getenv("TERM");
	bool dumb = term && strcmp(term, "dumb") == 0;
	if (strcmp(style_name, "auto") == 0)
		style_name = terminal && !dumb ? "tty" : "plain";
	else if (strcmp(style_name, "rawjson") == 0)
		style_name = "json";
	const UiStyle *style = find_style(style_name);
	if (!style)
		return err_note(err_new(ERR_INPUT, "unknown progress style: '%s'", style_name),
		                "one of auto, tty, plain, json, quiet");
	if (style == &ui_style_tty && !terminal)
		return err_note(err_new(ERR_INPUT, "progress style 'tty' needs a terminal"),
		                "use --progress=plain");

	Ui *ui = xcalloc(1, sizeof *ui);
	ui->progress.event = on_event;
	ui->style = style;
	ui->out = out;
	ui->verb = "Building";
	ui->begin_ns = clock_mono_ns();
	pthread_mutex_init(&ui->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&ui->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	*ret = ui;
	return NULL;
}

void ui_set_verb(Ui *ui, const char *verb)
{
	pthread_mutex_lock(&ui->lock);
	ui->verb = verb;
	pthread_mutex_unlock(&ui->lock);
}

void ui_start(Ui *ui)
{
	if (ui->started || !ui->style->tick)
		return;
	/* Signals are the main thread's: a handler that runs here would be as good, but a blocking
	 * read of the main thread would not be interrupted. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	/* Without the thread only the elapsed times stand still. */
	ui->started = pthread_create(&ui->thread, NULL, redraw, ui) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

Progress *ui_progress(Ui *ui)
{
	return &ui->progress;
}

void ui_finish(Ui *ui)
{
	pthread_mutex_lock(&ui->lock);
	ui->stopping = true;
	pthread_cond_signal(&ui->wake);
	pthread_mutex_unlock(&ui->lock);
	if (ui->started)
		pthread_join(ui->thread, NULL);
	ui->started = false;
	pthread_mutex_lock(&ui->lock);
	if (!ui->finished && ui->style->finish)
		ui->style->finish(ui);
	ui->finished = true;
	(void)fflush(ui->out); /* nobody reads the progress any more: no reason to fail the build */
	pthread_mutex_unlock(&ui->lock);
}

void ui_close(Ui *ui)
{
	if (!ui)
		return;
	ui_resume(ui);
	ui_finish(ui);
	for (size_t i = 0; i < ui->lines.len; i++)
		line_free(ui->lines.at[i]);
	VEC_DONE(&ui->lines);
	for (size_t i = 0; i < ui->stages.len; i++)
		free(ui->stages.at[i]);
	VEC_DONE(&ui->stages);
	pthread_cond_destroy(&ui->wake);
	pthread_mutex_destroy(&ui->lock);
	free(ui);
}

/* --- while the terminal is somebody else's ---------------------------------------------------- */

void ui_suspend(Ui *ui)
{
	pthread_mutex_lock(&ui->lock);
	/* A file, as other steps may have much to say meanwhile. */
	FILE *kept = ui->shown || ui->finished ? NULL : tmpfile();
	if (kept) {
		if (ui->style->suspend)
			ui->style->suspend(ui);
		(void)fflush(ui->out); /* as in ui_finish */
		ui->shown = ui->out;
		ui->out = kept;
	}
	pthread_mutex_unlock(&ui->lock);
}

void ui_resume(Ui *ui)
{
	char block[4096];
	pthread_mutex_lock(&ui->lock);
	FILE *kept = ui->shown ? ui->out : NULL;
	if (kept) {
		ui->out = ui->shown;
		ui->shown = NULL;
		rewind(kept);
		for (size_t n; (n = fread(block, 1, sizeof block, kept)) > 0;)
			(void)fwrite(block, 1, n, ui->out); /* as in ui_finish */
		(void)fflush(ui->out);
		(void)fclose(kept); /* it is read, and goes */
	}
	pthread_mutex_unlock(&ui->lock);
}

/* --- what remains to be said ----------------------------------------------------------------- */

Str ui_log_tail(Ui *ui, unsigned number, unsigned max, Arena *a)
{
	AUTO_BUF Buf tail = BUF_INIT;
	pthread_mutex_lock(&ui->lock);
	UiLine *line = find_line(ui, number);
	if (line && line->log)
		ui_line_tail(line, max, &tail);
	pthread_mutex_unlock(&ui->lock);
	return arena_str(a, buf_str(&tail));
}

Str ui_line_title(Ui *ui, unsigned number, Arena *a)
{
	pthread_mutex_lock(&ui->lock);
	UiLine *line = find_line(ui, number);
	Str title = arena_str(a, line ? str_from(line->title) : STR(""));
	pthread_mutex_unlock(&ui->lock);
	return title;
}

void ui_say(Ui *ui, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_oom(0);
	Str said = { text, (size_t)n };
	pthread_mutex_lock(&ui->lock);
	if (ui->style == &ui_style_json) {
		ui->style->event(ui, NULL, &(ProgressEvent){ .kind = PROGRESS_NOTE, .text = said });
	} else if (ui->style != &ui_style_quiet) {
		AUTO_BUF Buf safe = BUF_INIT;
		ui_text_safe(said, 0, &safe);
		fprintf(ui->out, "%.*s\n", STR_ARG(buf_str(&safe)));
	}
	(void)fflush(ui->out); /* as in ui_finish */
	pthread_mutex_unlock(&ui->lock);
}

bool ui_has_reader(const Ui *ui)
{
	return ui->style != &ui_style_json && ui->style != &ui_style_quiet;
}

/* On SIGINT the live display says so itself; elsewhere a line does.  In json a text would be noise.
 */
void ui_signal_cancelling(Ui *ui)
{
	static const char text[] =
		"cancelling: running steps are being stopped (^C again to stop at once)\n";
	ui->cancelling = 1;
	if (ui->style == &ui_style_plain || ui->style == &ui_style_quiet) {
		ssize_t n = write(fileno(ui->out), text, sizeof text - 1);
		(void)n; /* nobody to tell */
	}
}

void ui_signal_restore(Ui *ui)
{
	static const char show_cursor[] = "\033[?25h\n";
	if (ui->cursor_hidden) {
		ssize_t n = write(fileno(ui->out), show_cursor, sizeof show_cursor - 1);
		(void)n; /* nobody to tell */
	}
}
