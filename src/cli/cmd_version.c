/* cmd_version.c - which decant this is; under the name docker, in docker's shape. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/formatted.h"
#include "cli/names.h"
#include "codec/json.h"
#include "oci/platform.h"

#include <stdio.h>
#include <sys/utsname.h>

/* Docker's Engine API whose shapes the commands answer in: scripts compare it. */
#define API_VERSION     "1.51"
#define API_VERSION_MIN "1.24"

typedef struct VersionValues {
	const char *format;
} VersionValues;

static const Option version_options[] = {
	{ .name = "format",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "json",
	  .help = "'json' or a Go template, e.g. '{{.Server.Version}}'",
	  .offset = offsetof(VersionValues, format) },
};

typedef struct Facts {
	Str version, os, arch, kernel;
} Facts;

static void write_common(JsonWriter *w, const Facts *f)
{
	json_write_member(w, "Version", f->version);
	json_write_member(w, "ApiVersion", STR(API_VERSION));
	json_write_member(w, "GitCommit", STR(""));
	json_write_member(w, "GoVersion", STR(""));
	json_write_member(w, "Os", f->os);
	json_write_member(w, "Arch", f->arch);
	json_write_member(w, "BuildTime", STR(""));
}

/* There is one program, which is both to who asks as if there were two. */
static Str version_json(Arena *a, const Facts *f)
{
	AUTO_BUF Buf json = BUF_INIT;
	JsonWriter w = { .out = &json };
	json_write_object(&w);
	json_write_key(&w, "Client");
	json_write_object(&w);
	write_common(&w, f);
	json_write_member(&w, "DefaultAPIVersion", STR(API_VERSION));
	json_write_member(&w, "Context", STR("default"));
	json_write_object_end(&w);
	json_write_key(&w, "Server");
	json_write_object(&w);
	json_write_key(&w, "Platform");
	json_write_object(&w);
	json_write_member(&w, "Name", STR("decant"));
	json_write_object_end(&w);
	json_write_key(&w, "Components");
	json_write_array(&w);
	json_write_object(&w);
	json_write_member(&w, "Name", STR("Engine"));
	json_write_member(&w, "Version", f->version);
	json_write_key(&w, "Details");
	json_write_object(&w);
	json_write_member(&w, "ApiVersion", STR(API_VERSION));
	json_write_member(&w, "Arch", f->arch);
	json_write_member(&w, "Experimental", STR("false"));
	json_write_member(&w, "KernelVersion", f->kernel);
	json_write_member(&w, "MinAPIVersion", STR(API_VERSION_MIN));
	json_write_member(&w, "Os", f->os);
	json_write_object_end(&w);
	json_write_object_end(&w);
	json_write_array_end(&w);
	write_common(&w, f);
	json_write_member(&w, "MinAPIVersion", STR(API_VERSION_MIN));
	json_write_member(&w, "KernelVersion", f->kernel);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return arena_str(a, buf_str(&json));
}

static void print_as_docker(const Facts *f)
{
	printf("Client: decant\n"
	       " Version:           %s\n"
	       " API version:       " API_VERSION "\n"
	       " OS/Arch:           %.*s/%.*s\n"
	       " Context:           default\n"
	       "\n"
	       "Server: decant (no daemon: the same program)\n"
	       " Engine:\n"
	       "  Version:          %s\n"
	       "  API version:      " API_VERSION " (minimum version " API_VERSION_MIN ")\n"
	       "  OS/Arch:          %.*s/%.*s\n"
	       "  Experimental:     false\n",
	       f->version.ptr, STR_ARG(f->os), STR_ARG(f->arch), f->version.ptr, STR_ARG(f->os),
	       STR_ARG(f->arch));
}

static const char *const version_maps[] = { "Details", NULL };
static const char *const version_optional[] = { "BuildTime", "Experimental", "GitCommit",
	                                        "GoVersion", NULL };
static const TemplateShape version_shape = { .type = "version",
	                                     .maps = version_maps,
	                                     .optional = version_optional };

static Err *run_version(Cli *cli, const void *values, const Arguments *args)
{
	(void)args;
	const VersionValues *v = values;
	struct utsname u;
	if (uname(&u) < 0)
		return err_sys(errno, "cannot ask for the kernel's version");
	Platform host = platform_host();
	Facts f = { STR(DECANT_VERSION), host.os, host.arch, str_from(u.release) };
	if (v->format && *v->format)
		return formatted_print(cli->arena, v->format, &version_shape,
		                       version_json(cli->arena, &f));
	if (cli->program->docker_statuses)
		print_as_docker(&f);
	else
		printf("decant version %s\n", DECANT_VERSION);
	return NULL;
}

const Command command_version = {
	.name = "version",
	.group = GROUP_OTHER,
	.synopsis = "[OPTIONS]",
	.help = "Print the version",
	.options = version_options,
	.option_count = ARRAY_LEN(version_options),
	.values_size = sizeof(VersionValues),
	.run = run_version,
};
