/* build_debug.c - the questions of --shell-on-error, and the editor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_debug.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

/* Few enough to leave room for the shell. */
enum { LOG_LINES = 20, ANSWER_BYTES = 64 };

static const struct {
	const char *word;
	BuildChoice choice;
	const char *help;
} answers[] = {
	{ "shell", BUILD_SHELL, "the shell again, in the step's root as it stands" },
	{ "retry", BUILD_RETRY,
	  "the command again, in the root as it stands, with all you changed; what comes of it\n"
	  "         is used in this build alone: it is not cached, and the image gets no name" },
	{ "fresh", BUILD_FRESH, "the command again, in a fresh root: a step like any other" },
	{ "edit", BUILD_EDIT,
	  "the Dockerfile in $VISUAL or $EDITOR; then the build goes on with what it says" },
	{ "leave", BUILD_LEAVE, "the build fails" },
};

Err *build_debug_check(Cli *cli)
{
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		return NULL;
	return err_note(cli_usage(cli, "--shell-on-error needs a terminal"),
	                "standard input, output and error must be one; without it the step's root "
	                "can be looked at with 'decant shell'");
}

void build_debug_entered(void)
{
	/* Blocked in every thread, it waits for the one that relays the shell's terminal.  What is
	 * run in a step gets an empty mask of its own. */
	sigset_t window;
	sigemptyset(&window);
	sigaddset(&window, SIGWINCH);
	(void)pthread_sigmask(SIG_BLOCK, &window, NULL); /* cannot fail */
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void show_failure(const BuildDebugger *d, const BuildFailure *f)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	AUTO_BUF Buf safe = BUF_INIT;
	Str tail = ui_log_tail(d->ui, f->line, LOG_LINES, &a);
	fprintf(stderr, "------\n > %.*s:\n", STR_ARG(ui_line_title(d->ui, f->line, &a)));
	while (tail.len) {
		Str line;
		tail = str_cut(tail, '\n', &line);
		buf_reset(&safe);
		ui_text_safe_log(line, &safe);
		fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&safe)));
	}
	fprintf(stderr, "------\n");
	ui_print_error(f->error, stderr);
	fprintf(stderr,
	        "\nThis is a shell in the step's root as the command left it, with its "
	        "environment and mounts.\n'exit' leads on to: retry, fresh, edit, leave.\n");
}

static void show_help(void)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		fprintf(stderr, "  %-6s %s\n", answers[i].word, answers[i].help);
}

/* --- what is answered ------------------------------------------------------------------------- */

/* A line of the terminal without its end; *ret_end: there is none.  ^C ends the wait as well. */
static Err *read_answer(const BuildDebugger *d, Buf *out, bool *ret_end)
{
	*ret_end = false;
	for (;;) {
		char c;
		struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
			               { .fd = cancel_fd(d->cancel), .events = POLLIN } };
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_sys(errno, "cannot wait for the terminal");
		TRY(cancel_check(d->cancel));
		if (!p[0].revents)
			continue;
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		*ret_end = n <= 0;
		if (n <= 0 || c == '\n')
			return NULL;
		if (out->len < ANSWER_BYTES)
			buf_add_char(out, c);
	}
}

/* The answer WORD, or its beginning; NULL: none. */
static const BuildChoice *find_answer(Str word)
{
	for (size_t i = 0; i < ARRAY_LEN(answers) && word.len; i++)
		if (str_starts(str_from(answers[i].word), word))
			return &answers[i].choice;
	return NULL;
}

/* --- the editor ------------------------------------------------------------------------------- */

/* Do they take "+LINE"? */
static bool takes_line(const char *editor)
{
	static const char *const known[] = {
		"vi", "vim", "nvim", "nano", "emacs", "ed", "mg", "joe"
	};
	Str name, rest = str_cut(str_from(editor), ' ', &name);
	(void)rest;
	name = str_from_at(name, (size_t)(str_rfind(name, '/') + 1));
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eqc(name, known[i]))
			return true;
	return false;
}

static const char *choose_editor(void)
{
	const char *visual = getenv("VISUAL"), *editor = getenv("EDITOR");
	return visual && *visual ? visual : editor && *editor ? editor : "vi";
}

/* The editor's words are the shell's, as git has it: "code --wait" works. */
static Err *run_editor(const char *editor, const char *file, Span span, int *ret_status)
{
	extern char **environ;
	char line[16] = "";
	unsigned number = 1, column;
	pid_t pid;
	if (span.src && strcmp(span.src->name, file) == 0)
		err_line_column(span, &number, &column);
	(void)snprintf(line, sizeof line, "+%u", number);
	AUTO_FREE char *script = NULL;
	if (asprintf(&script, "%s \"$@\"", editor) < 0)
		die_oom(0);
	bool with_line = takes_line(editor);
	char *argv[] = { (char *)"sh",
		         (char *)"-c",
		         script,
		         (char *)editor,
		         with_line ? line : (char *)file,
		         with_line ? (char *)file : NULL,
		         NULL };
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &defaults);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	int failed = posix_spawn(&pid, "/bin/sh", NULL, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	if (failed)
		return err_sys(failed, "cannot start the editor '%s'", editor);
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot wait for the editor '%s'", editor);
	return NULL;
}

/* False: the user is asked again. */
static bool edit(const BuildDebugger *d, const BuildFailure *f)
{
	int status = 0;
	const char *editor = choose_editor();
	if (!d->file) {
		fprintf(stderr, "The Dockerfile is no file here: it cannot be edited.\n");
		return false;
	}
	AUTO_ERR Err *e = run_editor(editor, d->file, f->span, &status);
	if (e)
		ui_print_error(e, stderr);
	else if (status)
		fprintf(stderr, "The editor '%s' ended badly: nothing is built.\n", editor);
	return !e && status == 0;
}

/* --- BuildDebug ------------------------------------------------------------------------------- */

static Err *ask(void *context, const BuildFailure *f, BuildChoice *ret)
{
	const BuildDebugger *d = context;
	if (f->asked == 0) {
		ui_suspend(d->ui);
		show_failure(d, f);
		*ret = BUILD_SHELL;
		return NULL;
	}
	if (f->trouble)
		ui_print_error(f->trouble, stderr);
	for (;;) {
		AUTO_BUF Buf line = BUF_INIT;
		bool end;
		fprintf(stderr, "shell, retry, fresh, edit or leave? (? explains) ");
		TRY(read_answer(d, &line, &end));
		if (end)
			fputc('\n', stderr);
		const BuildChoice *found = find_answer(str_trim(buf_str(&line)));
		*ret = found ? *found : BUILD_LEAVE;
		if (end || (found && (*found != BUILD_EDIT || edit(d, f))))
			return NULL;
		if (!found)
			show_help();
	}
}

static void done(void *context)
{
	const BuildDebugger *d = context;
	ui_resume(d->ui);
}

void build_debug_init(BuildDebugger *d, Ui *ui, const Cancel *cancel, const char *file)
{
	*d = (BuildDebugger){ .calls = { .ask = ask, .done = done, .context = d },
		              .ui = ui,
		              .cancel = cancel,
		              .file = file };
}
