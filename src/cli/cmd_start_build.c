/* cmd_start_build.c - another build of a BuildConfig. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/names.h"
#include "cli/resource.h"
#include "fs/path.h"
#include "runner/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct StartBuildValues {
	const char *commit, *from_build, *from_dir, *from_archive, *from_file, *output, *project;
	bool follow, wait, no_cache;
	OptionList env, build_args;
} StartBuildValues;

static const Option start_build_options[] = {
	{ .name = "build-arg",
	  .kind = OPTION_LIST,
	  .help = "Value of an ARG: NAME=VALUE",
	  .offset = offsetof(StartBuildValues, build_args) },
	{ .name = "commit",
	  .kind = OPTION_TEXT,
	  .help = "Commit, branch or tag that is built, in place of the configuration's",
	  .offset = offsetof(StartBuildValues, commit) },
	{ .name = "env",
	  .letter = 'e',
	  .kind = OPTION_LIST,
	  .help = "Variable of the build and the image: NAME=VALUE",
	  .offset = offsetof(StartBuildValues, env) },
	{ .name = "follow",
	  .letter = 'F',
	  .kind = OPTION_FLAG,
	  .help = "Show its log until it ends, and end as it does",
	  .offset = offsetof(StartBuildValues, follow) },
	{ .name = "from-archive",
	  .kind = OPTION_TEXT,
	  .value = "file",
	  .choices = "FILE",
	  .help = "Archive of the files that are built",
	  .offset = offsetof(StartBuildValues, from_archive) },
	{ .name = "from-build",
	  .kind = OPTION_TEXT,
	  .help = "Build once more what this build was of",
	  .offset = offsetof(StartBuildValues, from_build) },
	{ .name = "from-dir",
	  .kind = OPTION_TEXT,
	  .value = "dir",
	  .choices = "DIRECTORY",
	  .help = "Directory that is built; it is read where it is, while the build runs",
	  .offset = offsetof(StartBuildValues, from_dir) },
	{ .name = "from-file",
	  .kind = OPTION_TEXT,
	  .value = "file",
	  .choices = "FILE",
	  .help = "The only file of the build, as a Dockerfile that needs no other",
	  .offset = offsetof(StartBuildValues, from_file) },
	RESOURCE_NAMESPACE(StartBuildValues, project),
	{ .name = "no-cache",
	  .kind = OPTION_FLAG,
	  .help = "Run every step again",
	  .offset = offsetof(StartBuildValues, no_cache) },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "name",
	  .help = "name: print the new build's name alone",
	  .offset = offsetof(StartBuildValues, output) },
	{ .name = "wait",
	  .letter = 'w',
	  .kind = OPTION_FLAG,
	  .help = "Wait until it ends, and end as it does",
	  .offset = offsetof(StartBuildValues, wait) },
	{ .name = "from-repo",
	  .kind = OPTION_REFUSED,
	  .hidden = true,
	  .help = "",
	  .advice =
	          "write the commit's files into an archive (git archive -o FILE COMMIT), and give "
	          "--from-archive FILE" },
	{ .name = "incremental",
	  .kind = OPTION_REFUSED,
	  .hidden = true,
	  .help = "",
	  .advice = "it is of builds without a Dockerfile (S2I); steps are cached anyway" },
};

/* --- what is built ---------------------------------------------------------------------------- */

static Err *add_pairs(Cli *cli, const char *option, const OptionList *list, ProjectPairs *ret)
{
	for (size_t i = 0; i < list->count; i++) {
		Str text = str_from(list->at[i]), name;
		Str value = str_cut(text, '=', &name);
		if (!name.len || name.len == text.len)
			return cli_usage(cli, "invalid value '%s' for --%s: expected NAME=VALUE",
			                 list->at[i], option);
		project_pair_set(ret, cli->arena, name, value);
	}
	return NULL;
}

/* The path from the root on: the build does not run where we are. */
static Err *absolute(Arena *a, const char *path, Str *ret)
{
	AUTO_FREE char *real = realpath(path, NULL); /* NOLINT: what the user named */
	if (!real)
		return err_sys(errno, "cannot open '%s'", path);
	*ret = arena_str(a, str_from(real));
	return NULL;
}

static Err *check_kind(const char *path, bool directory)
{
	struct stat st;
	if (fstatat(AT_FDCWD, path, &st, 0) < 0)
		return err_sys(errno, "cannot open '%s'", path);
	if (directory != !!S_ISDIR(st.st_mode))
		return err_new(ERR_INPUT, "'%s' is %s", path,
		               directory ? "no directory" : "a directory");
	return NULL;
}

static Err *use_file(Cli *cli, const char *path, RunnerStart *how)
{
	AUTO_BUF Buf text = BUF_INIT;
	enum { FILE_BYTES_MAX = 512 << 10 };
	TRY(check_kind(path, false));
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", path);
	TRY(path_read_fd(fd, FILE_BYTES_MAX, path, &text));
	how->text = arena_str(cli->arena, buf_str(&text));
	const char *slash = strrchr(path, '/');
	how->as_file = str_from(slash ? slash + 1 : path);
	return NULL;
}

static Err *read_input(Cli *cli, const StartBuildValues *v, RunnerStart *how)
{
	const char *const given[] = { v->from_dir, v->from_archive, v->from_file };
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_LEN(given); i++)
		count += given[i] != NULL;
	if (count > 1)
		return cli_usage(cli, "only one of --from-file, --from-archive or "
		                      "--from-dir may be specified");
	how->binary = count == 1;
	if (v->from_dir) {
		TRY(check_kind(v->from_dir, true));
		TRY(absolute(cli->arena, v->from_dir, &how->input.dir));
		fprintf(stderr, "Uploading directory \"%s\" as binary input for the build ...\n",
		        v->from_dir);
	} else if (v->from_archive) {
		TRY(check_kind(v->from_archive, false));
		TRY(absolute(cli->arena, v->from_archive, &how->input.archive));
		fprintf(stderr, "Uploading archive file \"%s\" as binary input for the build ...\n",
		        v->from_archive);
	} else if (v->from_file) {
		TRY(use_file(cli, v->from_file, how));
		fprintf(stderr, "Uploading file \"%s\" as binary input for the build ...\n",
		        v->from_file);
	}
	return NULL;
}

/* --- the command ------------------------------------------------------------------------------ */

static Err *config_of(Cli *cli, const Project *p, const StartBuildValues *v, const Arguments *args,
                      Str *ret, Str *ret_commit)
{
	Build b;
	Str name;
	if ((args->count == 1) == (v->from_build != NULL))
		return cli_usage(cli, "give the name of a build configuration, or a build with "
		                      "--from-build");
	if (!v->from_build)
		return resource_name(cli, args->at[0], RESOURCE_BUILD_CONFIG, ret);
	TRY(resource_name(cli, v->from_build, RESOURCE_BUILD, &name));
	TRY(project_get_build(p, name, &b));
	*ret = b.config;
	if (b.spec.source == BUILD_FROM_GIT)
		*ret_commit = b.commit;
	return NULL;
}

/* Its status is that of the build. */
static Err *end_with(Cli *cli, const Project *p, const Build *started, bool follow)
{
	Build b;
	Cancel *cancel;
	TRY(cli_cancel(cli, &cancel));
	(void)fflush(stdout);
	if (follow)
		TRY(build_log_print(p, started->meta.name, true, cancel));
	TRY(build_wait_over(p, started->meta.name, cancel, &b));
	if (b.phase == BUILD_COMPLETE)
		return NULL;
	return err_new(ERR_RUN, "the build %.*s/%.*s status is \"%s\"", STR_ARG(p->name),
	               STR_ARG(b.meta.name), build_phases[b.phase]);
}

static Err *run_start_build(Cli *cli, const void *values, const Arguments *args)
{
	const StartBuildValues *v = values;
	const Str none = STR("");
	RunnerStart how = { .cause = STR("Manually triggered"),
		            .commit = str_from(v->commit ? v->commit : ""),
		            .no_cache = v->no_cache,
		            .as_file = none,
		            .text = none,
		            .input = { none, none } };
	Project p;
	Build b;
	Str config;
	Cancel *cancel;
	if (v->output && strcmp(v->output, "name") != 0)
		return cli_usage(cli, "invalid value '%s' for --output: expected name", v->output);
	TRY(cli_project(cli, v->project, &p));
	TRY(cli_cancel(cli, &cancel));
	TRY(config_of(cli, &p, v, args, &config, &how.commit));
	TRY(add_pairs(cli, "env", &v->env, &how.env));
	TRY(add_pairs(cli, "build-arg", &v->build_args, &how.args));
	TRY(read_input(cli, v, &how));
	TRY(runner_start(&p, config, &how, cancel, &b));
	printf("%s/%.*s%s\n", project_kind_one[PROJECT_BUILD], STR_ARG(b.meta.name),
	       v->output ? "" : " started");
	return v->follow || v->wait ? end_with(cli, &p, &b, v->follow) : NULL;
}

const Command command_start_build = {
	.name = "start-build",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] BUILDCONFIG | --from-build=BUILD",
	.help = "Start a build of a build configuration",
	.about = "It goes on by itself; with -F its log is shown, and with -F or -w the\n"
		 "command ends as the build does: status 1 if it did not complete.",
	.options = start_build_options,
	.option_count = ARRAY_LEN(start_build_options),
	.values_size = sizeof(StartBuildValues),
	.arguments_max = 1,
	.run = run_start_build,
};
