/* cmd_hook.c - a push into a repository of this machine starts builds: git's post-receive hook. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/streams.h"
#include "fs/path.h"
#include "hook/hook.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

/* By this line a hook is known to be ours. */
#define MARK "# written by 'hook install': a push starts builds"

enum { HOOK_INPUT_BYTES_MAX = 4 << 20, HOOK_FILE_BYTES_MAX = 64 << 10 };

typedef struct HookValues {
	const char *project;
	bool follow;
} HookValues;

static const Option hook_options[] = {
	{ .name = "follow",
	  .letter = 'F',
	  .kind = OPTION_FLAG,
	  .help = "Show the build's log to who pushes, until it ends",
	  .offset = offsetof(HookValues, follow) },
	RESOURCE_NAMESPACE(HookValues, project),
};

/* PROJECT/NAME or NAME. */
static Err *find_config(Cli *cli, const char *project, const char *word, Project *ret,
                        Str *ret_name)
{
	Str first, rest = str_cut(str_from(word), '/', &first);
	*ret_name = rest.len ? rest : first;
	return cli_project(cli, rest.len ? arena_str(cli->arena, first).ptr : project, ret);
}

/* --- a push ----------------------------------------------------------------------------------- */

static Err *read_push(Cli *cli, HookEvent *ret)
{
	AUTO_BUF Buf input = BUF_INIT;
	Str line;
	TRY(path_read_fd(STDIN_FILENO, HOOK_INPUT_BYTES_MAX, "standard input", &input));
	*ret = (HookEvent){ .branch = STR("") };
	ret->changes = arena_alloc(cli->arena, HOOK_CHANGES_MAX * sizeof *ret->changes,
	                           _Alignof(HookChange));
	for (Str rest = buf_str(&input); rest.len;) {
		rest = str_cut(rest, '\n', &line);
		if (!line.len)
			continue;
		if (ret->count == HOOK_CHANGES_MAX)
			return err_new(ERR_INPUT,
			               "a push that moves more than %d refs starts no builds",
			               HOOK_CHANGES_MAX);
		TRY(hook_read_line(line, cli->arena, &ret->changes[ret->count++]));
	}
	return NULL;
}

static Err *start(Cli *cli, const HookValues *v, const Project *p, Str name, const HookChange *c)
{
	const Str none = STR("");
	const RunnerStart how = { .cause = STR("Git push"),
		                  .by = { .kind = BUILD_ON_GENERIC,
		                          .commit = c->commit,
		                          .author = none,
		                          .message = none },
		                  .commit = c->commit,
		                  .author = none,
		                  .message = none,
		                  .as_file = none,
		                  .text = none,
		                  .input = { none, none } };
	Build b;
	Cancel *cancel;
	TRY(cli_cancel(cli, &cancel));
	TRY(runner_start(p, name, &how, cancel, &b));
	printf("%s/%.*s started: %.*s at %.7s\n", project_kind_one[PROJECT_BUILD],
	       STR_ARG(b.meta.name), STR_ARG(c->ref), c->commit.ptr);
	if (!v->follow) {
		printf("its log: decant logs -f -n %.*s build/%.*s\n", STR_ARG(p->name),
		       STR_ARG(b.meta.name));
		return NULL;
	}
	(void)fflush(stdout);
	TRY(build_log_print(p, b.meta.name, true, cancel));
	TRY(build_wait_over(p, b.meta.name, cancel, &b));
	return b.phase == BUILD_COMPLETE
	               ? NULL
	               : err_new(ERR_RUN, "the build %.*s/%.*s status is \"%s\"", STR_ARG(p->name),
	                         STR_ARG(b.meta.name), build_phases[b.phase]);
}

static Err *push_to(Cli *cli, const HookValues *v, const HookEvent *e, const char *word)
{
	Project p;
	BuildConfig bc;
	Str name;
	TRY(find_config(cli, v->project, word, &p, &name));
	TRY(project_get_config(&p, name, &bc));
	if (bc.spec.source != BUILD_FROM_GIT)
		return err_new(ERR_INPUT, "the build configuration '%.*s' has no repository",
		               STR_ARG(name));
	Str branch = project_pair(&bc.meta.annotations, "decant/branch");
	const HookChange *c = hook_match(e, bc.spec.ref, branch);
	if (c && !c->deleted)
		return start(cli, v, &p, name, c);
	Str wanted = bc.spec.ref.len ? bc.spec.ref : branch.len ? branch : STR("main");
	printf(c ? "%.*s: no build of %.*s, which was deleted\n"
	         : "%.*s: no build: it is of %.*s, which was not pushed\n",
	       STR_ARG(name), STR_ARG(wanted));
	return NULL;
}

static Err *run_hook(Cli *cli, const void *values, const Arguments *args)
{
	HookEvent e;
	TRY(read_push(cli, &e));
	for (size_t i = 0; i < args->count; i++) {
		Err *failed = push_to(cli, values, &e, args->at[i]);
		if (failed && err_kind(failed) == ERR_CANCELLED)
			return failed;
		if (failed)
			cli_report(cli, failed);
	}
	return NULL;
}

/* --- installing ------------------------------------------------------------------------------- */

static void add_quoted(Buf *out, Str word)
{
	buf_addf(out, " '");
	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] == '\'')
			buf_addf(out, "'\\''");
		else
			buf_add_char(out, word.ptr[i]);
	}
	buf_add_char(out, '\'');
}

/* hooks/ of the repository DIR, bare or not. */
static Err *open_hooks(const char *dir, int *ret_fd)
{
	AUTO_CLOSE int top = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return err_sys(errno, "cannot open '%s'", dir);
	AUTO_CLOSE int inner = openat(top, ".git", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int repository = inner >= 0 ? inner : top;
	if (faccessat(repository, "HEAD", F_OK, 0) < 0 ||
	    faccessat(repository, "objects", F_OK, 0) < 0)
		return err_new(ERR_INPUT, "'%s' is no git repository", dir);
	if (mkdirat(repository, "hooks", 0777) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot create 'hooks' in '%s'", dir);
	*ret_fd = openat(repository, "hooks", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(errno, "cannot open 'hooks' in '%s'", dir) : NULL;
}

static Err *check_foreign(int hooks, const char *dir)
{
	AUTO_BUF Buf there = BUF_INIT;
	if (faccessat(hooks, "post-receive", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	Err *e = path_read_file(hooks, "post-receive", HOOK_FILE_BYTES_MAX, &there);
	bool ours = !e && memmem(there.ptr, there.len, MARK, sizeof MARK - 1);
	err_free(e); /* what cannot be read is not ours */
	if (ours)
		return NULL;
	return err_note(
		err_new(ERR_INPUT, "'%s' has a post-receive hook already, which is not ours", dir),
		"let it hand its standard input to: decant hook NAME");
}

static Err *run_hook_install(Cli *cli, const void *values, const Arguments *args)
{
	const HookValues *v = values;
	AUTO_CLOSE int hooks = -1;
	AUTO_BUF Buf text = BUF_INIT;
	char program[PATH_MAX];
	Store *s;
	ssize_t n = readlinkat(AT_FDCWD, "/proc/self/exe", program, sizeof program);
	if (n <= 0 || (size_t)n == sizeof program)
		return err_sys(n < 0 ? errno : ENAMETOOLONG, "cannot tell where decant is");
	TRY(cli_store(cli, &s));
	TRY(open_hooks(args->at[0], &hooks));
	TRY(check_foreign(hooks, args->at[0]));
	buf_addf(&text, "#!/bin/sh\n" MARK "\nexec");
	add_quoted(&text, (Str){ program, (size_t)n });
	buf_addf(&text, " hook --root");
	add_quoted(&text, str_from(store_path(s)));
	if (v->follow)
		buf_addf(&text, " --follow");
	buf_addf(&text, " --");
	for (size_t i = 1; i < args->count; i++) {
		Project p;
		BuildConfig bc;
		Str name;
		TRY(find_config(cli, v->project, args->at[i], &p, &name));
		TRY(project_get_config(&p, name, &bc));
		add_quoted(&text,
		           arena_strf(cli->arena, "%.*s/%.*s", STR_ARG(p.name), STR_ARG(name)));
	}
	buf_addf(&text, "\n");
	TRY(path_write_file(hooks, "post-receive", buf_str(&text), 0755, false));
	printf("a push into '%s' starts builds\n", args->at[0]);
	return NULL;
}

const Command command_hook = {
	.name = "hook",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] [PROJECT/]NAME...",
	.help = "Start builds of what was pushed: git's post-receive hook",
	.about = "Reads what git gives to hooks/post-receive (lines of OLD NEW REF), and builds\n"
		 "the pushed commit of each build configuration whose branch was pushed. What it\n"
		 "says is shown to who pushes. 'hook install' writes the hook.",
	.options = hook_options,
	.option_count = ARRAY_LEN(hook_options),
	.values_size = sizeof(HookValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.run = run_hook,
};

const Command command_hook_install = {
	.name = "hook-install",
	.aliases = "hook install",
	.group = GROUP_CLUSTER,
	.synopsis = "[OPTIONS] REPOSITORY [PROJECT/]NAME...",
	.help = "Write a hook into a repository of this machine, so that pushes start builds",
	.about = "Writes hooks/post-receive, which runs 'hook'; one that is not from here is left\n"
		 "alone. The build fetches the commit from the address of its configuration.",
	.options = hook_options,
	.option_count = ARRAY_LEN(hook_options),
	.values_size = sizeof(HookValues),
	.arguments_min = 2,
	.arguments_max = UINT_MAX,
	.choices = "DIRECTORY",
	.run = run_hook_install,
};
