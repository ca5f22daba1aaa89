/* cmd_run.c - a command in a new container of an image. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/run_request.h"
#include "exec/container.h"

#include <limits.h>
#include <stdio.h>

enum { EXIT_ENGINE = 125 };

typedef struct RunValues {
	RunRequestValues given;
	OptionList ports;
	const char *entrypoint, *hostname, *name, *platform;
	bool detach, interactive, remove, terminal, init;
} RunValues;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(RunValues, member)
#define REFUSED(flag)                                              \
	{                                                          \
		.name = (flag), .kind = OPTION_REFUSED, .help = "" \
	}

static const Option run_options[] = {
	{ .name = "detach",
	  .letter = 'd',
	  .kind = OPTION_FLAG,
	  STORED(detach),
	  .help = "Leave the container running and print its ID" },
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
	REFUSED("add-host"),
	REFUSED("cap-add"),
	REFUSED("cap-drop"),
	REFUSED("cpus"),
	REFUSED("device"),
	REFUSED("env-file"),
	REFUSED("label"),
	REFUSED("memory"),
	REFUSED("mount"),
	REFUSED("privileged"),
	REFUSED("read-only"),
	REFUSED("restart"),
	REFUSED("security-opt"),
	REFUSED("tmpfs"),
	REFUSED("ulimit"),
	REFUSED("volumes-from"),
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
	if (v->detach && v->terminal && v->interactive)
		return cli_usage(
			cli,
			"-d cannot be combined with -it: a container left behind has no terminal");
	if (v->terminal && !isatty(STDIN_FILENO) && v->interactive)
		return cli_usage(cli, "the input device is not a TTY");
	*r = (ContainerRequest){
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
	return set_ports(cli, v, r);
}

/* --- running ---------------------------------------------------------------------------------- */

static Err *run_run(Cli *cli, const void *values, const Arguments *args)
{
	const RunValues *v = values;
	Store *s = NULL;
	Cancel *cancel = NULL;
	ContainerRequest r;
	Str id = STR("");
	int status = 0;
	TRY(make_request(cli, v, args, &r));
	TRY(cli_store(cli, &s));
	TRY(sandbox_enter()); /* before the first thread: a pull has some */
	TRY(cli_cancel(cli, &cancel));
	TRY(cli_run_image(cli, s, args->at[0], v->given.pull, v->platform, &r.image));
	TRY(image_check(s, &r.image));
	TRY(container_run(s, &r, cancel, cli->arena, &id, &status));
	if (v->detach)
		printf("%.*s\n", STR_ARG(id));
	cli->exit_status = v->detach ? 0 : status;
	return NULL;
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
