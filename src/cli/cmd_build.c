/* cmd_build.c - the options of `build`: help, manual and completion come from here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include "cli/build_options.h"

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member takes none */
#define STORED(member) .offset = offsetof(BuildValues, member)
/* See build_foreign.def. */
#define REFUSED(flag, instead) \
	{ .name = (flag), .kind = OPTION_REFUSED, .help = "", .advice = (instead) },
#define NO_EFFECT(flag, what, why)    \
	{ .name = (flag),             \
	  .kind = OPTION_IGNORED,     \
	  .value = (what),            \
	  .help = "Taken, no effect", \
	  .advice = (why),            \
	  STORED(without_effect) },

#define ALIAS(flag, of_kind, member, of)                                           \
	{                                                                          \
		.name = (flag), .kind = (of_kind), .hidden = true, STORED(member), \
		.help = "Same as " of                                              \
	}
/* Older spellings of --resource. */
#define RESOURCE(flag, short_form, member)                                                   \
	{                                                                                    \
		.name = (flag), .letter = (short_form), .kind = OPTION_TEXT, .hidden = true, \
		STORED(member), .help = "As --resource"                                      \
	}

static const Option build_options[] = {
	{ .name = "add-host",
	  .kind = OPTION_LIST,
	  STORED(hosts),
	  .help = "Line of /etc/hosts in RUN: NAME:ADDRESS, or NAME:host-gateway" },
	{ .name = "allow",
	  .kind = OPTION_LIST,
	  .choices = "network.host,security.insecure,device," BUILD_ALLOW_DELETE,
	  STORED(allow),
	  .help = "Right that RUN may ask for: network.host, security.insecure, device[=NAME]; or "
	          "buildx.local.delete, for mode=delete of --output" },
	{ .name = "annotation",
	  .kind = OPTION_LIST,
	  STORED(annotations),
	  .choices = "manifest:,index:,manifest-descriptor:,index-descriptor:",
	  .help = "Annotation of the image's manifest: [PLACE[PLATFORM],...:]KEY=VALUE" },
	{ .name = "attest",
	  .kind = OPTION_LIST,
	  .choices = "type=provenance,type=sbom",
	  STORED(attests),
	  .help = "What to say of the image: type=provenance,mode=min|max or type=sbom, with "
	          "form=referrer|index" },
	{ .name = "build-arg",
	  .kind = OPTION_LIST,
	  STORED(build_args),
	  .choices = "ARG",
	  .help = "Value of an ARG: NAME=VALUE, or NAME to take it from the environment" },
	{ .name = "build-arg-file",
	  .kind = OPTION_LIST,
	  .choices = "FILE",
	  STORED(arg_files),
	  .help = "File with values of ARGs, one NAME=VALUE a line; --build-arg goes first" },
	{ .name = "build-context",
	  .kind = OPTION_LIST,
	  .value = "name=value",
	  STORED(contexts),
	  .help = "What FROM NAME and --from=NAME mean: DIR, docker-image://IMAGE, "
	          "oci-layout://DIR, URL" },
	{ .name = "call",
	  .kind = OPTION_TEXT,
	  .choices = "build,check,outline,targets,subrequests.describe",
	  STORED(call),
	  .help = "Say something of the Dockerfile instead of building: check, outline, targets, "
	          "or subrequests.describe, with format=json" },
	{ .name = "print",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(call),
	  .help = "Same as --call" },
	{ .name = "cache",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  .value = "true|false",
	  STORED(cache),
	  .help = "false: same as --no-cache (kaniko)" },
	{ .name = "cache-dir",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(cache_dir),
	  .help = "Refused, with what to use instead (kaniko)" },
	{ .name = "cache-from",
	  .kind = OPTION_LIST,
	  .choices = "type=registry,type=local",
	  STORED(cache_from),
	  .help = "Cache to look into: REF, type=registry,ref=REF or type=local,src=DIR" },
	{ .name = "cache-repo",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(cache_repo),
	  .help = "--cache-from and --cache-to (mode=max) in one (kaniko)" },
	{ .name = "cache-to",
	  .kind = OPTION_LIST,
	  .choices = "type=registry,type=local,type=inline",
	  STORED(cache_to),
	  .help = "Cache to write: REF, type=registry,ref=REF, type=local,dest=DIR, each with "
	          "mode=min|max, or type=inline" },
	{ .name = "cache-ttl",
	  .kind = OPTION_TEXT,
	  .value = "duration",
	  STORED(cache_ttl),
	  .help = "Take no result that is older, as 336h; 0 is --no-cache" },
	{ .name = "check",
	  .kind = OPTION_FLAG,
	  STORED(check),
	  .help = "Check the Dockerfile, build nothing; same as --call=check" },
	{ .name = "durable",
	  .kind = OPTION_FLAG,
	  STORED(durable),
	  .help = "Write the image to disk before it is named: it then survives a power cut" },
	{ .name = "cgroup-parent",
	  .kind = OPTION_TEXT,
	  STORED(cgroup_parent),
	  .help = "Cgroup below which those of RUN are made" },
	{ .name = "explain",
	  .kind = OPTION_FLAG,
	  STORED(explain),
	  .help = "Say of each step that is not in the cache why it is not" },
	{ .name = "fail-on-miss",
	  .kind = OPTION_LIST,
	  .value = "stage",
	  .choices = "STAGE",
	  STORED(hit_stages),
	  .help = "Fail before a step of this stage (a name, a number or *) runs that is not in "
	          "the cache" },
	{ .name = "file",
	  .letter = 'f',
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(file),
	  .help = "Dockerfile (default PATH/Dockerfile), or its URL; - for standard input" },
	{ .name = "ignorefile",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(ignore_file),
	  .help = "Ignore file, in place of the one beside the Dockerfile or in the context" },
	CONNECTION_OPTIONS(BuildValues, connection),
	{ .name = "http-proxy",
	  .kind = OPTION_WORD,
	  .choices = "true,false",
	  STORED(http_proxy),
	  .help = "With =false, RUN does not see the proxies of this environment" },
	{ .name = "iidfile",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(iidfile),
	  .help = "Write the image ID to this file" },
	{ .name = "jobs",
	  .letter = 'j',
	  .kind = OPTION_NUMBER,
	  STORED(jobs),
	  .max = BUILD_JOBS_MAX,
	  .help = "Steps that run at once, up to 256 (default 8, or two a processor)" },
	{ .name = "label",
	  .kind = OPTION_LIST,
	  STORED(labels),
	  .help = "Label of the image: KEY=VALUE" },
	{ .name = "network",
	  .kind = OPTION_TEXT,
	  .choices = "default,none,host",
	  STORED(network),
	  .help = "Network of RUN: default, none or host" },
	{ .name = "no-cache",
	  .kind = OPTION_FLAG,
	  STORED(no_cache),
	  .help = "Run every step again" },
	{ .name = "no-cache-filter",
	  .kind = OPTION_LIST,
	  .value = "stages",
	  STORED(no_cache_filter),
	  .help = "Run every step of these stages again: NAME[,NAME...]" },
	{ .name = "metadata-file",
	  .kind = OPTION_TEXT,
	  .choices = "FILE",
	  STORED(metadata_file),
	  .help = "Write what became of the build to this file, as JSON" },
	{ .name = "output",
	  .letter = 'o',
	  .kind = OPTION_LIST,
	  .choices = "type=oci,type=docker,type=local,type=tar,type=registry,type=image,"
	             "type=cacheonly",
	  STORED(outputs),
	  .help = "Also write the result: DIR, -, or "
	          "type=oci|docker|local|tar|registry|image|cacheonly,KEY=VALUE" },
	{ .name = "omit-history",
	  .kind = OPTION_FLAG,
	  STORED(omit_history),
	  .help = "Leave the history out of the image's config" },
	{ .name = "platform",
	  .kind = OPTION_LIST,
	  .value = "platforms",
	  STORED(platforms),
	  .help = "Platform of the image: os/arch[/variant] (default this machine's); of "
	          "several, with commas, each has an image under the same name" },
	{ .name = "progress",
	  .kind = OPTION_TEXT,
	  .choices = "auto,plain,tty,json,quiet",
	  STORED(progress),
	  .help = "How to show progress: auto, plain, tty, json or quiet" },
	{ .name = "provenance",
	  .kind = OPTION_TEXT,
	  .choices = "true,false,mode=min,mode=max",
	  STORED(provenance),
	  .help = "Same as --attest type=provenance,...: true, false, mode=min or mode=max" },
	{ .name = "pull",
	  .kind = OPTION_WORD,
	  .choices = "always,missing,never,newer",
	  STORED(pull),
	  .help = "Ask the registry for newer base images; =never asks for none, =newer goes on "
	          "without an answer" },
	{ .name = "push",
	  .kind = OPTION_FLAG,
	  STORED(push),
	  .help = "Also send the image to the registries of its names" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  STORED(quiet),
	  .help = "Print only the image ID" },
	{ .name = "resource",
	  .kind = OPTION_LIST,
	  .choices = "memory=,memory-swap=,cpu-shares=,cpu-period=,cpu-quota=,cpuset-cpus=,"
	             "cpuset-mems=",
	  STORED(resources),
	  .help = "Limit of RUN: memory=2g, cpu-quota=50000, cpuset-cpus=0-3 and others" },
	{ .name = "sbom",
	  .kind = OPTION_TEXT,
	  .choices = "true,false",
	  STORED(sbom),
	  .help = "List the packages of the image in SPDX; same as --attest type=sbom" },
	{ .name = "secret",
	  .kind = OPTION_LIST,
	  .choices = "id=",
	  STORED(secrets),
	  .help = "Secret for RUN --mount=type=secret: id=ID,src=FILE or id=ID,env=NAME" },
	{ .name = "shell-on-error",
	  .kind = OPTION_FLAG,
	  STORED(shell_on_error),
	  .help = "When a RUN fails: a shell in its root as it stands, then retry, edit or leave" },
	{ .name = "shm-size",
	  .kind = OPTION_TEXT,
	  .value = "bytes",
	  STORED(shm_size),
	  .help = "Size of /dev/shm in RUN (default 64m)" },
	{ .name = "ssh",
	  .kind = OPTION_LIST,
	  .choices = "default",
	  STORED(ssh),
	  .help = "Agent for RUN --mount=type=ssh: default, ID=SOCKET or ID=KEY[,KEY]" },
	{ .name = "tag",
	  .letter = 't',
	  .kind = OPTION_LIST,
	  .choices = "IMAGE",
	  STORED(tags),
	  .help = "Name of the image: NAME[:TAG]; {target} in it is the stage that is built" },
	{ .name = "target",
	  .kind = OPTION_LIST,
	  .value = "stages",
	  STORED(targets),
	  .choices = "STAGE",
	  .help = "Build this stage (default the last); several, with commas, in one pass" },
	{ .name = "unsetenv",
	  .kind = OPTION_LIST,
	  .value = "name",
	  STORED(unset_env),
	  .help = "Variable that the image does not keep: NAME of ENV, here or in the base image" },
	{ .name = "unsetlabel",
	  .kind = OPTION_LIST,
	  .value = "name",
	  STORED(unset_labels),
	  .help = "Label that the image does not keep" },
	{ .name = "volume",
	  .letter = 'v',
	  .kind = OPTION_REFUSED,
	  .help = "",
	  .advice = "a directory of the host is --build-context NAME=DIR, and RUN "
	            "--mount=from=NAME,target=PATH" },
	{ .name = "load",
	  .kind = OPTION_WORD,
	  .choices = "docker,podman",
	  STORED(load),
	  .help = "Put the image into a docker or podman that runs here as well; without a word: "
	          "into the docker of $DOCKER_HOST if that is set, else it is in the store, as "
	          "always" },
	{ .name = "builder",
	  .kind = OPTION_TEXT,
	  .hidden = true,
	  STORED(builder),
	  .help = "Accepted, no effect" },
	{ .name = "ulimit",
	  .kind = OPTION_LIST,
	  .value = "ulimit",
	  STORED(ulimits),
	  .help = "Limit of processes in RUN: NAME=SOFT[:HARD], as in nofile=1024:4096" },
	RESOURCE("memory", 'm', memory),
	RESOURCE("memory-swap", 0, memory_swap),
	RESOURCE("cpu-shares", 'c', cpu_shares),
	RESOURCE("cpu-period", 0, cpu_period),
	RESOURCE("cpu-quota", 0, cpu_quota),
	RESOURCE("cpuset-cpus", 0, cpuset_cpus),
	RESOURCE("cpuset-mems", 0, cpuset_mems),
	/* other programs' words for what is above */
	ALIAS("dockerfile", OPTION_TEXT, file, "--file"),
	ALIAS("context", OPTION_TEXT, context, "PATH"),
	ALIAS("custom-platform", OPTION_LIST, platforms, "--platform"),
	ALIAS("customPlatform", OPTION_LIST, platforms, "--platform"),
	ALIAS("insecure", OPTION_FLAG, connection.skip_verify, "--tls-verify=false"),
	ALIAS("insecure-pull", OPTION_FLAG, connection.skip_verify, "--tls-verify=false"),
	ALIAS("skip-tls-verify-pull", OPTION_FLAG, connection.skip_verify, "--tls-verify=false"),
	ALIAS("skip-tls-verify-registry", OPTION_LIST, connection.insecure, "--insecure-registry"),
	ALIAS("os", OPTION_TEXT, os, "--platform"),
	ALIAS("arch", OPTION_TEXT, arch, "--platform"),
	ALIAS("variant", OPTION_TEXT, variant, "--platform"),
	ALIAS("pull-always", OPTION_FLAG, pull_always, "--pull"),
	ALIAS("pull-never", OPTION_FLAG, pull_never, "--pull=never"),
	/* of outputs: build_outputs.c */
	{ .name = "destination",
	  .letter = 'd',
	  .kind = OPTION_LIST,
	  .hidden = true,
	  STORED(destinations),
	  .help = "Same as --tag with --push" },
	ALIAS("no-push", OPTION_FLAG, no_push, "no --push"),
	ALIAS("tar-path", OPTION_TEXT, tar_path, "--output type=docker,dest=FILE"),
	ALIAS("tarPath", OPTION_TEXT, tar_path, "--output type=docker,dest=FILE"),
	ALIAS("oci-layout-path", OPTION_TEXT, layout_path, "--output type=oci,tar=false,dest=DIR"),
	ALIAS("compression", OPTION_TEXT, compression, "compression= of --output"),
	ALIAS("compression-format", OPTION_TEXT, compression, "compression= of --output"),
	ALIAS("compression-level", OPTION_TEXT, compression_level,
	      "compression-level= of --output"),
	ALIAS("force-compression", OPTION_FLAG, force_compression,
	      "force-compression= of --output"),
	ALIAS("format", OPTION_TEXT, format, "oci-mediatypes= of --output"),
	ALIAS("iidfile-raw", OPTION_TEXT, iidfile_raw, "--iidfile, without 'sha256:'"),
	ALIAS("digest-file", OPTION_TEXT, digest_file, "containerimage.digest of --metadata-file"),
	ALIAS("image-name-with-digest-file", OPTION_TEXT, name_digest_file,
	      "--digest-file, as NAME@DIGEST"),
	ALIAS("image-name-tag-with-digest-file", OPTION_TEXT, name_tag_digest_file,
	      "--digest-file, as NAME:TAG@DIGEST"),
	ALIAS("source-date-epoch", OPTION_TEXT, source_date_epoch, "--build-arg SOURCE_DATE_EPOCH"),
	ALIAS("reproducible", OPTION_FLAG, reproducible, "SOURCE_DATE_EPOCH=0"),
#include "cli/build_foreign.def"
};

const Command command_build = {
	.name = "build",
	.aliases = "image build,builder build,buildx build,buildx b,bud,build-using-dockerfile",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] PATH | URL | -",
	.help = "Build an image from a Dockerfile",
	.about = "PATH is the build context: the directory that COPY and ADD take files from. "
		 "URL is a git\n"
		 "repository (https://host/x.git#ref:subdir, git@host:x, ssh://, git://, "
		 "github.com/o/r), or what\n"
		 "http or https gives: an archive is the context, any other file the Dockerfile. "
		 "With - standard\n"
		 "input is one of the two. In these -f names a file in the context, and ignore "
		 "files do not count.\n\n"
		 "The environment's SOURCE_DATE_EPOCH is handed to the build: later file times and "
		 "the image's\n"
		 "creation time become it, so that equal inputs give equal images.\n\n"
		 "--output is read as buildx reads it, and may be given several times. DIR is "
		 "type=local,dest=DIR,\n"
		 "- is type=tar,dest=-. Of the image: type=oci, docker, registry, image, with "
		 "name=, "
		 "compression=,\n"
		 "compression-level=, force-compression=, oci-mediatypes=, annotation.KEY=, of the "
		 "first two dest= and\n"
		 "tar=false, of the last two push=, push-by-digest=, registry.insecure=. Of its "
		 "files: "
		 "type=local with\n"
		 "dest=, mode=delete, platform-split=false, and type=tar. type=cacheonly keeps no "
		 "image. An output\n"
		 "that fails stops no other. docs/outputs.md has every key.\n\n"
		 "--shell-on-error opens a shell when a RUN fails, in its root as the command "
		 "left it, with its\n"
		 "environment, mounts and secrets; other steps go on. Its end asks what now: the "
		 "shell again; retry,\n"
		 "the command in the root as it stands (used in this build alone: nothing is "
		 "cached, the image gets\n"
		 "no name, status 1); fresh, the command in a fresh root; edit, the Dockerfile in "
		 "$VISUAL or $EDITOR,\n"
		 "after which the build goes on with what it says; or leave.\n\n"
		 "--check builds nothing. It prints what docker's rules and some of our own find, "
		 "and ends "
		 "with\n"
		 "status 1 if there is a warning or an error. \"# check=skip=RULE\" in the "
		 "Dockerfile "
		 "silences a rule.",
	.options = build_options,
	.option_count = ARRAY_LEN(build_options),
	.values_size = sizeof(BuildValues),
	.arguments_min = 0, /* --context may stand for it */
	.arguments_max = 1,
	.choices = "DIRECTORY",
	.run = build_run_command,
};

const Command command_verify = {
	.name = "verify",
	.group = GROUP_BUILD,
	.synopsis = "[OPTIONS] PATH | URL",
	.help = "Build twice and compare",
	.about =
		"PATH and the options are those of build. The first build may take what is in the "
		"cache; the second\n"
		"makes every step again, later, one at a time on one processor and with another "
		"umask. If both give\n"
		"the same image it says \"reproducible\" and the image ID, status 0; else the "
		"first "
		"step that came\n"
		"out otherwise, the files that differ and in what, status 1. Nothing is named, and "
		"the second build\n"
		"leaves nothing in the cache.\n\n"
		"Times of files are compared, too: without SOURCE_DATE_EPOCH every RUN would "
		"differ, so both builds\n"
		"get the time of the first one if the environment, --build-arg and the Dockerfile "
		"have none.\n\n"
		"Not tried are another day or time zone (the second build has the same clock, a "
		"little later), another\n"
		"machine, another kernel and another answer of the network. Caches of RUN "
		"--mount=type=cache are what\n"
		"the first build left in them.",
	.options = build_options,
	.option_count = ARRAY_LEN(build_options),
	.refuses = VERIFY_REFUSES,
	.values_size = sizeof(BuildValues),
	.arguments_min = 0,
	.arguments_max = 1,
	.choices = "DIRECTORY",
	.run = verify_run_command,
};
