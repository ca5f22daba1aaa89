/*
 * resource.h - objects of a project as commands name and show them.
 *
 * WHAT     TYPE/NAME or TYPE NAME, with the short and long names of oc: bc, build, is, istag.
 * TABLES   kubectl's: columns left aligned, three blanks between them, none narrower than six
 */
/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/command.h"
#include "project/project.h"

typedef enum ResourceKind {
	RESOURCE_BUILD_CONFIG = PROJECT_BUILD_CONFIG,
	RESOURCE_BUILD = PROJECT_BUILD,
	RESOURCE_STREAM = PROJECT_STREAM,
	RESOURCE_STREAM_TAG
} ResourceKind;

typedef struct Resource {
	ResourceKind kind;
	Str name; /* "" all */
} Resource;

/* Options that these commands share. */
#define RESOURCE_NAMESPACE(type, member)                                                     \
	{                                                                                    \
		.name = "namespace", .letter = 'n', .kind = OPTION_TEXT, .value = "project", \
		.offset = offsetof(type, member),                                            \
		.help = "Project (default the one that 'project' chose)"                     \
	}

/* The project of -n, or the chosen one; one that was named must be there. */
NODISCARD Err *cli_project(Cli *cli, const char *name, Project *ret);
/* False: no such type. */
bool resource_kind(Str word, ResourceKind *ret);
/* Does WORD begin with a type and '/'? */
bool resource_is(const char *word);
/* All that ARGS name: "bc", "bc a b", "bc/a is/b". */
NODISCARD Err *resource_read(Cli *cli, const Arguments *args, Resource **ret, size_t *ret_count);
const char *resource_one(ResourceKind kind); /* "build.build.openshift.io" */
/* "NAME" or "bc/NAME" alone: a name of KIND. */
NODISCARD Err *resource_name(Cli *cli, const char *word, ResourceKind kind, Str *ret);

/* LINES of cells with tabs between them. */
void resource_print_table(const Str *lines, size_t count);
/* "2m5s" */
Str resource_duration(Arena *a, int64_t ns);
/* JSON as -o says: "json", "yaml". */
NODISCARD Err *object_print(Cli *cli, Str json, const char *format);

/* What a build that nobody runs any more is, it is written so. */
NODISCARD Err *resource_settle(const Project *p, Build *builds, size_t count);

/* --- follow.c --------------------------------------------------------------------------------- */
/* The log of BUILD; FOLLOW: until it ends. */
NODISCARD Err *build_log_print(const Project *p, Str build, bool follow, const Cancel *cancel);
/* "bc/x", "build/x-1" or a build's name. VERSION NULL: the newest. */
NODISCARD Err *build_log_find(Cli *cli, const Project *p, const char *word, const char *version,
                              Str *ret);
/* Until BUILD is over; *ret as it is then. */
NODISCARD Err *build_wait_over(const Project *p, Str build, const Cancel *cancel, Build *ret);
