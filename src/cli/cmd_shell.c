/* cmd_shell.c - a shell in an image's root file system; what it changes is thrown away. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/run_request.h"
#include "cli/shell_step.h"
#include "layer/view.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

enum { EXIT_ENGINE = 125 };

/* Where --busybox is found in the root. */
#define BUSYBOX_TARGET "/.decant/busybox"

typedef struct ShellValues {
	RunRequestValues given;
	const char *step;
	bool busybox, before;
} ShellValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(ShellValues, member)

static const Option shell_options[] = {
	{ .name = "before",
	  .kind = OPTION_FLAG,
	  STORED(before),
	  .help = "With --step: the root as it was before that step" },
	{ .name = "busybox",
	  .kind = OPTION_FLAG,
	  STORED(busybox),
	  .help = "Bring this machine's static busybox: for images without a shell" },
	{ .name = "step",
	  .kind = OPTION_TEXT,
	  STORED(step),
	  .help = "The root after this step of a past build: its number, STAGE/NUMBER, STAGE, or "
	          "how "
	          "the instruction begins" },
	RUN_REQUEST_OPTIONS(ShellValues, given),
};

/* --- which shell ------------------------------------------------------------------------------ */

static Err *is_there(const View *view, Arena *a, Str path, bool *ret)
{
	Str found;
	Entry e;
	*ret = false;
	TRY(view_resolve(view, str_from_at(path, 1), true, a, &found, ret));
	if (*ret)
		*ret = view_find(view, found, a, &e, NULL) &&
		       (e.type == ENTRY_FILE || e.type == ENTRY_HARDLINK);
	return NULL;
}

static Err *find_shell(Cli *cli, Store *s, const Image *image, const char *name, Str *ret)
{
	static const char *const usual[] = { "/bin/bash",   "/usr/bin/bash", "/bin/sh",
		                             "/usr/bin/sh", "/busybox/sh",   "/bin/ash" };
	AUTO_VIEW View *view = NULL;
	const ImageConfig *c = &image->config;
	bool there;
	TRY(view_open(s, c->diff_ids, c->diff_id_count, &view));
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		*ret = str_from(usual[i]);
		TRY(is_there(view, cli->arena, *ret, &there));
		if (there)
			return NULL;
	}
	Err *e = err_new(ERR_NOT_FOUND, "'%s' has no shell: neither bash nor sh", name);
	e = err_note(e, "--busybox brings the one of this machine, if there is a static one");
	return err_note(e, "or give a program that is in it: decant shell %s PROGRAM [ARG...]",
	                name);
}

/* Only one that needs no loader and no library runs in any root. */
static bool is_static(const char *path)
{
	unsigned char bytes[4096];
	Elf64_Ehdr head;
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, bytes, sizeof bytes, 0);
	if (n < (ssize_t)sizeof head)
		return false;
	memcpy(&head, bytes, sizeof head);
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
		return false;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr p;
		uint64_t at = head.e_phoff + (uint64_t)i * sizeof p;
		if (at > sizeof bytes || at + sizeof p > (uint64_t)n)
			return false;
		memcpy(&p, bytes + at, sizeof p);
		if (p.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static Err *bring_busybox(Cli *cli, ContainerRequest *r)
{
	static const char *const usual[] = { "/bin/busybox", "/usr/bin/busybox",
		                             "/usr/local/bin/busybox" };
	const char *found = NULL;
	for (size_t i = 0; i < ARRAY_LEN(usual) && !found; i++)
		if (is_static(usual[i]))
			found = usual[i];
	if (!found)
		return err_note(err_new(ERR_NOT_FOUND, "this machine has no static busybox"),
		                "Debian and Ubuntu have it in the package busybox-static");
	struct ContainerBind *binds = arena_alloc(cli->arena, (r->bind_count + 1) * sizeof *binds,
	                                          _Alignof(struct ContainerBind));
	if (r->bind_count)
		memcpy(binds, r->binds, r->bind_count * sizeof *binds);
	binds[r->bind_count] = (ContainerBind){ .source = str_from(found),
		                                .target = STR(BUSYBOX_TARGET),
		                                .read_only = true };
	r->binds = binds;
	r->bind_count++;
	return NULL;
}

/* --- the command ------------------------------------------------------------------------------ */

/* A terminal, or nothing of it: the shell's prompt and the user's keys belong together. */
static bool has_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

static Err *make_request(Cli *cli, const ShellValues *v, const Arguments *args, ContainerRequest *r)
{
	*r = (ContainerRequest){
		.name = STR(""),
		.hostname = STR("buildkitsandbox"), /* as a RUN has it */
		.entrypoint = { .set = true },
		.remove = true,
		.interactive = true,
		.terminal = has_terminal(),
	};
	const char *term = getenv("TERM");
	if (r->terminal && term && *term) /* before --env, which may say otherwise */
		strs_push(cli->arena, &r->env, arena_strf(cli->arena, "TERM=%s", term));
	TRY(cli_run_given(cli, &v->given, r));
	for (size_t i = 1; i < args->count; i++)
		strs_push(cli->arena, &r->command, str_from(args->at[i]));
	return NULL;
}

static Err *choose_command(Cli *cli, Store *s, const ShellValues *v, const char *name,
                           ContainerRequest *r)
{
	Str shell;
	if (v->busybox)
		TRY(bring_busybox(cli, r));
	if (r->command.count)
		return NULL;
	if (v->busybox) {
		strs_push(cli->arena, &r->command, STR(BUSYBOX_TARGET));
		strs_push(cli->arena, &r->command, STR("sh"));
		return NULL;
	}
	TRY(find_shell(cli, s, &r->image, name, &shell));
	strs_push(cli->arena, &r->command, shell);
	return NULL;
}

static Err *run_shell(Cli *cli, const void *values, const Arguments *args)
{
	const ShellValues *v = values;
	const char *name = args->at[0];
	Store *s = NULL;
	Cancel *cancel = NULL;
	ContainerRequest r;
	Str id;
	int status = 0;
	TRY(make_request(cli, v, args, &r));
	if (v->before && !v->step)
		return cli_usage(cli, "--before needs --step");
	TRY(cli_store(cli, &s));
	TRY(store_hold(s, NULL)); /* a past build's layers have no name */
	TRY(sandbox_enter());     /* before the first thread: a pull has some */
	TRY(cli_cancel(cli, &cancel));
	if (v->step) {
		TRY(shell_step_set(cli, s, name, v->step, v->before, &r));
	} else {
		TRY(cli_run_image(cli, s, name, v->given.pull, NULL, false, &r.image));
		TRY(image_check(s, &r.image));
	}
	TRY(choose_command(cli, s, v, name, &r));
	TRY(container_run(s, &r, cancel, cli->arena, &id, &status));
	cli->exit_status = status;
	return NULL;
}

const Command command_shell = {
	.name = "shell",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...] | --step STEP BUILD [COMMAND] [ARG...]",
	.help = "Open a shell in an image, or in a step of a past build",
	.about =
		"The root file system, environment, user and working directory are those that a "
		"RUN on top of the\n"
		"image would have. The shell is bash or sh, whichever the image has, or COMMAND; "
		"it has a terminal\n"
		"if there is one, and reads standard input if not. All that it changes is thrown "
		"away when it ends.\n\n"
		"With --step it is the root after a step of a past build, at once from the store: "
		"BUILD is its ID,\n"
		"'latest', '^1' or an image that it made, as 'decant builds' and 'decant why' show "
		"them. A step that\n"
		"failed has left nothing, so the root before it is shown; build --shell-on-error "
		"shows the rest.\n\n"
		"Ends with the status of the shell; 125 if decant itself failed.",
	.options = shell_options,
	.option_count = ARRAY_LEN(shell_options),
	.values_size = sizeof(ShellValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.stop_at_argument = true,
	.failure_status = EXIT_ENGINE,
	.run = run_shell,
};
