/* build_limits.c - what RUN may use: --shm-size, --ulimit, --resource and its older spellings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_limits.h"
#include "cli/build_options.h"

#include <sys/resource.h>

/* --- --ulimit ----------------------------------------------------------------------------------
 */

/* docker/go-units, ulimit.go */
static const struct {
	const char *name;
	int resource;
} ulimits[] = {
	{ "core", RLIMIT_CORE },         { "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },         { "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },       { "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },     { "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },           { "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },     { "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static bool take_limit_number(Str text, uint64_t *ret)
{
	if (str_eqc(text, "-1")) {
		*ret = RLIM_INFINITY;
		return true;
	}
	return str_to_u64(text, ret);
}

Err *build_limits_ulimit(Cli *cli, const char *text, SandboxLimit *ret)
{
	Str name, soft, numbers = str_cut(str_from(text), '=', &name);
	const char *names[ARRAY_LEN(ulimits)];
	bool known = false;
	for (size_t i = 0; i < ARRAY_LEN(ulimits); i++) {
		names[i] = ulimits[i].name;
		if (!str_eqc(name, ulimits[i].name))
			continue;
		ret->resource = ulimits[i].resource;
		ret->name = ulimits[i].name;
		known = true;
	}
	if (!known) {
		Err *e = cli_usage(cli, "invalid ulimit type: %.*s", STR_ARG(name));
		const char *near =
			option_suggest(arena_str(cli->arena, name).ptr, names, ARRAY_LEN(names));
		return near ? err_note(e, "did you mean %s?", near) : e;
	}
	Str hard = str_cut(numbers, ':', &soft);
	if (!take_limit_number(soft, &ret->soft) ||
	    (hard.len && !take_limit_number(hard, &ret->hard)))
		return err_note(cli_usage(cli, "invalid ulimit argument: %s", text),
		                "write NAME=SOFT or NAME=SOFT:HARD; -1 is unlimited");
	if (!hard.len)
		ret->hard = ret->soft;
	if (ret->soft > ret->hard)
		return cli_usage(cli,
		                 "ulimit soft limit must be less than or equal to hard limit: %s",
		                 text);
	return NULL;
}

static Err *take_limits(Cli *cli, const BuildValues *v, BuildRun *run)
{
	SandboxLimit *list = arena_alloc(cli->arena, (v->ulimits.count + 1) * sizeof *list,
	                                 _Alignof(SandboxLimit));
	for (size_t i = 0; i < v->ulimits.count; i++)
		TRY(build_limits_ulimit(cli, v->ulimits.at[i], &list[i]));
	run->limits = list;
	run->limit_count = v->ulimits.count;
	return NULL;
}

/* --- --resource --------------------------------------------------------------------------------
 */

static Err *invalid(Cli *cli, Str key, Str value)
{
	return cli_usage(cli, "invalid value for %.*s: '%.*s'", STR_ARG(key), STR_ARG(value));
}

static Err *take_bytes(Cli *cli, Str key, Str value, uint64_t *ret)
{
	enum { MEMORY_MIN = 6 << 20 }; /* docker's: below that no process starts */
	if (!str_to_bytes(value, ret))
		return err_note(invalid(cli, key, value), "a number of bytes, or 512m, 2g");
	if (*ret && *ret < MEMORY_MIN)
		return err_note(invalid(cli, key, value), "the least is 6m");
	return NULL;
}

/* Lists of numbers and ranges: "0-3,5". */
static Err *take_set(Cli *cli, Str key, Str value, const char **ret)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.ptr[i] < '0' || value.ptr[i] > '9') && value.ptr[i] != '-' &&
		    value.ptr[i] != ',')
			return err_note(invalid(cli, key, value), "as in 0-3 or 0,1");
	*ret = arena_str(cli->arena, value).ptr;
	return NULL;
}

static Err *take_swap(Cli *cli, Str key, Str value, int64_t *ret)
{
	uint64_t bytes;
	*ret = -1;
	if (str_eqc(value, "-1"))
		return NULL;
	TRY(take_bytes(cli, key, value, &bytes));
	*ret = (int64_t)bytes;
	return NULL;
}

Err *build_limits_resource(Cli *cli, Str key, Str value, SandboxResources *r)
{
	const struct {
		const char *name;
		uint64_t *number;
	} numbers[] = { { "cpu-shares", &r->cpu_shares },
		        { "cpu-period", &r->cpu_period_us },
		        { "cpu-quota", &r->cpu_quota_us } };
	if (str_eqc(key, "memory"))
		return take_bytes(cli, key, value, &r->memory_bytes);
	if (str_eqc(key, "memory-swap"))
		return take_swap(cli, key, value, &r->memory_swap_bytes);
	if (str_eqc(key, "cpuset-cpus"))
		return take_set(cli, key, value, &r->cpuset_cpus);
	if (str_eqc(key, "cpuset-mems"))
		return take_set(cli, key, value, &r->cpuset_mems);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (!str_eqc(key, numbers[i].name))
			continue;
		if (str_eqc(value, "-1")) {
			*numbers[i].number = 0;
			return NULL;
		}
		return str_to_u64(value, numbers[i].number) ? NULL : invalid(cli, key, value);
	}
	return err_note(cli_usage(cli, "unknown resource '%.*s'", STR_ARG(key)),
	                "there are memory, memory-swap, cpu-shares, cpu-period, cpu-quota, "
	                "cpuset-cpus and cpuset-mems");
}

static Err *take_resources(Cli *cli, const BuildValues *v, BuildRun *run)
{
	SandboxResources *r = &run->resources;
	const struct {
		const char *name, *value;
	} older[] = {
		{ "memory", v->memory },           { "memory-swap", v->memory_swap },
		{ "cpu-shares", v->cpu_shares },   { "cpu-period", v->cpu_period },
		{ "cpu-quota", v->cpu_quota },     { "cpuset-cpus", v->cpuset_cpus },
		{ "cpuset-mems", v->cpuset_mems },
	};
	for (size_t i = 0; i < ARRAY_LEN(older); i++)
		if (older[i].value)
			TRY(build_limits_resource(cli, str_from(older[i].name),
			                          str_from(older[i].value), r));
	for (size_t i = 0; i < v->resources.count; i++) {
		Str key, value = str_cut(str_from(v->resources.at[i]), '=', &key);
		if (key.len == strlen(v->resources.at[i]))
			return cli_usage(cli, "invalid resource \"%s\", expected key=value",
			                 v->resources.at[i]);
		TRY(build_limits_resource(cli, key, value, r));
	}
	if (r->memory_swap_bytes > 0 && (uint64_t)r->memory_swap_bytes < r->memory_bytes)
		return cli_usage(cli, "--memory-swap is memory and swap together: it cannot be "
		                      "less than --memory");
	return NULL;
}

static Err *take_parent(Cli *cli, const BuildValues *v, BuildRun *run)
{
	const char *parent = v->cgroup_parent;
	if (!parent || !*parent)
		return NULL;
	for (Str rest = str_from(parent), name; rest.len;) {
		rest = str_cut(rest, '/', &name);
		if (str_eqc(name, ".."))
			return cli_usage(cli, "invalid --cgroup-parent '%s'", parent);
	}
	run->resources.cgroup_parent = parent;
	return NULL;
}

Err *build_limits_make(Cli *cli, const BuildValues *v, BuildRun *run)
{
	if (v->shm_size && !str_to_bytes(str_from(v->shm_size), &run->shm_bytes))
		return err_note(cli_usage(cli, "invalid size: '%s'", v->shm_size),
		                "--shm-size is a number of bytes, or 64m, 1g");
	TRY(take_limits(cli, v, run));
	TRY(take_resources(cli, v, run));
	return take_parent(cli, v, run);
}
