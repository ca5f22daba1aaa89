/* cmd_logs.c - what a container has written, or the commands of a build. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/command.h"
#include "cli/moment.h"
#include "cli/names.h"
#include "cli/resource.h"
#include "exec/container.h"
#include "fs/path.h"
#include "store/builds.h"

#include <poll.h>

/* A running build is looked at this often. */
enum { FOLLOW_MS = 100 };

typedef struct LogsValues {
	bool follow, timestamps;
	const char *tail, *since, *until, *version, *project;
} LogsValues;

static const Option logs_options[] = {
	{ .name = "follow",
	  .letter = 'f',
	  .kind = OPTION_FLAG,
	  .help = "Go on until the container, or the build, ends",
	  .offset = offsetof(LogsValues, follow) },
	{ .name = "namespace", /* no letter: -n is --tail's */
	  .kind = OPTION_TEXT,
	  .value = "project",
	  .help = "Of a build: its project (default the one that 'project' chose)",
	  .offset = offsetof(LogsValues, project) },
	{ .name = "since",
	  .kind = OPTION_TEXT,
	  .value = "TIME",
	  .help = "Of a container: what came at TIME or after (2026-01-31T12:00:00Z) or so long "
	          "ago (10m)",
	  .offset = offsetof(LogsValues, since) },
	{ .name = "tail",
	  .letter = 'n',
	  .kind = OPTION_TEXT,
	  .value = "N",
	  .help = "Of a container: the last lines alone (default all)",
	  .offset = offsetof(LogsValues, tail) },
	{ .name = "timestamps",
	  .letter = 't',
	  .kind = OPTION_FLAG,
	  .help = "Of a container: each line's time before it",
	  .offset = offsetof(LogsValues, timestamps) },
	{ .name = "until",
	  .kind = OPTION_TEXT,
	  .value = "TIME",
	  .help = "Of a container: what came at TIME or before; as --since",
	  .offset = offsetof(LogsValues, until) },
	{ .name = "version",
	  .kind = OPTION_TEXT,
	  .value = "N",
	  .help = "Of bc/NAME: build number N (default the newest)",
	  .offset = offsetof(LogsValues, version) },
};

/* --- of a build ------------------------------------------------------------------------------ */

/* Is the build over, so that no more can come? */
static Err *is_over(Store *s, Str id, bool *ret)
{
	AUTO_ARENA Arena a = ARENA_INIT;
	StoreBuild now;
	TRY(store_build_find(s, id, &a, &now));
	*ret = now.state != STORE_BUILD_RUNNING;
	return NULL;
}

/* Everything that is there of the log; *ret_bytes: how much. */
static Err *copy_log(StoreLogReader *log, const Cancel *cancel, uint64_t *ret_bytes)
{
	AUTO_BUF Buf part = BUF_INIT;
	*ret_bytes = 0;
	for (bool more = true; more;) {
		TRY(cancel_check(cancel));
		buf_reset(&part);
		TRY(store_log_read(log, &part, &more));
		if (part.len)
			TRY(path_write_what(STDOUT_FILENO, part.ptr, part.len, "the log"));
		*ret_bytes += part.len;
	}
	return NULL;
}

static Err *nap(const Cancel *cancel)
{
	struct pollfd fd = { .fd = cancel_fd(cancel), .events = POLLIN };
	(void)poll(&fd, 1, FOLLOW_MS); /* a signal ends it as well */
	return cancel_check(cancel);
}

static Err *follow(Store *s, const StoreBuild *b, uint32_t n, const Cancel *cancel)
{
	StoreLogReader *opened = NULL;
	AUTO_LOG_READER StoreLogReader *log = NULL;
	for (bool over = false;;) {
		uint64_t bytes = 0;
		if (!log) {
			Err *e = store_log_open(s, b->id, n, &opened);
			if (e && err_kind(e) != ERR_NOT_FOUND)
				return e;
			err_free(e); /* it has not written anything yet */
			log = e ? NULL : opened;
		}
		if (log)
			TRY(copy_log(log, cancel, &bytes));
		if (over)
			return NULL;
		TRY(is_over(s, b->id, &over)); /* what it wrote before that is read once more */
		if (!over && !bytes)
			TRY(nap(cancel));
	}
}

static Err *print_step(Store *s, const StoreBuild *b, uint32_t n, bool titled, const Cancel *cancel)
{
	AUTO_LOG_READER StoreLogReader *log = NULL;
	uint64_t bytes;
	Err *e = store_log_open(s, b->id, n, &log);
	if (e && err_kind(e) == ERR_NOT_FOUND) {
		err_free(e); /* it wrote nothing, or did not run */
		return NULL;
	}
	TRY(e);
	if (titled) {
		AUTO_BUF Buf title = BUF_INIT;
		buf_addf(&title, "==> %u %.*s\n", n + 1, STR_ARG(b->steps[n].title));
		TRY(path_write_what(STDOUT_FILENO, title.ptr, title.len, "the log"));
	}
	return copy_log(log, cancel, &bytes);
}

/* A step that wrote nothing says so: silence might be a lost log. */
static Err *no_log(const StoreBuild *b, uint32_t n)
{
	const StoreStep *step = &b->steps[n];
	if (step->kind != STORE_STEP_RUNS)
		return err_new(ERR_NOT_FOUND, "step %u is no RUN: %.*s", n + 1,
		               STR_ARG(step->title));
	if (step->status == STORE_STEP_HIT)
		return err_note(
			err_new(ERR_NOT_FOUND, "step %u was in the cache: nothing ran", n + 1),
			"its log is with the build that made it: decant builds");
	return NULL;
}

static Err *build_logs(Cli *cli, Store *s, const LogsValues *v, const Arguments *args)
{
	StoreBuild b;
	uint32_t n;
	Cancel *cancel;
	TRY(store_build_find(s, str_from(args->at[0]), cli->arena, &b));
	TRY(cli_cancel(cli, &cancel));
	if (args->count > 1) {
		TRY(store_build_step(&b, str_from(args->at[1]), &n));
		if (v->follow && b.state == STORE_BUILD_RUNNING)
			return follow(s, &b, n, cancel);
		TRY(no_log(&b, n));
		return print_step(s, &b, n, false, cancel);
	}
	if (v->follow && b.state == STORE_BUILD_RUNNING)
		return err_note(cli_usage(cli, "--follow of a build needs a step"),
		                "'decant why %.*s' shows their numbers", STR_ARG(b.id));
	for (n = 0; n < b.step_count; n++)
		TRY(print_step(s, &b, n, true, cancel));
	return NULL;
}

/* --- of a container -------------------------------------------------------------------------- */

static Err *read_moment(Cli *cli, const char *option, const char *text, int64_t *ret_ns)
{
	if (!text || cli_moment(str_from(text), ret_ns))
		return NULL;
	return err_note(cli_usage(cli, "invalid value '%s' for --%s", text, option),
	                CLI_MOMENT_NOTE);
}

static Err *container_logs(Cli *cli, Store *s, const LogsValues *v, const Container *c,
                           const Cancel *cancel)
{
	ContainerLog log = { .follow = v->follow,
		             .timestamps = v->timestamps,
		             .tail = CONTAINER_LOG_ALL,
		             .since_ns = INT64_MIN,
		             .until_ns = INT64_MAX };
	bool all = !v->tail || strcmp(v->tail, "all") == 0 || *v->tail == '-';
	if (!all && !str_to_u64(str_from(v->tail), &log.tail))
		return cli_usage(cli, "invalid value '%s' for --tail: expected a number or all",
		                 v->tail);
	TRY(read_moment(cli, "since", v->since, &log.since_ns));
	TRY(read_moment(cli, "until", v->until, &log.until_ns));
	return container_log(s, c, &log, cancel);
}

/* --- the command ----------------------------------------------------------------------------- */

/* bc/NAME, build/NAME-N; under the name oc a build's name alone. */
static Err *project_logs(Cli *cli, const LogsValues *v, const char *word)
{
	Project p;
	Str build;
	Cancel *cancel = NULL;
	TRY(cli_project(cli, v->project, &p));
	TRY(cli_cancel(cli, &cancel));
	TRY(build_log_find(cli, &p, word, v->version, &build));
	return build_log_print(&p, build, v->follow, cancel);
}

static Err *run_logs(Cli *cli, const void *values, const Arguments *args)
{
	const LogsValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	Container c = { 0 };
	if (args->count == 1 && (resource_is(args->at[0]) || strcmp(cli->program->name, "oc") == 0))
		return project_logs(cli, v, args->at[0]);
	bool of_build = strncmp(cli->called, "history", 7) == 0 || args->count > 1;
	TRY(cli_store_existing(cli, &s));
	if (!s)
		return err_new(ERR_NOT_FOUND, "No such container: %s", args->at[0]);
	TRY(cli_cancel(cli, &cancel));
	Err *e = of_build ? NULL : container_find(s, str_from(args->at[0]), cli->arena, &c);
	if (!of_build && !e)
		return container_logs(cli, s, v, &c, cancel);
	if (e && err_kind(e) != ERR_NOT_FOUND)
		return e;
	Err *none = build_logs(cli, s, v, args);
	if (!none || !e || err_kind(none) != ERR_NOT_FOUND) {
		err_free(e); /* it is a build */
		return none;
	}
	err_free(none); /* neither: a container is what docker would have looked for */
	return e;
}

const Command command_logs = {
	.name = "logs",
	.aliases = "container logs,history logs,buildx history logs",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER | BUILD [STEP] | bc/NAME | build/NAME",
	.help = "Show what a container, or the commands of a build, have written",
	.about = "A container's name goes first. BUILD is an ID of 'decant builds' or its\n"
		 "beginning, \"latest\", ^N, or an image: the last build that was to make it.\n"
		 "STEP is a number that 'decant why' shows, or STAGE/POSITION as in builder/2;\n"
		 "without it the logs of all its steps are shown, each below its title. They\n"
		 "are whole, however long.\n"
		 "\n"
		 "bc/NAME is a build configuration's newest build, build/NAME one build of those\n"
		 "that 'get builds' lists.",
	.options = logs_options,
	.option_count = ARRAY_LEN(logs_options),
	.values_size = sizeof(LogsValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "CONTAINER",
	.run = run_logs,
};
