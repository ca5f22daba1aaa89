/*
 * json.c - progress as one JSON object a line, for programs.
 *
 * ui/ stands on base/ alone, and what is written here is flat: so it has its own few lines of JSON.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "ui/ui-internal.h"

/* True if S begins with a valid UTF-8 character; *RET_LEN: its length, or that of the damage. */
static bool utf8_at(Str s, size_t *ret_len)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	*ret_len = 1;
	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || len > s.len)
		return false;
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)s.ptr[i] & 0xc0) != 0x80)
			return false;
	unsigned char second = len > 1 ? (unsigned char)s.ptr[1] : 0x80;
	/* overlong forms, surrogates, beyond U+10FFFF (RFC 3629, section 4) */
	if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) ||
	    (c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f))
		return false;
	*ret_len = len;
	return true;
}

static void add_string(Buf *out, Str s)
{
	buf_add_char(out, '"');
	while (s.len) {
		size_t len;
		bool valid = utf8_at(s, &len);
		unsigned char c = (unsigned char)s.ptr[0];
		if (!valid)
			buf_add_str(out, STR("\\ufffd"));
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_add_str(out, STR("\\n"));
		else if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\u%04x", c);
		else
			buf_add_str(out, str_head(s, len));
		s = str_from_at(s, len);
	}
	buf_add_char(out, '"');
}

static void add_member(Buf *out, const char *key, Str value)
{
	buf_addf(out, ",\"%s\":", key);
	add_string(out, value);
}

static void add_array(Buf *out, const char *key, Str lines)
{
	if (!lines.len)
		return;
	buf_addf(out, ",\"%s\":[", key);
	for (bool first = true; lines.len; first = false) {
		Str line;
		lines = str_cut(lines, '\n', &line);
		if (!first)
			buf_add_char(out, ',');
		add_string(out, line);
	}
	buf_add_char(out, ']');
}

static void begin_object(Buf *out, const char *event)
{
	char time[CLOCK_TEXT_BYTES];
	buf_addf(out, "{\"event\":\"%s\"", event);
	add_member(out, "time", clock_format(clock_real_ns(), time));
}

static void write_object(Ui *ui, Buf *out)
{
	buf_add_str(out, STR("}\n"));
	(void)fwrite(out->ptr, 1, out->len, ui->out); /* see ui_finish() */
	(void)fflush(ui->out);                        /* see ui_finish() */
}

static void json_event(Ui *ui, UiLine *line, const ProgressEvent *event)
{
	static const char *const names[] = {
		[PROGRESS_BEGIN] = "begin",       [PROGRESS_LOG] = "log",
		[PROGRESS_BYTES] = "bytes",       [PROGRESS_CACHED] = "cached",
		[PROGRESS_DONE] = "done",         [PROGRESS_ERROR] = "error",
		[PROGRESS_CANCELED] = "canceled", [PROGRESS_NOTE] = "note",
		[PROGRESS_WHY] = "why",           [PROGRESS_WARNING] = "warning",
	};
	AUTO_BUF Buf out = BUF_INIT;
	begin_object(&out, names[event->kind]);
	if (event->line)
		buf_addf(&out, ",\"line\":%u", event->line);
	if (event->kind == PROGRESS_BEGIN) {
		add_member(&out, "stage", event->stage.ptr ? event->stage : STR(""));
		add_member(&out, "title", event->text);
	} else if (event->kind == PROGRESS_BYTES) {
		add_member(&out, "name", event->name);
		buf_addf(&out, ",\"current\":%llu", (unsigned long long)event->current);
		if (event->total)
			buf_addf(&out, ",\"total\":%llu", (unsigned long long)event->total);
	} else if (event->text.len) {
		add_member(&out, "text", event->text);
		if (event->kind == PROGRESS_WARNING && event->name.len)
			add_member(&out, "rule", event->name);
	}
	if (line && line->state != UI_RUNNING)
		buf_addf(&out, ",\"seconds\":%.3f", (double)(line->end_ns - line->begin_ns) / 1e9);
	write_object(ui, &out);
}

static const char *kind_name(ErrKind kind)
{
	switch (kind) {
	case ERR_SYSTEM:
		return "system";
	case ERR_INPUT:
		return "input";
	case ERR_NOT_FOUND:
		return "not-found";
	case ERR_RUN:
		return "run";
	case ERR_NETWORK:
		return "network";
	case ERR_DENIED:
		return "denied";
	case ERR_CORRUPT:
		return "corrupt";
	case ERR_MISS:
		return "miss";
	case ERR_CANCELLED:
		return "cancelled";
	}
	return "system";
}

static void write_failure(Ui *ui, const Err *err)
{
	AUTO_BUF Buf out = BUF_INIT;
	begin_object(&out, "failed");
	add_member(&out, "kind", str_from(kind_name(err_kind(err))));
	add_member(&out, "message", err_cause(err));
	Span span = err_span(err);
	if (span.src) {
		unsigned line, column;
		err_line_column(span, &line, &column);
		add_member(&out, "file", str_from(span.src->name));
		buf_addf(&out, ",\"file_line\":%u,\"file_column\":%u", line, column);
	}
	add_array(&out, "while", err_whiles(err));
	add_array(&out, "notes", err_notes(err));
	if (err_exit_status(err))
		buf_addf(&out, ",\"exit_status\":%d", err_exit_status(err));
	write_object(ui, &out);
}

void ui_error(Ui *ui, const Err *err)
{
	pthread_mutex_lock(&ui->lock);
	if (ui->style == &ui_style_json)
		write_failure(ui, err);
	else
		ui_print_error(err, ui->out);
	(void)fflush(ui->out); /* see ui_finish() */
	pthread_mutex_unlock(&ui->lock);
}

const UiStyle ui_style_json = { .name = "json", .event = json_event };
