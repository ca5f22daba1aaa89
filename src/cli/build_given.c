/* build_given.c - what `build` gives to RUN: secrets, agents, hosts, rights. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/csv.h"
#include "cli/build_options.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static Str lower(Arena *a, Str s)
{
	char *copy = arena_alloc(a, s.len + 1, 1);
	for (size_t i = 0; i < s.len; i++)
		copy[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] | 0x20 : s.ptr[i]);
	return (Str){ copy, s.len };
}

/* --- --secret: as buildx's util/buildflags/secrets.go reads it -------------------------------- */

static Err *take_secret_field(Cli *cli, Str field, BuildSecret *s, Str *type)
{
	Str name, value = str_cut(field, '=', &name);
	Str key = lower(cli->arena, name);
	if (name.len == field.len)
		return cli_usage(cli, "invalid field '%.*s' must be a key=value pair",
		                 STR_ARG(field));
	if (str_eqc(key, "id")) {
		s->id = value;
	} else if (str_eqc(key, "src") || str_eqc(key, "source")) {
		s->file = value;
	} else if (str_eqc(key, "env")) {
		s->env = value;
	} else if (str_eqc(key, "type")) {
		*type = value;
		if (!str_eqc(value, "file") && !str_eqc(value, "env"))
			return cli_usage(cli, "unsupported secret type \"%.*s\"", STR_ARG(value));
	} else {
		return err_note(cli_usage(cli, "unexpected key '%.*s' in '%.*s'", STR_ARG(key),
		                          STR_ARG(field)),
		                "there are id, src, env and type");
	}
	return NULL;
}

static Err *take_secret(Cli *cli, const char *text, BuildSecret *ret)
{
	BuildSecret s = { .id = STR(""), .file = STR(""), .env = STR("") };
	Str type = STR("");
	bool more = *text != '\0';
	for (Str rest = str_from(text), field; more;) {
		TRY(csv_cut(cli->arena, &rest, &field, &more));
		TRY(take_secret_field(cli, field, &s, &type));
	}
	if (str_eqc(type, "env") && !s.env.len) {
		s.env = s.file;
		s.file = STR("");
	}
	if (!s.id.len)
		return cli_usage(cli, "secret missing ID");
	if (!s.env.len && !s.file.len) { /* a variable of that name, else a file */
		bool set = !str_eqc(type, "file") && getenv(arena_str(cli->arena, s.id).ptr);
		*(set || str_eqc(type, "env") ? &s.env : &s.file) = s.id;
	}
	Err *e = build_check_secret(&s);
	cli->usage_error = cli->usage_error || e;
	*ret = s;
	return e;
}

static Err *take_secrets(Cli *cli, const BuildValues *v, BuildRun *run)
{
	BuildSecret *list = arena_alloc(cli->arena, (v->secrets.count + 1) * sizeof *list,
	                                _Alignof(BuildSecret));
	for (size_t i = 0; i < v->secrets.count; i++)
		TRY_WHILE(take_secret(cli, v->secrets.at[i], &list[i]), "reading --secret '%s'",
		          v->secrets.at[i]);
	run->secrets = list;
	run->secret_count = v->secrets.count;
	return NULL;
}

/* --- --ssh: "default", "id=socket", "id=key,key" ---------------------------------------------- */

static Err *take_agent(Cli *cli, const char *text, BuildSsh *ret)
{
	Str id, paths = str_cut(str_from(text), '=', &id);
	size_t most = 1;
	for (size_t i = 0; i < paths.len; i++)
		most += paths.ptr[i] == ',';
	Str *list = arena_alloc(cli->arena, most * sizeof *list, _Alignof(Str));
	*ret = (BuildSsh){ .id = id.len ? id : STR("default"), .paths = list };
	for (Str rest = paths; rest.len;)
		rest = str_cut(rest, ',', &list[ret->path_count++]);
	bool keys;
	Err *e = build_check_ssh(ret, &keys);
	cli->usage_error = cli->usage_error || e;
	return e;
}

static Err *take_agents(Cli *cli, const BuildValues *v, BuildRun *run)
{
	BuildSsh *list =
		arena_alloc(cli->arena, (v->ssh.count + 1) * sizeof *list, _Alignof(BuildSsh));
	for (size_t i = 0; i < v->ssh.count; i++)
		TRY_WHILE(take_agent(cli, v->ssh.at[i], &list[i]), "reading --ssh '%s'",
		          v->ssh.at[i]);
	run->ssh = list;
	run->ssh_count = v->ssh.count;
	return NULL;
}

/* --- --add-host: "name:ip", "name=ip,ip", "name:[v6]", "name:host-gateway" ---------------------
 */

/*
 * The address under which this machine is reached from a RUN: that of its way out.  A datagram
 * socket that is connected asks the routes and sends nothing.
 */
static Err *host_gateway(Cli *cli, Str *ret)
{
	char text[INET_ADDRSTRLEN];
	struct sockaddr_in far = { .sin_family = AF_INET,
		                   .sin_port = htons(53),
		                   .sin_addr.s_addr = htonl(0xc0000201) }; /* 192.0.2.1, TEST-NET */
	struct sockaddr_in own = { 0 };
	socklen_t len = sizeof own;
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&far, sizeof far) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) < 0 ||
	    !inet_ntop(AF_INET, &own.sin_addr, text, sizeof text))
		return err_note(cli_usage(cli, "unable to derive the IP value for host-gateway"),
		                "this machine has no route to other networks: write the address "
		                "itself");
	*ret = arena_str(cli->arena, str_from(text));
	return NULL;
}

static Err *take_address(Cli *cli, const char *text, Str address, Str *ret)
{
	struct in6_addr six;
	struct in_addr four;
	if (str_eqc(address, "host-gateway"))
		return host_gateway(cli, ret);
	if (address.len > 2 && address.ptr[0] == '[' && address.ptr[address.len - 1] == ']')
		address = (Str){ address.ptr + 1, address.len - 2 };
	*ret = arena_str(cli->arena, address);
	if (inet_pton(AF_INET, ret->ptr, &four) != 1 && inet_pton(AF_INET6, ret->ptr, &six) != 1)
		return err_note(cli_usage(cli, "invalid host %s", text),
		                "write NAME:ADDRESS, with an IPv4 or IPv6 address or host-gateway");
	return NULL;
}

static bool is_host_name(Str name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((unsigned char)name.ptr[i] <= ' ' || name.ptr[i] == '#')
			return false;
	return name.len > 0;
}

static Err *take_hosts(Cli *cli, const BuildValues *v, BuildRun *run)
{
	size_t most = 0, count = 0;
	for (size_t i = 0; i < v->hosts.count; i++)
		most += 1 + strlen(v->hosts.at[i]) / 2; /* an address has more bytes */
	BuildHost *list = arena_alloc(cli->arena, (most + 1) * sizeof *list, _Alignof(BuildHost));
	for (size_t i = 0; i < v->hosts.count; i++) {
		const char *text = v->hosts.at[i];
		Str name, rest = str_cut(str_from(text), strchr(text, '=') ? '=' : ':', &name);
		if (!is_host_name(name) || !rest.len)
			return err_note(cli_usage(cli, "invalid host %s", text),
			                "write NAME:ADDRESS");
		while (rest.len) {
			Str address;
			rest = str_cut(rest, ',', &address);
			list[count].name = name;
			TRY(take_address(cli, text, address, &list[count++].address));
		}
	}
	run->hosts = list;
	run->host_count = count;
	return NULL;
}

/* --- --allow -----------------------------------------------------------------------------------
 */

static Err *take_rights(Cli *cli, const BuildValues *v, BuildRun *run)
{
	PlanAllow *allow = &run->allow;
	Str *devices =
		arena_alloc(cli->arena, (v->allow.count + 1) * sizeof *devices, _Alignof(Str));
	allow->network_host = v->network && strcmp(v->network, "host") == 0;
	allow->devices = devices;
	for (size_t i = 0; i < v->allow.count; i++) {
		Str name, value = str_cut(str_from(v->allow.at[i]), '=', &name);
		if (str_eqc(name, "network.host"))
			allow->network_host = true;
		else if (str_eqc(name, "security.insecure"))
			allow->security_insecure = true;
		else if (str_eqc(name, "device") && !value.len)
			allow->all_devices = true;
		else if (str_eqc(name, "device"))
			devices[allow->device_count++] = value;
		else if (!str_eqc(name, BUILD_ALLOW_DELETE)) /* build_outputs.c asks for it */
			return err_note(cli_usage(cli, "unknown entitlement %s", v->allow.at[i]),
			                "there are network.host, security.insecure, device[=NAME] "
			                "and " BUILD_ALLOW_DELETE);
	}
	return NULL;
}

Err *build_given_make(Cli *cli, const BuildValues *v, BuildRun *run)
{
	TRY(take_rights(cli, v, run));
	TRY(take_secrets(cli, v, run));
	TRY(take_agents(cli, v, run));
	TRY(take_hosts(cli, v, run));
	return build_limits_make(cli, v, run);
}
