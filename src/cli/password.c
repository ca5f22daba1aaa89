/* password.c - reads names and passwords from the terminal or from standard input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/password.h"
#include "fs/path.h"

#include <poll.h>
#include <stdio.h>
#include <termios.h>

enum { LINE_BYTES_MAX = 64 << 10 };

/* Until a line end; both ^C and bytes wake it. */
static Err *read_line(const Cancel *cancel, Buf *out)
{
	for (;;) {
		char c;
		struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
			              { .fd = cancel_fd(cancel), .events = POLLIN } };
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the terminal");
		TRY(cancel_check(cancel));
		if (!p[0].revents)
			continue;
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(errno, "cannot read from the terminal");
		if (n == 0 && !out->len)
			return err_new(ERR_INPUT, "standard input has ended");
		if (n == 0 || c == '\n')
			return NULL;
		if (out->len >= LINE_BYTES_MAX)
			return err_new(ERR_INPUT, "a line of over %d bytes", LINE_BYTES_MAX);
		buf_add_char(out, c);
	}
}

Err *password_ask(Cli *cli, const char *prompt, bool echo, Str *ret)
{
	AUTO_BUF Buf line = BUF_INIT;
	Cancel *cancel;
	struct termios before, quiet;
	TRY(cli_cancel(cli, &cancel)); /* from here on ^C does not kill */
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return err_sys(errno, "standard input is no terminal");
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (!echo)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	printf("%s", prompt);
	(void)fflush(stdout); /* errors are met at the end */
	Err *err = read_line(cancel, &line);
	if (!echo) {
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
		printf("\n");
	}
	*ret = arena_str(cli->arena, str_trim(buf_str(&line)));
	if (line.ptr)
		explicit_bzero(line.ptr, line.len);
	return err;
}

Err *password_read(Cli *cli, Str *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	TRY(path_read_fd(STDIN_FILENO, LINE_BYTES_MAX, "standard input", &text));
	Str line = buf_str(&text);
	if (str_ends(line, STR("\n")))
		line.len--;
	if (str_ends(line, STR("\r")))
		line.len--;
	*ret = arena_str(cli->arena, line);
	return NULL;
}
