/* cmd_run_triggers.c - starts builds of all projects as they come due, for as long as serve runs.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/streams.h"
#include "cli/triggers.h"

#include <poll.h>
#include <stdio.h>

/* So often it looks without being woken: other processes may have queued what they could not start.
 */
enum { LOOK_MS = 30 * 1000 };

typedef struct RunTriggersValues {
	const char *interval;
} RunTriggersValues;

static const Option run_triggers_options[] = {
	{ .name = "import-interval",
	  .kind = OPTION_TEXT,
	  .help = "Time between scheduled imports; 0 never",
	  .offset = offsetof(RunTriggersValues, interval) },
};

typedef struct Loop {
	Cli *cli;
	Store *store;
	Cancel *cancel;
	int64_t interval_ns, next_ns; /* monotonic */
	Buf last_error;
} Loop;

static void say_imported(const Project *p, Str stream)
{
	fprintf(stderr, "triggers: image stream %.*s/%.*s has a new image\n", STR_ARG(p->name),
	        STR_ARG(stream));
}

/* Once; what stays wrong is found at each look. */
static void say_error(Loop *l, Err *e)
{
	Str text = err_cause(e);
	if (!str_eq(text, buf_str(&l->last_error))) {
		buf_reset(&l->last_error);
		buf_add_str(&l->last_error, text);
		fprintf(stderr, "triggers: %.*s\n", STR_ARG(text));
	}
	err_free(e);
}

static Err *look_at_project(Loop *l, const Project *p, bool import)
{
	Build *all;
	size_t count;
	if (import)
		TRY(stream_import_scheduled(l->cli, p, say_imported));
	Err *e = runner_triggers(p, l->cancel, &all, &count);
	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "triggers: build %.*s/%.*s started: %.*s\n", STR_ARG(p->name),
		        STR_ARG(all[i].meta.name), STR_ARG(all[i].cause));
	return e;
}

static Err *look(Loop *l)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	Str *names;
	size_t count;
	bool import = l->interval_ns && clock_mono_ns() >= l->next_ns;
	if (import)
		l->next_ns = clock_mono_ns() + l->interval_ns;
	TRY(project_names(l->store, &a, &names, &count));
	for (size_t i = 0; i < count && !cancel_requested(l->cancel); i++) {
		Project p;
		TRY(project_open(l->store, names[i], &a, &p));
		Err *e = look_at_project(l, &p, import);
		if (e && err_kind(e) == ERR_CANCELLED)
			return e;
		if (e)
			say_error(l, e);
	}
	return NULL;
}

/* False: whoever wakes us is gone. */
static bool wait_for_work(const Loop *l)
{
	char bytes[256];
	int64_t until_ms = LOOK_MS;
	if (l->interval_ns) {
		int64_t left_ms = (l->next_ns - clock_mono_ns()) / 1000000 + 1;
		until_ms = left_ms < 0 ? 0 : left_ms < until_ms ? left_ms : until_ms;
	}
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
		                { .fd = cancel_fd(l->cancel), .events = POLLIN } };
	int n = poll(fds, 2, (int)until_ms);
	if (n <= 0 || !fds[0].revents)
		return true;
	ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
	return got > 0 || (got < 0 && errno == EINTR);
}

static Err *run_run_triggers(Cli *cli, const void *values, const Arguments *args)
{
	const RunTriggersValues *v = values;
	Loop l = { .cli = cli, .last_error = BUF_INIT };
	Arena *whole = cli->arena;
	(void)args;
	if (v->interval && !clock_parse_duration(str_from(v->interval), &l.interval_ns))
		return cli_usage(cli, "invalid time '%s'", v->interval);
	l.next_ns = clock_mono_ns() + l.interval_ns;
	TRY(cli_cancel(cli, &l.cancel));
	TRY(cli_store(cli, &l.store));
	do {
		AUTO_ARENA Arena a = ARENA_INIT;
		cli->arena = &a; /* what one look needs goes after it */
		Err *e = look(&l);
		if (e && err_kind(e) != ERR_CANCELLED)
			say_error(&l, e);
		else
			err_free(e); /* the loop's end tells */
		cli->arena = whole;
	} while (!cancel_requested(l.cancel) && wait_for_work(&l) && !cancel_requested(l.cancel));
	buf_done(&l.last_error);
	return NULL;
}

const Command command_run_triggers = {
	.name = "run-triggers",
	.group = GROUP_HIDDEN,
	.synopsis = "[OPTIONS]",
	.help = "Start builds of all projects as they come due, until standard input ends",
	.options = run_triggers_options,
	.option_count = ARRAY_LEN(run_triggers_options),
	.values_size = sizeof(RunTriggersValues),
	.run = run_run_triggers,
};
