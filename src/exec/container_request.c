/* container_request.c - what a container was asked for, as JSON and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/limits.h"
#include "codec/json.h"
#include "exec/container-internal.h"

#include <sys/resource.h>

/*
 * THE table of what is kept.  Numbers of 64 bits are written as int64_t and come back the same.
 */
typedef enum Kind { KIND_TEXT, KIND_WORDS, KIND_FLAG, KIND_NUMBER, KIND_PATH } Kind;

#define MEMBER(kind, key, member)                             \
	{                                                     \
		key, kind, offsetof(ContainerRequest, member) \
	}
static const struct {
	const char *key;
	Kind kind;
	size_t offset;
} members[] = {
	MEMBER(KIND_TEXT, "ImageName", image_name),
	MEMBER(KIND_WORDS, "Command", command),
	MEMBER(KIND_WORDS, "Entrypoint", entrypoint),
	MEMBER(KIND_WORDS, "Env", env),
	MEMBER(KIND_WORDS, "Labels", labels),
	MEMBER(KIND_WORDS, "Hosts", hosts),
	MEMBER(KIND_WORDS, "Dns", dns),
	MEMBER(KIND_WORDS, "Groups", groups),
	MEMBER(KIND_TEXT, "User", user),
	MEMBER(KIND_TEXT, "WorkingDir", working_dir),
	MEMBER(KIND_TEXT, "Hostname", hostname),
	MEMBER(KIND_TEXT, "StopSignal", stop_signal),
	MEMBER(KIND_NUMBER, "StopTimeout", stop_timeout_s),
	MEMBER(KIND_NUMBER, "ShmBytes", shm_bytes),
	MEMBER(KIND_NUMBER, "CapAdd", cap_add),
	MEMBER(KIND_NUMBER, "CapDrop", cap_drop),
	MEMBER(KIND_FLAG, "Privileged", privileged),
	MEMBER(KIND_FLAG, "ReadOnly", read_only),
	MEMBER(KIND_FLAG, "Unconfined", unconfined),
	MEMBER(KIND_FLAG, "NoNewPrivs", no_new_privs),
	MEMBER(KIND_FLAG, "Remove", remove),
	MEMBER(KIND_FLAG, "Interactive", interactive),
	MEMBER(KIND_FLAG, "Terminal", terminal),
	MEMBER(KIND_NUMBER, "Memory", resources.memory_bytes),
	MEMBER(KIND_NUMBER, "MemorySwap", resources.memory_swap_bytes),
	MEMBER(KIND_NUMBER, "CpuShares", resources.cpu_shares),
	MEMBER(KIND_NUMBER, "CpuPeriod", resources.cpu_period_us),
	MEMBER(KIND_NUMBER, "CpuQuota", resources.cpu_quota_us),
	MEMBER(KIND_PATH, "CpusetCpus", resources.cpuset_cpus),
	MEMBER(KIND_PATH, "CpusetMems", resources.cpuset_mems),
};

enum { MODE_MAX = 07777 };

static const char where[] = "container.json: Request";

/* --- writing --------------------------------------------------------------------------------- */

static void write_words(JsonWriter *w, const Strs *words)
{
	if (!words->count && !words->set) {
		json_write_null(w);
		return;
	}
	json_write_array(w);
	for (size_t i = 0; i < words->count; i++)
		json_write_str(w, words->at[i]);
	json_write_array_end(w);
}

static void write_member(JsonWriter *w, Kind kind, const void *at)
{
	const char *path;
	switch (kind) {
	case KIND_TEXT:
		json_write_str(w, *(const Str *)at);
		return;
	case KIND_WORDS:
		write_words(w, at);
		return;
	case KIND_FLAG:
		json_write_bool(w, *(const bool *)at);
		return;
	case KIND_NUMBER:
		json_write_int(w, *(const int64_t *)at);
		return;
	case KIND_PATH:
		path = *(const char *const *)at;
		json_write_str(w, str_from(path ? path : ""));
		return;
	}
}

static void write_number(JsonWriter *w, const char *key, uint64_t value)
{
	json_write_key(w, key);
	json_write_int(w, (int64_t)value);
}

static void write_lists(JsonWriter *w, const ContainerRequest *r)
{
	json_write_key(w, "Ports");
	json_write_array(w);
	for (size_t i = 0; i < r->port_count; i++) {
		json_write_object(w);
		json_write_member(w, "Ip", str_from(r->ports[i].host_ip));
		write_number(w, "Host", r->ports[i].host_port);
		write_number(w, "Port", r->ports[i].port);
		write_number(w, "Udp", r->ports[i].udp);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_key(w, "Mounts");
	json_write_array(w);
	for (size_t i = 0; i < r->bind_count; i++) {
		json_write_object(w);
		write_number(w, "Kind", r->binds[i].kind);
		json_write_member(w, "Source", r->binds[i].source);
		json_write_member(w, "Target", r->binds[i].target);
		write_number(w, "ReadOnly", r->binds[i].read_only);
		write_number(w, "Make", r->binds[i].make);
		write_number(w, "Size", r->binds[i].size_bytes);
		write_number(w, "Mode", r->binds[i].mode);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_key(w, "Limits");
	json_write_array(w);
	for (size_t i = 0; i < r->limit_count; i++) {
		json_write_object(w);
		json_write_member(w, "Name", str_from(r->limits[i].name));
		write_number(w, "Resource", (uint64_t)r->limits[i].resource);
		write_number(w, "Soft", r->limits[i].soft);
		write_number(w, "Hard", r->limits[i].hard);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

void container_request_write(const ContainerRequest *r, Buf *json)
{
	JsonWriter w = { .out = json };
	json_write_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		json_write_key(&w, members[i].key);
		write_member(&w, members[i].kind, (const char *)r + members[i].offset);
	}
	write_number(&w, "Network", r->network);
	write_lists(&w, r);
	json_write_object_end(&w);
}

/* --- reading --------------------------------------------------------------------------------- */

static Err *read_words(const JsonValue *v, const char *key, Arena *a, Strs *ret)
{
	const JsonValue *list = json_member(v, key);
	*ret = (Strs){ .set = list && !json_value_is_null(list) };
	return json_get_strs(v, where, key, a, &ret->at, &ret->count);
}

static Err *read_member(const JsonValue *v, const char *key, Kind kind, Arena *a, void *at)
{
	Str text = STR("");
	switch (kind) {
	case KIND_TEXT:
		*(Str *)at = text;
		return json_get_str(v, where, key, a, at);
	case KIND_WORDS:
		return read_words(v, key, a, at);
	case KIND_FLAG:
		return json_get_bool(v, where, key, at);
	case KIND_NUMBER:
		return json_get_int(v, where, key, at);
	case KIND_PATH:
		TRY(json_get_str(v, where, key, a, &text));
		*(const char **)at = text.len ? arena_str(a, text).ptr : NULL;
		return NULL;
	}
	return NULL;
}

static Err *read_number(const JsonValue *v, const char *key, uint64_t *ret)
{
	int64_t number = 0;
	TRY(json_get_int(v, where, key, &number));
	*ret = (uint64_t)number;
	return NULL;
}

static Err *read_port(const JsonValue *v, Arena *a, SandboxPort *ret)
{
	uint64_t host = 0, port = 0, udp = 0;
	Str ip = STR("");
	TRY(json_get_str(v, where, "Ip", a, &ip));
	TRY(read_number(v, "Host", &host));
	TRY(read_number(v, "Port", &port));
	TRY(read_number(v, "Udp", &udp));
	if (!host || host > UINT16_MAX || !port || port > UINT16_MAX)
		return err_new(ERR_CORRUPT, "%s: a port that is none", where);
	*ret = (SandboxPort){ (uint16_t)host, (uint16_t)port, udp != 0, arena_str(a, ip).ptr };
	return NULL;
}

static Err *read_mount(const JsonValue *v, Arena *a, ContainerBind *ret)
{
	uint64_t kind = 0, read_only = 0, make = 0;
	*ret = (ContainerBind){ .source = STR(""), .target = STR("") };
	TRY(read_number(v, "Kind", &kind));
	TRY(json_get_str(v, where, "Source", a, &ret->source));
	TRY(json_get_str(v, where, "Target", a, &ret->target));
	TRY(read_number(v, "ReadOnly", &read_only));
	TRY(read_number(v, "Make", &make));
	TRY(read_number(v, "Size", &ret->size_bytes));
	TRY(read_number(v, "Mode", &ret->mode));
	if (kind != SANDBOX_MOUNT_BIND && kind != SANDBOX_MOUNT_DEVICE &&
	    kind != SANDBOX_MOUNT_TMPFS)
		return err_new(ERR_CORRUPT, "%s: a mount of no known kind", where);
	if (!str_starts(ret->target, STR("/")) || ret->mode > MODE_MAX)
		return err_new(ERR_CORRUPT, "%s: a mount that is none", where);
	ret->kind = (SandboxMountKind)kind;
	ret->read_only = read_only != 0;
	ret->make = make != 0;
	return NULL;
}

static Err *read_limit(const JsonValue *v, Arena *a, SandboxLimit *ret)
{
	Str name = STR("");
	uint64_t resource = 0;
	TRY(json_get_str(v, where, "Name", a, &name));
	TRY(read_number(v, "Resource", &resource));
	TRY(read_number(v, "Soft", &ret->soft));
	TRY(read_number(v, "Hard", &ret->hard));
	if (resource >= RLIM_NLIMITS)
		return err_new(ERR_CORRUPT, "%s: a limit of no known resource", where);
	ret->name = arena_str(a, name).ptr;
	ret->resource = (int)resource;
	return NULL;
}

/* Absent is none. */
static Err *find_list(const JsonValue *v, const char *key, const JsonValue **ret)
{
	*ret = json_member(v, key);
	if (!json_value_is_null(*ret) && !json_value_is_array(*ret))
		return err_new(ERR_CORRUPT, "%s.%s: expected an array", where, key);
	for (size_t i = 0; i < json_length(*ret); i++)
		if (!json_value_is_object(json_at(*ret, i)))
			return err_new(ERR_CORRUPT, "%s.%s: expected objects", where, key);
	return NULL;
}

static Err *read_lists(const JsonValue *v, Arena *a, ContainerRequest *r)
{
	const JsonValue *ports, *mounts, *limits;
	TRY(find_list(v, "Ports", &ports));
	TRY(find_list(v, "Mounts", &mounts));
	TRY(find_list(v, "Limits", &limits));
	r->port_count = json_length(ports);
	r->bind_count = json_length(mounts);
	r->limit_count = json_length(limits);
	SandboxPort *port_list =
		arena_alloc(a, (r->port_count + 1) * sizeof *port_list, _Alignof(SandboxPort));
	SandboxLimit *limit_list =
		arena_alloc(a, (r->limit_count + 1) * sizeof *limit_list, _Alignof(SandboxLimit));
	r->binds = arena_alloc(a, (r->bind_count + 1) * sizeof *r->binds, _Alignof(ContainerBind));
	for (size_t i = 0; i < r->port_count; i++)
		TRY(read_port(json_at(ports, i), a, &port_list[i]));
	for (size_t i = 0; i < r->bind_count; i++)
		TRY(read_mount(json_at(mounts, i), a, &r->binds[i]));
	for (size_t i = 0; i < r->limit_count; i++)
		TRY(read_limit(json_at(limits, i), a, &limit_list[i]));
	r->ports = port_list;
	r->limits = limit_list;
	return NULL;
}

static Err *read_all(const JsonValue *v, Arena *a, ContainerRequest *r)
{
	uint64_t network = 0;
	if (!json_value_is_object(v))
		return err_new(ERR_CORRUPT, "%s: expected an object", where);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		TRY(read_member(v, members[i].key, members[i].kind, a,
		                (char *)r + members[i].offset));
	TRY(read_number(v, "Network", &network));
	if (network > SANDBOX_NET_HOST)
		return err_new(ERR_CORRUPT, "%s: no known network", where);
	r->network = (SandboxNetwork)network;
	return read_lists(v, a, r);
}

Err *container_request_read(const Container *c, Arena *a, ContainerRequest *ret)
{
	JsonValue *v = NULL;
	ContainerRequest r = { .name = c->name };
	TRY(json_parse(c->request.len ? c->request : STR("{}"), JSON_BYTES_MAX, where, &v));
	Err *e = read_all(v, a, &r);
	json_free(v);
	TRY(e);
	*ret = r;
	return NULL;
}
