/* cmd_info.c - where things are, and what this machine and user can do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "base/parallel.h"
#include "cli/formatted.h"
#include "cli/inspect.h"
#include "cli/listing.h"
#include "cli/names.h"
#include "codec/json.h"
#include "exec/container.h"
#include "oci/platform.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

typedef struct InfoValues {
	const char *format;
} InfoValues;

static const Option info_options[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "'json' or a Go template, e.g. '{{.DockerRootDir}}', in docker's words",
	  .offset = offsetof(InfoValues, format) },
};

typedef struct Facts {
	size_t containers, running, images, names;
	const char *root; /* NULL: there is no store yet */
	struct utsname machine;
	uint64_t memory;
	Str system; /* "Debian GNU/Linux 12 (bookworm)" */
	Platform platform;
	SandboxDisk disk; /* of the store */
} Facts;

/* PRETTY_NAME of os-release(5). */
static Str read_system(Arena *a)
{
	char line[512];
	Str name = STR("linux");
	FILE *f = fopen("/etc/os-release", "re");
	while (f && fgets(line, sizeof line, f)) {
		Str text = str_trim(str_from(line));
		if (!str_starts(text, STR("PRETTY_NAME=")))
			continue;
		text = str_from_at(text, strlen("PRETTY_NAME="));
		if (text.len > 1 && text.ptr[0] == '"')
			text = str_head(str_from_at(text, 1), text.len - 2);
		name = arena_str(a, text);
	}
	if (f)
		(void)fclose(f); /* only read */
	return name;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(Digest)); /* any order that brings equal ones together */
}

/* Images by their IDs: several names may be one. */
static size_t count_images(const StoreRef *refs, size_t count)
{
	AUTO_FREE Digest *ids = xcalloc(count + 1, sizeof *ids);
	size_t images = 0;
	for (size_t i = 0; i < count; i++)
		ids[i] = refs[i].config;
	qsort(ids, count, sizeof *ids, by_bytes);
	for (size_t i = 0; i < count; i++)
		images += i == 0 || !digest_eq(&ids[i], &ids[i - 1]);
	return images;
}

static void learn_disk(Store *s, SandboxDisk *disk)
{
	int fd = -1;
	Err *e = store_tmp_fd(s, &fd);
	if (e)
		snprintf(disk->reason, sizeof disk->reason, "%.*s", STR_ARG(err_cause(e)));
	else
		sandbox_disk(fd, disk);
	err_free(e); /* a store that can only be read */
}

static Err *learn(Cli *cli, Facts *f)
{
	Store *s = NULL;
	StoreRef *refs = NULL;
	Container *all = NULL;
	struct sysinfo memory;
	*f = (Facts){ .platform = platform_host(), .system = read_system(cli->arena) };
	TRY(cli_store_existing(cli, &s));
	if (s) {
		f->root = store_path(s);
		TRY(store_ref_list(s, cli->arena, &refs, &f->names));
		f->images = count_images(refs, f->names);
		TRY(container_list(s, cli->arena, &all, &f->containers));
		learn_disk(s, &f->disk);
	}
	for (size_t i = 0; all && i < f->containers; i++)
		f->running += all[i].running;
	if (uname(&f->machine) < 0)
		return err_sys(errno, "cannot ask for the kernel's version");
	if (sysinfo(&memory) == 0)
		f->memory = (uint64_t)memory.totalram * memory.mem_unit;
	return NULL;
}

static void number_member(JsonWriter *w, const char *key, uint64_t value)
{
	json_write_key(w, key);
	json_write_int(w, (int64_t)value);
}

static void bool_member(JsonWriter *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}

static void list_member(JsonWriter *w, const char *key, const char *const *list, size_t count)
{
	json_write_key(w, key);
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		json_write_str(w, str_from(list[i]));
	json_write_array_end(w);
}

static void write_numbers(const Facts *f, JsonWriter *w)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "Containers", f->containers },
		{ "ContainersRunning", f->running },
		{ "ContainersPaused", 0 },
		{ "ContainersStopped", f->containers - f->running },
		{ "Images", f->images },
		{ "NCPU", parallel_cores() },
		{ "MemTotal", f->memory },
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		number_member(w, numbers[i].key, numbers[i].value);
}

/* [["Backing Filesystem", "ext4"], ...] */
static void write_driver_status(const Facts *f, JsonWriter *w)
{
	const SandboxDisk *d = &f->disk;
	const char *const pairs[][2] = {
		{ "Backing Filesystem", d->type[0] ? d->type : "unknown" },
		{ "Mountable", d->overlay ? "true" : "false" },
		{ "Reflinks", d->reflinks ? "true" : "false" },
		{ "userxattr", d->userxattr ? "true" : "false" },
	};
	json_write_key(w, "DriverStatus");
	json_write_array(w);
	for (size_t i = 0; f->root && i < ARRAY_LEN(pairs); i++) {
		json_write_array(w);
		json_write_str(w, str_from(pairs[i][0]));
		json_write_str(w, str_from(pairs[i][1]));
		json_write_array_end(w);
	}
	json_write_array_end(w);
}

static Str info_json(Arena *a, const Facts *f)
{
	static const char *const rootless[] = { "name=seccomp,profile=builtin", "name=rootless" };
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_member(&w, "ID", STR("decant"));
	write_numbers(f, &w);
	json_write_member(&w, "Driver", STR(CLI_STORAGE_DRIVER));
	write_driver_status(f, &w);
	json_write_member(&w, "DockerRootDir", str_from(f->root ? f->root : ""));
	json_write_member(&w, "LoggingDriver", STR("json-file"));
	json_write_member(&w, "CgroupDriver", STR("cgroupfs"));
	json_write_member(&w, "CgroupVersion",
	                  access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? STR("2")
	                                                                         : STR("1"));
	json_write_member(&w, "KernelVersion", str_from(f->machine.release));
	json_write_member(&w, "OperatingSystem", f->system);
	json_write_member(&w, "OSType", f->platform.os);
	json_write_member(&w, "Architecture", str_from(f->machine.machine));
	json_write_member(&w, "IndexServerAddress", STR("https://index.docker.io/v1/"));
	json_write_member(&w, "Name", str_from(f->machine.nodename));
	list_member(&w, "Labels", NULL, 0);
	list_member(&w, "SecurityOptions", rootless, sandbox_rung() == SANDBOX_ROOT ? 1 : 2);
	list_member(&w, "Warnings", NULL, 0);
	json_write_member(&w, "ServerVersion", STR(DECANT_VERSION));
	json_write_member(&w, "DefaultRuntime", STR("decant"));
	bool_member(&w, "Debug", false);
	bool_member(&w, "ExperimentalBuild", false);
	bool_member(&w, "LiveRestoreEnabled", false);
	json_write_key(&w, "Swarm");
	json_write_object(&w);
	json_write_member(&w, "LocalNodeState", STR("inactive"));
	json_write_object_end(&w);
	json_write_key(&w, "ClientInfo");
	json_write_object(&w);
	json_write_member(&w, "Version", STR(DECANT_VERSION));
	json_write_member(&w, "Context", STR("default"));
	json_write_member(&w, "Os", f->platform.os);
	json_write_member(&w, "Arch", f->platform.arch);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static void print_as_docker(Arena *a, const Facts *f)
{
	printf("Client: decant\n"
	       " Version:    %s\n"
	       " Context:    default\n"
	       " Debug Mode: false\n"
	       "\n"
	       "Server: decant (no daemon: the same program)\n",
	       DECANT_VERSION);
	printf(" Containers: %zu\n  Running: %zu\n  Paused: 0\n  Stopped: %zu\n", f->containers,
	       f->running, f->containers - f->running);
	printf(" Images: %zu\n"
	       " Server Version: %s\n"
	       " Storage Driver: " CLI_STORAGE_DRIVER "\n"
	       " Logging Driver: json-file\n"
	       " Swarm: inactive\n"
	       " Default Runtime: decant\n"
	       " Security Options:\n"
	       "  seccomp\n"
	       "   Profile: builtin\n%s",
	       f->images, DECANT_VERSION, sandbox_rung() == SANDBOX_ROOT ? "" : "  rootless\n");
	printf(" Kernel Version: %s\n Operating System: %.*s\n OSType: %.*s\n", f->machine.release,
	       STR_ARG(f->system), STR_ARG(f->platform.os));
	printf(" Architecture: %s\n CPUs: %u\n Total Memory: %s\n Name: %s\n", f->machine.machine,
	       parallel_cores(), cli_size_binary(a, f->memory).ptr, f->machine.nodename);
	printf(" Docker Root Dir: %s\n Debug Mode: false\n Experimental: false\n",
	       f->root ? f->root : "none yet");
}

static void describe_disk(const SandboxDisk *d, Buf *out)
{
	buf_addf(out, "store's file system: %s, reflinks: %s\n", d->type[0] ? d->type : "not known",
	         d->reflinks ? "yes" : "no");
	buf_addf(out, "overlay on it: %s\n",
	         !d->overlay    ? d->reason
	         : d->userxattr ? "can be mounted (userxattr)"
	                        : "can be mounted");
}

static void print_abilities(Arena *a, const Facts *f, const Store *s)
{
	struct statvfs fs;
	printf("Version:          %s\n", DECANT_VERSION);
	printf("Store:            %s\n", f->root ? f->root : "none yet");
	if (s && fstatvfs(store_dir_fd(s), &fs) == 0)
		printf("Free space:       %s\n",
		       cli_size(a, (uint64_t)fs.f_bavail * fs.f_frsize).ptr);
	printf("Names of images:  %zu\n", f->names);
	printf("Platform:         %s\n", platform_text(a, &f->platform).ptr);
	printf("Processors:       %u\n", parallel_cores());
	AUTO_BUF Buf abilities = BUF_INIT;
	sandbox_describe(&abilities);
	if (s)
		describe_disk(&f->disk, &abilities);
	printf("%.*s", STR_ARG(buf_str(&abilities)));
}

/* Of docker's, about a daemon that there is none of. */
static const char *const info_optional[] = { "BridgeNfIp6tables",
	                                     "BridgeNfIptables",
	                                     "CDISpecDirs",
	                                     "CPUSet",
	                                     "CPUShares",
	                                     "CgroupDriver",
	                                     "CgroupVersion",
	                                     "Cluster",
	                                     "ClusterAdvertise",
	                                     "ClusterStore",
	                                     "Containerd",
	                                     "ContainerdCommit",
	                                     "ControlAvailable",
	                                     "CpuCfsPeriod",
	                                     "CpuCfsQuota",
	                                     "DefaultAddressPools",
	                                     "DiscoveredDevices",
	                                     "DriverStatus",
	                                     "Error",
	                                     "Errors",
	                                     "FirewallBackend",
	                                     "GenericResources",
	                                     "HttpProxy",
	                                     "HttpsProxy",
	                                     "IPv4Forwarding",
	                                     "InitBinary",
	                                     "InitCommit",
	                                     "Isolation",
	                                     "KernelMemory",
	                                     "KernelMemoryTCP",
	                                     "Managers",
	                                     "MemoryLimit",
	                                     "NEventsListener",
	                                     "NFd",
	                                     "NGoroutines",
	                                     "NoProxy",
	                                     "NodeAddr",
	                                     "NodeID",
	                                     "Nodes",
	                                     "OSVersion",
	                                     "OomKillDisable",
	                                     "PidsLimit",
	                                     "Plugins",
	                                     "ProductLicense",
	                                     "RegistryConfig",
	                                     "RemoteManagers",
	                                     "RuncCommit",
	                                     "Runtimes",
	                                     "SwapLimit",
	                                     "SystemStatus",
	                                     "SystemTime",
	                                     "Warnings",
	                                     NULL };
static const char *const info_maps[] = { "Runtimes", NULL };
static const TemplateShape info_shape = { .type = "info",
	                                  .maps = info_maps,
	                                  .optional = info_optional };

static Err *run_info(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const InfoValues *v = values;
	Facts f;
	TRY(learn(cli, &f));
	if (v->format && *v->format)
		return formatted_print(cli->arena, v->format, &info_shape,
		                       info_json(cli->arena, &f));
	if (cli->program->docker_statuses)
		print_as_docker(cli->arena, &f);
	else
		print_abilities(cli->arena, &f, cli->store);
	return NULL;
}

const Command command_info = {
	.name = "info",
	.aliases = "system info",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Show the store, and what this machine and user can do",
	.options = info_options,
	.option_count = ARRAY_LEN(info_options),
	.values_size = sizeof(InfoValues),
	.run = run_info,
};
