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

static void write_state(const Container *c, JsonWriter *w)
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
	number(w, "Pid", c->running ? c->monitor : 0);
	number(w, "ExitCode", c->running ? 0 : c->exit_status);
	json_write_member(w, "Error", STR(""));
	time_member(w, "StartedAt", c->started_ns);
	time_member(w, "FinishedAt", c->running ? 0 : c->finished_ns);
	json_write_object_end(w);
}

static void write_labels(const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "Labels");
	json_write_object(w);
	for (size_t i = 0; i < r->labels.count; i++) {
		bool again = false;
		Str name, later, value = str_cut(r->labels.at[i], '=', &name);
		for (size_t k = i + 1; k < r->labels.count && !again; k++) {
			(void)str_cut(r->labels.at[k], '=', &later);
			again = str_eq(name, later);
		}
		if (again)
			continue; /* the last one counts */
		json_write_key_str(w, name);
		json_write_str(w, value);
	}
	json_write_object_end(w);
}

static void write_config(const Container *c, const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "Config");
	json_write_object(w);
	json_write_member(w, "Hostname", r->hostname.len ? r->hostname : str_head(c->id, 12));
	json_write_member(w, "User", r->user);
	flag(w, "Tty", r->terminal);
	flag(w, "OpenStdin", r->interactive);
	words(w, "Env", &r->env);
	words(w, "Cmd", &r->command);
	json_write_member(w, "Image", c->image_name);
	json_write_member(w, "WorkingDir", r->working_dir);
	words(w, "Entrypoint", &r->entrypoint);
	write_labels(r, w);
	if (r->stop_signal.len)
		json_write_member(w, "StopSignal", r->stop_signal);
	json_write_object_end(w);
}

static void write_ports(Arena *a, const ContainerRequest *r, const char *key, JsonWriter *w)
{
	json_write_key(w, key);
	json_write_object(w);
	for (size_t i = 0; i < r->port_count; i++) {
		const SandboxPort *p = &r->ports[i];
		json_write_key_str(w, arena_strf(a, "%u/%s", p->port, p->udp ? "udp" : "tcp"));
		json_write_array(w);
		json_write_object(w);
		json_write_member(w, "HostIp", str_from(*p->host_ip ? p->host_ip : "0.0.0.0"));
		json_write_member(w, "HostPort", arena_strf(a, "%u", p->host_port));
		json_write_object_end(w);
		json_write_array_end(w);
	}
	json_write_object_end(w);
}

static Str network_name(const ContainerRequest *r)
{
	return r->network == SANDBOX_NET_HOST   ? STR("host")
	       : r->network == SANDBOX_NET_NONE ? STR("none")
	                                        : STR("bridge");
}

static void write_host_config(Arena *a, const ContainerRequest *r, JsonWriter *w)
{
	json_write_key(w, "HostConfig");
	json_write_object(w);
	json_write_member(w, "NetworkMode", network_name(r));
	write_ports(a, r, "PortBindings", w);
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

Err *inspect_container(Arena *a, const Container *c, JsonWriter *w)
{
	ContainerRequest r;
	TRY(container_request_read(c, a, &r));
	json_write_object(w);
	json_write_member(w, "Id", c->id);
	time_member(w, "Created", c->created_ns);
	write_state(c, w);
	json_write_member(w, "Image", digest_arena_text(a, &c->image_id));
	json_write_member(w, "Name", arena_strf(a, "/%.*s", STR_ARG(c->name)));
	number(w, "RestartCount", 0);
	json_write_member(w, "Driver", STR("overlay2"));
	json_write_member(w, "Platform", STR("linux"));
	write_host_config(a, &r, w);
	write_mounts(&r, w);
	write_config(c, &r, w);
	json_write_key(w, "NetworkSettings");
	json_write_object(w);
	write_ports(a, &r, "Ports", w);
	json_write_object_end(w);
	json_write_object_end(w);
	return NULL;
}
