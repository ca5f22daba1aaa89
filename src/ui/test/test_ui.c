/* test_ui.c - the styles fed with events; text made safe. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "ui/ui-internal.h"
#include "ui/ui.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off: it needs the above */
#include <cmocka.h>
/* clang-format on */

#define MS 1000000ll

/* A Ui that writes into a temporary file; read_back() gives what it wrote. */
typedef struct Shown {
	FILE *file;
	Ui *ui;
	Progress *p;
} Shown;

static Shown show(const char *style)
{
	Shown s = { .file = tmpfile() };
	assert_non_null(s.file);
	assert_null(ui_open(style, s.file, &s.ui));
	s.p = ui_progress(s.ui);
	return s;
}

static void send(Shown *s, ProgressKind kind, unsigned line, int64_t at_ms, const char *text)
{
	progress_send(s->p, &(ProgressEvent){ .kind = kind,
	                                      .line = line,
	                                      .at_ns = 1 + at_ms * MS,
	                                      .text = str_from(text),
	                                      .stage = STR("") });
}

static char *read_back(Shown *s)
{
	ui_close(s->ui);
	AUTO_BUF Buf all = BUF_INIT;
	rewind(s->file);
	char piece[4096];
	for (size_t n; (n = fread(piece, 1, sizeof piece, s->file)) > 0;)
		buf_add(&all, piece, n);
	buf_add_char(&all, '\0');
	fclose(s->file);
	return buf_take(&all);
}

static void test_plain_one_after_the_other(void **state)
{
	(void)state;
	Shown s = show("plain");
	send(&s, PROGRESS_BEGIN, 1, 0, "[internal] load build definition from Dockerfile");
	send(&s, PROGRESS_DONE, 1, 20, "");
	send(&s, PROGRESS_BEGIN, 2, 30, "[build 1/2] FROM x");
	send(&s, PROGRESS_CACHED, 2, 30, "");
	send(&s, PROGRESS_BEGIN, 3, 40, "[build 2/2] RUN make");
	send(&s, PROGRESS_LOG, 3, 271, "one\r\ntw");
	send(&s, PROGRESS_LOG, 3, 300, "o\n\nthree");
	send(&s, PROGRESS_ERROR, 3, 1540, "exit status 2");
	AUTO_FREE char *got = read_back(&s);
	assert_string_equal(got, "#1 [internal] load build definition from Dockerfile\n"
	                         "#1 DONE 0.0s\n"
	                         "\n"
	                         "#2 [build 1/2] FROM x\n"
	                         "#2 CACHED\n"
	                         "\n"
	                         "#3 [build 2/2] RUN make\n"
	                         "#3 0.231 one\n"
	                         "#3 0.260 two\n"
	                         "#3 0.260 \n"
	                         "#3 1.500 three\n"
	                         "#3 ERROR: exit status 2\n");
}

static void test_plain_parallel(void **state)
{
	(void)state;
	Shown s = show("plain");
	send(&s, PROGRESS_BEGIN, 1, 0, "A");
	send(&s, PROGRESS_BEGIN, 2, 0, "B");
	send(&s, PROGRESS_LOG, 1, 100, "a1\n");
	send(&s, PROGRESS_LOG, 2, 200, "b1\n"); /* waits: A has the floor */
	send(&s, PROGRESS_LOG, 1, 300, "a2\n");
	send(&s, PROGRESS_LOG, 2, 1300, "b2\n"); /* has waited long enough */
	send(&s, PROGRESS_DONE, 1, 1400, "");
	send(&s, PROGRESS_CANCELED, 2, 1500, "");
	AUTO_FREE char *got = read_back(&s);
	assert_string_equal(got, "#1 A\n"
	                         "#1 0.100 a1\n"
	                         "#1 0.300 a2\n"
	                         "#1 ...\n"
	                         "\n"
	                         "#2 B\n"
	                         "#2 0.200 b1\n"
	                         "#2 1.300 b2\n"
	                         "#2 CANCELED\n"
	                         "\n"
	                         "#1 A\n"
	                         "#1 DONE 1.4s\n");
}

static void test_plain_log_is_harmless(void **state)
{
	(void)state;
	Shown s = show("plain"); /* into a file: the same as on a terminal */
	send(&s, PROGRESS_BEGIN, 1, 0, "RUN x");
	send(&s, PROGRESS_LOG, 1, 0, "\033[31mred\033[0m \033[2J\007|\tafter\x7f\n\033]0;t\007");
	send(&s, PROGRESS_DONE, 1, 0, "");
	AUTO_FREE char *got = read_back(&s);
	assert_string_equal(got, "#1 RUN x\n"
	                         "#1 0.000 red \xef\xbf\xbd|\tafter\xef\xbf\xbd\n"
	                         "#1 0.000 \n"
	                         "#1 DONE 0.0s\n");
}

static void test_plain_transfers_and_remarks(void **state)
{
	(void)state;
	Shown s = show("plain");
	send(&s, PROGRESS_WARNING, 0, 0, "stray\033[31m");
	send(&s, PROGRESS_BEGIN, 1, 0, "pull");
	for (int i = 0; i <= 4; i++)
		progress_send(s.p, &(ProgressEvent){ .kind = PROGRESS_BYTES,
		                                     .line = 1,
		                                     .at_ns = 1 + i * 2000 * MS,
		                                     .name = STR("sha256:ab"),
		                                     .current = (uint64_t)i * 2500000,
		                                     .total = 10000000 });
	send(&s, PROGRESS_WARNING, 1, 9000, "slow");
	send(&s, PROGRESS_DONE, 1, 9000, "");
	AUTO_FREE char *got = read_back(&s);
	assert_string_equal(got, "WARN: stray\n"
	                         "#1 pull\n"
	                         "#1 sha256:ab 7.50MB / 10.0MB 6.0s\n"
	                         "#1 sha256:ab 10.0MB / 10.0MB 8.0s done\n"
	                         "#1 WARN: slow\n"
	                         "#1 DONE 9.0s\n");
}

static void test_json(void **state)
{
	(void)state;
	Shown s = show("rawjson");
	send(&s, PROGRESS_BEGIN, 1, 0, "[b 1/1] RUN \"x\"");
	send(&s, PROGRESS_LOG, 1, 0, "a\xff\xc3\xa4\x1b[0m\n");
	send(&s, PROGRESS_DONE, 1, 1500, "");
	static const Source source = { "Dockerfile", { "FROM x\nRUN y\n", 13 } };
	AUTO_ERR Err *e = err_note(err_at((Span){ &source, 7, 10 }, "bad"), "try");
	ui_error(s.ui, err_while(e, "building"));
	AUTO_FREE char *got = read_back(&s);
	assert_non_null(
		strstr(got, "\"line\":1,\"stage\":\"\",\"title\":\"[b 1/1] RUN \\\"x\\\"\"}\n"));
	assert_non_null(strstr(got, "\"text\":\"a\\ufffd\xc3\xa4\\u001b[0m\\n\"}\n"));
	assert_non_null(strstr(got, "\"line\":1,\"seconds\":1.500}\n"));
	assert_non_null(strstr(got,
	                       "\"kind\":\"input\",\"message\":\"bad\",\"file\":\"Dockerfile\","
	                       "\"file_line\":2,\"file_column\":1,\"while\":[\"building\"],"
	                       "\"notes\":[\"try\"]}\n"));
}

static void test_log_tail_is_bounded(void **state)
{
	(void)state;
	AUTO_ARENA Arena a = ARENA_INIT;
	Shown s = show("quiet");
	send(&s, PROGRESS_BEGIN, 1, 0, "noisy");
	for (int i = 0; i < 20000; i++)
		send(&s, PROGRESS_LOG, 1, 0, arena_strf(&a, "line %d\n", i).ptr);
	assert_string_equal(ui_log_tail(s.ui, 1, 2, &a).ptr, "line 19998\nline 19999");
	Str all = ui_log_tail(s.ui, 1, 100000, &a);
	assert_true(all.len <= UI_LOG_BYTES && all.len > UI_LOG_BYTES - 100);
	send(&s, PROGRESS_LOG, 1, 0, " 10%\r 20%\r100%\r\nend");
	assert_string_equal(ui_log_tail(s.ui, 1, 2, &a).ptr, "100%\nend");
	assert_string_equal(ui_log_tail(s.ui, 7, 2, &a).ptr, "");
	assert_string_equal(ui_line_title(s.ui, 1, &a).ptr, "noisy");
	AUTO_FREE char *got = read_back(&s);
	assert_string_equal(got, "");
}

static void test_text_safe(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		unsigned columns;
		const char *want;
	} cases[] = {
		{ "plain", 0, "plain" },
		{ "plain", 3, "pla" },
		{ "a\tb", 0, "a       b" },
		{ "\033[1;31mred\033[0m", 0, "red" },
		{ "\033]0;title\007x\033]8;;u\033\\y", 0, "xy" },
		{ "\033[12", 0, "" },
		{ "a\rb\007", 0,
		  "a\xef\xbf\xbd"
		  "b\xef\xbf\xbd" },
		{ "\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2" }, /* two wide characters */
		{ "e\xcc\x81"
		  "x",
		  1, "e\xcc\x81" }, /* a combining accent */
		{ "\xff\xc3(\xc0\xaf", 0, "\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x80\xae"
		  "evil",
		  0,
		  "\xef\xbf\xbd"
		  "evil" }, /* right-to-left override */
		{ "\xc2\x9b"
		  "31m",
		  0,
		  "\xef\xbf\xbd"
		  "31m" }, /* CSI as one C1 character */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf out = BUF_INIT;
		ui_text_safe(str_from(cases[i].in), cases[i].columns, &out);
		buf_add_char(&out, '\0');
		assert_string_equal(out.ptr, cases[i].want);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0B" },
		{ 999, "999B" },
		{ 1000, "1.00kB" },
		{ 12345678, "12.3MB" },
		{ 999600, "1.00MB" },
		{ 890000000, "890MB" },
		{ 1234567890, "1.23GB" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_BUF Buf out = BUF_INIT;
		ui_size_text(cases[i].bytes, &out);
		assert_string_equal(out.ptr, cases[i].want);
	}
}

static void test_error_has_no_escapes(void **state)
{
	(void)state;
	FILE *f = tmpfile();
	AUTO_ERR Err *e = err_note(err_new(ERR_INPUT, "bad member 'x\033[2Jy'"), "\xe2\x80\xae"
	                                                                         "three");
	ui_print_error(e, f);
	rewind(f);
	char got[200] = "";
	assert_true(fread(got, 1, sizeof got - 1, f) > 0);
	fclose(f);
	assert_string_equal(got,
	                    "error: bad member 'x\\x1b[2Jy'\n        note: \xef\xbf\xbdthree\n");
}

static void test_styles(void **state)
{
	(void)state;
	FILE *f = tmpfile();
	Ui *ui = NULL;
	AUTO_ERR Err *unknown = ui_open("fancy", f, &ui);
	assert_non_null(unknown);
	AUTO_ERR Err *no_terminal = ui_open("tty", f, &ui);
	assert_non_null(no_terminal);
	assert_null(ui_open("none", f, &ui));
	ui_start(ui);
	ui_close(ui);
	assert_null(ui_open("auto", f, &ui)); /* no terminal: plain */
	ui_start(ui);
	ui_say(ui, "%d %%", 5);
	ui_close(ui);
	rewind(f);
	char got[20] = "";
	assert_true(fread(got, 1, sizeof got - 1, f) > 0);
	fclose(f);
	assert_string_equal(got, "5 %\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_one_after_the_other),
		cmocka_unit_test(test_plain_parallel),
		cmocka_unit_test(test_plain_log_is_harmless),
		cmocka_unit_test(test_plain_transfers_and_remarks),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_log_tail_is_bounded),
		cmocka_unit_test(test_text_safe),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_error_has_no_escapes),
		cmocka_unit_test(test_styles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
