/* cmd_new_build.c - a git repository's address → a BuildConfig, an image stream, a first build. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/names.h"
#include "cli/new_build.h"
#include "fs/path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

enum { TEXT_BYTES_MAX = 512 << 10 }; /* a Dockerfile that is kept in an object */

#define REFUSED(flag, text)                                                         \
	{                                                                           \
		.name = (flag), .kind = OPTION_REFUSED, .hidden = true, .help = "", \
		.advice = (text)                                                    \
	}

static const Option new_build_options[] = {
	{ .name = "allow-missing-images",
	  .kind = OPTION_FLAG,
	  .help = "Go on if a base image is found neither here nor in its registry",
	  .offset = offsetof(NewBuildValues, missing_images) },
	{ .name = "binary",
	  .kind = OPTION_FLAG,
	  .help = "Each build gets its files with start-build --from-dir, --from-file ...",
	  .offset = offsetof(NewBuildValues, binary) },
	{ .name = "build-arg",
	  .kind = OPTION_LIST,
	  .help = "Value of an ARG: NAME=VALUE",
	  .offset = offsetof(NewBuildValues, build_args) },
	{ .name = "code",
	  .kind = OPTION_TEXT,
	  .help = "The repository, where the arguments do not tell",
	  .offset = offsetof(NewBuildValues, code) },
	{ .name = "context-dir",
	  .kind = OPTION_TEXT,
	  .help = "Folder of the repository that is the build context",
	  .offset = offsetof(NewBuildValues, context_dir) },
	{ .name = "dockerfile",
	  .letter = 'D',
	  .kind = OPTION_TEXT,
	  .help = "Text of a Dockerfile, in place of that of the source; - for standard input",
	  .offset = offsetof(NewBuildValues, dockerfile) },
	{ .name = "dockerfile-path",
	  .kind = OPTION_TEXT,
	  .help = "The Dockerfile's path below the context (default Dockerfile, Containerfile)",
	  .offset = offsetof(NewBuildValues, dockerfile_path) },
	{ .name = "dry-run",
	  .kind = OPTION_FLAG,
	  .help = "Say what would be created, and create nothing",
	  .offset = offsetof(NewBuildValues, dry_run) },
	{ .name = "env",
	  .letter = 'e',
	  .kind = OPTION_LIST,
	  .help = "Variable of the build and the image: NAME=VALUE, an ENV after every FROM",
	  .offset = offsetof(NewBuildValues, env) },
	{ .name = "env-file",
	  .kind = OPTION_LIST,
	  .value = "file",
	  .choices = "FILE",
	  .help = "File with such variables, one a line",
	  .offset = offsetof(NewBuildValues, env_files) },
	{ .name = "labels",
	  .letter = 'l',
	  .kind = OPTION_LIST,
	  .help = "Label of everything that is created: KEY=VALUE (default build=NAME)",
	  .offset = offsetof(NewBuildValues, labels) },
	{ .name = "name",
	  .kind = OPTION_TEXT,
	  .help = "Name of what is created (default that of the repository)",
	  .offset = offsetof(NewBuildValues, name) },
	{ .name = "namespace",
	  .letter = 'n',
	  .kind = OPTION_TEXT,
	  .value = "project",
	  .help = "Project (default the one that 'project' chose)",
	  .offset = offsetof(NewBuildValues, project) },
	{ .name = "no-output",
	  .kind = OPTION_FLAG,
	  .help = "Build, and push nothing",
	  .offset = offsetof(NewBuildValues, no_output) },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .choices = "json,yaml,name",
	  .help = "Print the objects instead of creating them: json, yaml or name",
	  .offset = offsetof(NewBuildValues, output) },
	{ .name = "registry",
	  .kind = OPTION_TEXT,
	  .value = "host[/prefix]",
	  .help = "Registry that results are pushed to (default $DECANT_REGISTRY, else none: they "
	          "stay in the store)",
	  .offset = offsetof(NewBuildValues, registry) },
	{ .name = "strategy",
	  .kind = OPTION_TEXT,
	  .choices = "docker",
	  .help = "How to build: docker, the only one there is",
	  .offset = offsetof(NewBuildValues, strategy) },
	{ .name = "to",
	  .kind = OPTION_TEXT,
	  .help = "Image stream tag of the result: NAME[:TAG] (default that of the name)",
	  .offset = offsetof(NewBuildValues, to) },
	{ .name = "to-docker",
	  .kind = OPTION_FLAG,
	  .help = "Push to the registry that --to names, and have no image stream of the result",
	  .offset = offsetof(NewBuildValues, to_docker) },
	REFUSED("image", "builder images (S2I) are not used: give a repository with a Dockerfile"),
	REFUSED("image-stream",
	        "builder images (S2I) are not used: give a repository with a Dockerfile"),
	REFUSED("docker-image",
	        "builder images (S2I) are not used: give a repository with a Dockerfile"),
	REFUSED("build-secret", "it would be copied into the context: let the Dockerfile mount it "
	                        "with RUN --mount=type=secret"),
	REFUSED("build-config-map", "put the file into the repository"),
	REFUSED("source-secret",
	        "put a token into the environment's GIT_AUTH_TOKEN, or a key into an ssh agent"),
	REFUSED("push-secret", "log in with 'decant login'"),
	REFUSED("source-image", "write COPY --from=IMAGE into the Dockerfile"),
	REFUSED("source-image-path", "write COPY --from=IMAGE into the Dockerfile"),
};

/* --- options ---------------------------------------------------------------------------------- */

static Err *add_pair(Cli *cli, const char *option, Str text, ProjectPairs *ret)
{
	Str name, value = str_cut(text, '=', &name);
	if (!name.len || name.len == text.len)
		return cli_usage(cli, "invalid value '%.*s' for --%s: expected NAME=VALUE",
		                 STR_ARG(text), option);
	project_pair_set(ret, cli->arena, name, value);
	return NULL;
}

static Err *add_pairs(Cli *cli, const char *option, const OptionList *list, ProjectPairs *ret)
{
	for (size_t i = 0; i < list->count; i++)
		TRY(add_pair(cli, option, str_from(list->at[i]), ret));
	return NULL;
}

static Err *add_file(Cli *cli, const char *file, ProjectPairs *ret)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", file);
	TRY(path_read_fd(fd, BUILD_ARGS_BYTES_MAX, file, &text));
	for (Str rest = buf_str(&text), line; rest.len;) {
		rest = str_cut(rest, '\n', &line);
		line = str_trim(line);
		if (line.len && line.ptr[0] != '#')
			TRY_WHILE(add_pair(cli, "env-file", line, ret), "reading '%s'", file);
	}
	return NULL;
}

/* "a=b,c=d", as kubectl reads labels. */
static Err *read_labels(NewBuild *n)
{
	for (size_t i = 0; i < n->values->labels.count; i++) {
		Str rest = str_from(n->values->labels.at[i]), one;
		while (rest.len) {
			rest = str_cut(rest, ',', &one);
			TRY(add_pair(n->cli, "labels", one, &n->labels));
		}
	}
	return NULL;
}

static Err *read_dockerfile(NewBuild *n)
{
	const char *text = n->values->dockerfile;
	AUTO_BUF Buf in = BUF_INIT;
	n->text = STR("");
	if (!text)
		return NULL;
	if (strcmp(text, "-") == 0) {
		TRY(path_read_fd(STDIN_FILENO, TEXT_BYTES_MAX, "standard input", &in));
		n->text = arena_str(n->cli->arena, buf_str(&in));
	} else {
		n->text = str_from(text);
	}
	if (n->text.len > TEXT_BYTES_MAX || !str_trim(n->text).len)
		return cli_usage(n->cli, "the Dockerfile of --dockerfile is %s",
		                 n->text.len > TEXT_BYTES_MAX ? "larger than 512 KiB" : "empty");
	return NULL;
}

static Err *read_options(NewBuild *n)
{
	const NewBuildValues *v = n->values;
	Cli *cli = n->cli;
	if (v->strategy && strcmp(v->strategy, "docker") != 0)
		return err_note(cli_usage(cli, "--strategy %s is not done here", v->strategy),
		                "builds are of Dockerfiles: --strategy docker");
	if (v->no_output && (v->to || v->to_docker))
		return cli_usage(cli, "--no-output and --to cannot be used together");
	if (v->to_docker && !v->to)
		return cli_usage(cli, "--to-docker needs --to, the name in a registry");
	if (v->binary && v->dockerfile_path && v->dockerfile)
		return cli_usage(cli, "--dockerfile and --dockerfile-path cannot be used together");
	TRY(read_dockerfile(n));
	for (size_t i = 0; i < v->env_files.count; i++)
		TRY(add_file(cli, v->env_files.at[i], &n->env));
	TRY(add_pairs(cli, "env", &v->env, &n->env));
	TRY(add_pairs(cli, "build-arg", &v->build_args, &n->args));
	const char *env = getenv("DECANT_REGISTRY");
	n->registry = str_from(v->registry ? v->registry : env ? env : "");
	return read_labels(n);
}

/* --- names ------------------------------------------------------------------------------------ */

static Err *choose_name(NewBuild *n)
{
	const NewBuildValues *v = n->values;
	Arena *a = n->cli->arena;
	Err *e = NULL;
	if (v->name)
		n->name = str_from(v->name);
	else if (n->address.len)
		e = project_name_of_source(a, n->address, &n->name);
	else if (n->local.len)
		e = project_name_of_source(a, path_clean(a, n->local), &n->name);
	else if (v->to)
		e = project_name_of_image(a, str_from(v->to), &n->name);
	else
		e = err_note(err_new(ERR_INPUT, "invalid name: nothing gives one"),
		             "give one with --name");
	if (!e)
		e = project_check_name(n->name, PROJECT_BUILD_MAX);
	n->cli->usage_error |= e != NULL;
	return e;
}

static Err *choose_output(NewBuild *n)
{
	const NewBuildValues *v = n->values;
	Arena *a = n->cli->arena;
	Reference ref;
	n->to_name = n->to_tag = n->to_image = STR("");
	if (v->no_output)
		return NULL;
	if (v->to_docker) {
		TRY(cli_reference(n->cli, v->to, &ref));
		n->to_image = reference_full(a, &ref);
		return NULL;
	}
	Err *e = project_split_tag(a, v->to ? str_from(v->to) : n->name, &n->to_name, &n->to_tag);
	if (!e)
		e = project_check_name(n->to_name, PROJECT_NAME_MAX);
	n->cli->usage_error |= e != NULL;
	return e;
}

/* --- creating --------------------------------------------------------------------------------- */

/* What does not exist yet; false: something did. */
static Err *create_one(NewBuild *n, ProjectKind kind, Str name, Str json, bool *all)
{
	if (kind == PROJECT_BUILD_CONFIG && project_has(&n->project, kind, name)) {
		fprintf(stderr, "    error: %s \"%.*s\" already exists\n", project_kind_many[kind],
		        STR_ARG(name));
		*all = false;
		return NULL;
	}
	bool there = project_has(&n->project, kind, name);
	TRY(project_put(&n->project, kind, name, json));
	printf("    %s \"%.*s\" %s\n", project_kind_one[kind], STR_ARG(name),
	       there ? "configured" : "created");
	return NULL;
}

static Err *create(NewBuild *n, bool *ret_all)
{
	AUTO_LOCK StoreLock lock = STORE_LOCK_NONE;
	AUTO_BUF Buf json = BUF_INIT;
	Str label = n->labels.at[0].key, value = n->labels.at[0].value;
	*ret_all = true;
	printf("--> Creating resources with label %.*s=%.*s ...\n", STR_ARG(label), STR_ARG(value));
	TRY(project_make(&n->project));
	TRY(project_lock(&n->project, n->cancel, &lock));
	for (size_t i = 0; i < n->stream_count; i++) {
		buf_reset(&json);
		stream_write(&n->streams[i], false, &json);
		TRY(create_one(n, PROJECT_STREAM, n->streams[i].meta.name, buf_str(&json),
		               ret_all));
	}
	TRY(project_secret_make(&n->project, n->config.triggers[0].secret));
	buf_reset(&json);
	build_config_write(&n->config, false, &json);
	return create_one(n, PROJECT_BUILD_CONFIG, n->name, buf_str(&json), ret_all);
}

static Err *start_first(NewBuild *n)
{
	const RunnerStart how = { .cause = STR("Build configuration change"),
		                  .first = true,
		                  .commit = STR(""),
		                  .as_file = STR(""),
		                  .text = STR(""),
		                  .input = { STR(""), STR("") } };
	Build build;
	const char *program = n->cli->program->name;
	bool oc = strcmp(program, "oc") == 0;
	printf("--> Success\n");
	if (n->config.spec.source == BUILD_FROM_BINARY) {
		printf("    Build configuration \"%.*s\" created.\n", STR_ARG(n->name));
		return NULL;
	}
	(void)fflush(stdout);
	TRY(runner_start(&n->project, n->name, &how, n->cancel, &build));
	printf("    Build configuration \"%.*s\" created and build triggered.\n"
	       "    Run '%s logs -f %s/%.*s' to stream the build progress.\n",
	       STR_ARG(n->name), program, oc ? "buildconfig" : "bc", STR_ARG(n->name));
	return NULL;
}

static Err *run_new_build(Cli *cli, const void *values, const Arguments *args)
{
	NewBuild n = { .cli = cli, .values = values };
	const NewBuildValues *v = values;
	bool all;
	n.address = n.ref = n.local = n.branch = STR("");
	TRY(read_options(&n));
	TRY(cli_store(cli, &n.store));
	TRY(cli_cancel(cli, &n.cancel));
	TRY(cli_project(cli, v->project, &n.project));
	TRY(new_build_words(&n, args));
	TRY(choose_name(&n));
	TRY(choose_output(&n));
	if (!n.labels.count)
		project_pair_set(&n.labels, cli->arena, STR("build"), n.name);
	TRY(new_build_look(&n));
	TRY(new_build_make(&n));
	if (v->output)
		return new_build_print(&n, v->output);
	new_build_describe(&n);
	if (v->dry_run) {
		printf("--> Success (dry run)\n");
		return NULL;
	}
	TRY(create(&n, &all));
	if (all)
		return start_first(&n);
	printf("--> Failed\n");
	cli->exit_status = 1;
	return NULL;
}

const Command command_new_build = {
	.name = "new-build",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] URL[#REF] | DIRECTORY [NAME=VALUE...]",
	.help = "Remember how to build a repository, and build it for the first time",
	.about = "Looks at the repository's Dockerfile, and creates a build configuration,\n"
		 "an image stream of its name for the results, and one for each base image,\n"
		 "in the project that 'project' chose. The first build starts at once and goes\n"
		 "on by itself: 'logs -f bc/NAME' shows it, 'get builds' lists it, and\n"
		 "'start-build NAME' is the next.\n"
		 "\n"
		 "The result has the name localhost:5000/PROJECT/NAME in the store, or goes to\n"
		 "--registry. Its digests are kept in the stream: 'get istag'.\n"
		 "\n"
		 "A repository that is not public needs GIT_AUTH_TOKEN in the environment, or a\n"
		 "key in an ssh agent, here and at each start-build. What -o yaml prints is for\n"
		 "'oc apply -f -'. docs/new-build.md has all of it.",
	.options = new_build_options,
	.option_count = ARRAY_LEN(new_build_options),
	.values_size = sizeof(NewBuildValues),
	.arguments_max = UINT_MAX,
	.choices = "DIRECTORY",
	.run = run_new_build,
};
