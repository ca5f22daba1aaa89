/* cmd_container.c - small things with containers: rename, port, container prune. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/each_container.h"
#include "cli/listing.h"

#include <limits.h>
#include <stdio.h>

static Err *run_rename(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Container c = { 0 };
	TRY(cli_container(cli, args->at[0], &s, &c));
	return container_rename(s, &c, str_from(args->at[1]));
}

const Command command_rename = {
	.name = "rename",
	.aliases = "container rename",
	.group = GROUP_CONTAINERS,
	.synopsis = "CONTAINER NEW_NAME",
	.help = "Give a container another name",
	.arguments_min = 2,
	.arguments_max = 2,
	.choices = "CONTAINER",
	.run = run_rename,
};

/* --- port ------------------------------------------------------------------------------------ */

static Err *run_port(Cli *cli, const void *values, const Arguments *args)
{
	(void)values;
	Store *s = NULL;
	Container c = { 0 };
	ContainerRequest r;
	Str wanted = STR(""), protocol = STR("");
	bool found = false;
	TRY(cli_container(cli, args->at[0], &s, &c));
	TRY(container_request_read(&c, cli->arena, &r));
	if (args->count > 1)
		protocol = str_cut(str_from(args->at[1]), '/', &wanted);
	for (size_t i = 0; c.running && i < r.port_count; i++) {
		const SandboxPort *p = &r.ports[i];
		const char *kind = p->udp ? "udp" : "tcp";
		const char *ip = *p->host_ip ? p->host_ip : "0.0.0.0";
		uint64_t number = 0;
		if (args->count > 1 && (!str_to_u64(wanted, &number) || number != p->port ||
		                        !str_eqc(protocol.len ? protocol : STR("tcp"), kind)))
			continue;
		found = true;
		if (args->count < 2)
			printf("%u/%s -> ", p->port, kind);
		printf("%s:%u\n", ip, p->host_port);
	}
	if (args->count > 1 && !found)
		return err_new(ERR_INPUT, "no public port '%s' published for %s", args->at[1],
		               args->at[0]);
	return NULL;
}

const Command command_port = {
	.name = "port",
	.aliases = "container port",
	.group = GROUP_CONTAINERS,
	.synopsis = "CONTAINER [PORT[/PROTOCOL]]",
	.help = "Show a container's published ports",
	.arguments_min = 1,
	.arguments_max = 2,
	.choices = "CONTAINER",
	.run = run_port,
};
