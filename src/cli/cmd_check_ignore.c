/* cmd_check_ignore.c - which paths the ignore file keeps out of a build, and by which line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_input.h"
#include "cli/command.h"
#include "cli/quoted.h"
#include "fs/match.h"
#include "fs/path.h"

#include <limits.h>
#include <stdio.h>

/* As git check-ignore: 0 some path is ignored, 1 none, 128 an error. */
#define EXIT_NONE_IGNORED 1
#define EXIT_FATAL        128

typedef struct CheckIgnoreValues {
	const char *file, *directory, *ignore_file;
	bool verbose, non_matching, quiet, from_stdin, nul;
} CheckIgnoreValues;

static const Option check_ignore_options[] = {
	{ .name = "directory",
	  .letter = 'C',
	  .kind = OPTION_TEXT,
	  .value = "DIR",
	  .choices = "DIRECTORY",
	  .help = "Context of the build; paths are below it (default \".\")",
	  .offset = offsetof(CheckIgnoreValues, directory) },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Dockerfile of the build, whose own NAME.dockerignore or NAME.containerignore "
	          "goes first",
	  .offset = offsetof(CheckIgnoreValues, file) },
	{ .name = "ignorefile",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Ignore file of the build, in place of the one found",
	  .offset = offsetof(CheckIgnoreValues, ignore_file) },
	{ .name = "non-matching",
	  .letter = 'n',
	  .kind = OPTION_FLAG,
	  .help = "With -v: also print the paths that no line matches",
	  .offset = offsetof(CheckIgnoreValues, non_matching) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Print nothing: the exit status says it",
	  .offset = offsetof(CheckIgnoreValues, quiet) },
	{ .name = "stdin",
	  .kind = OPTION_FLAG,
	  .help = "Read paths from standard input, one a line",
	  .offset = offsetof(CheckIgnoreValues, from_stdin) },
	{ .name = "verbose",
	  .letter = 'v',
	  .kind = OPTION_FLAG,
	  .help = "Print FILE:LINE:PATTERN and a tab before each path",
	  .offset = offsetof(CheckIgnoreValues, verbose) },
	{ .name = "null",
	  .letter = 'z',
	  .kind = OPTION_FLAG,
	  .help = "NUL ends each path of standard input and each field of the output",
	  .offset = offsetof(CheckIgnoreValues, nul) },
};

/* One run: what is asked, what answers, and what came of it. */
typedef struct Check {
	const CheckIgnoreValues *values;
	Arena *arena; /* of one path */
	Str root;     /* real path of the context */
	Ignore ignore;
	const char *ignore_name;
	bool any_ignored;
} Check;

/* PATH as it is known to the ignore file: clean, relative to the context. */
static Err *path_in_context(const Check *c, Str path, Str *ret)
{
	if (!path.len)
		return err_new(ERR_INPUT, "an empty path is none");
	if (path.len >= PATH_BYTES_MAX)
		return err_new(ERR_INPUT, "a path has at most %u bytes", PATH_BYTES_MAX - 1);
	Str clean = path_clean(c->arena, path);
	bool outside = str_eqc(clean, "..") || str_starts(clean, STR("../"));
	if (clean.ptr[0] == '/') {
		Str root = str_eqc(c->root, "/") ? STR("") : c->root;
		Str below = str_from_at(clean, root.len);
		outside = !str_starts(clean, root) || (below.len && below.ptr[0] != '/');
		clean = below.len > 1 ? str_from_at(below, 1) : STR(".");
	}
	if (outside)
		return err_new(ERR_INPUT, "'%.*s' is outside the context '%.*s'", STR_ARG(path),
		               STR_ARG(c->root));
	*ret = clean;
	return NULL;
}

static void put_answer(const Check *c, Str path, const IgnorePattern *by)
{
	char end = c->values->nul ? '\0' : ':';
	if (c->values->verbose && by) {
		Str text = str_head(str_from_at(by->span.src->text, by->span.start),
		                    by->span.end - by->span.start);
		printf("%s%c%u%c%.*s", c->ignore_name, end, by->line, end, STR_ARG(text));
	} else if (c->values->verbose) {
		printf("%c%c", end, end);
	}
	if (c->values->verbose)
		(void)putchar(c->values->nul ? '\0' : '\t');
	if (c->values->nul)
		(void)fwrite(path.ptr, 1, path.len, stdout);
	else
		quoted_print(path, stdout);
	(void)putchar(c->values->nul ? '\0' : '\n');
}

static Err *check_path(Check *c, Str path)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	c->arena = &a;
	Str clean;
	TRY(path_in_context(c, path, &clean));
	const IgnorePattern *by;
	bool ignored = ignore_excludes(&c->ignore, clean, &by);
	c->any_ignored |= ignored;
	if (c->values->quiet)
		return NULL;
	/* A line with '!' that takes the path back is worth to be shown, but only to who asks why.
	 */
	if (ignored || (c->values->verbose && (by || c->values->non_matching)))
		put_answer(c, path, by);
	return NULL;
}

static Err *check_stdin(Check *c)
{
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int end = c->values->nul ? '\0' : '\n';
	while ((len = getdelim(&line, &room, end, stdin)) > 0) {
		AUTO_ARENA Arena a = ARENA_INIT;
		Str path = { line, (size_t)len };
		if (path.ptr[path.len - 1] == end)
			path.len--;
		if (!c->values->nul)
			TRY(quoted_read(&a, path, &path));
		TRY(check_path(c, path));
	}
	return ferror(stdin) ? err_sys(errno, "cannot read standard input") : NULL;
}

static Err *check_usage(Cli *cli, const CheckIgnoreValues *v, const Arguments *args)
{
	if (v->from_stdin && args->count)
		return cli_usage(cli, "--stdin and paths on the command line exclude each other");
	if (!v->from_stdin && !args->count)
		return cli_usage(cli, "no path is given");
	if (v->nul && !v->from_stdin)
		return cli_usage(cli, "-z makes sense with --stdin only");
	if (v->quiet && v->verbose)
		return cli_usage(cli, "-q and -v exclude each other");
	if (v->non_matching && !v->verbose)
		return cli_usage(cli, "-n makes sense with -v only");
	return NULL;
}

static Err *run_check_ignore(Cli *cli, const void *values, const Arguments *args)
{
	const CheckIgnoreValues *v = values;
	TRY(check_usage(cli, v, args));
	AUTO_BUILD_INPUT BuildInput input = { .context_fd = -1 };
	BuildInputNames names = { v->directory ? v->directory : ".", v->file, v->ignore_file };
	TRY(build_input_open_ignore(cli->arena, &names, &input));
	Check c = { .values = v, .root = input.context_path, .ignore_name = input.ignore.name };
	Source *source = arena_new(cli->arena, Source); /* errors point to it */
	*source = input.ignore;
	if (input.has_ignore)
		TRY(ignore_parse(cli->arena, source, &c.ignore));
	for (size_t i = 0; i < args->count; i++)
		TRY(check_path(&c, str_from(args->at[i])));
	if (v->from_stdin)
		TRY(check_stdin(&c));
	cli->exit_status = c.any_ignored ? 0 : EXIT_NONE_IGNORED;
	return NULL;
}

const Command command_check_ignore = {
	.name = "check-ignore",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] PATH... | --stdin",
	.help = "Tell which paths the ignore file keeps out of a build",
	.about = "As 'git check-ignore', for the .dockerignore of a build context: prints the "
		 "paths that are left out; with -v also the line that decides. The paths need not "
		 "be there.\n\n"
		 "The exit status is 0 if a path is ignored, 1 if none is, 128 after an error.",
	.options = check_ignore_options,
	.option_count = ARRAY_LEN(check_ignore_options),
	.values_size = sizeof(CheckIgnoreValues),
	.arguments_max = UINT_MAX,
	.choices = "FILE",
	.failure_status = EXIT_FATAL,
	.run = run_check_ignore,
};
