/*
 * build_options.h - what the options of `build` fill, and what is made of it.
 *
 * A new option: its member here, its entry in cmd_build.c (by name), and what it means in
 * build_request.c, or in a file of its own that build_request_make() calls.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "cli/connection.h"
#include "exec/build.h"

typedef struct BuildValues {
	OptionList tags, build_args, labels, outputs, contexts;
	OptionList attests;
	const char *provenance, *sbom;
	OptionList arg_files, no_cache_filter, targets, platforms;
	const char *file, *progress, *iidfile, *network, *builder, *call;
	const char *ignore_file;
	const char *pull;    /* always, missing, never, newer; true and false are the first two */
	const char *context; /* instead of the argument */
	const char *os, *arch, *variant;
	bool pull_always, pull_never, reproducible, omit_history;
	OptionList unset_env, unset_labels;
	bool shell_on_error;
	OptionList hit_stages;
	bool explain;
	const char *load; /* docker, podman: there as well; true: $DOCKER_HOST's, if it is set */
	bool check, no_cache, push, quiet, durable;
	/* where it goes: build_outputs.c, build_metadata.c */
	OptionList annotations, destinations;
	bool no_push, force_compression;
	const char *tar_path, *layout_path, *compression, *compression_level, *format;
	const char *metadata_file, *iidfile_raw;
	const char *digest_file, *name_digest_file, *name_tag_digest_file;
	const char *source_date_epoch;
	ConnectionValues connection;
	const char *http_proxy;    /* false: RUN has no proxy of the environment */
	OptionList without_effect; /* what was given and does nothing, in words */
	unsigned jobs;
	/* caches elsewhere: build_cache.c */
	OptionList cache_from, cache_to;
	const char *cache, *cache_repo, *cache_ttl, *cache_dir;
	/* what RUN is given: build_given.c, build_limits.c */
	OptionList secrets, ssh, hosts, allow, ulimits, resources;
	const char *shm_size, *cgroup_parent;
	const char *memory, *memory_swap, *cpu_shares, *cpu_period, *cpu_quota;
	const char *cpuset_cpus, *cpuset_mems;
} BuildValues;

/* --allow for mode=delete of --output */
#define BUILD_ALLOW_DELETE "buildx.local.delete"

/* R from the command line; what lies in files and in the store is still to be set.  Mistakes are
 * ERR_INPUT, with cli->usage_error. */
NODISCARD Err *build_request_make(Cli *cli, const BuildValues *v, BuildRequest *r);
/* Of it: what RUN is given, and may use. */
NODISCARD Err *build_given_make(Cli *cli, const BuildValues *v, BuildRun *run);
NODISCARD Err *build_limits_make(Cli *cli, const BuildValues *v, BuildRun *run);
/* Of the command line: what the build is to say of its images. */
NODISCARD Err *build_attest_make(Cli *cli, const BuildValues *v, AttestSpec *ret);
/* Is a local context's repository asked for its commit? */
bool build_attest_asks_git(const AttestSpec *spec);
/* The command itself. */
NODISCARD Err *build_run_command(Cli *cli, const void *values, const Arguments *args);
/* `verify`, which has the same options but these. */
#define VERIFY_REFUSES \
	"cache-to,call,check,destination,iidfile,metadata-file,output,push,shell-on-error"
NODISCARD Err *verify_run_command(Cli *cli, const void *values, const Arguments *args);
