/* cmd_import.c - a root file system as a tar → an image of one layer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/command.h"
#include "cli/platforms.h"
#include "exec/load.h"
#include "remote/remote.h"

#include <fcntl.h>
#include <stdio.h>

/* docker's: its client sends a file as its own standard input */
#define IMPORTED "Imported from -"

typedef struct ImportValues {
	OptionList changes;
	const char *message, *platform;
} ImportValues;

static const Option import_options[] = {
	{ .name = "change",
	  .letter = 'c',
	  .kind = OPTION_LIST,
	  .help = "Dockerfile instruction to apply: 'CMD [\"sh\"]', 'ENV A=b', ...",
	  .offset = offsetof(ImportValues, changes) },
	{ .name = "message",
	  .letter = 'm',
	  .kind = OPTION_TEXT,
	  .help = "Comment in the image's history (default '" IMPORTED "')",
	  .offset = offsetof(ImportValues, message) },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  .help = "Platform of the image (default this machine's)",
	  .offset = offsetof(ImportValues, platform) },
};

/* Now, or SOURCE_DATE_EPOCH: the same archive then gives the same image. */
static Err *created_time(Cli *cli, int64_t *ret_ns)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds;
	*ret_ns = clock_real_ns();
	if (!epoch || !*epoch)
		return NULL;
	if (!str_to_u64(str_from(epoch), &seconds) || seconds > UINT32_MAX)
		return cli_usage(cli, "SOURCE_DATE_EPOCH is no number of seconds since 1970: '%s'",
		                 epoch);
	*ret_ns = (int64_t)seconds * 1000000000;
	return NULL;
}

/* A file, or what an URL gives. */
static Err *open_source(Cli *cli, Store *s, const char *file, const Cancel *cancel, int *ret_fd)
{
	if (strstr(file, "://")) {
		Remote remote;
		TRY(remote_parse(cli->arena, str_from(file), &remote));
		if (remote.kind != REMOTE_HTTP)
			return cli_usage(cli, "an URL of http or https is expected: '%s'", file);
		return load_url(s, remote.url, remote.shown, cancel, ret_fd);
	}
	*ret_fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	return *ret_fd >= 0 ? NULL
	                    : err_set_kind(err_sys(errno, "cannot open '%s'", file), ERR_INPUT);
}

static Err *run_import(Cli *cli, const void *values, const Arguments *args)
{
	const ImportValues *v = values;
	const char *file = args->at[0];
	bool from_stdin = strcmp(file, "-") == 0;
	Reference ref;
	Platform platform = platform_host();
	if (args->count > 1) {
		TRY(cli_reference(cli, args->at[1], &ref));
		TRY(cli_new_name(cli, &ref));
		if (ref.has_digest)
			return cli_usage(cli, "cannot import under a name with a digest: '%s'",
			                 args->at[1]);
	}
	if (v->platform)
		TRY(cli_platform(cli, v->platform, &platform));
	Store *s = NULL;
	Cancel *cancel = NULL;
	Digest id;
	TRY(cli_store(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	int opened = -1;
	if (!from_stdin)
		TRY(open_source(cli, s, file, cancel, &opened));
	AUTO_CLOSE int fd = opened;
	Str *changes =
		arena_alloc(cli->arena, (v->changes.count + 1) * sizeof *changes, _Alignof(Str));
	for (size_t i = 0; i < v->changes.count; i++)
		changes[i] = str_from(v->changes.at[i]);
	int64_t created_ns;
	TRY(created_time(cli, &created_ns));
	const char *name = from_stdin ? "standard input" : file;
	AUTO_READER Reader *in = reader_from_fd(from_stdin ? STDIN_FILENO : fd, name);
	Err *e = load_root(s, in, name, args->count > 1 ? &ref : NULL, changes, v->changes.count,
	                   str_from(v->message && *v->message ? v->message : IMPORTED), &platform,
	                   created_ns, cancel, cli->arena, &id);
	if (e) /* damaged is the archive, not the store */
		return err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_INPUT) : e;
	printf("%s\n", digest_arena_text(cli->arena, &id).ptr);
	return NULL;
}

const Command command_import = {
	.name = "import",
	.aliases = "image import",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS] FILE|URL|- [NAME[:TAG]]",
	.help = "Make an image of a root file system's tar archive",
	.options = import_options,
	.option_count = ARRAY_LEN(import_options),
	.values_size = sizeof(ImportValues),
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "FILE",
	.run = run_import,
};
