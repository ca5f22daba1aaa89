/*
 * cgroup.c - memory and processors of a run, limited by cgroups of version 2 or 1.
 *
 * A run with limits gets a cgroup of its own below --cgroup-parent, or below the cgroup of this
 * process; in version 1 one in each hierarchy that has the controller.  In version 2 a cgroup whose
 * children have controllers may hold no process itself, save the root: there, without a parent
 * given, the administrator's "/decant" is used, and as an ordinary user the own one, which works
 * where it was delegated (systemd-run --user -p Delegate=yes) and nobody else is in it.
 *
 * SOURCE  cgroups(7), kernel admin-guide/cgroup-v2.rst and cgroup-v1/
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "fs/path.h"
#include "sandbox/sandbox-internal.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>

enum { CGROUP2_MAGIC = 0x63677270 };
#define CGROUP_ROOT "/sys/fs/cgroup"

bool cgroup_wanted(const SandboxResources *r)
{
	return r->memory_bytes || r->memory_swap_bytes || r->cpu_shares || r->cpu_period_us ||
	       r->cpu_quota_us || r->cpuset_cpus || r->cpuset_mems || r->cgroup_parent;
}

/* --- files ----------------------------------------------------------------------------------- */

static Err *write_at(const char *dir, const char *name, const char *value)
{
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "%s/%s", dir, name);
	AUTO_CLOSE int fd = openat(AT_FDCWD, path.ptr, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return err_sys(errno, "cannot write '%s' to '%s'", value, path.ptr);
	return NULL;
}

static Err *write_number(const char *dir, const char *name, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	return n ? write_at(dir, name, text) : NULL;
}

/* The line of /proc/self/cgroup of CONTROLLER ("" version 2): the cgroup of this process. */
static Err *own_cgroup(const char *controller, Buf *out)
{
	AUTO_BUF Buf text = BUF_INIT;
	AUTO_CLOSE int fd = openat(AT_FDCWD, "/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '/proc/self/cgroup'");
	TRY(path_read_fd(fd, 65536, "/proc/self/cgroup", &text));
	for (Str rest = buf_str(&text), line; rest.len;) {
		Str id, list;
		rest = str_cut(rest, '\n', &line);
		Str after = str_cut(line, ':', &id), path = str_cut(after, ':', &list);
		bool found = !*controller && !list.len;
		for (Str names = list, name; names.len && !found;) {
			names = str_cut(names, ',', &name);
			found = str_eqc(name, controller);
		}
		if (!found)
			continue;
		buf_add_str(out, path);
		return NULL;
	}
	return err_new(ERR_SYSTEM, "there is no cgroup controller '%s' here", controller);
}

/* --- one cgroup ------------------------------------------------------------------------------ */

/* BASE: "/sys/fs/cgroup/memory"; PARENT: "/system.slice". */
static Err *make_group(const char *base, const char *parent, unsigned run, Cgroups *ret)
{
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "%s%s%s/decant-%d-%u", base, *parent == '/' ? "" : "/", parent,
	         (int)getpid(), run);
	if (mkdirat(AT_FDCWD, path.ptr, 0755) < 0 && errno != EEXIST)
		return err_sys(errno, "cannot make the cgroup '%s'", path.ptr);
	ret->paths[ret->count] = xstrdup(path.ptr);
	buf_addf(&path, "/cgroup.procs");
	ret->procs_fds[ret->count++] = openat(AT_FDCWD, path.ptr, O_WRONLY | O_CLOEXEC);
	if (ret->procs_fds[ret->count - 1] < 0)
		return err_sys(errno, "cannot open '%s'", path.ptr);
	return NULL;
}

static Err *make_dirs(const char *path)
{
	return mkdirat(AT_FDCWD, path, 0755) < 0 && errno != EEXIST
	               ? err_sys(errno, "cannot make the cgroup '%s'", path)
	               : NULL;
}

/* --- version 2 ------------------------------------------------------------------------------- */

static const char *last_group(const Cgroups *c)
{
	return c->paths[c->count - 1];
}

static Err *set_memory2(const SandboxResources *r, const char *dir)
{
	TRY(write_number(dir, "memory.max", r->memory_bytes));
	if (r->memory_swap_bytes < 0)
		return write_at(dir, "memory.swap.max", "max");
	uint64_t both = (uint64_t)r->memory_swap_bytes;
	char swap[24];
	if (both < r->memory_bytes || !both)
		return NULL;
	snprintf(swap, sizeof swap, "%llu", (unsigned long long)(both - r->memory_bytes));
	return write_at(dir, "memory.swap.max", swap);
}

static Err *set_cpu2(const SandboxResources *r, const char *dir)
{
	/* 2..262144 → 1..10000, as runc maps them */
	uint64_t shares = r->cpu_shares < 2 ? 2 : r->cpu_shares > 262144 ? 262144 : r->cpu_shares;
	if (r->cpu_shares)
		TRY(write_number(dir, "cpu.weight", 1 + (shares - 2) * 9999 / 262142));
	if (!r->cpu_quota_us && !r->cpu_period_us)
		return NULL;
	char text[64], quota[24] = "max";
	if (r->cpu_quota_us)
		snprintf(quota, sizeof quota, "%llu", (unsigned long long)r->cpu_quota_us);
	snprintf(text, sizeof text, "%s %llu", quota,
	         (unsigned long long)(r->cpu_period_us ? r->cpu_period_us : 100000));
	return write_at(dir, "cpu.max", text);
}

/* The controllers go on to the children of each cgroup on the way down to PARENT. */
static Err *enable_controllers(const SandboxResources *r, const char *parent)
{
	AUTO_BUF Buf wanted = BUF_INIT, path = BUF_INIT;
	if (r->memory_bytes || r->memory_swap_bytes)
		buf_addf(&wanted, "+memory ");
	if (r->cpu_shares || r->cpu_period_us || r->cpu_quota_us)
		buf_addf(&wanted, "+cpu ");
	if (r->cpuset_cpus || r->cpuset_mems)
		buf_addf(&wanted, "+cpuset ");
	if (!wanted.len)
		return NULL;
	buf_addf(&path, CGROUP_ROOT);
	for (Str rest = str_from(parent), name;;) {
		/* Above a delegated cgroup it is not ours to write, and done. */
		AUTO_ERR Err *e = write_at(path.ptr, "cgroup.subtree_control", wanted.ptr);
		while (rest.len && rest.ptr[0] == '/')
			rest = str_from_at(rest, 1);
		if (!rest.len)
			return TAKE_PTR(e);
		rest = str_cut(rest, '/', &name);
		buf_addf(&path, "/%.*s", STR_ARG(name));
		TRY(make_dirs(path.ptr));
	}
}

static Err *make_v2(const SandboxResources *r, unsigned run, Cgroups *ret)
{
	AUTO_BUF Buf parent = BUF_INIT;
	if (r->cgroup_parent)
		buf_addf(&parent, "%s", r->cgroup_parent);
	else if (sandbox_rung() == SANDBOX_ROOT)
		buf_addf(&parent, "/decant");
	else
		TRY(own_cgroup("", &parent));
	TRY(enable_controllers(r, parent.ptr));
	TRY(make_group(CGROUP_ROOT, parent.ptr, run, ret));
	const char *dir = last_group(ret);
	TRY(set_memory2(r, dir));
	TRY(set_cpu2(r, dir));
	if (r->cpuset_cpus)
		TRY(write_at(dir, "cpuset.cpus", r->cpuset_cpus));
	return r->cpuset_mems ? write_at(dir, "cpuset.mems", r->cpuset_mems) : NULL;
}

/* --- version 1 ------------------------------------------------------------------------------- */

static Err *set_memory1(const SandboxResources *r, const char *dir)
{
	TRY(write_number(dir, "memory.limit_in_bytes", r->memory_bytes));
	if (r->memory_swap_bytes < 0)
		return write_at(dir, "memory.memsw.limit_in_bytes", "-1");
	return write_number(dir, "memory.memsw.limit_in_bytes", (uint64_t)r->memory_swap_bytes);
}

static Err *set_cpu1(const SandboxResources *r, const char *dir)
{
	TRY(write_number(dir, "cpu.shares", r->cpu_shares));
	TRY(write_number(dir, "cpu.cfs_period_us", r->cpu_period_us));
	return write_number(dir, "cpu.cfs_quota_us", r->cpu_quota_us);
}

static Err *read_at(const char *dir, const char *name, Buf *out)
{
	AUTO_BUF Buf path = BUF_INIT;
	buf_addf(&path, "%s/%s", dir, name);
	AUTO_CLOSE int fd = openat(AT_FDCWD, path.ptr, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", path.ptr);
	TRY(path_read_fd(fd, 65536, path.ptr, out));
	buf_add_char(out, '\0');
	return NULL;
}

/* A new cpuset of version 1 has no processor and no memory: then those of its parent. */
static Err *inherit_cpuset(const char *dir, const char *name)
{
	AUTO_BUF Buf parent = BUF_INIT, own = BUF_INIT, value = BUF_INIT;
	TRY(read_at(dir, name, &own));
	if (str_trim(str_from(own.ptr)).len)
		return NULL;
	buf_addf(&parent, "%s/..", dir);
	TRY(read_at(parent.ptr, name, &value));
	return write_at(dir, name, value.ptr);
}

static Err *set_cpuset1(const SandboxResources *r, const char *dir)
{
	AUTO_BUF Buf parent = BUF_INIT;
	buf_addf(&parent, "%s/..", dir); /* --cgroup-parent may be new as well */
	TRY(inherit_cpuset(parent.ptr, "cpuset.cpus"));
	TRY(inherit_cpuset(parent.ptr, "cpuset.mems"));
	TRY(inherit_cpuset(dir, "cpuset.cpus"));
	TRY(inherit_cpuset(dir, "cpuset.mems"));
	if (r->cpuset_cpus)
		TRY(write_at(dir, "cpuset.cpus", r->cpuset_cpus));
	return r->cpuset_mems ? write_at(dir, "cpuset.mems", r->cpuset_mems) : NULL;
}

static Err *make_v1(const SandboxResources *r, unsigned run, Cgroups *ret)
{
	bool any = r->cgroup_parent != NULL; /* a parent alone: for accounting */
	const struct {
		const char *name;
		bool wanted;
		Err *(*set)(const SandboxResources *r, const char *dir);
	} controllers[] = {
		{ "memory", any || r->memory_bytes || r->memory_swap_bytes, set_memory1 },
		{ "cpu", any || r->cpu_shares || r->cpu_period_us || r->cpu_quota_us, set_cpu1 },
		{ "cpuset", any || r->cpuset_cpus || r->cpuset_mems, set_cpuset1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
		AUTO_BUF Buf base = BUF_INIT, parent = BUF_INIT, whole = BUF_INIT;
		if (!controllers[i].wanted)
			continue;
		buf_addf(&base, CGROUP_ROOT "/%s", controllers[i].name);
		if (r->cgroup_parent)
			buf_addf(&parent, "%s", r->cgroup_parent);
		else
			TRY(own_cgroup(controllers[i].name, &parent));
		buf_addf(&whole, "%s%s%s", base.ptr, *parent.ptr == '/' ? "" : "/", parent.ptr);
		TRY(make_dirs(whole.ptr));
		TRY(make_group(base.ptr, parent.ptr, run, ret));
		TRY(controllers[i].set(r, last_group(ret)));
	}
	return NULL;
}

/* --- all ------------------------------------------------------------------------------------- */

Err *cgroup_make(const SandboxResources *r, unsigned run, Cgroups *ret)
{
	struct statfs fs;
	if (statfs(CGROUP_ROOT, &fs) < 0)
		return err_sys(errno, "there are no cgroups at '" CGROUP_ROOT "'");
	return fs.f_type == CGROUP2_MAGIC ? make_v2(r, run, ret) : make_v1(r, run, ret);
}

Err *cgroup_join(const Cgroups *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (write(c->procs_fds[i], "0", 1) < 0)
			return err_sys(errno, "cannot join the cgroup '%s'", c->paths[i]);
	if (unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(errno, "cannot make a cgroup namespace");
	return NULL;
}

/* LINE of /proc/PID/cgroup. */
static Err *join_line(Str line)
{
	Str id, list, controller, path = str_cut(str_cut(line, ':', &id), ':', &list);
	(void)str_cut(list, ',', &controller);
	const char *own = memmem(path.ptr, path.len, "/decant-", strlen("/decant-"));
	AUTO_BUF Buf dir = BUF_INIT;
	if (!own)
		return NULL; /* not one that we made */
	buf_addf(&dir, CGROUP_ROOT "/%.*s/%.*s", STR_ARG(controller), STR_ARG(path));
	return write_at(dir.ptr, "cgroup.procs", "0");
}

Err *cgroup_join_of(pid_t pid)
{
	char path[48];
	AUTO_BUF Buf text = BUF_INIT;
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	AUTO_CLOSE int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(errno, "cannot open '%s'", path);
	TRY(path_read_fd(fd, 65536, path, &text));
	for (Str rest = buf_str(&text), line; rest.len;) {
		rest = str_cut(rest, '\n', &line);
		TRY_WHILE(join_line(line), "joining the container's cgroups");
	}
	return NULL;
}

/* Who joined by cgroup_join_of() ends with the run, but a moment later. */
static void remove_group(const char *path)
{
	enum { TRIES = 100, NAP_US = 10000 };
	for (int i = 0; i < TRIES; i++) {
		if (unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return;
		(void)usleep(NAP_US); /* what stays is empty */
	}
}

void cgroup_remove(Cgroups *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->procs_fds[i] >= 0)
			close(c->procs_fds[i]);
		remove_group(c->paths[i]);
		free(c->paths[i]);
	}
	*c = (Cgroups){ 0 };
}
