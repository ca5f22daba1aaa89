/* build_run.c - a build from the command line: its outputs, and what is shown of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_cache.h"
#include "cli/build_debug.h"
#include "cli/build_opened.h"
#include "cli/build_outputs.h"
#include "cli/build_report.h"
#include "cli/build_send.h"
#include "cli/names.h"
#include "sandbox/sandbox.h"

#include <stdio.h>

/* The lines of BuildKit's last step, which scripts look for. */
static void report_names(Arena *a, const BuildRequest *r, const BuildResult *result)
{
	if (r->cache_only)
		return;
	unsigned line = progress_begin(r->progress, STR(""), "exporting to image");
	for (size_t i = 0; i < result->target_count; i++) {
		const BuildTarget *t = &result->targets[i];
		for (size_t k = 0; k < t->image_count; k++)
			progress_note(r->progress, line, "writing image %s done",
			              digest_arena_text(a, &t->images[k].image_id).ptr);
		for (size_t k = 0; k < t->tag_count; k++)
			progress_note(r->progress, line, "naming to %s done",
			              reference_full(a, &t->tags[k]).ptr);
	}
	progress_end(r->progress, line, PROGRESS_DONE, STR(""));
}

static const char *style_of(const BuildValues *v, const BuildCall *call)
{
	const char *usual = getenv("BUILDKIT_PROGRESS");
	if (v->quiet)
		return "quiet";
	if (v->progress)
		return v->progress;
	if (call) /* the answer is all that is wanted */
		return "quiet";
	return usual && *usual ? usual : "auto";
}

static void report_end(Cli *cli, Ui *ui, const BuildValues *v, const BuildResult *result,
                       const BuildOutputs *outputs)
{
	ui_finish(ui);
	for (size_t i = 0; i < v->without_effect.count; i++)
		ui_say(ui, "warning: %s", v->without_effect.at[i]);
	for (size_t i = 0; i < result->warning_count; i++)
		ui_say(ui, "warning: %.*s", STR_ARG(result->warnings[i]));
	build_report_warnings(ui, cli->arena, result, cli->debug);
	build_report_sizes(ui, cli->arena, result);
	if (strcmp(style_of(v, NULL), "quiet") == 0 && !build_outputs_take_stdout(outputs))
		printf("%s\n", build_metadata_ids(cli->arena, result).ptr);
}

/* E is taken. */
static void report_failure(Cli *cli, Ui *ui, const BuildResult *result, Err *e)
{
	ui_finish(ui);
	e = cli_advise(cli, e);
	build_report_warnings(ui, cli->arena, result, cli->debug);
	build_report_failure(ui, cli->arena, result, e);
	if (cli->debug)
		cli_print_debug(e);
	cli->exit_status = cli_status_of(cli, e);
	err_free(e);
}

typedef struct Started {
	Ui *ui;
	bool may_debug;
} Started;

static void on_entered(void *context)
{
	const Started *s = context;
	if (s->may_debug)
		build_debug_entered();
	ui_start(s->ui);
}

static Err *export_caches(const BuildCaches *caches, const BuildRequest *r,
                          const BuildResult *result)
{
	if (!caches->to.count)
		return NULL;
	TRY(sandbox_enter()); /* as for outputs: layers may be directories */
	TRY(store_reopen(r->store));
	return build_cache_export(caches, r, result);
}

static Err *put_out(Cli *cli, const BuildValues *v, const BuildRequest *r, BuildOutputs *outputs,
                    const BuildCaches *caches, Engine *engine, const BuildResult *result)
{
	TRY(build_outputs_run(cli, r, result, outputs));
	TRY(build_send_run(cli, engine, r, result));
	TRY(build_metadata_write(cli, v, result, outputs));
	return export_caches(caches, r, result);
}

static Err *build(Cli *cli, const BuildValues *v, BuildRequest *r, BuildOutputs *outputs,
                  const BuildCaches *caches, BuildResult *result)
{
	AUTO_CACHE_SOURCES CacheSources *cached = NULL;
	AUTO_ENGINE Engine *engine = NULL;
	TRY(build_outputs_begin(v));
	TRY(build_send_open(cli, v, &engine));
	TRY(build_cache_open(caches, r, &cached));
	TRY(build_image(cli->arena, r, result));
	report_names(cli->arena, r, result);
	Err *e = put_out(cli, v, r, outputs, caches, engine, result);
	if (e)
		build_amend(r, result, e);
	return e;
}

/* --- what is built ---------------------------------------------------------------------------- */

/* The argument, or kaniko's --context with its schemes. */
static Err *find_context(Cli *cli, const BuildValues *v, const Arguments *args, const char **ret)
{
	static const char dir[] = "dir://", tar[] = "tar://";
	const char *c = v->context;
	if (!args->count && !c)
		c = cli->program->context;
	if (args->count && c)
		return cli_usage(cli, "--context and the argument '%s' exclude each other",
		                 args->at[0]);
	if (!args->count && !c)
		return cli_usage(cli, "'%s %s' requires at least 1 argument", cli->program->name,
		                 cli->called);
	if (!c) {
		*ret = args->at[0];
		return NULL;
	}
	bool is_tar = strncmp(c, tar, sizeof tar - 1) == 0;
	if (is_tar && strcmp(c + sizeof tar - 1, "stdin") != 0)
		return err_note(cli_usage(cli, "--context '%s' is not supported", c),
		                "give the archive on standard input: decant build - < FILE");
	if (strncmp(c, "s3://", 5) == 0 || strncmp(c, "gs://", 5) == 0)
		return err_note(cli_usage(cli, "--context '%s' is not supported", c),
		                "fetch the archive and give it on standard input, or give a URL "
		                "that https serves");
	*ret = is_tar ? "-" : strncmp(c, dir, sizeof dir - 1) == 0 ? c + sizeof dir - 1 : c;
	return NULL;
}

/* kaniko's --dockerfile may be below its --context as well as here. */
static const char *find_file(Cli *cli, const BuildValues *v, const char *context)
{
	bool from_here = !v->context || !v->file || build_input_is_url(v->file) ||
	                 strcmp(v->file, "-") == 0 || v->file[0] == '/' ||
	                 access(v->file, F_OK) == 0;
	const char *below =
		from_here ? NULL : arena_strf(cli->arena, "%s/%s", context, v->file).ptr;
	return below && access(below, F_OK) == 0 ? below : v->file;
}

Err *build_opened_open(Cli *cli, const BuildValues *v, const Arguments *args, const BuildCall *call,
                       BuildOpened *o)
{
	BuildRequest *r = &o->request;
	const char *context = NULL;
	TRY(find_context(cli, v, args, &context));
	BuildInputNames names = { .context = context,
		                  .file = find_file(cli, v, context),
		                  .ignore_file = v->ignore_file };
	if (build_input_is_url(v->file)) {
		TRY(cli_cancel(cli, &r->cancel));
		names.cancel = r->cancel;
	}
	TRY(build_input_open(cli->arena, &names, &o->input));
	TRY(build_contexts_open(cli, &v->contexts, &o->contexts));
	if (!call || o->input.is_inside) {
		TRY(cli_store(cli, &r->store));
		store_set_durable(r->store, v->durable);
	} else if (build_call_needs_store(call)) {
		TRY(cli_store_existing(cli, &r->store)); /* who only looks makes none */
	}
	TRY(cli_cancel(cli, &r->cancel));
	o->archive = (BuildArchive){ o->input.archive_head, STDIN_FILENO };
	r->dockerfile = o->input.is_inside ? NULL : &o->input.dockerfile;
	r->file = o->input.inside;
	r->remote = o->input.is_remote ? &o->input.remote : NULL;
	r->archive = o->input.is_archive ? &o->archive : NULL;
	r->ignore = o->input.has_ignore ? &o->input.ignore : NULL;
	r->context_fd = o->input.context_fd;
	r->context_path = o->input.context_path;
	r->contexts = o->contexts.at;
	r->context_count = o->contexts.count;
	r->directories = o->contexts.directories;
	r->directory_count = o->contexts.directory_count;
	return NULL;
}

void build_opened_close(BuildOpened *o)
{
	build_contexts_close(&o->contexts);
	build_input_close(&o->input);
}

/* The Dockerfile as an editor can open it; NULL: it came from elsewhere. */
static const char *editable(const BuildOpened *o, const BuildValues *v)
{
	bool is_file = o->request.dockerfile && !build_input_is_url(v->file);
	const char *name = is_file ? o->request.dockerfile->name : NULL;
	return name && access(name, W_OK) == 0 ? name : NULL;
}

/* *ret_again: the user has changed the Dockerfile, and wants it built. */
static Err *build_once(Cli *cli, const BuildValues *v, const Arguments *args, const BuildCall *call,
                       bool *ret_again)
{
	AUTO_BUILD_OPENED BuildOpened opened = { .input = { .context_fd = -1 } };
	AUTO_UI Ui *ui = NULL;
	BuildRequest *r = &opened.request;
	BuildResult result = { 0 };
	BuildOutputs outputs = { 0 };
	BuildCaches caches = { 0 };
	BuildDebugger debugger;
	*ret_again = false;
	TRY(build_request_make(cli, v, r));
	TRY(build_cache_make(cli, v, r, &caches));
	TRY(build_outputs_parse(cli, v, r, &outputs));
	r->wants_provenance = build_metadata_wants_provenance(v);
	Err *e = ui_open(style_of(v, call), stderr, &ui);
	if (e) {
		cli->usage_error = true;
		return e;
	}
	TRY(build_opened_open(cli, v, args, call, &opened));
	r->progress = ui_progress(ui);
	Started started = { ui, v->shell_on_error };
	r->entered = on_entered;
	r->entered_context = &started;
	build_debug_init(&debugger, ui, r->cancel, editable(&opened, v));
	r->debug = v->shell_on_error ? &debugger.calls : NULL;
	cli_watch_ui(ui);
	if (call) {
		e = build_call_run(cli, call, r, ui);
	} else {
		e = build(cli, v, r, &outputs, &caches, &result);
		*ret_again = e && result.again;
		if (*ret_again)
			err_free(TAKE_PTR(e));
		else if (!e)
			report_end(cli, ui, v, &result, &outputs);
		else if (err_kind(e) != ERR_CANCELLED)
			report_failure(cli, ui, &result, TAKE_PTR(e));
	}
	ui_finish(ui);
	cli_watch_ui(NULL);
	return e;
}

Err *build_run_command(Cli *cli, const void *values, const Arguments *args)
{
	const BuildValues *v = values;
	const BuildCall *call;
	bool again;
	TRY(build_call_parse(cli, v, &call));
	if (v->shell_on_error && !call)
		TRY(build_debug_check(cli));
	/* Each time all is read anew; what was made before is in the cache. */
	do
		TRY(build_once(cli, v, args, call, &again));
	while (again);
	return NULL;
}
