/* cmd_top.c - the processes of a container, as the host's ps shows them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"
#include "cli/listing.h"
#include "fs/path.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

enum { PS_BYTES_MAX = 64 << 20, COLUMN_MIN = 20 };

/* --- ps -------------------------------------------------------------------------------------- */

static Err *wait_for(pid_t pid, const Buf *said)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(errno, "cannot wait for ps");
	Str first;
	(void)str_cut(str_trim(buf_str(said)), '\n', &first);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NULL;
	return err_note(err_new(ERR_INPUT, "ps has failed: %.*s",
	                        STR_ARG(first.len ? first : STR("it says nothing"))),
	                "its options are those of the host's ps; -ef if none are given");
}

static Err *spawn_ps(char *const *argv, int out_fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t pipe_signal;
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE); /* ignored here, and so in what is started */
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &pipe_signal);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDERR_FILENO);
	int r = posix_spawnp(ret, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return r == 0 ? NULL
	              : err_note(err_sys(r, "cannot run ps"),
	                         "install it (package procps), or look at /proc");
}

/* What the host's ps prints, with both of its streams.  WORDS: "ps", its options, NULL. */
static Err *run_ps(char *const *words, Buf *out)
{
	int ends[2];
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(errno, "cannot make a pipe");
	AUTO_CLOSE int mine = ends[0];
	AUTO_CLOSE int theirs = ends[1];
	TRY(spawn_ps(words, theirs, &pid));
	close(TAKE_FD(theirs));
	Err *e = path_read_fd(mine, PS_BYTES_MAX, "the output of ps", out);
	close(TAKE_FD(mine)); /* it ends, if it has more to say */
	Err *e2 = wait_for(pid, out);
	if (e)
		err_free(e2);
	return e ? e : e2;
}

/* First with the numbers as its last option, which not every other option goes with. */
static Err *ask_ps(Cli *cli, const Arguments *args, const pid_t *pids, size_t count, Buf *out)
{
	AUTO_BUF Buf numbers = BUF_INIT;
	char **words = arena_alloc(cli->arena, (args->count + 4) * sizeof *words, _Alignof(char *));
	size_t n = 0;
	words[n++] = (char *)"ps";
	if (args->count == 1)
		words[n++] = (char *)"-ef";
	for (size_t i = 1; i < args->count; i++)
		words[n++] = (char *)args->at[i];
	buf_addf(&numbers, "-q");
	for (size_t i = 0; i < count; i++)
		buf_addf(&numbers, "%s%d", i ? "," : "", (int)pids[i]);
	words[n] = numbers.ptr;
	words[n + 1] = NULL;
	AUTO_ERR Err *e = run_ps(words, out);
	if (!e)
		return NULL;
	buf_reset(out);
	words[n] = NULL;
	return run_ps(words, out);
}

/* --- its lines ------------------------------------------------------------------------------- */

/* The words of LINE, COUNT at most: the last one is all the rest. */
static size_t cut_fields(Str line, Str *fields, size_t count)
{
	size_t n = 0;
	for (line = str_trim(line); line.len && n < count; n++) {
		size_t end = 0;
		while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t')
			end++;
		if (n + 1 == count)
			end = line.len;
		fields[n] = str_head(line, end);
		line = str_trim(str_from_at(line, end));
	}
	return n;
}

static bool is_one_of(const pid_t *pids, size_t count, Str word)
{
	uint64_t number;
	for (size_t i = 0; i < count; i++)
		if (str_to_u64(word, &number) && number == (uint64_t)pids[i])
			return true;
	return false;
}

static Str row_of(Arena *a, const Str *fields, size_t count)
{
	AUTO_BUF Buf row = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&row, "%s%.*s", i ? "\t" : "", STR_ARG(fields[i]));
	return arena_str(a, buf_str(&row));
}

static size_t count_lines(Str text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '\n';
	return n;
}

static Err *print_rows(Arena *a, Str text, const pid_t *pids, size_t count)
{
	enum { COLUMNS_MAX = 128 };
	Str titles[COLUMNS_MAX], fields[COLUMNS_MAX], line;
	Str *rows = arena_alloc(a, (count_lines(text) + 1) * sizeof *rows, _Alignof(Str));
	size_t n = 0, at = 0;
	text = str_cut(text, '\n', &line);
	size_t columns = cut_fields(line, titles, COLUMNS_MAX);
	while (at < columns && !str_eqc(titles[at], "PID"))
		at++;
	if (at == columns)
		return err_note(err_new(ERR_INPUT, "Couldn't find PID field in ps output"),
		                "give ps options with which it prints one: -o pid,args");
	rows[n++] = row_of(a, titles, columns);
	while (text.len) {
		text = str_cut(text, '\n', &line);
		size_t found = cut_fields(line, fields, columns);
		if (found > at && is_one_of(pids, count, fields[at]))
			rows[n++] = row_of(a, fields, found);
	}
	listing_print_lines(rows, n, COLUMN_MIN);
	return NULL;
}

static Err *run_top(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Container c = { 0 };
	pid_t *pids = NULL;
	size_t count = 0;
	AUTO_BUF Buf text = BUF_INIT;
	TRY(cli_container(cli, args->at[0], &s, &c));
	if (!c.running)
		return err_new(ERR_INPUT, "container '%.*s' is not running", STR_ARG(c.name));
	TRY(container_processes(&c, cli->arena, &pids, &count));
	TRY(ask_ps(cli, args, pids, count, &text));
	return print_rows(cli->arena, buf_str(&text), pids, count);
}

const Command command_top = {
	.name = "top",
	.aliases = "container top",
	.group = GROUP_CONTAINERS,
	.synopsis = "CONTAINER [PS OPTIONS]",
	.help = "Show the processes of a container",
	.about =
		"The lines of the host's ps that are the container's, -ef if no options are given. "
		"The numbers are\n"
		"those of the host. ps must print a column PID.",
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "CONTAINER",
	.stop_at_argument = true,
	.run = run_top,
};
