/* cmd_run.c - a new container of an image: run, create. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"
#include "cli/run_given.h"
#include "cli/run_request.h"
#include "exec/container.h"
#include "fs/path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

enum { EXIT_ENGINE = 125 };

typedef struct RunValues {
	RunRequestValues given;
	RunGivenValues more;
	OptionList ports;
	const char *entrypoint, *hostname, *name, *platform, *cidfile;
	bool detach, interactive, remove, terminal, init, quiet, publish_all;
} RunValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(RunValues, member)

static const Option run_options[] = {
	{ .name = "detach",
	  .letter = 'd',
	  .kind = OPTION_FLAG,
	  STORED(detach),
	  .help = "Leave the container running and print its ID" },
	{ .name = "cidfile",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(cidfile),
	  .help = "Write the container's ID to this file, which must not be there" },
	{ .name = "entrypoint",
	  .kind = OPTION_TEXT,
	  STORED(entrypoint),
	  .help = "Instead of the image's ENTRYPOINT" },
	{ .name = "hostname",
	  .letter = 'h',
	  .kind = OPTION_TEXT,
	  STORED(hostname),
	  .help = "Host name in the container" },
	{ .name = "interactive",
	  .letter = 'i',
	  .kind = OPTION_FLAG,
	  STORED(interactive),
	  .help = "Connect standard input" },
	{ .name = "name", .kind = OPTION_TEXT, STORED(name), .help = "Name of the container" },
	{ .name = "net",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(given.network),
	  .help = "As --network" },
	{ .name = "platform",
	  .kind = OPTION_TEXT,
	  STORED(platform),
	  .help = "The image for this platform: os/arch[/variant] (default this machine's)" },
	{ .name = "publish",
	  .letter = 'p',
	  .kind = OPTION_LIST,
	  STORED(ports),
	  .help = "Port of the host for one of the container: [IP:][HOST:]CONTAINER[/udp]" },
	{ .name = "publish-all",
	  .letter = 'P',
	  .kind = OPTION_FLAG,
	  STORED(publish_all),
	  .help = "Publish all that the image EXPOSEs, each under its own number" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  STORED(quiet),
	  .help = "Do not show how the image is fetched" },
	{ .name = "rm",
	  .kind = OPTION_FLAG,
	  STORED(remove),
	  .help = "Remove the container when it ends" },
	{ .name = "tty",
	  .letter = 't',
	  .kind = OPTION_FLAG,
	  STORED(terminal),
	  .help = "Give the command a terminal" },
	{ .name = "init",
	  .kind = OPTION_FLAG,
	  .hidden = true,
	  STORED(init),
	  .help = "Always done" },
	RUN_REQUEST_OPTIONS(RunValues, given),
	RUN_GIVEN_OPTIONS(RunValues, more),
};

/* --- reading flags ---------------------------------------------------------------------------- */

static bool read_port(Str text, uint16_t *ret)
{
	uint64_t number;
	if (!str_to_u64(text, &number) || number == 0 || number > UINT16_MAX)
		return false;
	*ret = (uint16_t)number;
	return true;
}

/* "[IP:][HOST:]CONTAINER[/udp]"; an IPv6 address in brackets. */
static Err *parse_port(Cli *cli, const char *text, SandboxPort *ret)
{
	Str ports, protocol = str_cut(str_from(text), '/', &ports);
	SandboxPort port = { .host_ip = "", .udp = str_eqc(protocol, "udp") };
	bool good = !protocol.len || port.udp || str_eqc(protocol, "tcp");
	ptrdiff_t colon = str_rfind(ports, ':');
	good = good && read_port(str_from_at(ports, (size_t)(colon + 1)), &port.port);
	port.host_port = port.port;
	if (good && colon >= 0) {
		Str host = str_head(ports, (size_t)colon);
		ptrdiff_t before = str_rfind(host, ':');
		Str number = str_from_at(host, (size_t)(before + 1));
		if (number.len) /* "127.0.0.1::80": the same port */
			good = read_port(number, &port.host_port);
		if (before >= 0) {
			Str ip = str_head(host, (size_t)before);
			if (ip.len > 2 && *ip.ptr == '[' && ip.ptr[ip.len - 1] == ']')
				ip = str_head(str_from_at(ip, 1), ip.len - 2);
			port.host_ip = arena_str(cli->arena, ip).ptr;
		}
	}
	if (!good)
		return err_note(cli_usage(cli, "invalid value for --publish: '%s'", text),
		                "[IP:][HOST:]CONTAINER[/udp], ports from 1 to 65535");
	*ret = port;
	return NULL;
}

static Err *set_ports(Cli *cli, const RunValues *v, ContainerRequest *r)
{
	SandboxPort *ports = arena_alloc(cli->arena, (v->ports.count + 1) * sizeof *ports,
	                                 _Alignof(SandboxPort));
	for (size_t i = 0; i < v->ports.count; i++)
		TRY(parse_port(cli, v->ports.at[i], &ports[i]));
	r->ports = ports;
	r->port_count = v->ports.count;
	return NULL;
}

static Err *make_request(Cli *cli, const RunValues *v, const Arguments *args, ContainerRequest *r)
{
	bool here = !v->detach && strcmp(cli->command->name, "run") == 0;
	if (here && v->terminal && !isatty(STDIN_FILENO) && v->interactive)
		return cli_no_terminal();
	*r = (ContainerRequest){
		.warn = cli_warn_of_container,
		.image_typed = str_from(cli_image_name(args->at[0])),
		.name = cli_run_text(v->name),
		.hostname = cli_run_text(v->hostname),
		.detach = v->detach,
		.remove = v->remove,
		.interactive = v->interactive,
		.terminal = v->terminal,
	};
	for (size_t i = 1; i < args->count; i++)
		strs_push(cli->arena, &r->command, str_from(args->at[i]));
	if (v->entrypoint) {
		r->entrypoint.set = true; /* --entrypoint "": none */
		if (*v->entrypoint)
			strs_push(cli->arena, &r->entrypoint, str_from(v->entrypoint));
	}
	TRY(cli_run_given(cli, &v->given, r));
	TRY(cli_run_more(cli, &v->more, r));
	return set_ports(cli, v, r);
}

/* -P: what the image EXPOSEs. */
static Err *publish_all(Cli *cli, ContainerRequest *r)
{
	const Strs *exposed = &r->image.config.exposed_ports;
	size_t total = r->port_count + exposed->count;
	SandboxPort *ports =
		arena_alloc(cli->arena, (total + 1) * sizeof *ports, _Alignof(SandboxPort));
	if (r->port_count)
		memcpy(ports, r->ports, r->port_count * sizeof *ports);
	for (size_t i = 0; i < exposed->count; i++)
		TRY(parse_port(cli, arena_str(cli->arena, exposed->at[i]).ptr,
		               &ports[r->port_count++]));
	r->ports = ports;
	return NULL;
}

/* --cidfile; *ret_fd -1: none. */
static Err *open_cidfile(const RunValues *v, int *ret_fd)
{
	*ret_fd = -1;
	if (!v->cidfile)
		return NULL;
	*ret_fd = open(v->cidfile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return *ret_fd >= 0 ? NULL
	                    : err_note(err_sys(errno, "cannot make the file of --cidfile '%s'",
	                                       v->cidfile),
	                               "an older one may be there: remove it first");
}

/* --- running ---------------------------------------------------------------------------------- */

static Err *tell_id(Str id, int cidfile)
{
	printf("%.*s\n", STR_ARG(id));
	return cidfile < 0 ? NULL : path_write_what(cidfile, id.ptr, id.len, "the container's ID");
}

static Err *find_image(Cli *cli, Store *s, const RunValues *v, const Arguments *args,
                       ContainerRequest *r)
{
	TRY(cli_run_image(cli, s, args->at[0], v->given.pull, v->platform, v->quiet, &r->image));
	TRY(image_check(s, &r->image));
	return v->publish_all ? publish_all(cli, r) : NULL;
}

static Err *run_run(Cli *cli, const void *values, const Arguments *args)
{
	const RunValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	ContainerRequest r;
	Str id = STR("");
	int status = 0, fd;
	TRY(make_request(cli, v, args, &r));
	TRY(open_cidfile(v, &fd));
	AUTO_CLOSE int cidfile = fd;
	r.cidfile_fd = v->detach ? -1 : fd;
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter()); /* before the first thread: a pull has some */
	TRY(cli_cancel(cli, &cancel));
	TRY(find_image(cli, s, v, args, &r));
	TRY(container_run(s, &r, cancel, cli->arena, &id, &status));
	if (v->detach)
		TRY(tell_id(id, cidfile));
	cli->exit_status = v->detach ? 0 : status;
	return NULL;
}

static Err *run_create(Cli *cli, const void *values, const Arguments *args)
{
	const RunValues *v = values;
	Store *s = NULL;
	ContainerRequest r;
	Str id = STR("");
	int fd;
	TRY(make_request(cli, v, args, &r));
	TRY(open_cidfile(v, &fd));
	AUTO_CLOSE int cidfile = fd;
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter());
	TRY(find_image(cli, s, v, args, &r));
	TRY(container_make(s, &r, cli->arena, &id));
	return tell_id(id, cidfile);
}

const Command command_run = {
	.name = "run",
	.aliases = "container run",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.help = "Run a command in a new container",
	.about = "Ends with the status of the command; 125 if decant itself failed, 126 if the "
		 "command cannot be\n"
		 "executed, 127 if it is not there.",
	.options = run_options,
	.option_count = ARRAY_LEN(run_options),
	.values_size = sizeof(RunValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.stop_at_argument = true,
	.failure_status = EXIT_ENGINE,
	.run = run_run,
};

const Command command_create = {
	.name = "create",
	.aliases = "container create",
	.group = GROUP_CONTAINERS,
	.synopsis = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
	.help = "Make a container, for 'start'",
	.options = run_options,
	.option_count = ARRAY_LEN(run_options),
	.refuses = "detach",
	.values_size = sizeof(RunValues),
	.arguments_min = 1,
	.arguments_max = UINT_MAX,
	.choices = "IMAGE",
	.stop_at_argument = true,
	.run = run_create,
};
