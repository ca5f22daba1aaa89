/* cmd_load.c - an archive of images → the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/platforms.h"
#include "exec/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

typedef struct LoadValues {
	const char *input;
	OptionList platforms;
	bool quiet;
} LoadValues;

static const Option load_options[] = {
	{ .name = "input",
	  .letter = 'i',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  .help = "Archive or folder to read (default standard input)",
	  .offset = offsetof(LoadValues, input) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Only the names of what was loaded",
	  .offset = offsetof(LoadValues, quiet) },
	{ .name = "platform",
	  .kind = OPTION_LIST,
	  .help = "Only the images for these platforms: os/arch[/variant], ... (default all there "
	          "are)",
	  .offset = offsetof(LoadValues, platforms) },
};

/* What a service manager or `</dev/null` gives as standard input. */
static bool is_null_device(int fd)
{
	struct stat st, null;
	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == null.st_rdev;
}

static Err *run_load(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const LoadValues *v = values;
	const char *name = v->input ? v->input : "standard input";
	AUTO_CLOSE int file = -1;
	if (v->input) {
		file = openat(AT_FDCWD, v->input, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			return err_set_kind(err_sys(errno, "cannot open '%s'", v->input),
			                    ERR_INPUT);
	} else if (isatty(STDIN_FILENO) || is_null_device(STDIN_FILENO)) {
		return cli_usage(cli, "requested load from stdin, but stdin is empty");
	}
	Store *s = NULL;
	Cancel *cancel = NULL;
	LoadWanted wanted;
	TRY(cli_platforms(cli, &v->platforms, &wanted.platforms, &wanted.count));
	Loaded *loaded;
	size_t count = 0;
	TRY(cli_store(cli, &s));
	TRY(cli_cancel(cli, &cancel));
	AUTO_READER Reader *in = reader_from_fd(v->input ? file : STDIN_FILENO, name);
	struct stat st;
	bool is_folder = v->input && fstat(file, &st) == 0 && S_ISDIR(st.st_mode);
	Err *e = is_folder
	                 ? load_folder(s, file, name, &wanted, cancel, cli->arena, &loaded, &count)
	                 : load_archive(s, in, name, &wanted, cancel, cli->arena, &loaded, &count);
	if (e) /* damaged is the archive, not the store */
		return err_kind(e) == ERR_CORRUPT ? err_set_kind(e, ERR_INPUT) : e;
	for (size_t i = 0; i < count; i++) {
		if (!digest_is_zero(&loaded[i].renamed))
			printf("The image %.*s already exists, renaming the old one with ID %s to "
			       "empty string\n",
			       STR_ARG(loaded[i].name),
			       digest_arena_text(cli->arena, &loaded[i].renamed).ptr);
		if (loaded[i].name.len)
			printf("Loaded image: %.*s\n", STR_ARG(loaded[i].name));
		else
			printf("Loaded image ID: %s\n",
			       digest_arena_text(cli->arena, &loaded[i].id).ptr);
	}
	return NULL;
}

const Command command_load = {
	.name = "load",
	.aliases = "image load",
	.group = GROUP_IMAGES,
	.synopsis = "[OPTIONS]",
	.help = "Load images from an archive",
	.about = "Takes what 'docker save', 'decant save' and 'skopeo copy ... oci-archive:' "
		 "write, plain or\n"
		 "compressed, and folders: an OCI layout, an unpacked archive, 'skopeo copy ... "
		 "dir:'.\nNothing is changed unless the whole archive is sound.",
	.options = load_options,
	.option_count = ARRAY_LEN(load_options),
	.values_size = sizeof(LoadValues),
	.run = run_load,
};
