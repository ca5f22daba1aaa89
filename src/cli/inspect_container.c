/* inspect_container.c - docker's JSON of a container. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/clock.h"
#include "cli/inspect.h"

static void flag(JsonWriter *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}

static void number(JsonWriter *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_int(w, value);
}

static void time_member(JsonWriter *w, const char *key, int64_t ns)
{
	char text[CLOCK_TEXT_BYTES];
	/* Go's zero time is what docker has for "not yet" */
	json_write_member(w, key, ns ? clock_format(ns, text) : STR("0001-01-01T00:00:00Z"));
}

static void words(JsonWriter *w, const char *key, const Strs *list)
{
	json_write_key(w, key);
	if (!list->count) {
		json_write_null(w);
		return;
	}
	json_write_array(w);
	for (size_t i = 0; i < list->count; i++)
		json_write_str(w, list->at[i]);
	json_write_array_end(w);
}

/* Docker's is the command's number on the host; 0 if it cannot be told. */
static pid_t first_process(Arena *a, const Container *c)
{
	pid_t *pids = NULL;
	size_t count = 0;
	AUTO_ERR Err *e = c->running ? container_processes(c, a, &pids, &count) : NULL;
	return e || !count ? 0 : pids[0];
}

static void write_state(Arena *a, const Container *c, JsonWriter *w)
{
	json_write_key(w, "State");
	json_write_object(w);
	json_write_member(w, "Status",
	                  c->running      ? STR("running")
	                  : c->started_ns ? STR("exited")
	                                  : STR("created"));
	flag(w, "Running", c->running);
	flag(w, "Paused", false);
	flag(w, "Restarting", false);
	flag(w, "OOMKilled", false);
	flag(w, "Dead", false);
	number(w, "Pid", first_process(a, c));
	number(w, "ExitCode", c->running ? 0 : c->exit_status);
	json_write_member(w, "Error", STR(""));
	time_member(w, "StartedAt", c->started_ns);
	time_member(w, "FinishedAt", c->running ? 0 : c->finished_ns);
	json_write_object_end(w);
}

/* Of `attach` and `start` only the output can be had. */
static Err *write_config(const Container *c, const ContainerRequest *r, const ImageConfig *config,
                         JsonWriter *w)
{
	AUTO_BUF Buf more = BUF_INIT;
	JsonWriter m = { .out = &more };
	json_write_member(&m, "Hostname", r->hostname.len ? r->hostname : str_head(c->id, 12));
	json_write_member(&m, "Domainname", STR(""));
	flag(&m, "AttachStdin", r->interactive);
	flag(&m, "AttachStdout", true);
	flag(&m, "AttachStderr", true);
	flag(&m, "Tty", r->terminal);
	flag(&m, "OpenStdin", r->interactive);
	flag(&m, "StdinOnce", r->interactive);
	json_write_member(&m, "Image", c->image_name);
	if (!config->env.count) {
		json_write_key(&m, "Env");
		json_write_null(&m);
	}
	if (!config->label_count) { /* an object always, so that one can be asked for */
		json_write_key(&m, "Labels");
		json_write_object(&m);
		json_write_object_end(&m);
	}
	return inspect_config(config, buf_str(&more), w);
}

/* All of one port of the container stand together, where the first of them is. */
static void write_port(Arena *a, const ContainerRequest *r, size_t first, JsonWriter *w)
{
	const SandboxPort *p = &r->ports[first];
	for (size_t i = 0; i < first; i++)
		if (r->ports[i].port == p->port && r->ports[i].udp == p->udp)
			return;
	json_write_key_str(w, arena_strf(a, "%u/%s", p->port, p->udp ? "udp" : "tcp"));
	json_write_array(w);
	for (size_t i = first; i < r->port_count; i++) {
		const SandboxPort *q = &r->ports[i];
		if (q->port != p->port || q->udp != p->udp)
			continue;
		json_write_object(w);
		json_write_member(w, "HostIp", str_from(*q->host_ip ? q->host_ip : "0.0.0.0"));
		json_write_member(w, "HostPort", arena_strf(a, "%u", q->host_port));
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_bindings(Arena *a, const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "PortBindings");
	json_write_object(w);
	for (size_t i = 0; i < r->port_count; i++)
		write_port(a, r, i, w);
	json_write_object_end(w);
}

static bool is_published(Arena *a, const ContainerRequest *r, Str port)
{
	for (size_t i = 0; i < r->port_count; i++)
		if (str_eq(port, arena_strf(a, "%u/%s", r->ports[i].port,
		                            r->ports[i].udp ? "udp" : "tcp")))
			return true;
	return false;
}

static Str network_name(const ContainerRequest *r)
{
	return r->network == SANDBOX_NET_HOST   ? STR("host")
	       : r->network == SANDBOX_NET_NONE ? STR("none")
	                                        : STR("bridge");
}

/* As they may be typed. */
static void write_volumes(Arena *a, const ContainerRequest *r, JsonWriter *w)
{
	bool any = false;
	json_write_key(w, "Binds");
	for (size_t i = 0; i < r->bind_count; i++) {
		const ContainerBind *b = &r->binds[i];
		if (b->kind != SANDBOX_MOUNT_BIND)
			continue;
		if (!any)
			json_write_array(w);
		any = true;
		json_write_str(w, arena_strf(a, "%.*s:%.*s%s", STR_ARG(b->source),
		                             STR_ARG(b->target), b->read_only ? ":ro" : ""));
	}
	if (any)
		json_write_array_end(w);
	else
		json_write_null(w);
}

static void write_host_config(Arena *a, const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "HostConfig");
	json_write_object(w);
	write_volumes(a, r, w);
	json_write_member(w, "NetworkMode", network_name(r));
	write_bindings(a, r, w);
	json_write_key(w, "RestartPolicy");
	json_write_object(w);
	json_write_member(w, "Name", STR("no"));
	number(w, "MaximumRetryCount", 0);
	json_write_object_end(w);
	flag(w, "AutoRemove", r->remove);
	flag(w, "Privileged", r->privileged);
	flag(w, "ReadonlyRootfs", r->read_only);
	words(w, "GroupAdd", &r->groups);
	number(w, "ShmSize", r->shm_bytes ? (int64_t)r->shm_bytes : 64 << 20);
	number(w, "Memory", (int64_t)r->resources.memory_bytes);
	number(w, "CpuShares", (int64_t)r->resources.cpu_shares);
	number(w, "CpuPeriod", (int64_t)r->resources.cpu_period_us);
	number(w, "CpuQuota", (int64_t)r->resources.cpu_quota_us);
	json_write_object_end(w);
}

static void write_mounts(const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "Mounts");
	json_write_array(w);
	for (size_t i = 0; i < r->bind_count; i++) {
		const ContainerBind *b = &r->binds[i];
		if (b->kind == SANDBOX_MOUNT_DEVICE)
			continue;
		json_write_object(w);
		json_write_member(w, "Type",
		                  b->kind == SANDBOX_MOUNT_BIND ? STR("bind") : STR("tmpfs"));
		json_write_member(w, "Source", b->source);
		json_write_member(w, "Destination", b->target);
		json_write_member(w, "Mode", STR(""));
		flag(w, "RW", !b->read_only);
		json_write_member(w, "Propagation", STR("rprivate"));
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

/* Its network is one way: nothing on the host reaches its address, so none is told. */
static void write_network(Arena *a, const Container *c, const ContainerRequest *r,
                          const ImageConfig *config, JsonWriter *w)
{
	json_write_key(w, "NetworkSettings");
	json_write_object(w);
	json_write_key(w, "Ports");
	json_write_object(w);
	for (size_t i = 0; c->running && i < r->port_count; i++)
		write_port(a, r, i, w);
	for (size_t i = 0; c->running && i < config->exposed_ports.count; i++) {
		Str port = config->exposed_ports.at[i];
		if (is_published(a, r, port))
			continue;
		json_write_key_str(w, port);
		json_write_null(w);
	}
	json_write_object_end(w);
	json_write_member(w, "Gateway", STR(""));
	json_write_member(w, "IPAddress", STR(""));
	json_write_member(w, "MacAddress", STR(""));
	json_write_key(w, "Networks");
	json_write_object(w);
	json_write_key_str(w, network_name(r));
	json_write_object(w);
	json_write_member(w, "Gateway", STR(""));
	json_write_member(w, "IPAddress", STR(""));
	json_write_member(w, "MacAddress", STR(""));
	json_write_object_end(w);
	json_write_object_end(w);
	json_write_object_end(w);
}

static void write_command(const Strs *argv, JsonWriter *w)
{
	json_write_member(w, "Path", argv->count ? argv->at[0] : STR(""));
	json_write_key(w, "Args");
	json_write_array(w);
	for (size_t i = 1; i < argv->count; i++)
		json_write_str(w, argv->at[i]);
	json_write_array_end(w);
}

static Err *write_sizes(Store *s, const Container *c, const ContainerRequest *r, JsonWriter *w)
{
	uint64_t own = 0;
	TRY(container_size(s, c, &own));
	number(w, "SizeRw", (int64_t)own);
	number(w, "SizeRootFs", (int64_t)(own + r->image.size_bytes));
	return NULL;
}

Err *inspect_container(Store *s, Arena *a, const Container *c, bool size, JsonWriter *w)
{
	ContainerRequest r;
	ImageConfig config;
	Strs argv = { 0 };
	TRY(container_request_whole(s, c, a, &r));
	container_config(&r, a, &config);
	AUTO_ERR Err *nothing = container_argv(&r, a, &argv); /* of an image that is damaged */
	json_write_object(w);
	json_write_member(w, "Id", c->id);
	time_member(w, "Created", c->created_ns);
	write_command(&argv, w);
	write_state(a, c, w);
	json_write_member(w, "Image", digest_arena_text(a, &c->image_id));
	json_write_member(
		w, "LogPath",
		arena_strf(a, "%s/containers/%.*s/log.lines", store_path(s), STR_ARG(c->id)));
	json_write_member(w, "Name", arena_strf(a, "/%.*s", STR_ARG(c->name)));
	number(w, "RestartCount", 0);
	json_write_member(w, "Driver", STR(CLI_STORAGE_DRIVER));
	json_write_member(w, "Platform", STR("linux"));
	write_host_config(a, &r, w);
	if (size)
		TRY(write_sizes(s, c, &r, w));
	write_mounts(&r, w);
	TRY(write_config(c, &r, &config, w));
	write_network(a, c, &r, &config, w);
	json_write_object_end(w);
	return NULL;
}
