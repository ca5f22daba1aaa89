/* rights.c - capabilities, ids, limits: down to what docker gives a container. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "sandbox/sandbox-internal.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define CAP(name) (1ull << (name))

/* moby oci/caps/defaults.go: 14 capabilities, 0xa80425fb. */
static const uint64_t default_capabilities =
	CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FSETID) | CAP(CAP_FOWNER) |
	CAP(CAP_MKNOD) | CAP(CAP_NET_RAW) | CAP(CAP_SETGID) | CAP(CAP_SETUID) | CAP(CAP_SETFCAP) |
	CAP(CAP_SETPCAP) | CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_SYS_CHROOT) | CAP(CAP_KILL) |
	CAP(CAP_AUDIT_WRITE);

enum { OPEN_FILES = 1048576 }; /* docker's default for containers, soft and hard */

/* What this command may have of them. */
static uint64_t wanted_capabilities(const SandboxSpec *spec)
{
	return (default_capabilities | spec->cap_add) & ~spec->cap_drop;
}

/* linux/capability.h, in the order of their numbers */
static const char *const capability_names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};

bool sandbox_capability(Str name, uint64_t *ret)
{
	if (name.len > 4 && strncasecmp(name.ptr, "CAP_", 4) == 0)
		name = str_from_at(name, 4);
	*ret = ~0ull;
	if (name.len == 3 && strncasecmp(name.ptr, "ALL", 3) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(capability_names); i++)
		if (name.len == strlen(capability_names[i]) &&
		    strncasecmp(name.ptr, capability_names[i], name.len) == 0) {
			*ret = 1ull << i;
			return true;
		}
	return false;
}

static Err *limit_bounding_set(uint64_t wanted)
{
	for (int cap = 0;; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap);
		if (has < 0)
			return NULL; /* past the last one this kernel knows */
		if (has == 0 || (cap < 64 && (wanted >> cap & 1)))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return err_sys(errno, "cannot drop capability %d", cap);
	}
}

static Err *set_capabilities(uint64_t wanted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(errno, "cannot read the capabilities");
	for (int i = 0; i < 2; i++) {
		/* Only what is there already: in a container it may be less. */
		data[i].permitted &= (uint32_t)(wanted >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0; /* CVE-2022-24769: never docker's old inheritable set */
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(errno, "cannot set the capabilities");
	return NULL;
}

static Err *set_groups(const SandboxSpec *spec)
{
	AUTO_FREE gid_t *groups = xcalloc(spec->group_count + 1, sizeof *groups);
	for (size_t i = 0; i < spec->group_count; i++)
		groups[i] = spec->groups[i];
	/* EPERM: the user namespace has "deny" in /proc/self/setgroups (a single-id map). */
	if (setgroups(spec->group_count, groups) < 0 && errno != EPERM)
		return errno == EINVAL ? err_new(ERR_INPUT, "a supplementary group has no id here")
		                       : err_sys(errno, "cannot set the supplementary groups");
	if (setresgid(spec->gid, spec->gid, spec->gid) < 0)
		return errno == EINVAL
		               ? err_note(err_new(ERR_INPUT, "group %u has no id here", spec->gid),
		                          "the ranges in /etc/subgid do not reach it")
		               : err_sys(errno, "cannot become group %u", spec->gid);
	return NULL;
}

static Err *set_user(const SandboxSpec *spec)
{
	if (setresuid(spec->uid, spec->uid, spec->uid) < 0)
		return errno == EINVAL
		               ? err_note(err_new(ERR_INPUT, "user %u has no id here", spec->uid),
		                          "the ranges in /etc/subuid do not reach it")
		               : err_sys(errno, "cannot become user %u", spec->uid);
	return NULL;
}

static void raise_open_files(void)
{
	struct rlimit limit = { OPEN_FILES, OPEN_FILES };
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max; /* an ordinary user may go no higher */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static Err *set_limits(const SandboxSpec *spec)
{
	raise_open_files();
	for (size_t i = 0; i < spec->limit_count; i++) {
		const SandboxLimit *l = &spec->limits[i];
		struct rlimit limit = { l->soft, l->hard };
		if (setrlimit((__rlimit_resource_t)l->resource, &limit) == 0)
			continue;
		if (errno != EPERM)
			return err_sys(errno, "cannot set the limit '%s'", l->name);
		return err_note(err_new(ERR_INPUT, "the limit '%s' cannot be raised to %llu",
		                        l->name, (unsigned long long)l->hard),
		                "an ordinary user may go no higher than its own hard limit, see "
		                "`ulimit -H -a`");
	}
	return NULL;
}

/* All capabilities that are there, for every user: --security=insecure. */
static Err *keep_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(errno, "cannot read the capabilities");
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(errno, "cannot set the capabilities");
	for (int cap = 0; cap < 64; cap++)
		if (data[cap / 32].permitted & (1u << (cap % 32)))
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
	return NULL;
}

static Err *become_insecure(const SandboxSpec *spec)
{
	TRY(set_groups(spec));
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		return err_sys(errno, "cannot keep the capabilities");
	TRY(set_user(spec));
	return keep_capabilities();
}

/* Ids are the same there.  All that is mounted stays that of the namespace around it. */
static Err *enter_user_namespace(const SandboxSpec *spec)
{
	if (spec->user_ns_fd >= 0 && setns(spec->user_ns_fd, CLONE_NEWUSER) < 0)
		return err_sys(errno, "cannot enter the user namespace of emulated programs");
	return NULL;
}

Err *rights_drop(const Host *host, const SandboxSpec *spec)
{
	TRY(set_limits(spec));
	TRY(enter_user_namespace(spec)); /* a limit can be raised only from outside */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (spec->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(errno, "cannot set no_new_privs");
	if (spec->insecure)
		return become_insecure(spec);
	TRY(limit_bounding_set(wanted_capabilities(spec)));
	TRY(set_groups(spec));
	/* While CAP_SYS_ADMIN is still held: without it the kernel wants no_new_privs, and that
	 * would break su and sudo, which work in docker. */
	if (!spec->unconfined &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &host->filter) < 0)
		return err_sys(errno, "cannot load the seccomp filter");
	TRY(set_user(spec)); /* another id than 0 empties the effective and permitted sets */
	return set_capabilities(wanted_capabilities(spec));
}
