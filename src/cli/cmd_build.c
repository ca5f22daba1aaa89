/* cmd_build.c - the command line of a build → a BuildRequest, and what is shown of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_input.h"
#include "cli/build_report.h"
#include "cli/command.h"
#include "exec/build.h"
#include "export/export.h"
#include "fs/path.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <stdio.h>

typedef struct BuildValues {
	OptionList tags, build_args, labels, outputs;
	const char *file, *target, *progress, *iidfile, *network, *platform, *builder;
	bool no_cache, pull, push, quiet, load, durable;
	bool ignored;
	unsigned jobs;
} BuildValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(BuildValues, member)
/* What docker build has and this does not yet: refused by name, never ignored. */
#define REFUSED(flag)                                              \
	{                                                          \
		.name = (flag), .kind = OPTION_REFUSED, .help = "" \
	}
/* Of docker build, without effect here for good. */
#define IGNORED(flag)                                                                 \
	{                                                                             \
		.name = (flag), .kind = OPTION_FLAG, .hidden = true, STORED(ignored), \
		.help = "Accepted, no effect"                                         \
	}

static const Option build_options[] = {
	{ .name = "build-arg",
	  .kind = OPTION_LIST,
	  STORED(build_args),
	  .help = "Value of an ARG: NAME=VALUE, or NAME to take it from the environment" },
	{ .name = "durable",
	  .kind = OPTION_FLAG,
	  STORED(durable),
	  .help = "Write the image to disk before it is named: it then survives a power cut" },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(file),
	  .help = "Dockerfile (default PATH/Dockerfile); - for standard input" },
	{ .name = "iidfile",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(iidfile),
	  .help = "Write the image ID to this file" },
	{ .name = "jobs",
	  .letter = 'j',
	  .kind = OPTION_NUMBER,
	  STORED(jobs),
	  .help = "Steps that run at once (default 8, more with more than 4 processors)" },
	{ .name = "label",
	  .kind = OPTION_LIST,
	  STORED(labels),
	  .help = "Label of the image: KEY=VALUE" },
	{ .name = "network",
	  .kind = OPTION_TEXT,
	  .choices = "default,none,host",
	  STORED(network),
	  .help = "Network of RUN: default, none or host" },
	{ .name = "no-cache",
	  .kind = OPTION_FLAG,
	  STORED(no_cache),
	  .help = "Run every step again" },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_LIST,
	  .choices = "type=oci,type=docker,type=local,type=tar",
	  STORED(outputs),
	  .help = "Also write the image: DIR, or type=oci|docker|local|tar,dest=PATH" },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  STORED(platform),
	  .help = "Platform of the image (only this machine's)" },
	{ .name = "progress",
	  .kind = OPTION_TEXT,
	  .choices = "auto,plain,tty,json,quiet",
	  STORED(progress),
	  .help = "How to show progress: auto, plain, tty, json or quiet" },
	{ .name = "pull",
	  .kind = OPTION_FLAG,
	  STORED(pull),
	  .help = "Ask the registry for newer base images" },
	{ .name = "push",
	  .kind = OPTION_FLAG,
	  STORED(push),
	  .help = "Also send the image to the registries of its names" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  STORED(quiet),
	  .help = "Print only the image ID" },
	{ .name = "tag",
	  .letter = 't',
	  .kind = OPTION_LIST,
	  .choices = "IMAGE",
	  STORED(tags),
	  .help = "Name of the image: NAME[:TAG]" },
	{ .name = "target",
	  .kind = OPTION_TEXT,
	  .value = "stage",
	  STORED(target),
	  .help = "Build this stage (default the last)" },
	{ .name = "load",
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  STORED(load),
	  .help = "Always done" },
	{ .name = "builder",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(builder),
	  .help = "Accepted, no effect" },
	IGNORED("rm"),
	IGNORED("force-rm"),
	IGNORED("compress"),
	REFUSED("add-host"),
	REFUSED("allow"),
	REFUSED("annotation"),
	REFUSED("attest"),
	REFUSED("build-context"),
	REFUSED("cache-from"),
	REFUSED("cache-to"),
	REFUSED("call"),
	REFUSED("cgroup-parent"),
	REFUSED("check"),
	REFUSED("isolation"),
	REFUSED("metadata-file"),
	REFUSED("memory"),
	REFUSED("no-cache-filter"),
	REFUSED("policy"),
	REFUSED("provenance"),
	REFUSED("resource"),
	REFUSED("sbom"),
	REFUSED("secret"),
	REFUSED("security-opt"),
	REFUSED("shm-size"),
	REFUSED("squash"),
	REFUSED("ssh"),
	REFUSED("ulimit"),
};

/* --- the request ------------------------------------------------------------------------------ */

/* --build-arg, and SOURCE_DATE_EPOCH of the environment, which a flag overrides. */
static void set_args(Arena *a, const BuildValues *v, BuildRequest *r)
{
	static const char epoch_name[] = "SOURCE_DATE_EPOCH";
	PlanArg *args = arena_alloc(a, (v->build_args.count + 1) * sizeof *args, _Alignof(PlanArg));
	const char *epoch = getenv(epoch_name);
	size_t count = 0;
	if (epoch && *epoch)
		args[count++] = (PlanArg){ str_from(epoch_name), str_from(epoch) };
	for (size_t i = 0; i < v->build_args.count; i++) {
		Str name;
		const char *text = v->build_args.at[i];
		(void)str_cut(str_from(text), '=', &name);
		const char *value =
			text[name.len] ? text + name.len + 1 : getenv(arena_str(a, name).ptr);
		if (!value)
			continue; /* NAME that is not in the environment: as if not given (docker)
			           */
		size_t at = 0;
		while (at < count && !str_eq(args[at].name, name))
			at++;
		args[at] = (PlanArg){ name, str_from(value) };
		count += at == count;
	}
	r->args = args;
	r->arg_count = count;
}

static void set_labels(Arena *a, const BuildValues *v, BuildRequest *r)
{
	Label *labels = arena_alloc(a, (v->labels.count + 1) * sizeof *labels, _Alignof(Label));
	for (size_t i = 0; i < v->labels.count; i++) {
		Str text = str_from(v->labels.at[i]);
		labels[i].value = str_cut(text, '=', &labels[i].key);
	}
	r->labels = labels;
	r->label_count = v->labels.count;
}

static Err *set_tags(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	Reference *tags =
		arena_alloc(cli->arena, (v->tags.count + 1) * sizeof *tags, _Alignof(Reference));
	for (size_t i = 0; i < v->tags.count; i++) {
		Err *e = reference_parse(cli->arena, str_from(v->tags.at[i]), &tags[i]);
		if (e) {
			cli->usage_error = true;
			return err_while(e, "reading --tag '%s'", v->tags.at[i]);
		}
		if (tags[i].has_digest)
			return cli_usage(cli,
			                 "invalid tag '%s': a name with a digest cannot be given",
			                 v->tags.at[i]);
	}
	r->tags = tags;
	r->tag_count = v->tags.count;
	return NULL;
}

static Err *set_platform(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	r->platform = platform_host();
	if (!v->platform || !*v->platform)
		return NULL;
	if (strchr(v->platform, ','))
		return cli_usage(cli, "several platforms are not supported yet: --platform %s",
		                 v->platform);
	Platform host = r->platform;
	Err *e = platform_parse(cli->arena, str_from(v->platform), &r->platform);
	if (!e && !platform_fit(&host, &r->platform))
		e = err_new(ERR_INPUT,
		            "this machine builds for %s only: --platform %s is not supported yet",
		            platform_text(cli->arena, &host).ptr, v->platform);
	cli->usage_error = e;
	return e;
}

static Err *make_request(Cli *cli, const BuildValues *v, BuildRequest *r)
{
	static const char *const networks[] = { "default", "none", "host" };
	bool known = !v->network;
	for (size_t i = 0; i < ARRAY_LEN(networks) && !known; i++)
		known = strcmp(v->network, networks[i]) == 0;
	if (!known)
		return err_note(cli_usage(cli, "unknown network: '%s'", v->network),
		                "one of default, none, host");
	*r = (BuildRequest){
		.target = str_from(v->target ? v->target : ""),
		.network = str_from(v->network ? v->network : ""),
		.no_cache = v->no_cache,
		.pull = v->pull,
		.jobs = v->jobs,
		.context_fd = -1,
	};
	set_args(cli->arena, v, r);
	set_labels(cli->arena, v, r);
	TRY(set_tags(cli, v, r));
	return set_platform(cli, v, r);
}

typedef struct Outputs {
	OutputSpec *at;
	size_t count;
} Outputs;

static Err *parse_output(Cli *cli, const char *text, Outputs *outputs)
{
	OutputSpec *spec = &outputs->at[outputs->count++];
	Err *e = export_parse_output(cli->arena, str_from(text), spec);
	if (e) {
		cli->usage_error = true;
		return err_while(e, "reading --output '%s'", text);
	}
	if (str_eqc(spec->dest, "-") && isatty(STDOUT_FILENO))
		return err_note(cli_usage(cli, "refusing to write an archive to a terminal"),
		                "give dest=FILE, or redirect standard output");
	return NULL;
}

/* --output, and --push, which is one more of them. */
static Err *parse_outputs(Cli *cli, const BuildValues *v, Outputs *ret)
{
	Outputs outputs = { .at = arena_alloc(cli->arena, (v->outputs.count + 1) * sizeof *ret->at,
		                              _Alignof(OutputSpec)) };
	for (size_t i = 0; i < v->outputs.count; i++)
		TRY(parse_output(cli, v->outputs.at[i], &outputs));
	if (v->push && !v->tags.count)
		return err_note(cli_usage(cli, "--push needs a name for the image"),
		                "give one with --tag");
	if (v->push)
		TRY(parse_output(cli, "type=registry", &outputs));
	*ret = outputs;
	return NULL;
}

/* --- results ---------------------------------------------------------------------------------- */

static Err *write_id(const char *file, Str id)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(errno, "cannot create '%s'", file);
	return path_write_all(fd, id.ptr, id.len, file);
}

static Err *export_all(Cli *cli, const BuildRequest *r, const BuildResult *result,
                       const Outputs *outputs)
{
	ExportImage image = { .name_count = r->tag_count };
	if (!outputs->count)
		return NULL;
	/* A build that found everything has not entered: but layers may be directories, and files
	 * in them belong to owners that only the namespace may read.  No thread runs then. */
	TRY(sandbox_enter());
	TRY(store_reopen(r->store));
	Str *names = arena_alloc(cli->arena, (r->tag_count + 1) * sizeof *names, _Alignof(Str));
	for (size_t i = 0; i < r->tag_count; i++)
		names[i] = reference_full(cli->arena, &r->tags[i]);
	image.names = names;
	TRY(image_read(r->store, &result->image_id, cli->arena, &image.image));
	for (size_t i = 0; i < outputs->count; i++)
		TRY_WHILE(export_run(r->store, &outputs->at[i], &image, 1, r->progress, r->cancel),
		          "writing the output of type '%.*s'", STR_ARG(outputs->at[i].type));
	return NULL;
}

/* The lines of BuildKit's last step, which scripts look for. */
static void report_names(Arena *a, const BuildRequest *r, Str id)
{
	unsigned line = progress_begin(r->progress, STR(""), "exporting to image");
	progress_note(r->progress, line, "writing image %s done", id.ptr);
	for (size_t i = 0; i < r->tag_count; i++)
		progress_note(r->progress, line, "naming to %s done",
		              reference_full(a, &r->tags[i]).ptr);
	progress_end(r->progress, line, PROGRESS_DONE, STR(""));
}

static void report_end(Cli *cli, Ui *ui, const BuildValues *v, const BuildRequest *r,
                       const BuildResult *result)
{
	Arena *a = cli->arena;
	Str id = digest_arena_text(a, &result->image_id);
	Str name = r->tag_count ? reference_familiar(a, &r->tags[0])
	                        : str_head(str_from_at(id, 7), 12);
	ui_finish(ui);
	for (size_t i = 0; i < result->warning_count; i++)
		ui_say(ui, "warning: %.*s", STR_ARG(result->warnings[i]));
	build_report_sizes(ui, a, result, name);
	if (v->quiet)
		printf("%s\n", id.ptr);
}

static void on_entered(void *ui)
{
	ui_start(ui);
}

static Err *build(Cli *cli, const BuildValues *v, BuildRequest *r, const Outputs *outputs,
                  BuildResult *result)
{
	TRY(build_image(cli->arena, r, result));
	Str id = digest_arena_text(cli->arena, &result->image_id);
	report_names(cli->arena, r, id);
	TRY(export_all(cli, r, result, outputs));
	return v->iidfile ? write_id(v->iidfile, id) : NULL;
}

static const char *style_of(const BuildValues *v)
{
	const char *usual = getenv("BUILDKIT_PROGRESS");
	if (v->quiet)
		return "quiet";
	if (v->progress)
		return v->progress;
	return usual && *usual ? usual : "auto";
}

static Err *run_build(Cli *cli, const void *values, const Arguments *args)
{
	const BuildValues *v = values;
	AUTO_BUILD_INPUT BuildInput input = { .context_fd = -1 };
	AUTO_UI Ui *ui = NULL;
	BuildRequest r;
	BuildResult result = { 0 };
	Outputs outputs = { 0 };
	TRY(make_request(cli, v, &r));
	TRY(parse_outputs(cli, v, &outputs));
	Err *e = ui_open(style_of(v), stderr, &ui);
	if (e) {
		cli->usage_error = true;
		return e;
	}
	TRY(build_input_open(cli->arena, args->at[0], v->file, &input));
	TRY(cli_store(cli, &r.store));
	store_set_durable(r.store, v->durable);
	TRY(cli_cancel(cli, &r.cancel));
	r.dockerfile = &input.dockerfile;
	r.ignore = input.has_ignore ? &input.ignore : NULL;
	r.context_fd = input.context_fd;
	r.context_path = input.context_path;
	r.progress = ui_progress(ui);
	r.entered = on_entered;
	r.entered_context = ui;
	cli_watch_ui(ui);
	e = build(cli, v, &r, &outputs, &result);
	if (!e) {
		report_end(cli, ui, v, &r, &result);
	} else if (err_kind(e) != ERR_CANCELLED) {
		ui_finish(ui);
		e = cli_advise(cli, e);
		build_report_failure(ui, cli->arena, &result, e);
		if (cli->debug)
			cli_print_debug(e);
		cli->exit_status = cli_status_of(e);
		err_free(e); /* printed */
		e = NULL;
	}
	ui_finish(ui);
	cli_watch_ui(NULL);
	return e;
}

const Command command_build = {
	.name = "build",
	.aliases = "image build,builder build,buildx build",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] PATH | -",
	.help = "Build an image from a Dockerfile",
	.about = "PATH is the build context: the directory that COPY and ADD take files from. With "
		 "- the Dockerfile\n"
		 "is read from standard input and the context is empty.\n\n"
		 "The environment's SOURCE_DATE_EPOCH is handed to the build: later file times and "
		 "the image's\n"
		 "creation time become it, so that equal inputs give equal images.",
	.options = build_options,
	.option_count = ARRAY_LEN(build_options),
	.values_size = sizeof(BuildValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "DIRECTORY",
	.run = run_build,
};
