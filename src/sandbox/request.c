/* request.c - a SandboxSpec as one message, and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/request.h"

/* fds travel beside the bytes; in the bytes stands their place in the list, from 1. */
static void put_fd(Buf *b, FdList *fds, int fd)
{
	if (fd < 0) {
		wire_put_u32(b, 0);
		return;
	}
	VEC_PUSH(fds, fd);
	wire_put_u32(b, (uint32_t)fds->len);
}

static int get_fd(WireReader *r, const FdList *fds)
{
	uint32_t place = wire_get_u32(r);
	if (place == 0)
		return -1;
	if (place > fds->len) {
		r->bad = true;
		return -1;
	}
	return fds->at[place - 1];
}

static void put_strings(Buf *b, const char *const *strings)
{
	size_t count = 0;
	while (strings && strings[count])
		count++;
	wire_put_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		wire_put_str(b, str_from(strings[i]));
}

static const char *get_string(WireReader *r, Arena *a)
{
	return arena_str(a, wire_get_str(r)).ptr;
}

static const char *get_string_or_null(WireReader *r, Arena *a)
{
	return wire_get_u32(r) ? get_string(r, a) : NULL;
}

/* A count from the message, given up (0) if so many items of ITEM_BYTES cannot follow. */
static size_t get_count(WireReader *r, size_t item_bytes)
{
	size_t count = wire_get_u32(r);
	if (count > wire_room_for(r, item_bytes)) {
		r->bad = true;
		return 0;
	}
	return count;
}

static const char *const *get_strings(WireReader *r, Arena *a)
{
	size_t count = get_count(r, sizeof(uint32_t));
	const char **strings = arena_alloc(a, (count + 1) * sizeof *strings, _Alignof(char *));
	for (size_t i = 0; i < count; i++)
		strings[i] = get_string(r, a);
	return strings;
}

static void put_fds(Buf *b, FdList *fds, const int *list, size_t count)
{
	wire_put_u32(b, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		put_fd(b, fds, list[i]);
}

static const int *get_fds(WireReader *r, const FdList *fds, Arena *a, size_t *ret_count)
{
	*ret_count = get_count(r, sizeof(uint32_t));
	int *list = arena_alloc(a, (*ret_count + 1) * sizeof *list, _Alignof(int));
	for (size_t i = 0; i < *ret_count; i++)
		list[i] = get_fd(r, fds);
	return list;
}

static void put_mount(Buf *b, FdList *fds, const SandboxMount *m)
{
	bool layers = m->kind == SANDBOX_MOUNT_LAYERS, tmpfs = m->kind == SANDBOX_MOUNT_TMPFS;
	wire_put_u32(b, m->kind);
	put_fd(b, fds, layers || tmpfs ? -1 : m->source_fd);
	wire_put_str(b, str_from(m->target));
	wire_put_u32(b, m->read_only);
	wire_put_u64(b, m->size_bytes);
	put_fds(b, fds, m->lower_fds, layers ? m->lower_count : 0);
	put_fd(b, fds, layers ? m->upper_fd : -1);
	put_fd(b, fds, layers ? m->work_fd : -1);
	wire_put_str(b, str_from(m->part ? m->part : ""));
	wire_put_u32(b, m->uid);
	wire_put_u32(b, m->gid);
	wire_put_u32(b, m->mode);
}

static void get_mount(WireReader *r, const FdList *fds, Arena *a, SandboxMount *m)
{
	*m = (SandboxMount){ .kind = (SandboxMountKind)wire_get_u32(r) };
	m->source_fd = get_fd(r, fds);
	m->target = get_string(r, a);
	m->read_only = wire_get_u32(r) != 0;
	m->size_bytes = wire_get_u64(r);
	m->lower_fds = get_fds(r, fds, a, &m->lower_count);
	m->upper_fd = get_fd(r, fds);
	m->work_fd = get_fd(r, fds);
	m->part = get_string(r, a);
	m->uid = wire_get_u32(r);
	m->gid = wire_get_u32(r);
	m->mode = wire_get_u32(r);
}

static void put_mounts(Buf *b, FdList *fds, const SandboxSpec *s)
{
	wire_put_u32(b, (uint32_t)s->mount_count);
	for (size_t i = 0; i < s->mount_count; i++)
		put_mount(b, fds, &s->mounts[i]);
}

static void get_mounts(WireReader *r, const FdList *fds, Arena *a, SandboxSpec *s)
{
	s->mount_count = get_count(r, 12 * sizeof(uint32_t));
	SandboxMount *mounts =
		arena_alloc(a, (s->mount_count + 1) * sizeof *mounts, _Alignof(SandboxMount));
	for (size_t i = 0; i < s->mount_count; i++)
		get_mount(r, fds, a, &mounts[i]);
	s->mounts = mounts;
}

static void put_limits(Buf *b, const SandboxSpec *s)
{
	wire_put_u32(b, (uint32_t)s->limit_count);
	for (size_t i = 0; i < s->limit_count; i++) {
		wire_put_u32(b, (uint32_t)s->limits[i].resource);
		wire_put_u64(b, s->limits[i].soft);
		wire_put_u64(b, s->limits[i].hard);
		wire_put_str(b, str_from(s->limits[i].name));
	}
}

static void get_limits(WireReader *r, Arena *a, SandboxSpec *s)
{
	s->limit_count = get_count(r, 6 * sizeof(uint32_t));
	SandboxLimit *limits =
		arena_alloc(a, (s->limit_count + 1) * sizeof *limits, _Alignof(SandboxLimit));
	for (size_t i = 0; i < s->limit_count; i++) {
		limits[i].resource = (int)wire_get_u32(r);
		limits[i].soft = wire_get_u64(r);
		limits[i].hard = wire_get_u64(r);
		limits[i].name = get_string(r, a);
	}
	s->limits = limits;
}

static void put_resources(Buf *b, const SandboxResources *r)
{
	wire_put_u64(b, r->memory_bytes);
	wire_put_u64(b, (uint64_t)r->memory_swap_bytes);
	wire_put_u64(b, r->cpu_shares);
	wire_put_u64(b, r->cpu_period_us);
	wire_put_u64(b, r->cpu_quota_us);
	wire_put_cstr(b, r->cpuset_cpus);
	wire_put_cstr(b, r->cpuset_mems);
	wire_put_cstr(b, r->cgroup_parent);
}

static void get_resources(WireReader *r, Arena *a, SandboxResources *ret)
{
	ret->memory_bytes = wire_get_u64(r);
	ret->memory_swap_bytes = (int64_t)wire_get_u64(r);
	ret->cpu_shares = wire_get_u64(r);
	ret->cpu_period_us = wire_get_u64(r);
	ret->cpu_quota_us = wire_get_u64(r);
	ret->cpuset_cpus = get_string_or_null(r, a);
	ret->cpuset_mems = get_string_or_null(r, a);
	ret->cgroup_parent = get_string_or_null(r, a);
}

static void put_ports(Buf *b, const SandboxSpec *s)
{
	wire_put_u32(b, (uint32_t)s->port_count);
	for (size_t i = 0; i < s->port_count; i++) {
		const SandboxPort *p = &s->ports[i];
		wire_put_u32(b, p->host_port);
		wire_put_u32(b, p->port);
		wire_put_u32(b, p->udp);
		wire_put_str(b, str_from(p->host_ip ? p->host_ip : ""));
	}
}

static void get_ports(WireReader *r, Arena *a, SandboxSpec *s)
{
	s->port_count = get_count(r, 4 * sizeof(uint32_t));
	SandboxPort *ports =
		arena_alloc(a, (s->port_count + 1) * sizeof *ports, _Alignof(SandboxPort));
	for (size_t i = 0; i < s->port_count; i++) {
		ports[i].host_port = (uint16_t)wire_get_u32(r);
		ports[i].port = (uint16_t)wire_get_u32(r);
		ports[i].udp = wire_get_u32(r) != 0;
		ports[i].host_ip = get_string(r, a);
	}
	s->ports = ports;
}

void request_encode(const SandboxSpec *s, Buf *b, FdList *fds)
{
	put_fds(b, fds, s->lower_fds, s->lower_count);
	put_fd(b, fds, s->upper_fd);
	put_fd(b, fds, s->work_fd);
	put_strings(b, s->argv);
	put_strings(b, s->env);
	wire_put_str(b, str_from(s->cwd ? s->cwd : "/"));
	wire_put_u32(b, s->uid);
	wire_put_u32(b, s->gid);
	wire_put_u32(b, (uint32_t)s->group_count);
	for (size_t i = 0; i < s->group_count; i++)
		wire_put_u32(b, s->groups[i]);
	wire_put_cstr(b, s->hostname);
	wire_put_str(b, str_from(s->extra_hosts ? s->extra_hosts : ""));
	wire_put_u32(b, s->network);
	put_ports(b, s);
	put_mounts(b, fds, s);
	wire_put_u64(b, s->shm_bytes);
	wire_put_u32(b, s->insecure);
	wire_put_u32(b, s->read_only);
	wire_put_u32(b, s->unconfined);
	wire_put_u32(b, s->no_new_privs);
	wire_put_u64(b, s->cap_add);
	wire_put_u64(b, s->cap_drop);
	wire_put_cstr(b, s->resolv_conf);
	put_limits(b, s);
	put_resources(b, &s->resources);
	put_fd(b, fds, s->stdin_fd);
	put_fd(b, fds, s->stdout_fd);
	put_fd(b, fds, s->stderr_fd);
	put_fd(b, fds, s->terminal_fd > 0 ? s->terminal_fd : -1);
	put_fd(b, fds, s->events_fd > 0 ? s->events_fd : -1);
	put_fd(b, fds, s->user_ns_fd > 0 ? s->user_ns_fd : -1);
}

Err *request_decode(Str bytes, const FdList *fds, Arena *a, SandboxSpec *ret)
{
	WireReader reader = { .rest = bytes }, *r = &reader;
	SandboxSpec s = { 0 };

	s.lower_fds = get_fds(r, fds, a, &s.lower_count);
	s.upper_fd = get_fd(r, fds);
	s.work_fd = get_fd(r, fds);
	s.argv = get_strings(r, a);
	s.env = get_strings(r, a);
	s.cwd = get_string(r, a);
	s.uid = wire_get_u32(r);
	s.gid = wire_get_u32(r);
	s.group_count = get_count(r, sizeof(uint32_t));
	uint32_t *groups = arena_alloc(a, (s.group_count + 1) * sizeof *groups, _Alignof(uint32_t));
	for (size_t i = 0; i < s.group_count; i++)
		groups[i] = wire_get_u32(r);
	s.groups = groups;
	s.hostname = get_string_or_null(r, a);
	s.extra_hosts = get_string(r, a);
	s.network = (SandboxNetwork)wire_get_u32(r);
	get_ports(r, a, &s);
	get_mounts(r, fds, a, &s);
	s.shm_bytes = wire_get_u64(r);
	s.insecure = wire_get_u32(r) != 0;
	s.read_only = wire_get_u32(r) != 0;
	s.unconfined = wire_get_u32(r) != 0;
	s.no_new_privs = wire_get_u32(r) != 0;
	s.cap_add = wire_get_u64(r);
	s.cap_drop = wire_get_u64(r);
	s.resolv_conf = get_string_or_null(r, a);
	get_limits(r, a, &s);
	get_resources(r, a, &s.resources);
	s.stdin_fd = get_fd(r, fds);
	s.stdout_fd = get_fd(r, fds);
	s.stderr_fd = get_fd(r, fds);
	s.terminal_fd = get_fd(r, fds);
	s.events_fd = get_fd(r, fds);
	s.user_ns_fd = get_fd(r, fds);
	if (r->bad || r->rest.len > 0)
		return err_new(ERR_SYSTEM, "a request to the sandbox server is damaged");
	*ret = s;
	return NULL;
}

void request_encode_result(const SandboxResult *result, Buf *b)
{
	wire_put_u32(b, (uint32_t)result->exit_status);
	wire_put_u32(b, (uint32_t)result->signal);
	wire_put_u64(b, (uint64_t)result->max_rss_bytes);
	wire_put_u64(b, (uint64_t)result->cpu_ns);
	wire_put_str(b, result->unlimited ? str_from(result->unlimited_reason) : STR(""));
}

void request_decode_result(WireReader *r, SandboxResult *ret)
{
	*ret = (SandboxResult){ 0 };
	ret->exit_status = (int)wire_get_u32(r);
	ret->signal = (int)wire_get_u32(r);
	ret->max_rss_bytes = (int64_t)wire_get_u64(r);
	ret->cpu_ns = (int64_t)wire_get_u64(r);
	Str reason = str_head(wire_get_str(r), sizeof ret->unlimited_reason - 1);
	ret->unlimited = reason.len > 0;
	if (reason.len)
		memcpy(ret->unlimited_reason, reason.ptr, reason.len);
}
