/*
 * log.c - the log of a build: its end in the page, pieces for the script, all of it to keep.
 *
 * Of a log that grows, a piece ends with a line: the rest of it comes with the next.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "page/page-internal.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { PIECE_BYTES = 256 << 10, SHOWN_BYTES = 128 << 10 };

/* *ret_fd -1: there is none (yet). */
static Err *open_log(const PageCall *c, Str build, int *ret_fd, uint64_t *ret_size)
{
	struct stat st;
	AUTO_CLOSE int fd = -1;
	*ret_fd = -1;
	*ret_size = 0;
	Err *e = project_log_open(&c->project, build, O_RDONLY, &fd);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e);
		return NULL;
	}
	TRY(e);
	if (fstat(fd, &st) < 0)
		return err_sys(errno, "cannot read the log of '%.*s'", STR_ARG(build));
	*ret_size = (uint64_t)st.st_size;
	*ret_fd = TAKE_FD(fd);
	return NULL;
}

/* At most MAX bytes from FROM on, clean; *ret_next: where the next piece begins. */
static Err *read_piece(int fd, uint64_t from, size_t max, bool over, Buf *out, uint64_t *ret_next)
{
	AUTO_BUF Buf bytes = BUF_INIT, plain = BUF_INIT;
	buf_reserve(&bytes, max);
	while (bytes.len < max) {
		ssize_t n = pread(fd, bytes.ptr + bytes.len, max - bytes.len,
		                  (off_t)(from + bytes.len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read a log");
		if (n == 0)
			break;
		bytes.len += (size_t)n;
	}
	Str piece = { bytes.ptr, bytes.len };
	ptrdiff_t end = str_rfind(piece, '\n');
	if (end >= 0 && (!over || piece.len == max))
		piece.len = (size_t)end + 1;
	else if (!over && piece.len < max)
		piece.len = 0;
	html_strip_terminal(&plain, piece);
	html_clean(out, buf_str(&plain));
	*ret_next = from + piece.len;
	return NULL;
}

Err *page_add_log(PageCall *c, const Build *b, bool over)
{
	AUTO_CLOSE int fd = -1;
	AUTO_BUF Buf text = BUF_INIT;
	uint64_t size, next = 0;
	Str name = b->meta.name;
	TRY(open_log(c, name, &fd, &size));
	uint64_t from = size > SHOWN_BYTES ? size - SHOWN_BYTES : 0;
	if (fd >= 0)
		TRY(read_piece(fd, from, SHOWN_BYTES, over, &text, &next));
	html_raw(&c->out, "<section aria-labelledby=\"log-head\"><h2 id=\"log-head\">Log</h2>\n");
	if (fd >= 0)
		HTML(&c->out,
		     "<p>%<a href=\"/p/%/builds/%/log\" download>Download all of it</a> (%)</p>\n",
		     from ? STR("The end of it. ") : STR(""), c->project.name, name,
		     html_size(c->arena, size));
	if (over)
		html_raw(&c->out, "<pre id=\"log\" tabindex=\"0\" aria-labelledby=\"log-head\">");
	else
		HTML(&c->out,
		     "<pre id=\"log\" tabindex=\"0\" role=\"log\" aria-labelledby=\"log-head\" "
		     "data-log=\"/p/%/builds/%/log\" data-next=\"%\">",
		     c->project.name, name, html_number(c->arena, next));
	html_text(&c->out, buf_str(&text));
	html_raw(&c->out,
	         over ? "</pre>\n</section>\n"
	              : "</pre>\n<p id=\"live\" class=\"live\" role=\"status\">It is still "
	                "running.</p>\n</section>\n");
	return NULL;
}

Err *page_send_log(PageCall *c, Str name)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size, from, next = 0;
	Str text;
	Build b;
	TRY(project_get_build(&c->project, name, &b));
	if (!page_may_see(c, b.config))
		return err_new(ERR_NOT_FOUND, "it is not to be seen");
	bool over = page_build_is_over(c, &b); /* before the log is read: then it is whole */
	TRY(open_log(c, name, &fd, &size));
	server_reply(c->reply, 200);
	if (!server_request_query(c->request, "from", &text)) {
		server_reply_header(
			c->reply, "Content-Disposition",
			arena_strf(c->arena, "attachment; filename=\"%.*s.log\"", STR_ARG(name)));
		if (fd >= 0)
			server_reply_file(c->reply, STR("text/plain; charset=utf-8"), TAKE_FD(fd),
			                  0, size);
		else
			server_reply_text(c->reply, STR("text/plain; charset=utf-8"), STR(""));
		return NULL;
	}
	if (!str_to_u64(text, &from) || from > size)
		from = size;
	if (fd >= 0)
		TRY(read_piece(fd, from, PIECE_BYTES, over, &c->out, &next));
	bool last = over && next >= size;
	server_reply_header(c->reply, "Decant-Log-Next", html_number(c->arena, next));
	server_reply_header(c->reply, "Decant-Log-Over", last ? STR("1") : STR("0"));
	server_reply_text(c->reply, STR("text/plain; charset=utf-8"), buf_str(&c->out));
	return NULL;
}
