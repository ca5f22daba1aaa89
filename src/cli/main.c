/*
 * main.c - argv to command, errors to exit statuses.
 *
 * Exit statuses (documented in decant.1; STYLE of the project's errors in HACKING.md):
 *	0    done
 *	1    the build failed: a RUN command, or anything that has no number of its own
 *	2    the command line is wrong
 *	3    an input file is wrong: Dockerfile, context, archive
 *	4    registry or network
 *	5    the store is damaged
 *	6    --fail-on-miss: a step was not in the cache
 *	129  ended by SIGHUP
 *	130  interrupted: ^C
 *	143  ended by SIGTERM
 * `run` ends as the command in the container does; 125, 126, 127 as docker has them.
 * Under the name docker (names.c) it ends as docker does: 125 for an unknown option, 1 for all
 *else.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "base/vec.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/names.h"
#include "cli/platforms.h"
#include "cli/signals.h"
#include "exec/disk_budget.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>

enum {
	EXIT_BUILD_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INPUT = 3,
	EXIT_REGISTRY = 4,
	EXIT_STORE = 5,
	EXIT_MISS = 6,
	EXIT_DOCKER_OPTION = 125,
	EXIT_INTERRUPTED = 130,
	EXIT_SIGNAL = 128, /* plus its number, as shells have it */
};

/* Files get the time of the last tick, which may be from before the command began. */
#define FILE_TIME_LAG_NS 20000000ll

int cli_status_of(const Cli *cli, const Err *err)
{
	if (cli->program->docker_statuses && err_kind(err) != ERR_CANCELLED)
		return EXIT_BUILD_FAILED;
	switch (err_kind(err)) {
	case ERR_INPUT:
		return EXIT_INPUT;
	case ERR_NOT_FOUND:
		/* With a place it is what the Dockerfile names, else what the command line did. */
		return err_span(err).src ? EXIT_INPUT : EXIT_BUILD_FAILED;
	case ERR_NETWORK:
	case ERR_DENIED:
		return EXIT_REGISTRY;
	case ERR_CORRUPT:
		return EXIT_STORE;
	case ERR_MISS:
		return EXIT_MISS;
	case ERR_CANCELLED:
		return EXIT_INTERRUPTED;
	case ERR_SYSTEM:
	case ERR_RUN:
		break;
	}
	return EXIT_BUILD_FAILED;
}

Err *cli_usage(Cli *cli, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		die_oom(0);
	cli->usage_error = true;
	return err_new(ERR_INPUT, "%s", text);
}

const char *cli_image_name(const char *text)
{
	static const char transport[] = "docker://";
	size_t len = sizeof transport - 1;
	return strncmp(text, transport, len) == 0 ? text + len : text;
}

Err *cli_reference(Cli *cli, const char *text, Reference *ret)
{
	Err *e = reference_parse(cli->arena, str_from(cli_image_name(text)), ret);
	if (e)
		cli->usage_error = true;
	return e;
}

Err *cli_new_name(Cli *cli, const Reference *ref)
{
	if (!str_eqc(ref->domain, "docker.io") || !str_eqc(ref->path, "library/sha256"))
		return NULL;
	return cli_usage(cli, "refusing to create an ambiguous tag using digest algorithm as name");
}

Err *cli_of_name(Cli *cli, const char *name, Err *e)
{
	Reference ref;
	if (!e || err_kind(e) != ERR_INPUT)
		return e;
	AUTO_ERR Err *bad_name = reference_parse(cli->arena, str_from(cli_image_name(name)), &ref);
	if (bad_name)
		cli->usage_error = true;
	return e;
}

Err *cli_image(Cli *cli, Store *s, const char *name, Image *ret)
{
	Reference ref;
	name = cli_image_name(name);
	if (!s) {
		/* an ID is no reference, and is not there either */
		Err *e = strlen(name) == DIGEST_HEX_LEN ? NULL : cli_reference(cli, name, &ref);
		return e ? e : image_no_such(str_from(name));
	}
	TRY(store_hold(s, cli->cancel_open ? &cli->cancel : NULL));
	return cli_of_name(cli, name, image_find(s, str_from(name), cli->arena, ret));
}

Err *cli_image_for(Cli *cli, Store *s, const char *name, const char *platform, Image *ret)
{
	Platform wanted;
	name = cli_image_name(name);
	if (!platform)
		return cli_image(cli, s, name, ret);
	TRY(cli_platform(cli, platform, &wanted));
	if (!s)
		return cli_image(cli, s, name, ret);
	TRY(store_hold(s, cli->cancel_open ? &cli->cancel : NULL));
	return cli_of_name(cli, name, image_find_for(s, str_from(name), &wanted, cli->arena, ret));
}

Err *cli_store(Cli *cli, Store **ret)
{
	DiskBudget budget;
	if (!cli->store) {
		TRY(store_open(cli->root, &cli->store));
		/* Before the work: a value that means nothing is no reason to throw it away. */
		TRY_WHILE(disk_budget_read(cli->store, cli->arena, &budget),
		          "reading the limits of the store");
	}
	*ret = cli->store;
	return NULL;
}

Err *cli_store_existing(Cli *cli, Store **ret)
{
	if (!cli->store)
		TRY(store_open_existing(cli->root, &cli->store));
	*ret = cli->store;
	return NULL;
}

Err *cli_cancel(Cli *cli, Cancel **ret)
{
	if (!cli->cancel_open) {
		TRY(cancel_open(&cli->cancel));
		cli->cancel_open = true;
		signals_watch(&cli->cancel);
	}
	*ret = &cli->cancel;
	return NULL;
}

static int failure_status(const Cli *cli, const Err *err)
{
	if (err_kind(err) == ERR_CANCELLED)
		return signals_first() ? EXIT_SIGNAL + signals_first() : EXIT_INTERRUPTED;
	/* A container's command that cannot be started keeps its 126 or 127. */
	if (cli->command && cli->command->failure_status)
		return err_exit_status(err) ? err_exit_status(err) : cli->command->failure_status;
	if (cli->usage_error && !cli->program->docker_statuses)
		return EXIT_USAGE;
	return cli->option_error && cli->program->docker_statuses ? EXIT_DOCKER_OPTION
	                                                          : cli_status_of(cli, err);
}

void cli_print_debug(const Err *err)
{
	static const char *const kinds[] = {
		[ERR_SYSTEM] = "system",       [ERR_INPUT] = "input",
		[ERR_NOT_FOUND] = "not found", [ERR_RUN] = "run",
		[ERR_NETWORK] = "network",     [ERR_DENIED] = "denied",
		[ERR_CORRUPT] = "corrupt",     [ERR_CANCELLED] = "cancelled",
	};
	fprintf(stderr,
	        "        debug: decant %s, error of kind '%s', errno %d, status of the command "
	        "%d\n",
	        DECANT_VERSION, kinds[err_kind(err)], err_errno(err), err_exit_status(err));
}

static void print_failure(const Cli *cli, const Err *err)
{
	(void)fflush(stdout); /* looked at again at the end: here only the order counts */
	if (err_kind(err) == ERR_CANCELLED)
		fprintf(stderr, "cancelled\n");
	else
		ui_print_error(err, stderr);
	if (cli->debug)
		cli_print_debug(err);
	if (cli->usage_error && cli->command)
		fprintf(stderr, "See '%s %s --help'.\n", cli->program->name, cli->called);
	else if (cli->usage_error)
		fprintf(stderr, "See '%s --help'.\n", cli->program->name);
}

/* Notes that name a command name it as this program is called. */
static Err *in_own_words(const Cli *cli, Err *err)
{
	AUTO_BUF Buf notes = BUF_INIT;
	program_text(cli->program->name, err_notes(err), &notes);
	err_set_notes(err, buf_str(&notes));
	return err;
}

Err *cli_advise(const Cli *cli, Err *err)
{
	struct statvfs fs;
	if ((err_errno(err) != ENOSPC && err_errno(err) != EDQUOT) || err_is_elsewhere(err))
		return in_own_words(cli, err);
	if (cli->store && fstatvfs(store_dir_fd(cli->store), &fs) == 0)
		err = err_note(err, "the store '%s' has %s free on its file system",
		               store_path(cli->store),
		               cli_size(cli->arena, (uint64_t)fs.f_bavail * fs.f_frsize).ptr);
	err = err_note(err, "remove what nothing needs with 'decant system prune', images with "
	                    "'decant rmi', or use another file system with "
	                    "--root DIR");
	return in_own_words(cli, err);
}

void cli_report(Cli *cli, Err *err)
{
	err = cli_advise(cli, err);
	cli->exit_status = failure_status(cli, err);
	print_failure(cli, err);
	cli->usage_error = false; /* it was about this one: others may follow */
	err_free(err);
}

/* buildah's way, a command a step. */
#define WORKING_CONTAINER                                                                       \
	"there are no working containers: write the steps into a Dockerfile, 'decant build -' " \
	"reads it from standard input"

/* Commands of docker, podman and buildah that have no counterpart, and what there is instead. */
static const struct {
	const char *word, *advice;
} foreign_commands[] = {
	{ "add", WORKING_CONTAINER },
	{ "bake", "bake files are not read: 'decant build --target A,B -t NAME:{target} .' builds "
	          "several targets at once" },
	{ "commit", "write the change into the Dockerfile; 'decant export' gives all files" },
	{ "config", WORKING_CONTAINER },
	{ "copy", WORKING_CONTAINER },
	{ "events", "there is no daemon that would tell them" },
	{ "from", WORKING_CONTAINER },
	{ "mount", "'decant shell IMAGE' shows an image's files, 'decant cp' and 'decant export' "
	           "give them" },
	{ "network", "containers have a network of their own, none, or the host's: --network" },
	{ "pause", "'decant kill -s STOP' stops what handles it, 'decant stop' ends it" },
	{ "stats", "the host's own tools show a container's processes" },
	{ "swarm", "there is no daemon" },
	{ "update", "make it anew with other limits: decant run" },
	{ "volume", "give a directory of the host: --volume DIR:DIR" },
};

/* What there is in place of the foreign command WORD; NULL: it is nobody's. */
static const char *advice_on(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(foreign_commands); i++)
		if (strcmp(word, foreign_commands[i].word) == 0)
			return foreign_commands[i].advice;
	return NULL;
}

static Err *unknown_command(Cli *cli, const char *word)
{
	VEC(const char *) names = { 0 };
	for (size_t i = 0; i < command_count; i++)
		if (command_table[i]->group != GROUP_HIDDEN)
			VEC_PUSH(&names, command_table[i]->name);
	const char *near = option_suggest(word, names.at, names.len);
	VEC_DONE(&names);
	Err *e = cli_usage(cli, "unknown command: %s %s", cli->program->name, word);
	const char *advice = advice_on(word);
	if (advice)
		return err_note(e, "%s", advice);
	return near ? err_note(e, "did you mean '%s %s'?", cli->program->name, near) : e;
}

static Err *wrong_count(Cli *cli, const Arguments *args)
{
	const Command *c = cli->command;
	unsigned min = c->arguments_min, max = c->arguments_max;
	if (args->count >= min && args->count <= max)
		return NULL;
	const char *plural = (args->count < min ? min : max) == 1 ? "" : "s";
	if (max == 0)
		return cli_usage(cli, "'%s %s' accepts no arguments", cli->program->name,
		                 cli->called);
	if (min == max)
		return cli_usage(cli, "'%s %s' requires exactly %u argument%s", cli->program->name,
		                 cli->called, min, plural);
	if (args->count < min)
		return cli_usage(cli, "'%s %s' requires at least %u argument%s", cli->program->name,
		                 cli->called, min, plural);
	return cli_usage(cli, "'%s %s' requires at most %u argument%s", cli->program->name,
	                 cli->called, max, plural);
}

/* docker's 125 is for options and the engine: it is not asked here. */
static Err *check_count(Cli *cli, const Arguments *args)
{
	Err *e = wrong_count(cli, args);
	return e && cli->program->docker_statuses ? err_set_exit_status(e, EXIT_BUILD_FAILED) : e;
}

static Err *run_command(Cli *cli, GlobalValues *globals, int argc, char *const *argv)
{
	const Command *c = cli->command;
	void *values = arena_alloc(cli->arena, c->values_size + 1, _Alignof(max_align_t));
	if (c->defaults)
		c->defaults(values);
	const OptionSet sets[] = {
		{ c->options, c->option_count, values },
		{ global_options, global_option_count, globals },
	};
	Arguments args;
	int used;
	Err *e = options_parse(sets, ARRAY_LEN(sets), argc, argv, c->stop_at_argument, cli->arena,
	                       &args, &used);
	if (e) {
		cli->usage_error = cli->option_error = true;
		return e;
	}
	if (globals->help) {
		help_command(cli->program->name, c);
		return NULL;
	}
	TRY(check_count(cli, &args));
	if (globals->root && !*globals->root)
		return cli_usage(cli, "--root needs the name of a directory");
	cli->root = globals->root;
	cli->debug = globals->debug;
	return c->run(cli, values, &args);
}

/* The words from the first one that is no global option on. */
static Err *dispatch(Cli *cli, int argc, char **argv)
{
	GlobalValues globals = { 0 };
	const OptionSet sets[] = {
		{ program_options, cli->program->docker_options ? program_option_count : 0,
		  &globals },
		{ global_options, global_option_count, &globals },
	};
	Arguments words;
	int used;
	argv = program_words(cli->program, argc, argv, cli->arena, &argc);
	Err *e = options_parse(sets, ARRAY_LEN(sets), argc, argv, true, cli->arena, &words, &used);
	if (e) {
		cli->usage_error = cli->option_error = true;
		return e;
	}
	if (globals.version) {
		printf("%s version %s%s\n", cli->program->version, DECANT_VERSION,
		       cli->program->version_end);
		return NULL;
	}
	if (globals.config && setenv("DOCKER_CONFIG", globals.config, true) < 0)
		return err_sys(errno, "cannot set DOCKER_CONFIG");
	if (words.count == 0) {
		help_main(cli->program->name);
		return NULL;
	}
	argc -= used;
	argv += used;
	int taken;
	cli->command = command_find(argc, argv, &taken);
	if (!cli->command) {
		if (!command_is_noun(argv[0]))
			return unknown_command(cli, argv[0]);
		if (argc > 1 && argv[1][0] != '-') {
			const char *advice = advice_on(argv[strcmp(argv[0], "buildx") == 0]);
			e = cli_usage(cli, "unknown command: %s %s %s", cli->program->name, argv[0],
			              argv[1]);
			return advice ? err_note(e, "%s", advice) : e;
		}
		help_noun(cli->program->name, argv[0]);
		return NULL;
	}
	cli->called = taken > 1 ? arena_strf(cli->arena, "%s %s", argv[0], argv[1]).ptr : argv[0];
	cli->words = (Arguments){ .count = (size_t)argc };
	cli->words.at = arena_alloc(cli->arena, (size_t)argc * sizeof(char *), _Alignof(char *));
	for (int i = 0; i < argc; i++)
		cli->words.at[i] = argv[i];
	if (cli->command->run_raw) {
		cli->exit_status = cli->command->run_raw(argc, argv);
		return NULL;
	}
	return run_command(cli, &globals, argc - taken, argv + taken);
}

/* As every filter ends whose reader is gone. */
static void die_of_pipe(void)
{
	(void)signal(SIGPIPE, SIG_DFL);
	(void)raise(SIGPIPE);
}

/* A pipe whose reader has gone away. */
static bool reader_is_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

/* What was printed must have arrived; a reader that went away early (`| head`) is no mishap. */
static int finish_stdout(int status)
{
	errno = EIO; /* for an error of an earlier write that is not met again */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno == EPIPE)
		die_of_pipe();
	fprintf(stderr, "error: cannot write to standard output: %s\n", strerror(errno));
	return status ? status : EXIT_BUILD_FAILED;
}

/* What was done is done: that there may be too much of it is no mishap.  What is wrong with the
 * limits was told by cli_store(). */
static void keep_budget(Cli *cli, int64_t began_ns)
{
	Err *e = disk_budget_after(cli->store, began_ns - FILE_TIME_LAG_NS, cli->exit_status != 0);
	if (e && cli->debug)
		ui_print_error(e, stderr);
	err_free(e);
}

int main(int argc, char **argv)
{
	AUTO_ARENA Arena arena = ARENA_INIT;
	int64_t began_ns = clock_real_ns();
	Cli cli = { .arena = &arena, .program = program_find(argc > 0 ? argv[0] : "") };
	signals_ignore_pipe();
	Err *e = dispatch(&cli, argc > 0 ? argc - 1 : 0, argv + 1);
	bool reader_gone = e && err_errno(e) == EPIPE && reader_is_gone(STDOUT_FILENO);
	if (reader_gone)
		err_free(e); /* `save | head`: no mishap, told by the signal below */
	else if (e)
		cli_report(&cli, e);
	if (cli.store)
		keep_budget(&cli, began_ns);
	store_close(cli.store);
	signals_unwatch();
	if (cli.cancel_open)
		cancel_close(&cli.cancel);
	if (reader_gone)
		die_of_pipe();
	return finish_stdout(cli.exit_status);
}
