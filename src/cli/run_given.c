/* run_given.c - --mount, --cap-add, --env-file and their like → a ContainerRequest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "cli/build_limits.h"
#include "cli/names.h"
#include "cli/run_given.h"
#include "fs/path.h"

#include <fcntl.h>
#include <stdio.h>

/* --- files with a line each ------------------------------------------------------------------ */

typedef void TakeLine(Arena *a, Str line, ContainerRequest *r);

/* docker's rules: blanks before a line count for nothing, those at its end for something; a name
 * has none. */
static Err *read_line(Cli *cli, const Source *source, Str line, TakeLine *take, ContainerRequest *r)
{
	Str name;
	while (line.len && strchr(" \t", *line.ptr))
		line = str_from_at(line, 1);
	if (str_ends(line, STR("\r")))
		line.len--;
	if (!line.len || *line.ptr == '#')
		return NULL;
	(void)str_cut(line, '=', &name);
	uint32_t start = (uint32_t)(line.ptr - source->text.ptr);
	Span span = { source, start, start + (uint32_t)line.len };
	if (!name.len)
		return err_at(span, "there is no name before the '='");
	if (str_find(name, ' ') >= 0 || str_find(name, '\t') >= 0)
		return err_at(span, "the name '%.*s' has a blank in it", STR_ARG(name));
	take(cli->arena, line, r);
	return NULL;
}

/* The user's own path: it may be anywhere, behind a link, a pipe or a device. */
static Err *read_given(const char *path, Buf *out)
{
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", path);
	return path_read_fd(fd, DOCKERFILE_BYTES_MAX, path, out);
}

static Err *read_lines(Cli *cli, const OptionList *files, TakeLine *take, ContainerRequest *r)
{
	for (size_t i = 0; i < files->count; i++) {
		AUTO_BUF Buf text = BUF_INIT;
		TRY(read_given(files->at[i], &text));
		Source *source = arena_new(cli->arena, Source);
		*source = (Source){ files->at[i], arena_str(cli->arena, buf_str(&text)) };
		TRY(err_check_text(source, DOCKERFILE_BYTES_MAX));
		Str line;
		for (Str rest = source->text; rest.len;) {
			rest = str_cut(rest, '\n', &line);
			TRY(read_line(cli, source, line, take, r));
		}
	}
	return NULL;
}

/* "NAME=VALUE", or NAME as it is here; nothing if it is not set. */
static void take_env(Arena *a, Str line, ContainerRequest *r)
{
	const char *name = arena_str(a, line).ptr;
	if (str_find(line, '=') >= 0)
		strs_push(a, &r->env, line);
	else if (getenv(name))
		strs_push(a, &r->env, arena_strf(a, "%s=%s", name, getenv(name)));
}

static void take_label(Arena *a, Str line, ContainerRequest *r)
{
	bool whole = str_find(line, '=') >= 0;
	strs_push(a, &r->labels, whole ? line : arena_strf(a, "%.*s=", STR_ARG(line)));
}

/* --- mounts ---------------------------------------------------------------------------------- */

static void push_bind(Cli *cli, ContainerRequest *r, const ContainerBind *one)
{
	ContainerBind *more = arena_alloc(cli->arena, (r->bind_count + 1) * sizeof *more,
	                                  _Alignof(ContainerBind));
	if (r->bind_count)
		memcpy(more, r->binds, r->bind_count * sizeof *more);
	more[r->bind_count++] = *one;
	r->binds = more;
}

static Err *push_mount(Cli *cli, const char *flag, const char *text, ContainerBind *one,
                       ContainerRequest *r)
{
	if (!one->target.len || *one->target.ptr != '/')
		return cli_usage(cli,
		                 "invalid value for --%s: '%s': the path in the container must be "
		                 "absolute",
		                 flag, text);
	one->source = arena_str(cli->arena, one->source);
	one->target = arena_str(cli->arena, one->target);
	push_bind(cli, r, one);
	return NULL;
}

/* "size=64m", "mode=1777", "ro"; others are the kernel's, and left to it. */
static Err *take_tmpfs_option(Cli *cli, Str option, ContainerBind *one)
{
	Str key, value = str_cut(option, '=', &key);
	bool good = true;
	if (str_eqc(key, "size") || str_eqc(key, "tmpfs-size"))
		good = str_to_bytes(value, &one->size_bytes);
	else if (str_eqc(key, "mode") || str_eqc(key, "tmpfs-mode"))
		good = str_to_octal(value, &one->mode) && one->mode <= 07777;
	else if (str_eqc(key, "ro") || str_eqc(key, "readonly"))
		one->read_only = true;
	return good ? NULL : cli_usage(cli, "invalid option of a tmpfs: '%.*s'", STR_ARG(option));
}

static Err *take_tmpfs(Cli *cli, const char *text, ContainerRequest *r)
{
	ContainerBind one = { .kind = SANDBOX_MOUNT_TMPFS, .source = STR("") };
	Str option, options = str_cut(str_from(text), ':', &one.target);
	while (options.len) {
		options = str_cut(options, ',', &option);
		TRY(take_tmpfs_option(cli, option, &one));
	}
	return push_mount(cli, "tmpfs", text, &one, r);
}

static Err *take_mount_key(Cli *cli, const char *text, Str key, Str value, ContainerBind *one,
                           Str *type)
{
	if (str_eqc(key, "type"))
		*type = value;
	else if (str_eqc(key, "source") || str_eqc(key, "src"))
		one->source = value;
	else if (str_eqc(key, "target") || str_eqc(key, "dst") || str_eqc(key, "destination"))
		one->target = value;
	else if (str_eqc(key, "readonly") || str_eqc(key, "ro"))
		return !value.len || str_to_bool(value, &one->read_only)
		               ? (one->read_only = one->read_only || !value.len, NULL)
		               : cli_usage(cli, "invalid value for --mount: '%s'", text);
	else if (str_starts(key, STR("tmpfs-")))
		return take_tmpfs_option(
			cli, arena_strf(cli->arena, "%.*s=%.*s", STR_ARG(key), STR_ARG(value)),
			one);
	else if (!str_starts(key, STR("bind-")) && !str_eqc(key, "consistency"))
		return err_note(
			cli_usage(cli, "unexpected key '%.*s' in --mount '%s'", STR_ARG(key), text),
			"there are type, source, target, readonly, tmpfs-size, tmpfs-mode");
	return NULL;
}

static Err *take_mount(Cli *cli, const char *text, ContainerRequest *r)
{
	ContainerBind one = { .source = STR(""), .target = STR("") };
	Str type = STR("volume"), field;
	for (Str rest = str_from(text); rest.len;) {
		Str key, value;
		rest = str_cut(rest, ',', &field);
		value = str_cut(field, '=', &key);
		TRY(take_mount_key(cli, text, key, value, &one, &type));
	}
	if (str_eqc(type, "tmpfs"))
		one.kind = SANDBOX_MOUNT_TMPFS;
	else if (!str_eqc(type, "bind"))
		return err_note(cli_usage(cli, "--mount type=%.*s is not supported", STR_ARG(type)),
		                "type=bind,source=DIR,target=DIR or type=tmpfs,target=DIR");
	else if (!one.source.len)
		return cli_usage(cli, "--mount '%s' needs a source", text);
	return push_mount(cli, "mount", text, &one, r);
}

/* HOST[:CONTAINER[:rwm]] */
static Err *take_device(Cli *cli, const char *text, ContainerRequest *r)
{
	ContainerBind one = { .kind = SANDBOX_MOUNT_DEVICE };
	Str rights = str_cut(str_cut(str_from(text), ':', &one.source), ':', &one.target);
	if (!one.target.len)
		one.target = one.source;
	one.read_only = rights.len && str_find(rights, 'w') < 0;
	return push_mount(cli, "device", text, &one, r);
}

typedef Err *TakeOne(Cli *cli, const char *text, ContainerRequest *r);

static Err *take_each(Cli *cli, const OptionList *list, TakeOne *take, ContainerRequest *r)
{
	for (size_t i = 0; i < list->count; i++)
		TRY(take(cli, list->at[i], r));
	return NULL;
}

/* --- names ----------------------------------------------------------------------------------- */

/* NAME:IP, NAME=IP; an IPv6 address may stand in brackets. */
static Err *take_host(Cli *cli, const char *text, ContainerRequest *r)
{
	Str name, ip;
	ip = str_cut(str_from(text), str_find(str_from(text), '=') >= 0 ? '=' : ':', &name);
	if (ip.len > 2 && *ip.ptr == '[' && ip.ptr[ip.len - 1] == ']')
		ip = str_head(str_from_at(ip, 1), ip.len - 2);
	if (str_eqc(ip, "host-gateway"))
		ip = STR("10.0.2.2"); /* the user-mode network's name for it */
	if (!name.len || !ip.len || str_find(ip, '\n') >= 0 || str_find(name, '\n') >= 0)
		return cli_usage(cli, "bad format for add-host: \"%s\"", text);
	strs_push(cli->arena, &r->hosts,
	          arena_strf(cli->arena, "%.*s\t%.*s", STR_ARG(ip), STR_ARG(name)));
	return NULL;
}

static Err *add_capabilities(Cli *cli, const char *flag, const OptionList *list, uint64_t *ret)
{
	for (size_t i = 0; i < list->count; i++) {
		uint64_t bits;
		if (!sandbox_capability(str_from(list->at[i]), &bits))
			return err_note(
				cli_usage(cli, "invalid --%s: unknown capability: '%s'", flag,
			                  list->at[i]),
				"names are as in capabilities(7): NET_ADMIN, CAP_CHOWN, ALL");
		*ret |= bits;
	}
	return NULL;
}

/* docker: --cap-drop ALL --cap-add X leaves X, --cap-add ALL --cap-drop X all but X. */
static Err *set_capabilities(Cli *cli, const RunGivenValues *v, ContainerRequest *r)
{
	TRY(add_capabilities(cli, "cap-add", &v->cap_add, &r->cap_add));
	TRY(add_capabilities(cli, "cap-drop", &v->cap_drop, &r->cap_drop));
	if (r->cap_drop == ~0ull)
		r->cap_drop = ~r->cap_add;
	return NULL;
}

static Err *take_security(Cli *cli, const char *text, ContainerRequest *r)
{
	Str key, value = str_cut(str_from(text), str_find(str_from(text), '=') >= 0 ? '=' : ':',
	                         &key);
	if (str_eqc(key, "no-new-privileges")) {
		r->no_new_privs = true;
		return !value.len || str_to_bool(value, &r->no_new_privs)
		               ? NULL
		               : cli_usage(cli, "invalid --security-opt: %s", text);
	}
	if (str_eqc(key, "seccomp") && str_eqc(value, "unconfined"))
		r->unconfined = true;
	else if (str_eqc(key, "seccomp") && !str_eqc(value, "builtin"))
		return err_note(cli_usage(cli, "--security-opt %s is not supported", text),
		                "the filter is docker's default one, or none: seccomp=unconfined");
	else if (!str_eqc(key, "seccomp") && !str_eqc(key, "apparmor") && !str_eqc(key, "label") &&
	         !str_eqc(key, "systempaths"))
		return cli_usage(cli, "invalid --security-opt: %s", text);
	return NULL;
}

static void set_dns(Cli *cli, const RunGivenValues *v, ContainerRequest *r)
{
	const struct {
		const OptionList *list;
		const char *word;
	} lines[] = { { &v->dns, "nameserver" },
		      { &v->dns_search, "search" },
		      { &v->dns_options, "options" } };
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		for (size_t k = 0; k < lines[i].list->count; k++)
			strs_push(cli->arena, &r->dns,
			          arena_strf(cli->arena, "%s %s", lines[i].word,
			                     lines[i].list->at[k]));
}

/* --- limits ---------------------------------------------------------------------------------- */

static Err *set_cpus(Cli *cli, const char *cpus, SandboxResources *r)
{
	enum { PERIOD_US = 100000 };
	char *end;
	double count = strtod(cpus, &end);
	if (*end || end == cpus || !(count >= 0.01 && count < 100000))
		return err_note(cli_usage(cli, "invalid value for --cpus: '%s'", cpus),
		                "a number of processors, 0.01 or more");
	r->cpu_period_us = PERIOD_US;
	r->cpu_quota_us = (uint64_t)(count * PERIOD_US);
	return NULL;
}

static Err *set_limits(Cli *cli, const RunGivenValues *v, ContainerRequest *r)
{
	const struct {
		const char *name, *value;
	} resources[] = {
		{ "memory", v->memory },           { "memory-swap", v->memory_swap },
		{ "cpu-shares", v->cpu_shares },   { "cpu-period", v->cpu_period },
		{ "cpu-quota", v->cpu_quota },     { "cpuset-cpus", v->cpuset_cpus },
		{ "cpuset-mems", v->cpuset_mems },
	};
	for (size_t i = 0; i < ARRAY_LEN(resources); i++)
		if (resources[i].value)
			TRY(build_limits_resource(cli, str_from(resources[i].name),
			                          str_from(resources[i].value), &r->resources));
	if (v->cpus)
		TRY(set_cpus(cli, v->cpus, &r->resources));
	SandboxLimit *limits = arena_alloc(cli->arena, (v->ulimits.count + 1) * sizeof *limits,
	                                   _Alignof(SandboxLimit));
	for (size_t i = 0; i < v->ulimits.count; i++)
		TRY(build_limits_ulimit(cli, v->ulimits.at[i], &limits[i]));
	r->limits = limits;
	r->limit_count = v->ulimits.count;
	if (v->shm_size && !str_to_bytes(str_from(v->shm_size), &r->shm_bytes))
		return cli_usage(cli, "invalid size: '%s'", v->shm_size);
	return NULL;
}

static Err *set_end(Cli *cli, const RunGivenValues *v, ContainerRequest *r)
{
	r->stop_timeout_s = v->stop_timeout_s;
	r->stop_signal = str_from(v->stop_signal ? v->stop_signal : "");
	if (r->stop_signal.len && !container_signal_number(r->stop_signal))
		return cli_usage(cli, "invalid signal: %s", v->stop_signal);
	if (v->restart && strcmp(v->restart, "no") != 0 && *v->restart)
		return err_note(cli_usage(cli, "--restart %s is not supported", v->restart),
		                "there is no daemon that would restart it: let systemd run 'decant "
		                "run', with Restart=always");
	return NULL;
}

Err *cli_run_more(Cli *cli, const RunGivenValues *v, ContainerRequest *r)
{
	Strs typed = r->env; /* --env is stronger than files */
	r->env = (Strs){ 0 };
	r->privileged = v->privileged;
	r->read_only = v->read_only;
	TRY(read_lines(cli, &v->env_files, take_env, r));
	for (size_t i = 0; i < typed.count; i++)
		strs_push(cli->arena, &r->env, typed.at[i]);
	TRY(read_lines(cli, &v->label_files, take_label, r));
	for (size_t i = 0; i < v->labels.count; i++)
		take_label(cli->arena, str_from(v->labels.at[i]), r);
	TRY(take_each(cli, &v->mounts, take_mount, r));
	TRY(take_each(cli, &v->tmpfs, take_tmpfs, r));
	TRY(take_each(cli, &v->devices, take_device, r));
	TRY(take_each(cli, &v->hosts, take_host, r));
	TRY(take_each(cli, &v->security, take_security, r));
	for (size_t i = 0; i < v->groups.count; i++)
		strs_push(cli->arena, &r->groups, str_from(v->groups.at[i]));
	set_dns(cli, v, r);
	TRY(set_capabilities(cli, v, r));
	TRY(set_limits(cli, v, r));
	TRY(set_end(cli, v, r));
	for (size_t i = 0; i < v->ignored.count; i++) {
		AUTO_BUF Buf text = BUF_INIT;
		program_text(cli->program->name, str_from(v->ignored.at[i]), &text);
		fprintf(stderr, "warning: %s\n", text.ptr);
	}
	return NULL;
}
