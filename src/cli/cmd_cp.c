/* cmd_cp.c - files out of a container or an image, and into a container: cp, export. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"
#include "exec/container_tree.h"
#include "export/file.h"

#include <fcntl.h>
#include <stdio.h>

typedef struct CpValues {
	TreeCopy how;
	bool quiet;
} CpValues;

static const Option cp_options[] = {
	{ .name = "archive",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .help = "Keep owners",
	  .offset = offsetof(CpValues, how.archive) },
	{ .name = "follow-link",
	  .letter = 'L',
	  .kind = OPTION_FLAG,
	  .help = "Copy what a link as the source leads to",
	  .offset = offsetof(CpValues, how.follow_link) },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .help = "Do not say what was copied",
	  .offset = offsetof(CpValues, quiet) },
};

/* A side of the command line. */
typedef struct Side {
	Str owner; /* container or image; "" the host */
	TreePlace place;
} Side;

/* NAME:PATH; a path of the host begins with "/" or ".", or has no colon, or a "/" before it. */
static void read_side(Arena *a, const char *text, Side *ret)
{
	Str all = str_from(text);
	ptrdiff_t colon = str_find(all, ':');
	*ret = (Side){ .owner = STR(""), .place = { .root_fd = -1, .path = all, .host = true } };
	if (colon <= 0 || *text == '/' || *text == '.')
		return;
	/* "repo:tag:/path": the path begins at the last colon before a "/" */
	ptrdiff_t absolute = -1;
	for (size_t i = 0; i + 1 < all.len && absolute < 0; i++)
		if (all.ptr[i] == ':' && all.ptr[i + 1] == '/')
			absolute = (ptrdiff_t)i;
	if (absolute >= 0)
		colon = absolute;
	else
		colon = str_rfind(all, ':');
	ret->owner = arena_str(a, str_head(all, (size_t)colon));
	ret->place.path = str_from_at(all, (size_t)colon + 1);
	ret->place.host = false;
}

/* The host's root, and the path from there: before this process may go elsewhere. */
static Err *open_host(Cli *cli, Side *side)
{
	side->place.root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (side->place.root_fd < 0)
		return err_sys(errno, "cannot open '/'");
	if (*side->place.path.ptr == '/' || str_eqc(side->place.path, "-"))
		return NULL;
	char *here = getcwd(NULL, 0);
	if (!here)
		return err_sys(errno, "cannot find the working directory");
	side->place.path = arena_strf(cli->arena, "%s/%.*s", here, STR_ARG(side->place.path));
	free(here);
	return NULL;
}

/* What is there under NAME: *ret_container has no ID if it is an image. */
static Err *find_owner(Cli *cli, Str name, Store **ret, Container *ret_container, Image *image)
{
	const char *text = name.ptr;
	*ret_container = (Container){ .id = STR("") };
	Err *none = cli_container(cli, text, ret, ret_container);
	if (!none || err_kind(none) != ERR_NOT_FOUND)
		return none;
	*ret_container = (Container){ .id = STR("") };
	Err *e = cli_image(cli, *ret, text, image);
	if (!e || err_kind(e) != ERR_NOT_FOUND) {
		err_free(none);
		return e;
	}
	err_free(e); /* a container is what docker would have looked for */
	return none;
}

static Err *open_owner(Cli *cli, Side *side, bool write, bool mounts, int *ret_lock_fd)
{
	Store *s = NULL;
	Container c = { 0 };
	Image image = { 0 };
	TRY(find_owner(cli, side->owner, &s, &c, &image));
	side->place.owner = arena_strf(cli->arena, "%s %.*s", c.id.len ? "container" : "image",
	                               STR_ARG(side->owner));
	if (write && !c.id.len)
		return err_note(err_new(ERR_INPUT, "'%.*s' is an image: it does not change",
		                        STR_ARG(side->owner)),
		                "build another with COPY, or make a container: decant create");
	return tree_open(s, c.id.len ? &c : NULL, &image, mounts, cli->arena, &side->place.root_fd,
	                 ret_lock_fd);
}

static Err *to_stdout(const TreePlace *from, const TreeCopy *how)
{
	if (isatty(STDOUT_FILENO))
		return err_new(ERR_INPUT, "cowardly refusing to write an archive to a terminal");
	AUTO_WRITER Writer *out = writer_to_fd(STDOUT_FILENO, "standard output");
	TRY(tree_write_tar(from, how, out));
	return writer_finish(out);
}

static Err *copy(const CpValues *v, const Side *from, const Side *to, TreeCopy *how)
{
	if (to->place.host && str_eqc(to->place.path, "-"))
		return to_stdout(&from->place, how);
	if (from->place.host && str_eqc(from->place.path, "-")) {
		AUTO_READER Reader *in = reader_from_fd(STDIN_FILENO, "standard input");
		return tree_read_tar(in, &to->place, how);
	}
	TRY(tree_copy(&from->place, &to->place, how));
	if (how->skipped && !v->quiet)
		fprintf(stderr, "warning: %u devices were left out\n", how->skipped);
	return NULL;
}

static Err *run_cp(Cli *cli, const void *values, const Arguments *args)
{
	const CpValues *v = values;
	Side from, to;
	int lock_fd = -1;
	Cancel *cancel = NULL;
	TreeCopy how = v->how;
	read_side(cli->arena, args->at[0], &from);
	read_side(cli->arena, args->at[1], &to);
	if (from.place.host == to.place.host)
		return cli_usage(cli, from.place.host
		                              ? "must specify at least one container source"
		                              : "copying between containers is not supported");
	TRY(cli_cancel(cli, &cancel));
	how.cancel = cancel;
	Side *host = from.place.host ? &from : &to, *other = from.place.host ? &to : &from;
	TRY(open_host(cli, host));
	AUTO_CLOSE int host_root = host->place.root_fd;
	TRY(open_owner(cli, other, from.place.host, true, &lock_fd));
	AUTO_CLOSE int root = other->place.root_fd;
	AUTO_CLOSE int lock = lock_fd;
	TRY_WHILE(copy(v, &from, &to, &how), "copying from '%s' to '%s'", args->at[0], args->at[1]);
	if (!v->quiet && isatty(STDERR_FILENO))
		fprintf(stderr, "Successfully copied to %s\n", args->at[1]);
	return NULL;
}

const Command command_cp = {
	.name = "cp",
	.aliases = "container cp",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER|IMAGE:SRC DEST|-  |  SRC|- CONTAINER:DEST",
	.help = "Copy files out of a container or an image, or into a container",
	.about = "\"-\" as DEST writes a tar archive, as SRC it reads one. A directory comes into\n"
		 "one that is there, or is made; with SRC/. its content alone. Symlinks lead\n"
		 "to where they would inside.",
	.options = cp_options,
	.option_count = ARRAY_LEN(cp_options),
	.values_size = sizeof(CpValues),
	.arguments_min = 2,
	.arguments_max = 2,
	.choices = "CONTAINER",
	.run = run_cp,
};

/* --- export ---------------------------------------------------------------------------------- */

typedef struct ExportValues {
	const char *output;
} ExportValues;

static const Option export_options[] = {
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_TEXT,
	  .value = "FILE",
	  .choices = "FILE",
	  .help = "Write to this file instead of standard output",
	  .offset = offsetof(ExportValues, output) },
};

static Err *write_export(const TreePlace *root, const TreeCopy *how, const char *name, int fd)
{
	AUTO_WRITER Writer *out = writer_to_fd(fd, name);
	TRY(tree_write_tar(root, how, out));
	return writer_finish(out);
}

static Err *run_export(Cli *cli, const void *values, const Arguments *args)
{
	const ExportValues *v = values;
	Side side = { .owner = str_from(args->at[0]),
		      .place = { .root_fd = -1, .path = STR("/") } };
	int lock_fd = -1;
	Cancel *cancel = NULL;
	/* Opened while paths are still those of the host. */
	AUTO_EXPORT_FILE ExportFile file = EXPORT_FILE_NONE;
	TRY(export_file_open(str_from(v->output ? v->output : "-"), &file));
	TRY(cli_cancel(cli, &cancel));
	TreeCopy how = { .cancel = cancel };
	Err *none = open_owner(cli, &side, false, false, &lock_fd);
	AUTO_CLOSE int root = side.place.root_fd;
	AUTO_CLOSE int lock = lock_fd;
	TRY(none);
	TRY(write_export(&side.place, &how, v->output ? v->output : "standard output", file.fd));
	return export_file_commit(&file);
}

const Command command_export = {
	.name = "export",
	.aliases = "container export",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] CONTAINER|IMAGE",
	.help = "Write all files of a container, or an image, as one tar archive",
	.options = export_options,
	.option_count = ARRAY_LEN(export_options),
	.values_size = sizeof(ExportValues),
	.arguments_min = 1,
	.arguments_max = 1,
	.choices = "CONTAINER",
	.run = run_export,
};
