/* run_given.h - what `run` and `create` give a container beyond what `shell` does. */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "exec/container.h"

typedef struct RunGivenValues {
	OptionList env_files, mounts, tmpfs, hosts, cap_add, cap_drop, ulimits, labels, label_files;
	OptionList security, groups, dns, dns_search, dns_options, devices;
	OptionList ignored;
	const char *cpus, *memory, *memory_swap, *cpu_shares, *cpu_period, *cpu_quota;
	const char *cpuset_cpus, *cpuset_mems, *shm_size, *stop_signal, *restart;
	unsigned stop_timeout_s;
	bool privileged, read_only;
} RunGivenValues;

/* clang-format off */
/* NOLINTBEGIN(bugprone-macro-parentheses): members take none */
#define RUN_GIVEN_LIST(type, list, flag, short_flag, what, said) \
	{ .name = (flag), .letter = (short_flag), .kind = OPTION_LIST, .value = (what), .offset = offsetof(type, list), .help = (said) }
#define RUN_GIVEN_TEXT(type, text, flag, short_flag, what, said) \
	{ .name = (flag), .letter = (short_flag), .kind = OPTION_TEXT, .value = (what), .offset = offsetof(type, text), .help = (said) }
#define RUN_GIVEN_IGNORED(type, list, flag, what, why) \
	{ .name = (flag), .kind = OPTION_IGNORED, .hidden = true, .value = (what), .advice = (why), .help = "Accepted, no effect", .offset = offsetof(type, list) }
#define RUN_GIVEN_REFUSED(flag, why) \
	{ .name = (flag), .kind = OPTION_REFUSED, .help = "", .advice = (why) }

/* For a table of options: TYPE has the RunGivenValues MEMBER. */
#define RUN_GIVEN_OPTIONS(type, member)                                                            \
	RUN_GIVEN_LIST(type, member.hosts, "add-host", 0, "NAME:IP", "A line of /etc/hosts"),      \
	RUN_GIVEN_LIST(type, member.cap_add, "cap-add", 0, "NAME", "A capability beside docker's default ones, or ALL"), \
	RUN_GIVEN_LIST(type, member.cap_drop, "cap-drop", 0, "NAME", "Take a capability away, or ALL"), \
	RUN_GIVEN_TEXT(type, member.cpu_period, "cpu-period", 0, "us", "Period of --cpu-quota"),   \
	RUN_GIVEN_TEXT(type, member.cpu_quota, "cpu-quota", 0, "us", "Time of processors in each period"), \
	RUN_GIVEN_TEXT(type, member.cpu_shares, "cpu-shares", 'c', "N", "Relative weight, 1024 is usual"), \
	RUN_GIVEN_TEXT(type, member.cpus, "cpus", 0, "N", "Processors at most: 1.5"),              \
	RUN_GIVEN_TEXT(type, member.cpuset_cpus, "cpuset-cpus", 0, "LIST", "These processors: 0-3,5"), \
	RUN_GIVEN_TEXT(type, member.cpuset_mems, "cpuset-mems", 0, "LIST", "These nodes of memory"), \
	RUN_GIVEN_LIST(type, member.devices, "device", 0, "HOST[:CONTAINER]", "A device of the host"), \
	RUN_GIVEN_LIST(type, member.dns, "dns", 0, "IP", "Name server instead of the host's"),     \
	RUN_GIVEN_LIST(type, member.dns_options, "dns-option", 0, "WORD", "Option of resolv.conf"), \
	RUN_GIVEN_LIST(type, member.dns_search, "dns-search", 0, "DOMAIN", "Search list of resolv.conf"), \
	RUN_GIVEN_LIST(type, member.env_files, "env-file", 0, "FILE", "Environment, a line each: NAME=VALUE or NAME"), \
	RUN_GIVEN_LIST(type, member.groups, "group-add", 0, "GROUP", "Supplementary group, name or number"), \
	RUN_GIVEN_LIST(type, member.labels, "label", 'l', "NAME=VALUE", "Label of the container"), \
	RUN_GIVEN_LIST(type, member.label_files, "label-file", 0, "FILE", "Labels, a line each"), \
	RUN_GIVEN_TEXT(type, member.memory, "memory", 'm', "bytes", "Memory at most: 512m"),       \
	RUN_GIVEN_TEXT(type, member.memory_swap, "memory-swap", 0, "bytes", "Memory and swap together; -1: any"), \
	RUN_GIVEN_LIST(type, member.mounts, "mount", 0, "type=bind|tmpfs,...", "A mount: type=bind,source=DIR,target=DIR[,readonly] or type=tmpfs,target=DIR"), \
	{ .name = "privileged", .kind = OPTION_FLAG, .offset = offsetof(type, member.privileged), .help = "All rights that this user has, no seccomp filter" }, \
	{ .name = "read-only", .kind = OPTION_FLAG, .offset = offsetof(type, member.read_only), .help = "The root cannot be written to" }, \
	RUN_GIVEN_TEXT(type, member.restart, "restart", 0, "no", "Only 'no': there is no daemon"), \
	RUN_GIVEN_LIST(type, member.security, "security-opt", 0, "WORD", "no-new-privileges or seccomp=unconfined"), \
	RUN_GIVEN_TEXT(type, member.shm_size, "shm-size", 0, "bytes", "Size of /dev/shm (default 64m)"), \
	RUN_GIVEN_TEXT(type, member.stop_signal, "stop-signal", 0, "SIGNAL", "What 'stop' sends first"), \
	{ .name = "stop-timeout", .kind = OPTION_NUMBER, .value = "seconds", .offset = offsetof(type, member.stop_timeout_s), .help = "How long 'stop' waits before it kills" }, \
	RUN_GIVEN_LIST(type, member.tmpfs, "tmpfs", 0, "DIR[:size=N,mode=N]", "A directory in memory"), \
	RUN_GIVEN_LIST(type, member.ulimits, "ulimit", 0, "NAME=SOFT[:HARD]", "A limit, as nofile=1024"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "attach", "list", NULL),                           \
	RUN_GIVEN_IGNORED(type, member.ignored, "cgroupns", "string", NULL),                       \
	RUN_GIVEN_IGNORED(type, member.ignored, "detach-keys", "string", NULL),                    \
	RUN_GIVEN_IGNORED(type, member.ignored, "disable-content-trust", NULL, NULL),              \
	RUN_GIVEN_IGNORED(type, member.ignored, "domainname", "string", "a container has a host name alone"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "expose", "list", NULL),                           \
	RUN_GIVEN_IGNORED(type, member.ignored, "health-cmd", "string", "health is not watched: there is no daemon"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "health-interval", "duration", NULL),              \
	RUN_GIVEN_IGNORED(type, member.ignored, "health-retries", "int", NULL),                    \
	RUN_GIVEN_IGNORED(type, member.ignored, "health-start-period", "duration", NULL),          \
	RUN_GIVEN_IGNORED(type, member.ignored, "health-timeout", "duration", NULL),               \
	RUN_GIVEN_IGNORED(type, member.ignored, "ip", "string", "the network has addresses of its own"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "log-driver", "string", "the log is a file of the store: decant logs"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "log-opt", "list", NULL),                          \
	RUN_GIVEN_IGNORED(type, member.ignored, "memory-reservation", "bytes", "only --memory limits"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "memory-swappiness", "int", NULL),                 \
	RUN_GIVEN_IGNORED(type, member.ignored, "network-alias", "list", "containers do not see each other"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "no-healthcheck", NULL, NULL),                     \
	RUN_GIVEN_IGNORED(type, member.ignored, "oom-score-adj", "int", NULL),                     \
	RUN_GIVEN_IGNORED(type, member.ignored, "pids-limit", "int", "give --ulimit nproc=N"),     \
	RUN_GIVEN_IGNORED(type, member.ignored, "runtime", "string", "containers are started by decant itself"), \
	RUN_GIVEN_IGNORED(type, member.ignored, "sig-proxy", NULL, NULL),                          \
	RUN_GIVEN_IGNORED(type, member.ignored, "volume-driver", "string", NULL),                  \
	RUN_GIVEN_REFUSED("gpus", "name the devices: --device /dev/nvidia0, and mount the driver's libraries"), \
	RUN_GIVEN_REFUSED("ipc", "every container has an IPC namespace of its own"),               \
	RUN_GIVEN_REFUSED("link", "containers do not see each other: publish a port, or give --network host"), \
	RUN_GIVEN_REFUSED("pid", "every container has a process namespace of its own"),            \
	RUN_GIVEN_REFUSED("sysctl", "what the host has set counts"),                               \
	RUN_GIVEN_REFUSED("userns", "who is not root has a user namespace by itself"),             \
	RUN_GIVEN_REFUSED("uts", "every container has a host name of its own"),                    \
	RUN_GIVEN_REFUSED("volumes-from", "name the directories: --volume HOST:CONTAINER")
/* NOLINTEND(bugprone-macro-parentheses) */
/* clang-format on */

/* What they say, added to R; what has no effect is said on stderr. */
NODISCARD Err *cli_run_more(Cli *cli, const RunGivenValues *v, ContainerRequest *r);
